# python3, python3Packages and withPackages over Debian's Python packages.
{ lib, debian, debianEnvironment, linkFarm }:
let
  record = debian.record "python3";

  # A distribution under the name its authors gave it, e.g. `requests-oauthlib` or `PyJWT`. A distribution whose
  # command Debian keeps in a package of its own (uvicorn) brings that too.
  package = name:
    let
      found = debian.pythonPackage name;
      command = debian.commandPackage name found;
      facts = debian.record found;
    in
    debianEnvironment {
      name = "${facts.name}-${lib.storeName facts.version}";
      packages = [ found ] ++ lib.optional (command != null) command;
      pythonByteCode = true;
      passthru = {
        pname = name;
        inherit (facts) version;
        pythonModule = python3;
        meta = { inherit (facts) description homepage; mainProgram = name; };
      };
    };

  python3Packages = debian.pythonPackages package // {
    python = python3;
    pythonOlder = lib.versionOlder python3.pythonVersion;
    pythonAtLeast = lib.versionAtLeast python3.pythonVersion;
    buildPythonPackage = refuse "buildPythonPackage";
    buildPythonApplication = refuse "buildPythonApplication";
    toPythonModule = value: value;
    toPythonApplication = value: value;
  };

  refuse = function: _: lib.refuse "python3Packages.${function}: the Debian package set installs Python packages and does not build them; copy the application with stdenv.mkDerivation and run it with python3.withPackages";

  # nixpkgs' name for the interpreter, which Debian leaves to a package of its own.
  paths = [ (linkFarm "python" [{ name = "bin/python"; path = "/usr/bin/python3"; }]) ];

  withPackages = choose: withByteCode { } choose;

  withByteCode = { pythonByteCode ? true }: choose:
    let chosen = lib.flatten (choose python3Packages);
    in debianEnvironment {
      name = "python3-${lib.storeName record.version}-env";
      packages = [ "python3" ] ++ lib.concatMap (value: value.debianPackages) chosen;
      inherit pythonByteCode paths;
      passthru = {
        pname = "python3";
        inherit (record) version;
        inherit (python3) pythonVersion interpreter executable sitePackages pkgs;
        meta.mainProgram = "python3";
      };
    };

  python3 = debianEnvironment {
    name = "python3-${lib.storeName record.version}";
    packages = [ "python3" ];
    pythonByteCode = true;
    inherit paths;
    passthru = {
      pname = "python3";
      inherit (record) version;
      pythonVersion = lib.concatStringsSep "." (lib.init (lib.filter lib.isString (builtins.split "\\." (lib.head (lib.splitString "-" record.version)))));
      buildEnv = lib.refuse "python3.buildEnv: use python3.withPackages";
      isPy3k = true;
      interpreter = "/usr/bin/python3";
      executable = "python3";
      sitePackages = "lib/python3/dist-packages";
      pkgs = python3Packages;
      inherit withPackages;
      # Without byte code an image is smaller and starts slower.
      withPackagesNoByteCode = withByteCode { pythonByteCode = false; };
      meta.mainProgram = "python3";
    };
  };
in
{
  inherit python3 python3Packages;
  python = python3;
}
