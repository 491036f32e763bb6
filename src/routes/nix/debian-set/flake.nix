{
  description = "The Debian package set";

  outputs = { self }:
    let systems = [ "x86_64-linux" "aarch64-linux" ];
    in {
      lib = import ./lib.nix;
      legacyPackages = builtins.listToAttrs
        (map (system: { name = system; value = import ./. { inherit system; }; }) systems);
    };
}
