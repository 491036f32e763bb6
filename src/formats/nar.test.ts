import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { digestOf, digestToHex } from '../foundation/digest.ts';
import { isTrimaranError } from '../foundation/error.ts';
import { type FileTree, fileTree, type TreeEntry } from '../foundation/file-tree.ts';
import { encodeNar, hashNarOfTree, hashPathAsNarSync, readNarSource } from './nar.ts';
import { readNar, readNarStream, restoreNar } from './nar-read.ts';

const hasNix = spawnSync('nix-store', ['--version']).status === 0;
let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'trimaran-nar-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const narOf = (tree: FileTree) => Buffer.concat([...encodeNar(tree)]);
const owner = { uid: 0, gid: 0, mtime: 1 };
const file = (path: string, text: string, mode = 0o444): TreeEntry => ({
  kind: 'file',
  path,
  mode,
  ...owner,
  content: { kind: 'bytes', bytes: Buffer.from(text, 'latin1') },
});
const folder = (path: string): TreeEntry => ({ kind: 'directory', path, mode: 0o555, ...owner });

async function* chunksOf(buffer: Buffer, size: number): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < buffer.length; i += size) yield buffer.subarray(i, i + size);
}

async function streamed(buffer: Buffer, size: number): Promise<FileTree> {
  const entries: TreeEntry[] = [];
  for await (const { entry, body } of readNarStream(chunksOf(buffer, size))) {
    const pieces: Buffer[] = [];
    for await (const piece of body) pieces.push(piece);
    entries.push(
      entry.kind === 'file' ? { ...entry, content: { kind: 'bytes', bytes: Buffer.concat(pieces) } } : entry,
    );
  }
  return fileTree(entries);
}

type Node = string | { target: string } | Map<string, Node>;
const name = fc
  .string({ unit: fc.constantFrom('a', 'b', '-', '.', '0', '\xff', ' '), minLength: 1, maxLength: 4 })
  .filter((text) => text !== '.' && text !== '..');
const { node } = fc.letrec<{ node: Node }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 4 },
    fc.string({ unit: fc.constantFrom('x', '\0', '\xe9'), maxLength: 20 }),
    fc.string({ unit: fc.constantFrom('a', '/', '.'), minLength: 1 }).map((target) => ({ target })),
    fc.array(fc.tuple(name, tie('node')), { maxLength: 5 }).map((pairs) => new Map(pairs)),
  ),
}));

function entriesOf(tree: Node, path = ''): TreeEntry[] {
  if (typeof tree === 'string') return [file(path, tree, tree.length % 2 ? 0o444 : 0o555)];
  if (!(tree instanceof Map)) return [{ kind: 'symlink', path, mode: 0o777, ...owner, target: tree.target }];
  return [
    folder(path),
    ...[...tree].flatMap(([key, child]) => entriesOf(child, path === '' ? key : `${path}/${key}`)),
  ];
}
const trees = node.map((root) => fileTree(entriesOf(root)));

describe('nar', () => {
  it('reads back what it writes, whole and as a stream', async () => {
    await fc.assert(
      fc.asyncProperty(trees, fc.integer({ min: 1, max: 400 }), async (tree, size) => {
        const nar = narOf(tree);
        expect(readNar(nar)).toEqual(tree);
        expect(await streamed(nar, size)).toEqual(tree);
        const { digest, size: length } = hashNarOfTree(tree);
        expect(digestToHex(digest)).toBe(digestToHex(digestOf('sha256', nar)));
        expect(length).toBe(nar.length);
        // Folders that paths imply need not be there.
        const implied = tree.filter(
          (entry) =>
            entry.kind !== 'directory' || !tree.some((other) => other.path.startsWith(`${entry.path}/`)),
        );
        if (tree.length > 1) expect(narOf(implied).equals(nar)).toBe(true);
      }),
    );
  });

  it('is the one that Nix has for an empty file', () => {
    const { digest, size } = hashNarOfTree([file('', '')]);
    expect(size).toBe(112);
    expect(Buffer.from(digest.bytes).toString('base64')).toBe('d6xi4mKdjkX2JFicDIv5niSzpyI0m/Hnm8GGAIU04kY=');
  });

  it('writes hard links as files and keeps one mode bit', () => {
    const linked = fileTree([
      folder(''),
      file('a', 'text', 0o4751),
      { kind: 'hardlink', path: 'b', mode: 0o4751, ...owner, target: 'a' },
    ]);
    const plain = fileTree([folder(''), file('a', 'text', 0o555), file('b', 'text', 0o555)]);
    expect(narOf(linked).equals(narOf(plain))).toBe(true);
  });

  it('refuses what NAR cannot hold', () => {
    const refused = (entries: TreeEntry[], code: string) =>
      expect(() => narOf(fileTree(entries))).toThrow(expect.objectContaining({ code }));
    refused([folder(''), { kind: 'fifo', path: 'a', mode: 0o644, ...owner }], 'nar/unsupported-entry');
    refused(
      [{ kind: 'character-device', path: 'null', mode: 0o666, ...owner, major: 1, minor: 3 }],
      'nar/unsupported-entry',
    );
    const loop = (path: string, target: string): TreeEntry => ({
      kind: 'hardlink',
      path,
      mode: 0,
      ...owner,
      target,
    });
    refused([loop('a', 'b'), loop('b', 'a')], 'nar/unsupported-entry');
    refused([loop('a', 'gone')], 'nar/unsupported-entry');
    refused([file('', 'x'), file('a', 'y')], 'nar/bad-tree');
    refused([file('a', 'x'), file('a/b', 'y')], 'nar/bad-tree');
    refused([file('../a', 'x')], 'nar/bad-tree');
    refused([file('/a', 'x')], 'nar/bad-tree');
  });

  it('refuses what is not canonical', () => {
    const tree = fileTree([folder(''), file('a', 'x'), file('b', 'y', 0o555)]);
    const nar = narOf(tree);
    const damaged = (change: (text: string) => string) => () =>
      readNar(Buffer.from(change(nar.toString('latin1')), 'latin1'));
    const malformed = expect.objectContaining({ code: 'nar/malformed' });
    const string = (text: string) =>
      `${String.fromCharCode(text.length)}${'\0'.repeat(7)}${text.padEnd(8, '\0')}`;
    expect(damaged((text) => text)()).toEqual(tree);
    expect(damaged((text) => text.replace(string('b'), string('a')))).toThrow(malformed);
    for (const bad of ['..', '.', 'x/y', 'x\0y']) {
      expect(damaged((text) => text.replace(string('b'), string(bad)))).toThrow(malformed);
    }
    expect(damaged((text) => text.replace(`x${'\0'.repeat(7)}`, `x${'\0'.repeat(6)}z`))).toThrow(malformed);
    expect(damaged((text) => `${text}\0`)).toThrow(malformed);
    expect(damaged((text) => text.replace('regular', 'irregul'))).toThrow(malformed);
    expect(damaged((text) => text.replace('archive-1', 'archive-2'))).toThrow(malformed);
    for (let length = 0; length < nar.length; length += 8) {
      expect(() => readNar(nar.subarray(0, length))).toThrow(
        expect.objectContaining({ code: 'nar/truncated' }),
      );
    }
  });

  it('meets damage with its own errors', () => {
    const nar = narOf(fileTree([folder(''), folder('d'), file('d/a', 'some text'), file('e', '')]));
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(nar.length - 1), fc.nat(255)), { minLength: 1, maxLength: 3 }),
        (changes) => {
          const damaged = Buffer.from(nar);
          for (const [at, value] of changes) damaged[at] = value;
          try {
            readNar(damaged);
          } catch (error) {
            if (!isTrimaranError(error)) throw error;
          }
        },
      ),
      { numRuns: 1000 },
    );
  });

  it('goes as deep as the tree does', async () => {
    const depth = 3000;
    const path = Array.from({ length: depth }, () => 'd').join('/');
    const nar = narOf([file(path, 'bottom')]);
    expect(readNar(nar).length).toBe(depth + 1 - 1 + 1);
    expect((await streamed(nar, 65536)).at(-1)?.path).toBe(path);
  });

  it('restores to disk, and hashes what is there', async () => {
    await fc.assert(
      fc.asyncProperty(trees, fc.integer({ min: 10, max: 1000 }), async (tree, size) => {
        const parent = mkdtempSync(join(directory, 'restore-'));
        const target = join(parent, 'target');
        const nar = narOf(tree);
        await restoreNar(chunksOf(nar, size), target);
        expect(narOf(readNarSource(target)).equals(nar)).toBe(true);
        expect(hashPathAsNarSync(target).size).toBe(nar.length);
        await expect(restoreNar(chunksOf(nar, size), target)).rejects.toThrow(
          expect.objectContaining({ code: 'EEXIST' }),
        );
      }),
      { numRuns: 30 },
    );
  });

  it('asks its filter about everything but the root, and not below what is left out', () => {
    const source = join(directory, 'filtered');
    mkdirSync(join(source, '.git/objects'), { recursive: true });
    writeFileSync(join(source, 'kept'), 'x');
    symlinkSync('kept', join(source, 'link'));
    execFileSync('mkfifo', [join(source, 'pipe')]);
    const asked: string[] = [];
    const tree = readNarSource(source, {
      filter: (path, type) => {
        asked.push(`${path} ${type}`);
        return path !== '.git' && path !== 'pipe';
      },
    });
    expect(asked.sort()).toEqual(['.git directory', 'kept regular', 'link symlink', 'pipe unknown']);
    expect(tree.map((entry) => entry.path)).toEqual(['', 'kept', 'link']);
    expect(() => readNarSource(source)).toThrow(expect.objectContaining({ code: 'nar/unsupported-entry' }));
  });

  it.skipIf(!hasNix && !process.env.CI)('agrees with nix-store both ways (skipped without Nix)', async () => {
    const source = join(directory, 'source');
    mkdirSync(join(source, 'a/b'), { recursive: true });
    mkdirSync(join(source, 'empty'));
    writeFileSync(join(source, 'a-b'), 'sorts between a and a/b');
    writeFileSync(join(source, 'a/b/script'), '#!/bin/sh\n');
    chmodSync(join(source, 'a/b/script'), 0o700);
    linkSync(join(source, 'a-b'), join(source, 'a/hard'));
    symlinkSync('../nowhere', join(source, 'a/link'));
    writeFileSync(Buffer.from(`${source}/caf\xe9`, 'latin1'), Buffer.alloc(600_000, 7));
    const dumped = execFileSync('nix-store', ['--dump', source], { maxBuffer: 1 << 24 });
    const ours = Buffer.concat([...encodeNar(readNarSource(source))]);
    expect(ours.equals(dumped)).toBe(true);
    const hash = execFileSync('nix-hash', ['--type', 'sha256', source], { encoding: 'utf8' }).trim();
    expect(digestToHex(hashPathAsNarSync(source).digest)).toBe(hash);

    const target = join(directory, 'by-nix');
    execFileSync('nix-store', ['--restore', target], { input: ours });
    expect(readFileSync(join(target, 'a/b/script'), 'utf8')).toBe('#!/bin/sh\n');
    const restored = join(directory, 'by-us');
    await restoreNar(chunksOf(dumped, 4096), restored);
    expect(lstatSync(join(restored, 'a/b/script')).mode & 0o100).toBe(0o100);
    expect(readlinkSync(join(restored, 'a/link'))).toBe('../nowhere');
    expect(existsSync(Buffer.from(`${restored}/caf\xe9`, 'latin1'))).toBe(true);
  });
});
