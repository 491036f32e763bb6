// Numbers as text: what the reader and `string->number` accept, what `write` and `number->string` print.
// Follows R7RS section 7.1.1 and Guile's output (shortest digits that read back the same).
import { outOfRange } from './errors.ts';
import { fromBigint, ratio, toDouble, toExact } from './numbers.ts';
import { Flonum, Ratnum, type Value } from './values.ts';

const digitClass: Readonly<Record<number, string>> = {
  2: '01',
  8: '0-7',
  10: '0-9',
  16: '0-9a-fA-F',
};

const unsignedReal = new Map<number, { integer: RegExp; ratio: RegExp }>();

function patterns(radix: number): { integer: RegExp; ratio: RegExp } {
  let found = unsignedReal.get(radix);
  if (found === undefined) {
    const last = radix - 1;
    const digits =
      digitClass[radix] ??
      (radix <= 10
        ? `0-${last}`
        : `0-9a-${String.fromCharCode(86 + radix)}A-${String.fromCharCode(54 + radix)}`);
    found = {
      integer: new RegExp(`^[+-]?[${digits}]+#*$`),
      ratio: new RegExp(`^([+-]?[${digits}]+)/([${digits}]+)$`),
    };
    unsignedReal.set(radix, found);
  }
  return found;
}

const decimal = /^[+-]?(\d+#*\.?#*|\.\d+#*|\d+\.\d*#*)([esfdlESFDL][+-]?\d+)?$/;

function parseInteger(text: string, radix: number): bigint {
  const negative = text.startsWith('-');
  const digits = text.replace(/^[+-]/, '');
  let value: bigint;
  if (radix === 10) value = BigInt(digits);
  else if (radix === 16) value = BigInt(`0x${digits}`);
  else if (radix === 8) value = BigInt(`0o${digits}`);
  else if (radix === 2) value = BigInt(`0b${digits}`);
  else {
    value = 0n;
    const base = BigInt(radix);
    for (const digit of digits) value = value * base + BigInt(Number.parseInt(digit, 36));
  }
  return negative ? -value : value;
}

/** The number a text stands for, or undefined when it is not a number (complex ones included). */
export function parseNumber(text: string, defaultRadix = 10): Value | undefined {
  let rest = text;
  let radix = defaultRadix;
  let exactness: 'e' | 'i' | undefined;
  while (rest.length > 2 && rest[0] === '#') {
    const flag = rest[1]!.toLowerCase();
    if (flag === 'e' || flag === 'i') exactness = flag;
    else if (flag === 'x') radix = 16;
    else if (flag === 'b') radix = 2;
    else if (flag === 'o') radix = 8;
    else if (flag === 'd') radix = 10;
    else return undefined;
    rest = rest.slice(2);
  }
  const value = parseReal(rest, radix, exactness);
  if (value === undefined || exactness === undefined) return value;
  if (exactness === 'e') return value instanceof Flonum ? toExact(value) : value;
  return value instanceof Flonum ? value : new Flonum(toDouble(value));
}

function parseReal(text: string, radix: number, exactness: string | undefined): Value | undefined {
  const first = text.charCodeAt(0);
  // Most tokens are symbols: leave early.
  if (radix === 10 && !((first >= 48 && first <= 57) || first === 43 || first === 45 || first === 46)) {
    return undefined;
  }
  const { integer, ratio: ratioPattern } = patterns(radix);
  if (integer.test(text)) {
    if (text.includes('#')) {
      const value = fromBigint(parseInteger(text.replaceAll('#', '0'), radix));
      return new Flonum(toDouble(value));
    }
    return fromBigint(parseInteger(text, radix));
  }
  const asRatio = ratioPattern.exec(text);
  if (asRatio !== null) {
    const den = parseInteger(asRatio[2]!, radix);
    if (den === 0n) return undefined;
    return ratio(parseInteger(asRatio[1]!, radix), den);
  }
  if (radix === 10 && decimal.test(text)) return parseDecimal(text, exactness);
  switch (text.toLowerCase()) {
    case '+inf.0':
      return new Flonum(Number.POSITIVE_INFINITY);
    case '-inf.0':
      return new Flonum(Number.NEGATIVE_INFINITY);
    case '+nan.0':
    case '-nan.0':
      return new Flonum(Number.NaN);
  }
  return undefined;
}

function parseDecimal(text: string, exactness: string | undefined): Value {
  const normal = text.replaceAll('#', '0').replace(/[sfdlSFDL]/, 'e');
  const power10 = /e([+-]?\d+)$/i.exec(normal)?.[1];
  // As in Guile: exponents that no flonum has are out of range, exact numbers included.
  const exponentOf10 = Number(power10 ?? 0);
  if (exponentOf10 > 308 || exponentOf10 < -324) throw outOfRange('string->number', 1, exponentOf10);
  if (exactness !== 'e') return new Flonum(Number(normal));
  const [, sign, whole, fraction = '', exponent = '0'] = /^([+-]?)(\d*)\.?(\d*)(?:e([+-]?\d+))?$/i.exec(
    normal,
  )!;
  const digits = BigInt(`${whole}${fraction}` || '0');
  const power = Number(exponent) - fraction.length;
  const signed = sign === '-' ? -digits : digits;
  return power >= 0 ? fromBigint(signed * 10n ** BigInt(power)) : ratio(signed, 10n ** BigInt(-power));
}

function doubleToText(value: number, radix: number): string {
  if (Number.isNaN(value)) return '+nan.0';
  if (value === Number.POSITIVE_INFINITY) return '+inf.0';
  if (value === Number.NEGATIVE_INFINITY) return '-inf.0';
  if (Object.is(value, -0)) return '-0.0';
  if (radix !== 10) {
    const text = value.toString(radix);
    return text.includes('.') ? text : `${text}.0`;
  }
  const [mantissa, exponentText] = Math.abs(value).toExponential().split('e');
  const digits = mantissa!.replace('.', '');
  const exponent = Number(exponentText);
  const sign = value < 0 ? '-' : '';
  // Guile writes an exponent below 1e-3, and from 1e7 on when more than three zeros would fill up the digits.
  if (exponent >= 7 && exponent > digits.length + 2) {
    return `${sign}${digits[0]}.${digits.slice(1) || '0'}e${exponent}`;
  }
  if (exponent >= 0) {
    const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, '0');
    return `${sign}${whole}.${digits.slice(exponent + 1) || '0'}`;
  }
  if (exponent >= -3) return `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`;
  return `${sign}${digits[0]}.${digits.slice(1) || '0'}e${exponent}`;
}

/** Text of a number in a radix from 2 to 36, as `number->string`. */
export function numberToText(x: Value, radix = 10): string {
  if (typeof x === 'number' || typeof x === 'bigint') return x.toString(radix);
  if (x instanceof Ratnum) return `${x.num.toString(radix)}/${x.den.toString(radix)}`;
  return doubleToText((x as Flonum).value, radix);
}
