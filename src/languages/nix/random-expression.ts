// Random Nix expressions for differential tests: mostly well typed, now and then not.
import fc from 'fast-check';

type Type = 'int' | 'bool' | 'string' | 'list' | 'set';
const types: readonly Type[] = ['int', 'bool', 'string', 'list', 'set'];
const names = ['a', 'b', 'c', 'd'];

/** Variables in scope, with their types. */
type Scope = readonly (readonly [string, Type])[];

const literals: Readonly<Record<Type, fc.Arbitrary<string>>> = {
  int: fc.integer({ min: -50, max: 50 }).map((n) => (n < 0 ? `(${n})` : String(n))),
  bool: fc.constantFrom('true', 'false'),
  string: fc
    .stringMatching(/^[a-z .$\\n"]{0,5}$/)
    .map((text) => `"${text.replace(/[\\"]/g, '\\$&').replaceAll('${', '$')}"`),
  list: fc.constantFrom('[ ]', '[ 1 2 ]', '[ "x" ]', '[ true null ]'),
  set: fc.constantFrom('{ }', '{ a = 1; }', '{ b = "x"; c = [ 1 ]; }', '{ a = 2; d.e = true; }'),
};

function choose<T>(items: readonly fc.Arbitrary<T>[]): fc.Arbitrary<T> {
  return fc.oneof(...items);
}

function parts(
  pieces: TemplateStringsArray,
  ...values: readonly fc.Arbitrary<string>[]
): fc.Arbitrary<string> {
  return fc
    .tuple(...values)
    .map((given) => `(${pieces.reduce((text, piece, index) => text + given[index - 1]! + piece)})`);
}

/** An expression of a type, or, once in a while, of another. */
function expressionOf(wanted: Type, depth: number, scope: Scope): fc.Arbitrary<string> {
  const variables = scope.filter(([, type]) => type === wanted).map(([name]) => fc.constant(name));
  const simple = choose([literals[wanted], ...variables]);
  if (depth <= 0) return simple;
  // Put off, or all alternatives of all depths would be built for every choice.
  const sub = (type: Type) => fc.constant(0).chain(() => expressionOf(type, depth - 1, scope));
  const of = (type: Type): fc.Arbitrary<string> =>
    fc.oneof(
      { weight: 30, arbitrary: sub(type) },
      { weight: 1, arbitrary: fc.constantFrom(...types).chain(sub) },
    );
  const any = fc.constantFrom(...types).chain(sub);
  const inner = (extended: Scope) => fc.constant(0).chain(() => expressionOf(wanted, depth - 1, extended));
  const name = fc.constantFrom(...names);

  const generic = [
    parts`if ${of('bool')} then ${of(wanted)} else ${of(wanted)}`,
    parts`assert ${of('bool')}; ${of(wanted)}`,
    parts`{ x = ${of(wanted)}; y = ${any}; }.x`,
    parts`builtins.head [ ${of(wanted)} ${any} ]`,
    parts`with { w = ${any}; }; ${of(wanted)}`,
    parts`builtins.seq ${any} ${of(wanted)}`,
    parts`rec { u = ${of(wanted)}; v = u; }.v`,
    fc
      .tuple(name, fc.constantFrom(...types))
      .chain(
        ([variable, type]) =>
          parts`let ${fc.constant(variable)} = ${sub(type)}; in ${inner([
            ...scope.filter(([known]) => known !== variable),
            [variable, type],
          ])}`,
      ),
    fc
      .tuple(name, fc.constantFrom(...types))
      .chain(
        ([variable, type]) =>
          parts`(${fc.constant(variable)}: ${inner([
            ...scope.filter(([known]) => known !== variable),
            [variable, type],
          ])}) ${sub(type)}`,
      ),
  ];
  const special: Readonly<Record<Type, readonly fc.Arbitrary<string>[]>> = {
    int: [
      parts`${of('int')} + ${of('int')}`,
      parts`${of('int')} - ${of('int')}`,
      parts`${of('int')} * ${of('int')}`,
      parts`${of('int')} / ${of('int')}`,
      parts`- ${of('int')}`,
      parts`builtins.stringLength ${of('string')}`,
      parts`builtins.length ${of('list')}`,
      parts`builtins.bitAnd ${of('int')} ${of('int')}`,
      parts`builtins.foldl' (p: q: p + q) 0 [ ${of('int')} ${of('int')} ]`,
    ],
    bool: [
      parts`${any} == ${any}`,
      parts`${of('int')} < ${of('int')}`,
      parts`${of('string')} <= ${of('string')}`,
      parts`! ${of('bool')}`,
      parts`${of('bool')} && ${of('bool')}`,
      parts`${of('bool')} || ${of('bool')}`,
      parts`${of('bool')} -> ${of('bool')}`,
      parts`${of('set')} ? a`,
      parts`builtins.elem ${any} ${of('list')}`,
      parts`builtins.isString ${any}`,
    ],
    string: [
      parts`${of('string')} + ${of('string')}`,
      parts`"<\${${of('string')}}>"`,
      parts`toString ${of('int')}`,
      parts`builtins.substring 1 2 ${of('string')}`,
      parts`builtins.typeOf ${any}`,
      parts`builtins.toJSON ${any}`,
      parts`builtins.concatStringsSep "," [ ${of('string')} ${of('string')} ]`,
      parts`builtins.replaceStrings [ "a" "x" ] [ "b" ${of('string')} ] ${of('string')}`,
      parts`builtins.hashString "md5" ${of('string')}`,
    ],
    list: [
      parts`${of('list')} ++ ${of('list')}`,
      parts`[ ${any} ${any} ]`,
      parts`map (m: [ m ]) ${of('list')}`,
      parts`builtins.attrNames ${of('set')}`,
      parts`builtins.attrValues ${of('set')}`,
      parts`builtins.filter builtins.isInt ${of('list')}`,
      parts`builtins.sort builtins.lessThan [ ${of('int')} ${of('int')} ${of('int')} ]`,
      parts`builtins.genList (g: g * 2) 3`,
      parts`builtins.split "[ab]" ${of('string')}`,
    ],
    set: [
      parts`${of('set')} // ${of('set')}`,
      parts`{ a = ${any}; b = ${any}; }`,
      parts`builtins.mapAttrs (k: v: [ k v ]) ${of('set')}`,
      parts`builtins.removeAttrs ${of('set')} [ "a" ]`,
      parts`builtins.intersectAttrs ${of('set')} ${of('set')}`,
      parts`builtins.listToAttrs [ { name = ${of('string')}; value = ${any}; } ]`,
      parts`builtins.tryEval ${any}`,
      parts`builtins.partition builtins.isInt ${of('list')}`,
    ],
  };
  return fc.oneof(
    { weight: 1, arbitrary: simple },
    { weight: 4, arbitrary: choose([...special[wanted], ...generic]) },
  );
}

/** A closed expression. */
export const randomExpression: fc.Arbitrary<string> = fc
  .tuple(fc.constantFrom(...types), fc.integer({ min: 1, max: 3 }))
  .chain(([type, depth]) => expressionOf(type, depth, []));
