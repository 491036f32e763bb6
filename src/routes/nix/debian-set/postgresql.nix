# PostgreSQL of the release, with `withPackages` for its extensions.
{ lib, debian, debianEnvironment }:
let
  # `postgresql` is Debian's own name for the release's version; it depends on `postgresql-N`. An archive may have
  # neither, and a lock only the latter.
  servers = lib.filter (name: builtins.match "postgresql-[0-9]+" name != null) (debian.withPrefix "postgresql-");
  version =
    if lib.elem "postgresql" (debian.withPrefix "postgresql")
    then lib.head (lib.splitString "+" (debian.record "postgresql").version)
    else lib.removePrefix "postgresql-" (if servers == [ ] then "postgresql-0" else lib.last servers);
  server = "postgresql-${version}";
  facts = debian.record server;

  # `postgis` is `postgresql-15-postgis-3` there: the extension's name, perhaps with its own major version.
  extension = name:
    let
      prefix = "${server}-${name}";
      found = debian.withPrefix prefix;
      exact = lib.filter (candidate: candidate == prefix) found;
      versioned = lib.filter (candidate: builtins.match "${lib.escapeRegex prefix}-[0-9.]+" candidate != null) found;
      chosen = if exact != [ ] then lib.head exact else if versioned != [ ] then lib.last versioned else
        throw "postgresql: no extension '${name}' in debian:${debian.suite}; names that begin alike: ${lib.concatStringsSep ", " (debian.withPrefix "${server}-${builtins.substring 0 3 name}")}";
    in
    debianEnvironment {
      name = "${chosen}-${lib.storeName (debian.record chosen).version}";
      packages = [ chosen ];
      passthru = { pname = name; inherit (debian.record chosen) version; };
    };

  extensions = debian.extensions server extension;

  withPackages = choose: debianEnvironment {
    name = "postgresql-and-plugins-${lib.storeName facts.version}";
    packages = [ server ] ++ lib.concatMap (value: value.debianPackages) (lib.flatten (choose extensions));
    passthru = { pname = "postgresql"; inherit (facts) version; meta.mainProgram = "postgres"; };
  };
  postgresql = debianEnvironment {
    name = "postgresql-${lib.storeName facts.version}";
    packages = [ server ];
    passthru = {
      pname = "postgresql";
      inherit (facts) version;
      psqlSchema = version;
      pkgs = extensions;
      inherit withPackages;
      meta.mainProgram = "postgres";
    };
  };

  ofVersion = suffix: value: lib.listToAttrs (map
    (wanted: lib.nameValuePair "postgresql${suffix wanted}" (
      if wanted == version then value
      else lib.refuse "debian:${debian.suite} has PostgreSQL ${version}, not ${wanted}; use pkgs.postgresql, or another suite"))
    [ "9.6" "11" "12" "13" "14" "15" "16" "17" "18" ]);
in
ofVersion (wanted: "_${wanted}") postgresql
// ofVersion (wanted: "${wanted}Packages") extensions
// {
  inherit postgresql;
  postgresqlPackages = extensions;
}
