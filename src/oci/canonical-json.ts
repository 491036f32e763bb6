// One spelling for a JSON value: keys sorted by byte, no white space, keys whose value is undefined left out.
// (The idea of RFC 8785; numbers here are integers and small fractions, which JSON.stringify already writes one way.)
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

function write(value: unknown, depth: number): string {
  if (depth > deepest) {
    throw new TrimaranError({
      code: 'oci/config-too-deep',
      message: `the image configuration nests deeper than ${deepest} levels`,
    });
  }
  if (Array.isArray(value)) return `[${value.map((item) => write(item ?? null, depth + 1)).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const fields = Object.entries(value)
      .filter(([, item]) => item !== undefined)
      .map(([key, item]) => ({ key, order: toByteString(key), item }))
      .sort((a, b) => compareBytes(a.order, b.order));
    return `{${fields.map(({ key, item }) => `${JSON.stringify(key)}:${write(item, depth + 1)}`).join(',')}}`;
  }
  return JSON.stringify(value) ?? 'null';
}

/**
 * The canonical JSON of a value, as UTF-8 bytes. Throws `oci/config-too-deep`.
 *
 * @example
 * canonicalJson({ b: 1, a: undefined, A: [true] }).toString(); // '{"A":[true],"b":1}'
 */
export function canonicalJson(value: unknown): Buffer {
  return Buffer.from(write(value, 0), 'utf8');
}
