// The index against real ldconfig's, byte for byte, on libraries of this machine in folders of our own.
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fileTree, type TreeEntry } from '../foundation/file-tree.ts';
import { declareLibraryIndex } from './library-index.ts';
import { RootDraft } from './root-draft.ts';
import { testDirectory, testFile, testLink } from './test-archive.ts';

const multiarch = `${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`;
const architecture = process.arch === 'arm64' ? 'arm64' : 'amd64';
const version = execFileSync('dpkg-query', ['--show', '--showformat', '${Version}', 'libc-bin'], {
  encoding: 'utf8',
});

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'library-index-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** A real library of this machine under another path. */
function library(path: string, name: string): TreeEntry {
  const bytes = readFileSync(`/usr/lib/${multiarch}/${name}`);
  return { kind: 'file', path, mode: 0o644, uid: 0, gid: 0, mtime: 1, content: { kind: 'bytes', bytes } };
}

function withParents(entries: readonly TreeEntry[]): TreeEntry[] {
  const paths = new Map(entries.map((entry) => [entry.path, entry]));
  for (const { path } of entries) {
    for (let parent = dirname(path); parent !== '.'; parent = dirname(parent)) {
      if (!paths.has(parent)) paths.set(parent, testDirectory(parent));
    }
  }
  return [...fileTree(paths.values())];
}

function writeTo(root: string, entries: readonly TreeEntry[]): void {
  mkdirSync(root);
  for (const entry of entries) {
    const path = join(root, entry.path);
    if (entry.kind === 'directory') mkdirSync(path);
    else if (entry.kind === 'symlink') symlinkSync(entry.target, path);
    else if (entry.kind === 'file' && entry.content.kind === 'bytes') {
      writeFileSync(path, entry.content.bytes);
      chmodSync(path, entry.mode);
    }
  }
}

function declared(entries: readonly TreeEntry[]): TreeEntry[] {
  const draft = new RootDraft(fileTree(entries));
  const textAt = (path: string) => {
    const entry = draft.get(path);
    return entry?.kind === 'file' && entry.content.kind === 'bytes'
      ? Buffer.from(entry.content.bytes).toString()
      : undefined;
  };
  declareLibraryIndex({ draft, version, architecture, textAt });
  return draft.changes();
}

const indexOf = (changes: readonly TreeEntry[]) => {
  const entry = changes.find(({ path }) => path === 'etc/ld.so.cache');
  return entry?.kind === 'file' && entry.content.kind === 'bytes'
    ? Buffer.from(entry.content.bytes)
    : undefined;
};

/** What ldconfig makes of the same root. */
function oracle(name: string, entries: readonly TreeEntry[]): { index: Buffer; root: string } {
  const root = join(directory, name);
  writeTo(root, entries);
  mkdirSync(join(root, 'var/cache/ldconfig'), { recursive: true });
  execFileSync('/sbin/ldconfig', ['-r', root], { stdio: 'ignore' });
  return { index: readFileSync(join(root, 'etc/ld.so.cache')), root };
}

const merged = ['bin', 'lib', 'sbin'].map((name) => testLink(name, `usr/${name}`));
const configuration = [
  testFile('etc/ld.so.conf', 'include /etc/ld.so.conf.d/*.conf\n\n'),
  testFile('etc/ld.so.conf.d/libc.conf', '# libc default configuration\n/usr/local/lib\n'),
  testFile(
    `etc/ld.so.conf.d/${multiarch}.conf`,
    `/usr/local/lib/${multiarch}\n/lib/${multiarch}\n/usr/lib/${multiarch}\n`,
  ),
];

describe('declareLibraryIndex', () => {
  it('gives what ldconfig gives: links, folders of configuration, folders for processors', () => {
    const entries = withParents([
      ...merged,
      testDirectory('usr/bin'),
      testDirectory('usr/sbin'),
      ...configuration,
      testFile(
        'etc/ld.so.conf.d/zz-own.conf',
        '\t/opt/own/lib/   # ours\n/opt/none\nhwcap 1 x\n/opt/typed=libc6\n',
      ),
      testFile('etc/ld.so.conf.d/.hidden.conf', '/opt/hidden\n'),
      testFile('etc/ld.so.conf.d/other.txt', '/opt/hidden\n'),
      library('opt/hidden/libm.so.6', 'libm.so.6'),
      // Under a name of its own, the soname's link missing.
      library('opt/own/lib/libm-1.2.so', 'libm.so.6'),
      library('opt/typed/libdl.so.2', 'libdl.so.2'),
      library(`usr/lib/${multiarch}/libc.so.6`, 'libc.so.6'),
      library(`usr/lib/${multiarch}/libm.so.6`, 'libm.so.6'),
      library(`usr/lib/${multiarch}/libpthread.so.0.1`, 'libpthread.so.0'),
      testLink(`usr/lib/${multiarch}/libpthread.so.0`, 'libpthread.so.0.1'),
      testLink(`usr/lib/${multiarch}/libpthread.so`, 'libpthread.so.0'),
      testLink(`usr/lib/${multiarch}/libbroken.so.1`, 'nowhere'),
      testFile(`usr/lib/${multiarch}/libc.so`, '/* GNU ld script */\n'),
      testLink(`usr/lib/${multiarch}/librt.so.1`, '/etc/alternatives/librt'),
      testLink('etc/alternatives/librt', `/usr/lib/${multiarch}/rt/librt.so.1`),
      library(`usr/lib/${multiarch}/rt/librt.so.1`, 'librt.so.1'),
      library(`usr/lib/${multiarch}/glibc-hwcaps/x86-64-v3/libm.so.6`, 'libm.so.6'),
      testDirectory(`usr/lib/${multiarch}/glibc-hwcaps/x86-64-v2`),
      library('usr/local/lib/libm.so.6', 'libm.so.6'),
      library('usr/lib/notalib.so', 'libm.so.6'),
      library('usr/lib/libplain.so.3.4', 'libutil.so.1'),
    ]);
    const changes = declared(entries);
    // ldconfig takes away a link that leads nowhere and adds those that are missing; the index is of what is then there.
    const { index, root } = oracle('all', entries);
    expect(indexOf(changes)?.toString('latin1')).toBe(index.toString('latin1'));
    const links = changes.filter(({ kind }) => kind === 'symlink').map(({ path }) => path);
    expect(links).toEqual(['opt/own/lib/libm.so.6', 'usr/lib/libutil.so.1']);
    for (const entry of changes) {
      if (entry.kind === 'symlink') expect(entry.target).toBe(readlinkSync(join(root, entry.path)));
    }
  });

  it("gives what ldconfig gives of many of this machine's libraries", () => {
    const folder = `/usr/lib/${multiarch}`;
    const wanted = readdirSync(folder, { withFileTypes: true }).filter(({ name }) =>
      /^lib[a-h].*\.so/.test(name),
    );
    const entries = withParents([
      ...merged,
      ...configuration,
      ...wanted.flatMap((item): TreeEntry[] => {
        const path = `usr/lib/${multiarch}/${item.name}`;
        if (item.isSymbolicLink()) return [testLink(path, readlinkSync(join(folder, item.name)))];
        if (!item.isFile()) return [];
        return [library(path, item.name)];
      }),
    ]);
    expect(entries.length).toBeGreaterThan(40);
    expect(indexOf(declared(entries))?.equals(oracle('many', entries).index)).toBe(true);
  });

  it('writes nothing where there are no libraries, or the architecture is not known', () => {
    expect(declared(withParents([...merged, ...configuration]))).toEqual([]);
    const draft = new RootDraft(fileTree(withParents([library('usr/lib/libm.so.6', 'libm.so.6')])));
    declareLibraryIndex({ draft, version, architecture: 'riscv64', textAt: () => undefined });
    expect(draft.changes()).toEqual([]);
  });
});
