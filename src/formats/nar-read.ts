// NAR, read: strictly, so that one tree has one NAR. Order, names, padding and the end are checked.
// Source: the Nix reference manual, protocols/nix-archive.
import { closeSync, mkdirSync, openSync, symlinkSync, writeSync } from 'node:fs';
import { type ByteString, fromByteString, toFilePath } from '../foundation/byte-string.ts';
import { systemErrorCode, TrimaranError } from '../foundation/error.ts';
import {
  type DirectoryEntry,
  type FileEntry,
  type FileTree,
  fileTree,
  type SymlinkEntry,
} from '../foundation/file-tree.ts';
import { ChunkReader } from './chunk-reader.ts';
import { narExecutableMode, narFileMode, narOwner } from './nar.ts';

/** Longest name and symlink target, as Nix has them. */
const nameLimit = 255;
const targetLimit = 4095;

type NarEntry = DirectoryEntry | SymlinkEntry | FileEntry;
type NarHead = DirectoryEntry | SymlinkEntry | Omit<FileEntry, 'content'>;

/**
 * The tree of a NAR in memory, contents as parts of `buffer`. Its root is the entry `''`; modes are those of store
 * objects (0444, 0555), owner 0, time 1. Throws `nar/malformed` and `nar/truncated`.
 */
export function readNar(buffer: Buffer): FileTree {
  const steps = narSteps();
  const entries: NarEntry[] = [];
  let position = 0;
  const take = (length: number) => {
    if (position + length > buffer.length) throw truncated(position);
    position += length;
    return buffer.subarray(position - length, position);
  };
  let step = steps.next();
  while (!step.done) {
    const { value } = step;
    if (typeof value === 'number') {
      step = steps.next(take(value));
    } else {
      const { head, size } = value;
      if (head.kind === 'file') entries.push({ ...head, content: { kind: 'bytes', bytes: take(size) } });
      else entries.push(head);
      step = steps.next(noBytes);
    }
  }
  if (position !== buffer.length) throw malformed('there are bytes after its end');
  return fileTree(entries);
}

/** An entry of a streamed NAR. */
export interface NarMember {
  readonly entry: NarHead;
  /** Bytes of `body`. */
  readonly size: number;
  /** A regular file's contents; to be read before the next member is asked for, or they are skipped. */
  readonly body: AsyncIterable<Buffer>;
}

/**
 * The entries of a NAR too large for memory, each directory before what it holds. Throws as {@link readNar} when it
 * comes to the place; whether bytes follow the archive is for the caller to see.
 */
export async function* readNarStream(
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<NarMember, void, undefined> {
  const chunks = new ChunkReader(source);
  const cut = () => truncated(chunks.position);
  const steps = narSteps();
  try {
    let step = steps.next();
    while (!step.done) {
      const { value } = step;
      if (typeof value === 'number') {
        const bytes = chunks.takeNow(value) ?? (await chunks.take(value));
        if (bytes === undefined) throw cut();
        step = steps.next(bytes);
      } else {
        const { head, size } = value;
        const end = chunks.position + size;
        yield { entry: head, size, body: chunks.until(end, cut) };
        await chunks.skipTo(end, cut);
        step = steps.next(noBytes);
      }
    }
  } finally {
    await chunks.close();
  }
}

/**
 * Writes a NAR out at `target`, which must not exist: files 0644 or 0755 and folders 0755 under the umask. Never touches
 * anything outside. What is there after an error is the caller's to remove. Rejects as {@link readNarStream}, with
 * `nar/name-collision` when the file system takes two names for one, and with system errors.
 */
export async function restoreNar(source: AsyncIterable<Uint8Array>, target: ByteString): Promise<void> {
  for await (const { entry, body } of readNarStream(source)) {
    const file = toFilePath(entry.path === '' ? target : `${target}/${entry.path}`);
    try {
      switch (entry.kind) {
        case 'directory':
          mkdirSync(file, 0o755);
          break;
        case 'symlink':
          symlinkSync(toFilePath(entry.target), file);
          break;
        case 'file': {
          const descriptor = openSync(file, 'wx', entry.mode === narExecutableMode ? 0o755 : 0o644);
          try {
            for await (const chunk of body) {
              for (let done = 0; done < chunk.length; ) done += writeSync(descriptor, chunk, done);
            }
          } finally {
            closeSync(descriptor);
          }
        }
      }
    } catch (error) {
      // Names are checked to be different, so this is a file system that folds case or Unicode forms.
      if (entry.path === '' || systemErrorCode(error) !== 'EEXIST') throw error;
      throw new TrimaranError({
        code: 'nar/name-collision',
        message: `the file system takes ${JSON.stringify(fromByteString(entry.path))} for a name that is there already`,
        hint: 'use a case-sensitive file system for the store',
        exitCode: 4,
        cause: error,
      });
    }
  }
}

const noBytes = Buffer.alloc(0);

/** Asks for bytes by number, or announces an entry, whose contents the other side takes before it goes on. */
function* narSteps(): Generator<number | { readonly head: NarHead; readonly size: number }, void, Buffer> {
  function* number(): Generator<number, number, Buffer> {
    const bytes = yield 8;
    const value = bytes.readUInt32LE(0) + bytes.readUInt32LE(4) * 2 ** 32;
    if (!Number.isSafeInteger(value)) throw malformed('it has a length beyond all bounds');
    return value;
  }
  function* padding(length: number): Generator<number, void, Buffer> {
    if ((length & 7) === 0) return;
    const bytes = yield -length & 7;
    for (const byte of bytes) if (byte !== 0) throw malformed('its padding is not zero');
  }
  function* string(limit: number): Generator<number, ByteString, Buffer> {
    const length = yield* number();
    if (length > limit) throw malformed(`it has a string of ${length} bytes where at most ${limit} belong`);
    if (length === 0) return '';
    const text = (yield length).toString('latin1');
    yield* padding(length);
    return text;
  }
  // Keywords are at most ten bytes long.
  const tag = () => string(32);
  function* expect(expected: string): Generator<number, void, Buffer> {
    const found = yield* tag();
    if (found !== expected) throw malformed(`it has '${fromByteString(found)}' where '${expected}' belongs`);
  }

  yield* expect('nix-archive-1');
  // Open directories with the name last seen in each; no recursion, whatever the depth.
  const open: { readonly prefix: ByteString; previous: ByteString }[] = [];
  let path: ByteString | undefined = '';
  do {
    if (path !== undefined) {
      yield* expect('(');
      yield* expect('type');
      const type = yield* tag();
      switch (type) {
        case 'directory':
          yield { head: { kind: 'directory', path, ...narOwner, mode: narExecutableMode }, size: 0 };
          open.push({ prefix: path === '' ? '' : `${path}/`, previous: '' });
          break;
        case 'symlink': {
          yield* expect('target');
          const target = yield* string(targetLimit);
          if (target === '' || target.includes('\0')) throw malformed('it has an impossible symlink');
          yield { head: { kind: 'symlink', path, ...narOwner, mode: 0o777, target }, size: 0 };
          yield* expect(')');
          if (path !== '') yield* expect(')');
          break;
        }
        case 'regular': {
          let next = yield* tag();
          const isExecutable = next === 'executable';
          if (isExecutable) {
            if ((yield* string(0)) !== '') throw malformed('its executable mark is not empty');
            next = yield* tag();
          }
          if (next !== 'contents') {
            throw malformed(`it has '${fromByteString(next)}' where 'contents' belongs`);
          }
          const size = yield* number();
          yield {
            head: { kind: 'file', path, ...narOwner, mode: isExecutable ? narExecutableMode : narFileMode },
            size,
          };
          yield* padding(size);
          yield* expect(')');
          if (path !== '') yield* expect(')');
          break;
        }
        default:
          throw malformed(`it has an entry of unknown type '${fromByteString(type)}'`);
      }
      path = undefined;
    }
    const current = open.at(-1);
    if (current === undefined) break;
    const next = yield* tag();
    if (next === ')') {
      open.pop();
      if (open.length > 0) yield* expect(')');
    } else if (next === 'entry') {
      yield* expect('(');
      yield* expect('name');
      const name = yield* string(nameLimit);
      if (name === '' || name === '.' || name === '..' || name.includes('/') || name.includes('\0')) {
        throw malformed(`it has the impossible file name ${JSON.stringify(fromByteString(name))}`);
      }
      if (name <= current.previous) {
        throw malformed(`its directories are not sorted (at ${JSON.stringify(fromByteString(name))})`);
      }
      current.previous = name;
      yield* expect('node');
      path = current.prefix + name;
    } else {
      throw malformed(`it has '${fromByteString(next)}' where 'entry' or ')' belongs`);
    }
  } while (open.length > 0);
}

function malformed(what: string): TrimaranError {
  return new TrimaranError({
    code: 'nar/malformed',
    message: `not a sound NAR: ${what}`,
    hint: 'fetch the archive again',
    exitCode: 4,
  });
}

function truncated(position: number): TrimaranError {
  return new TrimaranError({
    code: 'nar/truncated',
    message: `the NAR ends too early (at byte ${position})`,
    hint: 'fetch the archive again',
    exitCode: 4,
  });
}
