# perl and ruby with modules, by the names that nixpkgs gives them: `JSONXS` is libjson-xs-perl, `nokogiri` ruby-nokogiri.
# Leaves out buildPerlPackage, gems from a Gemfile.lock and other versions of the languages.
{ lib, debian, debianEnvironment, ofVersion }:
let
  language = { name, prefix, suffix ? "", others }:
    let
      package = name: debianName: debianEnvironment {
        name = "${debianName}-${lib.storeName (debian.record debianName).version}";
        packages = [ debianName ];
        passthru = { pname = name; inherit (debian.record debianName) version; };
      };
      known = debian.modules prefix suffix (module: package module (known.packageOf module));
      has = debianName: lib.elem debianName (debian.withPrefix debianName);
      modules = known.set // lib.mapAttrs package (lib.filterAttrs (_: has) others);
      record = debian.record name;
      withPackages = choose: debianEnvironment {
        name = "${name}-${lib.storeName record.version}-env";
        packages = [ name ] ++ lib.concatMap (value: value.debianPackages) (lib.flatten (choose modules));
        passthru = facts;
      };
      facts = { pname = name; inherit (record) version; inherit withPackages; pkgs = modules; meta.mainProgram = name; };
    in
    {
      inherit modules;
      interpreter = debianEnvironment {
        name = "${name}-${lib.storeName record.version}";
        packages = [ name ];
        passthru = facts;
      };
    };

  perl = language {
    name = "perl";
    prefix = "lib";
    suffix = "-perl";
    # Where authors and Debian disagree.
    others = {
      CGI = "libcgi-pm-perl";
      DBDSQLite = "libdbd-sqlite3-perl";
      DBDmysql = "libdbd-mysql-perl";
      LWP = "libwww-perl";
      LWPUserAgent = "libwww-perl";
      TemplateToolkit = "libtemplate-perl";
    };
  };
  ruby = language {
    name = "ruby";
    prefix = "ruby-";
    others = lib.genAttrs [ "bundler" "passenger" "puma" "rails" "rake" "thin" "unicorn" ] (name: name);
  };
  versioned = suffix: value: lib.mapAttrs'
    (name: other: lib.nameValuePair "${name}${suffix}" (if lib.hasPrefix "${lib.replaceStrings [ "_" ] [ "." ] (lib.removePrefix "ruby_" name)}" (lib.last (lib.splitString ":" (debian.record "ruby").version)) then value else other))
    (lib.filterAttrs (name: _: lib.hasPrefix "ruby_" name) ofVersion);
in
versioned "" ruby.interpreter
// {
  perl = perl.interpreter;
  perlPackages = perl.modules;
  ruby = ruby.interpreter;
  rubyPackages = ruby.modules;
}
