// A store for Guix's tests, in memory of one thread and a folder: speaks as much of the daemon's protocol as programs
// need that compute derivations. It builds nothing, and says so.
import { readNar } from '../../src/formats/nar-read.ts';
import type { StorePath } from '../../src/formats/store-path.ts';
import { bufferToByteString, toByteString } from '../../src/foundation/byte-string.ts';
import type { FileTree } from '../../src/foundation/file-tree.ts';
import type { SchemeStream } from '../../src/languages/scheme/host.ts';
import { removeDiskTree, writeDiskTree } from '../../src/store/disk-tree.ts';
import { LocalStore } from '../../src/store/local-store.ts';

const hello = [0x6e697863, 0x6478696f] as const;
const protocolVersion = 0x163;
const stderrLast = 0x616c7473;
const stderrError = 0x63787470;

/** The store and its connections. */
export class TestStore {
  readonly #store: LocalStore;

  constructor(root: string) {
    this.#store = new LocalStore({ root, storeDirectory: '/gnu/store' });
  }

  /** Where a path below /gnu/store lies; other paths as they are. */
  place(path: string): string {
    const match = /^(\/gnu\/store\/[^/]+)(.*)$/.exec(path);
    if (match === null) return path;
    const item = match[1] as StorePath;
    return this.#store.isValid(item) ? `${this.#store.materialise(item)}${match[2]}` : path;
  }

  connect(): SchemeStream {
    const connection = new Connection(this.#store);
    return { read: (count) => connection.read(count), write: (data) => connection.write(data) };
  }
}

class Connection {
  readonly #store: LocalStore;
  #input = Buffer.alloc(0);
  #output = Buffer.alloc(0);
  #greeted = 0;

  constructor(store: LocalStore) {
    this.#store = store;
  }

  write(data: Uint8Array): void {
    this.#input = Buffer.concat([this.#input, data]);
  }

  /** What a client waits for is the answer to all that it has written. */
  read(count: number): Uint8Array {
    if (this.#output.length === 0) this.#answer();
    const data = this.#output.subarray(0, count);
    this.#output = this.#output.subarray(data.length);
    return data;
  }

  #answer(): void {
    if (this.#greeted === 0) {
      if (this.#int() !== hello[0]) throw new Error('not a client of the store');
      this.#reply(hello[1], protocolVersion);
      this.#greeted = 1;
    } else if (this.#greeted === 1) {
      this.#input = Buffer.alloc(0);
      this.#reply(stderrLast);
      this.#greeted = 2;
    } else {
      while (this.#input.length > 0) this.#operation();
    }
  }

  #operation(): void {
    const operation = this.#int();
    switch (operation) {
      case 1:
        this.#reply(stderrLast, this.#store.isValid(this.#string() as StorePath) ? 1 : 0);
        return;
      case 3:
        this.#string();
        this.#reply(stderrLast, 0);
        return;
      case 5: {
        const path = this.#string() as StorePath;
        const references = this.#store.isValid(path) ? this.#store.info(path).references : [];
        this.#reply(stderrLast, references.length, ...references);
        return;
      }
      case 30:
      case 32:
        this.#input = Buffer.alloc(0);
        this.#reply(stderrLast, 0);
        return;
      case 7: {
        const name = this.#string();
        this.#int();
        const recursive = this.#int() === 1;
        this.#string();
        const tree = readNar(this.#input);
        this.#input = Buffer.alloc(0);
        this.#reply(
          stderrLast,
          recursive ? this.#store.addTree({ name: toByteString(name), tree }) : this.#addFile(name, tree),
        );
        return;
      }
      case 8: {
        const name = this.#string();
        const text = bufferToByteString(this.#bytes());
        const references = Array.from({ length: this.#int() }, () => this.#string() as StorePath);
        this.#reply(stderrLast, this.#store.addText({ name: toByteString(name), text, references }));
        return;
      }
      case 9: {
        const wanted = Array.from({ length: this.#int() }, () => this.#string());
        this.#input = Buffer.alloc(0);
        const built = wanted.every((path) => this.#store.isValid(path as StorePath));
        if (built) this.#reply(stderrLast, 1);
        else this.#reply(stderrError, `this store builds nothing: ${wanted.join(' ')}`, 1);
        return;
      }
      case 11:
        this.#string();
        this.#reply(stderrLast, 1);
        return;
      case 19:
        this.#input = Buffer.alloc(0);
        this.#reply(stderrLast);
        return;
      case 80:
        this.#reply(stderrLast, 2, 'download', 'git-download');
        return;
    }
    this.#input = Buffer.alloc(0);
    this.#reply(stderrError, `this store does not do operation ${operation}`, 1);
  }

  /** A file that is known by its own bytes, not by those of its NAR. */
  #addFile(name: string, tree: FileTree): StorePath {
    const source = this.#store.temporaryPath();
    writeDiskTree({ tree, path: source, owners: 'ignore' });
    const path = this.#store.addPath({ source, name: toByteString(name), method: 'flat' });
    removeDiskTree(source);
    return path;
  }

  #int(): number {
    const value = Number(this.#input.readBigUInt64LE(0));
    this.#input = this.#input.subarray(8);
    return value;
  }

  #bytes(): Buffer {
    const length = this.#int();
    const data = this.#input.subarray(0, length);
    this.#input = this.#input.subarray(Math.ceil(length / 8) * 8);
    return data;
  }

  #string(): string {
    return this.#bytes().toString('utf8');
  }

  #reply(...parts: readonly (number | string)[]): void {
    const int = (value: number) => {
      const buffer = Buffer.alloc(8);
      buffer.writeBigUInt64LE(BigInt(value));
      return buffer;
    };
    const text = (value: string) => {
      const data = Buffer.from(value, 'utf8');
      return Buffer.concat([int(data.length), data, Buffer.alloc((8 - (data.length % 8)) % 8)]);
    };
    const written = parts.map((part) => (typeof part === 'number' ? int(part) : text(part)));
    this.#output = Buffer.concat([this.#output, ...written]);
  }
}
