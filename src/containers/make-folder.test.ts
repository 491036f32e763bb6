import { existsSync, lstatSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { makeFolder } from './make-folder.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'trimaran-make-folder-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('follows links inside the root, and never out of it', () => {
  const root = join(folder, 'root');
  const outside = join(folder, 'outside');
  mkdirSync(join(root, 'store/files/app'), { recursive: true });
  mkdirSync(outside);
  symlinkSync('/store/files/app', join(root, 'app'));
  symlinkSync(outside, join(root, 'away'));
  symlinkSync('../../../../up', join(root, 'store/above'));
  symlinkSync('ring', join(root, 'ring'));
  writeFileSync(join(root, 'file'), '');
  for (const path of [
    '/app/',
    'app/new',
    '/away/made',
    'store/above/made',
    '/ring',
    '/file/below',
    '/a//b/../c',
  ])
    makeFolder(root, path);
  expect(lstatSync(join(root, 'app')).isSymbolicLink()).toBe(true);
  expect(existsSync(join(root, 'store/files/app/new'))).toBe(true);
  expect(existsSync(join(outside, 'made'))).toBe(false);
  expect(existsSync(join(root, outside, 'made'))).toBe(true);
  expect(existsSync(join(root, 'up/made'))).toBe(true);
  expect(existsSync(join(root, 'a/c'))).toBe(true);
});
