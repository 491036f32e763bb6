# Packages under nixpkgs' names where Debian has another, and what nixpkgs has that this set refuses by name. Names that
# both share come from the archive itself. A name of nixpkgs with a version is the release's own package when that has
# this version.
{ lib, debian, debianEnvironment, linkFarm, librariesOf, python3 }:
let
  package = name: names: debianEnvironment {
    inherit name;
    packages = lib.toList names;
    paths = lib.optional (links ? ${name}) (linkFarm "${name}-programs"
      (lib.mapAttrsToList (program: path: { name = "bin/${program}"; inherit path; }) links.${name}));
    passthru = {
      pname = name;
      inherit (debian.record (lib.head (lib.toList names))) version;
      meta = {
        inherit (debian.record (lib.head (lib.toList names))) description homepage;
        mainProgram = programs.${name} or name;
      };
    };
  };

  # Programs that nixpkgs calls otherwise than Debian, and where they lie.
  links = {
    apacheHttpd.httpd = "/usr/sbin/apache2";
    bat.bat = "/usr/bin/batcat";
    fd.fd = "/usr/bin/fdfind";
    yarn.yarn = "/usr/bin/yarnpkg";
  };

  # Where the program is not called like the package.
  programs = {
    typescript = "tsc";
    uglify-js = "uglifyjs";
    wireshark-cli = "tshark";
    xxHash = "xxhsum";
    bashInteractive = "bash";
    bashNonInteractive = "bash";
    gnused = "sed";
    gnugrep = "grep";
    gnutar = "tar";
    gnumake = "make";
    gnupatch = "patch";
    apacheHttpd = "httpd";
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
    gitMinimal = "git";
    curlMinimal = "curl";
    bind = "named";
    dig = "dig";
    util-linuxMinimal = "mount";
    poppler_utils = "pdftotext";
  };

  renamed = {
    ctags = "universal-ctags";
    flock = "util-linux";
    getent = "libc-bin";
    ipython = "ipython3";
    mime-types = "media-types";
    mktemp = "coreutils";
    nagios = "nagios4";
    polkit = "polkitd";
    procps-ng = "procps";
    typescript = "node-typescript";
    uglify-js = "uglifyjs";
    wireshark-cli = "tshark";
    xorgserver = "xserver-xorg-core";
    xxHash = "xxhash";
    bashInteractive = "bash";
    bat = "bat";
    avahi = [ "avahi-daemon" "avahi-utils" ];
    bashInteractiveFHS = "bash";
    bashNonInteractive = "bash";
    bash_5 = "bash";
    busybox-sandbox-shell = "busybox-static";
    nodejs_latest = "nodejs";
    shellcheck-minimal = "shellcheck";
    apacheHttpd = "apache2";
    bind = "bind9";
    bintools = "binutils";
    coreutils-full = "coreutils";
    cronie = "cron";
    curlFull = "curl";
    curlMinimal = "curl";
    dconf = "dconf-cli";
    cyrus_sasl = "libsasl2-2";
    dejavu_fonts = "fonts-dejavu";
    dig = "bind9-dnsutils";
    docutils = "python3-docutils";
    dovecot = [ "dovecot-core" "dovecot-imapd" "dovecot-pop3d" "dovecot-lmtpd" "dovecot-sieve" "dovecot-managesieved" ];
    dnsutils = "bind9-dnsutils";
    docker-client = "docker.io";
    elfutils = "elfutils";
    etcd = [ "etcd-server" "etcd-client" ];
    envsubst = "gettext-base";
    exim = "exim4-daemon-light";
    exiftool = "libimage-exiftool-perl";
    fd = "fd-find";
    ffmpeg-headless = "ffmpeg";
    ffmpeg-full = "ffmpeg";
    fira-code = "fonts-firacode";
    firefox = "firefox-esr";
    font-awesome = "fonts-font-awesome";
    freefont_ttf = "fonts-freefont-ttf";
    freetype = "libfreetype6";
    fortune = "fortune-mod";
    fuse3 = "fuse3";
    gcc12 = [ "gcc-12" "g++-12" ];
    gcc13 = [ "gcc-13" "g++-13" ];
    geoip = "geoip-bin";
    guile = "guile-3.0";
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
    inter = "fonts-inter";
    ipafont = "fonts-ipafont";
    iproute = "iproute2";
    inetutils = [ "inetutils-telnet" "inetutils-ping" "inetutils-ftp" ];
    iputils = [ "iputils-ping" "iputils-tracepath" "iputils-arping" ];
    jdk = "default-jdk-headless";
    jdk_headless = "default-jdk-headless";
    jre = "default-jre-headless";
    jre_headless = "default-jre-headless";
    jre_minimal = "default-jre-headless";
    openjdk = "default-jdk-headless";
    krb5 = "krb5-user";
    kubectl = "kubernetes-client";
    lato = "fonts-lato";
    libiconv = "libc6";
    libvips = "libvips-tools";
    vips = "libvips-tools";
    librsvg = [ "librsvg2-bin" "librsvg2-2" ];
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
    mesa = [ "libgl1-mesa-dri" "libegl-mesa0" "libglx-mesa0" ];
    mysql-client = "mariadb-client";
    net-snmp = [ "snmp" "snmpd" ];
    nextcloud-client = "nextcloud-desktop-cmd";
    nfs-utils = "nfs-common";
    nssTools = "libnss3-tools";
    open-sans = "fonts-open-sans";
    pkgconfig = "pkg-config";
    proftpd = "proftpd-core";
    protobuf = "protobuf-compiler";
    R = "r-base-core";
    roboto = "fonts-roboto";
    silver-searcher = "silversearcher-ag";
    stunnel = "stunnel4";
    swiProlog = "swi-prolog-nox";
    systemdMinimal = "systemd";
    tesseract4 = "tesseract-ocr";
    tesseract5 = "tesseract-ocr";
    tomcat = "tomcat10";
    vala = "valac";
    wqy_zenhei = "fonts-wqy-zenhei";
    xkeyboard_config = "xkb-data";
    xvfb-run = [ "xvfb" "xauth" ];
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

  # Libraries, by the package that has their headers: recipes name them as inputs and in search paths. What programs need
  # of them are the packages of the library itself; `stdenv` takes the headers where they are inputs.
  libraries = {
    atk = "libatk1.0-dev";
    blas = "libblas-dev";
    c-ares = "libc-ares-dev";
    eigen = "libeigen3-dev";
    enchant = "libenchant-2-dev";
    hdf5 = "libhdf5-dev";
    hiredis = "libhiredis-dev";
    lapack = "liblapack-dev";
    libaio = "libaio-dev";
    libmemcached = "libmemcached-dev";
    libvirt = "libvirt-dev";
    libxcb = "libxcb1-dev";
    nettle = "nettle-dev";
    nss_latest = "libnss3-dev";
    spdlog = "libspdlog-dev";
    alsa-lib = "libasound2-dev";
    apr = "libapr1-dev";
    audit = "libaudit-dev";
    boost = "libboost-dev";
    cairo = "libcairo2-dev";
    freetds = "freetds-dev";
    fribidi = "libfribidi-dev";
    gd = "libgd-dev";
    gdbm = "libgdbm-dev";
    gdk-pixbuf = "libgdk-pixbuf-2.0-dev";
    giflib = "libgif-dev";
    glib = "libglib2.0-dev";
    gmp = "libgmp-dev";
    gperftools = "libgoogle-perftools-dev";
    gtk3 = "libgtk-3-dev";
    gtk4 = "libgtk-4-dev";
    harfbuzz = "libharfbuzz-dev";
    jansson = "libjansson-dev";
    jemalloc = "libjemalloc-dev";
    lcms2 = "liblcms2-dev";
    libarchive = "libarchive-dev";
    libb64 = "libb64-dev";
    libcap = "libcap-dev";
    libcap_ng = "libcap-ng-dev";
    libev = "libev-dev";
    libevent = "libevent-dev";
    libgcrypt = "libgcrypt20-dev";
    libgit2 = "libgit2-dev";
    libGL = "libgl-dev";
    libglvnd = "libglvnd-dev";
    libgpg-error = "libgpg-error-dev";
    libidn2 = "libidn2-dev";
    libjpeg = "libjpeg62-turbo-dev";
    libjpeg_turbo = "libjpeg62-turbo-dev";
    libmagic = "libmagic-dev";
    libmaxminddb = "libmaxminddb-dev";
    libmysqlclient = "libmariadb-dev";
    libnotify = "libnotify-dev";
    libpcap = "libpcap0.8-dev";
    libpng = "libpng-dev";
    libpqxx = "libpqxx-dev";
    libpsl = "libpsl-dev";
    librdkafka = "librdkafka-dev";
    libsass = "libsass-dev";
    libseccomp = "libseccomp-dev";
    libsecret = "libsecret-1-dev";
    libsodium = "libsodium-dev";
    libssh = "libssh-dev";
    libssh2 = "libssh2-1-dev";
    libtiff = "libtiff-dev";
    libunwind = "libunwind-dev";
    libusb1 = "libusb-1.0-0-dev";
    libuuid = "uuid-dev";
    libuv = "libuv1-dev";
    libvpx = "libvpx-dev";
    libwebp = "libwebp-dev";
    libxcrypt = "libcrypt-dev";
    libxkbcommon = "libxkbcommon-dev";
    libzip = "libzip-dev";
    linux-pam = "libpam0g-dev";
    lmdb = "liblmdb-dev";
    lzo = "liblzo2-dev";
    mariadb-connector-c = "libmariadb-dev";
    msgpack = "libmsgpack-dev";
    nspr = "libnspr4-dev";
    nss = "libnss3-dev";
    openblas = "libopenblas-dev";
    opencv = "libopencv-dev";
    opencv4 = "libopencv-dev";
    pam = "libpam0g-dev";
    pango = "libpango1.0-dev";
    pcre = "libpcre3-dev";
    pcre2 = "libpcre2-dev";
    pixman = "libpixman-1-dev";
    poppler = "libpoppler-dev";
    re2 = "libre2-dev";
    rocksdb = "librocksdb-dev";
    snappy = "libsnappy-dev";
    unixODBC = "unixodbc-dev";
    utf8proc = "libutf8proc-dev";
    wayland = "libwayland-dev";
    xmlsec = "libxmlsec1-dev";
    yajl = "libyajl-dev";
    yaml-cpp = "libyaml-cpp-dev";
    zeromq = "libzmq3-dev";
  };
  library = name: headers:
    let record = debian.record headers;
    in debianEnvironment {
      name = "${name}-${lib.storeName record.version}";
      packages = librariesOf headers;
      passthru = {
        pname = name;
        inherit (record) version;
        debianHeaders = [ headers ];
        meta = { inherit (record) description homepage; };
      };
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

  # A shell for developers is no image: it may be defined, and says so when it is wanted.
  shell = arguments: {
    type = "derivation";
    name = arguments.name or "nix-shell";
    drvPath = lib.refuse "mkShell: shells are not made here, images are; put the packages into dockerTools.buildImage";
    outPath = lib.refuse "mkShell: shells are not made here, images are; put the packages into dockerTools.buildImage";
  };

  # What would build from source, or belongs to another kind of system.
  refused = lib.mapAttrs (name: instead: lib.refuse "${name}: the Debian package set installs packages and does not have this; ${instead}") {
    dotnet-sdk = "build outside and copy what comes out with stdenv.mkDerivation";
    dotnet-runtime = "build outside, self-contained, and copy what comes out with stdenv.mkDerivation";
    dotnetCorePackages = "build outside, self-contained, and copy what comes out with stdenv.mkDerivation";
    nix-gitignore = "a flake in a Git repository has only what Git tracks; choose files with lib.fileset";
    nodePackages_latest = "Debian has many as node-NAME";
    pkgsCross = "take nixpkgs.legacyPackages.aarch64-linux for the other architecture";
    pnpm = "build outside and copy node_modules with stdenv.mkDerivation";
    writeClosure = "which store paths a path needs is known only after it is built; images have them anyway";
    writeReferencesToFile = "which store paths a path needs is known only after it is built; images have them anyway";
    mysql = "use pkgs.mariadb, or pkgs.mariadb-client for the client alone";
    mysql80 = "use pkgs.mariadb, or pkgs.mariadb-client for the client alone";
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
    nodePackages = "Debian has many as node-NAME";
    nix = "images of Debian packages have no Nix store to manage; take this input from nixpkgs";
    nixFlakes = "images of Debian packages have no Nix store to manage; take this input from nixpkgs";
  };
in
refused
// lib.mapAttrs package renamed
// lib.mapAttrs library libraries
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
  # The same options and meaning.
  su-exec = debianEnvironment {
    name = "su-exec-${lib.storeName (debian.record "gosu").version}";
    packages = [ "gosu" ];
    paths = [ (linkFarm "su-exec" [{ name = "bin/su-exec"; path = "/usr/sbin/gosu"; }]) ];
    passthru = { pname = "su-exec"; inherit (debian.record "gosu") version; meta.mainProgram = "su-exec"; };
  };
  unixtools = lib.mapAttrs package {
    arp = "net-tools";
    column = "bsdmainutils";
    getent = "libc-bin";
    hexdump = "bsdextrautils";
    hostname = "hostname";
    ifconfig = "net-tools";
    netstat = "net-tools";
    ping = "iputils-ping";
    ps = "procps";
    route = "net-tools";
    script = "bsdutils";
    sysctl = "procps";
    top = "procps";
    watch = "procps";
    whereis = "util-linux";
    xxd = "xxd";
  };
  mkShell = shell;
  mkShellNoCC = shell;
}
