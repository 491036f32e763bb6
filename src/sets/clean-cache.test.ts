import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { removeDiskTree } from '../store/disk-tree.ts';
import { LocalStore } from '../store/local-store.ts';
import { objectInfoFile } from '../store/object-info.ts';
import { cleanCache } from './clean-cache.ts';
import { linkResult } from './link-result.ts';

const hour = 3_600_000;
let folder: string;
let root: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'trimaran-clean-'));
  root = join(folder, 'cache');
});
afterEach(() => removeDiskTree(folder));

function old(file: string, content = 'x'): string {
  const path = join(root, file);
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, content);
  utimesSync(path, 1000, 1000);
  return path;
}

const clean = (options: { readonly dryRun?: boolean } = {}) =>
  cleanCache({ root, unusedFor: 2 * hour, ...options });

describe('cleanCache', () => {
  it('keeps what a result link leads to, as long as it does', () => {
    const store = new LocalStore({ root, storeDirectory: '/nix/store' });
    const path = store.addText({ name: 'image', text: 'image' });
    const link = join(folder, 'result');
    linkResult(link, { target: store.physicalPath(path), root });
    linkResult(link, { target: store.physicalPath(path), root });
    utimesSync(objectInfoFile(root, path), 1000, 1000);
    expect(clean().objects.count).toBe(0);
    rmSync(link);
    expect(clean({ dryRun: true }).objects.count).toBe(1);
    expect(readdirSync(join(root, 'roots'))).toHaveLength(1);
    expect(clean().objects.count).toBe(1);
    expect(readdirSync(join(root, 'roots'))).toEqual([]);
    expect(existsSync(store.root)).toBe(true);
  });

  it('needs no cache that can be written to for a link', () => {
    const link = join(folder, 'result');
    writeFileSync(root, 'no folder');
    linkResult(link, { target: '/proc/version', root });
    expect(readlinkSync(link)).toBe('/proc/version');
  });

  it('counts a layer as used when what leads to it was, and an archive alike', () => {
    const [used, unused] = ['a'.repeat(64), 'b'.repeat(64)];
    old(`layers/${used}.tar`);
    old(`layers/${unused}.tar`);
    old('layers/by-ingredients/unused', `sha256:${unused}`);
    writeFileSync(join(root, 'layers/by-ingredients/used'), `sha256:${used}`);
    const archive = old('dockerfile/one.tar');
    old('dockerfile/two.tar');
    mkdirSync(join(root, 'dockerfile/memo'));
    writeFileSync(join(root, 'dockerfile/memo/key.json'), JSON.stringify({ archive }));
    old('dockerfile/memo/other.json', '{');
    old('dockerfile/loopback-tls.json');
    old('builds/one.json');
    old('debian/package.deb');
    const { layers, archives, recordings } = clean();
    expect([layers.count, archives.count, recordings.count]).toEqual([1, 1, 3]);
    expect(readdirSync(join(root, 'layers'))).toEqual([`${used}.tar`, 'by-ingredients']);
    expect(readdirSync(join(root, 'dockerfile'))).toEqual(['loopback-tls.json', 'memo', 'one.tar']);
    expect(readdirSync(join(root, 'debian'))).toEqual(['package.deb']);
    expect(readdirSync(join(root, 'builds'))).toEqual([]);
  });

  it('deletes nothing of the last hour', () => {
    expect(() => cleanCache({ root, unusedFor: hour / 2 })).toThrow(/last hour/);
  });
});
