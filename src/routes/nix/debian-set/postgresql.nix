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

  # `postgis` is `postgresql-15-postgis-3` there: the extension's name, perhaps with its own major version; `pg_cron` is
  # `postgresql-15-cron`, and `plpgsql_check` has a hyphen.
  extension = name:
    let
      written = lib.replaceStrings [ "_" ] [ "-" ] name;
      packagesOf = name:
        let
          prefix = "${server}-${name}";
          found = debian.withPrefix prefix;
          versioned = lib.filter (candidate: builtins.match "${lib.escapeRegex prefix}-[0-9.]+" candidate != null) found;
        in
        if lib.elem prefix found then [ prefix ] else lib.optional (versioned != [ ]) (lib.last versioned);
      found = lib.concatMap packagesOf (lib.unique [ name written (lib.removePrefix "pg-" written) ]);
      chosen = if found != [ ] then lib.head found else
        throw "postgresql: no extension '${name}' in debian:${debian.suite}; names that begin alike: ${lib.concatStringsSep ", " (debian.withPrefix "${server}-${builtins.substring 0 3 name}")}";
    in
    debianEnvironment {
      name = "${chosen}-${lib.storeName (debian.record chosen).version}";
      packages = [ chosen ];
      passthru = { pname = name; inherit (debian.record chosen) version; };
    };

  # Languages, which Debian calls `postgresql-plpython3-15`.
  language = name: debianEnvironment {
    name = "${name}-${version}";
    packages = [ "postgresql-${name}-${version}" ];
    passthru = { pname = name; inherit (debian.record "postgresql-${name}-${version}") version; };
  };

  extensions = debian.extensions server extension // lib.genAttrs [ "plperl" "plpython3" "pltcl" ] language;

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
