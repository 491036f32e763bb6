// An archive that is begun before it is known what goes into it, as a copy of an earlier one: most of two successive
// archives is the same layers, and copying them takes as long as all the rest. The copy is made in the thread pool.
import { closeSync, fstatSync, ftruncateSync, openSync, readSync, statSync } from 'node:fs';
import { copyFile, rm } from 'node:fs/promises';
import { type Content, contentLength } from '../foundation/file-tree.ts';

/** Smaller archives are written as quickly as they are copied. */
const worthwhileFrom = 4 << 20;

/** See the head of this file. Either {@link take} or {@link discard} it. */
export class ArchiveDraft {
  readonly #file: string;
  readonly #copied: Promise<boolean>;
  #isTaken = false;

  private constructor(file: string, copied: Promise<boolean>) {
    this.#file = file;
    this.#copied = copied;
  }

  /**
   * Begins a copy of `earlier`, an archive that `writeArchive` made, at `file`, which must not exist. Undefined when that is
   * not worth while.
   */
  static begin(earlier: string, file: string): ArchiveDraft | undefined {
    const found = statSync(earlier, { throwIfNoEntry: false });
    if (found === undefined || !found.isFile() || found.size < worthwhileFrom) return undefined;
    // What cannot be copied is written whole; an error then says why.
    const copied = copyFile(earlier, file).then(
      () => true,
      () => false,
    );
    return new ArchiveDraft(file, copied);
  }

  /**
   * The draft cut back to where it agrees with `contents`, an archive's bytes in order: the file, and how many of
   * `contents` it holds; the rest is to be appended. Undefined when there is none, or it is taken.
   */
  async take(
    contents: readonly Content[],
  ): Promise<{ readonly file: string; readonly held: number } | undefined> {
    if (this.#isTaken || !(await this.#copied)) return undefined;
    this.#isTaken = true;
    const descriptor = openSync(this.#file, 'r+');
    try {
      const { held, length } = commonStart(descriptor, contents);
      ftruncateSync(descriptor, length);
      return { file: this.#file, held };
    } finally {
      closeSync(descriptor);
    }
  }

  /** Removes the draft if nobody took it. */
  async discard(): Promise<void> {
    if (this.#isTaken) return;
    this.#isTaken = true;
    await this.#copied;
    await rm(this.#file, { force: true });
  }
}

/**
 * How many contents, and bytes, of an archive are there already. Bytes given as such are compared; the regions between
 * them are blobs whose digest the header before them names.
 */
function commonStart(
  descriptor: number,
  contents: readonly Content[],
): { readonly held: number; readonly length: number } {
  const { size } = fstatSync(descriptor);
  let length = 0;
  for (const [index, content] of contents.entries()) {
    const end = length + contentLength(content);
    if (end > size || !isThere(descriptor, content, length)) return { held: index, length };
    length = end;
  }
  return { held: contents.length, length };
}

function isThere(descriptor: number, content: Content, position: number): boolean {
  if (content.kind !== 'bytes') return true;
  const there = Buffer.alloc(content.bytes.length);
  return (
    readSync(descriptor, there, 0, there.length, position) === there.length && there.equals(content.bytes)
  );
}
