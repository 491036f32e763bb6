// The numeric tower: exact integers (number while safe, else bigint), exact ratios and flonums. Complex numbers
// are refused by name. Semantics follow R7RS and Guile's manual, "Numerical data types".
import { numericalOverflow as overflow, unsupported, wrongType } from './errors.ts';
import { Flonum, Ratnum, type Value } from './values.ts';

/** Whether a value is any number. */
export function isNumber(x: Value): boolean {
  return typeof x === 'number' || typeof x === 'bigint' || x instanceof Flonum || x instanceof Ratnum;
}

export function isExactInteger(x: Value): x is number | bigint {
  return typeof x === 'number' || typeof x === 'bigint';
}

/** Whether a number is an integer in R7RS's sense, 2.0 included. */
export function isInteger(x: Value): boolean {
  return isExactInteger(x) || (x instanceof Flonum && Number.isInteger(x.value));
}

export function isExact(x: Value): boolean {
  return isExactInteger(x) || x instanceof Ratnum;
}

/** A bigint as the exact integer that represents it. */
export function fromBigint(x: bigint): number | bigint {
  return x >= -9007199254740991n && x <= 9007199254740991n ? Number(x) : x;
}

/** The exact ratio num/den in lowest terms; den is not zero. */
export function ratio(num: bigint, den: bigint): Value {
  if (den < 0n) return ratio(-num, -den);
  const divisor = gcdBig(num, den);
  const n = num / divisor;
  const d = den / divisor;
  return d === 1n ? fromBigint(n) : new Ratnum(n, d);
}

function gcdBig(a: bigint, b: bigint): bigint {
  let x = a < 0n ? -a : a;
  let y = b < 0n ? -b : b;
  while (y !== 0n) [x, y] = [y, x % y];
  return x === 0n ? 1n : x;
}

const float64 = new Float64Array(1);
const bits64 = new BigUint64Array(float64.buffer);

/** num/den rounded to the nearest double, ties to even. */
function ratioToDouble(num: bigint, den: bigint): number {
  if (num < 0n) return -ratioToDouble(-num, den);
  if (num === 0n) return 0;
  // Scale so that the quotient has 64 bits or so, and fold the remainder into a sticky bit.
  const shift = bitLength(den) - bitLength(num) + 66;
  const [n, d] = shift >= 0 ? [num << BigInt(shift), den] : [num, den << BigInt(-shift)];
  let quotient = n / d;
  if (n % d !== 0n) quotient |= 1n;
  return scaleDouble(quotient, -shift);
}

/** quotient × 2^exponent, rounded once; the quotient has at least 65 bits. */
function scaleDouble(quotient: bigint, exponent: number): number {
  const length = bitLength(quotient);
  const top = length + exponent;
  if (top > 1024) return Number.POSITIVE_INFINITY;
  // Below the normal range fewer bits are kept.
  const keep = top < -1021 ? 53 - (-1021 - top) : 53;
  if (keep < 0) return 0;
  const drop = BigInt(length - keep);
  let kept = quotient >> drop;
  const rest = quotient & ((1n << drop) - 1n);
  const half = 1n << (drop - 1n);
  if (rest > half || (rest === half && (kept & 1n) === 1n)) kept += 1n;
  const power = exponent + Number(drop);
  // Two steps keep every intermediate value exact.
  const first = Math.max(power, -1000);
  return Number(kept) * 2 ** first * 2 ** (power - first);
}

export function bitLength(x: bigint): number {
  if (x === 0n) return 0;
  const hex = (x < 0n ? -x : x).toString(16);
  return (hex.length - 1) * 4 + (32 - Math.clz32(Number.parseInt(hex[0]!, 16)));
}

/** The double nearest to a number. */
export function toDouble(x: Value): number {
  if (typeof x === 'number') return x;
  if (x instanceof Flonum) return x.value;
  if (typeof x === 'bigint') return Number(x);
  return ratioToDouble(x.num, x.den);
}

/** The exact number equal to a finite double. */
export function exactFromDouble(value: number, who = 'inexact->exact'): Value {
  if (!Number.isFinite(value)) throw wrongType(who, 1, new Flonum(value));
  if (Number.isSafeInteger(value)) return value + 0;
  if (Number.isInteger(value)) return fromBigint(BigInt(value));
  float64[0] = value;
  const bits = bits64[0]!;
  const exponentBits = Number((bits >> 52n) & 0x7ffn);
  const fraction = bits & 0xfffffffffffffn;
  const mantissa = exponentBits === 0 ? fraction : fraction | 0x10000000000000n;
  const exponent = (exponentBits === 0 ? 1 : exponentBits) - 1075;
  const signed = value < 0 ? -mantissa : mantissa;
  return exponent >= 0 ? fromBigint(signed << BigInt(exponent)) : ratio(signed, 1n << BigInt(-exponent));
}

export function toExact(x: Value, who = 'inexact->exact'): Value {
  if (x instanceof Flonum) return exactFromDouble(x.value, who);
  if (isNumber(x)) return x;
  throw wrongType(who, 1, x);
}

/** Numerator and denominator of an exact number. */
function parts(x: Value): [bigint, bigint] {
  return x instanceof Ratnum ? [x.num, x.den] : [BigInt(x), 1n];
}

type BigOperation = (a: bigint, b: bigint) => Value;

function arithmetic(
  who: string,
  a: Value,
  b: Value,
  operations: {
    double: (a: number, b: number) => number;
    integer: BigOperation;
    ratio: (an: bigint, ad: bigint, bn: bigint, bd: bigint) => Value;
  },
): Value {
  if (!isNumber(a)) throw wrongType(who, 1, a);
  if (!isNumber(b)) throw wrongType(who, 2, b);
  if (a instanceof Flonum || b instanceof Flonum) {
    return new Flonum(operations.double(toDouble(a), toDouble(b)));
  }
  if (a instanceof Ratnum || b instanceof Ratnum) {
    const [an, ad] = parts(a);
    const [bn, bd] = parts(b);
    return operations.ratio(an, ad, bn, bd);
  }
  return operations.integer(BigInt(a), BigInt(b));
}

export function add(a: Value, b: Value): Value {
  if (typeof a === 'number' && typeof b === 'number') {
    const sum = a + b;
    if (sum <= 9007199254740991 && sum >= -9007199254740991) return sum;
  }
  if (a instanceof Flonum && b instanceof Flonum) return new Flonum(a.value + b.value);
  return arithmetic('+', a, b, {
    double: (x, y) => x + y,
    integer: (x, y) => fromBigint(x + y),
    ratio: (an, ad, bn, bd) => ratio(an * bd + bn * ad, ad * bd),
  });
}

export function subtract(a: Value, b: Value): Value {
  if (typeof a === 'number' && typeof b === 'number') {
    const difference = a - b;
    if (difference <= 9007199254740991 && difference >= -9007199254740991) return difference;
  }
  if (a instanceof Flonum && b instanceof Flonum) return new Flonum(a.value - b.value);
  return arithmetic('-', a, b, {
    double: (x, y) => x - y,
    integer: (x, y) => fromBigint(x - y),
    ratio: (an, ad, bn, bd) => ratio(an * bd - bn * ad, ad * bd),
  });
}

export function multiply(a: Value, b: Value): Value {
  if (typeof a === 'number' && typeof b === 'number') {
    const product = a * b;
    if (product <= 9007199254740991 && product >= -9007199254740991) return product + 0;
  }
  return arithmetic('*', a, b, {
    double: (x, y) => x * y,
    integer: (x, y) => fromBigint(x * y),
    ratio: (an, ad, bn, bd) => ratio(an * bn, ad * bd),
  });
}

export function divide(a: Value, b: Value): Value {
  if (!isNumber(a)) throw wrongType('/', 1, a);
  if (!isNumber(b)) throw wrongType('/', 2, b);
  if (b === 0) throw overflow('/');
  if (a instanceof Flonum || b instanceof Flonum) {
    if (a === 0) return 0;
    return new Flonum(toDouble(a) / toDouble(b));
  }
  const [an, ad] = parts(a);
  const [bn, bd] = parts(b);
  return ratio(an * bd, ad * bn);
}

/** Negative, zero or positive as a is less than, equal to or greater than b; NaN when unordered. */
export function compare(a: Value, b: Value): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  if (a instanceof Flonum || b instanceof Flonum) {
    const x = toDouble(a);
    const y = toDouble(b);
    if (Number.isNaN(x) || Number.isNaN(y)) return Number.NaN;
    if (!Number.isFinite(x) || !Number.isFinite(y) || (a instanceof Flonum && b instanceof Flonum)) {
      // An exact number beyond the doubles' range is still finite.
      if (!(a instanceof Flonum) && !Number.isFinite(x)) return Number.isFinite(y) ? x : sign(x) - sign(y);
      return x < y ? -1 : x > y ? 1 : 0;
    }
    return compare(toExact(a), toExact(b));
  }
  if (a instanceof Ratnum || b instanceof Ratnum) {
    const [an, ad] = parts(a);
    const [bn, bd] = parts(b);
    const x = an * bd;
    const y = bn * ad;
    return x < y ? -1 : x > y ? 1 : 0;
  }
  return a < b ? -1 : a > b ? 1 : 0;
}

function sign(x: number): number {
  return x < 0 ? -1 : x > 0 ? 1 : 0;
}

/** Whether two values are the same number, in exactness too (`eqv?` on numbers). */
export function numbersEqv(a: Value, b: Value): boolean {
  if (a instanceof Flonum) return b instanceof Flonum && Object.is(a.value, b.value);
  if (a instanceof Ratnum) return b instanceof Ratnum && a.num === b.num && a.den === b.den;
  return a === b;
}

export function numberSign(x: Value): number {
  if (typeof x === 'number') return x;
  if (typeof x === 'bigint') return x < 0n ? -1 : x > 0n ? 1 : 0;
  if (x instanceof Flonum) return x.value;
  return x.num < 0n ? -1 : 1;
}

type Division =
  | 'quotient'
  | 'remainder'
  | 'modulo'
  | 'floor-quotient'
  | 'euclidean-quotient'
  | 'euclidean-remainder';

/** Integer division in one of its forms; both operands integers in R7RS's sense. */
export function integerDivide(kind: Division, who: string, a: Value, b: Value): Value {
  if (!isInteger(a)) throw wrongType(who, 1, a);
  if (!isInteger(b)) throw wrongType(who, 2, b);
  if (b === 0) throw overflow(who);
  if (a instanceof Flonum || b instanceof Flonum) {
    const x = toDouble(a);
    const y = toDouble(b);
    if (y === 0) throw overflow(who);
    return new Flonum(doubleDivide(kind, x, y));
  }
  if (typeof a === 'number' && typeof b === 'number') {
    switch (kind) {
      case 'quotient':
        return Math.trunc(a / b) + 0 === a / b || Math.abs(a) < 4503599627370496
          ? Math.trunc(a / b) + 0
          : fromBigint(BigInt(a) / BigInt(b));
      case 'remainder':
        return (a % b) + 0;
      case 'modulo': {
        const r = a % b;
        return (r !== 0 && r < 0 !== b < 0 ? r + b : r) + 0;
      }
    }
  }
  const x = BigInt(a);
  const y = BigInt(b);
  return fromBigint(bigDivide(kind, x, y));
}

function bigDivide(kind: Division, x: bigint, y: bigint): bigint {
  const r = x % y;
  switch (kind) {
    case 'quotient':
      return x / y;
    case 'remainder':
      return r;
    case 'modulo':
      return r !== 0n && r < 0n !== y < 0n ? r + y : r;
    case 'floor-quotient':
      return r !== 0n && r < 0n !== y < 0n ? x / y - 1n : x / y;
    case 'euclidean-remainder':
      return r < 0n ? (y < 0n ? r - y : r + y) : r;
    case 'euclidean-quotient':
      return r < 0n ? (y < 0n ? x / y + 1n : x / y - 1n) : x / y;
  }
}

function doubleDivide(kind: Division, x: number, y: number): number {
  switch (kind) {
    case 'quotient':
      return Math.trunc(x / y);
    case 'remainder':
      return x % y;
    case 'modulo': {
      const r = x % y;
      return r !== 0 && r < 0 !== y < 0 ? r + y : r;
    }
    case 'floor-quotient':
      return Math.floor(x / y);
    case 'euclidean-remainder': {
      const r = x % y;
      return r < 0 ? r + Math.abs(y) : r;
    }
    case 'euclidean-quotient':
      return y > 0 ? Math.floor(x / y) : Math.ceil(x / y);
  }
}

export function gcd(a: Value, b: Value): Value {
  if (!isInteger(a)) throw wrongType('gcd', 1, a);
  if (!isInteger(b)) throw wrongType('gcd', 2, b);
  if (a instanceof Flonum || b instanceof Flonum) {
    const exact = gcd(toExact(a), toExact(b));
    return new Flonum(toDouble(exact));
  }
  if (typeof a === 'number' && typeof b === 'number') {
    let x = Math.abs(a);
    let y = Math.abs(b);
    while (y !== 0) [x, y] = [y, x % y];
    return x;
  }
  const x = BigInt(a);
  const y = BigInt(b);
  return x === 0n && y === 0n ? 0 : fromBigint(gcdBig(x, y));
}

/** a to the power b. */
export function expt(a: Value, b: Value): Value {
  if (!isNumber(a)) throw wrongType('expt', 1, a);
  if (!isNumber(b)) throw wrongType('expt', 2, b);
  if (isExactInteger(b)) {
    if (b === 0) return 1;
    // Guile has it neither infinite nor an error.
    if (b < 0 && (a === 0 || (a instanceof Flonum && a.value === 0))) return new Flonum(Number.NaN);
    if (a instanceof Flonum) return new Flonum(a.value ** Number(b));
    if (b >= 0) {
      if (a === 0 || a === 1) return b === 0 ? 1 : a;
      if (a === -1) return BigInt(b) % 2n === 0n ? 1 : -1;
      const [n, d] = parts(a);
      return ratio(n ** BigInt(b), d ** BigInt(b));
    }
    return divide(1, expt(a, negate(b)));
  }
  const base = toDouble(a);
  const power = toDouble(b);
  if (base < 0 && !Number.isInteger(power)) throw complexRefused('expt');
  return new Flonum(base ** power);
}

export function negate(x: Value): Value {
  if (x instanceof Flonum) return new Flonum(-x.value);
  return subtract(0, x);
}

function complexRefused(who: string): Error {
  return unsupported(`${who}: complex numbers`);
}

/** Integer square root of a natural number: floor. */
export function isqrt(x: bigint): bigint {
  if (x < 2n) return x;
  let guess = 1n << BigInt((bitLength(x) + 1) >> 1);
  for (;;) {
    const next = (guess + x / guess) >> 1n;
    if (next >= guess) return guess;
    guess = next;
  }
}

/** Exact where the argument is an exact square, as Guile. */
export function sqrt(x: Value): Value {
  if (!isNumber(x)) throw wrongType('sqrt', 1, x);
  if (numberSign(x) < 0) throw complexRefused('sqrt');
  if (isExact(x)) {
    const [n, d] = parts(x);
    const rn = isqrt(n);
    const rd = isqrt(d);
    if (rn * rn === n && rd * rd === d) return ratio(rn, rd);
  }
  return new Flonum(Math.sqrt(toDouble(x)));
}

/** Rounds to an integer of the same exactness. */
export function roundNumber(kind: 'floor' | 'ceiling' | 'truncate' | 'round', x: Value): Value {
  if (isExactInteger(x)) return x;
  if (x instanceof Flonum) {
    const v = x.value;
    switch (kind) {
      case 'floor':
        return new Flonum(Math.floor(v));
      case 'ceiling':
        return new Flonum(Math.ceil(v));
      case 'truncate':
        return new Flonum(Math.trunc(v));
      case 'round':
        return new Flonum(roundHalfEven(v));
    }
  }
  if (!(x instanceof Ratnum)) throw wrongType(kind, 1, x);
  const floor = bigDivide('floor-quotient', x.num, x.den);
  switch (kind) {
    case 'floor':
      return fromBigint(floor);
    case 'ceiling':
      return fromBigint(floor + 1n);
    case 'truncate':
      return fromBigint(x.num / x.den);
    case 'round': {
      const twice = 2n * (x.num - floor * x.den);
      const up = twice > x.den || (twice === x.den && (floor & 1n) === 1n);
      return fromBigint(up ? floor + 1n : floor);
    }
  }
}

function roundHalfEven(v: number): number {
  const floor = Math.floor(v);
  const rest = v - floor;
  if (rest < 0.5) return floor === 0 && Object.is(v, -0) ? -0 : floor;
  if (rest > 0.5) return floor + 1 === 0 ? -0 : floor + 1;
  const even = floor % 2 === 0 ? floor : floor + 1;
  return even === 0 && v < 0 ? -0 : even;
}

/** Numerator of a number, by its exact value. */
export function numerator(x: Value): Value {
  if (x instanceof Flonum) return new Flonum(toDouble(numerator(toExact(x))));
  if (!isNumber(x)) throw wrongType('numerator', 1, x);
  return fromBigint(parts(x)[0]);
}

export function denominator(x: Value): Value {
  if (x instanceof Flonum) return new Flonum(toDouble(denominator(toExact(x))));
  if (!isNumber(x)) throw wrongType('denominator', 1, x);
  return fromBigint(parts(x)[1]);
}
