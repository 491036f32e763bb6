// Byte code of one package's Python modules as a packed tree of its own, beside the package's.
import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import type { StorePath } from '../../formats/store-path.ts';
import { temporaryNameFor } from '../../foundation/atomic-file.ts';
import type { ByteString } from '../../foundation/byte-string.ts';
import { sha256Hex } from '../../foundation/digest.ts';
import { type FileTree, fileTree, type TreeEntry } from '../../foundation/file-tree.ts';
import type { Host } from '../../foundation/host.ts';
import { readContent, removeDiskTree, writeDiskTree } from '../../store/disk-tree.ts';
import type { LocalStore } from '../../store/local-store.ts';
import { uniteLayerTrees } from '../image/assemble-image.ts';
import { rootFolder } from '../image/image-contents.ts';
import { ByteCodeCompiler } from './byte-code-compiler.ts';

/** Modules that an interpreter imports: those of its library, and what distributions install. */
const modulePath = /^usr\/lib\/python3(?:\.\d+)?\/(?:.*\/)?[^/]+\.py$/;

/** Interpreters kept for one run, by what they are made of. */
export class ByteCodeBuilder {
  readonly #host: Host;
  readonly #store: LocalStore;
  readonly #compilers = new Map<string, ByteCodeCompiler>();

  constructor(options: { readonly host: Host; readonly store: LocalStore }) {
    this.#host = options.host;
    this.#store = options.store;
  }

  /**
   * The tree of byte code of a package: `__pycache__` folders and nothing else; empty when it has no modules.
   * `interpreter` are packages that hold a Python interpreter and the libraries it needs. Rejects with `python/…`.
   */
  async byteCodeTree(source: StorePath, interpreter: readonly StorePath[]): Promise<FileTree> {
    const modules = this.#store
      .tree(source)
      .filter((entry) => entry.kind === 'file' && modulePath.test(entry.path));
    if (modules.length === 0) return [];
    const { compiler, tag } = this.#compiler(interpreter);
    const sources = modules.map((entry) => ({
      path: `/${entry.path}`,
      bytes: readContent((entry as TreeEntry & { kind: 'file' }).content),
    }));
    const made = await compiler.compile(sources);
    const entries = new Map<ByteString, TreeEntry>();
    for (const [index, bytes] of made.entries()) {
      if (bytes === undefined) continue;
      const path = byteCodePath(modules[index]!.path, tag);
      entries.set(path, {
        kind: 'file',
        path,
        mode: 0o644,
        uid: 0,
        gid: 0,
        mtime: 1,
        content: { kind: 'bytes', bytes },
      });
      for (let folder = dirname(path); folder !== '.'; folder = dirname(folder))
        entries.set(folder, rootFolder(folder));
    }
    return fileTree(entries.values());
  }

  /** Ends the interpreters. */
  close(): void {
    for (const compiler of this.#compilers.values()) compiler.close();
    this.#compilers.clear();
  }

  #compiler(interpreter: readonly StorePath[]): { compiler: ByteCodeCompiler; tag: string } {
    const key = sha256Hex(interpreter.join('\n'));
    const tree = uniteLayerTrees(interpreter.map((path) => this.#store.tree(path)));
    let compiler = this.#compilers.get(key);
    if (compiler === undefined) {
      const root = join(this.#store.root, 'interpreters', key);
      if (!existsSync(root)) writeInterpreter(root, tree);
      compiler = new ByteCodeCompiler({
        host: this.#host,
        root,
        processes: Math.min(4, availableParallelism()),
      });
      this.#compilers.set(key, compiler);
    }
    const version = tree
      .map((entry) => /^usr\/bin\/python3\.(\d+)$/.exec(entry.path)?.[1])
      .find((minor) => minor !== undefined);
    return { compiler, tag: `cpython-3${version ?? ''}` };
  }
}

/** `a/b.py` → `a/__pycache__/b.cpython-311.pyc` (PEP 3147). */
function byteCodePath(path: ByteString, tag: string): ByteString {
  const slash = path.lastIndexOf('/');
  return `${path.slice(0, slash)}/__pycache__/${path.slice(slash + 1, -3)}.${tag}.pyc`;
}

function writeInterpreter(root: string, tree: FileTree): void {
  mkdirSync(dirname(root), { recursive: true });
  const temporary = temporaryNameFor(root);
  try {
    writeDiskTree({ tree, path: temporary, owners: 'ignore' });
    renameSync(temporary, root);
  } catch (error) {
    removeDiskTree(temporary);
    // Another process was quicker.
    if (!existsSync(root)) throw error;
  }
}
