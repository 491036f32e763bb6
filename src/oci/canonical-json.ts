// One spelling for a JSON value: that of Go's encoding/json, which engines and registries are written with. Keys sorted
// by byte (a Map keeps its order, as Go's structs do), no white space, undefined left out, and `<`, `>`, `&` escaped.
// A tool that reads and writes such a value again keeps its bytes, and so its digest.
import { compareBytes, toByteString } from '../foundation/byte-string.ts';
import { TrimaranError } from '../foundation/error.ts';

export type JsonValue =
  | null
  | boolean
  | number
  | string
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue | undefined };

/** Deeper than any real configuration, and far from the end of the stack. */
const deepest = 256;

const goEscapes: Readonly<Record<string, string>> = {
  '<': '\\u003c',
  '>': '\\u003e',
  '&': '\\u0026',
  '\u2028': '\\u2028',
  '\u2029': '\\u2029',
};

function writeString(text: string): string {
  return JSON.stringify(text).replace(/[<>&\u2028\u2029]/g, (character) => goEscapes[character]!);
}

function write(value: unknown, depth: number): string {
  if (depth > deepest) {
    throw new TrimaranError({
      code: 'oci/config-too-deep',
      message: `the image configuration nests deeper than ${deepest} levels`,
    });
  }
  if (typeof value === 'string') return writeString(value);
  if (Array.isArray(value)) return `[${value.map((item) => write(item ?? null, depth + 1)).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const fields =
      value instanceof Map
        ? [...(value as Map<string, unknown>)]
        : Object.entries(value)
            .map(([key, item]) => ({ order: toByteString(key), field: [key, item] as const }))
            .sort((a, b) => compareBytes(a.order, b.order))
            .map(({ field }) => field);
    const written = fields
      .filter(([, item]) => item !== undefined)
      .map(([key, item]) => `${writeString(key)}:${write(item, depth + 1)}`);
    return `{${written.join(',')}}`;
  }
  return JSON.stringify(value) ?? 'null';
}

/**
 * The canonical JSON of a value, as UTF-8 bytes. Throws `oci/config-too-deep`.
 *
 * @example
 * canonicalJson({ b: 1, a: undefined, A: ['<'] }).toString(); // '{"A":["\\u003c"],"b":1}'
 */
export function canonicalJson(value: unknown): Buffer {
  return Buffer.from(write(value, 0), 'utf8');
}
