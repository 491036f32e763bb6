import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isTrimaranError } from '../foundation/error.ts';
import { arMember, readAr } from './ar.ts';
import { decompress } from './compression.ts';
import { readTar } from './tar-read.ts';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'trimaran-ar-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const header = (name: string, size: number) =>
  `${name.padEnd(16)}${'0'.padEnd(12)}${'0'.padEnd(6)}${'0'.padEnd(6)}${'644'.padEnd(8)}${String(size).padEnd(10)}\`\n`;
const archive = Buffer.from(
  `!<arch>\n${header('//', 26)}a-name-beyond-the-limit/\n\n${header('/0', 3)}one\n${header('#1/8', 11)}bsd\0\0\0\0\0two\n${header('plain/', 4)}four`,
  'latin1',
);

describe('ar', () => {
  it('reads names as GNU and BSD write them', () => {
    expect(readAr(archive).map(({ name, data }) => [name, data.toString()])).toEqual([
      ['a-name-beyond-the-limit', 'one'],
      ['bsd', 'two'],
      ['plain', 'four'],
    ]);
    expect(arMember(readAr(archive), 'bsd').data.toString()).toBe('two');
    expect(() => arMember(readAr(archive), 'none')).toThrow(
      expect.objectContaining({ code: 'ar/missing-member' }),
    );
  });

  it('refuses damage', () => {
    const refused = (buffer: Buffer, code: string) =>
      expect(() => readAr(buffer)).toThrow(expect.objectContaining({ code }));
    refused(Buffer.alloc(0), 'ar/truncated');
    refused(Buffer.from('not an archive'), 'ar/malformed');
    for (let cut = 1; cut < 60; cut++) refused(archive.subarray(0, archive.length - cut), 'ar/truncated');
    refused(Buffer.from(`!<arch>\n${header('/7', 0)}`), 'ar/malformed');
    refused(Buffer.from(`!<arch>\n${header('#1/7', 3)}abc`), 'ar/malformed');
    refused(Buffer.from(`!<arch>\n${header('x', 3).replace('3 ', '-3')}abc`), 'ar/malformed');
    fc.assert(
      fc.property(fc.nat(archive.length - 1), fc.nat(255), (at, value) => {
        const damaged = Buffer.from(archive);
        damaged[at] = value;
        try {
          readAr(damaged);
        } catch (error) {
          if (!isTrimaranError(error)) throw error;
        }
      }),
    );
  });

  const hasDpkg = spawnSync('dpkg-deb', ['--version']).status === 0;
  it.skipIf(!hasDpkg && !process.env.CI).each(['gzip', 'xz', 'zstd', 'none'])(
    'opens a .deb that dpkg-deb made with %s (skipped without dpkg)',
    async (compression) => {
      const root = join(directory, compression);
      mkdirSync(join(root, 'DEBIAN'), { recursive: true });
      mkdirSync(join(root, 'usr/bin'), { recursive: true });
      writeFileSync(
        join(root, 'DEBIAN/control'),
        'Package: x\nVersion: 1\nArchitecture: all\nMaintainer: A <a@example.org>\nDescription: x\n',
      );
      writeFileSync(join(root, 'usr/bin/x'), 'program');
      const deb = join(directory, `${compression}.deb`);
      execFileSync('dpkg-deb', ['--root-owner-group', `-Z${compression}`, '-b', root, deb]);
      const members = readAr(readFileSync(deb));
      const data = members.find((member) => member.name.startsWith('data.tar'))!;
      expect(arMember(members, 'debian-binary').data.toString()).toBe('2.0\n');
      const entries = readTar(await decompress(data.data, { limit: 1 << 20 }));
      expect(entries.map((entry) => entry.path)).toEqual(['', 'usr', 'usr/bin', 'usr/bin/x']);
    },
  );
});
