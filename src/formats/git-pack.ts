// Git packs, read without an index: objects, deltas against offsets and names, and the names of all. Source:
// gitformat-pack(5), version 2. Memory: the pack itself and one chain of deltas. Left out: writing, multi-pack files.
import { createHash } from 'node:crypto';
import { type Inflate, inflateSync } from 'node:zlib';
import { TrimaranError } from '../foundation/error.ts';
import { type GitHashAlgorithm, type GitObject, type GitObjectType, hashGitObject } from './git-object.ts';

/** How a pack is read. */
export interface GitPackOptions {
  readonly algorithm?: GitHashAlgorithm;
  /** Largest object, in bytes; 1 GiB unless given. */
  readonly objectLimit?: number;
  /** Objects that deltas of a thin pack refer to and that are not in it. */
  readonly findBase?: (hash: string) => GitObject | undefined;
}

/** The objects of one pack, read when asked for. */
export interface GitPack {
  /** Names of all objects, lower-case hexadecimal. */
  readonly hashes: Iterable<string>;
  /** Undefined when it is not in the pack. */
  read(hash: string): GitObject | undefined;
}

interface PackEntry {
  readonly offset: number;
  /** Of the deflated data. */
  readonly dataOffset: number;
  readonly size: number;
  readonly type: GitObjectType | 'delta';
  /** Offset or name of what a delta starts from. */
  readonly base: number | string | undefined;
}

const types: Readonly<Record<number, GitObjectType>> = { 1: 'commit', 2: 'tree', 3: 'blob', 4: 'tag' };
const defaultObjectLimit = 2 ** 30;

/**
 * Checks a pack (its checksum, every object, every delta) and names its objects. Throws `git/malformed-pack`,
 * `git/missing-base` for a delta against an object that is nowhere, `git/too-large`.
 */
export function readGitPack(pack: Buffer, options: GitPackOptions = {}): GitPack {
  const algorithm = options.algorithm ?? 'sha1';
  const hashLength = algorithm === 'sha1' ? 20 : 32;
  const end = pack.length - hashLength;
  if (end < 12 || pack.toString('latin1', 0, 4) !== 'PACK') throw malformed('it does not start as one');
  if (pack.readUInt32BE(4) !== 2) throw malformed(`its version is ${pack.readUInt32BE(4)}`);
  if (!createHash(algorithm).update(pack.subarray(0, end)).digest().equals(pack.subarray(end))) {
    throw malformed('its checksum is wrong');
  }
  const reader = new PackReader(pack.subarray(0, end), {
    hashLength,
    objectLimit: options.objectLimit ?? defaultObjectLimit,
  });
  const entries = reader.scan(pack.readUInt32BE(8));

  const byHash = new Map<string, PackEntry>();
  const hashOf = new Map<number, string>();
  const children = new Map<number | string, PackEntry[]>();
  for (const entry of entries.values()) {
    if (entry.base === undefined) continue;
    const siblings = children.get(entry.base);
    if (siblings === undefined) children.set(entry.base, [entry]);
    else siblings.push(entry);
  }
  // From each whole object down its deltas, so that only one chain is in memory at a time.
  const waiting: {
    readonly entry: PackEntry | undefined;
    readonly object: GitObject;
    readonly hash: string;
  }[] = [];
  const resolveChildren = (offset: number | undefined, hash: string, object: GitObject) => {
    const keys: (number | string)[] = offset === undefined ? [hash] : [offset, hash];
    for (const key of keys) {
      for (const child of children.get(key) ?? []) {
        if (hashOf.has(child.offset)) continue;
        const data = applyDelta(
          object.data,
          reader.inflate(child),
          options.objectLimit ?? defaultObjectLimit,
        );
        const resolved = { type: object.type, data };
        const name = hashGitObject(resolved, algorithm);
        byHash.set(name, child);
        hashOf.set(child.offset, name);
        if (children.has(child.offset) || children.has(name))
          waiting.push({ entry: child, object: resolved, hash: name });
      }
    }
  };
  const drain = () => {
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      resolveChildren(next.entry?.offset, next.hash, next.object);
    }
  };
  for (const entry of entries.values()) {
    if (entry.type === 'delta') continue;
    const object = { type: entry.type, data: reader.inflate(entry) };
    const name = hashGitObject(object, algorithm);
    byHash.set(name, entry);
    hashOf.set(entry.offset, name);
    resolveChildren(entry.offset, name, object);
    drain();
  }
  for (const [base] of children) {
    if (typeof base !== 'string' || byHash.has(base)) continue;
    const object = options.findBase?.(base);
    if (object === undefined) continue;
    resolveChildren(undefined, base, object);
    drain();
  }
  if (hashOf.size !== entries.size) {
    throw new TrimaranError({
      code: 'git/missing-base',
      message: `the git pack has ${entries.size - hashOf.size} objects that build on objects it does not have`,
      hint: 'fetch the repository again, whole',
      exitCode: 4,
    });
  }

  const read = (hash: string): GitObject | undefined => {
    const deltas: PackEntry[] = [];
    let entry = byHash.get(hash);
    let object: GitObject | undefined;
    while (entry !== undefined && entry.type === 'delta') {
      deltas.push(entry);
      const base: number | string = entry.base!;
      entry = typeof base === 'number' ? entries.get(base) : byHash.get(base);
      if (entry === undefined && typeof base === 'string') object = options.findBase?.(base);
    }
    if (entry !== undefined && entry.type !== 'delta')
      object = { type: entry.type, data: reader.inflate(entry) };
    for (const delta of deltas.reverse()) {
      if (object === undefined) break;
      object = {
        type: object.type,
        data: applyDelta(object.data, reader.inflate(delta), options.objectLimit ?? defaultObjectLimit),
      };
    }
    return object;
  };
  return { hashes: byHash.keys(), read };
}

class PackReader {
  readonly #pack: Buffer;
  readonly #hashLength: number;
  readonly #objectLimit: number;

  constructor(pack: Buffer, options: { readonly hashLength: number; readonly objectLimit: number }) {
    this.#pack = pack;
    this.#hashLength = options.hashLength;
    this.#objectLimit = options.objectLimit;
  }

  /** The entries by offset; each is inflated once, since only that tells where the next one starts. */
  scan(count: number): Map<number, PackEntry> {
    const pack = this.#pack;
    const entries = new Map<number, PackEntry>();
    let position = 12;
    const byte = () => {
      const value = pack[position++];
      if (value === undefined) throw malformed('it is cut off');
      return value;
    };
    for (let index = 0; index < count; index++) {
      const offset = position;
      let head = byte();
      const code = (head >> 4) & 7;
      let size = head & 15;
      for (let scale = 16; head & 0x80; scale *= 128) {
        head = byte();
        size += (head & 0x7f) * scale;
      }
      if (size > this.#objectLimit) throw tooLarge(size, this.#objectLimit);
      let base: number | string | undefined;
      if (code === 6) {
        head = byte();
        let distance = head & 0x7f;
        while (head & 0x80) {
          head = byte();
          distance = (distance + 1) * 128 + (head & 0x7f);
        }
        base = offset - distance;
        if (!entries.has(base)) throw malformed('a delta starts from the middle of an object');
      } else if (code === 7) {
        base = pack.toString('hex', position, position + this.#hashLength);
        position += this.#hashLength;
      }
      const type = base === undefined ? types[code] : 'delta';
      if (type === undefined) throw malformed(`an object has the unknown type ${code}`);
      const entry: PackEntry = { offset, dataOffset: position, size, type, base };
      position += this.#inflate(entry).consumed;
      entries.set(offset, entry);
    }
    if (position !== pack.length) throw malformed('bytes follow its last object');
    return entries;
  }

  inflate(entry: PackEntry): Buffer {
    return this.#inflate(entry).data;
  }

  #inflate({ dataOffset, size }: PackEntry): { readonly data: Buffer; readonly consumed: number } {
    let result: { readonly buffer: Buffer; readonly engine: Inflate };
    try {
      // With `info` zlib also tells how much it read, which its types do not know.
      result = inflateSync(this.#pack.subarray(dataOffset), {
        info: true,
        maxOutputLength: size + 1,
        chunkSize: Math.max(64, Math.min(size + 1, 65536)),
      }) as unknown as { readonly buffer: Buffer; readonly engine: Inflate };
    } catch (cause) {
      throw malformed('an object does not inflate', cause);
    }
    if (result.buffer.length !== size) throw malformed('an object has another size than it says');
    return { data: result.buffer, consumed: result.engine.bytesWritten };
  }
}

/** What a delta makes of its base: copies from it and new bytes. */
function applyDelta(base: Buffer, delta: Buffer, limit: number): Buffer {
  let position = 0;
  const byte = () => {
    const value = delta[position++];
    if (value === undefined) throw malformed('a delta is cut off');
    return value;
  };
  const number = () => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const next = byte();
      value += (next & 0x7f) * scale;
      if (next < 0x80) return value;
      if (scale > 2 ** 49) throw malformed('a delta has a bad number');
    }
  };
  if (number() !== base.length) throw malformed('a delta is for another object');
  const size = number();
  if (size > limit) throw tooLarge(size, limit);
  const result = Buffer.allocUnsafe(size);
  let written = 0;
  while (position < delta.length) {
    const instruction = byte();
    let source = delta;
    let from = position;
    let length = instruction;
    if (instruction & 0x80) {
      from = 0;
      length = 0;
      for (let i = 0; i < 4; i++) if (instruction & (1 << i)) from += byte() * 2 ** (8 * i);
      for (let i = 0; i < 3; i++) if (instruction & (0x10 << i)) length += byte() * 2 ** (8 * i);
      if (length === 0) length = 0x10000;
      source = base;
    } else {
      if (length === 0) throw malformed('a delta has an instruction that is reserved');
      position += length;
    }
    if (from + length > source.length || written + length > size) throw malformed('a delta reaches too far');
    source.copy(result, written, from, from + length);
    written += length;
  }
  if (written !== size) throw malformed('a delta makes another size than it says');
  return result;
}

function malformed(what: string, cause?: unknown): TrimaranError {
  return new TrimaranError({
    code: 'git/malformed-pack',
    message: `not a sound git pack: ${what}`,
    hint: 'fetch the repository again',
    exitCode: 4,
    cause,
  });
}

function tooLarge(size: number, limit: number): TrimaranError {
  return new TrimaranError({
    code: 'git/too-large',
    message: `the git pack has an object of ${size} bytes; at most ${limit} are accepted`,
    exitCode: 4,
  });
}
