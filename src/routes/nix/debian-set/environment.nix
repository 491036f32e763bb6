# Environments: Debian packages rooted at /, together with store paths linked beside them.
{ lib, debian, system }:
let
  # A .deb is a fixed-output fetch. The mirror is the host's business, so the URL names only the archive.
  fetchDeb = record: derivation {
    name = lib.storeName (baseNameOf record.path);
    system = "builtin";
    builder = "builtin:fetchurl";
    url = "mirror://debian/${record.path}";
    suite = debian.suite;
    timestamp = debian.timestamp;
    outputHashMode = "flat";
    outputHashAlgo = "sha256";
    outputHash = record.sha256;
    preferLocalBuild = true;
  };

  # The package's files as an image has them: unpacked, without what slim images leave out.
  unpackDeb = record: derivation {
    name = "${record.name}-${lib.storeName record.version}-deb";
    system = "builtin";
    builder = "builtin:deb";
    src = fetchDeb record;
    inherit (record) size;
    package = record.name;
    inherit (record) version architecture;
  };

  # Python byte code of one package's modules, made by the interpreter of the same release.
  byteCode = interpreter: record: derivation {
    name = "${record.name}-${lib.storeName record.version}-byte-code";
    system = "builtin";
    builder = "builtin:python-byte-code";
    src = unpackDeb record;
    interpreter = map unpackDeb interpreter;
    package = record.name;
  };

  hasModules = record: lib.hasPrefix "python3" record.name || lib.hasPrefix "libpython3" record.name;

  rooted = { name, packages, paths, pythonByteCode, pathsToLink, ignoreCollisions, requirements ? null }:
    let
      records = debian.resolve packages;
      interpreter = debian.resolve (lib.filter
        (package: package == "python3-minimal") (map (record: record.name) records));
      modules = lib.optionals (pythonByteCode && interpreter != [ ]) (lib.filter hasModules records);
    in
    derivation {
      inherit name;
      system = "builtin";
      builder = "builtin:environment";
      debs = map unpackDeb records;
      requested = packages;
      byteCode = map (byteCode interpreter) modules;
      inherit (debian) suite timestamp;
      inherit paths pathsToLink ignoreCollisions;
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
  inherit debianEnvironment packagesOf pathsOf wantsByteCode unpackDeb;

  buildEnv = given:
    let
      arguments = lib.checkArguments "buildEnv"
        [ "name" "pname" "version" "paths" "pathsToLink" "ignoreCollisions" "extraOutputsToInstall" "postBuild" "buildInputs" "passthru" "meta" "extraPrefix" "nativeBuildInputs" "checkCollisionContents" ]
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
        [ "name" "pname" "version" "paths" "postBuild" "buildInputs" "nativeBuildInputs" "passthru" "meta" ]
        given;
      unsupported = lib.filter (message: message != null) (map (refuse "symlinkJoin" arguments) [ "postBuild" ]);
    in
    builtins.seq (lib.length unsupported) (join {
      name = arguments.name or "${arguments.pname}-${arguments.version}";
      inherit (arguments) paths;
      passthru = (arguments.passthru or { }) // lib.optionalAttrs (arguments ? meta) { inherit (arguments) meta; };
    });
}
