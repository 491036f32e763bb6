// Part of sandbox.test.ts: what an ordinary user can do, run as a program of its own and told as JSON.
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { indexTarFileSync } from '../formats/tar-read.ts';
import { captureTree, ownerRange, removeSandboxTree, runInSandbox, type SandboxOptions } from './sandbox.ts';
import { testHost } from './test-host.ts';

const folder = process.argv[2]!;
mkdirSync(folder);
const host = testHost(folder);
const programs = ['/usr', '/lib', '/lib64'].map((target) => {
  return { kind: 'bind' as const, source: target === '/usr' ? target : `/usr${target}`, target };
});

async function run(script: string, options: Pick<SandboxOptions, 'root' | 'identity'>) {
  const scratch = join(folder, 'scratch');
  mkdirSync(scratch);
  const lines: string[] = [];
  const { exitCode } = await runInSandbox({
    ...options,
    host,
    scratch,
    mounts: programs,
    command: '/usr/bin/sh',
    args: ['-c', script],
    env: { PATH: '/usr/bin' },
    workingFolder: '/',
    network: 'none',
    onLine: (line) => lines.push(line),
  });
  await removeSandboxTree(host, scratch);
  return { exitCode, lines };
}

mkdirSync(join(folder, 'root'));
mkdirSync(join(folder, 'layer/etc'), { recursive: true });
mkdirSync(join(folder, 'upper'));
writeFileSync(join(folder, 'layer/etc/file'), 'layer\n');
const layered = {
  identity: 'root',
  root: { kind: 'overlay', layers: [join(folder, 'layer')], upper: join(folder, 'upper') },
} as const;
const builder = await run('id -u; echo made > /made; cat /made', {
  identity: 'builder',
  root: { kind: 'folder', path: join(folder, 'root') },
});
const root = await run('id -u; cat /etc/file; echo x > /etc/made', layered);
const chown = await run('chown 70 /etc/made', layered);
const tar = join(folder, 'captured.tar');
await captureTree({ host, folder: join(folder, 'upper'), tar });
const captured = indexTarFileSync(tar);
for (const name of ['root', 'layer', 'upper', 'captured.tar'])
  await removeSandboxTree(host, join(folder, name));
process.stdout.write(
  JSON.stringify({
    builder,
    root,
    chown,
    captured: captured.map(({ path }) => path),
    owners: [...new Set(captured.map(({ uid }) => uid))],
    ownerRange: ownerRange(host),
    left: readdirSync(folder),
  }),
);
