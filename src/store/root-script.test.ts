import { mkdirSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readContent, readDiskTree, removeDiskTree } from './disk-tree.ts';
import { runRootScript } from './root-script.ts';
import { testHost } from './test-host.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'trimaran-root-'));
});
afterEach(() => removeDiskTree(folder));

describe('a root script', () => {
  it('gives what it changed and nothing else', async () => {
    const layer = join(folder, 'layer');
    for (const name of ['etc', 'var/old', 'var/lib/keep', 'usr', 'lib', 'lib64']) {
      mkdirSync(join(layer, name), { recursive: true });
    }
    writeFileSync(join(layer, 'etc/passwd'), 'root:x:0:0\n');
    writeFileSync(join(layer, 'etc/gone'), '');
    writeFileSync(join(layer, 'var/old/file'), '');
    writeFileSync(join(layer, 'var/lib/keep/file'), 'kept');
    const before = readDiskTree(layer);
    const work = join(folder, 'work');
    mkdirSync(work);
    const lines: string[] = [];
    const script = `
      set -e
      id -un; test -w /etc; echo 'new:x:70:70' >> /etc/passwd
      rm /etc/gone; rm -r /var/old; mkdir -p /var/old/again /data; echo x > /data/file; chmod 600 /data/file
      ln /data/file /data/link; echo y >> /var/lib/keep/file; touch /tmp/scratch`;
    const { exitCode, added, removed, replaced, owners } = await runRootScript({
      host: testHost(folder),
      layers: [layer],
      // What an ordinary user's files cannot say: whose the file was.
      base: before.map((entry) =>
        entry.path === 'var/lib/keep/file' ? { ...entry, uid: 999, gid: 998 } : { ...entry, uid: 0, gid: 0 },
      ),
      folder: work,
      mounts: ['/usr', '/lib', '/lib64'].map((target) => {
        return { kind: 'bind', source: target === '/usr' ? target : `/usr${target}`, target };
      }),
      command: '/usr/bin/sh',
      args: ['-c', script],
      env: { PATH: '/usr/bin' },
      workingFolder: '/',
      network: 'none',
      onLine: (line) => lines.push(line),
    });
    expect([exitCode, lines]).toEqual([0, ['root']]);
    expect(removed).toEqual(['etc/gone']);
    expect(replaced).toEqual(['var/old']);
    const shown = added.map(({ path, kind, uid, gid }) => `${path} ${kind} ${uid}:${gid}`);
    expect(shown).toEqual([
      'data directory 0:0',
      'data/file file 0:0',
      'data/link hardlink 0:0',
      'etc directory 0:0',
      'etc/passwd file 0:0',
      'var directory 0:0',
      'var/lib directory 0:0',
      'var/lib/keep directory 0:0',
      `var/lib/keep/file file ${owners === 'all' ? '0:0' : '999:998'}`,
      'var/old directory 0:0',
      'var/old/again directory 0:0',
    ]);
    expect(added.some(({ xattrs }) => xattrs !== undefined)).toBe(false);
    const passwd = added.find(({ path }) => path === 'etc/passwd');
    expect(passwd?.kind === 'file' && readContent(passwd.content).toString()).toBe(
      'root:x:0:0\nnew:x:70:70\n',
    );
    expect(readDiskTree(layer)).toEqual(before);
    expect(readdirSync(work)).toEqual(['changes.tar']);
  });
});
