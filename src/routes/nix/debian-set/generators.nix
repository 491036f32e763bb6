# Values as texts of other formats: nixpkgs' lib.generators. Leaves out toLua, toPlist, toDhall and Git's.
lib:
let
  inherit (builtins) attrValues concatMap isAttrs isBool isFloat isInt isList isString mapAttrs toJSON;
in
rec {
  mkValueStringDefault = { }: value:
    if isBool value then lib.boolToString value
    else if value == null then "null"
    else if isInt value || isFloat value || lib.isStringLike value then toString value
    else throw "generators.mkValueStringDefault: a ${builtins.typeOf value} has no text of its own";
  mkKeyValueDefault = { mkValueString ? mkValueStringDefault { } }: separator: key: value:
    "${lib.escape [ separator ] key}${separator}${mkValueString value}";
  toKeyValue = { mkKeyValue ? mkKeyValueDefault { } "=", listsAsDuplicateKeys ? false, indent ? "" }: set:
    lib.concatStrings (lib.flatten (lib.mapAttrsToList
      (key: value: map (item: "${indent}${mkKeyValue key item}\n") (if listsAsDuplicateKeys && isList value then value else [ value ]))
      set));
  toINI = { mkSectionName ? lib.escape [ "[" "]" ], mkKeyValue ? mkKeyValueDefault { } "=", listsAsDuplicateKeys ? false }: sections:
    lib.concatStringsSep "\n" (lib.mapAttrsToList
      (name: values: "[${mkSectionName name}]\n${toKeyValue { inherit mkKeyValue listsAsDuplicateKeys; } values}")
      sections);
  toINIWithGlobalSection = options: { globalSection, sections ? { } }:
    (if globalSection == { } then "" else toKeyValue (removeAttrs options [ "mkSectionName" ]) globalSection + "\n") + toINI options sections;
  toJSON = { }: builtins.toJSON;
  toYAML = toJSON;
  toPretty = { multiline ? true, ... }: value:
    let
      go = indent: value:
        let
          inner = if multiline then indent + "  " else "";
          space = if multiline then "\n" else " ";
          block = open: close: items: if items == [ ] then "${open} ${close}" else "${open}${space}${lib.concatMapStringsSep space (item: inner + item) items}${space}${if multiline then indent else ""}${close}";
        in
        if isString value then lib.escapeNixString value
        else if lib.isPath value then toString value
        else if value == null then "null"
        else if isBool value then lib.boolToString value
        else if isInt value || isFloat value then toString value
        else if isList value then block "[" "]" (map (go inner) value)
        else if lib.isFunction value then "<function>"
        else if lib.isDerivation value then "<derivation ${value.name or "???"}>"
        else block "{" "}" (lib.mapAttrsToList (name: item: "${name} = ${go inner item};") value);
    in
    go "" value;
}
