# Turns the nodes of a lock into flakes, each evaluated when it is first asked for.
{
  # By key: { inputs; flake; dir; debian?; parent?; path? }, inputs being keys again.
  nodes,
  root,
  # key -> source info with outPath; fetches when it has to.
  fetchNode,
  # attributes of a debian: input -> its outputs.
  debianFlake,
}:

let
  append = base: path: if path == "" then base else base + "/" + path;

  fromTree =
    key: node:
    let
      isInParent = node ? parent;
      parent = evaluated.${node.parent};
      sourceInfo = if isInParent then parent.sourceInfo else fetchNode key;
      base = if isInParent then append parent.outPath node.path else sourceInfo.outPath;
      outPath = append base node.dir;
      flake = import (outPath + "/flake.nix");
      inputs = builtins.mapAttrs (_: inputKey: evaluated.${inputKey}.result) node.inputs;
      outputs = flake.outputs (inputs // { self = asFlake; });
      asFlake =
        outputs
        // sourceInfo
        // {
          inherit
            outPath
            inputs
            outputs
            sourceInfo
            ;
          _type = "flake";
        };
    in
    {
      inherit outPath sourceInfo;
      result =
        if node.flake then
          assert builtins.isFunction flake.outputs;
          asFlake
        else
          sourceInfo // { inherit sourceInfo outPath; };
    };

  fromDebian =
    node:
    let
      outputs = debianFlake node.debian;
    in
    {
      result = outputs // {
        inherit outputs;
        inputs = { };
        _type = "flake";
      };
    };

  evaluated = builtins.mapAttrs (
    key: node: if node ? debian then fromDebian node else fromTree key node
  ) nodes;
in
evaluated.${root}.result
