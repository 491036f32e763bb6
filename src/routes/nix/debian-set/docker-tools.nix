# dockerTools over the Debian package set: nixpkgs' functions and arguments. Debian packages come to lie at /,
# other store paths under /nix/store; each image is one archive that `docker load` reads.
{ lib, debian, system, pkgs, environments, trivial }:
let
  architectures = { x86_64-linux = "amd64"; aarch64-linux = "arm64"; };

  # Everything an image is made of, as one derivation; null and false arguments stay out of it.
  image = arguments:
    let
      contents = lib.filter (path: path != null) (lib.flatten (lib.toList arguments.contents));
      hasScript = arguments.extraCommands != "" || arguments.rootCommands != "";
      drv = derivation ({
        __structuredAttrs = true;
        name = "docker-image-${baseNameOf arguments.name}.tar";
        system = "builtin";
        builder = "builtin:docker-image";
        # Raised whenever the builder makes other bytes of the same arguments.
        format = 12;
        imageName = lib.toLower arguments.name;
        imageTag = arguments.tag;
        config = if arguments.config == null then { } else arguments.config;
        contents = map (storePathOf "the image's contents" "a package, or a path such as ./files") contents;
        inherit (arguments) created mtime maxLayers includeStorePaths uid gid;
        # Commands of root say themselves whose files are.
        ownsRoot = arguments.ownsRoot && arguments.rootCommands == "" && (arguments.uid != 0 || arguments.gid != 0);
        architecture = if arguments.architecture == null then architectures.${system} else arguments.architecture;
      } // lib.optionalAttrs (arguments.fromImage != null) {
        fromImage = storePathOf "fromImage" "an image, such as what buildImage or pullImage gives, or an archive's path such as ./base.tar" arguments.fromImage;
        inherit (arguments) fromImageName fromImageTag;
      } // lib.optionalAttrs hasScript {
        inherit (arguments) extraCommands rootCommands rootCommandsChroot;
        tools = "${if arguments.rootCommands == "" then trivial.buildTools else trivial.rootTools}";
      });
    in
    drv // {
      imageName = lib.toLower arguments.name;
      imageTag = if arguments.tag == null then builtins.head (lib.splitString "-" (baseNameOf drv.outPath)) else arguments.tag;
    } // arguments.passthru;

  isNumber = value: lib.isInt value && value >= 0;
  rules = {
    name = { isRight = value: lib.isString value && builtins.match "([a-zA-Z0-9.-]+:[0-9]+/)?[a-zA-Z0-9]+([._/-]+[a-zA-Z0-9]+)*" value != null && builtins.match ".*(//|/[._-]|[._-]/).*" value == null; words = "a name such as app or host:5000/team/app, without its tag"; };
    tag = { isRight = value: lib.isString value && builtins.match "[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,127}" value != null; words = "up to 128 letters, digits, _, . and -"; };
    architecture = {
      isRight = value: lib.elem value [ "amd64" "arm64" "386" "arm" "riscv64" "ppc64le" "s390x" "mips64le" ];
      words = "one of amd64, arm64, 386, arm, riscv64, ppc64le, s390x";
    };
    maxLayers = { isRight = value: lib.isInt value && value > 0; words = "a number above 0"; };
    uid = { isRight = isNumber; words = "a number"; };
    gid = { isRight = isNumber; words = "a number"; };
    config = { isRight = lib.isAttrs; words = "a set"; };
    extraCommands = { isRight = lib.isString; words = "shell text"; };
    fakeRootCommands = { isRight = lib.isString; words = "shell text"; };
    runAsRoot = { isRight = lib.isString; words = "shell text"; };
  };

  # What belongs elsewhere in a recipe, and where.
  configKeys = [ "Cmd" "Entrypoint" "Env" "ExposedPorts" "Healthcheck" "Labels" "StopSignal" "User" "Volumes" "WorkingDir" ];
  elsewhere = {
    buildImage = {
      fakeRootCommands = "write runAsRoot, or use buildLayeredImage";
      enableFakechroot = "leave it out: runAsRoot has the image as its root";
      maxLayers = "use buildLayeredImage";
    };
    layered = {
      copyToRoot = "write contents here, or use buildImage";
      runAsRoot = "write fakeRootCommands with enableFakechroot = true here, or use buildImage";
      fromImageName = "it takes the first image of fromImage";
      fromImageTag = "it takes the first image of fromImage";
    };
  };
  placed = function: places: arguments:
    let
      keyOf = name: lib.filter (key: lib.toLower key == lib.toLower name) configKeys;
      where = name: places.${name} or (if keyOf name == [ ] then null else "write config.${lib.head (keyOf name)}");
      wrong = lib.filter (name: where name != null) (lib.attrNames arguments);
      name = lib.head wrong;
    in
    if wrong == [ ] then arguments
    else builtins.trimaranRefuse {
      code = "nix/argument";
      inherit name;
      names = [ ];
      message = "${function} has no argument '${name}'";
      hint = where name;
      position = builtins.unsafeGetAttrPos name arguments;
    };

  # What an image is to hold, as store paths.
  storePathOf = argument: wanted: path:
    let text = if lib.isStringLike path then "${path}" else null; in
    if text != null && lib.hasPrefix "${builtins.storeDir}/" text then text
    else lib.refuse "${argument} has ${if text == null then "a ${builtins.typeOf path}" else text}, which is no store path; give ${wanted}";

  common = {
    tag = null;
    fromImage = null;
    fromImageName = null;
    fromImageTag = null;
    config = null;
    architecture = null;
    created = "1970-01-01T00:00:01Z";
    mtime = "1970-01-01T00:00:01Z";
    extraCommands = "";
    rootCommands = "";
    rootCommandsChroot = false;
    includeStorePaths = true;
    maxLayers = 100;
    uid = 0;
    gid = 0;
    ownsRoot = false;
    passthru = { };
  };

  layered = function: given:
    let
      arguments = lib.checkArguments function
        {
          required = [ "name" ];
          allowed = [ "name" "tag" "fromImage" "contents" "config" "architecture" "created" "mtime" "uid" "gid" "uname" "gname" "maxLayers" "extraCommands" "fakeRootCommands" "enableFakechroot" "includeStorePaths" "includeNixDB" "compressor" "passthru" "meta" ];
        }
        (lib.checkValues function rules (placed function elsewhere.layered given));
    in
    common // {
      inherit (arguments) name;
      contents = arguments.contents or [ ];
      rootCommands = arguments.fakeRootCommands or "";
      rootCommandsChroot = arguments.enableFakechroot or false;
    } // builtins.intersectAttrs common arguments;
in
rec {
  buildImage = given:
    let
      arguments = lib.checkArguments "buildImage"
        {
          required = [ "name" ];
          allowed = [ "name" "tag" "fromImage" "fromImageName" "fromImageTag" "copyToRoot" "contents" "keepContentsDirlinks" "config" "created" "runAsRoot" "extraCommands" "uid" "gid" "architecture" "diskSize" "buildVMMemorySize" "includeNixDB" "compressor" "passthru" "meta" ];
        }
        (lib.checkValues "buildImage" rules (placed "buildImage" elsewhere.buildImage given));
    in
    if arguments.copyToRoot or null != null && arguments.contents or null != null
    then throw "buildImage: give either 'copyToRoot' or its older name 'contents', not both"
    else image (common // {
      inherit (arguments) name;
      contents = lib.flatten [ (arguments.copyToRoot or null) (arguments.contents or null) ];
      rootCommands = if arguments.runAsRoot or null == null then "" else arguments.runAsRoot;
      rootCommandsChroot = true;
      ownsRoot = true;
    } // builtins.intersectAttrs common arguments);

  buildLayeredImage = given: image (layered "buildLayeredImage" given);

  # A script that writes the archive to its standard output.
  streamLayeredImage = given:
    let archive = image (layered "streamLayeredImage" given);
    in derivation {
      name = "stream-${baseNameOf given.name}";
      system = "builtin";
      builder = "builtin:stream-image";
      inherit archive;
    } // { inherit (archive) imageName imageTag; };

  mergeImages = images: derivation {
    name = "merged-docker-image.tar";
    system = "builtin";
    builder = "builtin:merge-images";
    format = 2;
    inherit images;
  };

  # An image of a registry, known by its digest. The hash that nixpkgs asks for is of an archive that skopeo would write.
  pullImage = given:
    let
      arguments = lib.checkArguments "pullImage"
        {
          required = [ "imageName" "imageDigest" ];
          allowed = [ "imageName" "imageDigest" "sha256" "hash" "os" "arch" "tlsVerify" "finalImageName" "finalImageTag" "name" ];
        }
        given;
    in
    derivation {
      name = arguments.name or "docker-image-${baseNameOf arguments.imageName}.tar";
      system = "builtin";
      builder = "builtin:pull-image";
      inherit (arguments) imageName imageDigest;
      os = arguments.os or "linux";
      arch = arguments.arch or architectures.${system};
      finalImageName = arguments.finalImageName or arguments.imageName;
      finalImageTag = arguments.finalImageTag or "latest";
    };

  # An image's root as one archive.
  exportImage = _: lib.refuse "dockerTools.exportImage: use `docker export`, or copyToRoot's paths themselves";
  buildNixShellImage = _: lib.refuse "dockerTools.buildNixShellImage: shells are not made here; list the packages in buildLayeredImage";
  streamNixShellImage = buildNixShellImage;
  buildImageWithNixDb = _: lib.refuse "dockerTools.buildImageWithNixDb: images of Debian packages have no Nix store to manage; use buildImage";
  buildLayeredImageWithNixDb = _: lib.refuse "dockerTools.buildLayeredImageWithNixDb: images of Debian packages have no Nix store to manage; use buildLayeredImage";

  # Shell text for runAsRoot: the user database that programs expect.
  shadowSetup = ''
    mkdir -p /etc/pam.d
    [ -f /etc/passwd ] || printf 'root:x:0:0::/root:/bin/sh\n' > /etc/passwd
    [ -f /etc/shadow ] || printf 'root:!x:::::::\n' > /etc/shadow
    [ -f /etc/group ] || printf 'root:x:0:\n' > /etc/group
    [ -f /etc/gshadow ] || printf 'root:x::\n' > /etc/gshadow
  '';

  binSh = pkgs.dash;
  usrBinEnv = pkgs.coreutils;
  caCertificates = pkgs.cacert;
  # As nixpkgs', and Debian's name for the group of nobody, which its programs change to.
  fakeNss = lib.makeOverridable
    ({ extraPasswdLines ? [ ], extraGroupLines ? [ ] }: environments.symlinkJoin {
      name = "fake-nss";
      paths = [
        (trivial.writeTextDir "etc/passwd" ''
          root:x:0:0:root user:/var/empty:/bin/sh
          ${lib.concatLines extraPasswdLines}nobody:x:65534:65534:nobody:/var/empty:/bin/sh
        '')
        (trivial.writeTextDir "etc/group" ''
          root:x:0:
          ${lib.concatLines extraGroupLines}nobody:x:65534:
          nogroup:x:65534:
        '')
        (trivial.writeTextDir "etc/nsswitch.conf" ''
          hosts: files dns
        '')
      ];
    })
    { };
}
