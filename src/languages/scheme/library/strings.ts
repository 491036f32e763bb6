// Strings, symbols and keywords of (guile), SRFI 13 included. Indexes count code points.
import { miscError, notBetween, outOfRange, wrongType, wrongTypeExpecting } from '../errors.ts';
import { tail1, tail2 } from '../procedures.ts';
import {
  arrayToList,
  Char,
  char,
  gensym,
  intern,
  Keyword,
  keyword,
  listToArray,
  MString,
  Sym,
  str,
  UNSPECIFIED,
  type Value,
} from '../values.ts';
import { charPredicate, charTests } from './chars.ts';
import { type Definer, MANY } from './define.ts';
import { properList } from './lists.ts';

/** The text of a string that a procedure was given. */
export function text(who: string, x: Value, position = 1): string {
  if (!(x instanceof MString)) throw wrongType(who, position, x, 'string');
  return x.text;
}

function string(who: string, x: Value, position = 1): MString {
  if (!(x instanceof MString)) throw wrongType(who, position, x, 'string');
  return x;
}

/** Optional bounds of a string argument, checked. */
function bounds(
  who: string,
  options: { string: MString; start: Value; end: Value; position: number },
): [number, number] {
  const { length } = options.string;
  const check = (value: Value, fallback: number, position: number, low: number) => {
    if (value === undefined) return fallback;
    if (typeof value !== 'number' || !Number.isInteger(value)) throw wrongType(who, position, value);
    if (value < low || value > length) throw notBetween(low, length, value);
    return value;
  };
  const start = check(options.start, 0, options.position, 0);
  const end = check(options.end, length, options.position + 1, start);
  return [start, end];
}

function substringOf(
  who: string,
  s: Value,
  options: { start: Value; end: Value; position: number; at?: number },
): string {
  const whole = string(who, s, options.at ?? 1);
  const [start, end] = bounds(who, { string: whole, ...options });
  return whole.slice(start, end);
}

const points = (value: string): number[] => Array.from(value, (c) => c.codePointAt(0)!);
const fromPoints = (codes: readonly number[]): string => {
  let result = '';
  for (const code of codes) result += String.fromCodePoint(code);
  return result;
};

function comparePoints(a: string, b: string): number {
  if (a === b) return 0;
  const x = points(a);
  const y = points(b);
  for (let i = 0; i < x.length && i < y.length; i++) if (x[i] !== y[i]) return x[i]! - y[i]!;
  return x.length - y.length;
}

const fold = (value: string) =>
  /^[\x00-\x7f]*$/.test(value) ? value.toLowerCase() : mapCase(mapCase(value, 'upper'), 'lower');

function defineComparisons(d: Definer): void {
  const orders = [
    ['=', (o: number) => o === 0],
    ['<', (o: number) => o < 0],
    ['>', (o: number) => o > 0],
    ['<=', (o: number) => o <= 0],
    ['>=', (o: number) => o >= 0],
  ] as const;
  for (const [suffix, holds] of orders) {
    for (const [infix, map] of [
      ['', (s: string) => s],
      ['-ci', fold],
    ] as const) {
      const name = `string${infix}${suffix}?`;
      d.pure(name, 0, MANY, (...args) => {
        const texts = args.map((arg, i) => map(text(name, arg, i + 1)));
        return texts.every((t, i) => i === 0 || holds(comparePoints(texts[i - 1]!, t)));
      });
      const srfi = `string${infix}${suffix === '>=' ? '>=' : suffix}`;
      d.pure(srfi, 2, 6, (a, b, s1, e1, s2, e2) =>
        holds(
          comparePoints(
            map(substringOf(srfi, a, { start: s1, end: e1, position: 3 })),
            map(substringOf(srfi, b, { start: s2, end: e2, position: 5, at: 2 })),
          ),
        ),
      );
    }
  }
  d.pure('string<>', 2, 6, (a, b) => text('string<>', a) !== text('string<>', b, 2));
  for (const [name, test] of [
    ['string-prefix?', (a: string, b: string) => b.startsWith(a)],
    ['string-suffix?', (a: string, b: string) => b.endsWith(a)],
  ] as const) {
    d.pure(name, 2, 6, (a, b, s1, e1, s2, e2) =>
      test(
        substringOf(name, a, { start: s1, end: e1, position: 3 }),
        substringOf(name, b, { start: s2, end: e2, position: 5, at: 2 }),
      ),
    );
    const ci = name.replace('?', '-ci?');
    d.pure(ci, 2, 6, (a, b) => test(fold(text(ci, a)), fold(text(ci, b, 2))));
  }
  d.pure('string-prefix-length', 2, 6, (a, b, s1, e1, s2, e2) => {
    const x = points(substringOf('string-prefix-length', a, { start: s1, end: e1, position: 3 }));
    const y = points(substringOf('string-prefix-length', b, { start: s2, end: e2, position: 5, at: 2 }));
    let i = 0;
    while (i < x.length && i < y.length && x[i] === y[i]) i++;
    return i;
  });
  d.pure('string-suffix-length', 2, 6, (a, b, s1, e1, s2, e2) => {
    const x = points(substringOf('string-suffix-length', a, { start: s1, end: e1, position: 3 })).reverse();
    const y = points(
      substringOf('string-suffix-length', b, { start: s2, end: e2, position: 5, at: 2 }),
    ).reverse();
    let i = 0;
    while (i < x.length && i < y.length && x[i] === y[i]) i++;
    return i;
  });
}

function defineBasics(d: Definer): void {
  d.pure('string?', 1, 1, (x) => x instanceof MString);
  d.pure('string-null?', 1, 1, (s) => text('string-null?', s) === '');
  d.pure('string-length', 1, 1, (s) => string('string-length', s).length);
  d.pure('string-ref', 2, 2, (s, k) => {
    const whole = string('string-ref', s);
    if (typeof k !== 'number') throw wrongType('string-ref', 2, k);
    if (k < 0 || k >= whole.length) throw notBetween(0, whole.length - 1, k);
    return char(whole.codeAt(k));
  });
  d.pure('string-set!', 3, 3, (s, k, c) => {
    const whole = string('string-set!', s);
    if (typeof k !== 'number') throw wrongType('string-set!', 2, k);
    if (k < 0 || k >= whole.length) throw notBetween(0, whole.length - 1, k);
    whole.setCode(k, c.code);
    return UNSPECIFIED;
  });
  d.pure('make-string', 1, 2, (n, c = char(0)) => {
    if (typeof n !== 'number') throw wrongType('make-string', 1, n);
    if (n < 0) throw outOfRange('make-string', 1, n);
    if (!(c instanceof Char)) throw wrongType('make-string', 2, c);
    return str(String.fromCodePoint(c.code).repeat(n));
  });
  d.pure('string', 0, MANY, (...chars) =>
    str(
      fromPoints(
        chars.map((c, i) => {
          if (!(c instanceof Char)) throw wrongType('string', i + 1, c, 'character');
          return c.code;
        }),
      ),
    ),
  );
  d.pure('string-append', 0, MANY, (...parts) =>
    str(
      parts
        .map((part) => {
          if (part instanceof MString) return part.text;
          throw wrongTypeExpecting('string-append', 'string', part);
        })
        .join(''),
    ),
  );
  d.alias('string-append/shared', 'string-append');
  const concatenate = (parts: Value) =>
    str(
      properList('string-concatenate', parts, 1)
        .map((part) => text('string-concatenate', part))
        .join(''),
    );
  d.pure('string-concatenate', 1, 1, concatenate);
  d.pure('string-concatenate/shared', 1, 1, concatenate);
  d.pure('string-concatenate-reverse', 1, 3, (parts, final = str('')) =>
    str(
      `${listToArray(parts)
        .reverse()
        .map((part) => part.text)
        .join('')}${final.text}`,
    ),
  );
  for (const name of [
    'substring',
    'substring/copy',
    'substring/shared',
    'substring/read-only',
    'string-copy',
  ]) {
    d.pure(name, name === 'string-copy' ? 1 : 2, 3, (s, start, end) =>
      str(substringOf(name, s, { start, end, position: 2 })),
    );
  }
  d.pure('string-copy!', 3, 5, (target, at, source, start, end) => {
    const piece = substringOf('string-copy!', source, { start, end, position: 4, at: 3 });
    const whole = string('string-copy!', target);
    whole.text = whole.slice(0, at) + piece + whole.slice(at + Array.from(piece).length);
    return UNSPECIFIED;
  });
  d.pure('string-fill!', 2, 4, (s, c, start, end) => {
    const whole = string('string-fill!', s);
    const [from, to] = bounds('string-fill!', { string: whole, start, end, position: 3 });
    whole.text = whole.slice(0, from) + String.fromCodePoint(c.code).repeat(to - from) + whole.slice(to);
    return UNSPECIFIED;
  });
  d.pure('string->list', 1, 3, (s, start, end) =>
    arrayToList(points(substringOf('string->list', s, { start, end, position: 2 })).map(char)),
  );
  d.pure('list->string', 1, 1, (chars) =>
    str(
      fromPoints(
        properList('list->string', chars, 1).map((c) => {
          if (!(c instanceof Char)) throw wrongTypeExpecting('string', 'character', c);
          return c.code;
        }),
      ),
    ),
  );
  d.pure('reverse-list->string', 1, 1, (chars) =>
    str(
      fromPoints(
        listToArray(chars)
          .reverse()
          .map((c) => c.code),
      ),
    ),
  );
  d.hidden('%string-normalize', 2, 2, (s, form) =>
    str(string('string-normalize', s).text.normalize(form.text)),
  );
  d.pure('string-reverse', 1, 3, (s, start, end) => {
    const whole = string('string-reverse', s);
    const [from, to] = bounds('string-reverse', { string: whole, start, end, position: 2 });
    return str(whole.slice(0, from) + fromPoints(points(whole.slice(from, to)).reverse()) + whole.slice(to));
  });
  d.pure('string-upcase', 1, 3, (s, start, end) =>
    str(mapCase(substringOf('string-upcase', s, { start, end, position: 2 }), 'upper')),
  );
  d.pure('string-downcase', 1, 3, (s, start, end) =>
    str(mapCase(substringOf('string-downcase', s, { start, end, position: 2 }), 'lower')),
  );
  d.pure('string-capitalize', 1, 1, (s) => str(capitalize(text('string-capitalize', s))));
  d.pure('string-titlecase', 1, 3, (s, start, end) =>
    str(capitalize(substringOf('string-titlecase', s, { start, end, position: 2 }))),
  );
  for (const [name, kind] of [
    ['string-upcase!', 'upper'],
    ['string-downcase!', 'lower'],
  ] as const) {
    d.pure(name, 1, 3, (s) => {
      string(name, s).text = mapCase(s.text, kind);
      return s;
    });
  }
  d.pure('string-take', 2, 2, (s, n) =>
    str(substringOf('string-take', s, { start: 0, end: n, position: 2 })),
  );
  d.pure('string-drop', 2, 2, (s, n) =>
    str(substringOf('string-drop', s, { start: n, end: undefined, position: 2 })),
  );
  d.pure('string-take-right', 2, 2, (s, n) =>
    str(
      substringOf('string-take-right', s, {
        start: string('string-take-right', s).length - n,
        end: undefined,
        position: 2,
      }),
    ),
  );
  d.pure('string-drop-right', 2, 2, (s, n) =>
    str(
      substringOf('string-drop-right', s, {
        start: 0,
        end: string('string-drop-right', s).length - n,
        position: 2,
      }),
    ),
  );
  const pad =
    (name: string, right: boolean) =>
    (s: Value, n: Value, c: Value = char(32), start?: Value, end?: Value): Value => {
      const codes = points(substringOf(name, s, { start, end, position: 4 }));
      if (typeof n !== 'number' || n < 0) throw wrongType(name, 2, n);
      const fill = new Array(Math.max(0, n - codes.length)).fill(c.code);
      return str(
        fromPoints(
          right
            ? [...codes, ...fill].slice(0, n)
            : [...fill, ...codes].slice(-n || codes.length + fill.length),
        ),
      );
    };
  d.pure('string-pad', 2, 5, (s, n, ...rest) =>
    n === 0 ? str('') : pad('string-pad', false)(s, n, ...rest),
  );
  d.pure('string-pad-right', 2, 5, pad('string-pad-right', true));
  d.pure('string-replace', 2, 6, (a, b, s1, e1, s2, e2) => {
    const whole = string('string-replace', a);
    const [from, to] = bounds('string-replace', { string: whole, start: s1, end: e1, position: 3 });
    return str(
      whole.slice(0, from) +
        substringOf('string-replace', b, { start: s2, end: e2, position: 5, at: 2 }) +
        whole.slice(to),
    );
  });
  d.pure('string-join', 1, 3, (strings, delimiter = str(' '), grammar = intern('infix')) =>
    joinStrings(strings, text('string-join', delimiter, 2), grammar.name),
  );
}

function joinStrings(strings: Value, delimiter: string, grammar: string): Value {
  const texts = properList('string-join', strings, 1).map((s) => text('string-join', s));
  switch (grammar) {
    case 'prefix':
      return str(texts.map((t) => delimiter + t).join(''));
    case 'suffix':
      return str(texts.map((t) => t + delimiter).join(''));
    case 'strict-infix':
      if (texts.length === 0) throw miscError('string-join', 'strict-infix grammar requires non-empty list');
      return str(texts.join(delimiter));
  }
  return str(texts.join(delimiter));
}

/** Case mapping code point by code point: lengths stay, as in Guile. */
function mapCase(value: string, kind: 'upper' | 'lower'): string {
  if (/^[\x00-\x7f]*$/.test(value)) return kind === 'upper' ? value.toUpperCase() : value.toLowerCase();
  return Array.from(value, (c) => {
    const mapped = kind === 'upper' ? c.toUpperCase() : c.toLowerCase();
    return Array.from(mapped).length === 1 ? mapped : c;
  }).join('');
}

function capitalize(value: string): string {
  let inWord = false;
  return Array.from(value, (c) => {
    const letter = /^\p{L}$/u.test(c);
    const result = letter ? mapCase(c, inWord ? 'lower' : 'upper') : c;
    inWord = letter;
    return result;
  }).join('');
}

/** Runs a SRFI 13 criterion (character, char-set or predicate) on each code point; stops when `visit` says so. */
function* scan(
  criterion: Value,
  codes: readonly number[],
  visit: (hit: Value, index: number) => boolean,
): Generator<Value, void, Value> {
  const test = charPredicate(criterion);
  for (let i = 0; i < codes.length; i++) {
    const hit = test !== undefined ? test(codes[i]!) : yield tail1(criterion, char(codes[i]!));
    if (visit(hit, i)) return;
  }
}

function defineSearching(d: Definer): void {
  for (const [name, want, right] of [
    ['string-index', true, false],
    ['string-rindex', true, true],
    ['string-index-right', true, true],
    ['string-skip', false, false],
    ['string-skip-right', false, true],
  ] as const) {
    d.steps(name, 2, 4, function* (s, criterion, start, end) {
      const [from, to] = bounds(name, { string: string(name, s), start, end, position: 3 });
      const codes = points(s.slice(from, to));
      if (right) codes.reverse();
      let found = -1;
      yield* scan(criterion, codes, (hit, i) => {
        if ((hit !== false) !== want) return false;
        found = i;
        return true;
      });
      return found < 0 ? false : right ? to - 1 - found : from + found;
    });
  }
  d.steps('string-count', 2, 4, function* (s, criterion, start, end) {
    let count = 0;
    yield* scan(criterion, points(substringOf('string-count', s, { start, end, position: 3 })), (hit) => {
      if (hit !== false) count++;
      return false;
    });
    return count;
  });
  d.steps('string-any', 2, 4, function* (criterion, s, start, end) {
    let result: Value = false;
    yield* scan(
      criterion,
      points(substringOf('string-any', s, { start, end, position: 3, at: 2 })),
      (hit) => {
        result = hit;
        return hit !== false;
      },
    );
    return result;
  });
  d.steps('string-every', 2, 4, function* (criterion, s, start, end) {
    let result: Value = true;
    yield* scan(
      criterion,
      points(substringOf('string-every', s, { start, end, position: 3, at: 2 })),
      (hit) => {
        result = hit;
        return hit === false;
      },
    );
    return result;
  });
  const keep = (name: string, want: boolean) =>
    d.steps(name, 2, 4, function* (criterion, s, start, end) {
      const codes = points(substringOf(name, s, { start, end, position: 3, at: 2 }));
      const kept: number[] = [];
      yield* scan(criterion, codes, (hit, i) => {
        if ((hit !== false) === want) kept.push(codes[i]!);
        return false;
      });
      return str(fromPoints(kept));
    });
  keep('string-filter', true);
  keep('string-delete', false);
  const trim = (name: string, left: boolean, right: boolean) =>
    d.steps(name, 1, 4, function* (s, criterion, start, end) {
      const codes = points(substringOf(name, s, { start, end, position: 3 }));
      const space = (code: number) => charTests.whitespace!(String.fromCodePoint(code), code);
      const test = criterion === undefined ? space : charPredicate(criterion);
      let from = 0;
      let to = codes.length;
      while (
        left &&
        from < to &&
        (test !== undefined ? test(codes[from]!) : (yield tail1(criterion, char(codes[from]!))) !== false)
      )
        from++;
      while (
        right &&
        to > from &&
        (test !== undefined ? test(codes[to - 1]!) : (yield tail1(criterion, char(codes[to - 1]!))) !== false)
      )
        to--;
      return str(fromPoints(codes.slice(from, to)));
    });
  trim('string-trim', true, false);
  trim('string-trim-right', false, true);
  trim('string-trim-both', true, true);
  d.steps('string-split', 2, 2, function* (s, criterion) {
    if (criterion instanceof Char)
      return arrayToList(text('string-split', s).split(String.fromCodePoint(criterion.code)).map(str));
    const codes = points(text('string-split', s));
    const pieces: number[][] = [[]];
    yield* scan(criterion, codes, (hit, i) => {
      if (hit !== false) pieces.push([]);
      else pieces.at(-1)!.push(codes[i]!);
      return false;
    });
    return arrayToList(pieces.map((piece) => str(fromPoints(piece))));
  });
  d.steps('string-tokenize', 1, 4, function* (s, criterion, start, end) {
    const codes = points(substringOf('string-tokenize', s, { start, end, position: 3 }));
    const set = criterion ?? { graphic: true };
    const tokens: number[][] = [];
    let open = false;
    const visit = (hit: Value, i: number) => {
      if (hit === false) open = false;
      else {
        if (!open) tokens.push([]);
        tokens.at(-1)!.push(codes[i]!);
        open = true;
      }
      return false;
    };
    if (criterion === undefined)
      for (const [i, c] of codes.entries()) visit(charTests.graphic!(String.fromCodePoint(c), c), i);
    else yield* scan(set, codes, visit);
    return arrayToList(tokens.map((token) => str(fromPoints(token))));
  });
  for (const [name, map] of [
    ['string-contains', (x: string) => x],
    ['string-contains-ci', fold],
  ] as const) {
    d.pure(name, 2, 6, (a, b, s1, e1, s2, e2) => {
      const whole = string(name, a);
      const [from] = bounds(name, { string: whole, start: s1, end: e1, position: 3 });
      const hay = map(substringOf(name, a, { start: s1, end: e1, position: 3 }));
      const at = hay.indexOf(map(substringOf(name, b, { start: s2, end: e2, position: 5, at: 2 })));
      return at < 0 ? false : from + Array.from(hay.slice(0, at)).length;
    });
  }
}

function defineHigherOrder(d: Definer): void {
  d.steps('string-map', 2, 4, function* (a, b, start, end) {
    const [f, s] = a instanceof MString ? [b, a] : [a, b];
    const codes: number[] = [];
    for (const code of points(substringOf('string-map', s, { start, end, position: 3, at: 2 })))
      codes.push((yield tail1(f, char(code))).code);
    return str(fromPoints(codes));
  });
  d.steps('string-for-each', 2, 4, function* (f, s, start, end) {
    if (start instanceof MString) {
      const rest = points(start.text);
      for (const [i, code] of points(s.text).entries())
        if (i < rest.length) yield tail2(f, char(code), char(rest[i]!));
      return UNSPECIFIED;
    }
    for (const code of points(substringOf('string-for-each', s, { start, end, position: 3, at: 2 })))
      yield tail1(f, char(code));
    return UNSPECIFIED;
  });
  d.steps('string-for-each-index', 2, 4, function* (f, s, start, end) {
    const [from, to] = bounds('string-for-each-index', {
      string: string('string-for-each-index', s, 2),
      start,
      end,
      position: 3,
    });
    for (let i = from; i < to; i++) yield tail1(f, i);
    return UNSPECIFIED;
  });
  d.steps('string-fold', 3, 5, function* (f, init, s, start, end) {
    let result = init;
    for (const code of points(substringOf('string-fold', s, { start, end, position: 4, at: 3 })))
      result = yield tail2(f, char(code), result);
    return result;
  });
  d.steps('string-fold-right', 3, 5, function* (f, init, s, start, end) {
    let result = init;
    for (const code of points(
      substringOf('string-fold-right', s, { start, end, position: 4, at: 3 }),
    ).reverse())
      result = yield tail2(f, char(code), result);
    return result;
  });
  d.steps('string-tabulate', 2, 2, function* (f, n) {
    const codes: number[] = [];
    for (let i = 0; i < n; i++) codes.push((yield tail1(f, i)).code);
    return str(fromPoints(codes));
  });
  d.steps('string-unfold', 4, 6, function* (stop, f, next, seed, base = str('')) {
    let codes = '';
    let state = seed;
    while ((yield tail1(stop, state)) === false) {
      codes += String.fromCodePoint((yield tail1(f, state)).code);
      state = yield tail1(next, state);
    }
    return str(base.text + codes);
  });
}

function defineSymbols(d: Definer): void {
  const symbol = (who: string, x: Value, position = 1): Sym => {
    if (!(x instanceof Sym)) throw wrongType(who, position, x, 'symbol');
    return x;
  };
  d.pure('symbol?', 1, 1, (x) => x instanceof Sym);
  d.pure('symbol->string', 1, 1, (x) => str(symbol('symbol->string', x).name));
  d.pure('string->symbol', 1, 1, (s) => intern(text('string->symbol', s)));
  d.alias('intern', 'string->symbol');
  d.pure('string-ci->symbol', 1, 1, (s) => intern(text('string-ci->symbol', s)));
  d.pure('make-symbol', 1, 1, (s) => new Sym(text('make-symbol', s), false));
  d.pure('string->uninterned-symbol', 1, 1, (s) => new Sym(text('string->uninterned-symbol', s), false));
  d.pure('symbol-interned?', 1, 1, (x) => symbol('symbol-interned?', x).interned);
  d.pure('symbol-append', 0, MANY, (...parts) =>
    intern(parts.map((x, i) => symbol('symbol-append', x, i + 1).name).join('')),
  );
  d.pure('gensym', 0, 1, (prefix) => gensym(prefix === undefined ? ' g' : text('gensym', prefix)));
  d.pure('list->symbol', 1, 1, (chars) => intern(fromPoints(listToArray(chars).map((c) => c.code))));
  d.pure('symbol', 0, MANY, (...chars) => intern(fromPoints(chars.map((c) => c.code))));
  d.pure('symbol<?', 0, MANY, (...items) =>
    items.every((x, i) => i === 0 || comparePoints(items[i - 1].name, symbol('symbol<?', x).name) < 0),
  );
  d.pure('keyword?', 1, 1, (x) => x instanceof Keyword);
  d.pure('keyword->symbol', 1, 1, (x) => {
    if (!(x instanceof Keyword)) throw wrongType('keyword->symbol', 1, x, 'keyword');
    return x.symbol;
  });
  d.pure('symbol->keyword', 1, 1, (x) => keyword(symbol('symbol->keyword', x)));
}

/** Strings, symbols, keywords. */
export function defineStrings(d: Definer): void {
  defineComparisons(d);
  defineBasics(d);
  defineSearching(d);
  defineHigherOrder(d);
  defineSymbols(d);
  d.pure(
    'string-hash',
    1,
    4,
    (s, size = Number.MAX_SAFE_INTEGER) => hashString(text('string-hash', s)) % Number(size),
  );
}

/** A hash of a text, not Guile's. */
export function hashString(value: string): number {
  let result = 5381;
  for (let i = 0; i < value.length; i++) result = (result * 33 + value.charCodeAt(i)) % 4503599627370449;
  return result;
}
