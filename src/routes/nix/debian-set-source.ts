// The Debian set's Nix files as a source tree in the store, with the release they are of.

import type { StorePath } from '../../formats/store-path.ts';
import type { FileTree, TreeEntry } from '../../foundation/file-tree.ts';
import { fileTree } from '../../foundation/file-tree.ts';
import type { LocalStore } from '../../store/local-store.ts';
import aliasesNix from './debian-set/aliases.nix';
import defaultNix from './debian-set/default.nix';
import dockerToolsNix from './debian-set/docker-tools.nix';
import environmentNix from './debian-set/environment.nix';
import fetchersNix from './debian-set/fetchers.nix';
import filesNix from './debian-set/files.nix';
import flakeNix from './debian-set/flake.nix';
import generatorsNix from './debian-set/generators.nix';
import libNix from './debian-set/lib.nix';
import libMoreNix from './debian-set/lib-more.nix';
import modulesNix from './debian-set/modules.nix';
import phpNix from './debian-set/php.nix';
import postgresqlNix from './debian-set/postgresql.nix';
import pythonNix from './debian-set/python.nix';
import setNix from './debian-set/set.nix';
import setupScript from './debian-set/setup.sh';
import stdenvNix from './debian-set/stdenv.nix';
import trivialNix from './debian-set/trivial.nix';

const files: Readonly<Record<string, string>> = {
  'aliases.nix': aliasesNix,
  'default.nix': defaultNix,
  'docker-tools.nix': dockerToolsNix,
  'environment.nix': environmentNix,
  'fetchers.nix': fetchersNix,
  'files.nix': filesNix,
  'flake.nix': flakeNix,
  'generators.nix': generatorsNix,
  'lib.nix': libNix,
  'lib-more.nix': libMoreNix,
  'modules.nix': modulesNix,
  'php.nix': phpNix,
  'postgresql.nix': postgresqlNix,
  'python.nix': pythonNix,
  'set.nix': setNix,
  'setup.sh': setupScript,
  'stdenv.nix': stdenvNix,
  'trivial.nix': trivialNix,
};

/** The release as the tree's `release.json` has it. */
export interface SetRelease {
  readonly suite: string;
  readonly timestamp: string;
  readonly release: string;
}

/** Adds the set's files for a release to the store; returns their path. */
export function addDebianSet(store: LocalStore, release: SetRelease): StorePath {
  return store.addTree({ name: 'debian-set', tree: treeOf(release) }) as StorePath;
}

function treeOf({ suite, timestamp, release }: SetRelease): FileTree {
  const file = (path: string, text: string): TreeEntry => {
    return {
      kind: 'file',
      path,
      mode: 0o444,
      uid: 0,
      gid: 0,
      mtime: 1,
      content: { kind: 'bytes', bytes: Buffer.from(text) },
    };
  };
  return fileTree([
    { kind: 'directory', path: '', mode: 0o555, uid: 0, gid: 0, mtime: 1 },
    ...Object.entries(files).map(([path, text]) => file(path, text)),
    file('release.json', JSON.stringify({ suite, timestamp, release })),
  ]);
}
