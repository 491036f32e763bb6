// Values to JSON, byte for byte as Nix (through nlohmann's library) writes it. Reading it is in json-reader.ts.
import type { ByteString } from '../../foundation/byte-string.ts';
import { copyPathToStore, peel } from './coerce.ts';
import type { ContextBuilder } from './context.ts';
import { NixError, toNixError } from './errors.ts';
import { type Interpreter, showType } from './interpreter.ts';
import { normalisePath } from './paths.ts';
import type { Position } from './positions.ts';
import { Attrs, lexicographicOrder, NixFloat, NixPath, NixString, type Slot } from './values.ts';

/** A float as nlohmann writes it: the shortest digits that read back the same. */
function jsonFloat(value: number): string {
  if (!Number.isFinite(value)) return 'null';
  if (value === 0) return Object.is(value, -0) ? '-0.0' : '0.0';
  const [mantissa, power] = Math.abs(value).toExponential().split('e') as [string, string];
  const digits = mantissa.replace('.', '');
  const sign = value < 0 ? '-' : '';
  // The decimal point comes after so many digits.
  const point = Number(power) + 1;
  if (digits.length <= point && point <= 15) {
    return `${sign}${digits}${'0'.repeat(point - digits.length)}.0`;
  }
  if (point > 0 && point <= 15) return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
  if (point > -4 && point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`;
  const exponent = point - 1;
  const shown = `${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`;
  return `${sign}${digits[0]}${digits.length > 1 ? `.${digits.slice(1)}` : ''}e${shown}`;
}

const needsEscape = /["\\\x00-\x1f\x80-\xff]/;

/** Index of the first byte that is not UTF-8, or -1. Surrogates and overlong forms are not UTF-8. */
export function invalidByte(text: ByteString): number {
  for (let i = 0; i < text.length; ) {
    const c = text.charCodeAt(i);
    if (c < 0x80) {
      i++;
      continue;
    }
    const length = c >= 0xf0 && c <= 0xf4 ? 4 : c >= 0xe0 && c < 0xf0 ? 3 : c >= 0xc2 && c < 0xe0 ? 2 : 0;
    if (length === 0) return i;
    for (let k = 1; k < length; k++) {
      const d = text.charCodeAt(i + k);
      const low = k > 1 ? 0x80 : c === 0xe0 ? 0xa0 : c === 0xf0 ? 0x90 : 0x80;
      const high = k > 1 ? 0xbf : c === 0xed ? 0x9f : c === 0xf4 ? 0x8f : 0xbf;
      if (!(d >= low && d <= high)) return i + k;
    }
    i += length;
  }
  return -1;
}

/** A JSON string literal. */
export function jsonString(text: ByteString): ByteString {
  if (!needsEscape.test(text)) return `"${text}"`;
  const bad = invalidByte(text);
  if (bad >= 0) {
    const problem =
      bad >= text.length
        ? `incomplete UTF-8 string; last byte: 0x${text
            .charCodeAt(text.length - 1)
            .toString(16)
            .toUpperCase()}`
        : `invalid UTF-8 byte at index ${bad}: 0x${text.charCodeAt(bad).toString(16).toUpperCase().padStart(2, '0')}`;
    throw new NixError('other', `JSON serialization error: [json.exception.type_error.316] ${problem}`);
  }
  let out = '"';
  for (const char of text) {
    switch (char) {
      case '"':
        out += '\\"';
        break;
      case '\\':
        out += '\\\\';
        break;
      case '\b':
        out += '\\b';
        break;
      case '\f':
        out += '\\f';
        break;
      case '\n':
        out += '\\n';
        break;
      case '\r':
        out += '\\r';
        break;
      case '\t':
        out += '\\t';
        break;
      default:
        out += char < ' ' ? `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}` : char;
    }
  }
  return `${out}"`;
}

export interface JsonOptions {
  readonly position: Position;
  readonly copyToStore: boolean;
}

/** A value, evaluated deeply, as JSON; what its strings depend on is added to `context`. */
export function valueToJson(
  it: Interpreter,
  slot: Slot,
  context: ContextBuilder,
  options: JsonOptions,
): ByteString {
  it.enter(options.position);
  const json = write(it, slot, context, options);
  it.depth--;
  return json;
}

function write(it: Interpreter, slot: Slot, context: ContextBuilder, options: JsonOptions): ByteString {
  const { position, copyToStore } = options;
  const value = it.force(slot, position);
  if (value === null) return 'null';
  switch (typeof value) {
    case 'boolean':
    case 'number':
    case 'bigint':
      return String(value);
    case 'string':
      return jsonString(value);
  }
  if (value instanceof NixString) {
    context.addAll(value.context);
    return jsonString(value.text);
  }
  if (value instanceof NixFloat) return jsonFloat(value.value);
  if (value instanceof NixPath) {
    return jsonString(copyToStore ? copyPathToStore(it, value.path, context) : normalisePath(value.path));
  }
  if (Array.isArray(value)) {
    const parts: ByteString[] = [];
    for (const [index, element] of value.entries()) {
      try {
        parts.push(valueToJson(it, element, context, options));
      } catch (thrown) {
        throw toNixError(thrown).addTrace(position, `while evaluating list element at index ${index}`);
      }
    }
    return `[${parts.join(',')}]`;
  }
  if (value instanceof Attrs) {
    return peel(it, value, { position, checkResult: true }, (peeled, throughToString) =>
      peeled instanceof Attrs
        ? writeObject(it, peeled, context, options)
        : valueToJson(it, peeled, context, { position, copyToStore: copyToStore && !throughToString }),
    );
  }
  throw it.error('type', `cannot convert ${showType(value)} to JSON`, it.positionOf(value) || position);
}

function writeObject(
  it: Interpreter,
  attrs: Attrs,
  context: ContextBuilder,
  options: JsonOptions,
): ByteString {
  const names = it.symbols.names;
  const parts: ByteString[] = [];
  for (const index of lexicographicOrder(attrs, names)) {
    const name = names[attrs.names[index]!]!;
    const position = attrs.positionAt(index);
    try {
      const json = valueToJson(it, attrs.values[index]!, context, { ...options, position });
      parts.push(`${jsonString(name)}:${json}`);
    } catch (thrown) {
      throw toNixError(thrown).addTrace(position, `while evaluating attribute '${name}'`);
    }
  }
  return `{${parts.join(',')}}`;
}
