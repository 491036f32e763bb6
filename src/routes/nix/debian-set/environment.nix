# Environments: Debian packages rooted at /, together with store paths linked beside them. `sandboxed` runs commands, see
# trivial.nix.
{ lib, debian, system, sandboxed }:
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

  # With `showFiles` the files of the named packages are links of its own, for commands that add to them.
  rooted = { name, packages, paths, pythonByteCode, pathsToLink, ignoreCollisions, showFiles ? false }:
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
    derivation ({
      __structuredAttrs = true;
      inherit name paths pathsToLink ignoreCollisions;
      system = "builtin";
      builder = "builtin:environment";
      packages = map entry records;
      inherit (debian) suite timestamp;
    } // lib.optionalAttrs showFiles { shownPackages = packages; });

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
      self = drv // passthru // {
        debianPackages = wanted;
        linkedPaths = paths;
        inherit pythonByteCode passthru;
        # A package is in one piece; nixpkgs' outputs are all of it.
        out = self;
        bin = self;
        lib = self;
        dev = self;
        man = self;
        doc = self;
        override = _: lib.refuse "${name}: a Debian package is built already, so override cannot change it; use it as it is, or take this input from nixpkgs";
        overrideAttrs = _: lib.refuse "${name}: a Debian package is built already, so overrideAttrs cannot change it; use it as it is, or take this input from nixpkgs";
      };
    in
    self;

  join = function: given:
    let
      name = given.name or "${given.pname}-${given.version}";
      flat = lib.filter (path: path != null) (lib.flatten given.paths);
      contents = {
        inherit name;
        packages = lib.unique (lib.concatMap packagesOf flat);
        paths = lib.unique (lib.concatMap pathsOf flat);
        pythonByteCode = lib.any wantsByteCode flat;
        pathsToLink = given.pathsToLink or [ "/" ];
        ignoreCollisions = given.ignoreCollisions or false;
      };
      passthru = given.passthru or { } // lib.optionalAttrs (given ? meta) { inherit (given) meta; };
    in
    if given.extraPrefix or "" != "" then lib.refuse "${function}: 'extraPrefix' is not supported on the Debian package set; use runCommand on the result instead"
    else if given.postBuild or "" == "" then debianEnvironment (contents // { inherit passthru; })
    else finished (contents // { inherit passthru given; });

  # An environment that `postBuild` has gone over. What it adds lies beside the packages in an image; what it takes away
  # would still be there, since packages lie at /, and so that is an error.
  finished = { name, packages, passthru, given, ... }@contents:
    let
      base = rooted (removeAttrs contents [ "passthru" "given" ] // { showFiles = true; });
    in
    sandboxed {
      inherit name;
      arguments = removeAttrs given [ "name" "pname" "version" "paths" "pathsToLink" "ignoreCollisions" "postBuild" "extraOutputsToInstall" "checkCollisionContents" "includeClosures" "failOnMissing" "stripPrefix" "extraPrefix" ]
        // { inherit base passthru; };
      commands = ''
        cp -r "$base" "$out"
        chmod -R u+w "$out"
        ${given.postBuild}
        cd "$base"
        find . -type l | while IFS= read -r link; do
          case $(readlink "$link") in
            /nix/store/*) ;;
            *)
              if [ ! -L "$out/$link" ] && [ ! -e "$out/$link" ]; then
                echo "postBuild took ''${link#./} away, but Debian packages lie whole at the root of an image; leave its package out instead" >&2
                exit 1
              fi
              ;;
          esac
        done
      '';
    };

  # Strings are no packages, and in nixpkgs a list of them fails as late.
  isPath = value: value == null || builtins.isPath value || builtins.isAttrs value
    || (builtins.isString value && lib.hasPrefix "${builtins.storeDir}/" value);
  rules = {
    name = { isRight = builtins.isString; words = "a string"; };
    paths = { isRight = value: lib.all isPath (lib.flatten value); words = "a list of nothing but packages and paths, such as [ pkgs.hello ]"; };
    pathsToLink = { isRight = value: builtins.isList value && lib.all builtins.isString value; words = "a list of folders, such as [ \"/bin\" ]"; };
    ignoreCollisions = { isRight = builtins.isBool; words = "true or false"; };
  };

  joining = function: extra: given: join function (lib.checkArguments function
    {
      required = [ "paths" ] ++ lib.optional (!(given ? pname && given ? version)) "name";
      allowed = [ "name" "pname" "version" "paths" "ignoreCollisions" "postBuild" "buildInputs" "nativeBuildInputs" "passthru" "meta" "checkCollisionContents" "preferLocalBuild" "allowSubstitutes" "failOnMissing" "stripPrefix" ] ++ extra;
    }
    (lib.checkValues function rules given));
in
{
  inherit debianEnvironment packagesOf pathsOf;

  buildEnv = joining "buildEnv" [ "pathsToLink" "extraOutputsToInstall" "extraPrefix" "includeClosures" ];
  symlinkJoin = joining "symlinkJoin" [ ];
}
