import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, createServer as createTlsServer } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openLoopbackCertificate } from './loopback-certificate.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'trimaran-certificate-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('openLoopbackCertificate', () => {
  it('makes one that is its own authority, keeps it to its owner, and gives it again', async () => {
    const file = join(folder, 'deep/tls.json');
    const made = await openLoopbackCertificate(file);
    const read = new X509Certificate(made.certificate);
    expect(read.verify(read.publicKey)).toBe(true);
    expect(read.checkIssued(read)).toBe(true);
    expect(read.ca).toBe(true);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(await openLoopbackCertificate(file)).toEqual(made);
    writeFileSync(file, readFileSync(file, 'utf8').slice(0, -100));
    const other = await openLoopbackCertificate(file);
    expect(other.certificate).not.toBe(made.certificate);
  });

  it('is taken by who trusts it, and by nobody else', async () => {
    const { key, certificate } = await openLoopbackCertificate(join(folder, 'tls.json'));
    const server = createTlsServer({ key, cert: certificate }, (socket) => socket.end('inside'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const read = (ca: string[] | undefined) =>
      new Promise<string>((resolve) => {
        const trust = ca === undefined ? {} : { ca };
        const options = { host: '127.0.0.1', port, checkServerIdentity: () => undefined, ...trust };
        const socket = connect(options);
        let text = '';
        socket.on('data', (chunk) => {
          text += String(chunk);
        });
        socket.on('end', () => resolve(text));
        socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''));
      });
    try {
      expect(await read([certificate])).toBe('inside');
      expect(await read(undefined)).toMatch(/SELF_SIGNED/);
    } finally {
      server.close();
    }
  });
});
