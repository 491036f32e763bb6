# Further functions of nixpkgs' lib, which recipes use now and then, and those that its module system has, which are refused
# by name. What most recipes use is in lib.nix.
lib:
let
  inherit (builtins) all attrNames concatMap concatStringsSep elem elemAt filter foldl' genList hasAttr head isAttrs isBool isInt isList isString length listToAttrs
    mapAttrs match pathExists readDir readFileType replaceStrings stringLength substring tail toString;

  digits = lib.stringToCharacters "0123456789abcdef";

  # Options as programs of GNU take them: { verbose = true; x = [ 1 2 ]; } → [ "--verbose" "-x" "1" "-x" "2" ].
  toGNUCommandLine =
    { mkOptionName ? name: if stringLength name == 1 then "-${name}" else "--${name}"
    , mkBool ? name: value: lib.optional value (mkOptionName name)
    , mkList ? name: values: concatMap (mkOption name) values
    , mkOption ? name: value: if value == null then [ ] else if optionValueSeparator == null then [ (mkOptionName name) (text value) ] else [ "${mkOptionName name}${optionValueSeparator}${text value}" ]
    , optionValueSeparator ? null
    }: options:
    let one = name: value: if isBool value then mkBool name value else if isList value then mkList name value else mkOption name value;
    in builtins.concatLists (lib.mapAttrsToList one options);
  text = lib.generators.mkValueStringDefault { };

  isSubpath = value: isString value && value != "" && substring 0 1 value != "/" && !(elem ".." (lib.splitString "/" value));
  subpath = {
    isValid = isSubpath;
    components = value: filter (part: part != "" && part != ".") (lib.splitString "/" value);
    normalise = value: "./${concatStringsSep "/" (subpath.components value)}";
    join = parts: subpath.normalise (concatStringsSep "/" ([ "." ] ++ parts));
  };

  # An order in which every item comes after those that are `before` it; as nixpkgs', { result } or { cycle, loops }.
  toposort = before: items:
    let
      go = sorted: rest:
        let free = filter (item: !(lib.any (other: before other item) (lib.remove item rest))) rest; in
        if rest == [ ] then { result = sorted; }
        else if free == [ ] then { cycle = rest; loops = rest; }
        else go (sorted ++ [ (head free) ]) (lib.remove (head free) rest);
    in
    go [ ] items;

  listFilesRecursive = folder: concatMap
    (name: let path = folder + "/${name}"; in if (readDir folder).${name} == "directory" then listFilesRecursive path else [ path ])
    (attrNames (readDir folder));

  modules = lib.genAttrs
    [
      "mkOption" "mkEnableOption" "mkPackageOption" "mkIf" "mkMerge" "mkDefault" "mkForce" "mkOverride" "mkOrder" "mkBefore" "mkAfter" "mkOptionType"
      "mkRenamedOptionModule" "mkRemovedOptionModule" "mkAliasOptionModule" "types" "modules" "options"
    ]
    (name: lib.refuse "lib.${name}: the Debian package set has no module system; write the values themselves, with lib.optionalAttrs where there is a condition, or take the input from nixpkgs");
in
modules // rec {
  version = "24.05";
  release = version;
  maintainers = { };
  teams = { };
  sourceTypes = lib.genAttrs [ "fromSource" "binaryNativeCode" "binaryBytecode" "binaryFirmware" ] (shortName: { inherit shortName; isSource = shortName == "fromSource"; });

  # Lists.
  forEach = list: f: map f list;
  concat = a: b: a ++ b;
  imap = lib.imap1;
  uniqueStrings = list: attrNames (listToAttrs (map (name: lib.nameValuePair name null) list));
  findFirstIndex = wanted: default: list:
    let found = filter (index: wanted (elemAt list index)) (genList lib.id (length list)); in if found == [ ] then default else head found;
  commonPrefix = a: b: if a == [ ] || b == [ ] || head a != head b then [ ] else [ (head a) ] ++ commonPrefix (tail a) (tail b);
  crossLists = f: foldl' (fs: arguments: concatMap (f': map f' arguments) fs) [ f ];
  compareLists = compare: a: b:
    if a == [ ] then (if b == [ ] then 0 else -1) else if b == [ ] then 1
    else let first = compare (head a) (head b); in if first != 0 then first else compareLists compare (tail a) (tail b);
  checkListOfEnum = message: valid: given:
    let wrong = lib.subtractLists valid given; in
    lib.throwIfNot (wrong == [ ]) "${message}: ${concatStringsSep ", " (map toString wrong)} unexpected; valid ones: ${concatStringsSep ", " (map toString valid)}";
  inherit toposort;

  # Attribute sets.
  getAttrs = names: set: lib.genAttrs names (name: set.${name});
  mergeAttrs = a: b: a // b;
  overrideExisting = old: new: mapAttrs (name: value: new.${name} or value) old;
  zipAttrsWithNames = names: f: sets: lib.genAttrs names (name: f name (map (set: set.${name}) (filter (hasAttr name) sets)));
  concatMapAttrsStringSep = separator: f: set: concatStringsSep separator (lib.mapAttrsToList f set);
  mapAttrsToListRecursive = f: set: lib.collect (value: !(isAttrs value)) (lib.mapAttrsRecursive f set);
  setType = type: value: value // { _type = type; };
  isType = type: value: value._type or "" == type;
  getFirstOutput = names: package: lib.findFirst (output: output != null) package (map (name: package.${name} or null) names);
  extendDerivation = condition: more: package: if condition then package // more else package;
  warnOnInstantiate = message: lib.warn message;

  # Texts and numbers.
  boolToYesNo = value: if value then "yes" else "no";
  concatImapStrings = f: list: lib.concatStrings (lib.imap1 f list);
  cmakeOptionType = type: name: value: "-D${name}:${lib.toUpper type}=${value}";
  cmakeBool = name: value: cmakeOptionType "bool" name (if value then "TRUE" else "FALSE");
  cmakeFeature = cmakeOptionType "string";
  mesonOption = name: value: "-D${name}=${value}";
  mesonBool = name: value: mesonOption name (lib.boolToString value);
  mesonEnable = name: value: mesonOption name (if value then "enabled" else "disabled");
  enableFeature = flag: name: "--${if flag then "enable" else "disable"}-${name}";
  enableFeatureAs = flag: name: value: enableFeature flag name + lib.optionalString flag "=${value}";
  withFeature = flag: name: "--${if flag then "with" else "without"}-${name}";
  withFeatureAs = flag: name: value: withFeature flag name + lib.optionalString flag "=${value}";
  floatToString = toString;
  upperChars = lib.stringToCharacters "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
  lowerChars = lib.stringToCharacters "abcdefghijklmnopqrstuvwxyz";
  isValidPosixName = name: match "[a-zA-Z_][a-zA-Z0-9_]*" name != null;
  escapeURL =
    let kept = upperChars ++ lowerChars ++ lib.take 10 digits ++ [ "-" "_" "." "~" ];
    in lib.stringAsChars (character: if elem character kept then character else "%${lib.toUpper (lib.fixedWidthString 2 "0" (lib.toHexString (codeOf character)))}");
  # Codes of the characters of ASCII that URLs escape.
  codeOf = character:
    let
      ascii = " !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~";
      found = findFirstIndex (other: other == character) null (lib.stringToCharacters ascii);
    in
    if character == "\n" then 10 else if character == "\t" then 9 else if found != null then found + 32
    else lib.refuse "lib.escapeURL: characters beyond ASCII are not known here; write them escaped";
  toIntBase10 = value: let parts = match "[[:space:]]*(-?)0*([0-9]+)[[:space:]]*" value; in
    if parts == null then throw "toIntBase10: could not convert ${builtins.toJSON value} to int." else builtins.fromJSON (concatStringsSep "" parts);
  fromHexString = value: foldl' (sum: digit: sum * 16 + findFirstIndex (other: other == digit) (throw "fromHexString: ${value} is no hexadecimal number") digits) 0
    (lib.stringToCharacters (lib.removePrefix "0x" (lib.toLower value)));
  toBaseDigits = base: number: (if number < base then [ ] else toBaseDigits base (number / base)) ++ [ (lib.mod number base) ];
  bitNot = number: -1 - number;
  xor = a: b: a != b;
  converge = f: value: let next = f value; in if next == value then value else converge f next;
  versions = lib.versions // { pad = count: version: concatStringsSep "." (lib.take count (builtins.splitVersion version ++ genList (_: "0") count)); };
  info = message: builtins.trace "INFO: ${message}";

  # Files.
  pathType = readFileType;
  pathIsDirectory = path: pathExists path && readFileType path == "directory";
  pathIsRegularFile = path: pathExists path && readFileType path == "regular";
  inherit listFilesRecursive;
  paths = {
    inherit subpath;
    append = root: part: if isSubpath part then root + "/${part}" else throw "lib.path.append: '${part}' is no subpath; write one without a slash in front and without '..'";
  };

  cli = {
    inherit toGNUCommandLine;
    toGNUCommandLineShell = settings: options: lib.escapeShellArgs (toGNUCommandLine settings options);
  };
}
