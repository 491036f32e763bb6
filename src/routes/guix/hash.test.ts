import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type GuixHashFormat, hashForGuix } from './hash.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'guix-hash-'));
  writeFileSync(join(folder, 'file'), 'hello\n');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

// As `guix hash --format=…` prints them.
it.each([
  ['nix-base32', 'nix32', '00xyyr3fi8l6hb839bv3f7yb86yjv7xi1cgh1xnhipym4asvb4aq'],
  ['base32', 'base32', 'lci3lnjc2xpqq3ip6cyrb66z2in3j7drmoxtjuecq2roqrxwxybq'],
  ['base16', 'base16', '5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03'],
  ['base64', 'base64', 'WJG1tSLV3whtD/CxEPvZ0hu0/HFjrzTQgoai6Eb2vgM='],
] as [string, GuixHashFormat, string][])('writes %s', (_, format, expected) => {
  const request = { directory: folder, path: 'file', recursive: false, excludeVcs: false } as const;
  expect(hashForGuix({ ...request, algorithm: 'sha256', format })).toBe(expected);
});
