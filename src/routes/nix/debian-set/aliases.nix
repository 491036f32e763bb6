# Packages under nixpkgs' names where Debian has another, and what nixpkgs has that this set refuses by name. Names that
# both share come from the archive itself. A name of nixpkgs with a version is the release's own package when that has
# this version.
{ lib, debian, debianEnvironment, python3 }:
let
  package = name: names: debianEnvironment {
    inherit name;
    packages = lib.toList names;
    passthru = {
      pname = name;
      inherit (debian.record (lib.head (lib.toList names))) version;
      meta = {
        inherit (debian.record (lib.head (lib.toList names))) description homepage;
        mainProgram = programs.${name} or name;
      };
    };
  };

  # Where the program is not called like the package.
  programs = {
    bashInteractive = "bash";
    bashNonInteractive = "bash";
    gnused = "sed";
    gnugrep = "grep";
    gnutar = "tar";
    gnumake = "make";
    gnupatch = "patch";
    apacheHttpd = "apache2";
    docker-client = "docker";
    imagemagick7 = "convert";
    iputils = "ping";
    jdk = "java";
    jre = "java";
    jre_headless = "java";
    mariadb = "mariadbd";
    netcat-gnu = "nc";
    nodejs-slim = "node";
    openssh = "ssh";
    sqlite-interactive = "sqlite3";
    sqlite = "sqlite3";
    yarn = "yarnpkg";
    gitMinimal = "git";
    curlMinimal = "curl";
    bind = "named";
    dig = "dig";
    fd = "fdfind";
    util-linuxMinimal = "mount";
    poppler_utils = "pdftotext";
  };

  renamed = {
    bashInteractive = "bash";
    bashNonInteractive = "bash";
    apacheHttpd = "apache2";
    bind = "bind9";
    bintools = "binutils";
    coreutils-full = "coreutils";
    cronie = "cron";
    curlFull = "curl";
    curlMinimal = "curl";
    cyrus_sasl = "libsasl2-2";
    dejavu_fonts = "fonts-dejavu";
    dig = "bind9-dnsutils";
    dnsutils = "bind9-dnsutils";
    docker-client = "docker.io";
    elfutils = "elfutils";
    etcd = [ "etcd-server" "etcd-client" ];
    exiftool = "libimage-exiftool-perl";
    fd = "fd-find";
    ffmpeg-headless = "ffmpeg";
    ffmpeg-full = "ffmpeg";
    freetype = "libfreetype6";
    fortune = "fortune-mod";
    fuse3 = "fuse3";
    gdal = [ "gdal-bin" ];
    geos = "libgeos-c1v5";
    ghostscript_headless = "ghostscript";
    gitMinimal = "git";
    gitFull = "git";
    glibc = "libc6";
    glibcLocales = "locales-all";
    glibcLocalesUtf8 = "locales-all";
    gnugrep = "grep";
    gnumake = "make";
    gnupatch = "patch";
    gnused = "sed";
    gnutar = "tar";
    gnutls = "gnutls-bin";
    go = "golang-go";
    gpgme = "libgpgme11";
    iana-etc = "netbase";
    icu = "libicu72";
    imagemagick7 = "imagemagick";
    inetutils = [ "inetutils-telnet" "inetutils-ping" "inetutils-ftp" ];
    iputils = [ "iputils-ping" "iputils-tracepath" "iputils-arping" ];
    jdk = "default-jdk-headless";
    jdk_headless = "default-jdk-headless";
    jre = "default-jre-headless";
    jre_headless = "default-jre-headless";
    jre_minimal = "default-jre-headless";
    openjdk = "default-jdk-headless";
    krb5 = "krb5-user";
    ldns = "ldnsutils";
    liberation_ttf = "fonts-liberation";
    libffi = "libffi8";
    libpq = "libpq5";
    libxslt = "xsltproc";
    libyaml = "libyaml-0-2";
    lua = "lua5.4";
    lua5_4 = "lua5.4";
    mailcap = "media-types";
    man = "man-db";
    mariadb = [ "mariadb-server" "mariadb-client" ];
    mono = "mono-runtime";
    ncurses = [ "ncurses-bin" "ncurses-base" ];
    netcat = "netcat-openbsd";
    netcat-gnu = "netcat-traditional";
    nettools = "net-tools";
    ninja = "ninja-build";
    nginxMainline = "nginx";
    nginxStable = "nginx";
    nodejs-slim = "nodejs";
    noto-fonts = "fonts-noto-core";
    noto-fonts-cjk-sans = "fonts-noto-cjk";
    noto-fonts-emoji = "fonts-noto-color-emoji";
    noto-fonts-color-emoji = "fonts-noto-color-emoji";
    nss_wrapper = "libnss-wrapper";
    openldap = [ "slapd" "ldap-utils" ];
    openssh = [ "openssh-client" "openssh-server" ];
    openssl_3 = "openssl";
    pinentry = "pinentry-curses";
    pkgconf = "pkgconf";
    poppler_utils = "poppler-utils";
    proj = "proj-bin";
    readline = "libreadline8";
    rubyPackages = "ruby";
    shadow = [ "passwd" "login" ];
    sqlite = "sqlite3";
    sqlite-interactive = "sqlite3";
    su = "util-linux";
    tesseract = "tesseract-ocr";
    texliveFull = "texlive-full";
    util-linuxMinimal = "util-linux";
    utillinux = "util-linux";
    vim-full = "vim";
    which = "debianutils";
    xz = "xz-utils";
    yarn = "yarnpkg";
    yq-go = "yq";
    zlib = "zlib1g";
  };

  # nixpkgs' name with a version, Debian's package, and how much of the version the name says.
  versioned = prefix: names: versions: separator: debianName:
    lib.listToAttrs (map
      (version: lib.nameValuePair "${prefix}${lib.replaceStrings [ "." ] [ separator ] version}" (exactly version names debianName))
      versions);
  exactly = version: what: found:
    let
      record = debian.record (lib.head (lib.toList found));
      # An epoch comes first, and what Debian added last.
      upstream = lib.last (lib.splitString ":" record.version);
      fits = upstream == version || lib.any (end: lib.hasPrefix "${version}${end}" upstream) [ "." "+" "-" "~" ];
    in
    if fits then package what found
    else lib.refuse "debian:${debian.suite} has ${what} ${upstream}, not ${version}; use pkgs.${what}, or another suite";

  java = version: lib.listToAttrs (map
    (name: lib.nameValuePair name (package name "openjdk-${version}-${if lib.hasPrefix "jre" name then "jre" else "jdk"}-headless"))
    [ "jdk${version}" "openjdk${version}" "jre${version}" "jdk${version}_headless" "jre${version}_headless" "openjdk${version}_headless" ]);

  pythonVersions = [ "3.9" "3.10" "3.11" "3.12" "3.13" "3.14" ];
  ofPython = prefix: suffix: value: lib.listToAttrs (map
    (version: lib.nameValuePair "${prefix}${lib.replaceStrings [ "." ] [ "" ] version}${suffix}" (
      if python3.pythonVersion == version then value
      else lib.refuse "debian:${debian.suite} has Python ${python3.pythonVersion}, not ${version}; use pkgs.python3${suffix}, or another suite"))
    pythonVersions);

  # What would build from source, or belongs to another kind of system.
  refused = lib.mapAttrs (name: instead: lib.refuse "${name}: the Debian package set installs packages and does not have this; ${instead}") {
    buildGoModule = "build with stdenv.mkDerivation and nativeBuildInputs = [ pkgs.go ] from vendored sources";
    buildGoPackage = "build with stdenv.mkDerivation and nativeBuildInputs = [ pkgs.go ] from vendored sources";
    rustPlatform = "build with stdenv.mkDerivation and nativeBuildInputs = [ pkgs.cargo ] from vendored sources";
    buildNpmPackage = "commit or vendor node_modules and copy them with stdenv.mkDerivation";
    mkYarnPackage = "commit or vendor node_modules and copy them with stdenv.mkDerivation";
    buildRubyGem = "Debian has many gems as ruby-NAME";
    bundlerEnv = "Debian has many gems as ruby-NAME";
    buildMaven = "build the .jar outside and copy it with stdenv.mkDerivation";
    buildDotnetModule = "build outside and copy it with stdenv.mkDerivation";
    poetry2nix = "use python3.withPackages with Debian's Python packages";
    buildFHSEnv = "Debian packages lie in /usr already; use dockerTools.buildImage";
    buildFHSUserEnv = "Debian packages lie in /usr already; use dockerTools.buildImage";
    pkgsStatic = "Debian's packages are linked dynamically; use them as they are, or pkgs.busybox-static";
    pkgsMusl = "Debian's packages are built for glibc; use them as they are";
    pkgsi686Linux = "there are packages for amd64 and arm64 only";
    ociTools = "use dockerTools";
    nixos = "use dockerTools.buildImage for an image";
    nixosTest = "run the image instead";
    testers = "run the image instead";
    vmTools = "runAsRoot needs no virtual machine here";
    appimageTools = "use dockerTools";
    haskellPackages = "Debian has many libraries as libghc-NAME-dev";
    perlPackages = "Debian has them as libNAME-perl";
    nodePackages = "Debian has many as node-NAME";
    nix = "images of Debian packages have no Nix store to manage; take this input from nixpkgs";
    nixFlakes = "images of Debian packages have no Nix store to manage; take this input from nixpkgs";
  };
in
refused
// lib.mapAttrs package renamed
// versioned "nodejs_" "nodejs" [ "12" "14" "16" "18" "20" "22" "24" ] "_" "nodejs"
// lib.mapAttrs' (name: value: lib.nameValuePair "nodejs-${lib.removePrefix "nodejs_" name}_x" value)
  (versioned "nodejs_" "nodejs" [ "12" "14" "16" "18" "20" "22" ] "_" "nodejs")
// versioned "nodejs-slim_" "nodejs" [ "18" "20" "22" "24" ] "_" "nodejs"
// versioned "php" "php" [ "7.4" "8.0" "8.1" "8.2" "8.3" "8.4" ] "" "php-cli"
// versioned "ruby_" "ruby" [ "2.7" "3.0" "3.1" "3.2" "3.3" "3.4" ] "_" "ruby"
// versioned "go_" "go" [ "1.15" "1.19" "1.20" "1.21" "1.22" "1.23" "1.24" "1.25" ] "_" "golang-go"
// java "8" // java "11" // java "17" // java "21" // java "25"
// ofPython "python" "" python3
// ofPython "python" "Packages" python3.pkgs
// ofPython "python" "Full" python3
// {
  python3Full = python3;
  python3Minimal = package "python3Minimal" "python3-minimal";
  php = package "php" "php-cli";
  # A shell for developers is no image: it may be defined, and says so when it is wanted.
  mkShell = arguments: {
    type = "derivation";
    name = arguments.name or "nix-shell";
    drvPath = lib.refuse "mkShell: shells are not made here, images are; put the packages into dockerTools.buildImage";
    outPath = lib.refuse "mkShell: shells are not made here, images are; put the packages into dockerTools.buildImage";
  };
}
