// Part of survival.test.ts: fills a store with objects of every kind, to be killed while it does. Prints a digest of all
// that is valid in the end. Arguments: the store's root, a folder to add.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { staticOutputPaths } from '../formats/derivation-hash.ts';
import { hashNarOfTree } from '../formats/nar.ts';
import type { StorePath } from '../formats/store-path.ts';
import { digestToHex, sha256Hex } from '../foundation/digest.ts';
import type { TreeEntry } from '../foundation/file-tree.ts';
import type { Builder } from './builder.ts';
import { LocalStore } from './local-store.ts';
import { Realiser } from './realise.ts';
import { testHost } from './test-host.ts';

const [root, source] = process.argv.slice(2);
const store = new LocalStore({ root: root!, storeDirectory: '/nix/store' });
const memo = new Map();
const built: string[] = [];

const plain: Builder = async ({ derivation, inputs, outputs }) => {
  built.push(derivation.name);
  const { plain: folder } = outputs.get('out')!;
  mkdirSync(join(folder, 'deep/er'), { recursive: true });
  for (let i = 0; i < 12; i++) {
    writeFileSync(join(folder, 'deep/er', `file-${i}`), `${derivation.name} ${i} ${inputs.join(' ')}\n`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
};

const packed: Builder = async ({ derivation, inputs, outputs }) => {
  built.push(derivation.name);
  const entries: TreeEntry[] = Array.from({ length: 20 }, (_, i) => {
    const bytes = Buffer.from(`${derivation.name} ${i} ${inputs.join(' ')}\n`.repeat(200));
    const common = { mode: 0o640, uid: i, gid: 7, mtime: 1 };
    return {
      ...common,
      kind: 'file',
      path: `usr/${String(i).padStart(3, '0')}`,
      content: { kind: 'bytes', bytes },
    };
  });
  await outputs.get('out')!.writePacked(entries);
};

function derive(name: string, builder: string, inputs: readonly StorePath[], source: StorePath): StorePath {
  return store.writeDerivation(
    staticOutputPaths(
      {
        name,
        system: 'builtin',
        builder: `builtin:${builder}`,
        args: [],
        inputSrcs: [source],
        inputDrvs: new Map(inputs.map((path) => [path, ['out']])),
        outputs: new Map([['out', { path: '', hashAlgorithm: '', hash: '' }]]),
        env: new Map([['name', name]]),
      },
      { memo, storeDirectory: '/nix/store', readDerivation: (path) => store.readDerivation(path) },
    ),
  );
}

const added = store.addPath({ source: source!, name: 'source', method: 'nar' });
let layer: StorePath[] = [];
for (let depth = 0; depth < 4; depth++) {
  layer = Array.from({ length: 4 }, (_, i) => {
    return derive(`object-${depth}-${i}`, i % 2 === 0 ? 'plain' : 'packed', layer, added);
  });
}
const realiser = new Realiser({
  store,
  host: testHost(root!),
  builders: new Map([
    ['plain', plain],
    ['packed', packed],
  ]),
  maxJobs: 2,
});
const outputs = await Promise.all(layer.map(async (path) => (await realiser.realise(path)).get('out')!));
const all = store.closure([...outputs, ...layer]);
for (const path of all) store.materialise(path);
const digest = sha256Hex(
  all
    .map((path) => {
      const { form, references } = store.info(path);
      const bytes = form === 'packed' ? store.packedFile(path).sha256 : '';
      // Read anew: what was recorded says nothing about what is there now.
      const nar = digestToHex(hashNarOfTree(store.tree(path)).digest);
      return [path, form, ...references, nar, bytes].join(' ');
    })
    .join('\n'),
);
process.stdout.write(JSON.stringify({ digest, objects: all.length, built }));
