# stdenv.mkDerivation over Debian packages: phases in a sandbox, with what setup.sh says of them. Compiled programs keep
# the C library and their buildInputs wherever they go. Leaves out cross building, multiple stdenvs and hooks of packages.
{ lib, debian, system, trivial, debianEnvironment, environments }:
let
  platform = {
    inherit system;
    config = "${lib.head (lib.splitString "-" system)}-unknown-linux-gnu";
    isLinux = true;
    isUnix = true;
    isGnu = true;
    is64bit = true;
    isDarwin = false;
    isWindows = false;
    isMusl = false;
    isStatic = false;
    isx86 = system == "x86_64-linux";
    isx86_64 = system == "x86_64-linux";
    isAarch = system == "aarch64-linux";
    isAarch64 = system == "aarch64-linux";
    parsed.cpu.name = lib.head (lib.splitString "-" system);
    parsed.kernel.name = "linux";
    libc = "glibc";
    canExecute = other: other.system == system;
  };

  # Headers of a library that recipes name as nixpkgs do, by the package that has the library or its programs.
  hasPackage = name: lib.elem name (debian.withPrefix name);
  otherHeaders = {
    curl = "libcurl4-openssl-dev";
    gdal-bin = "libgdal-dev";
    libgeos-c1v5 = "libgeos-dev";
    ncurses-bin = "libncurses-dev";
    openssl = "libssl-dev";
    proj-bin = "libproj-dev";
  };
  headersOf = name:
    let
      stem = builtins.match "(.*[a-z])[0-9.-]+([a-z][0-9]*)?" name;
      guesses = lib.optional (otherHeaders ? ${name}) otherHeaders.${name}
        ++ lib.optional (lib.hasPrefix "postgresql-" name) "libpq-dev"
        ++ [ "${name}-dev" "lib${name}-dev" ]
        ++ lib.optional (stem != null) "${lib.head (if stem == null then [ "" ] else stem)}-dev";
      found = lib.filter hasPackage guesses;
    in
    lib.optional (found != [ ]) (lib.head found);

  # What a program needs of its inputs when it runs: of a package with headers, the libraries that it is for.
  runtimeOf = name:
    if !(lib.hasSuffix "-dev" name) then [ name ]
    else lib.filter (needed: !(lib.hasSuffix "-dev" needed))
      (lib.concatMap (record: if record.name == name then record.depends else [ ]) (debian.resolve [ name ]));

  compilers = [ "gcc" "g++" "make" "libc6-dev" ];

  make = packages: given:
    let
      arguments = if lib.isFunction given then given (arguments // { finalPackage = made; }) else given;
      name = arguments.name or "${arguments.pname or (throw "stdenv.mkDerivation needs the argument 'name', or 'pname' and 'version'")}-${arguments.version or (throw "stdenv.mkDerivation needs the argument 'version' beside 'pname'")}";
      inputs = lib.flatten (map (list: arguments.${list} or [ ]) [ "buildInputs" "propagatedBuildInputs" ]);
      runtime = debianEnvironment {
        name = "${name}-runtime";
        packages = [ "libc6" "libgcc-s1" "libstdc++6" ] ++ lib.concatMap runtimeOf (lib.concatMap environments.packagesOf inputs);
      };
      drv = trivial.sandboxed {
        inherit name;
        packages = packages ++ lib.optionals (packages != [ ]) (lib.unique (lib.concatMap (input: input.debianHeaders or (lib.concatMap headersOf (environments.packagesOf input))) inputs));
        arguments = lib.optionalAttrs (packages != [ ]) { debianRuntime = runtime; CC = "gcc"; CXX = "g++"; AR = "ar"; LD = "ld"; }
          // arguments
          // { passthru = arguments.passthru or { }; meta = arguments.meta or { }; };
        commands = arguments.buildCommand or "genericBuild";
      };
      made = drv // lib.optionalAttrs (arguments ? pname) { inherit (arguments) pname; }
        // lib.optionalAttrs (arguments ? version) { inherit (arguments) version; }
        // {
          overrideAttrs = change: make packages (arguments // (
            let result = if lib.isFunction change then change arguments else change;
            in if lib.isFunction result then change { } arguments else result));
        };
    in
    made;

  # The compiler as a package, and the libraries of what it compiles, which recipes put into search paths.
  compiler = debianEnvironment {
    name = "gcc-${lib.storeName (debian.record "gcc").version}";
    packages = [ "gcc" "g++" "libc6-dev" ];
    passthru = { pname = "gcc"; inherit (debian.record "gcc") version; isGNU = true; isClang = false; meta.mainProgram = "gcc"; };
  };
  compilerLibraries = debianEnvironment {
    name = "gcc-lib-${lib.storeName (debian.record "libstdc++6").version}";
    packages = [ "libc6" "libgcc-s1" "libstdc++6" ];
    passthru = { pname = "gcc-lib"; inherit (debian.record "libstdc++6") version; };
  };
  cc = compiler // {
    cc = compiler // { lib = compilerLibraries; };
    lib = compilerLibraries;
    libc = compilerLibraries;
    targetPrefix = "";
  };

  standard = packages: {
    inherit system;
    name = "stdenv";
    hostPlatform = platform;
    buildPlatform = platform;
    targetPlatform = platform;
    isLinux = true;
    isDarwin = false;
    isx86_64 = platform.isx86_64;
    isAarch64 = platform.isAarch64;
    shell = trivial.runtimeShell;
    inherit cc;
    mkDerivation = make packages;
  };
in
{
  inherit cc;
  stdenv = standard compilers;
  stdenvNoCC = standard [ ];
  # The packages of the libraries that a package with headers is for.
  librariesOf = runtimeOf;
}
