import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fileTree, type TreeEntry } from '../foundation/file-tree.ts';
import { createImage } from '../oci/image.ts';
import { layerOfTree } from '../oci/layer-write.ts';
import { loadComposeProject } from './load.ts';
import { checkServiceImage } from './overrides-of-image.ts';

const common = { uid: 0, gid: 0, mtime: 1 };
const folder = (path: string): TreeEntry => ({ kind: 'directory', path, mode: 0o755, ...common });
const link = (path: string, target: string): TreeEntry => ({
  kind: 'symlink',
  path,
  mode: 0o777,
  target,
  ...common,
});
const file = (path: string, text: string): TreeEntry => {
  return { kind: 'file', path, mode: 0o755, content: { kind: 'bytes', bytes: Buffer.from(text) }, ...common };
};

async function rulesFor(service: string): Promise<string[]> {
  const directory = mkdtempSync(join(tmpdir(), 'trimaran-overrides-'));
  try {
    writeFileSync(join(directory, 'compose.yaml'), `services:\n  web:\n    image: web\n${service}`);
    const project = await loadComposeProject({ directory, environment: {} });
    const tree = [
      ...[folder('etc'), file('etc/passwd', 'root:x:0:0::/root:/bin/sh\n'), folder('usr'), folder('usr/bin')],
      ...[
        file('usr/bin/serve', '#!'),
        link('bin', 'usr/bin'),
        folder('srv'),
        link('app', '/srv'),
        link('loop', 'loop'),
      ],
    ];
    const image = createImage({
      platform: { os: 'linux', architecture: 'amd64' },
      layers: [await layerOfTree(fileTree(tree))],
      config: { Cmd: ['serve'], ExposedPorts: { '80/tcp': {} } },
    });
    const check = async () =>
      (await checkServiceImage(project.services[0]!, image, join(directory, 'known'))).map(
        ({ rule }) => rule,
      );
    const rules = await check();
    // From what was kept, without the layers.
    expect(await check()).toEqual(rules);
    const gone = { ...image, layers: [] };
    const again = await checkServiceImage(project.services[0]!, gone, join(directory, 'known'));
    expect(again.map(({ rule }) => rule)).toEqual(rules);
    return rules;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

describe('what compose lays over an image', () => {
  it('is fine where the image has it, behind links too', async () => {
    expect(await rulesFor('    working_dir: /app\n    ports: ["8000:80"]\n')).toEqual([]);
  });

  it('is found where the image lacks it', async () => {
    expect(await rulesFor('    working_dir: /nowhere\n')).toEqual(['compose-working-dir-missing']);
    expect(await rulesFor('    working_dir: /loop\n')).toEqual(['compose-working-dir-missing']);
    expect(await rulesFor('    user: nobody\n')).toEqual(['compose-user-missing']);
    expect(await rulesFor('    ports: ["8000:81"]\n')).toEqual(['compose-port-not-exposed']);
  });
});
