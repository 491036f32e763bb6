// Expressions on which Trimaran and a real nix-instantiate must agree (oracle.test.ts). They stay clear of what Nix has
// changed between 2.8 and 2.34. `FILES` stands for a directory that the test makes.

const operators = `
1 + 2 * 3 - 4
(1 - 2) * -3
7 / 2
-7 / 2
1.5 + 2
3 / 2.0
0.1 + 0.2
1.0e10 * 3
1 == 1.0
1 < 2.5
2.5 <= 2
[ 1 2 ] < [ 1 3 ]
[ ] < [ 1 ]
"a" < "b"
"a" + "b" + "c"
"abc" == "abc"
!true
true && !false
false || true
false -> throw "no"
true -> true
{ a = 1; } // { b = 2; a = 3; }
{ a.b = 1; } // { a.c = 2; }
[ 1 ] ++ [ 2 3 ] ++ [ ]
{ a = 1; } ? a
{ a.b = 1; } ? a.b
{ a.b = 1; } ? a.b.c
{ a.b = 1; } ? "a"."b"
1 != 2
{ a = [ 1 { b = 2; } ]; } == { a = [ 1 { b = 2; } ]; }
null == null
[ null ] == [ false ]
- 3 + 4
-(3 + 4)
2 - -2
1 > 2 || 3 >= 3
if 1 < 2 then "yes" else "no"
assert 1 == 1; "fine"
with { x = 1; }; x + 1
with { x = 1; }; with { x = 2; }; x
let x = 3; in with { x = 1; }; x
(x: y: x - y) 5 3
(x: x x) (x: 1)
({ a, b ? a + 1 }: a * b) { a = 3; }
({ a, ... }@all: all.z) { a = 1; z = 26; }
(all@{ a ? 5, ... }: all) { }
(f: f 1 2) (a: b: a + b)
{ __functor = self: x: x + self.n; n = 3; } 4
9223372036854775807
-9223372036854775807
9007199254740993 + 1
4611686018427387904 * 1
3000000000 * 3
`;

const bindings = `
let a = 1; b = a + 1; in b
let a = b; b = 2; in a
let inherit (rec { x = 1; y = x + 1; }) x y; in x + y
rec { a = b; b = 1; }.a
rec { a = 1; b = { inherit a; }; }.b.a
let { body = x; x = 1; }
{ a.b.c = 1; a.b.d = 2; a.e = 3; }
{ "a b" = 1; "\${"c"}d" = 2; }
let n = "dyn"; in { \${n} = 1; \${null} = 2; }
{ inherit (builtins) typeOf; }.typeOf 1
let x = { a = x.b; b = 1; }; in x.a
rec { f = n: if n == 0 then 1 else n * f (n - 1); v = f 15; }.v
let fix = f: let x = f x; in x; in (fix (self: { a = self.b; b = 2; })).a
{ a = 1; }.b or "default"
{ a.b = 1; }.a.c or 5
({ }: 1) { }
let s = { __toString = self: "shown \${self.v}"; v = "x"; }; in "\${s}"
"\${{ outPath = "/some/where"; }}"
let __sub = a: b: "subtracted"; in 1 - 2
rec { x = 1; __overrides = { x = 2; }; y = x; }.y
let a = { x = 1; }; b = { inherit (a) x; y = 2; }; in b
(let x = 1; in x) + (let x = 2; in x)
let f = { x ? y, y ? 1 }: x; in f { }
let f = args@{ x ? args.y, y }: x; in f { y = 7; }
`;

const strings = `
"a\\nb\\tc\\"d\\\\e\\r"
"\${"nested \${toString 1}"}"
"$ $$ \\\${x} $\${x}"
''
  two
    four
  ''
''  one line''
''
  a ''\${escaped} '' + "b"
''x '''quoted''' y''
''
    tab ''\\t newline ''\\n end''
''

  blank first
''
"caf\u00e9 \u2192"
builtins.stringLength "caf\u00e9"
builtins.substring 1 2 "hello"
builtins.substring 2 (-1) "hello"
builtins.substring 10 5 "hello"
builtins.substring 0 0 "hello"
builtins.replaceStrings [ "a" "b" ] [ "b" "a" ] "abba"
builtins.replaceStrings [ "" ] [ "-" ] "ab"
builtins.replaceStrings [ "oo" "o" ] [ "0" "1" ] "foo bo"
builtins.concatStringsSep ", " [ "a" "b" "c" ]
builtins.concatStringsSep "" [ ]
toString [ 1 "two" true false null [ 3 [ 4 ] ] ]
toString 1.5
toString (-0.25)
toString /a/b/../c
toString { outPath = "x"; }
toString { __toString = s: "y"; }
builtins.match "a(.*)c" "abbc"
builtins.match "a" "b"
builtins.match "(a)|(b)" "b"
builtins.match "[[:space:]]*([^[:space:]]+)[[:space:]]*" "  word  "
builtins.match "([0-9]+)\\\\.([0-9]+)" "12.34"
builtins.match "" ""
builtins.match "x{2,3}" "xxx"
builtins.match "(x?)y" "y"
builtins.match "[]a-]+" "]a-"
builtins.match "a|ab|abc" "abc"
builtins.match ".*" "a\\nb"
builtins.match "[^a]b" "xb"
builtins.match "(ab)*" "ababab"
builtins.match "((a)|b)*" "ab"
builtins.split "a|ab" "xabc"
builtins.match "(a*)*" ""
builtins.match "(a|ab)(c|bcd)(d*)" "abcd"
builtins.split "(a|b)+" "baac"
builtins.split "(^a|b)" "aab"
builtins.split "x*" "axxb"
builtins.match "(foo|foobar)(bar)?" "foobar"
builtins.match "((a|b)(c)?)+" "acb"
builtins.match "[[:alpha:]_][[:alnum:]_]*" "x_1"
builtins.split "," "a,b,,c"
builtins.split "(a)b" "abc"
builtins.split "([ac])" "abc"
builtins.split "" "ab"
builtins.split "x" ""
builtins.split "(o)|(l)" "hello"
builtins.split "[ \\n]+" "a  b\\nc"
builtins.hashString "md5" "x"
builtins.hashString "sha1" "x"
builtins.hashString "sha256" "caf\u00e9"
builtins.hashString "sha512" ""
builtins.splitVersion "1.2.3pre4-5"
builtins.compareVersions "1.0" "1.0pre"
builtins.compareVersions "2.3a" "2.3.1"
builtins.compareVersions "1.10" "1.9"
builtins.compareVersions "" "1"
map (v: builtins.compareVersions "2.3" v) [ "2.3" "2.3.1" "2.2" "2.3pre" "2.3a" "2.3-4" "3" ]
builtins.parseDrvName "apache-httpd-2.0.48"
builtins.parseDrvName "nix-0.12pre12876"
builtins.parseDrvName "no_version"
builtins.parseDrvName "a-b-c"
baseNameOf "/a/b/c"
baseNameOf "a/b/"
baseNameOf "/"
baseNameOf ""
dirOf "/a/b/c"
dirOf "a"
dirOf "/a"
dirOf /a/b/c
https://example.org/x?y=z
builtins.typeOf ./x
/a/./b/../c
/a + "/b"
/a + "b"
"\${toString /a}/b"
builtins.isString "x" && builtins.isPath /x
`;

const collections = `
builtins.length [ 1 2 3 ]
builtins.head [ 1 2 ]
builtins.tail [ 1 2 3 ]
builtins.elemAt [ 1 2 3 ] 1
builtins.elem 2 [ 1 2 3 ]
builtins.elem { a = 1; } [ { a = 1; } ]
map (x: x * 2) [ 1 2 3 ]
builtins.filter (x: x > 1) [ 1 2 3 ]
builtins.foldl' (a: b: a + b) 0 [ 1 2 3 ]
builtins.foldl' (a: b: [ b ] ++ a) [ ] [ 1 2 3 ]
builtins.genList (x: x * x) 5
builtins.sort (a: b: a < b) [ 3 1 2 ]
builtins.sort (a: b: a.k < b.k) [ { k = 2; v = 1; } { k = 1; v = 2; } { k = 2; v = 3; } ]
builtins.sort builtins.lessThan [ "b" "a" "c" ]
builtins.partition (x: x > 2) [ 1 2 3 4 ]
builtins.groupBy (x: if x > 2 then "big" else "small") [ 1 2 3 4 ]
builtins.concatLists [ [ 1 ] [ ] [ 2 3 ] ]
builtins.concatMap (x: [ x x ]) [ 1 2 ]
builtins.all (x: x > 0) [ 1 2 ]
builtins.any (x: x > 1) [ 1 2 ]
builtins.any (x: x) [ ]
builtins.attrNames { b = 1; a = 2; B = 3; "1" = 4; }
builtins.attrValues { b = 1; a = 2; }
builtins.getAttr "a" { a = 1; }
builtins.hasAttr "b" { a = 1; }
builtins.removeAttrs { a = 1; b = 2; c = 3; } [ "a" "c" "z" ]
builtins.listToAttrs [ { name = "a"; value = 1; } { name = "a"; value = 2; } { name = "b"; value = 3; } ]
builtins.intersectAttrs { a = 1; b = 2; } { b = 3; c = 4; }
builtins.intersectAttrs { a = 1; b = 2; c = 0; d = 0; } { b = 3; }
builtins.catAttrs "a" [ { a = 1; } { b = 2; } { a = 3; } ]
builtins.mapAttrs (n: v: n + toString v) { a = 1; b = 2; }
builtins.zipAttrsWith (n: vs: { inherit n vs; }) [ { a = 1; } { a = 2; b = 3; } ]
builtins.functionArgs ({ a, b ? 1, ... }: 1)
builtins.functionArgs (x: x)
builtins.functionArgs map
builtins.genericClosure { startSet = [ { key = 1; } ]; operator = x: if x.key > 5 then [ ] else [ { key = x.key + 1; } { key = 2; } ]; }
map (x: x.key) (builtins.genericClosure { startSet = [ { key = "b"; } { key = "a"; } { key = "b"; } ]; operator = x: [ ]; })
builtins.seq 1 2
builtins.deepSeq { a = [ 1 ]; } 2
builtins.tryEval (throw "x")
builtins.tryEval (assert false; 1)
builtins.tryEval 3
(builtins.tryEval { a = throw "lazy"; }).success
builtins.isAttrs { } && builtins.isList [ ] && builtins.isFunction (x: x) && builtins.isInt 1 && builtins.isFloat 1.0 && builtins.isBool true && isNull null
map builtins.typeOf [ 1 1.0 "s" true null { } [ ] (x: x) /p map ]
builtins.add 1 2
builtins.sub 5 3
builtins.mul 2 3
builtins.div 7 2
builtins.bitAnd 12 10
builtins.bitOr 12 10
builtins.bitXor 12 10
builtins.bitAnd (-1) 255
builtins.ceil 1.2
builtins.floor (-1.2)
builtins.lessThan 1 2
builtins.langVersion
builtins.storeDir
builtins.toPath "/a/b"
builtins.unsafeDiscardStringContext "x"
builtins.hasContext "x"
builtins.length (builtins.attrNames (builtins.listToAttrs (builtins.genList (i: { name = "n\${toString i}"; value = i; }) 1000)))
builtins.foldl' (acc: n: acc // { "k\${toString n}" = n; }) { } (builtins.genList (x: x) 40)
`;

const documents = `
builtins.toJSON { a = 1; b = [ true null 1.5 "x" ]; c.d = { }; }
builtins.toJSON "q\\"\\\\\\n\\t\u00e9"
builtins.toJSON [ 0.1 1.5e300 1.0e-7 0.25 ]
builtins.toJSON (-5)
builtins.toJSON { outPath = "/x"; a = 1; }
builtins.toJSON { __toString = s: "shown"; a = 1; }
builtins.fromJSON "{\\"a\\": [1, 2.5, null, true, \\"x\\"], \\"b\\": {\\"c\\": -3}}"
builtins.fromJSON "\\"\\\\u00e9\\\\ud83d\\\\ude00\\\\n\\""
builtins.fromJSON "1e3"
builtins.fromJSON " [ ] "
builtins.fromJSON "9007199254740993"
builtins.fromTOML "a = 1\\nb = \\"x\\"\\n[t]\\nc = [1, 2]\\nd.e = true\\n[[l]]\\nx = 1\\n[[l]]\\nx = 2"
builtins.fromTOML "a = 0x1F\\nb = 1_000\\nc = 1e3\\nd = '''lit\\neral'''\\ne = \\"\\"\\"multi \\\\\\n   line\\"\\"\\""
builtins.fromTOML "p = {x = 1, y = {z = 2}}\\n\\"quoted key\\" = -0.5"
builtins.toXML { a = 1; b = "x<&>\\"y"; c = [ 1.5 null true ]; }
builtins.toXML (x: x)
builtins.toXML ({ a, b ? 1, ... }@c: 1)
builtins.fromJSON (builtins.toJSON { a = [ 1 2 { b = "c"; } ]; })
`;

const derivations = `
(derivation { name = "simple"; builder = "/bin/sh"; system = "x86_64-linux"; }).drvPath
(derivation { name = "simple"; builder = "/bin/sh"; system = "x86_64-linux"; }).outPath
(derivation { name = "args"; builder = "/bin/sh"; system = "x86_64-linux"; args = [ "-c" "echo hi" 1 true null ]; }).drvPath
(derivation { name = "env"; builder = "/bin/sh"; system = "x86_64-linux"; a = 1; b = true; c = null; d = [ 1 "x" [ 2 ] ]; e = "q\\"\\\\\\n\\t"; f = 1.5; }).drvPath
(derivation { name = "multi"; builder = "/bin/sh"; system = "x86_64-linux"; outputs = [ "out" "dev" "lib" ]; }).drvPath
(derivation { name = "multi"; builder = "/bin/sh"; system = "x86_64-linux"; outputs = [ "out" "dev" "lib" ]; }).dev.outPath
(derivation { name = "multi"; builder = "/bin/sh"; system = "x86_64-linux"; outputs = [ "dev" "out" ]; }).outputName
(derivation { name = "other-order"; builder = "/bin/sh"; system = "x86_64-linux"; outputs = [ "lib" "out" ]; }).drvPath
(derivation { name = "flat"; builder = "/bin/sh"; system = "x86_64-linux"; outputHashAlgo = "sha256"; outputHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"; }).outPath
(derivation { name = "flat"; builder = "/bin/sh"; system = "x86_64-linux"; outputHashAlgo = "sha256"; outputHash = "0000000000000000000000000000000000000000000000000000"; }).drvPath
(derivation { name = "tree"; builder = "/bin/sh"; system = "x86_64-linux"; outputHashMode = "recursive"; outputHashAlgo = "sha256"; outputHash = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="; }).drvPath
(derivation { name = "sri"; builder = "/bin/sh"; system = "x86_64-linux"; outputHash = "sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg=="; }).outPath
(derivation { name = "sha1"; builder = "/bin/sh"; system = "x86_64-linux"; outputHashMode = "recursive"; outputHashAlgo = "sha1"; outputHash = "da39a3ee5e6b4b0d3255bfef95601890afd80709"; }).outPath
(derivation { name = "md5"; builder = "/bin/sh"; system = "x86_64-linux"; outputHashMode = "flat"; outputHashAlgo = "md5"; outputHash = "d41d8cd98f00b204e9800998ecf8427e"; }).outPath
let a = derivation { name = "a"; builder = "/bin/sh"; system = "x86_64-linux"; }; in (derivation { name = "b"; builder = "/bin/sh"; system = "x86_64-linux"; inherit a; }).drvPath
let a = derivation { name = "a"; builder = "/bin/sh"; system = "x86_64-linux"; }; in (derivation { name = "b"; builder = "\${a}/bin/x"; system = "x86_64-linux"; args = [ a a ]; }).outPath
let a = derivation { name = "a"; builder = "/bin/sh"; system = "x86_64-linux"; outputs = [ "out" "x" ]; }; in (derivation { name = "b"; builder = "/bin/sh"; system = "x86_64-linux"; both = [ a.out a.x ]; }).drvPath
let a = derivation { name = "f"; builder = "/bin/sh"; system = "x86_64-linux"; outputHashAlgo = "sha256"; outputHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"; }; in (derivation { name = "uses-fixed"; builder = "/bin/sh"; system = "x86_64-linux"; inherit a; }).outPath
let d = n: deps: derivation { name = n; builder = "/bin/sh"; system = "x86_64-linux"; inherit deps; }; a = d "a" [ ]; b = d "b" [ a ]; c = d "c" [ a b ]; in (d "d" [ c a ]).drvPath
(derivation { name = "structured"; builder = "/bin/sh"; system = "x86_64-linux"; __structuredAttrs = true; a = 1; b = [ "x" { c = true; } ]; }).drvPath
(derivation { name = "structured-outputs"; builder = "/bin/sh"; system = "x86_64-linux"; __structuredAttrs = true; outputs = [ "out" "dev" ]; }).dev.outPath
(derivation { name = "ignore"; builder = "/bin/sh"; system = "x86_64-linux"; __ignoreNulls = true; gone = null; kept = ""; }).drvPath
(derivation { name = "file"; builder = "/bin/sh"; system = "x86_64-linux"; src = builtins.toFile "src.sh" "echo hi"; }).drvPath
(derivation { name = "tree"; builder = "/bin/sh"; system = "x86_64-linux"; src = FILES; }).drvPath
(derivation { name = "tree"; builder = "/bin/sh"; system = "x86_64-linux"; src = FILES/tree; }).outPath
(derivation { name = "placeholder"; builder = "/bin/sh"; system = "x86_64-linux"; p = placeholder "out"; }).drvPath
(derivation { name = "references"; builder = "/bin/sh"; system = "x86_64-linux"; allowedReferences = [ ]; exportReferencesGraph = [ "graph" (builtins.toFile "x" "y") ]; }).drvPath
(import <nix/fetchurl.nix> { url = "https://example.org/x.tar.gz"; sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"; }).outPath
(derivation { name = "lazy"; builder = "/bin/sh"; system = "x86_64-linux"; }).all != [ ]
(derivation { name = "type"; builder = "/bin/sh"; system = "x86_64-linux"; x = 1; }).drvAttrs
(derivation { name = "x"; builder = "/bin/sh"; system = "x86_64-linux"; }) == (derivation { name = "x"; builder = "/bin/sh"; system = "x86_64-linux"; })
builtins.attrNames (derivation { name = "names"; builder = "/bin/sh"; system = "x86_64-linux"; })
builtins.getContext "\${derivation { name = "c"; builder = "/bin/sh"; system = "x86_64-linux"; }}"
builtins.getContext (derivation { name = "c"; builder = "/bin/sh"; system = "x86_64-linux"; }).drvPath
builtins.hasContext "\${derivation { name = "c"; builder = "/bin/sh"; system = "x86_64-linux"; }}"
builtins.unsafeDiscardStringContext (derivation { name = "c"; builder = "/bin/sh"; system = "x86_64-linux"; }).outPath
builtins.getContext (builtins.substring 0 0 "\${derivation { name = "c"; builder = "/bin/sh"; system = "x86_64-linux"; }}")
builtins.getContext (builtins.unsafeDiscardOutputDependency (derivation { name = "c"; builder = "/bin/sh"; system = "x86_64-linux"; }).drvPath)
builtins.hashString "sha256" (derivation { name = "h"; builder = "/bin/sh"; system = "x86_64-linux"; }).outPath
placeholder "out"
placeholder "dev"
`;

const files = `
builtins.toFile "x" "contents"
builtins.toFile "y" "refers to \${builtins.toFile "x" "contents"}"
"\${FILES}"
"\${FILES/tree}"
"\${FILES/plain.txt}"
"\${FILES/script.sh}"
"\${FILES/link}"
builtins.path { path = FILES/tree; name = "renamed"; }
builtins.path { path = FILES/plain.txt; recursive = false; name = "flat"; }
builtins.path { path = FILES/tree; name = "filtered"; filter = p: t: t != "symlink"; }
builtins.path { path = FILES/tree; filter = p: t: baseNameOf p != "deep"; }
builtins.filterSource (p: t: t == "directory" || baseNameOf p == "b") FILES/tree
builtins.filterSource (p: t: true) FILES/tree
builtins.readFile FILES/plain.txt
builtins.readDir FILES
builtins.readDir FILES/tree
builtins.pathExists FILES/plain.txt
builtins.pathExists FILES/nothing
builtins.pathExists FILES/link
builtins.pathExists FILES/dangling
builtins.hashFile "sha256" FILES/plain.txt
builtins.hashFile "md5" FILES/script.sh
import FILES/expression.nix
import FILES/directory
(import FILES/function.nix) { x = 20; }
builtins.scopedImport { y = 30; } FILES/scoped.nix
builtins.fromJSON (builtins.readFile FILES/data.json)
builtins.getContext "\${FILES/plain.txt}"
builtins.typeOf FILES
baseNameOf FILES/tree
FILES/tree + "/x"
toString FILES/tree/../plain.txt == toString FILES/plain.txt
builtins.readFile (FILES + "/plain.txt")
builtins.concatStringsSep ":" [ FILES/plain.txt "x" ]
builtins.toJSON FILES/plain.txt
builtins.toJSON { p = FILES/tree; }
`;

/** Expressions, one a line; one that goes on over several lines has them between '' and ''. */
function split(text: string): string[] {
  const expressions: string[] = [];
  let open: string[] = [];
  for (const line of text.split('\n').slice(1, -1)) {
    open.push(line);
    // An odd number of '' (not ''' or ''$ or ''\\) means that an indented string goes on.
    const quotes =
      open
        .join('\n')
        .replace(/'''|''\$|''\\/g, '')
        .split("''").length - 1;
    if (quotes % 2 === 0) {
      expressions.push(open.join('\n'));
      open = [];
    }
  }
  return expressions;
}

/** The same functions on many inputs. */
function tabulated(): string[] {
  const versions = ['1', '1.0', '1.0.0', '1.0a', '1.0pre1', '2', '1.10', '1.9', '10', '1-2', '1.2-rc1', 'x'];
  const texts = ['', 'a', 'hello world', 'a.b.c', '  x  ', 'UPPER', 'tab\\\\there'];
  const numbers = ['0', '1', '(-1)', '7', '(-7)', '2.5', '(-2.5)', '1000000', '0.000123', '123456789.0'];
  const result: string[] = [];
  for (const [index, version] of versions.entries()) {
    const other = versions[(index * 5 + 3) % versions.length]!;
    result.push(`builtins.compareVersions "${version}" "${other}"`, `builtins.splitVersion "${version}"`);
  }
  for (const text of texts) {
    result.push(
      `builtins.hashString "sha256" "${text}"`,
      `builtins.split "[. ]" "${text}"`,
      `builtins.match "([a-z]*)(.*)" "${text}"`,
      `builtins.toFile "t" "${text}"`,
    );
  }
  for (const number of numbers) result.push(`toString ${number}`, `[ ${number} ]`);
  for (const a of ['7', '(-7)', '2.5']) {
    for (const b of ['2', '(-2)', '0.5'])
      result.push(`[ (${a} + ${b}) (${a} - ${b}) (${a} * ${b}) (${a} / ${b}) ]`);
  }
  return result;
}

/** All of them; FILES is still to be replaced. */
export const oracleExpressions: readonly string[] = [
  ...[operators, bindings, strings, collections, documents, derivations, files].flatMap(split),
  ...tabulated(),
];
