// Names of Python distributions and of commands, from the archive's Contents indexes: which package ships the
// `.dist-info` or `.egg-info` of a distribution, which ships `/usr/bin/NAME`. Reduced once to a small table on disk.
// Source: https://wiki.debian.org/DebianRepository/Format#A.22Contents.22_indices; the Python packaging
// specifications for the names of info folders; PEP 503 for normalised names.
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { decompressStream } from '../formats/compression.ts';
import { sha256Hex } from '../foundation/digest.ts';
import { isTrimaranError, systemErrorCode, TrimaranError } from '../foundation/error.ts';
import type { Archive } from './archive.ts';
import { openSortedTable, writeSortedTable } from './sorted-table.ts';

export interface ContentsNames {
  /** Normalised names of all Python distributions, sorted. */
  pythonNames(): readonly string[];
  /** The package that ships a distribution of that normalised name, or undefined. */
  pythonPackage(distribution: string): string | undefined;
  /** The packages that ship a command of that name in a directory of PATH, sorted. */
  commandPackages(command: string): readonly string[];
  close(): void;
}

/** A distribution's name as PEP 503 normalises it: `Zope.Interface` is `zope-interface`. */
export function normaliseDistribution(name: string): string {
  return name.toLowerCase().replace(/[-_.]+/g, '-');
}

/** Raised whenever the table changes, so that old ones are made anew. */
const tableFormat = 1;

/**
 * Makes the table of a release's names exist and resolves to its file, for {@link openContentsNames}, in any thread. Fetches
 * the Contents indexes the first time (46 MB for bookworm, 520 MB unpacked, which are streamed: about 5 s). Rejects with
 * `debian/no-such-index`, `debian/bad-index` and the errors of `download`.
 */
export async function ensureContentsTable(archive: Archive, cacheDirectory: string): Promise<string> {
  const { files } = archive.release;
  const parts = archive.components.flatMap((component) =>
    ['all', archive.architecture].flatMap((architecture) => {
      const path = `${component}/Contents-${architecture}.gz`;
      return files.has(path) ? [path] : [];
    }),
  );
  if (parts.length === 0) {
    throw new TrimaranError({
      code: 'debian/no-such-index',
      message: `the release file of ${archive.release.codename} lists no Contents indexes`,
      hint: 'name packages by their Debian names: `python3-NAME`',
      exitCode: 4,
    });
  }
  const hashes = parts.map((path) => files.get(path)!.sha256);
  const name = sha256Hex(Buffer.from(['contents', tableFormat, ...hashes].join('\n')));
  const file = join(cacheDirectory, 'debian', 'indexes', `${name}.table`);
  try {
    openSortedTable(file).close();
    return file;
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT' && !isTrimaranError(error, 'debian/bad-cache')) throw error;
  }
  const found = new NamesFound();
  for (const path of parts) {
    await archive.withIndexFile(path, (packed, listed) => {
      // The release states the size unpacked as well; without it, text packs to a fiftieth at best.
      const limit = files.get(path.replace(/\.gz$/, ''))?.size ?? listed.size * 50;
      return found.readContents(
        decompressStream(createReadStream(packed), { limit, kind: 'gzip', name: path }),
      );
    });
  }
  await writeSortedTable(file, found.entries());
  return file;
}

/** Opens what {@link ensureContentsTable} made. Throws the system error, and `debian/bad-cache` when it is damaged. */
export function openContentsNames(file: string): ContentsNames {
  const table = openSortedTable(file);
  return {
    pythonNames: () => [...table.keys('p ')].map((key) => key.slice(2)),
    pythonPackage: (distribution) => table.get(`p ${distribution}`),
    commandPackages: (command) => table.get(`c ${command}`)?.split(' ') ?? [],
    close: () => table.close(),
  };
}

const pythonDirectory = 'usr/lib/python3/dist-packages/';
const infoFolder = /^(.+?)(?:-(?=\d)[^-/]+)?(?:-py\d[\d.]*)?\.(?:dist|egg)-info(?:\/|$)/;
const commandDirectory = /^(?:usr\/)?(?:s?bin|games)\/([^/]+)$/;
/** What every line of interest holds; searching for it is many times quicker than splitting lines. */
const needles = ['.dist-info', '.egg-info', 'bin/', 'usr/games/'];

/** Collects names from Contents indexes. */
class NamesFound {
  private readonly python = new Map<string, Set<string>>();
  private readonly commands = new Map<string, Set<string>>();

  /** Reads the text of one index, in chunks of any size. */
  async readContents(chunks: AsyncIterable<Buffer>): Promise<void> {
    let rest = Buffer.alloc(0);
    for await (const chunk of chunks) {
      const text = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      const end = text.lastIndexOf(10) + 1;
      this.readLines(text.subarray(0, end));
      rest = Buffer.from(text.subarray(end));
    }
    this.readLines(rest);
  }

  /** Reads whole lines. */
  private readLines(text: Buffer): void {
    for (const needle of needles) {
      for (let at = text.indexOf(needle); at >= 0; ) {
        const start = text.lastIndexOf(10, at) + 1;
        let end = text.indexOf(10, at);
        if (end < 0) end = text.length;
        this.readLine(text.toString('latin1', start, end));
        at = end >= text.length ? -1 : text.indexOf(needle, end);
      }
    }
  }

  private readLine(line: string): void {
    // The path may hold blanks; the last word is the list of packages, each as `section/name`.
    const match = /^(.*\S)\s+(\S+)$/.exec(line);
    if (match === null) return;
    const path = match[1]!;
    const packages = () => match[2]!.split(',').map((name) => name.slice(name.lastIndexOf('/') + 1));
    const command = commandDirectory.exec(path)?.[1];
    if (command !== undefined) add(this.commands, command, packages());
    if (!path.startsWith(pythonDirectory)) return;
    const folder = infoFolder.exec(path.slice(pythonDirectory.length))?.[1];
    if (folder !== undefined && !folder.includes('/'))
      add(this.python, normaliseDistribution(folder), packages());
  }

  /** Entries of the table. */
  entries(): Map<string, string> {
    const entries = new Map<string, string>();
    for (const [name, packages] of this.python) entries.set(`p ${name}`, bestPackage(name, packages));
    for (const [name, packages] of this.commands) entries.set(`c ${name}`, [...packages].sort().join(' '));
    return entries;
  }
}

function add(map: Map<string, Set<string>>, key: string, values: readonly string[]): void {
  const present = map.get(key) ?? new Set();
  for (const value of values) present.add(value);
  map.set(key, present);
}

/** Of several packages that ship a distribution: Python policy's name for it, else another module, else the first. */
function bestPackage(distribution: string, packages: ReadonlySet<string>): string {
  const sorted = [...packages].sort();
  const byPolicy = `python3-${distribution}`;
  return packages.has(byPolicy)
    ? byPolicy
    : (sorted.find((name) => name.startsWith('python3-')) ?? sorted[0]!);
}
