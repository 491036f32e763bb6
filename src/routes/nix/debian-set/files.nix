# Which files of a folder go into the store: nixpkgs' lib.sources and lib.fileset, with the same names and meanings.
# Of lib.fileset it leaves out gitTracked and trace.
lib:
let
  inherit (builtins) any attrNames concatMap filter head isAttrs isFunction isList match pathExists readDir readFileType;

  # A source that lib.cleanSource made keeps where it came from, so that filters add up.
  originOf = source: source.origSrc or source;
  filterOf = source: if source ? origSrc then source.filter else _: _: true;

  cleanSourceWith = { src, filter ? _: _: true, name ? null }:
    let
      origin = originOf src;
      keep = path: type: filter path type && filterOf src path type;
      chosen = if name != null then name else src.name or "source";
    in
    {
      _isLibCleanSourceWith = true;
      origSrc = origin;
      filter = keep;
      name = chosen;
      outPath = builtins.path { path = origin; filter = keep; name = chosen; };
    };

  cleanSourceFilter = path: type:
    let name = baseNameOf (toString path);
    in !(
      (type == "directory" && lib.elem name [ ".git" ".svn" "CVS" ".hg" ".jj" ".pijul" "_darcs" ])
      || lib.hasSuffix "~" name
      || match "\\.sw[a-z]" name != null
      || match "\\..*\\.sw[a-z]" name != null
      || lib.hasSuffix ".o" name
      || lib.hasSuffix ".so" name
      || (type == "symlink" && lib.hasPrefix "result" name)
      || type == "unknown"
    );

  relative = source: path: lib.removePrefix "${toString (originOf source)}/" (toString path);

  sourceByRegex = source: patterns: cleanSourceWith {
    src = source;
    filter = path: _: any (pattern: match pattern (relative source path) != null) patterns;
  };
  sourceFilesBySuffices = source: suffices: cleanSourceWith {
    src = source;
    filter = path: type: type == "directory" || any (suffix: lib.hasSuffix suffix (baseNameOf path)) suffices;
  };
  cleanSource = src: cleanSourceWith { filter = cleanSourceFilter; inherit src; };

  # A file set is a question about files: `holds PATH` for a path as text. `where` are paths that hold all of it.
  make = where: holds: { _type = "fileset"; inherit where holds; };
  typeOf = path: (readDir (dirOf path)).${baseNameOf path};
  within = folder: path: path == toString folder || lib.hasPrefix "${toString folder}/" path;
  setOf = function: value:
    if value._type or null == "fileset" then value
    else if value ? origSrc then
      make [ value.origSrc ] (path: within value.origSrc path && keptBy value.filter value.origSrc path)
    else if !(builtins.isPath value) then lib.refuse "lib.fileset.${function}: a ${builtins.typeOf value} is no file set; give a path such as ./src"
    else if !(pathExists value) then lib.refuse "lib.fileset.${function}: ${toString value} does not exist; wrap it in lib.fileset.maybeMissing if that is meant"
    else make [ value ] (within value);
  # A filter must have kept every folder on the way, too.
  keptBy = keep: root: path:
    let parent = dirOf path;
    in path == toString root || (keptBy keep root parent && keep path (typeOf (/. + path)));

  union = a: b: unions [ a b ];
  unions = list:
    let sets = map (setOf "unions") list;
    in make (concatMap (set: set.where) sets) (path: any (set: set.holds path) sets);
  difference = a: b:
    let from = setOf "difference" a; without = setOf "difference" b;
    in make from.where (path: from.holds path && !(without.holds path));
  intersection = a: b:
    let one = setOf "intersection" a; other = setOf "intersection" b;
    in make one.where (path: one.holds path && other.holds path);
  fileFilter = wanted: root:
    make [ root ] (path: within root path && wanted {
      name = baseNameOf path;
      type = typeOf (/. + path);
      hasExt = extension: lib.hasSuffix ".${extension}" (baseNameOf path);
    });

  # Every file below a folder, as text.
  filesBelow = folder:
    concatMap
      (name:
        let path = folder + "/${name}";
        in if (readDir folder).${name} == "directory" then filesBelow path else [ (toString path) ])
      (attrNames (readDir folder));

  toSource = { root, fileset }:
    let
      set = setOf "toSource" fileset;
      keep = path: type: if type == "directory" then any set.holds (filesBelow (/. + path)) else set.holds path;
    in
    if !(builtins.isPath root) then lib.refuse "lib.fileset.toSource: root is a ${builtins.typeOf root}; give a folder such as ./."
    else {
      _isLibCleanSourceWith = true;
      origSrc = root;
      filter = keep;
      name = "source";
      outPath = builtins.path { path = root; name = "source"; filter = keep; };
    };
in
{
  inherit cleanSource cleanSourceWith cleanSourceFilter sourceByRegex sourceFilesBySuffices;
  sources = { inherit cleanSource cleanSourceWith cleanSourceFilter sourceByRegex sourceFilesBySuffices; };
  fileset = {
    inherit union unions difference intersection fileFilter toSource;
    maybeMissing = path: if pathExists path then path else make [ ] (_: false);
    fromSource = setOf "fromSource";
    isFileset = value: value._type or null == "fileset" || builtins.isPath value;
    toList = fileset: let set = setOf "toList" fileset; in
      map (path: /. + path) (filter set.holds (concatMap (path: if typeOf path == "directory" then filesBelow path else [ (toString path) ]) set.where));
    gitTracked = _: lib.refuse "lib.fileset.gitTracked: which files Git tracks cannot be asked here; a flake in a Git repository has only those anyway, so use ./.";
    gitTrackedWith = _: _: lib.refuse "lib.fileset.gitTrackedWith: which files Git tracks cannot be asked here; a flake in a Git repository has only those anyway, so use ./.";
    empty = make [ ] (_: false);
  };
}
