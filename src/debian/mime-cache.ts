// The shared MIME database's mime.cache, which GIO and gdk-pixbuf know files by: version 1.2 of the format that
// https://specifications.freedesktop.org/shared-mime-info-spec describes under "The mime.cache files". update-mime-database(1)
// writes the same tables; only its strings lie in the order of a hash table.
import type { Matchlet, MimeGlob, MimeType } from './mime-packages.ts';

const majorVersion = 1;
const minorVersion = 2;
const headerSize = 40;
const caseSensitive = 0x100;

/** The bytes of a mime.cache. The same types give the same bytes, whatever their order. */
export function writeMimeCache(types: Iterable<MimeType>): Buffer {
  const sorted = [...types].sort((a, b) => compare(a.type, b.type));
  const file = new CacheFile();
  const globs = sorted.flatMap(({ type, globs: own }) => own.map((glob) => ({ type, ...folded(glob) })));
  const offsets = [
    file.pairs(sorted.flatMap(({ type, aliases }) => aliases.map((alias) => [alias, type] as const))),
    file.parents(sorted),
    file.globs(globs.filter(({ pattern }) => kindOf(pattern) === 'literal')),
    file.suffixes(globs.filter(({ pattern }) => kindOf(pattern) === 'suffix')),
    file.globs(globs.filter(({ pattern }) => kindOf(pattern) === 'glob')),
    file.magic(sorted),
    file.namespaces(sorted),
    file.pairs(sorted.flatMap(({ type, icon }) => (icon === undefined ? [] : [[type, icon] as const]))),
    file.pairs(
      sorted.flatMap(({ type, genericIcon }) =>
        genericIcon === undefined ? [] : [[type, genericIcon] as const],
      ),
    ),
  ];
  return file.finish(offsets);
}

/** Patterns are matched with names in lower case, unless they say otherwise. */
function folded(glob: MimeGlob): MimeGlob {
  return glob.isCaseSensitive ? glob : { ...glob, pattern: glob.pattern.toLowerCase() };
}

interface TypedGlob extends MimeGlob {
  readonly type: string;
}

function compare(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** `Makefile`, `*.tar.gz`, or what only a matcher of patterns understands. */
function kindOf(pattern: string): 'literal' | 'suffix' | 'glob' {
  if (!/[*?[]/.test(pattern)) return 'literal';
  return pattern.startsWith('*') && !/[*?[]/.test(pattern.slice(1)) && pattern.length > 1 ? 'suffix' : 'glob';
}

interface SuffixNode {
  readonly children: Map<number, SuffixNode>;
  readonly leaves: TypedGlob[];
}

/** The file in the making: 32-bit words in network order, and strings that are found again. */
class CacheFile {
  private readonly chunks: Buffer[] = [];
  private size = headerSize;
  private readonly strings = new Map<string, number>();

  private append(bytes: Buffer): number {
    const offset = this.size;
    // Tables begin at multiples of four.
    const padded = Buffer.alloc((bytes.length + 3) & ~3);
    bytes.copy(padded);
    this.chunks.push(padded);
    this.size += padded.length;
    return offset;
  }

  private words(values: readonly number[]): number {
    const bytes = Buffer.alloc(values.length * 4);
    values.forEach((value, index) => void bytes.writeUInt32BE(value, index * 4));
    return this.append(bytes);
  }

  private text(value: string): number {
    let offset = this.strings.get(value);
    if (offset === undefined) {
      offset = this.append(Buffer.from(`${value}\0`));
      this.strings.set(value, offset);
    }
    return offset;
  }

  pairs(entries: readonly (readonly [string, string])[]): number {
    const sorted = [...entries].sort((a, b) => compare(a[0], b[0]));
    const rows = sorted.flatMap(([key, value]) => [this.text(key), this.text(value)]);
    return this.words([sorted.length, ...rows]);
  }

  parents(types: readonly MimeType[]): number {
    const withParents = types.filter(({ parents }) => parents.length > 0);
    const rows = withParents.flatMap(({ type, parents }) => {
      const names = parents.map((parent) => this.text(parent));
      return [this.text(type), this.words([names.length, ...names])];
    });
    return this.words([withParents.length, ...rows]);
  }

  globs(globs: readonly TypedGlob[]): number {
    const sorted = [...globs].sort((a, b) => compare(a.pattern, b.pattern));
    const rows = sorted.flatMap((glob) => [this.text(glob.pattern), this.text(glob.type), weightOf(glob)]);
    return this.words([sorted.length, ...rows]);
  }

  /** A tree of the characters of suffixes, last first; where a suffix ends there are leaves. */
  suffixes(globs: readonly TypedGlob[]): number {
    const root: SuffixNode = { children: new Map(), leaves: [] };
    for (const glob of globs) {
      let node = root;
      for (const character of [...glob.pattern].slice(1).reverse()) {
        const point = character.codePointAt(0)!;
        let next = node.children.get(point);
        if (next === undefined) {
          next = { children: new Map(), leaves: [] };
          node.children.set(point, next);
        }
        node = next;
      }
      const isKnown = node.leaves.some(({ type, weight }) => type === glob.type && weight === glob.weight);
      if (!isKnown) node.leaves.push(glob);
    }
    const [count, first] = this.suffixNodes(root);
    return this.words([count, first]);
  }

  private suffixNodes({ children, leaves }: SuffixNode): [number, number] {
    const sorted = [...children].sort(([a], [b]) => a - b);
    const rows = leaves.flatMap((glob) => [0, this.text(glob.type), weightOf(glob)]);
    for (const [character, child] of sorted) rows.push(character, ...this.suffixNodes(child));
    return [rows.length / 3, rows.length === 0 ? 0 : this.words(rows)];
  }

  magic(types: readonly MimeType[]): number {
    const matches = types
      .flatMap(({ type, magic }) => magic.map((match) => ({ type, ...match })))
      .sort((a, b) => b.priority - a.priority || compare(a.type, b.type));
    const extents: number[] = [0];
    const measure = ({ start, range, value, children }: Matchlet) => {
      extents.push(start + range + value.length);
      children.forEach(measure);
    };
    for (const { matchlets } of matches) matchlets.forEach(measure);
    const rows = matches.flatMap(({ type, priority, matchlets }) => [
      priority,
      this.text(type),
      ...this.matchlets(matchlets),
    ]);
    const first = this.words(rows);
    return this.words([matches.length, Math.max(...extents), first]);
  }

  private matchlets(matchlets: readonly Matchlet[]): [number, number] {
    if (matchlets.length === 0) return [0, 0];
    const rows = matchlets.flatMap(({ start, range, wordSize, value, mask, children }) => [
      ...[start, range, wordSize, value.length, this.append(value)],
      mask === undefined ? 0 : this.append(mask),
      ...this.matchlets(children),
    ]);
    return [matchlets.length, this.words(rows)];
  }

  namespaces(types: readonly MimeType[]): number {
    const entries = types
      .flatMap(({ type, namespaces }) => namespaces.map((namespace) => ({ type, ...namespace })))
      .sort((a, b) => compare(a.uri, b.uri) || compare(a.localName, b.localName));
    const rows = entries.flatMap(({ uri, localName, type }) =>
      [uri, localName, type].map((each) => this.text(each)),
    );
    return this.words([entries.length, ...rows]);
  }

  finish(offsets: readonly number[]): Buffer {
    const header = Buffer.alloc(headerSize);
    header.writeUInt16BE(majorVersion, 0);
    header.writeUInt16BE(minorVersion, 2);
    offsets.forEach((offset, index) => void header.writeUInt32BE(offset, 4 + index * 4));
    return Buffer.concat([header, ...this.chunks]);
  }
}

function weightOf({ weight, isCaseSensitive }: MimeGlob): number {
  return weight | (isCaseSensitive ? caseSensitive : 0);
}
