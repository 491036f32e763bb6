# `import nixpkgs { system = …; }`, as older recipes say it. Overlays see and extend the set as nixpkgs' do.
{ system ? localSystem.system or builtins.currentSystem or (throw "import nixpkgs: which system is not known in a flake; write import nixpkgs { system = \"x86_64-linux\"; }")
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
