# The Debian package set, as a flake that asks for nixpkgs sees it.
#
# `debian` is what Trimaran knows of one release and one architecture:
#   names          every package name
#   pythonNames    every Python distribution name, normalised
#   record NAME    { name, version, architecture, path, size, sha256, description, homepage } of one package
#   resolve NAMES  the records of NAMES and of all they depend on, in installation order
#   resolveNative NAMES   the same for the machine that builds
#   pythonPackage NAME   the Debian package that ships a Python distribution, or null
#   packages, pythonPackages   functions from (NAME → value) to an attribute set over all names
#   suite, timestamp, architecture
# Everything else is said here.
{ debian, system }:
let
  lib = import ./lib.nix;

  pkgs = debian.packages fromDebian // special;

  environments = import ./environment.nix { inherit lib debian system; };
  inherit (environments) debianEnvironment buildEnv symlinkJoin;

  # One Debian package together with all it depends on, rooted at /.
  fromDebian = name:
    let record = debian.record name;
    in debianEnvironment {
      name = "${record.name}-${lib.storeName record.version}";
      packages = [ record.name ];
      passthru = {
        pname = record.name;
        inherit (record) version;
        meta = {
          inherit (record) description homepage;
          mainProgram = record.name;
        };
      };
    };

  python = import ./python.nix { inherit lib debian debianEnvironment; };
  postgresql = import ./postgresql.nix { inherit lib debian debianEnvironment; };
  trivial = import ./trivial.nix { inherit lib system pkgs debianEnvironment environments; };
  dockerTools = import ./docker-tools.nix { inherit lib debian system pkgs environments trivial; };

  special = {
    inherit lib system dockerTools buildEnv symlinkJoin;
    inherit (trivial)
      writeText writeTextFile writeTextDir writeScript writeScriptBin writeShellScript writeShellScriptBin
      runCommand runCommandLocal runCommandCC linkFarm emptyDirectory emptyFile concatText stdenv stdenvNoCC;
    inherit (python) python3 python3Packages python;
    inherit (postgresql) postgresql;
    "${postgresql.attribute}" = postgresql.postgresql;
    cacert = fromDebian "ca-certificates";
    callPackage = lib.callPackageWith pkgs;
    # Where a flake wants to know what it got.
    debianSuite = debian.suite;
    debianTimestamp = debian.timestamp;
  };
in
pkgs
