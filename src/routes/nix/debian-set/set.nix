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
{ debian, system, config ? { }, overlays ? [ ] }:
let
  lib = import ./lib.nix;

  # Overlays extend what recipes see; the set itself goes by what is below.
  extended = overlays: lib.fix (lib.extends (lib.composeManyExtensions overlays) (final: pkgs // {
    callPackage = lib.callPackageWith final;
    callPackages = lib.callPackageWith final;
    newScope = scope: lib.callPackageWith (final // scope);
    extend = overlay: extended (overlays ++ [ overlay ]);
    appendOverlays = more: extended (overlays ++ more);
    pkgs = final;
    buildPackages = final;
    pkgsBuildBuild = final;
    pkgsBuildHost = final;
    pkgsBuildTarget = final;
    pkgsHostHost = final;
    pkgsHostTarget = final;
    targetPackages = final;
    inherit overlays;
  }));

  pkgs = debian.packages fromDebian // special;

  environments = import ./environment.nix { inherit lib debian system; inherit (trivial) sandboxed; };
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
          mainProgram = mainPrograms.${record.name} or record.name;
        };
      };
    };

  # Where Debian's program is not called like its package.
  mainPrograms = {
    busybox-static = "busybox";
    coreutils = "ls";
    git-lfs = "git-lfs";
    gnupg = "gpg";
    graphviz = "dot";
    imagemagick = "convert";
    nodejs = "node";
    procps = "ps";
    redis = "redis-server";
    ripgrep = "rg";
  };

  python = import ./python.nix { inherit lib debian debianEnvironment; inherit (trivial) linkFarm; };
  postgresql = import ./postgresql.nix { inherit lib debian debianEnvironment; };
  php = import ./php.nix {
    inherit lib debian debianEnvironment;
    inherit (trivial) writeTextDir linkFarm;
    ofVersion = aliases;
  };
  modules = import ./modules.nix { inherit lib debian debianEnvironment; ofVersion = aliases; };
  trivial = import ./trivial.nix { inherit lib system pkgs debianEnvironment environments; };
  standard = import ./stdenv.nix { inherit lib debian system trivial debianEnvironment environments; };
  dockerTools = import ./docker-tools.nix { inherit lib debian system pkgs environments trivial; };
  fetchers = import ./fetchers.nix { inherit lib; };
  aliases = import ./aliases.nix { inherit lib debian debianEnvironment; inherit (trivial) linkFarm; inherit (standard) librariesOf; inherit (python) python3; };

  # Certificates under nixpkgs' names for them, too.
  cacert = debianEnvironment {
    name = "ca-certificates-${lib.storeName (debian.record "ca-certificates").version}";
    packages = [ "ca-certificates" ];
    paths = [
      (trivial.linkFarm "ca-bundle" (map
        (name: { inherit name; path = "/etc/ssl/certs/ca-certificates.crt"; })
        [ "etc/ssl/certs/ca-bundle.crt" "etc/pki/tls/certs/ca-bundle.crt" ]))
    ];
    passthru = { pname = "cacert"; inherit (debian.record "ca-certificates") version; };
  };

  # With the files that configurations include from nixpkgs' `conf`.
  nginx = debianEnvironment {
    name = "nginx-${lib.storeName (debian.record "nginx").version}";
    packages = [ "nginx" ];
    paths = [
      (trivial.linkFarm "nginx-conf" (map
        (name: { name = "conf/${name}"; path = "/etc/nginx/${name}"; })
        [ "fastcgi.conf" "fastcgi_params" "mime.types" "scgi_params" "uwsgi_params" ]))
    ];
    passthru = { pname = "nginx"; inherit (debian.record "nginx") version; meta.mainProgram = "nginx"; };
  };

  # With a link for each of its programs, as nixpkgs has it.
  busybox = debianEnvironment {
    name = "busybox-${lib.storeName (debian.record "busybox").version}";
    packages = [ "busybox" ];
    paths = [
      (trivial.runCommand "busybox-links" { nativeBuildInputs = [ (fromDebian "busybox") ]; } ''
        mkdir -p "$out/bin"
        for name in $(/usr/bin/busybox --list); do
          if [ "$name" != busybox ]; then ln -s /usr/bin/busybox "$out/bin/$name"; fi
        done
      '')
    ];
    passthru = { pname = "busybox"; inherit (debian.record "busybox") version; meta.mainProgram = "busybox"; };
  };

  # Programs that nixpkgs makes of shell functions; here setup.sh has them for every command.
  hook = name: debianEnvironment { inherit name; packages = [ "bash" ]; };

  special = aliases // postgresql // php // modules // fetchers // {
    inherit lib system dockerTools buildEnv symlinkJoin config cacert busybox nginx;
    inherit (dockerTools) fakeNss;
    inherit (trivial)
      writeText writeTextFile writeTextDir writeScript writeScriptBin writeShellScript writeShellScriptBin writeShellApplication
      runCommand runCommandLocal runCommandCC runCommandNoCC runCommandNoCCLocal runCommandWith linkFarm linkFarmFromDrvs
      emptyDirectory emptyFile concatText concatTextFile concatScript runtimeShell runtimeShellPackage closureInfo formats
      makeFontsConf writers replaceVars replaceVarsWith substituteAll substitute applyPatches srcOnly;
    inherit (standard) stdenv stdenvNoCC;
    gcc = standard.cc;
    gcc-unwrapped = standard.cc.cc;
    libgcc = standard.cc.cc.lib;
    inherit (standard.stdenv) hostPlatform buildPlatform targetPlatform;
    inherit (python) python3 python3Packages python;
    pythonPackages = python.python3Packages;
    makeWrapper = hook "make-wrapper";
    makeBinaryWrapper = hook "make-wrapper";
    makeShellWrapper = hook "make-wrapper";
    installShellFiles = hook "install-shell-files";
    # Programs of Debian find their libraries where they are.
    autoPatchelfHook = hook "auto-patchelf";
    inherit (lib) hiPrio lowPrio makeOverridable recurseIntoAttrs;
    path = ./.;
    # Where a flake wants to know what it got.
    debianSuite = debian.suite;
    debianTimestamp = debian.timestamp;
  };
in
extended overlays
