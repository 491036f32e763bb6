import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isTrimaranError } from '../foundation/error.ts';
import { fileTree, type TreeEntry } from '../foundation/file-tree.ts';
import { TarHeaderReader } from './tar-header.ts';
import { indexTarFile, indexTarFileSync, readTar, readTarStream } from './tar-read.ts';
import { encodeTar, encodeTarHeader, tarTrailer, writeTarFile, writeTarFileSync } from './tar-write.ts';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'trimaran-tar-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const encoded = (entries: Iterable<TreeEntry>) => Buffer.concat([...encodeTar(entries)]);
const bytes = (text: string) => ({ kind: 'bytes' as const, bytes: Buffer.from(text, 'latin1') });
const owner = { uid: 0, gid: 0, mtime: 1 };

/** Entries with their bytes loaded, so that trees from memory and from files compare. */
function loaded(entries: readonly TreeEntry[]): unknown[] {
  return entries.map((entry) => ({
    ...entry,
    ...(entry.xattrs && {
      xattrs: [...entry.xattrs].map(([key, value]) => [key, Buffer.from(value).toString('hex')]),
    }),
    ...(entry.kind === 'file' && {
      content:
        entry.content.kind === 'bytes'
          ? Buffer.from(entry.content.bytes).toString('latin1')
          : readFileSync(entry.content.file)
              .subarray(entry.content.offset, entry.content.offset + entry.content.length)
              .toString('latin1'),
    }),
  }));
}

async function* chunksOf(buffer: Buffer, size: number): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < buffer.length; i += size) yield buffer.subarray(i, i + size);
}

async function streamed(buffer: Buffer, size: number): Promise<TreeEntry[]> {
  const entries: TreeEntry[] = [];
  for await (const member of readTarStream(chunksOf(buffer, size))) {
    const pieces: Buffer[] = [];
    for await (const piece of member.body) pieces.push(Buffer.from(piece));
    const { entry } = member;
    entries.push(
      entry.kind === 'file' ? { ...entry, content: { kind: 'bytes', bytes: Buffer.concat(pieces) } } : entry,
    );
  }
  return entries;
}

const component = fc
  .oneof(
    fc.string({ unit: fc.constantFrom('a', 'b', '.', ' ', '\xff', '\n', '='), minLength: 1, maxLength: 6 }),
    fc.string({ unit: fc.constantFrom('x', 'y'), minLength: 60, maxLength: 110 }),
  )
  .filter((name) => name !== '.' && name !== '..');
const path = fc.array(component, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'));
const base = fc.record(
  {
    path,
    mode: fc.integer({ min: 0, max: 0o7777 }),
    uid: fc.oneof(fc.integer({ min: 0, max: 70000 }), fc.integer({ min: 0, max: 2 ** 32 - 1 })),
    gid: fc.oneof(fc.integer({ min: 0, max: 70000 }), fc.integer({ min: 0, max: 2 ** 32 - 1 })),
    mtime: fc.oneof(fc.integer({ min: 0, max: 2 ** 31 }), fc.integer({ min: -(2 ** 40), max: 2 ** 40 })),
    xattrs: fc
      .uniqueArray(
        fc.tuple(fc.constantFrom('security.capability', 'user.a', 'user.b=c'.slice(0, 6)), fc.uint8Array()),
        {
          selector: ([name]) => name,
          minLength: 1,
        },
      )
      .map((pairs) => new Map(pairs.sort(([a], [b]) => (a < b ? -1 : 1)))),
  },
  { requiredKeys: ['path', 'mode', 'uid', 'gid', 'mtime'] },
);
const device = fc.integer({ min: 0, max: 0xfffff });
const anyEntry: fc.Arbitrary<TreeEntry> = base.chain((common) =>
  fc.oneof(
    fc.uint8Array({ maxLength: 1100 }).map((data) => ({
      kind: 'file' as const,
      ...common,
      content: { kind: 'bytes' as const, bytes: data },
    })),
    fc.constant({ kind: 'directory' as const, ...common }),
    fc
      .string({ unit: fc.constantFrom('a', '/', '.', '\xe9'), minLength: 1, maxLength: 150 })
      .map((target) => ({ kind: 'symlink' as const, ...common, target })),
    path.map((target) => ({ kind: 'hardlink' as const, ...common, target })),
    fc
      .tuple(fc.constantFrom('character-device' as const, 'block-device' as const), device, device)
      .map(([kind, major, minor]) => ({ kind, ...common, major, minor })),
    fc.constant({ kind: 'fifo' as const, ...common }),
  ),
);

describe('tar', () => {
  it('reads back what it writes, from memory, from a file and as a stream', async () => {
    const file = join(directory, 'roundtrip.tar');
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyEntry, { maxLength: 8 }),
        fc.integer({ min: 1, max: 2000 }),
        async (entries, size) => {
          const archive = encoded(entries);
          expect(archive.length % 512).toBe(0);
          expect(loaded(readTar(archive))).toEqual(loaded(entries));
          const written = writeTarFileSync({ file, entries });
          expect(written).toEqual({
            size: archive.length,
            sha256: createHash('sha256').update(archive).digest('hex'),
          });
          expect(loaded(indexTarFileSync(file))).toEqual(loaded(entries));
          expect(loaded(await indexTarFile(file))).toEqual(loaded(entries));
          expect(loaded(await streamed(archive, size))).toEqual(loaded(entries));
          // Regions of a file are copied as the bytes they stand for.
          const copy = join(directory, 'copy.tar');
          expect(await writeTarFile({ file: copy, entries: indexTarFileSync(file) })).toEqual(written);
          expect(readFileSync(copy).equals(archive)).toBe(true);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('writes contents larger than its chunks', () => {
    const data = Buffer.alloc(1_300_001, 'trimaran');
    const file = join(directory, 'large');
    writeFileSync(file, data);
    const region = { kind: 'region' as const, file, offset: 1, length: data.length - 1 };
    const entries: TreeEntry[] = [
      { kind: 'file', path: 'a', mode: 0o644, ...owner, content: { kind: 'bytes', bytes: data } },
      { kind: 'file', path: 'b', mode: 0o644, ...owner, content: region },
    ];
    const [a, b] = readTar(encoded(entries));
    expect(a?.kind === 'file' && a.content.kind === 'bytes' && data.equals(a.content.bytes)).toBe(true);
    expect(b?.kind === 'file' && b.content.kind === 'bytes' && data.subarray(1).equals(b.content.bytes)).toBe(
      true,
    );
    expect(() =>
      encoded([
        { kind: 'file', path: 'c', mode: 0o644, ...owner, content: { ...region, length: data.length + 1 } },
      ]),
    ).toThrow(expect.objectContaining({ code: 'archive/content-changed' }));
  });

  it('is canonical: the same entry has the same header blocks, bare ustar where that suffices', () => {
    const entry: TreeEntry = { kind: 'directory', path: 'etc', mode: 0o755, ...owner };
    expect(encodeTarHeader(entry)).toEqual(encodeTarHeader({ ...entry }));
    expect(encodeTarHeader(entry).length).toBe(512);
    expect(encodeTarHeader(entry).toString('latin1', 0, 5)).toBe('etc/\0');
    expect(encodeTarHeader({ ...entry, path: '' }).toString('latin1', 0, 3)).toBe('./\0');
    expect(encodeTarHeader({ ...entry, path: 'x'.repeat(99) }).length).toBe(512);
    expect(encodeTarHeader({ ...entry, path: 'x'.repeat(100) }).length).toBe(1536);
  });

  it('is read by GNU tar and bsdtar', () => {
    const long = `${'d'.repeat(90)}/${'e'.repeat(120)}`;
    const entries = fileTree([
      { kind: 'directory', path: 'dir', mode: 0o1777, ...owner },
      { kind: 'file', path: 'dir/caf\xc3\xa9', mode: 0o4755, ...owner, content: bytes('coffee') },
      { kind: 'hardlink', path: 'dir/other', mode: 0o4755, ...owner, target: 'dir/caf\xc3\xa9' },
      { kind: 'symlink', path: 'link', mode: 0o777, ...owner, target: '../'.repeat(60) },
      { kind: 'file', path: long, mode: 0o600, ...owner, content: bytes('long') },
    ]);
    const file = join(directory, 'ours.tar');
    writeTarFileSync({ file, entries });
    for (const program of ['tar', 'bsdtar']) {
      const target = join(directory, `by-${program}`);
      mkdirSync(target);
      execFileSync(program, ['-xpf', file, '-C', target], { env: { ...process.env, LC_ALL: 'C.UTF-8' } });
      expect(readFileSync(join(target, 'dir/café'), 'utf8')).toBe('coffee');
      expect(lstatSync(join(target, 'dir/café')).ino).toBe(lstatSync(join(target, 'dir/other')).ino);
      expect(statSync(join(target, 'dir')).mode & 0o7777).toBe(0o1777);
      expect(readlinkSync(join(target, 'link'))).toBe('../'.repeat(60));
      expect(readFileSync(join(target, long), 'utf8')).toBe('long');
      expect(lstatSync(join(target, long)).mtimeMs).toBe(1000);
    }
  });

  it('reads what GNU tar and bsdtar write, in every format', () => {
    const source = join(directory, 'source');
    const deep = join('p'.repeat(80), 'q'.repeat(80));
    mkdirSync(join(source, deep), { recursive: true });
    writeFileSync(join(source, deep, 'file'), 'contents');
    chmodSync(join(source, deep, 'file'), 0o640);
    writeFileSync(join(source, 'short'), '');
    linkSync(join(source, 'short'), join(source, 'short-too'));
    symlinkSync('somewhere', join(source, 'symlink'));
    execFileSync('mkfifo', [join(source, 'pipe')]);
    const commands: [string, string[]][] = [
      ['tar', ['--format=gnu']],
      ['tar', ['--format=pax']],
      ['tar', ['--format=ustar']],
      ['bsdtar', ['--format=ustar']],
      ['bsdtar', ['--format=pax']],
      ['bsdtar', ['--format=gnutar']],
    ];
    for (const [program, options] of commands) {
      const archive = execFileSync(program, ['-cf', '-', ...options, '-C', source, '.']);
      const entries = fileTree(readTar(archive));
      const find = (name: string) => entries.find((entry) => entry.path === name);
      expect(entries.map((entry) => entry.path)).toEqual(
        ['', 'pipe', 'p'.repeat(80), deep, `${deep}/file`, 'short', 'short-too', 'symlink'].sort(),
      );
      expect(find(`${deep}/file`)).toMatchObject({ kind: 'file', mode: 0o640, uid: statSync(source).uid });
      expect(find('symlink')).toMatchObject({ kind: 'symlink', target: 'somewhere' });
      expect(find('pipe')).toMatchObject({ kind: 'fifo' });
      const linked = [find('short'), find('short-too')].map((entry) => entry?.kind).sort();
      expect(linked).toEqual(['file', 'hardlink']);
    }
    const v7 = execFileSync('tar', ['-cf', '-', '--format=v7', '-C', source, 'short', 'symlink']);
    expect(readTar(v7).map((entry) => entry.kind)).toEqual(['file', 'symlink']);
  });

  it('holds numbers that are too large for their fields', () => {
    const content = { kind: 'region' as const, file: '/nonexistent', offset: 0, length: 9_000_000_000 };
    const header = encodeTarHeader({
      kind: 'file',
      path: 'huge',
      mode: 0o644,
      uid: 4e6,
      gid: 2e9,
      mtime: -5,
      content,
    });
    const reader = new TarHeaderReader();
    expect(reader.readHeader(header.subarray(0, 512), 0)).toBe('extension');
    reader.readExtension(header.subarray(512, 512 + reader.size));
    expect(reader.readHeader(header.subarray(-512), 1024)).toBe('entry');
    expect(reader.size).toBe(content.length);
    expect(reader.takeEntry()).toMatchObject({ uid: 4e6, gid: 2e9, mtime: -5 });

    const source = join(directory, 'numbers');
    writeFileSync(source, 'x');
    for (const format of ['gnu', 'pax']) {
      const options = [
        '--owner=:3000000',
        '--group=:4000000000',
        '--mtime=1969-12-31 23:59:50Z',
        `--format=${format}`,
      ];
      const archive = execFileSync('tar', ['-cf', '-', ...options, '-C', directory, 'numbers']);
      expect(readTar(archive)[0]).toMatchObject({ uid: 3_000_000, gid: 4_000_000_000, mtime: -10 });
    }
    const bad: TreeEntry = { kind: 'fifo', path: 'a', mode: 0o644, uid: -1, gid: 0, mtime: 0 };
    expect(() => encoded([bad])).toThrow(expect.objectContaining({ code: 'tar/unwritable' }));
  });

  it('refuses what leaves the target', () => {
    const file = (name: string): TreeEntry => ({
      kind: 'file',
      path: name,
      mode: 0o644,
      ...owner,
      content: bytes(''),
    });
    for (const name of ['/etc/passwd', '../up', 'a/../../b', 'a/..']) {
      expect(() => readTar(encoded([file(name)]))).toThrow(
        expect.objectContaining({ code: 'tar/unsafe-path', message: expect.stringContaining(name) }),
      );
    }
    const link: TreeEntry = { kind: 'hardlink', path: 'a', mode: 0o644, ...owner, target: '../etc/shadow' };
    expect(() => readTar(encoded([link]))).toThrow(expect.objectContaining({ code: 'tar/unsafe-path' }));
    const [entry] = readTar(encoded([file('/etc/passwd')]), { absoluteNames: 'strip' });
    expect(entry?.path).toBe('etc/passwd');
  });

  it('refuses what no Linux could unpack', () => {
    const long = (length: number) => `${'n'.repeat(255)}/`.repeat(16).slice(0, length);
    const folder = (path: string): TreeEntry => ({ kind: 'directory', path, mode: 0o755, ...owner });
    const links = (target: string): TreeEntry => ({
      kind: 'symlink',
      path: 'a',
      mode: 0o777,
      ...owner,
      target,
    });
    const refused = expect.objectContaining({ code: 'tar/malformed' });
    for (const entry of [folder('n'.repeat(256)), folder(`${long(4096)}n`), links('')])
      expect(() => readTar(encoded([entry]))).toThrow(refused);
    expect(() => readTar(encoded([{ ...folder('a'), uid: 2 ** 32 }]))).toThrow(refused);
    for (const entry of [folder(long(4095)), { ...folder('a'), uid: 2 ** 32 - 1 }])
      expect(readTar(encoded([entry]))).toHaveLength(1);
  });

  it('refuses damage by name', async () => {
    const archive = encoded([
      { kind: 'file', path: 'a', mode: 0o644, ...owner, content: bytes('x'.repeat(600)) },
      { kind: 'directory', path: 'd'.repeat(120), mode: 0o755, ...owner },
    ]);
    const truncated = expect.objectContaining({ code: 'tar/truncated' });
    // After the first entry, and after the second, an end without zeros is taken for the end.
    for (let length = 1; length < archive.length - 1024; length += 7) {
      if (length === 512 + 1024) continue;
      expect(() => readTar(archive.subarray(0, length)), `${length}`).toThrow(truncated);
      await expect(streamed(archive.subarray(0, length), 100), `${length}`).rejects.toThrow(truncated);
    }
    const damaged = Buffer.from(archive);
    damaged[3] = 0x41;
    expect(() => readTar(damaged)).toThrow(expect.objectContaining({ code: 'tar/bad-checksum' }));
    expect(() => readTar(Buffer.from('<!DOCTYPE html>'.padEnd(512)))).toThrow(
      expect.objectContaining({ code: 'tar/bad-checksum' }),
    );
    const resumed = Buffer.concat([tarTrailer.subarray(0, 512), archive]);
    expect(() => readTar(resumed)).toThrow(expect.objectContaining({ code: 'tar/malformed' }));
    await expect(indexTarFile(join(directory, 'missing'))).rejects.toThrow(
      expect.objectContaining({ code: 'ENOENT' }),
    );
  });

  it('refuses sparse files by name', () => {
    const source = join(directory, 'sparse');
    execFileSync('truncate', ['-s', '1M', source]);
    for (const format of ['gnu', 'pax']) {
      const archive = spawnSync('tar', ['-cSf', '-', `--format=${format}`, '-C', directory, 'sparse']).stdout;
      expect(() => readTar(archive)).toThrow(
        expect.objectContaining({
          code: 'tar/unsupported-entry',
          message: expect.stringContaining('sparse file'),
        }),
      );
    }
  });

  it('meets random and mutated bytes with an error of its own or with entries', () => {
    const archive = encoded([
      {
        kind: 'file',
        path: 'n'.repeat(130),
        mode: 0o644,
        ...owner,
        xattrs: new Map([['user.a', Buffer.from('b')]]),
        content: bytes('text'),
      },
    ]);
    const mutation = fc.array(fc.tuple(fc.nat(archive.length - 1), fc.nat(255)), {
      minLength: 1,
      maxLength: 4,
    });
    const attempt = (buffer: Buffer) => {
      try {
        readTar(buffer);
      } catch (error) {
        if (!isTrimaranError(error)) throw error;
      }
    };
    fc.assert(
      fc.property(mutation, (changes) => {
        const damaged = Buffer.from(archive);
        for (const [at, value] of changes) damaged[at] = value;
        // Half of the cases get their checksum put right, so that they reach what lies behind it.
        for (const block of [0, 1024]) {
          if (changes.length % 2 === 0) continue;
          damaged.fill(0x20, block + 148, block + 156);
          const sum = damaged.subarray(block, block + 512).reduce((a, b) => a + b, 0);
          damaged.write(`${sum.toString(8).padStart(6, '0')}\0`, block + 148);
        }
        attempt(damaged);
      }),
      { numRuns: 2000 },
    );
    fc.assert(fc.property(fc.uint8Array({ maxLength: 2000 }), (data) => attempt(Buffer.from(data))));
  });
});
