// What is known of files that nobody has touched since an earlier run: the program of a Nix file, the store path of a
// copied one. A file is taken for untouched when its stamp (`NixHost.stamp`) is the same. All of it lies in one file, which
// appears whole: a header, an index, and the programs in the order in which they were used.
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { writeCacheFile } from '../../foundation/atomic-file.ts';
import { type ByteString, byteStringToBuffer } from '../../foundation/byte-string.ts';
import { systemErrorCode } from '../../foundation/error.ts';

/** Changes with the layout of the file. */
const magic = 'trimaran known files 1\n';
/** The magic, then the lengths of the index and of the whole file, in decimal. */
const numberLength = 12;
const headerLength = magic.length + 2 * numberLength;
/** Programs are read so many bytes at a time. */
const windowLength = 256 * 1024;
/** What was not used in a run is forgotten beyond so many bytes. */
const sizeLimit = 24 * 1024 * 1024;
/** As many files must be new for the whole to be written again. */
const worthWriting = 16;

/** Key, stamp, and either the store path or where the program lies: offset from the end of the index, length. */
type IndexEntry = readonly [ByteString, string, ByteString] | readonly [ByteString, string, number, number];

interface Known {
  readonly stamp: string;
  readonly copy: ByteString | undefined;
  /** Bytes, when they are here; else they lie in the file. */
  readonly program: Uint8Array | undefined;
  readonly offset: number;
  readonly length: number;
}

/** The files of one run. `close` it in the end. */
export class KnownFiles {
  readonly #file: string;
  readonly #known = new Map<ByteString, Known>();
  readonly #used = new Set<ByteString>();
  #fresh = 0;
  #descriptor: number | undefined;
  #dataStart = 0;
  #window: Buffer = Buffer.alloc(0);
  #windowStart = 0;

  /** `file` need not be there. What cannot be read counts as nothing known. */
  constructor(file: string) {
    this.#file = file;
    try {
      this.#descriptor = openSync(file, 'r');
      this.#readIndex(this.#descriptor);
    } catch (error) {
      if (systemErrorCode(error) === undefined && !(error instanceof SyntaxError)) throw error;
      this.#known.clear();
    }
  }

  /** The program that was noted for a file in this state; `variant` tells programs of one file apart. */
  program(variant: string, path: ByteString, stamp: string): Uint8Array | undefined {
    const key = programKey(variant, path);
    const known = this.#known.get(key);
    if (known === undefined || known.stamp !== stamp || known.copy !== undefined) return undefined;
    this.#used.add(key);
    return this.#bytesOf(known);
  }

  noteProgram(variant: string, path: ByteString, stamp: string, program: Uint8Array): void {
    this.#note(programKey(variant, path), {
      stamp,
      copy: undefined,
      program,
      offset: 0,
      length: program.length,
    });
  }

  /** The store path that a copy of the file got; `how` tells copies of one file apart. */
  copy(how: string, path: ByteString, stamp: string): ByteString | undefined {
    const key = copyKey(how, path);
    const known = this.#known.get(key);
    if (known === undefined || known.stamp !== stamp) return undefined;
    this.#used.add(key);
    return known.copy;
  }

  noteCopy(how: string, path: ByteString, stamp: string, copy: ByteString): void {
    this.#note(copyKey(how, path), { stamp, copy, program: undefined, offset: 0, length: 0 });
  }

  /** Writes what is new, if it is worth it, and lets go of the file. */
  close(): void {
    try {
      if (this.#fresh >= worthWriting) this.#write();
    } catch (error) {
      // What cannot be written costs time, not the result.
      if (systemErrorCode(error) === undefined) throw error;
    } finally {
      if (this.#descriptor !== undefined) closeSync(this.#descriptor);
      this.#descriptor = undefined;
    }
  }

  #note(key: ByteString, known: Known): void {
    this.#known.set(key, known);
    this.#used.add(key);
    this.#fresh++;
  }

  #readIndex(descriptor: number): void {
    const header = this.#read(descriptor, headerLength, 0).toString('latin1');
    if (!header.startsWith(magic)) return;
    const indexLength = Number(header.slice(magic.length, magic.length + numberLength));
    const whole = Number(header.slice(magic.length + numberLength));
    // A power cut may have left less than was written.
    if (fstatSync(descriptor).size !== whole || !(indexLength <= whole)) return;
    this.#dataStart = headerLength + indexLength;
    const index = this.#read(descriptor, indexLength, headerLength).toString('latin1');
    for (const entry of JSON.parse(index) as IndexEntry[]) {
      const [key, stamp] = entry;
      const known =
        entry.length === 3
          ? { stamp, copy: entry[2], program: undefined, offset: 0, length: 0 }
          : { stamp, copy: undefined, program: undefined, offset: entry[2], length: entry[3] };
      this.#known.set(key, known);
    }
  }

  #read(descriptor: number, length: number, position: number): Buffer {
    const buffer = Buffer.allocUnsafeSlow(length);
    return buffer.subarray(0, readSync(descriptor, buffer, 0, length, position));
  }

  #bytesOf({ program, offset, length }: Known): Uint8Array | undefined {
    if (program !== undefined) return program;
    let start = offset - this.#windowStart;
    if (start < 0 || start + length > this.#window.length) {
      this.#window = this.#read(this.#descriptor!, Math.max(length, windowLength), this.#dataStart + offset);
      this.#windowStart = offset;
      start = 0;
    }
    const bytes = this.#window.subarray(start, start + length);
    return bytes.length === length ? bytes : undefined;
  }

  #write(): void {
    const index: IndexEntry[] = [];
    const pieces: Uint8Array[] = [];
    let size = 0;
    for (const key of new Set([...this.#used, ...this.#known.keys()])) {
      const known = this.#known.get(key)!;
      if (known.copy !== undefined) {
        index.push([key, known.stamp, known.copy]);
        continue;
      }
      if (size + known.length > sizeLimit && !this.#used.has(key)) continue;
      const bytes = this.#bytesOf(known);
      if (bytes === undefined) continue;
      index.push([key, known.stamp, size, known.length]);
      pieces.push(bytes);
      // Programs are arrays of integers, which are read in place when they are aligned.
      const padding = -known.length & 3;
      if (padding > 0) pieces.push(new Uint8Array(padding));
      size += known.length + padding;
    }
    const text = byteStringToBuffer(JSON.stringify(index.slice(0, indexLimit)));
    const whole = headerLength + text.length + size;
    const number = (value: number) => String(value).padStart(numberLength, '0');
    const header = Buffer.from(`${magic}${number(text.length)}${number(whole)}`, 'latin1');
    writeCacheFile(this.#file, Buffer.concat([header, text, ...pieces], whole));
  }
}

/** Copies are forgotten beyond so many entries. */
const indexLimit = 20_000;

function programKey(variant: string, path: ByteString): ByteString {
  return `program ${variant} ${path}`;
}

function copyKey(how: string, path: ByteString): ByteString {
  return `copy ${how} ${path}`;
}
