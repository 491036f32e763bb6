// A compose file as a tree whose every value keeps its place, over files and merges. YAML 1.2 with merge keys (`<<`)
// and compose's `!reset` and `!override`, through the `yaml` library.
import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  type ParsedNode,
  parseDocument,
  type Scalar,
} from 'yaml';
import { type Span, TrimaranError } from '../foundation/error.ts';

interface ConfigScalar {
  readonly kind: 'scalar';
  readonly value: string | number | boolean | null;
  readonly span: Span;
  /** Where the first character of a text below `|` stands. */
  readonly contentAt?: { readonly line: number; readonly column: number };
  readonly tag?: MergeTag;
}
export interface ConfigList {
  readonly kind: 'list';
  readonly items: readonly ConfigNode[];
  readonly span: Span;
  readonly tag?: MergeTag;
}
export interface ConfigMap {
  readonly kind: 'map';
  readonly entries: ReadonlyMap<string, ConfigEntry>;
  readonly span: Span;
  readonly tag?: MergeTag;
}
export interface ConfigEntry {
  /** Place of the key. */
  readonly keySpan: Span;
  readonly value: ConfigNode;
}
export type ConfigNode = ConfigScalar | ConfigList | ConfigMap;

/** How a value takes part in a merge: it removes what it overrides, or replaces it whole. */
type MergeTag = 'reset' | 'override';

const mostNodes = 200_000;
const deepest = 64;

/**
 * Reads YAML text into a tree.
 *
 * Throws `compose/yaml` for what is not YAML, `compose/too-large` for nesting or aliases without end, and
 * `compose/invalid` when the file is empty or its top no mapping.
 */
export function parseConfig(text: string, file: string): ConfigMap {
  const lines = new LineCounter();
  const start: Span = { file, line: 1, column: 1 };
  let document: ReturnType<typeof parseDocument<ParsedNode>>;
  try {
    const customTags = ['reset', 'override'].flatMap((name) => [
      { tag: `!${name}`, collection: 'map' as const, resolve: (node: unknown) => node },
      { tag: `!${name}`, collection: 'seq' as const, resolve: (node: unknown) => node },
      { tag: `!${name}`, resolve: (value: string) => value },
    ]);
    document = parseDocument<ParsedNode>(text, {
      lineCounter: lines,
      customTags: customTags as never,
      logLevel: 'error',
      prettyErrors: false,
      // Told below, with both places.
      uniqueKeys: false,
    });
  } catch (error) {
    // The library follows nesting with its own stack.
    if (error instanceof RangeError) throw tooLarge(start);
    throw error;
  }
  const [problem] = document.errors;
  if (problem !== undefined) {
    const { line, col } = lines.linePos(problem.pos[0]);
    if (problem.code === 'MULTIPLE_DOCS') {
      throw new TrimaranError({
        code: 'compose/yaml',
        message: 'a second document starts here, and a compose file is one',
        span: { file, line, column: col },
        hint: 'take out the `---`, or make two files and name both: `-f ONE -f OTHER`',
      });
    }
    throw new TrimaranError({
      code: 'compose/yaml',
      message: `not YAML: ${problem.message.replace(/ at line \d+, column \d+:?.*$/s, '').replace(/\.$/, '')}`,
      span: { file, line, column: col },
      hint: 'check quotes and indentation at this place',
    });
  }
  const converter = new Converter({ file, text }, lines, document);
  const root = document.contents === null ? undefined : converter.convert(document.contents, 0);
  if (root === undefined || (root.kind === 'scalar' && root.value === null)) {
    throw invalidAt(start, 'the file is empty');
  }
  if (root.kind !== 'map') throw invalidAt(root.span, 'a compose file is a mapping with `services:`');
  return root;
}

function tooLarge(span: Span): TrimaranError {
  return new TrimaranError({
    code: 'compose/too-large',
    message: 'nested too deeply, or aliases that expand without end',
    span,
    hint: 'write the file with fewer levels and aliases',
  });
}

function invalidAt(span: Span, message: string): TrimaranError {
  return new TrimaranError({ code: 'compose/invalid', message, span, hint: 'see the compose specification' });
}

class Converter {
  private readonly file: string;
  private readonly lines: LineCounter;
  private readonly text: string;
  private readonly document: ReturnType<typeof parseDocument<ParsedNode>>;
  private nodes = 0;

  constructor(
    { file, text }: { readonly file: string; readonly text: string },
    lines: LineCounter,
    document: ReturnType<typeof parseDocument<ParsedNode>>,
  ) {
    this.text = text;
    this.file = file;
    this.lines = lines;
    this.document = document;
  }

  convert(node: Node | null, depth: number): ConfigNode {
    const span = this.span(node);
    if (depth > deepest || ++this.nodes > mostNodes) throw tooLarge(span);
    if (node === null) return { kind: 'scalar', value: null, span };
    if (isAlias(node)) {
      const target = node.resolve(this.document);
      if (target === undefined) throw invalidAt(span, `there is no anchor \`&${node.source}\``);
      return this.convert(target, depth + 1);
    }
    const tag = 'tag' in node ? mergeTag(node.tag) : undefined;
    const tagged = tag === undefined ? {} : { tag };
    if (isMap(node)) return { kind: 'map', entries: this.entries(node.items, depth), span, ...tagged };
    if (isSeq(node)) {
      return {
        kind: 'list',
        items: node.items.map((item) => this.convert(item as Node, depth + 1)),
        span,
        ...tagged,
      };
    }
    if (isScalar(node)) {
      const { value } = node;
      const written = node.type === 'PLAIN' ? numberAsWritten(node.source ?? '') : undefined;
      if (written !== undefined) return { kind: 'scalar', value: written, span, ...tagged };
      // Both docker-compose's readers take `20_000` for a number, as YAML 1.1 had it.
      if (node.type === 'PLAIN' && typeof value === 'string' && /^[1-9]\d{0,2}(?:_\d{3}){1,4}$/.test(value))
        return { kind: 'scalar', value: Number(value.replaceAll('_', '')), span, ...tagged };
      if (
        value === null ||
        typeof value === 'string' ||
        typeof value === 'number' ||
        typeof value === 'boolean'
      ) {
        const contentAt = typeof value === 'string' ? this.contentAt(node, span) : undefined;
        return {
          kind: 'scalar',
          value,
          span,
          ...(contentAt === undefined ? {} : { contentAt }),
          ...tagged,
        };
      }
      // Dates, big integers and binary stay as they are written.
      return { kind: 'scalar', value: node.source ?? String(value), span, ...tagged };
    }
    throw invalidAt(span, 'a value of a kind that compose files do not have');
  }

  private entries(pairs: readonly Pair[], depth: number): Map<string, ConfigEntry> {
    const entries = new Map<string, ConfigEntry>();
    let merged: ConfigNode[] = [];
    for (const pair of pairs) {
      const key = pair.key as Node;
      const keySpan = this.span(key);
      if (!isScalar(key)) throw invalidAt(keySpan, 'a key is plain text');
      const value = this.convert(pair.value as Node | null, depth + 1);
      if (key.value === '<<' || (typeof key.value === 'symbol' && key.source === '<<')) {
        // In a list the first wins; of several `<<` the last, as in docker-compose 1.29.
        merged = [...(value.kind === 'list' ? value.items : [value]), ...merged];
        continue;
      }
      const name = typeof key.value === 'string' ? key.value : (key.source ?? String(key.value));
      const earlier = entries.get(name);
      if (earlier !== undefined) {
        throw new TrimaranError({
          code: 'compose/yaml',
          message: `\`${name}\` is written twice`,
          span: keySpan,
          related: [{ message: 'the first is here', span: earlier.keySpan }],
          hint: 'take one out: docker-compose 1.29 would use the second, Compose 2 neither',
        });
      }
      entries.set(name, { keySpan, value });
    }
    for (const node of merged) {
      if (node.kind !== 'map') throw invalidAt(node.span, '`<<` merges mappings');
      for (const [name, entry] of node.entries) if (!entries.has(name)) entries.set(name, entry);
    }
    return entries;
  }

  private contentAt(node: Scalar, { line }: Span): ConfigScalar['contentAt'] {
    if (node.type !== 'BLOCK_LITERAL') return undefined;
    // What the lines of the file have more than those of the text is their indentation.
    const below = this.text.slice(node.range?.[0] ?? 0).split('\n', 50);
    const first = below.findIndex((written, at) => at > 0 && written.trim() !== '');
    const [text = ''] = String(node.value)
      .split('\n')
      .filter((written) => written.trim() !== '');
    const blank = Math.max(0, first - 1);
    if (first < 0) return undefined;
    const indent = /^ */.exec(below[first]!)![0].length - /^ */.exec(text)![0].length;
    const leading = /^\n*/.exec(String(node.value))![0].length;
    return { line: line + 1 + blank - Math.min(blank, leading), column: indent + 1 };
  }

  private span(node: Node | null): Span {
    const range = node?.range;
    if (!range) return { file: this.file, line: 1, column: 1 };
    const start = this.lines.linePos(range[0]);
    const end = this.lines.linePos(range[1]);
    return { file: this.file, line: start.line, column: start.col, endLine: end.line, endColumn: end.col };
  }
}

/**
 * What both docker-compose's readers make of numbers that YAML 1.2 reads otherwise: `0755` is octal, `0b11` binary, and
 * whole numbers keep all their digits.
 */
function numberAsWritten(source: string): number | string | undefined {
  const based = /^([-+]?)0(?:(b[01_]+)|([0-7_]+))$/.exec(source);
  if (based !== null) {
    const [, sign, binary, octal] = based;
    const digits = (binary?.slice(1) ?? octal!).replaceAll('_', '');
    const size = Number.parseInt(digits === '' ? '0' : digits, binary === undefined ? 8 : 2);
    return sign === '-' ? -size : size;
  }
  return /^[-+]?\d{16,}$/.test(source) && !Number.isSafeInteger(Number(source)) ? source : undefined;
}

function mergeTag(tag: string | undefined): MergeTag | undefined {
  return tag === '!reset' ? 'reset' : tag === '!override' ? 'override' : undefined;
}

/** A tree without the values marked `!reset`: they only remove what they override. */
export function withoutResets(node: ConfigNode): ConfigNode {
  if (node.kind === 'scalar') return node;
  if (node.kind === 'list') return { ...node, items: node.items.map(withoutResets) };
  const entries = new Map<string, ConfigEntry>();
  for (const [name, entry] of node.entries) {
    if (entry.value.tag !== 'reset') entries.set(name, { ...entry, value: withoutResets(entry.value) });
  }
  return { ...node, entries };
}

/** The value of a key of a map; undefined when the node is none or has no such key. */
export function childOf(node: ConfigNode | undefined, key: string): ConfigNode | undefined {
  return node?.kind === 'map' ? node.entries.get(key)?.value : undefined;
}

/** A scalar's text as compose would print it; undefined for null, lists and maps. */
export function scalarText(node: ConfigNode | undefined): string | undefined {
  return node?.kind === 'scalar' && node.value !== null ? String(node.value) : undefined;
}
