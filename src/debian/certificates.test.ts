import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { layOutCertificates, subjectHash } from './certificates.ts';

/** A self-signed P-256 certificate with the subject `C=DE, O=Trimaran Test, CN=Föö  Root`, and OpenSSL's hash of it. */
const openssl = spawnSync('openssl', ['version']).status === 0;

function makeCertificate(subject: string): Buffer {
  const directory = mkdtempSync(join(tmpdir(), 'certificate-'));
  try {
    const run = spawnSync(
      'openssl',
      [
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:P-256',
        '-nodes',
        '-utf8',
        '-keyout',
        join(directory, 'key'),
        '-subj',
        subject,
      ],
      { encoding: 'buffer' },
    );
    return run.stdout;
  } finally {
    rmSync(directory, { recursive: true });
  }
}

describe('subjectHash', () => {
  it.skipIf(!openssl)('agrees with openssl x509 -hash (skipped where openssl is missing)', () => {
    for (const subject of [
      '/C=DE/O=Trimaran Test/CN=Föö  Root',
      '/CN=a',
      '/O=ACME, Inc./OU=x  Y/CN= Z /emailAddress=a@B.c',
    ]) {
      const pem = makeCertificate(subject);
      const hash = spawnSync('openssl', ['x509', '-noout', '-hash'], { input: pem }).stdout.toString().trim();
      expect(hash).toMatch(/^[0-9a-f]{8}$/);
      expect(subjectHash(pem)).toBe(hash);
    }
  });

  it('has none for what is no certificate', () => {
    expect(subjectHash(Buffer.from('hello'))).toBeUndefined();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        const text = `-----BEGIN CERTIFICATE-----\n${Buffer.from(bytes).toString('base64')}\n-----END CERTIFICATE-----\n`;
        const hash = subjectHash(Buffer.from(text));
        expect(hash === undefined || /^[0-9a-f]{8}$/.test(hash)).toBe(true);
      }),
    );
  });
});

describe('layOutCertificates', () => {
  it('links names as update-ca-certificates does and joins whole lines', () => {
    const { links, bundle } = layOutCertificates([
      { path: '/usr/share/ca-certificates/b.crt', pem: Buffer.from('B\n') },
      { path: '/usr/share/ca-certificates/A (x), y.crt', pem: Buffer.from('A') },
    ]);
    expect([...links]).toEqual([
      ['A_=x=__y.pem', '/usr/share/ca-certificates/A (x), y.crt'],
      ['b.pem', '/usr/share/ca-certificates/b.crt'],
    ]);
    expect(bundle.toString()).toBe('A\nB\n');
  });
});
