import { execFileSync, spawnSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { digestOf, digestsEqual } from '../foundation/digest.ts';
import { isTrimaranError } from '../foundation/error.ts';
import {
  narInfoFingerprint,
  parseNarInfo,
  parsePublicKey,
  parseSecretKey,
  signNarInfo,
  verifyNarInfo,
  writeNarInfo,
} from './narinfo.ts';

const storeDirectory = '/nix/store';
const text = `StorePath: /nix/store/a8di0pgxw80pvh62p4am49b7cnf8sdms-hello-2.10
URL: nar/1w1fff338fvdw53sqgamddn1b2xgds473pv6y13gizdbqjv4i5p3.nar.xz
Compression: xz
FileHash: sha256:1w1fff338fvdw53sqgamddn1b2xgds473pv6y13gizdbqjv4i5p3
FileSize: 40360
NarHash: sha256:0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73
NarSize: 206104
References: 34f7c0d8pbhrddvkff3v6p11zwjqk4a0-glibc-2.31 a8di0pgxw80pvh62p4am49b7cnf8sdms-hello-2.10
Deriver: 26clmhr06vky8lbz9dy5vdiv1id9r6ny-hello-2.10.drv
Sig: example-1:c2lnbmF0dXJl
CA: fixed:r:sha256:0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73
`;
/** A fresh pair in Nix's form: seed and public key, and public key alone. */
function keyPair(): { readonly privateKey: string; readonly publicKey: string } {
  const pair = generateKeyPairSync('ed25519');
  const seed = pair.privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(-32);
  const open = pair.publicKey.export({ format: 'der', type: 'spki' }).subarray(-32);
  return {
    privateKey: `test-1:${Buffer.concat([seed, open]).toString('base64')}\n`,
    publicKey: `test-1:${open.toString('base64')}`,
  };
}

const parse = (input: string) => parseNarInfo(input, { storeDirectory });

describe('narinfo', () => {
  it('reads back what it writes', () => {
    const info = parse(text);
    expect(writeNarInfo(info)).toBe(text);
    expect(info).toMatchObject({ narSize: 206104, fileSize: 40360, compression: 'xz' });
    expect(digestsEqual(info.narHash, digestOf('sha256', ''))).toBe(true);
    expect(info.references.map((path) => path.slice(0, 11))).toEqual(['/nix/store/', '/nix/store/']);
    const short = text
      .split('\n')
      .filter((line) => !/^(FileHash|FileSize|Deriver|Sig|CA|Compression|References)/.test(line))
      .join('\n');
    expect(parse(short)).toMatchObject({
      compression: 'bzip2',
      references: [],
      deriver: undefined,
      signatures: [],
    });
    expect(parse(`${short}Deriver: unknown-deriver\nFuture: field\n`).deriver).toBeUndefined();
  });

  it('refuses what is damaged', () => {
    const refused = (input: string) =>
      expect(() => parse(input), input).toThrow(expect.objectContaining({ code: 'narinfo/malformed' }));
    refused('');
    refused(text.slice(0, -1));
    refused(text.replace('NarSize: 206104', 'NarSize: 0'));
    refused(text.replace('NarSize: 206104', 'NarSize: -1'));
    refused(text.replace('NarHash: sha256:0', 'NarHash: sha256:'));
    refused(text.replace('NarHash: sha256', 'NarHash: md5'));
    refused(text.replace('/nix/store/a8', '/gnu/store/a8'));
    refused(text.replace('References: ', 'References: ../../etc/passwd '));
    refused(text.replace('URL: ', 'Url: '));
    refused(`${text}References: 34f7c0d8pbhrddvkff3v6p11zwjqk4a0-x\n`);
    fc.assert(
      fc.property(fc.nat(text.length), fc.nat(9), fc.string({ maxLength: 3 }), (at, length, replacement) => {
        try {
          parse(text.slice(0, at) + replacement + text.slice(at + length));
        } catch (error) {
          if (!isTrimaranError(error)) throw error;
        }
      }),
    );
  });

  it('signs and verifies, and a change breaks it', () => {
    expect(() => parseSecretKey('test-1:AAAA')).toThrow(expect.objectContaining({ code: 'narinfo/bad-key' }));
    expect(() => parsePublicKey('nonsense')).toThrow(expect.objectContaining({ code: 'narinfo/bad-key' }));
    const { privateKey, publicKey } = keyPair();
    const signed = signNarInfo(parse(text), parseSecretKey(privateKey));
    const keys = [
      parsePublicKey('other-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY='),
      parsePublicKey(publicKey),
    ];
    expect(verifyNarInfo(signed, keys)).toBe('test-1');
    expect(verifyNarInfo(parse(writeNarInfo(signed)), keys)).toBe('test-1');
    expect(verifyNarInfo({ ...signed, narSize: 1 }, keys)).toBeUndefined();
    expect(verifyNarInfo({ ...signed, references: [] }, keys)).toBeUndefined();
    expect(verifyNarInfo(signed, keys.slice(0, 1))).toBeUndefined();
  });

  const hasNix = spawnSync('nix-store', ['--version']).status === 0;
  it.skipIf(!hasNix && !process.env.CI)('agrees with Nix (skipped without Nix)', () => {
    const directory = mkdtempSync(join(tmpdir(), 'trimaran-narinfo-'));
    try {
      const [secret, open] = [join(directory, 'secret'), join(directory, 'public')];
      execFileSync('nix-store', ['--generate-binary-cache-key', 'test-1', secret, open], { stdio: 'ignore' });
      writeFileSync(join(directory, 'hello'), 'hello');
      const store = join(directory, 'store');
      const nix = (...args: string[]) =>
        execFileSync('nix', ['--extra-experimental-features', 'nix-command', ...args], {
          encoding: 'utf8',
        }).trim();
      const path = nix('store', 'add-file', '--store', store, join(directory, 'hello'));
      nix('store', 'sign', '--store', store, '-k', secret, path);
      nix('copy', '--from', store, '--to', `file://${directory}/cache`, '--no-check-sigs', path);
      const file = readdirSync(join(directory, 'cache')).find((name) => name.endsWith('.narinfo'))!;
      const theirs = readFileSync(join(directory, 'cache', file), 'latin1');
      const info = parse(theirs);
      expect(writeNarInfo(info)).toBe(theirs);
      expect(verifyNarInfo(info, [parsePublicKey(readFileSync(open, 'latin1'))])).toBe('test-1');
      const ours = signNarInfo({ ...info, signatures: [] }, parseSecretKey(readFileSync(secret, 'latin1')));
      expect(ours.signatures).toEqual(info.signatures);
      expect(narInfoFingerprint(info)).toContain(`1;${path};sha256:`);
    } finally {
      execFileSync('chmod', ['-R', 'u+w', directory]);
      rmSync(directory, { recursive: true, force: true });
    }
  });
});
