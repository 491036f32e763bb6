# What `nix flake show --json` says of a flake's outputs, as data; where something is left out, `__note` says why.
# An error in an attribute is passed over only where Nix does, inside legacyPackages.
{
  system,
  allSystems,
  legacy,
}:
flake:

let
  inherit (builtins)
    any
    attrNames
    elem
    elemAt
    head
    length
    listToAttrs
    filter
    ;

  isDerivation = value: builtins.isAttrs value && value.type or null == "derivation";

  succeeded =
    otherwise: value:
    let
      tried = builtins.tryEval (builtins.deepSeq value value);
    in
    if tried.success then tried.value else otherwise;

  # Sets whose members all turn out empty are not shown.
  hasContent =
    path: value:
    let
      top = head path;
      depth = length path;
      isNested =
        depth <= 2
        && elem top [
          "apps"
          "checks"
          "devShells"
          "legacyPackages"
          "packages"
        ];
      isFlat =
        depth == 1
        && elem top [
          "formatter"
          "nixosConfigurations"
          "nixosModules"
          "overlays"
        ];
    in
    if isNested || isFlat then
      succeeded true (any (name: hasContent (path ++ [ name ]) value.${name}) (attrNames value))
    else
      true;

  members =
    path: value:
    listToAttrs (
      map (name: {
        inherit name;
        value = visit (path ++ [ name ]) value.${name};
      }) (filter (name: hasContent (path ++ [ name ]) value.${name}) (attrNames value))
    );

  derivation = value: {
    type = "derivation";
    name = value.name;
    description = value.meta.description or "";
  };

  note = text: { __note = text; };
  otherSystem = note "omitted (use '--all-systems' to show)";

  visit =
    path: value:
    let
      depth = length path;
      top = if depth == 0 then "" else head path;
      isOther = depth >= 2 && !allSystems && elemAt path 1 != system;
      isAt = level: names: depth == level && elem top names;
    in
    if
      depth == 0
      || isAt 1 [
        "defaultPackage"
        "devShell"
        "formatter"
        "nixosConfigurations"
        "nixosModules"
        "defaultApp"
        "templates"
        "overlays"
      ]
      || (
        depth <= 2
        && elem top [
          "checks"
          "packages"
          "devShells"
          "apps"
        ]
      )
    then
      members path value
    else if
      isAt 2 [
        "defaultPackage"
        "devShell"
        "formatter"
      ]
      || isAt 3 [
        "checks"
        "packages"
        "devShells"
      ]
    then
      if isOther then
        otherSystem
      else if isDerivation value then
        derivation value
      else
        note "not a derivation"
    else if top == "hydraJobs" then
      if isDerivation value then derivation value else members path value
    else if top == "legacyPackages" then
      if depth == 1 then
        members path value
      else if !legacy then
        note "omitted (use '--legacy' to show)"
      else if isOther then
        otherSystem
      else
        succeeded { } (
          if isDerivation value then
            derivation value
          else if depth <= 2 then
            members path value
          else
            { }
        )
    else if isAt 2 [ "defaultApp" ] || isAt 3 [ "apps" ] then
      if value.type or null != "app" then
        throw "not an app definition"
      else
        { type = "app"; } // (if value ? meta.description then { inherit (value.meta) description; } else { })
    else if isAt 1 [ "defaultTemplate" ] || isAt 2 [ "templates" ] then
      {
        type = "template";
        inherit (value) description;
      }
    else
      {
        type =
          if isAt 1 [ "overlay" ] || isAt 2 [ "overlays" ] then
            "nixpkgs-overlay"
          else if isAt 2 [ "nixosConfigurations" ] then
            "nixos-configuration"
          else if isAt 1 [ "nixosModule" ] || isAt 2 [ "nixosModules" ] then
            "nixos-module"
          else
            "unknown";
      };
in
visit [ ] flake.outputs
