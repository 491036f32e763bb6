# `import nixpkgs { system = …; }`, as older recipes say it. Overlays see and extend the set as nixpkgs' do.
{ system ? builtins.currentSystem
, overlays ? [ ]
, ...
}:
let
  extend = set: overlay: let final = set // overlay final set; in final;
in
builtins.foldl' extend
  (import ./set.nix { inherit system; debian = builtins.trimaranDebian { source = ./.; inherit system; }; })
  overlays
