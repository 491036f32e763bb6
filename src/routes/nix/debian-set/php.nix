# PHP of the release, with `withExtensions` and `buildEnv`. Extensions have nixpkgs' names; Debian packs several together, and
# has some in php-common. Leaves out php.unwrapped, mkDerivation and buildComposerProject.
{ lib, debian, debianEnvironment, writeTextDir, linkFarm, ofVersion }:
let
  # `2:8.2+93` of the package that stands for the release's version.
  version = lib.last (builtins.match "([0-9]+:)?([0-9]+[.][0-9]+).*" (debian.record "php-cli").version);

  packs = {
    common = [
      "calendar" "ctype" "exif" "ffi" "fileinfo" "filter" "ftp" "gettext" "iconv" "openssl" "pcntl" "pdo" "phar" "posix" "session"
      "shmop" "sockets" "sodium" "sysvmsg" "sysvsem" "sysvshm" "tokenizer" "zlib"
    ];
    mysql = [ "mysqli" "mysqlnd" "pdo_mysql" ];
    odbc = [ "pdo_odbc" ];
    pgsql = [ "pdo_pgsql" ];
    sqlite3 = [ "pdo_sqlite" ];
    sybase = [ "pdo_dblib" ];
    xml = [ "dom" "simplexml" "xmlreader" "xmlwriter" "xsl" ];
  };
  packOf = lib.concatMapAttrs (pack: lib.flip lib.genAttrs (_: "php-${pack}")) packs;

  extension = name: package: debianEnvironment {
    name = "php-${name}-${lib.storeName (debian.record package).version}";
    packages = [ package ];
    passthru = { pname = "php-${name}"; extensionName = name; inherit (debian.record package) version; };
  };
  others = lib.listToAttrs (map
    (package: lib.nameValuePair (lib.replaceStrings [ "-" ] [ "_" ] (lib.removePrefix "php-" package)) package)
    (debian.withPrefix "php-"));
  extensions = lib.mapAttrs extension (others // packOf // { opcache = "php${version}-opcache"; });

  # What nixpkgs' PHP has unless told otherwise.
  enabled = map (name: extensions.${name}) [
    "bcmath" "calendar" "ctype" "curl" "dom" "exif" "fileinfo" "filter" "ftp" "gd" "gettext" "gmp" "iconv" "intl" "ldap" "mbstring"
    "mysqli" "mysqlnd" "opcache" "openssl" "pcntl" "pdo" "pdo_mysql" "pdo_odbc" "pdo_pgsql" "pdo_sqlite" "pgsql" "posix" "readline"
    "session" "simplexml" "soap" "sockets" "sodium" "sqlite3" "sysvsem" "tokenizer" "xmlreader" "xmlwriter" "zip" "zlib"
  ];

  # nixpkgs' PHP has the server for FastCGI, too, under a name without a version.
  programs = [ "php-cli" "php-fpm" ];
  fpm = linkFarm "php-fpm" [{ name = "bin/php-fpm"; path = "/usr/sbin/php-fpm${version}"; }];

  buildEnv = { extensions ? { enabled, ... }: enabled, extraConfig ? "" }: debianEnvironment {
    name = "php-with-extensions-${version}";
    packages = programs ++ lib.unique (lib.concatMap (value: value.debianPackages) (extensions { inherit enabled; all = all; }));
    paths = [ fpm ] ++ lib.optionals (extraConfig != "") (map
      (interface: writeTextDir "etc/php/${version}/${interface}/conf.d/99-extra.ini" extraConfig)
      [ "cli" "fpm" "apache2" ]);
    passthru = facts;
  };
  all = extensions;
  withExtensions = choose: buildEnv { extensions = choose; };

  packages.composer = debianEnvironment {
    name = "composer-${lib.storeName (debian.record "composer").version}";
    packages = [ "composer" ];
    passthru = { pname = "composer"; inherit (debian.record "composer") version; meta.mainProgram = "composer"; };
  };
  facts = {
    pname = "php";
    inherit version extensions buildEnv withExtensions packages;
    meta.mainProgram = "php";
  };
  php = debianEnvironment {
    name = "php-${lib.storeName (debian.record "php-cli").version}";
    packages = programs;
    paths = [ fpm ];
    passthru = facts;
  };

  # php82, php82Extensions, php82Packages: the release's, or what says that it has another.
  versioned = suffix: value: lib.listToAttrs (map
    (wanted:
      let name = "php${lib.replaceStrings [ "." ] [ "" ] wanted}"; in
      lib.nameValuePair "${name}${suffix}" (if wanted == version then value else ofVersion.${name}))
    [ "7.4" "8.0" "8.1" "8.2" "8.3" "8.4" ]);
in
versioned "" php
// versioned "Extensions" extensions
// versioned "Packages" packages
// {
  inherit php;
  phpExtensions = extensions;
  phpPackages = packages;
}
