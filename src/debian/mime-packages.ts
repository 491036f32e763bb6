// The shared MIME database's source, https://specifications.freedesktop.org/shared-mime-info-spec: what the XML files below
// /usr/share/mime/packages say of types. Leaves out comments, treemagic and what a reader needs no cache for.
import { readXml, type XmlElement } from './xml-elements.ts';

export interface MimeGlob {
  readonly pattern: string;
  readonly weight: number;
  readonly isCaseSensitive: boolean;
}

export interface Matchlet {
  readonly start: number;
  /** How many offsets from the start are tried. */
  readonly range: number;
  readonly wordSize: number;
  readonly value: Buffer;
  readonly mask: Buffer | undefined;
  readonly children: readonly Matchlet[];
}

/** What all files together say of one type. */
export interface MimeType {
  readonly type: string;
  globs: MimeGlob[];
  magic: { readonly priority: number; readonly matchlets: readonly Matchlet[] }[];
  readonly aliases: string[];
  readonly parents: string[];
  readonly namespaces: { readonly uri: string; readonly localName: string }[];
  icon?: string;
  genericIcon?: string;
}

/** The types that files define, in the order of the files, by name. What is no such file adds nothing. */
export function readMimePackages(texts: readonly string[]): Map<string, MimeType> {
  const types = new Map<string, MimeType>();
  for (const text of texts) {
    for (const element of readXml(text)?.children ?? []) {
      const name = element.attributes.get('type');
      if (element.name !== 'mime-type' || name === undefined || !/^[^/\s]+\/[^/\s]+$/.test(name)) continue;
      const type = types.get(name) ?? emptyType(name);
      types.set(name, type);
      for (const child of element.children) readTypeElement(type, child);
    }
  }
  return types;
}

function emptyType(type: string): MimeType {
  return { type, globs: [], magic: [], aliases: [], parents: [], namespaces: [] };
}

function readTypeElement(type: MimeType, { name, attributes, children }: XmlElement): void {
  const get = (key: string) => attributes.get(key) ?? '';
  switch (name) {
    case 'glob': {
      const pattern = get('pattern');
      const weight = Number(attributes.get('weight') ?? '50');
      const isCaseSensitive = get('case-sensitive') === 'true';
      if (pattern === '' || type.globs.some((glob) => glob.pattern === pattern)) return;
      type.globs.push({ pattern, weight: Number.isInteger(weight) ? weight & 0xff : 50, isCaseSensitive });
      return;
    }
    case 'glob-deleteall':
      type.globs = [];
      return;
    case 'magic': {
      const priority = Number(attributes.get('priority') ?? '50');
      const matchlets = children.flatMap(readMatchlet);
      if (matchlets.length > 0)
        type.magic.push({ priority: Number.isInteger(priority) ? priority : 50, matchlets });
      return;
    }
    case 'magic-deleteall':
      type.magic = [];
      return;
    case 'alias':
      if (get('type') !== '') type.aliases.push(get('type'));
      return;
    case 'sub-class-of':
      if (get('type') !== '' && !type.parents.includes(get('type'))) type.parents.push(get('type'));
      return;
    case 'root-XML':
      type.namespaces.push({ uri: get('namespaceURI'), localName: get('localName') });
      return;
    case 'icon':
      type.icon = get('name');
      return;
    case 'generic-icon':
      type.genericIcon = get('name');
  }
}

function readMatchlet({ name, attributes, children }: XmlElement): Matchlet[] {
  if (name !== 'match') return [];
  const kind = attributes.get('type') ?? '';
  const value = readValue(kind, attributes.get('value') ?? '');
  const [, start, end] = /^(\d{1,9})(?::(\d{1,9}))?$/.exec(attributes.get('offset') ?? '') ?? [];
  if (value === undefined || start === undefined) return [];
  const given = attributes.get('mask');
  const mask = given === undefined ? undefined : readMask(kind, given, value.length);
  return [
    {
      start: Number(start),
      range: end === undefined ? 1 : Math.max(1, Number(end) - Number(start) + 1),
      wordSize: kind === 'host16' ? 2 : kind === 'host32' ? 4 : 1,
      value,
      mask,
      children: children.flatMap(readMatchlet),
    },
  ];
}

const sizes: Readonly<Record<string, number>> = {
  byte: 1,
  host16: 2,
  big16: 2,
  little16: 2,
  host32: 4,
  big32: 4,
  little32: 4,
};

function readValue(kind: string, text: string): Buffer | undefined {
  if (kind === 'string') return readEscapes(text);
  const size = Object.hasOwn(sizes, kind) ? sizes[kind]! : undefined;
  return size === undefined ? undefined : readNumber(kind, text, size);
}

function readNumber(kind: string, text: string, size: number): Buffer | undefined {
  const number = /^0[0-7]+$/.test(text) ? Number.parseInt(text, 8) : Number(text);
  if (text === '' || !Number.isInteger(number) || number < 0 || number >= 2 ** (8 * size)) return undefined;
  const bytes = Buffer.alloc(size);
  if (kind.startsWith('little')) bytes.writeUIntLE(number, 0, size);
  else bytes.writeUIntBE(number, 0, size);
  return bytes;
}

/** Masks of strings are hexadecimal, as long as the value. */
function readMask(kind: string, text: string, length: number): Buffer | undefined {
  if (kind !== 'string') return readNumber(kind, text, length);
  const mask = Buffer.alloc(length);
  Buffer.from(text.replace(/^0x/, ''), 'hex').copy(mask);
  return mask;
}

function readEscapes(text: string): Buffer {
  const parts: Buffer[] = [];
  const pattern = /\\(x[0-9a-fA-F]{1,2}|[0-7]{1,3}|[\s\S])|[^\\]+/g;
  const named: Readonly<Record<string, string>> = {
    n: '\n',
    r: '\r',
    t: '\t',
    b: '\b',
    f: '\f',
    v: '\v',
    a: '\x07',
  };
  for (const [whole, escaped] of text.matchAll(pattern)) {
    if (escaped === undefined) parts.push(Buffer.from(whole));
    else if (/^x./.test(escaped)) parts.push(Buffer.from([Number.parseInt(escaped.slice(1), 16)]));
    else if (/^[0-7]/.test(escaped)) parts.push(Buffer.from([Number.parseInt(escaped, 8) & 0xff]));
    else parts.push(Buffer.from(named[escaped] ?? escaped));
  }
  return Buffer.concat(parts);
}
