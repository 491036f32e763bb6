# Environments: Debian packages rooted at /, together with store paths linked beside them.
{ lib, debian, system }:
let
  # A package's files as an image has them, and beside them what its maintainer wrote. The .deb is named by its
  # hash; the mirror is the host's business.
  unpackDeb = record: derivation {
    name = lib.storeName "${record.name}-${record.version}";
    system = "builtin";
    builder = "builtin:deb";
    outputs = [ "out" "control" ];
    package = record.name;
    inherit (record) version architecture path size sha256;
    inherit (debian) suite timestamp;
  };

  # Python byte code of one package's modules, made by the interpreter of the same release.
  byteCode = interpreter: record: derivation {
    name = lib.storeName "${record.name}-${record.version}-byte-code";
    system = "builtin";
    builder = "builtin:python-byte-code";
    source = unpackDeb record;
    inherit interpreter;
  };

  hasModules = record: lib.hasPrefix "python3" record.name || lib.hasPrefix "libpython3" record.name;

  rooted = { name, packages, paths, pythonByteCode, pathsToLink, ignoreCollisions }:
    let
      records = debian.resolve packages;
      compiles = pythonByteCode && lib.any (record: record.name == "python3-minimal") records;
      # Byte code is the same on every machine, so the interpreter is this one's.
      interpreter = map unpackDeb (debian.resolveNative [ "python3-minimal" ]);
      entry = record:
        let deb = unpackDeb record;
        in {
          inherit (record) name version architecture depends;
          tree = "${deb.out}";
          control = "${deb.control}";
        } // lib.optionalAttrs (compiles && hasModules record) {
          byteCode = "${byteCode interpreter record}";
        };
    in
    derivation {
      __structuredAttrs = true;
      inherit name paths pathsToLink ignoreCollisions;
      system = "builtin";
      builder = "builtin:environment";
      packages = map entry records;
      inherit (debian) suite timestamp;
    };

  # Debian packages of a value that goes into an environment; store paths have none.
  packagesOf = value: value.debianPackages or [ ];
  wantsByteCode = value: value.pythonByteCode or false;
  # A value that is nothing but Debian packages adds no links of its own.
  pathsOf = value: if value ? debianPackages then value.linkedPaths else [ value ];

  # { name, packages: Debian names, paths: store paths to link } → an environment.
  debianEnvironment =
    { name
    , packages
    , paths ? [ ]
    , pythonByteCode ? false
    , pathsToLink ? [ "/" ]
    , ignoreCollisions ? false
    , passthru ? { }
    }:
    let
      wanted = lib.unique packages;
      drv = rooted { inherit name paths pythonByteCode pathsToLink ignoreCollisions; packages = wanted; };
    in
    drv // passthru // {
      debianPackages = wanted;
      linkedPaths = paths;
      inherit pythonByteCode passthru;
      overrideAttrs = _: throw "${name}: a Debian package is built already; overrideAttrs cannot change it";
    };

  join = { name, paths, passthru, ... }@arguments:
    let flat = lib.filter (path: path != null) (lib.flatten paths);
    in debianEnvironment {
      inherit name passthru;
      packages = lib.concatMap packagesOf flat;
      paths = lib.concatMap pathsOf flat;
      pythonByteCode = lib.any wantsByteCode flat;
      pathsToLink = arguments.pathsToLink or [ "/" ];
      ignoreCollisions = arguments.ignoreCollisions or false;
    };

  refuse = function: arguments: name:
    if arguments ? ${name} && arguments.${name} != "" && arguments.${name} != [ ]
    then throw "${function}: '${name}' is not supported on the Debian package set; use runCommand on the result instead"
    else null;
in
{
  inherit debianEnvironment packagesOf pathsOf;

  buildEnv = given:
    let
      arguments = lib.checkArguments "buildEnv"
        {
          required = [ "paths" ];
          allowed = [ "name" "pname" "version" "paths" "pathsToLink" "ignoreCollisions" "extraOutputsToInstall" "postBuild" "buildInputs" "passthru" "meta" "extraPrefix" "nativeBuildInputs" "checkCollisionContents" ];
        }
        given;
      unsupported = lib.filter (message: message != null) (map (refuse "buildEnv" arguments) [ "postBuild" "extraPrefix" ]);
    in
    builtins.seq (lib.length unsupported) (join {
      name = arguments.name or "${arguments.pname}-${arguments.version}";
      inherit (arguments) paths;
      pathsToLink = arguments.pathsToLink or [ "/" ];
      ignoreCollisions = arguments.ignoreCollisions or false;
      passthru = (arguments.passthru or { }) // lib.optionalAttrs (arguments ? meta) { inherit (arguments) meta; };
    });

  symlinkJoin = given:
    let
      arguments = lib.checkArguments "symlinkJoin"
        {
          required = [ "paths" ];
          allowed = [ "name" "pname" "version" "paths" "postBuild" "buildInputs" "nativeBuildInputs" "passthru" "meta" ];
        }
        given;
      unsupported = lib.filter (message: message != null) (map (refuse "symlinkJoin" arguments) [ "postBuild" ]);
    in
    builtins.seq (lib.length unsupported) (join {
      name = arguments.name or "${arguments.pname}-${arguments.version}";
      inherit (arguments) paths;
      passthru = (arguments.passthru or { }) // lib.optionalAttrs (arguments ? meta) { inherit (arguments) meta; };
    });
}
