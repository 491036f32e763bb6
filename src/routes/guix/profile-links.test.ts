import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type FileTree, fileTree, type TreeEntry } from '../../foundation/file-tree.ts';
import { environmentFile } from '../../sets/image/environment.ts';
import { LocalStore } from '../../store/local-store.ts';
import { type LinkSource, linkTrees } from './profile-links.ts';

let root: string;
let store: LocalStore;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'guix-links-'));
  store = new LocalStore({ root, storeDirectory: '/gnu/store' });
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const bare = { mtime: 1, uid: 0, gid: 0 };
const folder = (path: string): TreeEntry => ({ kind: 'directory', path, mode: 0o555, ...bare });
const file = (path: string, text: string): TreeEntry => ({
  kind: 'file',
  path,
  mode: 0o444,
  ...bare,
  content: { kind: 'bytes', bytes: Buffer.from(text) },
});

/** A tree with these files and the folders above them. */
function treeOf(paths: readonly string[]): FileTree {
  const entries = new Map<string, TreeEntry>([['', folder('')]]);
  for (const path of paths) {
    const parts = path.split('/');
    for (let i = 1; i < parts.length; i++) {
      const parent = parts.slice(0, i).join('/');
      entries.set(parent, folder(parent));
    }
    if (entries.get(path)?.kind !== 'directory') entries.set(path, file(path, path));
  }
  const isWhole = ({ path }: TreeEntry) => {
    const slash = path.lastIndexOf('/');
    return slash < 0 || entries.get(path.slice(0, slash))?.kind === 'directory';
  };
  return fileTree([...entries.values()].filter(isWhole));
}

function environmentOf(trees: readonly FileTree[]) {
  const packages = trees.map((tree, i) => ({ name: `p${i}`, tree: store.addTree({ name: `p${i}`, tree }) }));
  const list = file(environmentFile, JSON.stringify({ suite: 's', timestamp: 't', packages }));
  return store.addTree({ name: 'environment', tree: fileTree([folder(''), folder('nix-support'), list]) });
}

/** The same in one pass over everything, as sources of equal rank. */
function expected(trees: readonly FileTree[], others: readonly LinkSource[], wanted: ReadonlySet<string>) {
  const below = (path: string) =>
    path.startsWith('usr/') ? path.slice(4) : /^(bin|sbin|lib)\//.test(path) ? path : undefined;
  const sources = [
    { prefix: '/usr/', trees, place: below },
    ...others.map(({ prefix, tree }) => ({ prefix, trees: [tree], place: (path: string) => path })),
  ];
  const owners = new Map<string, Set<number>>();
  const present = new Set<string>();
  sources.forEach(({ trees, place }, i) => {
    for (const entry of trees.flat()) {
      const path = place(entry.path) ?? '';
      if (path === '') continue;
      if (wanted.has(path)) present.add(path);
      if (entry.kind === 'directory') owners.set(path, (owners.get(path) ?? new Set()).add(i));
    }
  });
  const result = new Map<string, string>([['', 'folder']]);
  sources.forEach(({ prefix, trees, place }, i) => {
    for (const entry of trees.flat()) {
      const path = place(entry.path) ?? '';
      const slash = path.lastIndexOf('/');
      if (path === '' || result.has(path) || (slash > 0 && result.get(path.slice(0, slash)) !== 'folder'))
        continue;
      const has = owners.get(path);
      const isFolder = has?.has(i) === true && (path === 'etc' || has.size > 1);
      result.set(path, isFolder ? 'folder' : `${prefix}${path}`);
    }
  });
  if (!result.has('etc')) result.set('etc', 'folder');
  return { links: [...result].sort(), present: [...present].sort() };
}

const name = fc.constantFrom('bin', 'etc', 'lib', 'share', 'usr', 'a', 'b');
const paths = fc.array(
  fc.array(name, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/')),
  { maxLength: 8 },
);

it('links to what going through all the trees gives, known or not', () => {
  fc.assert(
    fc.property(
      fc.array(paths, { maxLength: 3 }),
      fc.array(paths, { maxLength: 3 }),
      fc.array(paths, { maxLength: 1 }),
      (debian, others, [wantedPaths = []]) => {
        const trees = debian.map(treeOf);
        const sources = others.map((files, i) => ({ prefix: `/gnu/store/${i}/`, tree: treeOf(files) }));
        const wanted = new Set(wantedPaths);
        const environment = environmentOf(trees);
        const expectation = expected(trees, sources, wanted);
        for (let i = 0; i < 2; i++) {
          const { entries, present } = linkTrees({ store, environment, sources, wanted });
          const links = [...entries.values()].map((entry) => [
            entry.path,
            entry.kind === 'symlink' ? entry.target : 'folder',
          ]);
          expect({ links: links.sort(), present: [...present].sort() }).toEqual(expectation);
        }
      },
    ),
    { numRuns: 60 },
  );
});

it('keeps what it knows by the folders of the other sources', () => {
  const environment = environmentOf([treeOf(['usr/share/a/x', 'usr/bin/y'])]);
  const linksWith = (files: readonly string[]) => {
    const sources = [{ prefix: '/gnu/store/other/', tree: treeOf(files) }];
    const { entries } = linkTrees({ store, environment, sources, wanted: new Set() });
    return entries;
  };
  const kept = () => readdirSync(join(root, 'environments')).length;
  expect(linksWith(['share/b/z']).get('share')?.kind).toBe('directory');
  expect(linksWith(['share/b/other']).get('share/b')?.kind).toBe('symlink');
  expect(kept()).toBe(1);
  expect(linksWith(['share']).get('share')?.kind).toBe('symlink');
  expect(kept()).toBe(2);
});
