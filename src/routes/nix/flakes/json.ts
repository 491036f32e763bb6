// JSON as `flake.lock` and registries need it: parsed with the place of every value, so that errors can point;
// written with keys sorted by byte, as Nix does. Left out: numbers other than integers that fit 2^53.
import type { Span } from '../../../foundation/error.ts';
import { flakeError } from './flake-error.ts';
import { compareText } from './url.ts';

/** A parsed JSON value and where it starts. Keys of an object are in the order of the text, the last of equals wins. */
export type JsonNode =
  | { readonly kind: 'object'; readonly members: ReadonlyMap<string, JsonNode>; readonly offset: number }
  | { readonly kind: 'array'; readonly items: readonly JsonNode[]; readonly offset: number }
  | { readonly kind: 'value'; readonly value: string | number | boolean | null; readonly offset: number };

/** A value to write: maps and records become objects with sorted keys. */
export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | ReadonlyMap<string, JsonValue>
  | { readonly [name: string]: JsonValue };

const maximumDepth = 500;

/** A parsed document: its root, and where an offset lies in it. */
export interface JsonDocument {
  readonly root: JsonNode;
  spanOf(node: JsonNode): Span;
}

/**
 * Parses `text`; `file` names it in errors. Throws `flake/bad-json` with line and column.
 */
export function parseJson(text: string, file: string): JsonDocument {
  const reader = new JsonReader(text, file);
  return { root: reader.readDocument(), spanOf: (node) => reader.spanAt(node.offset) };
}

class JsonReader {
  readonly #text: string;
  readonly #file: string;
  #position = 0;
  #depth = 0;

  constructor(text: string, file: string) {
    this.#text = text;
    this.#file = file;
  }

  spanAt(offset: number): Span {
    const before = this.#text.slice(0, offset);
    const lineStart = before.lastIndexOf('\n') + 1;
    return {
      file: this.#file,
      line: (before.match(/\n/g)?.length ?? 0) + 1,
      column: [...before.slice(lineStart)].length + 1,
    };
  }

  readDocument(): JsonNode {
    if (this.#text.startsWith('\ufeff')) this.#position = 1;
    const root = this.#readValue();
    this.#skipSpace();
    if (this.#position < this.#text.length) this.#fail('unexpected text after the end of the value');
    return root;
  }

  #fail(message: string): never {
    throw flakeError('bad-json', `could not parse '${this.#file}': ${message}`, {
      span: this.spanAt(this.#position),
    });
  }

  #skipSpace(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#position);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
      this.#position++;
    }
  }

  #readValue(): JsonNode {
    this.#skipSpace();
    const offset = this.#position;
    const character = this.#text[offset];
    if (character === '{' || character === '[') {
      if (++this.#depth > maximumDepth) this.#fail(`more than ${maximumDepth} levels deep`);
      this.#position++;
      const node =
        character === '{'
          ? { kind: 'object' as const, members: this.#readMembers(), offset }
          : { kind: 'array' as const, items: this.#readItems(), offset };
      this.#depth--;
      return node;
    }
    if (character === '"') return { kind: 'value', value: this.#readString(), offset };
    const word = /[A-Za-z0-9+\-.]*/y;
    word.lastIndex = offset;
    const token = word.exec(this.#text)![0];
    if (token === 'true' || token === 'false' || token === 'null') {
      this.#position += token.length;
      return { kind: 'value', value: token === 'null' ? null : token === 'true', offset };
    }
    if (!/^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$/.test(token))
      this.#fail(
        character === undefined
          ? 'unexpected end of input'
          : `unexpected '${token === '' ? character : token}'`,
      );
    const number = Number(token);
    if (!Number.isSafeInteger(number)) this.#fail(`the number ${token} is not a 53-bit integer`);
    this.#position += token.length;
    return { kind: 'value', value: number, offset };
  }

  #readMembers(): Map<string, JsonNode> {
    const members = new Map<string, JsonNode>();
    this.#skipSpace();
    if (this.#take('}')) return members;
    do {
      this.#skipSpace();
      if (this.#text[this.#position] !== '"') this.#fail('expected a string as object key');
      const name = this.#readString();
      this.#skipSpace();
      if (!this.#take(':')) this.#fail("expected ':' after an object key");
      members.set(name, this.#readValue());
      this.#skipSpace();
    } while (this.#take(','));
    if (!this.#take('}')) this.#fail("expected ',' or '}'");
    return members;
  }

  #readItems(): JsonNode[] {
    const items: JsonNode[] = [];
    this.#skipSpace();
    if (this.#take(']')) return items;
    do {
      items.push(this.#readValue());
      this.#skipSpace();
    } while (this.#take(','));
    if (!this.#take(']')) this.#fail("expected ',' or ']'");
    return items;
  }

  #readString(): string {
    const start = this.#position;
    let end = start + 1;
    // Scanned by hand: a pattern with one alternative per character would exhaust its stack on a huge string.
    for (let code = this.#text.charCodeAt(end); code !== 0x22; code = this.#text.charCodeAt(++end)) {
      if (Number.isNaN(code)) this.#fail('unterminated string');
      if (code < 0x20) this.#fail('control character in a string');
      if (code === 0x5c) end++;
    }
    this.#position = end + 1;
    try {
      return JSON.parse(this.#text.slice(start, end + 1)) as string;
    } catch {
      this.#position = start;
      this.#fail('invalid escape in a string');
    }
  }

  #take(character: string): boolean {
    if (this.#text[this.#position] !== character) return false;
    this.#position++;
    return true;
  }
}

/** Writes JSON with sorted keys: indented by two spaces, or on one line without spaces. */
export function writeJson(value: JsonValue, options: { readonly indent?: boolean } = {}): string {
  return write(value, options.indent === true ? '\n' : undefined);
}

function write(value: JsonValue, newline: string | undefined): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const inner = newline === undefined ? undefined : `${newline}  `;
  const around = (open: string, parts: readonly string[], close: string) =>
    parts.length === 0
      ? open + close
      : open + (inner ?? '') + parts.join(`,${inner ?? ''}`) + (newline ?? '') + close;
  if (Array.isArray(value))
    return around(
      '[',
      (value as readonly JsonValue[]).map((item) => write(item, inner)),
      ']',
    );
  const entries = value instanceof Map ? [...value] : Object.entries(value);
  const parts = (entries as [string, JsonValue][])
    .sort(([a], [b]) => compareText(a, b))
    .map(
      ([name, member]) =>
        `${JSON.stringify(name)}:${newline === undefined ? '' : ' '}${write(member, inner)}`,
    );
  return around('{', parts, '}');
}

/** A decimal integer without sign that fits 53 bits, or undefined. */
export function parseUnsigned(text: string): number | undefined {
  if (!/^[0-9]+$/.test(text)) return undefined;
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : undefined;
}
