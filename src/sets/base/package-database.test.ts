import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeTestArchive, makeTestKey, testDirectory, testFile } from '../../debian/test-archive.ts';
import { sha256Hex } from '../../foundation/digest.ts';
import { fileTree } from '../../foundation/file-tree.ts';
import { writeDiskTree } from '../../store/disk-tree.ts';
import { type InstalledRecord, readInstalledRecord } from './deb-records.ts';
import { packageDatabase } from './package-database.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'database-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

async function records(): Promise<InstalledRecord[]> {
  const archive = await makeTestArchive({
    suite: 'bookworm',
    key: await makeTestKey(),
    packages: [
      {
        name: 'editor',
        fields: { Maintainer: 'Somebody <a@b.example>', Description: 'an editor' },
        files: [
          testDirectory('etc'),
          testFile('etc/editor.conf', 'tabs=8\n'),
          testDirectory('usr'),
          testDirectory('usr/bin'),
          testFile('usr/bin/ed', '#!/bin/sh\n', 0o755),
        ],
        control: {
          conffiles: '/etc/editor.conf\n',
          md5sums: `${'0'.repeat(32)}  usr/bin/ed\n`,
          postinst: '#!/bin/sh\nexit 0\n',
          triggers: 'interest-noawait /usr/share/menu\ninterest refresh-editors\nactivate-noawait ldconfig\n',
        },
      },
      {
        name: 'libtext1',
        architecture: 'amd64',
        fields: { 'Multi-Arch': 'same', Maintainer: 'Somebody <a@b.example>', Description: 'a library' },
        files: [testDirectory('usr'), testDirectory('usr/lib'), testFile('usr/lib/libtext.so.1', 'x')],
        control: { md5sums: `${'0'.repeat(32)}  usr/lib/libtext.so.1\n` },
      },
    ],
  });
  const debs = [...archive.files].filter(([path]) => path.endsWith('.deb'));
  return Promise.all(
    debs.map(([, bytes], index) => {
      const file = join(directory, `${index}.deb`);
      writeFileSync(file, bytes);
      return readInstalledRecord(file, { size: bytes.length, sha256: sha256Hex(bytes) });
    }),
  );
}

const alternative = {
  link: '/usr/bin/editor',
  name: 'editor',
  path: '/usr/bin/ed',
  priority: -100,
  slaves: [{ link: '/usr/share/man/editor.1', name: 'editor.1', path: '/usr/share/man/ed.1' }],
};

async function database() {
  const entries = packageDatabase({
    records: await records(),
    architecture: 'amd64',
    alternatives: [alternative],
    exists: (path) => path === '/usr/bin/ed',
  });
  const text = (path: string) => {
    const entry = entries.find((candidate) => candidate.path === `var/lib/dpkg/${path}`);
    return entry?.kind === 'file' && entry.content.kind === 'bytes'
      ? Buffer.from(entry.content.bytes).toString('utf8')
      : undefined;
  };
  return { entries, text };
}

describe('packageDatabase', () => {
  it('has what dpkg keeps of installed packages', async () => {
    const { text } = await database();
    expect(text('status')).toMatch(
      /^Package: editor\nStatus: install ok installed\n(?:.*\n)*Conffiles:\n \/etc\/editor\.conf [0-9a-f]{32}\n/,
    );
    expect(text('info/editor.list')).toBe('/.\n/etc\n/etc/editor.conf\n/usr\n/usr/bin\n/usr/bin/ed\n');
    expect(text('info/editor.postinst')).toBe('#!/bin/sh\nexit 0\n');
    expect(text('info/libtext1:amd64.list')).toContain('/usr/lib/libtext.so.1\n');
    expect(text('triggers/File')).toBe('/usr/share/menu editor/noawait\n');
    expect(text('triggers/refresh-editors')).toBe('editor\n');
    expect(text('triggers/ldconfig')).toBeUndefined();
  });

  it.skipIf(!existsSync('/usr/bin/dpkg-query'))('is believed by dpkg and update-alternatives', async () => {
    const { entries } = await database();
    const root = join(directory, 'root');
    const top = { kind: 'directory', path: '', mode: 0o755, uid: 0, gid: 0, mtime: 1 } as const;
    writeDiskTree({ tree: fileTree([top, ...entries]), path: root, owners: 'ignore' });
    const admin = join(root, 'var/lib/dpkg');
    const run = (command: string, args: string[]) => {
      const { stdout, stderr, status } = spawnSync(command, args, {
        encoding: 'utf8',
        env: { ...process.env, LC_ALL: 'C' },
      });
      expect(status, stderr).toBe(0);
      return stdout;
    };
    const listed = run('dpkg-query', ['--admindir', admin, '-W', '-f', '${Package} ${db:Status-Abbrev}\n']);
    expect(listed).toBe('editor ii \nlibtext1 ii \n');
    expect(run('dpkg-query', ['--admindir', admin, '-S', '/usr/lib/libtext.so.1'])).toContain(
      'libtext1:amd64',
    );
    expect(run('dpkg', ['--admindir', admin, '--audit'])).toBe('');
    const folders = ['--admindir', join(admin, 'alternatives'), '--altdir', join(root, 'etc/alternatives')];
    const query = run('update-alternatives', [...folders, '--query', 'editor']);
    expect(query).toMatch(
      /^Name: editor\nLink: \/usr\/bin\/editor\nSlaves:\n editor\.1 \/usr\/share\/man\/editor\.1\n/,
    );
    expect(query).toMatch(/Alternative: \/usr\/bin\/ed\nPriority: -100\n/);
  });
});
