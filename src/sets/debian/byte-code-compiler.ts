// Python byte code, made by an interpreter that lies in a folder of its own: started through its own dynamic loader
// with nothing of the host's environment, so it needs no root, no namespaces and no Python on the host.
// What runs inside is compile-server.py; the protocol is described there.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type ByteString, byteStringToBuffer } from '../../foundation/byte-string.ts';
import { TrimaranError } from '../../foundation/error.ts';
import type { Host } from '../../foundation/host.ts';
import compileServer from './compile-server.py';

export interface PythonSource {
  /** Where the interpreter will find it, e.g. `/usr/lib/python3.11/os.py`; becomes part of the byte code. */
  readonly path: ByteString;
  readonly bytes: Uint8Array;
}

interface Request {
  readonly files: readonly PythonSource[];
  readonly resolve: (made: (Buffer | undefined)[]) => void;
  readonly reject: (error: unknown) => void;
}

const notCompiled = 0xffffffff;

/** Some interpreters at work on one queue. `close` ends them. */
export class ByteCodeCompiler {
  readonly #queue: Request[] = [];
  readonly #idle: (() => void)[] = [];
  readonly #host: Host;
  readonly #root: string;
  readonly #most: number;
  #started = 0;
  #closed = false;

  /** `root` holds Debian's python3-minimal and what it needs; at most `processes` interpreters run at once. */
  constructor(options: { readonly host: Host; readonly root: string; readonly processes: number }) {
    this.#host = options.host;
    this.#root = options.root;
    this.#most = options.processes;
  }

  /**
   * Byte code of one package's files, in their order; undefined for a file that does not compile (packages ship
   * such files on purpose). The same package gives the same bytes whatever was compiled before.
   * Rejects with `python/interpreter-failed`.
   */
  compile(files: readonly PythonSource[]): Promise<(Buffer | undefined)[]> {
    if (files.length === 0) return Promise.resolve([]);
    return new Promise((resolve, reject) => {
      this.#queue.push({ files, resolve, reject });
      const wake = this.#idle.shift();
      if (wake !== undefined) wake();
      else if (this.#started < this.#most) void this.#serve();
    });
  }

  /** Lets the interpreters end; no further `compile` is possible. */
  close(): void {
    this.#closed = true;
    for (const wake of this.#idle.splice(0)) wake();
  }

  async #serve(): Promise<void> {
    this.#started++;
    const pending: { reader: AnswerReader; request: Request }[] = [];
    const errors: Buffer[] = [];
    const queue = this.#queue;
    let hasEnded = false;
    let wakeOwn = () => {};
    const nextRequest = async () => {
      while (queue.length === 0 && !this.#closed && !hasEnded)
        await new Promise<void>((wake) => {
          wakeOwn = wake;
          this.#idle.push(wake);
        });
      // One that has ended takes nothing more, since nobody would answer.
      return hasEnded ? undefined : queue.shift();
    };
    async function* requests(): AsyncGenerator<Uint8Array> {
      for (let request = await nextRequest(); request !== undefined; request = await nextRequest()) {
        const answered = new Promise<void>((resolve) => {
          pending.push({ reader: new AnswerReader(request!.files.length, resolve), request: request! });
        });
        yield encodeRequest(request.files);
        await answered;
      }
    }
    let failure: unknown;
    try {
      const { command, args, env } = this.#interpreter();
      const result = await this.#host.run({
        command,
        args: [...args, '-S', '-c', compileServer],
        env,
        cwd: this.#root,
        input: requests(),
        onStdout: (chunk) => {
          const current = pending[0];
          if (current?.reader.push(chunk) !== true) return;
          pending.shift();
          current.request.resolve(current.reader.made);
          current.reader.done();
        },
        onStderr: (chunk) => errors.push(chunk),
      });
      failure = new TrimaranError({
        code: 'python/interpreter-failed',
        message: `the Python interpreter ended with code ${result.exitCode}: ${Buffer.concat(errors).toString('utf8').trim().split('\n').at(-1) ?? ''}`,
        hint: 'use python3.withPackagesNoByteCode to build without byte code',
        exitCode: 4,
      });
    } catch (cause) {
      failure = new TrimaranError({
        code: 'python/interpreter-failed',
        message: 'the Python interpreter of the package set cannot be started here',
        hint: 'it runs only on a machine of the image’s architecture; use python3.withPackagesNoByteCode elsewhere',
        cause,
        exitCode: 4,
      });
    }
    this.#started--;
    hasEnded = true;
    const place = this.#idle.indexOf(wakeOwn);
    if (place >= 0) this.#idle.splice(place, 1);
    wakeOwn();
    for (const { request, reader } of pending) {
      request.reject(failure);
      reader.done();
    }
    if (this.#started === 0) for (const request of queue.splice(0)) request.reject(failure);
  }

  /** The loader's command line and the environment that make the interpreter use its own folder alone. */
  #interpreter(): { command: string; args: string[]; env: Record<string, string> } {
    const inRoot = (path: string) => join(this.#root, path);
    const libraries = readdirSync(inRoot('usr/lib')).filter((name) => name.endsWith('-linux-gnu'));
    const loader = readdirSync(inRoot(`usr/lib/${libraries[0] ?? ''}`)).find((name) =>
      /^ld-linux.*\.so/.test(name),
    );
    const python = readdirSync(inRoot('usr/bin')).find((name) => /^python3\.\d+$/.test(name));
    if (loader === undefined || python === undefined) throw new Error('no interpreter in the folder');
    return {
      command: inRoot(`usr/lib/${libraries[0]}/${loader}`),
      // Loaders before glibc 2.33 know no --argv0, and with PYTHONHOME the interpreter needs none.
      args: ['--library-path', inRoot(`usr/lib/${libraries[0]}`), inRoot(`usr/bin/${python}`)],
      env: {
        PYTHONHOME: inRoot('usr'),
        PYTHONHASHSEED: '0',
        PYTHONDONTWRITEBYTECODE: '1',
        PYTHONNOUSERSITE: '1',
        PYTHONUTF8: '1',
        LC_ALL: 'C.UTF-8',
        TZ: 'UTC',
        PATH: '',
      },
    };
  }
}

function encodeRequest(files: readonly PythonSource[]): Buffer {
  const parts: Uint8Array[] = [number(files.length)];
  for (const { path, bytes } of files) {
    const name = byteStringToBuffer(path);
    parts.push(number(name.length), name, number(bytes.length), bytes);
  }
  return Buffer.concat(parts);
}

function number(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** Collects one answer from chunks of any size. */
class AnswerReader {
  readonly made: (Buffer | undefined)[] = [];
  readonly done: () => void;
  readonly #count: number;
  #chunks: Buffer[] = [];
  #length = 0;
  /** Bytes that must be there before reading goes on; spares looking at each small chunk. */
  #needed = 4;
  #counted = false;

  constructor(count: number, done: () => void) {
    this.#count = count;
    this.done = done;
  }

  /** Takes a chunk; true when the answer is whole. */
  push(chunk: Buffer): boolean {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    if (this.#length < this.#needed) return false;
    let buffer = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks);
    if (!this.#counted) {
      this.#counted = true;
      buffer = buffer.subarray(4);
    }
    this.#needed = 4;
    while (this.made.length < this.#count && buffer.length >= 4) {
      const size = buffer.readUInt32BE(0);
      if (size === notCompiled) {
        this.made.push(undefined);
        buffer = buffer.subarray(4);
      } else if (buffer.length >= 4 + size) {
        this.made.push(Buffer.from(buffer.subarray(4, 4 + size)));
        buffer = buffer.subarray(4 + size);
      } else {
        this.#needed = 4 + size;
        break;
      }
    }
    this.#chunks = [buffer];
    this.#length = buffer.length;
    return this.made.length === this.#count;
  }
}
