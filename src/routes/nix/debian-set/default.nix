# `import nixpkgs { system = …; }`, as older recipes say it. Overlays see and extend the set as nixpkgs' do.
{ system ? localSystem.system or builtins.currentSystem
, localSystem ? { }
, overlays ? [ ]
, config ? { }
, ...
}:
let
  release = builtins.fromJSON (builtins.readFile ./release.json);
  debian = builtins.trimaranDebian (release // { inherit system; });
in
import ./set.nix { inherit system debian overlays config; }
