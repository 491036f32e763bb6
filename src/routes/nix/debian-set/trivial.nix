# Files and small commands: writeText and its kin, runCommand, linkFarm.
{ lib, system, pkgs, debianEnvironment, environments }:
let
  # The tools that a build script may expect, as Nix's stdenv promises them.
  stdenvPackages = [
    "bash" "coreutils" "findutils" "diffutils" "sed" "grep" "gawk" "tar" "gzip" "bzip2" "xz-utils" "patch" "file"
  ];

  writeTextFile = given:
    let
      arguments = lib.checkArguments "writeTextFile"
        {
          required = [ "name" "text" ];
          allowed = [ "name" "text" "executable" "destination" "checkPhase" "meta" "passthru" "allowSubstitutes" "preferLocalBuild" "derivationArgs" ];
        }
        given;
      checked = if arguments.checkPhase or "" != "" then throw "writeTextFile: 'checkPhase' is not supported on the Debian package set; check the text in a runCommand" else arguments;
      drv = derivation {
        inherit (checked) name text;
        system = "builtin";
        builder = "builtin:write-file";
        executable = checked.executable or false;
        destination = checked.destination or "";
      };
    in
    drv // { meta = checked.meta or { }; } // (checked.passthru or { });

  runtimeShell = "${pkgs.bash}/bin/bash";

  buildTools = debianEnvironment { name = "build-tools"; packages = stdenvPackages; };

  runCommand = name: environment: script:
    let
      inputs = lib.flatten ((environment.nativeBuildInputs or [ ]) ++ (environment.buildInputs or [ ]));
      tools = debianEnvironment {
        name = "${name}-tools";
        packages = stdenvPackages ++ lib.concatMap environments.packagesOf inputs;
        pythonByteCode = false;
      };
      plain = lib.concatMap environments.pathsOf inputs;
      attributes = removeAttrs environment
        [ "nativeBuildInputs" "buildInputs" "meta" "passthru" "allowSubstitutes" "preferLocalBuild" ];
      drv = derivation (attributes // {
        inherit name system tools;
        builder = "/bin/bash";
        args = [ "-e" "-o" "pipefail" "-c" ". \"$buildCommandPath\"" ];
        buildCommand = script;
        passAsFile = [ "buildCommand" ] ++ (attributes.passAsFile or [ ]);
        PATH = lib.concatStringsSep ":" (map (path: "${path}/bin") plain ++ [ "/usr/bin" "/usr/sbin" ]);
      });
    in
    drv // { meta = environment.meta or { }; } // (environment.passthru or { });

  linkFarm = name: entries:
    let
      list = if lib.isAttrs entries then lib.mapAttrsToList (name: path: { inherit name path; }) entries else entries;
    in
    derivation {
      __structuredAttrs = true;
      inherit name;
      system = "builtin";
      builder = "builtin:link-farm";
      entries = map (entry: { inherit (entry) name; target = "${entry.path}"; }) list;
    };
in
rec {
  inherit writeTextFile runCommand linkFarm runtimeShell buildTools;
  runCommandLocal = runCommand;
  runCommandCC = name: _: _: throw "runCommandCC: the Debian package set brings no compiler by itself; use runCommand with nativeBuildInputs = [ pkgs.gcc ] for ${name}";
  writeText = name: text: writeTextFile { inherit name text; };
  writeTextDir = path: text: writeTextFile { name = baseNameOf path; inherit text; destination = "/${path}"; };
  writeScript = name: text: writeTextFile { inherit name text; executable = true; };
  writeScriptBin = name: text: writeTextFile { inherit name text; executable = true; destination = "/bin/${name}"; meta.mainProgram = name; };
  writeShellScript = name: text: writeTextFile { inherit name; text = "#!${runtimeShell}\n${text}\n"; executable = true; };
  writeShellScriptBin = name: text: writeTextFile { inherit name; text = "#!${runtimeShell}\n${text}\n"; executable = true; destination = "/bin/${name}"; meta.mainProgram = name; };
  concatText = name: files: runCommand name { inherit files; } "cat $files > $out";
  emptyFile = writeText "empty-file" "";
  emptyDirectory = linkFarm "empty-directory" [ ];
  stdenv = {
    inherit system;
    hostPlatform = { inherit system; isLinux = true; isDarwin = false; isx86_64 = system == "x86_64-linux"; isAarch64 = system == "aarch64-linux"; };
    mkDerivation = _: throw "stdenv.mkDerivation: the Debian package set installs packages, it does not build them; use runCommand";
  };
  stdenvNoCC = stdenv;
}
