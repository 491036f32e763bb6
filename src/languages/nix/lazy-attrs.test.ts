import { expect, it } from 'vitest';
import { createEvaluator } from './evaluator.ts';
import { createInMemoryHost } from './in-memory-host.ts';

const words = ['delta', 'alpha', 'charlie', 'bravo'];

/** `set` has `words`, each with itself in capitals as value. Returns what an expression prints and what it asked for. */
function evaluate(expression: string): { readonly printed: string; readonly walks: number; made: string[] } {
  let walks = 0;
  const made: string[] = [];
  const evaluator = createEvaluator({ host: createInMemoryHost({}) });
  const capitals = (name: string) => {
    made.push(name);
    return name.toUpperCase();
  };
  evaluator.definePrimOp({
    name: '__words',
    arity: 1,
    call: () =>
      evaluator.makeLazySet({
        has: (name) => words.includes(name),
        names: () => {
          walks++;
          return words;
        },
        make: evaluator.makeFunction({
          name: 'capitals',
          arity: 1,
          call: ([name]) => capitals(evaluator.toHost(name!) as string),
        }),
      }),
  });
  const text = `let set = builtins.words null; in ${expression}`;
  const printed = evaluator.print(evaluator.forceDeep(evaluator.evaluateText(text, { basePath: '/' })));
  return { printed, walks, made };
}

it.each([
  ['set.alpha', '"ALPHA"', ['alpha']],
  ['[ set.alpha set.alpha ]', '[ "ALPHA" "ALPHA" ]', ['alpha']],
  ['set.echo or 1', '1', []],
  ['[ (set ? bravo) (set ? echo) (builtins.hasAttr "alpha" set) ]', '[ true false true ]', []],
  ['builtins.getAttr "delta" set', '"DELTA"', ['delta']],
  ['with set; [ alpha charlie ]', '[ "ALPHA" "CHARLIE" ]', ['alpha', 'charlie']],
  ['let inherit (set) bravo; in bravo', '"BRAVO"', ['bravo']],
  ['(set // { echo = 5; alpha = set.alpha + "!"; }).alpha', '"ALPHA!"', ['alpha']],
  [
    'let more = set // { echo = 5; } // { foxtrot = 6; }; in [ more.echo more.foxtrot more.bravo ]',
    '[ 5 6 "BRAVO" ]',
    ['bravo'],
  ],
  ['(set // { alpha = null; }).alpha', 'null', []],
  ['({ echo = null; } // set).echo', 'null', []],
  ['builtins.getAttr "alpha" (set // { alpha = null; })', 'null', []],
  ['builtins.intersectAttrs { alpha = 1; echo = 2; } set', '{ alpha = "ALPHA"; }', ['alpha']],
  ['set.${"al" + "pha"}', '"ALPHA"', ['alpha']],
])('%s asks only for what it uses', (expression, printed, made) => {
  expect(evaluate(expression)).toEqual({ printed, walks: 0, made });
});

it.each([
  ['builtins.attrNames set', '[ "alpha" "bravo" "charlie" "delta" ]'],
  ['set', '{ alpha = "ALPHA"; bravo = "BRAVO"; charlie = "CHARLIE"; delta = "DELTA"; }'],
  ['{ alpha = 1; echo = 2; } // set == set // { echo = 2; }', 'true'],
  ['builtins.attrNames (set // { echo = 1; })', '[ "alpha" "bravo" "charlie" "delta" "echo" ]'],
  [
    'builtins.mapAttrs (n: v: n + v) (builtins.removeAttrs set [ "alpha" "delta" ])',
    '{ bravo = "bravoBRAVO"; charlie = "charlieCHARLIE"; }',
  ],
  ['[ (builtins.isAttrs set) (builtins.typeOf set) ]', '[ true "set" ]'],
  ['set == builtins.words null', 'true'],
])('%s is what it would be of any set', (expression, printed) => {
  expect(evaluate(expression).printed).toBe(printed);
});

it('says which names are near one that is not there', () => {
  expect(() => evaluate('set.alpa')).toThrow(/attribute 'alpa' missing/);
});
