# Files and small commands: writeText and its kin, runCommand, linkFarm, formats and writers.
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
          allowed = [ "name" "text" "executable" "destination" "checkPhase" "meta" "passthru" "allowSubstitutes" "preferLocalBuild" "derivationArgs" "nativeBuildInputs" ];
        }
        given;
      destination = arguments.destination or "";
      plain = derivation {
        inherit (arguments) name text;
        system = "builtin";
        builder = "builtin:write-file";
        executable = arguments.executable or false;
        inherit destination;
      };
      # The check sees the file at its place, and what passes it is the file.
      checked = runCommand arguments.name
        { inherit plain; passthru.unchecked = plain; nativeBuildInputs = arguments.nativeBuildInputs or [ ]; }
        ''
          target=$out${destination}
          cp -r "$plain" "$out"
          ${arguments.checkPhase}
        '';
      drv = if arguments.checkPhase or "" == "" || arguments.checkPhase == null then plain else checked;
    in
    drv // { meta = arguments.meta or { }; } // (arguments.passthru or { });

  runtimeShell = "${pkgs.bash}/bin/bash";

  buildTools = debianEnvironment { name = "build-tools"; packages = stdenvPackages; };

  # And those that root may expect besides: groupadd, useradd, su.
  rootTools = debianEnvironment { name = "root-tools"; packages = stdenvPackages ++ [ "passwd" "login" "util-linux" ]; };

  # A command in the sandbox. `arguments` are those of `derivation`, with what nixpkgs' stdenv adds; `commands` is shell
  # text that begins with what setup.sh says.
  sandboxed = { name, arguments, commands, packages ? [ ] }:
    let
      inputs = lib.filter (input: input != null && input != false) (lib.flatten (map (list: arguments.${list} or [ ])
        [ "nativeBuildInputs" "buildInputs" "propagatedBuildInputs" "propagatedNativeBuildInputs" "nativeCheckInputs" "checkInputs" "packages" ]));
      tools = debianEnvironment {
        name = "${name}-tools";
        packages = stdenvPackages ++ packages ++ lib.concatMap environments.packagesOf inputs;
        pythonByteCode = false;
      };
      plain = lib.concatMap environments.pathsOf inputs;
      attributes = removeAttrs arguments [
        "nativeBuildInputs" "buildInputs" "propagatedBuildInputs" "propagatedNativeBuildInputs" "nativeCheckInputs" "checkInputs" "packages"
        "meta" "passthru" "allowSubstitutes" "preferLocalBuild" "env" "pos" "strictDeps" "__structuredAttrs" "derivationArgs"
      ] // arguments.env or { } // arguments.derivationArgs or { };
      drv = derivation (attributes // {
        inherit name tools runtimeShell;
        system = attributes.system or system;
        builder = "/bin/bash";
        args = [ "-e" "-o" "pipefail" "-c" ". \"$setup\"; . \"$buildCommandPath\"" ];
        setup = ./setup.sh;
        buildCommand = commands;
        passAsFile = [ "buildCommand" ] ++ (attributes.passAsFile or [ ]);
        PATH = lib.concatStringsSep ":" (map (path: "${path}/bin") plain ++ [ "/usr/bin" "/usr/sbin" ]);
      });
    in
    drv // { meta = arguments.meta or { }; passthru = arguments.passthru or { }; } // (arguments.passthru or { });

  runCommand = name: environment: script: sandboxed {
    inherit name;
    arguments = if lib.isAttrs environment then environment else throw "runCommand: the second argument is a ${builtins.typeOf environment}; give a set, { } for none";
    commands = script;
  };

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

  writeText = name: text: writeTextFile { inherit name text; };

  # A script that other languages' interpreters run; PATH has `libraries`.
  scriptOf = interpreter: nameOrPath: text:
    let isPath = lib.hasPrefix "/" nameOrPath; in
    writeTextFile {
      name = baseNameOf nameOrPath;
      text = "#!${interpreter}\n${text}";
      executable = true;
      destination = lib.optionalString isPath nameOrPath;
    };
in
rec {
  inherit writeTextFile writeText runCommand linkFarm runtimeShell buildTools rootTools sandboxed;
  runtimeShellPackage = pkgs.bash;
  runCommandLocal = runCommand;
  runCommandNoCC = runCommand;
  runCommandNoCCLocal = runCommand;
  runCommandWith = { name, runLocal ? false, stdenv ? null, derivationArgs ? { } }: runCommand name derivationArgs;
  runCommandCC = name: environment: script: sandboxed {
    inherit name;
    arguments = environment;
    commands = script;
    packages = [ "gcc" "g++" "make" ];
  };
  writeTextDir = path: text: writeTextFile { name = baseNameOf path; inherit text; destination = "/${path}"; };
  writeScript = name: text: writeTextFile { inherit name text; executable = true; };
  writeScriptBin = name: text: writeTextFile { inherit name text; executable = true; destination = "/bin/${name}"; meta.mainProgram = name; };
  writeShellScript = name: text: writeTextFile { inherit name; text = "#!${runtimeShell}\n${text}\n"; executable = true; };
  writeShellScriptBin = name: text: writeTextFile { inherit name; text = "#!${runtimeShell}\n${text}\n"; executable = true; destination = "/bin/${name}"; meta.mainProgram = name; };

  # Its default check is the shell's own; nixpkgs runs shellcheck besides.
  writeShellApplication = given:
    let
      arguments = lib.checkArguments "writeShellApplication"
        {
          required = [ "name" "text" ];
          allowed = [ "name" "text" "runtimeInputs" "runtimeEnv" "meta" "passthru" "checkPhase" "excludeShellChecks" "extraShellCheckFlags" "bashOptions" "derivationArgs" "inheritPath" ];
        }
        given;
      inputs = arguments.runtimeInputs or [ ];
      assignments = lib.concatStrings (lib.mapAttrsToList
        (name: value: "${lib.toShellVar name value}\nexport ${name}\n")
        (if arguments.runtimeEnv or null == null then { } else arguments.runtimeEnv));
    in
    writeTextFile {
      inherit (arguments) name;
      executable = true;
      destination = "/bin/${arguments.name}";
      text = "#!${runtimeShell}\n"
        + lib.concatMapStrings (option: "set -o ${option}\n") (arguments.bashOptions or [ "errexit" "nounset" "pipefail" ])
        + assignments
        + lib.optionalString (inputs != [ ]) "export PATH=\"${lib.makeBinPath inputs}${lib.optionalString (arguments.inheritPath or true) ":$PATH"}\"\n"
        + "\n${arguments.text}\n";
      checkPhase = if arguments.checkPhase or null == null then "bash -n \"$target\"" else arguments.checkPhase;
      meta = { mainProgram = arguments.name; } // arguments.meta or { };
      passthru = arguments.passthru or { };
    };

  # A configuration of fontconfig: packages have their fonts in one folder, whose root is the whole image.
  makeFontsConf = { fontconfig ? null, fontDirectories, includes ? [ ], impureFontDirectories ? [ ] }: writeText "fonts.conf" ''
    <?xml version="1.0"?>
    <!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
    <fontconfig>
      <include ignore_missing="yes">/etc/fonts/fonts.conf</include>
    ${lib.concatMapStrings (file: "  <include ignore_missing=\"yes\">${file}</include>\n") includes
    + lib.concatMapStrings (fonts: "  <dir>${fonts}${lib.optionalString (fonts ? debianPackages) "/share/fonts"}</dir>\n") (lib.toList fontDirectories)
    + lib.concatMapStrings (folder: "  <dir>${folder}</dir>\n") impureFontDirectories}  <cachedir>/var/cache/fontconfig</cachedir>
      <cachedir prefix="xdg">fontconfig</cachedir>
    </fontconfig>
  '';

  concatText = name: files: runCommand name { inherit files; } "cat $files > $out";
  concatTextFile = { name, files, executable ? false, destination ? "", checkPhase ? "", meta ? { } }: runCommand name { inherit files; } ''
    target=$out${destination}
    mkdir -p "$(dirname "$target")"
    cat $files > "$target"
    ${lib.optionalString executable "chmod +x \"$target\""}
    ${checkPhase}
  '';
  concatScript = name: files: concatTextFile { inherit name files; executable = true; };
  linkFarmFromDrvs = name: paths: linkFarm name (map (path: { inherit (path) name; inherit path; }) paths);
  emptyFile = writeText "empty-file" "";
  emptyDirectory = linkFarm "empty-directory" [ ];

  # Paths and all they refer to, as nixpkgs lists them.
  closureInfo = _: lib.refuse "closureInfo: which store paths a path needs is known only after it is built; use `trimaran inspect` on the image";

  # @name@ in a file, replaced.
  replaceVars = path: replacements: runCommand (baseNameOf (toString path)) { file = path; } ''
    substitute "$file" "$out" ${lib.concatStringsSep " " (lib.mapAttrsToList
      (name: value: "--replace-fail ${lib.escapeShellArg "@${name}@"} ${if value == null then lib.escapeShellArg "@${name}@" else lib.escapeShellArg value}") replacements)}
    if [ -x "$file" ]; then chmod +x "$out"; fi
  '';
  replaceVarsWith = { src, replacements ? { }, name ? baseNameOf (toString src), isExecutable ? false, dir ? null, ... }: runCommand name { file = src; } ''
    target=$out${lib.optionalString (dir != null) "/${dir}/${name}"}
    substitute "$file" "$target" ${lib.concatStringsSep " " (lib.mapAttrsToList
      (name: value: "--replace-fail ${lib.escapeShellArg "@${name}@"} ${lib.escapeShellArg value}") replacements)}
    ${lib.optionalString isExecutable "chmod +x \"$target\""}
  '';
  substituteAll = { src, name ? baseNameOf (toString src), isExecutable ? false, dir ? null, ... }@arguments:
    let values = lib.filterAttrs (key: value: value != null && !(lib.elem key [ "src" "name" "isExecutable" "dir" "meta" ])) arguments;
    in runCommand name { file = src; } ''
      target=$out${lib.optionalString (dir != null) "/${dir}/${name}"}
      substitute "$file" "$target" ${lib.concatStringsSep " " (lib.mapAttrsToList
        (key: value: "--subst-var-by ${key} ${lib.escapeShellArg value}") (values // { inherit name; }))}
      ${lib.optionalString isExecutable "chmod +x \"$target\""}
    '';
  substitute = { src, substitutions ? null, replacements ? null, name ? baseNameOf (toString src), ... }: runCommand name { file = src; } ''
    substitute "$file" "$out" ${if substitutions != null then lib.escapeShellArgs substitutions else toString replacements}
  '';
  applyPatches = { src, name ? "patched-source", patches ? [ ], postPatch ? "", prePatch ? "", ... }: runCommand name { inherit src patches; } ''
    cp -r "$src" "$out"
    chmod -R u+w "$out"
    cd "$out"
    ${prePatch}
    for file in $patches; do patch -p1 < "$file"; done
    ${postPatch}
  '';
  srcOnly = arguments: runCommand "${arguments.name or "source"}-source" { inherit (arguments) src; } ''
    cp -r "$src" "$out"
  '';

  # Values as configuration files. JSON is YAML too.
  formats =
    let
      format = generate: _: { type = null; generate = name: value: writeText name (generate value); };
      tomlKey = key: if builtins.match "[A-Za-z0-9_-]+" key != null then key else builtins.toJSON key;
      isTable = value: lib.isAttrs value && !(lib.isDerivation value);
      isTables = value: lib.isList value && value != [ ] && lib.all isTable value;
      tomlValue = value:
        if isTable value then "{ ${lib.concatStringsSep ", " (lib.mapAttrsToList (key: item: "${tomlKey key} = ${tomlValue item}") value)} }"
        else if lib.isList value then "[${lib.concatMapStringsSep ", " tomlValue value}]"
        else if value == null then throw "formats.toml: TOML has no null"
        else builtins.toJSON value;
      tomlTable = path: set:
        let
          present = lib.filterAttrs (_: value: value != null) set;
          named = key: lib.concatMapStringsSep "." tomlKey (path ++ [ key ]);
          section = wanted: f: lib.concatStrings (lib.mapAttrsToList f (lib.filterAttrs (_: wanted) present));
        in
        section (value: !(isTable value || isTables value)) (key: value: "${tomlKey key} = ${tomlValue value}\n")
        + section isTable (key: value: "\n[${named key}]\n${tomlTable (path ++ [ key ]) value}")
        + section isTables (key: lib.concatMapStrings (item: "\n[[${named key}]]\n${tomlTable (path ++ [ key ]) item}"));
    in
    {
      json = format (value: builtins.toJSON value + "\n");
      yaml = format (value: builtins.toJSON value + "\n");
      toml = format (tomlTable [ ]);
      ini = options: format (lib.generators.toINI (removeAttrs options [ "atomsCoercedToLists" "listToValue" ])) { };
      keyValue = options: format (lib.generators.toKeyValue (removeAttrs options [ "atomsCoercedToLists" "listToValue" ])) { };
      iniWithGlobalSection = options: format (lib.generators.toINIWithGlobalSection options) { };
      hocon = _: lib.refuse "formats.hocon: not in the Debian package set; JSON is HOCON, so use formats.json";
    };

  writers = {
    writeBash = scriptOf runtimeShell;
    writeBashBin = name: scriptOf runtimeShell "/bin/${name}";
    writeDash = scriptOf "${pkgs.dash}/bin/dash";
    writeDashBin = name: scriptOf "${pkgs.dash}/bin/dash" "/bin/${name}";
    writePython3 = name: { libraries ? [ ], ... }: scriptOf "${pkgs.python3.withPackages (_: libraries)}/bin/python3" name;
    writePython3Bin = name: { libraries ? [ ], ... }: scriptOf "${pkgs.python3.withPackages (_: libraries)}/bin/python3" "/bin/${name}";
    writePerl = name: _: scriptOf "${pkgs.perl}/bin/perl" name;
    writePerlBin = name: _: scriptOf "${pkgs.perl}/bin/perl" "/bin/${name}";
    writeJSON = name: value: (formats.json { }).generate name value;
    writeYAML = name: value: (formats.yaml { }).generate name value;
    writeTOML = name: value: (formats.toml { }).generate name value;
    writeText = writeText;
  };
}
