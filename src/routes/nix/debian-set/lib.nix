# The part of nixpkgs' lib that flakes for container images use, with the same names and meanings.
let
  inherit (builtins)
    attrNames attrValues concatLists concatMap concatStringsSep elem elemAt filter foldl' functionArgs genList hasAttr head
    intersectAttrs isAttrs isFunction isList isString length listToAttrs mapAttrs match replaceStrings stringLength substring
    tail toString;
in
rec {
  inherit (builtins)
    all any attrNames attrValues catAttrs concatLists concatMap concatStringsSep elem elemAt filter foldl' fromJSON
    functionArgs genList getAttr groupBy hasAttr head intersectAttrs isAttrs isBool isFunction isInt isList isPath isString
    length listToAttrs mapAttrs match parseDrvName partition readFile removeAttrs replaceStrings sort split stringLength
    substring tail toJSON trace typeOf zipAttrsWith;

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
    let f = if isFunction file then file else import file;
    in f (intersectAttrs (functionArgs f) scope // arguments);

  systems.flakeExposed = [ "x86_64-linux" "aarch64-linux" ];
  platforms = { linux = [ "x86_64-linux" "aarch64-linux" ]; };
  warn = message: builtins.trace "warning: ${message}";
  assertMsg = condition: message: condition || throw message;
  throwIf = condition: message: if condition then throw message else value: value;

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
}
