# The part of nixpkgs' lib that flakes for container images use, with the same names and meanings.
let
  # The parts that nixpkgs also names one by one: `lib.strings`, `lib.lists` and so on.
  parts = lib // more // { inherit (files) fileset sources; };
  files = import ./files.nix lib;
  more = import ./lib-more.nix lib;
  # `lib.extend` has an overlay see the whole, and what was before.
  extendable = base: base // { extend = overlay: extendable (lib.fix (self: base // overlay self base)); };

  inherit (builtins)
    attrNames attrValues concatLists concatMap concatStringsSep elem elemAt filter foldl' functionArgs genList hasAttr head
    intersectAttrs isAttrs isFunction isList isString length listToAttrs mapAttrs match replaceStrings stringLength substring
    tail toString;

  lib = rec {
    inherit (builtins)
      add addErrorContext all any attrNames attrValues bitAnd bitOr bitXor catAttrs ceil concatLists concatMap concatStringsSep
      deepSeq div elem elemAt filter floor foldl' fromJSON functionArgs genericClosure genList getAttr groupBy hasAttr head
      intersectAttrs isAttrs isBool isFloat isFunction isInt isList isPath isString length lessThan listToAttrs mapAttrs match
      mul parseDrvName partition pathExists readDir readFile removeAttrs replaceStrings seq sort split storeDir stringLength sub
      substring tail toJSON toString trace tryEval typeOf unsafeDiscardStringContext unsafeGetAttrPos zipAttrsWith;

    id = value: value;
    const = value: _: value;
    flip = f: a: b: f b a;
    optional = condition: value: if condition then [ value ] else [ ];
    optionals = condition: values: if condition then values else [ ];
    optionalString = condition: text: if condition then text else "";
    optionalAttrs = condition: set: if condition then set else { };
    toList = value: if isList value then value else [ value ];
    flatten = value: if isList value then concatMap flatten value else [ value ];
    unique = foldl' (seen: value: if elem value seen then seen else seen ++ [ value ]) [ ];
    subtractLists = without: filter (value: !(elem value without));
    last = list: elemAt list (length list - 1);
    init = list: genList (elemAt list) (length list - 1);
    range = first: final: if first > final then [ ] else genList (offset: first + offset) (final - first + 1);
    imap0 = f: list: genList (index: f index (elemAt list index)) (length list);
    imap1 = f: list: genList (index: f (index + 1) (elemAt list index)) (length list);
    zipLists = a: b:
      genList (index: { fst = elemAt a index; snd = elemAt b index; })
        (if length a < length b then length a else length b);

    nameValuePair = name: value: { inherit name value; };
    genAttrs = names: f: listToAttrs (map (name: nameValuePair name (f name)) names);
    filterAttrs = keep: set: removeAttrs set (filter (name: !(keep name set.${name})) (attrNames set));
    mapAttrsToList = f: set: map (name: f name set.${name}) (attrNames set);
    mapAttrs' = f: set: listToAttrs (mapAttrsToList f set);
    concatMapAttrs = f: set: foldl' (sum: more: sum // more) { } (mapAttrsToList f set);
    attrByPath = path: default: set:
      if path == [ ] then set
      else if isAttrs set && hasAttr (head path) set then attrByPath (tail path) default set.${head path}
      else default;
    recursiveUpdate = a: b:
      a // mapAttrs (name: value:
        if hasAttr name a && isAttrs a.${name} && isAttrs value then recursiveUpdate a.${name} value else value) b;

    concatStrings = concatStringsSep "";
    concatMapStrings = f: list: concatStrings (map f list);
    concatMapStringsSep = separator: f: list: concatStringsSep separator (map f list);
    hasPrefix = prefix: text: substring 0 (stringLength prefix) text == prefix;
    hasSuffix = suffix: text:
      let start = stringLength text - stringLength suffix;
      in start >= 0 && substring start (stringLength suffix) text == suffix;
    removePrefix = prefix: text:
      if hasPrefix prefix text then substring (stringLength prefix) (-1) text else text;
    removeSuffix = suffix: text:
      if hasSuffix suffix text then substring 0 (stringLength text - stringLength suffix) text else text;
    splitString = separator: text: filter isString (builtins.split (escapeRegex separator) text);
    escapeRegex = replaceStrings
      [ "\\" "^" "$" "." "|" "?" "*" "+" "(" ")" "[" "{" ]
      [ "\\\\" "\\^" "\\$" "\\." "\\|" "\\?" "\\*" "\\+" "\\(" "\\)" "\\[" "\\{" ];
    escapeShellArg = value:
      let text = toString value;
      in if match "[[:alnum:],._+:@%/-]+" text != null then text else "'${replaceStrings [ "'" ] [ "'\\''" ] text}'";
    escapeShellArgs = concatMapStringsSep " " escapeShellArg;
    characters = text: genList (index: substring index 1 text) (stringLength text);
    toLower = replaceStrings (characters "ABCDEFGHIJKLMNOPQRSTUVWXYZ") (characters "abcdefghijklmnopqrstuvwxyz");
    toUpper = replaceStrings (characters "abcdefghijklmnopqrstuvwxyz") (characters "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
    # What may stand in a store path's name; Debian versions have ~ and : besides.
    storeName = replaceStrings [ "~" ":" ] [ "_" "_" ];

    makeSearchPath = folder: packages: concatMapStringsSep ":" (package: "${package}/${folder}") packages;
    makeBinPath = makeSearchPath "bin";
    makeLibraryPath = makeSearchPath "lib";
    getName = package: if isString package then (builtins.parseDrvName package).name else package.pname or (builtins.parseDrvName package.name).name;
    getVersion = package: if isString package then (builtins.parseDrvName package).version else package.version or (builtins.parseDrvName package.name).version;
    getExe = package: getExe' package (package.meta.mainProgram or (getName package));
    getExe' = package: program: "${package}/bin/${program}";
    getBin = package: package.bin or package.out or package;
    getLib = package: package.lib or package.out or package;
    isDerivation = value: value.type or null == "derivation";

    fix = f: let result = f result; in result;
    makeOverridable = f: arguments: f arguments // { override = more: makeOverridable f (arguments // (if isFunction more then more arguments else more)); };
    callPackageWith = scope: file: arguments:
      let
        f = if isFunction file then file else import file;
        made = f (intersectAttrs (functionArgs f) scope // arguments);
      in
      # What is made anew with other arguments.
      if isAttrs made && !(made ? override)
      then made // { override = more: callPackageWith scope file (arguments // (if isFunction more then more arguments else more)); }
      else made;

    # Numbers and conditions.
    min = a: b: if a < b then a else b;
    max = a: b: if a > b then a else b;
    mod = a: b: a - b * (a / b);
    boolToString = value: if value then "true" else "false";
    toInt = text:
      let trimmed = match "[[:space:]]*(-?[0-9]+)[[:space:]]*" text;
      in if trimmed == null then throw "lib.toInt: '${text}' is no number" else builtins.fromJSON (removeZeros (head trimmed));
    removeZeros = text:
      let parts = match "(-?)0*([0-9]+)" text;
      in concatStrings parts;
    toHexString = number: if number < 16 then substring number 1 "0123456789ABCDEF" else toHexString (number / 16) + toHexString (mod number 16);
    defaultTo = default: value: if value == null then default else value;
    mapNullable = f: value: if value == null then null else f value;
    or = a: b: a || b;
    and = a: b: a && b;
    pipe = foldl' (value: f: f value);
    compare = a: b: if a < b then -1 else if a > b then 1 else 0;
    isStringLike = value: isString value || isPath value || value ? outPath || value ? __toString;
    isStorePath = value: isStringLike value && dirOf (toString value) == builtins.storeDir;
    versionOlder = a: b: builtins.compareVersions b a == 1;
    versionAtLeast = a: b: !(versionOlder a b);
    versions = {
      major = version: elemAt (splitVersion version) 0;
      minor = version: elemAt (splitVersion version) 1;
      patch = version: elemAt (splitVersion version) 2;
      majorMinor = version: concatStringsSep "." (take 2 (splitVersion version));
      inherit splitVersion;
    };
    inherit (builtins) splitVersion compareVersions dirOf baseNameOf;

    # Lists.
    singleton = value: [ value ];
    foldr = f: nothing: list: let go = index: if index == length list then nothing else f (elemAt list index) (go (index + 1)); in go 0;
    fold = foldr;
    foldl = f: nothing: list: let go = index: if index == 0 then nothing else f (go (index - 1)) (elemAt list (index - 1)); in go (length list);
    reverseList = list: genList (index: elemAt list (length list - index - 1)) (length list);
    sublist = start: count: list: genList (index: elemAt list (start + index)) (max 0 (min count (length list - start)));
    take = count: sublist 0 count;
    drop = count: list: sublist count (length list) list;
    takeEnd = count: list: drop (max 0 (length list - count)) list;
    count = wanted: list: length (filter wanted list);
    findFirst = wanted: default: list: let found = filter wanted list; in if found == [ ] then default else head found;
    remove = value: filter (other: other != value);
    replicate = count: value: genList (_: value) count;
    sortOn = f: sort (a: b: f a < f b);
    naturalSort = sort (a: b: builtins.compareVersions a b == -1);
    zipListsWith = f: a: b: map ({ fst, snd }: f fst snd) (zipLists a b);
    intersectLists = list: filter (value: elem value list);
    mutuallyExclusive = a: b: !(builtins.any (value: elem value b) a);
    allUnique = list: length (unique list) == length list;
    ifilter0 = keep: list: map (index: elemAt list index) (filter (index: keep index (elemAt list index)) (genList id (length list)));

    # Attribute sets.
    attrVals = names: set: map (name: set.${name}) names;
    setAttrByPath = path: value: if path == [ ] then value else { ${head path} = setAttrByPath (tail path) value; };
    hasAttrByPath = path: set: path == [ ] || (isAttrs set && hasAttr (head path) set && hasAttrByPath (tail path) set.${head path});
    getAttrFromPath = path: set: foldl' (value: name: value.${name}) set path;
    attrsToList = mapAttrsToList nameValuePair;
    filterAttrsRecursive = keep: set:
      mapAttrs (_: value: if isAttrs value then filterAttrsRecursive keep value else value) (filterAttrs keep set);
    foldlAttrs = f: nothing: set: foldl' (result: name: f result name set.${name}) nothing (attrNames set);
    foldAttrs = f: nothing: sets: mapAttrs (_: foldr f nothing) (builtins.zipAttrsWith (_: values: values) sets);
    mergeAttrsList = foldl' (sum: set: sum // set) { };
    zipAttrs = builtins.zipAttrsWith (_: values: values);
    mapAttrsRecursive = mapAttrsRecursiveCond (_: true);
    mapAttrsRecursiveCond = enter: f: set:
      let go = path: mapAttrs (name: value: if isAttrs value && enter value then go (path ++ [ name ]) value else f (path ++ [ name ]) value);
      in go [ ] set;
    collect = wanted: set: if wanted set then [ set ] else if isAttrs set then concatMap (collect wanted) (attrValues set) else [ ];
    cartesianProduct = sets:
      foldl' (results: name: concatMap (result: map (value: result // { ${name} = value; }) sets.${name}) results) [ { } ] (attrNames sets);
    cartesianProductOfSets = cartesianProduct;
    mapCartesianProduct = f: sets: map f (cartesianProduct sets);
    recursiveUpdateUntil = stop: a: b:
      let
        go = path: builtins.zipAttrsWith (name: values:
          let here = path ++ [ name ]; in
          if length values == 1 || stop here (elemAt values 1) (head values) then head values else go here values);
      in
      go [ ] [ b a ];
    recurseIntoAttrs = set: set // { recurseForDerivations = true; };
    dontRecurseIntoAttrs = set: set // { recurseForDerivations = false; };
    genAttrs' = names: f: listToAttrs (map f names);
    optionalDrvAttr = condition: value: if condition then value else null;
    unionOfDisjoint = a: b: if intersectAttrs a b == { } then a // b else throw "lib.unionOfDisjoint: both sets have ${concatStringsSep ", " (attrNames (intersectAttrs a b))}";

    # Texts.
    concatLines = concatMapStrings (line: line + "\n");
    concatImapStringsSep = separator: f: list: concatStringsSep separator (imap1 f list);
    intersperse = separator: list: if length list < 2 then list else tail (concatMap (value: [ separator value ]) list);
    stringToCharacters = characters;
    stringAsChars = f: text: concatStrings (map f (characters text));
    hasInfix = infix: text: match ".*${escapeRegex infix}.*" (replaceStrings [ "\n" ] [ " " ] text) != null;
    escape = names: replaceStrings names (map (name: "\\${name}") names);
    escapeXML = replaceStrings [ "\"" "'" "<" ">" "&" ] [ "&quot;" "&apos;" "&lt;" "&gt;" "&amp;" ];
    escapeNixString = text: escape [ "$" ] (toJSON text);
    replaceChars = replaceStrings;
    trim = text: let parts = match "[[:space:]]*(.*[^[:space:]])?[[:space:]]*" text; in if parts == null || head parts == null then "" else head parts;
    toSentenceCase = text: toUpper (substring 0 1 text) + toLower (substring 1 (-1) text);
    fixedWidthString = width: filler: text:
      if stringLength text > width then throw "lib.fixedWidthString: '${text}' is longer than ${toString width}"
      else concatStrings (replicate (width - stringLength text) filler) + text;
    fixedWidthNumber = width: number: fixedWidthString width "0" (toString number);
    sanitizeDerivationName = text:
      let clean = concatMapStrings (part: if isList part then "-" else part) (builtins.split "[^[:alnum:]+._?=-]+" (unsafeDiscardStringContext text));
      in if clean == "" then "unknown" else removePrefix "." clean;
    toShellVar = name: value:
      if isAttrs value && !(isStringLike value) then "declare -A ${name}=(${concatStringsSep " " (mapAttrsToList (key: item: "[${escapeShellArg key}]=${escapeShellArg item}") value)})"
      else if isList value then "declare -a ${name}=(${escapeShellArgs value})"
      else "${name}=${escapeShellArg value}";
    toShellVars = set: concatStringsSep "\n" (mapAttrsToList toShellVar set);
    commonPrefixLength = a: b:
      let go = index: if index < min (stringLength a) (stringLength b) && substring index 1 a == substring index 1 b then go (index + 1) else index;
      in go 0;
    makeSearchPathOutput = _: makeSearchPath;
    makeIncludePath = makeSearchPath "include";
    getOutput = output: package: package.${output} or package.out or package;
    getDev = getOutput "dev";
    getMan = getOutput "man";
    nameFromURL = url: separator: head (splitString separator (last (splitString "/" url)));
    importJSON = path: fromJSON (readFile path);
    importTOML = path: builtins.fromTOML (readFile path);
    fileContents = path: removeSuffix "\n" (readFile path);
    readPathsFromFile = root: file: map (line: root + "/${line}") (filter (line: line != "" && !(hasPrefix "#" line)) (splitString "\n" (readFile file)));
    fakeHash = "sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    fakeSha256 = "0000000000000000000000000000000000000000000000000000000000000000";
    fakeSha512 = concatStrings (replicate 128 "0");

    # Tracing and refusing.
    traceVal = value: builtins.trace value value;
    traceValFn = f: value: builtins.trace (f value) value;
    traceIf = condition: message: value: if condition then builtins.trace message value else value;
    traceSeq = a: b: builtins.trace (builtins.deepSeq a a) b;
    traceValSeq = value: traceSeq value value;
    warnIf = condition: message: if condition then warn message else id;
    warnIfNot = condition: warnIf (!condition);
    throwIfNot = condition: throwIf (!condition);
    assertOneOf = name: value: values: assertMsg (elem value values) "${name} must be one of ${concatStringsSep ", " (map toJSON values)}, not ${toJSON value}";
    showWarnings = warnings: value: foldr (message: rest: warn message rest) value warnings;
    inNixShell = false;
    inPureEvalMode = !(builtins ? currentSystem);

    # Sets that extend themselves.
    extends = overlay: base: final: let prev = base final; in prev // overlay final prev;
    composeExtensions = f: g: final: prev: let first = f final prev; in first // g final (prev // first);
    composeManyExtensions = foldr composeExtensions (_: _: { });
    makeExtensible = makeExtensibleWithCustomName "extend";
    makeExtensibleWithCustomName = name: base:
      fix (final: base final // { ${name} = overlay: makeExtensibleWithCustomName name (extends overlay base); });
    makeScope = newScope: f:
      let self = f self // { newScope = scope: newScope (self // scope); callPackage = self.newScope { }; };
      in self;
    setFunctionArgs = f: arguments: { __functor = _: f; __functionArgs = arguments; };
    toFunction = value: if isFunction value then value else _: value;
    callPackagesWith = callPackageWith;
    addMetaAttrs = meta: package: package // { meta = package.meta or { } // meta; };
    setName = name: package: package // { inherit name; };
    hydraJob = id;
    lowPrio = id;
    hiPrio = id;
    setPrio = _: id;
    hiPrioSet = id;
    dontDistribute = id;

    inherit (files) fileset cleanSource cleanSourceWith cleanSourceFilter sourceByRegex sourceFilesBySuffices;
    sources = files.sources;
    generators = import ./generators.nix lib;
    licenses = mapAttrs (_: spdxId: { inherit spdxId; free = true; shortName = spdxId; }) {
      mit = "MIT"; asl20 = "Apache-2.0"; bsd2 = "BSD-2-Clause"; bsd3 = "BSD-3-Clause"; gpl2 = "GPL-2.0"; gpl2Only = "GPL-2.0-only";
      gpl2Plus = "GPL-2.0-or-later"; gpl3 = "GPL-3.0"; gpl3Only = "GPL-3.0-only"; gpl3Plus = "GPL-3.0-or-later"; lgpl2 = "LGPL-2.0";
      lgpl21 = "LGPL-2.1"; lgpl21Only = "LGPL-2.1-only"; lgpl21Plus = "LGPL-2.1-or-later"; lgpl3 = "LGPL-3.0"; lgpl3Only = "LGPL-3.0-only"; lgpl3Plus = "LGPL-3.0-or-later";
      agpl3 = "AGPL-3.0"; agpl3Only = "AGPL-3.0-only"; agpl3Plus = "AGPL-3.0-or-later"; mpl20 = "MPL-2.0"; isc = "ISC"; zlib = "Zlib";
      cc0 = "CC0-1.0"; unlicense = "Unlicense"; publicDomain = "Public-Domain"; epl20 = "EPL-2.0"; artistic2 = "Artistic-2.0"; psfl = "Python-2.0"; wtfpl = "WTFPL";
    } // { unfree = { free = false; shortName = "unfree"; fullName = "Unfree"; }; };

    # What makes NixOS systems is another matter than images.
    nixosSystem = _: refuse "lib.nixosSystem: the Debian package set makes no NixOS systems; use dockerTools.buildImage for an image, or take the input from nixpkgs";
    evalModules = _: refuse "lib.evalModules: the Debian package set has no module system; write the values themselves, or take the input from nixpkgs";

    # An error by name for what the set cannot do; `message` says what to do instead.
    refuse = message: throw message;

    systems.flakeExposed = [ "x86_64-linux" "aarch64-linux" ];
    systems.doubles.linux = platforms.linux;
    platforms = rec { linux = [ "x86_64-linux" "aarch64-linux" ]; unix = linux; all = linux; gnu = linux; x86_64 = [ "x86_64-linux" ]; aarch64 = [ "aarch64-linux" ]; darwin = [ ]; windows = [ ]; };
    meta = parts // { platforms = platforms.all; };
    warn = message: builtins.trace "warning: ${message}";
    assertMsg = condition: message: condition || throw message;
    throwIf = condition: message: if condition then throw message else value: value;

    # An error at an argument whose value is wrong; `rules` has for each argument whether a value is right, and what is
    # right in words. Arguments that are null are left out.
    checkValues = function: rules: arguments:
      let
        wrong = filter (name: arguments.${name} or null != null && !(rules.${name}.isRight arguments.${name})) (attrNames rules);
        name = head wrong;
        shown = value: if isString value || isInt value || isBool value then toJSON value else "a ${builtins.typeOf value}";
      in
      if wrong == [ ] then arguments
      else builtins.trimaranRefuse {
        code = "nix/argument";
        inherit name;
        names = [ rules.${name}.words ];
        message = "${function}: ${name} is ${shown arguments.${name}}, where ${rules.${name}.words} is needed";
        position = builtins.unsafeGetAttrPos name arguments;
      };

    # An error at the argument that is unknown, or at the first one when `required` is missing, with the nearest names.
    checkArguments = function: { allowed, required ? [ ] }: arguments:
      let
        unknown = filter (name: !(elem name allowed)) (attrNames arguments);
        missing = filter (name: !(hasAttr name arguments)) required;
        refuse = { name, names ? [ ], message, at }: builtins.trimaranRefuse {
          inherit name names message;
          code = "nix/argument";
          position = if at == null then null else builtins.unsafeGetAttrPos at arguments;
        };
      in
      if unknown != [ ] then refuse {
        name = head unknown;
        names = allowed;
        at = head unknown;
        message = "${function} has no argument '${head unknown}'";
      }
      else if missing != [ ] then refuse {
        name = head missing;
        at = if attrNames arguments == [ ] then null else head (attrNames arguments);
        message = "${function} needs the argument '${head missing}'";
      }
      else arguments;
  };
in
extendable (removeAttrs parts [ "paths" ] // {
  strings = parts;
  lists = parts;
  attrsets = parts;
  trivial = parts;
  debug = parts;
  fixedPoints = parts;
  customisation = parts;
  asserts = parts;
  path = parts // more.paths;
  filesystem = parts;
  derivations = parts;
})
