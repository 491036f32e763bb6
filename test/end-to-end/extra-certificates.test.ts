// NODE_EXTRA_CA_CERTS: hidden from Node by bin/trimaran, and trusted all the same by whatever speaks TLS.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasTool, projectRoot, run } from './workspace.ts';

describe.skipIf(!hasTool('openssl'))('certificates that the user names', () => {
  let folder: string;
  let server: Server;
  let address: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'certificates-'));
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
    const names = ['-subj', '/CN=registry', '-addext', 'subjectAltName=IP:127.0.0.1'];
    const files = ['-keyout', join(folder, 'key.pem'), '-out', join(folder, 'cert.pem')];
    execFileSync('openssl', ['req', '-x509', '-days', '2', ...key, ...names, ...files], { stdio: 'ignore' });
    const [cert, secret] = ['cert.pem', 'key.pem'].map((file) => readFileSync(join(folder, file)));
    server = createServer({ cert: cert!, key: secret! }, ({ url = '' }, response) => {
      response.statusCode = url.startsWith('/v2/') ? 404 : 200;
      response.end(url);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => {
    server.close();
    rmSync(folder, { recursive: true });
  });

  const trimaran = (certificates: string, ...args: string[]) =>
    run(join(projectRoot, 'bin/trimaran'), args, {
      cwd: folder,
      env: { NODE_EXTRA_CA_CERTS: certificates, XDG_CACHE_HOME: join(folder, 'cache') },
    });
  const fetched = (name: string) => [
    ...['nix', 'eval', '--impure', '--raw', '--expr'],
    `builtins.readFile (builtins.fetchurl "https://${address}/${name}")`,
  ];

  it('are trusted by what reads registries', async () => {
    const certificate = join(folder, 'cert.pem');
    const untrusted = await trimaran('', 'inspect', `docker://${address}/a:1`);
    expect(untrusted.stderr).toContain('oci/registry-tls');
    expect((await trimaran(certificate, 'inspect', `docker://${address}/a:1`)).stderr).toContain(
      'oci/registry-not-found',
    );
  });

  it('are trusted by what fetches files', async () => {
    expect((await trimaran('', ...fetched('one'))).exitCode).not.toBe(0);
    expect(await trimaran(join(folder, 'cert.pem'), ...fetched('two'))).toMatchObject({
      exitCode: 0,
      stdout: '/two',
    });
  });

  it('are reported where they cannot be read, once there is something to trust', async () => {
    const missing = join(folder, 'missing.pem');
    expect((await trimaran(missing, ...fetched('three'))).stderr).toContain(
      `NODE_EXTRA_CA_CERTS names ${missing}, which cannot be read`,
    );
    const unneeded = await trimaran(missing, 'nix', 'eval', '--expr', '1');
    expect(unneeded).toMatchObject({ exitCode: 0, stdout: '1\n', stderr: '' });
  });

  it('stand in the variable that programs look for', async () => {
    const expression = 'map builtins.getEnv [ "NODE_EXTRA_CA_CERTS" "TRIMARAN_EXTRA_CA_CERTS" ]';
    const seen = await trimaran('a.pem', 'nix', 'eval', '--impure', '--json', '--expr', expression);
    expect(JSON.parse(seen.stdout)).toEqual(['a.pem', '']);
  });
});
