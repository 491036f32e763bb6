// Numbers: the procedures of (guile) and (rnrs) on the numeric tower, bitwise ones included.
import { numericalOverflow, outOfRange, unsupported, wrongType } from '../errors.ts';
import { numberToText, parseNumber } from '../number-text.ts';
import {
  add,
  bitLength,
  compare,
  denominator,
  divide,
  exactFromDouble,
  expt,
  fromBigint,
  gcd,
  integerDivide,
  isExact,
  isExactInteger,
  isInteger,
  isNumber,
  isqrt,
  multiply,
  negate,
  numberSign,
  numerator,
  roundNumber,
  sqrt,
  subtract,
  toDouble,
  toExact,
} from '../numbers.ts';
import { Flonum, MString, MultipleValues, Ratnum, str, type Value } from '../values.ts';
import { type Definer, MANY } from './define.ts';

const flo = (x: number) => new Flonum(x);

function chain(name: string, holds: (order: number) => boolean) {
  return (...args: Value[]): boolean => {
    for (let i = 0; i < args.length; i++) {
      if (!isNumber(args[i])) throw wrongType(name, i === 0 ? 1 : 2, args[i]);
    }
    let result = true;
    for (let i = 1; i < args.length; i++) {
      if (!holds(compare(args[i - 1], args[i]))) result = false;
    }
    return result;
  };
}

function need(who: string, x: Value, position = 1): Value {
  if (!isNumber(x)) throw wrongType(who, position, x);
  return x;
}

function integer(who: string, x: Value, position = 1): bigint {
  if (!isExactInteger(x)) throw wrongType(who, position, x);
  return BigInt(x);
}

/** An index or count given by a program. */
export function index(who: string, x: Value, position: number): number {
  if (!isExactInteger(x)) throw wrongType(who, position, x);
  if (typeof x !== 'number' || x < 0) throw outOfRange(who, position, x);
  return x;
}

function extreme(who: string, pick: (order: number) => boolean) {
  return (...args: Value[]): Value => {
    let best = need(who, args[0]);
    let inexact = best instanceof Flonum;
    for (let i = 1; i < args.length; i++) {
      const x = need(who, args[i], i + 1);
      if (x instanceof Flonum) inexact = true;
      if (x instanceof Flonum && Number.isNaN(x.value)) best = x;
      else if (pick(compare(x, best))) best = x;
    }
    return inexact && !(best instanceof Flonum) ? flo(toDouble(best)) : best;
  };
}

function real(name: string, fn: (x: number) => number, domain: (x: number) => boolean = () => true) {
  return (x: Value): Value => {
    const v = toDouble(need(name, x));
    if (!domain(v)) throw unsupported(`${name}: complex numbers`);
    return flo(fn(v));
  };
}

function modInverse(base: bigint, modulus: bigint): bigint {
  let [a, b, x, y] = [((base % modulus) + modulus) % modulus, modulus, 1n, 0n];
  while (b !== 0n) {
    const q = a / b;
    [a, b] = [b, a - q * b];
    [x, y] = [y, x - q * y];
  }
  if (a !== 1n) throw numericalOverflow('modulo-expt');
  return ((x % modulus) + modulus) % modulus;
}

function modularPower(n: bigint, k: bigint, m: bigint): bigint {
  if (m === 0n) throw numericalOverflow('modulo-expt');
  let base = k < 0n ? modInverse(n, m < 0n ? -m : m) : n % m;
  let exponent = k < 0n ? -k : k;
  let result = 1n;
  while (exponent > 0n) {
    if (exponent & 1n) result = (result * base) % m;
    base = (base * base) % m;
    exponent >>= 1n;
  }
  result %= m;
  return result !== 0n && result < 0n !== m < 0n ? result + m : result;
}

function logCount(n: bigint): number {
  let v = n < 0n ? ~n : n;
  let count = 0;
  while (v > 0n) {
    count += Number(v & 1n);
    v >>= 1n;
  }
  return count;
}

function parityOf(name: string, even: boolean) {
  return (x: Value): boolean => {
    if (typeof x === 'number') return (x % 2 === 0) === even;
    if (!isInteger(x)) throw wrongType(name, 1, x);
    return (integerDivide('remainder', name, toExact(x), 2) === 0) === even;
  };
}

function defineArithmetic(d: Definer): void {
  d.pure('+', 0, MANY, (...args) => {
    if (args.length === 1) return need('+', args[0]);
    return args.reduce((a, b) => add(a, b), 0);
  });
  d.pure('*', 0, MANY, (...args) => {
    if (args.length === 1) return need('*', args[0]);
    return args.reduce((a, b) => multiply(a, b), 1);
  });
  d.pure('-', 1, MANY, (first, ...rest) => {
    if (rest.length === 0) return negate(need('-', first));
    return rest.reduce((a, b) => subtract(a, b), first);
  });
  d.pure('/', 1, MANY, (first, ...rest) => {
    if (rest.length === 0) return divide(1, first);
    return rest.reduce((a, b) => divide(a, b), first);
  });
  d.pure('1+', 1, 1, (x) => add(x, 1));
  d.pure('1-', 1, 1, (x) => subtract(x, 1));
  d.pure(
    '=',
    0,
    MANY,
    chain('=', (order) => order === 0),
  );
  d.pure(
    '<',
    0,
    MANY,
    chain('<', (order) => order < 0),
  );
  d.pure(
    '>',
    0,
    MANY,
    chain('>', (order) => order > 0),
  );
  d.pure(
    '<=',
    0,
    MANY,
    chain('<=', (order) => order <= 0),
  );
  d.pure(
    '>=',
    0,
    MANY,
    chain('>=', (order) => order >= 0),
  );
  d.pure(
    'max',
    1,
    MANY,
    extreme('max', (order) => order > 0),
  );
  d.pure(
    'min',
    1,
    MANY,
    extreme('min', (order) => order < 0),
  );
  d.pure('abs', 1, 1, (x) => (numberSign(need('abs', x)) < 0 ? negate(x) : x));
  d.pure('magnitude', 1, 1, (x) => (numberSign(need('magnitude', x)) < 0 ? negate(x) : x));
  d.pure('quotient', 2, 2, (a, b) => integerDivide('quotient', 'quotient', a, b));
  d.pure('remainder', 2, 2, (a, b) => integerDivide('remainder', 'remainder', a, b));
  d.pure('modulo', 2, 2, (a, b) => {
    return integerDivide('modulo', 'modulo', a, b);
  });
  d.pure('gcd', 0, MANY, (...args) => args.reduce((a, b) => gcd(a, b), 0));
  d.pure('lcm', 0, MANY, (...args) =>
    args.reduce((a, b) => {
      if (a === 0 || b === 0) return 0;
      const product = multiply(a, b);
      return integerDivide('quotient', 'lcm', numberSign(product) < 0 ? negate(product) : product, gcd(a, b));
    }, 1),
  );
  for (const [prefix, quotient, remainder] of [
    ['floor', 'floor-quotient', 'modulo'],
    ['truncate', 'quotient', 'remainder'],
    ['euclidean', 'euclidean-quotient', 'euclidean-remainder'],
  ] as const) {
    d.pure(`${prefix}-quotient`, 2, 2, (a, b) => realDivision(prefix, `${prefix}-quotient`, a, b, quotient));
    d.pure(`${prefix}-remainder`, 2, 2, (a, b) =>
      realRemainder(prefix, `${prefix}-remainder`, a, b, remainder),
    );
    d.pure(
      `${prefix}/`,
      2,
      2,
      (a, b) =>
        new MultipleValues([
          realDivision(prefix, `${prefix}/`, a, b, quotient),
          realRemainder(prefix, `${prefix}/`, a, b, remainder),
        ]),
    );
  }
}

type DivisionKind = Parameters<typeof integerDivide>[0];

function realDivision(prefix: string, who: string, a: Value, b: Value, kind: DivisionKind): Value {
  if (isInteger(a) && isInteger(b)) return integerDivide(kind, who, a, b);
  need(who, a);
  need(who, b, 2);
  const q = divide(a, b);
  if (prefix === 'truncate') return roundNumber('truncate', q);
  return roundNumber(prefix === 'floor' || numberSign(b) > 0 ? 'floor' : 'ceiling', q);
}

function realRemainder(prefix: string, who: string, a: Value, b: Value, kind: DivisionKind): Value {
  if (isInteger(a) && isInteger(b)) return integerDivide(kind, who, a, b);
  return subtract(a, multiply(b, realDivision(prefix, who, a, b, kind)));
}

function definePredicates(d: Definer): void {
  d.pure('number?', 1, 1, isNumber);
  d.pure('complex?', 1, 1, isNumber);
  d.pure('real?', 1, 1, isNumber);
  d.pure('rational?', 1, 1, (x) => (x instanceof Flonum ? Number.isFinite(x.value) : isNumber(x)));
  d.pure('integer?', 1, 1, isInteger);
  d.pure('exact-integer?', 1, 1, isExactInteger);
  d.pure('exact?', 1, 1, (x) => isExact(need('exact?', x)));
  d.pure('inexact?', 1, 1, (x) => need('inexact?', x) instanceof Flonum);
  d.pure('zero?', 1, 1, (x) => (typeof x === 'number' ? x === 0 : numberSign(need('zero?', x)) === 0));
  d.pure('positive?', 1, 1, (x) => numberSign(need('positive?', x)) > 0);
  d.pure('negative?', 1, 1, (x) => numberSign(need('negative?', x)) < 0);
  d.pure('even?', 1, 1, parityOf('even?', true));
  d.pure('odd?', 1, 1, parityOf('odd?', false));
  d.pure('nan?', 1, 1, (x) => need('nan?', x) instanceof Flonum && Number.isNaN(x.value));
  d.pure(
    'inf?',
    1,
    1,
    (x) =>
      need('inf?', x) instanceof Flonum &&
      (x.value === Number.POSITIVE_INFINITY || x.value === Number.NEGATIVE_INFINITY),
  );
  d.pure('finite?', 1, 1, (x) => (need('finite?', x) instanceof Flonum ? Number.isFinite(x.value) : true));
  d.pure('exact-nonnegative-integer?', 1, 1, (x) => isExactInteger(x) && x >= 0);
}

function defineConversions(d: Definer): void {
  d.pure('exact->inexact', 1, 1, (x) => (need('exact->inexact', x) instanceof Flonum ? x : flo(toDouble(x))));
  d.pure('inexact->exact', 1, 1, (x) => toExact(x));
  d.pure('numerator', 1, 1, numerator);
  d.pure('denominator', 1, 1, denominator);
  for (const kind of ['floor', 'ceiling', 'truncate', 'round'] as const) {
    d.pure(kind, 1, 1, (x) => roundNumber(kind, need(kind, x)));
  }
  d.pure('number->string', 1, 2, (x, radix = 10) => {
    need('number->string', x);
    const base = index('number->string', radix, 2);
    if (base < 2 || base > 36) throw outOfRange('number->string', 2, radix);
    return str(numberToText(x, base));
  });
  d.pure('string->number', 1, 2, (text, radix = 10) => {
    if (!(text instanceof MString)) throw wrongType('string->number', 1, text, 'string');
    const base = index('string->number', radix, 2);
    if (base < 2 || base > 36) throw outOfRange('string->number', 2, radix);
    return parseNumber(text.text, base) ?? false;
  });
  d.pure('real-part', 1, 1, (x) => need('real-part', x));
  d.pure('imag-part', 1, 1, (x) => multiply(0, toExact(need('imag-part', x))));
  d.pure('rationalize', 2, 2, (x, e) => {
    const exact = simplest(subtract(toExact(x), toExact(e)), add(toExact(x), toExact(e)));
    return x instanceof Flonum || e instanceof Flonum ? flo(toDouble(exact)) : exact;
  });
}

/** The simplest ratio between two exact numbers. */
function simplest(low: Value, high: Value): Value {
  if (numberSign(low) > 0) {
    const floor = roundNumber('floor', low);
    if (compare(floor, low) === 0) return floor;
    if (compare(floor, roundNumber('floor', high)) < 0) return add(floor, 1);
    return add(floor, divide(1, simplest(divide(1, subtract(high, floor)), divide(1, subtract(low, floor)))));
  }
  if (numberSign(high) < 0) return negate(simplest(negate(high), negate(low)));
  return 0;
}

function defineTranscendental(d: Definer): void {
  d.pure('expt', 2, 2, expt);
  d.pure('sqrt', 1, 1, sqrt);
  d.pure('exact-integer-sqrt', 1, 1, (x) => {
    const n = integer('exact-integer-sqrt', x);
    if (n < 0n) throw wrongType('exact-integer-sqrt', 1, x);
    const root = isqrt(n);
    return new MultipleValues([fromBigint(root), fromBigint(n - root * root)]);
  });
  d.pure('exp', 1, 1, real('exp', Math.exp));
  d.pure('log', 1, 2, (x, base) => {
    if (x === 0) throw numericalOverflow('log');
    if (isExactInteger(x) && x > 0 && typeof x === 'bigint') {
      const shift = Math.max(0, bitLength(x) - 1000);
      return flo(Math.log(Number(x >> BigInt(shift))) + shift * Math.LN2);
    }
    const value = real('log', Math.log, (v) => !(v < 0))(x);
    return base === undefined ? value : flo((value as Flonum).value / Math.log(toDouble(base)));
  });
  d.pure(
    'log10',
    1,
    1,
    real('log10', Math.log10, (v) => !(v < 0)),
  );
  d.pure('sin', 1, 1, (x) => (x === 0 ? 0 : real('sin', Math.sin)(x)));
  d.pure('cos', 1, 1, (x) => (x === 0 ? 1 : real('cos', Math.cos)(x)));
  d.pure('tan', 1, 1, (x) => (x === 0 ? 0 : real('tan', Math.tan)(x)));
  d.pure('asin', 1, 1, (x) => (x === 0 ? 0 : real('asin', Math.asin, (v) => Math.abs(v) <= 1)(x)));
  d.pure('acos', 1, 1, (x) => (x === 1 ? 0 : real('acos', Math.acos, (v) => Math.abs(v) <= 1)(x)));
  d.pure('atan', 1, 2, (y, x) => {
    if (x === undefined) return y === 0 ? 0 : real('atan', Math.atan)(y);
    return flo(Math.atan2(toDouble(need('atan', y)), toDouble(need('atan', x, 2))));
  });
}

function bitwise(
  name: string,
  unit: bigint,
  combine: (a: bigint, b: bigint) => bigint,
  small?: (a: number, b: number) => number,
) {
  return (...args: Value[]): Value => {
    const [a, b] = args;
    if (small !== undefined && args.length === 2 && isInt32(a) && isInt32(b)) return small(a, b);
    return fromBigint(args.map((x, i) => integer(name, x, i + 1)).reduce(combine, unit));
  };
}

function defineBits(d: Definer): void {
  d.pure(
    'logand',
    0,
    MANY,
    bitwise(
      'logand',
      -1n,
      (a, b) => a & b,
      (a, b) => a & b,
    ),
  );
  d.pure(
    'logior',
    0,
    MANY,
    bitwise(
      'logior',
      0n,
      (a, b) => a | b,
      (a, b) => a | b,
    ),
  );
  d.pure(
    'logxor',
    0,
    MANY,
    bitwise(
      'logxor',
      0n,
      (a, b) => a ^ b,
      (a, b) => a ^ b,
    ),
  );
  d.pure('lognot', 1, 1, (x) => fromBigint(~integer('lognot', x)));
  d.pure('logtest', 2, 2, (a, b) => (integer('logtest', a) & integer('logtest', b, 2)) !== 0n);
  d.pure(
    'logbit?',
    2,
    2,
    (i, n) => ((integer('logbit?', n, 2) >> BigInt(index('logbit?', i, 1))) & 1n) === 1n,
  );
  d.pure('logcount', 1, 1, (n) => logCount(integer('logcount', n)));
  d.pure('integer-length', 1, 1, (n) => {
    const v = integer('integer-length', n);
    return bitLength(v < 0n ? ~v : v);
  });
  const shift =
    (who: string) =>
    (n: Value, count: Value): Value => {
      const k = integer(who, count, 2);
      const v = integer(who, n);
      if (typeof n === 'number' && k >= 0n && k < 20n && Math.abs(n) < 0x80000000) return n * 2 ** Number(k);
      if (k > 100_000_000n) throw outOfRange(who, 2, count);
      return fromBigint(k >= 0n ? v << k : v >> -k);
    };
  d.pure('ash', 2, 2, shift('ash'));
  d.pure('arithmetic-shift', 2, 2, shift('arithmetic-shift'));
  d.pure('round-ash', 2, 2, (n, count) => {
    const k = integer('round-ash', count, 2);
    if (k >= 0n) return shift('round-ash')(n, count);
    return roundNumber('round', divide(n, expt(2, fromBigint(-k))));
  });
  d.pure('bit-extract', 3, 3, (n, start, end) => {
    const s = index('bit-extract', start, 2);
    const e = index('bit-extract', end, 3);
    return fromBigint((integer('bit-extract', n) >> BigInt(s)) & ((1n << BigInt(Math.max(0, e - s))) - 1n));
  });
  d.pure('modulo-expt', 3, 3, (n, k, m) =>
    fromBigint(
      modularPower(integer('modulo-expt', n), integer('modulo-expt', k, 2), integer('modulo-expt', m, 3)),
    ),
  );
}

/** Numbers of (guile). */
export function defineNumbers(d: Definer): void {
  defineArithmetic(d);
  definePredicates(d);
  defineConversions(d);
  defineTranscendental(d);
  defineBits(d);
  d.pure('inf', 0, 0, () => flo(Number.POSITIVE_INFINITY));
  d.pure('nan', 0, 0, () => flo(Number.NaN));
  d.value('most-positive-fixnum', fromBigint(2305843009213693951n));
  d.value('most-negative-fixnum', fromBigint(-2305843009213693952n));
  d.pure('exact-rational?', 1, 1, (x) => isExactInteger(x) || x instanceof Ratnum);
  let seed = 42;
  // A small generator (mulberry32); programs that need secrets do not use `random`.
  const next = () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  d.pure('random', 1, 2, (n) => {
    if (n instanceof Flonum) return flo(next() * n.value);
    if (!isExactInteger(n) || n <= 0) throw outOfRange('random', 1, n);
    if (typeof n === 'number' && n < 2 ** 32) return Math.floor(next() * n);
    let big = 0n;
    for (let i = 0; i < bitLength(BigInt(n)) + 64; i += 32)
      big = (big << 32n) | BigInt(Math.floor(next() * 4294967296));
    return fromBigint(big % BigInt(n));
  });
  d.pure('exact-from-double', 1, 1, (x) => exactFromDouble(toDouble(x)));
}

function isInt32(x: Value): boolean {
  return typeof x === 'number' && (x | 0) === x;
}
