# `import nixpkgs { system = …; }`, as older recipes say it. Overlays see and extend the set as nixpkgs' do.
{ system ? builtins.currentSystem
, overlays ? [ ]
, ...
}:
let
  release = builtins.fromJSON (builtins.readFile ./release.json);
  debian = builtins.trimaranDebian (release // { inherit system; });
  extend = set: overlay: let final = set // overlay final set; in final;
in
builtins.foldl' extend (import ./set.nix { inherit system debian; }) overlays
