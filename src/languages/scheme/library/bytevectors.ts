// Bytevectors: (rnrs bytevectors), and the few of them that (guile) has too.
import { outOfRange, throwError, wrongType } from '../errors.ts';
import { fromBigint, isExactInteger, toDouble } from '../numbers.ts';
import {
  arrayToList,
  Flonum,
  intern,
  listToArray,
  MString,
  str,
  UNSPECIFIED,
  type Value,
} from '../values.ts';
import { type Definer, MANY } from './define.ts';
import { index } from './numbers.ts';

/** A bytevector that a procedure was given. */
function bytes(who: string, x: Value, position = 1): Uint8Array {
  if (!(x instanceof Uint8Array)) throw wrongType(who, position, x, 'bytevector');
  return x;
}

function octet(who: string, x: Value, position: number): number {
  if (!isExactInteger(x)) throw wrongType(who, position, x);
  if (x < -128 || x > 255) throw outOfRange(who, position, x);
  return Number(x) & 255;
}

function octetIn(x: Value): number {
  if (typeof x !== 'number' || x < 0 || x > 255) throw wrongType('u8-list->bytevector', 1, x);
  return x;
}

function check(who: string, bv: Uint8Array, k: Value, size: number): number {
  const at = index(who, k, 2);
  if (at + size > bv.length) throw outOfRange(who, 2, k);
  return at;
}

const isLittle = (endianness: Value) => endianness === undefined || endianness.name === 'little';

function readInteger(
  bv: Uint8Array,
  options: { at: number; size: number; little: boolean; signed: boolean },
): Value {
  const { at, size, little, signed } = options;
  let value = 0n;
  for (let i = 0; i < size; i++) value = (value << 8n) | BigInt(bv[little ? at + size - 1 - i : at + i]!);
  return fromBigint(signed ? BigInt.asIntN(size * 8, value) : value);
}

function writeInteger(
  bv: Uint8Array,
  options: { at: number; size: number; little: boolean; value: Value; who: string },
): void {
  const { at, size, little, who } = options;
  if (!isExactInteger(options.value)) throw wrongType(who, 3, options.value);
  const limit = 1n << BigInt(size * 8);
  const given = BigInt(options.value);
  if (given >= limit || given < -limit / 2n) throw outOfRange(who, 3, options.value);
  let value = BigInt.asUintN(size * 8, given);
  for (let i = 0; i < size; i++) {
    bv[little ? at + i : at + size - 1 - i] = Number(value & 255n);
    value >>= 8n;
  }
}

function utf16(text: string, little: boolean): Uint8Array {
  const buffer = Buffer.from(text, 'utf16le');
  return new Uint8Array(little ? buffer : buffer.swap16());
}

function utf32(text: string, little: boolean): Uint8Array {
  const codes = Array.from(text, (c) => c.codePointAt(0)!);
  const result = new Uint8Array(codes.length * 4);
  const view = new DataView(result.buffer);
  codes.forEach((code, i) => {
    view.setUint32(i * 4, code, little);
  });
  return result;
}

function defineNumbersIn(d: Definer): void {
  for (const size of [1, 2, 4, 8]) {
    for (const signed of [false, true]) {
      const prefix = `bytevector-${signed ? 's' : 'u'}${size * 8}`;
      const native = size === 1 ? '' : '-native';
      const get = (name: string, max: number) =>
        d.pure(name, 2, max, (bv, k, endianness) => {
          const data = bytes(name, bv);
          return readInteger(data, {
            at: check(name, data, k, size),
            size,
            little: isLittle(endianness),
            signed,
          });
        });
      const set = (name: string, max: number) =>
        d.pure(name, 3, max, (bv, k, value, endianness) => {
          const data = bytes(name, bv);
          writeInteger(data, {
            at: check(name, data, k, size),
            size,
            little: isLittle(endianness),
            value,
            who: name,
          });
          return UNSPECIFIED;
        });
      if (size > 1) {
        get(`${prefix}-ref`, 3);
        set(`${prefix}-set!`, 4);
      }
      get(`${prefix}${native}-ref`, 2);
      set(`${prefix}${native}-set!`, 3);
    }
  }
  for (const [name, size] of [
    ['single', 4],
    ['double', 8],
  ] as const) {
    for (const native of ['', '-native']) {
      d.pure(`bytevector-ieee-${name}${native}-ref`, 2, 3, (bv, k, endianness) => {
        const view = new DataView(bv.buffer, bv.byteOffset, bv.length);
        return new Flonum(
          size === 4 ? view.getFloat32(k, isLittle(endianness)) : view.getFloat64(k, isLittle(endianness)),
        );
      });
      d.pure(`bytevector-ieee-${name}${native}-set!`, 3, 4, (bv, k, value, endianness) => {
        const view = new DataView(bv.buffer, bv.byteOffset, bv.length);
        if (size === 4) view.setFloat32(k, toDouble(value), isLittle(endianness));
        else view.setFloat64(k, toDouble(value), isLittle(endianness));
        return UNSPECIFIED;
      });
    }
  }
  for (const signed of [false, true]) {
    const letter = signed ? 's' : 'u';
    d.pure(`bytevector-${letter}int-ref`, 4, 4, (bv, k, endianness, size) =>
      readInteger(bytes(`bytevector-${letter}int-ref`, bv), {
        at: check('bytevector-uint-ref', bv, k, size),
        size,
        little: isLittle(endianness),
        signed,
      }),
    );
    d.pure(`bytevector-${letter}int-set!`, 5, 5, (bv, k, value, endianness, size) => {
      writeInteger(bv, {
        at: check('bytevector-uint-set!', bv, k, size),
        size,
        little: isLittle(endianness),
        value,
        who: 'bytevector-uint-set!',
      });
      return UNSPECIFIED;
    });
    d.pure(`bytevector->${letter}int-list`, 3, 3, (bv, endianness, size) =>
      arrayToList(
        Array.from({ length: bv.length / size }, (_, i) =>
          readInteger(bv, { at: i * size, size, little: isLittle(endianness), signed }),
        ),
      ),
    );
    d.pure(`${letter}int-list->bytevector`, 3, 3, (items, endianness, size) => {
      const values = listToArray(items);
      const bv = new Uint8Array(values.length * size);
      values.forEach((value, i) => {
        writeInteger(bv, {
          at: i * size,
          size,
          little: isLittle(endianness),
          value,
          who: 'uint-list->bytevector',
        });
      });
      return bv;
    });
  }
}

/** Decodes UTF-8 as Guile does: bad bytes are a decoding error. */
/** Throws `decoding-error` where the bytes are no UTF-8. */
function decode(data: Uint8Array): Value {
  try {
    return str(new TextDecoder('utf-8', { ignoreBOM: true, fatal: true }).decode(data));
  } catch {
    throw throwError(
      'decoding-error',
      str('scm_from_utf8_stringn'),
      str('input locale conversion error'),
      0,
      data,
    );
  }
}

function character(code: number): string {
  return code > 0x10ffff || (code >= 0xd800 && code < 0xe000) ? '?' : String.fromCodePoint(code);
}

/** Bytevectors. */
export function defineBytevectors(d: Definer): void {
  d.pure('bytevector?', 1, 1, (x) => x instanceof Uint8Array);
  d.pure('make-bytevector', 1, 2, (n, fill = 0) =>
    new Uint8Array(index('make-bytevector', n, 1)).fill(octet('make-bytevector', fill, 2)),
  );
  d.pure('bytevector', 0, MANY, (...items) =>
    Uint8Array.from(items.map((x, i) => octet('bytevector', x, i + 1))),
  );
  d.pure('bytevector-length', 1, 1, (bv) => bytes('bytevector-length', bv).length);
  d.pure(
    'bytevector=?',
    2,
    2,
    (a, b) => Buffer.compare(bytes('bytevector=?', a), bytes('bytevector=?', b, 2)) === 0,
  );
  d.pure('bytevector-fill!', 2, 4, (bv, fill, start = 0, end = undefined) => {
    bytes('bytevector-fill!', bv).fill(octet('bytevector-fill!', fill, 2), start, end);
    return UNSPECIFIED;
  });
  d.pure('bytevector-copy', 1, 3, (bv, start = 0, end = undefined) =>
    bytes('bytevector-copy', bv).slice(start, end),
  );
  d.pure('bytevector-copy!', 3, 5, (source, start, target, at, count) => {
    const from = bytes('bytevector-copy!', source);
    const to = bytes('bytevector-copy!', target, 3);
    const first = index('bytevector-copy!', start, 2);
    const offset = index('bytevector-copy!', at, 4);
    const length = index('bytevector-copy!', count, 5);
    if (first + length > from.length) throw outOfRange('bytevector-copy!', 2, start);
    if (offset + length > to.length) throw outOfRange('bytevector-copy!', 4, at);
    to.set(from.slice(first, first + length), offset);
    return UNSPECIFIED;
  });
  d.pure(
    'bytevector-append',
    0,
    MANY,
    (...parts) =>
      new Uint8Array(Buffer.concat(parts.map((part, i) => bytes('bytevector-append', part, i + 1)))),
  );
  d.pure('bytevector-slice', 2, 3, (bv, start, size) =>
    bytes('bytevector-slice', bv).subarray(start, size === undefined ? undefined : start + size),
  );
  d.pure('bytevector->u8-list', 1, 1, (bv) => arrayToList([...bytes('bytevector->u8-list', bv)]));
  d.pure('u8-list->bytevector', 1, 1, (items) => Uint8Array.from(listToArray(items).map((x) => octetIn(x))));
  d.pure('string->utf8', 1, 3, (s) => {
    if (!(s instanceof MString)) throw wrongType('string->utf8', 1, s, 'string');
    return new Uint8Array(Buffer.from(s.text, 'utf8'));
  });
  d.pure('utf8->string', 1, 3, (bv, start = 0, end = undefined) =>
    decode(bytes('utf8->string', bv).subarray(start, end)),
  );
  d.pure('string->utf16', 1, 2, (s, endianness = intern('big')) => utf16(s.text, isLittle(endianness)));
  d.pure('string->utf32', 1, 2, (s, endianness = intern('big')) => utf32(s.text, isLittle(endianness)));
  d.pure('utf16->string', 1, 2, (bv, endianness = intern('big')) => {
    const whole = bytes('utf16->string', bv);
    const buffer = Buffer.from(whole.subarray(0, whole.length & ~1));
    return str((isLittle(endianness) ? buffer : buffer.swap16()).toString('utf16le'));
  });
  d.pure('utf32->string', 1, 2, (bv, endianness = intern('big')) => {
    const view = new DataView(bv.buffer, bv.byteOffset, bv.length);
    let result = '';
    for (let i = 0; i + 4 <= bv.length; i += 4) result += character(view.getUint32(i, isLittle(endianness)));
    return str(result);
  });
  d.pure('native-endianness', 0, 0, () => intern('little'));
  d.value('%endianness-little', intern('little'));
  d.pure('u8vector?', 1, 1, (x) => x instanceof Uint8Array);
  d.pure('make-u8vector', 1, 2, (n, fill = 0) => new Uint8Array(n).fill(fill));
  d.pure('u8vector-length', 1, 1, (bv) => bv.length);
  d.pure('u8vector-ref', 2, 2, (bv, k) => bv[check('u8vector-ref', bytes('u8vector-ref', bv), k, 1)]);
  defineNumbersIn(d);
}
