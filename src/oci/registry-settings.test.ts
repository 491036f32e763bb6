import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { silentProgress } from '../foundation/host.ts';
import type { RegistryOptions } from './registry-session.ts';
import { openRegistries } from './registry-settings.ts';

let directory: string;
let file: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'oci-settings-'));
  file = join(directory, 'daemon.json');
});
afterEach(() => rmSync(directory, { recursive: true }));

const host = (env: Record<string, string>): RegistryOptions['host'] => ({
  fetch,
  env,
  run: async () => ({ exitCode: 1, stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) }),
  progress: silentProgress,
});
const bases = async (env: Record<string, string>, domain: string) =>
  (await openRegistries({ host: host(env) }, file).pullEndpoints({ domain })).map(({ base }) => base);

it('asks the mirrors of the environment first, each for its registry', async () => {
  const env = {
    TRIMARAN_REGISTRY_MIRROR:
      'https://hub.example, ghcr.io=https://cache.example/ghcr ghcr.io=other.example:5000',
  };
  expect(await bases(env, 'docker.io')).toEqual(['https://hub.example', 'https://registry-1.docker.io']);
  expect(await bases(env, 'ghcr.io')).toEqual([
    'https://cache.example/ghcr',
    'https://other.example:5000',
    'https://ghcr.io',
  ]);
  expect(await bases(env, 'quay.io')).toEqual(['https://quay.io']);
});

it('speaks plain HTTP to those alone that are named', async () => {
  expect(await bases({ TRIMARAN_REGISTRY_INSECURE: 'registry.lan:5000' }, 'registry.lan:5000')).toEqual([
    'http://registry.lan:5000',
  ]);
  expect(await bases({}, 'registry.lan:5000')).toEqual(['https://registry.lan:5000']);
  await expect(
    bases({ TRIMARAN_REGISTRY_MIRROR: 'http://mirror.example' }, 'docker.io'),
  ).rejects.toMatchObject({ code: 'oci/registry-insecure' });
  await expect(
    bases({ TRIMARAN_REGISTRY_MIRROR: 'https://user:secret@:x' }, 'docker.io'),
  ).rejects.toMatchObject({ code: 'oci/bad-mirror', message: expect.not.stringContaining('secret') });
});

it('takes over what Docker has been told, unless the environment says otherwise', async () => {
  writeFileSync(
    file,
    JSON.stringify({ 'registry-mirrors': ['https://m.example/'], 'insecure-registries': ['r.lan', 5] }),
  );
  expect(await bases({}, 'docker.io')).toEqual(['https://m.example', 'https://registry-1.docker.io']);
  expect(await bases({}, 'r.lan')).toEqual(['http://r.lan']);
  expect(await bases({ TRIMARAN_REGISTRY_MIRROR: '' }, 'docker.io')).toEqual([
    'https://registry-1.docker.io',
  ]);
  writeFileSync(file, 'null');
  expect(await bases({}, 'r.lan')).toEqual(['https://r.lan']);
});
