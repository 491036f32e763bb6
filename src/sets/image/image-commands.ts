// `extraCommands`, `fakeRootCommands` and `runAsRoot`: shell text that changes an image while it is made. Runs in a
// sandbox without network; what it leaves becomes the image's topmost layer.

import { mkdir, mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import type { StorePath } from '../../formats/store-path.ts';
import { indexTarFile } from '../../formats/tar-read.ts';
import type { ByteString } from '../../foundation/byte-string.ts';
import { TrimaranError } from '../../foundation/error.ts';
import { type FileTree, fileTree, type TreeEntry } from '../../foundation/file-tree.ts';
import type { BuildContext } from '../../store/builder.ts';
import { writeDiskTree } from '../../store/disk-tree.ts';
import { canGiveFilesAway } from '../../store/file-owners.ts';
import { captureTree, ownerRange, runInSandbox, type SandboxMount } from '../../store/sandbox.ts';
import { declaredRootFolder, packagesIn } from '../sandbox-root.ts';
import type { EnvironmentPackage } from './environment.ts';
import { rootFolder } from './image-contents.ts';
import { lenientCommands } from './lenient-commands.ts';

export interface ImageCommands {
  /** Runs as an ordinary user in the folder of the image's own files. */
  readonly extraCommands: string;
  /** Runs as root. */
  readonly rootCommands: string;
  /** Whether the root of `rootCommands` is the image itself; else it runs in the folder of the image's own files. */
  readonly rootCommandsChroot: boolean;
  /** The environment with the shell and its tools. */
  readonly tools: StorePath;
}

const folderInside = '/build/image';
const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * Runs an image's commands over `tree`, its files at the root, and gives the tree they leave. `packages` are the image's
 * own. Rejects with `image/commands-failed` and the errors of the sandbox.
 */
export async function runImageCommands(
  context: BuildContext,
  commands: ImageCommands,
  image: { readonly tree: FileTree; readonly packages: readonly EnvironmentPackage[] },
): Promise<FileTree> {
  const { tools, extraCommands, rootCommands, rootCommandsChroot } = commands;
  const { packages } = image;
  let { tree } = image;
  if (extraCommands !== '')
    tree = await runInFolder(context, { tools, script: extraCommands, packages, tree, identity: 'builder' });
  if (rootCommands === '') return tree;
  return rootCommandsChroot
    ? runInImage(context, { tools, script: rootCommands, packages, tree })
    : runInFolder(context, { tools, script: rootCommands, packages, tree, identity: 'root' });
}

interface Run {
  readonly tools: StorePath;
  readonly script: string;
  /** Packages of the image. */
  readonly packages: readonly EnvironmentPackage[];
  readonly tree: FileTree;
}

/** Folders that packages have, so that recipes write into them without making them first. */
const foldersOfPackages = ['bin', 'etc', 'lib', 'share'];

async function runInFolder(
  context: BuildContext,
  run: Run & { readonly identity: 'builder' | 'root' },
): Promise<FileTree> {
  const { store } = context;
  const place = await mkdtemp(join(context.folder, 'commands-'));
  const folder = join(place, 'image');
  const present = new Set(run.tree.map((entry) => entry.path));
  const lent = run.packages.length === 0 ? [] : foldersOfPackages.filter((path) => !present.has(path));
  writeTree(fileTree([...run.tree, ...lent.map(rootFolder)]), folder);
  const inside = { kind: 'bind', source: folder, target: folderInside, writable: true } as const;
  await runScript(context, {
    place,
    packages: packagesIn(store, store.closure([run.tools, ...pathsNamed(context, run.script)])),
    mounts: [...storeMounts(context, []), inside],
    script: lenientCommands(run.script, { root: 'folder' }),
    identity: run.identity,
    workingFolder: folderInside,
    upper: join(place, 'upper'),
  });
  const tree = await captured(context, folder, join(place, 'image.tar'));
  const inUse = new Set(tree.map((entry) => entry.path.slice(0, Math.max(0, entry.path.indexOf('/')))));
  return tree.filter(
    (entry) => !lent.includes(entry.path) || entry.kind !== 'directory' || inUse.has(entry.path),
  );
}

async function runInImage(context: BuildContext, run: Run): Promise<FileTree> {
  const { store } = context;
  const place = await mkdtemp(join(context.folder, 'commands-'));
  const upper = join(place, 'upper');
  writeTree(run.tree, upper);
  // An image borrows the tools while it is made; they do not become part of it.
  const borrowed = store.closure([run.tools, ...pathsNamed(context, run.script)]);
  const own = [...packagesIn(store, borrowed), ...run.packages];
  const packages = [...new Map(own.map((item) => [item.name, item])).values()];
  await runScript(context, {
    place,
    packages,
    mounts: storeMounts(context, run.tree),
    script: lenientCommands(run.script, { root: 'image' }),
    identity: 'root',
    workingFolder: '/',
    upper,
  });
  const tree = await captured(context, upper, join(place, 'image.tar'));
  return fileTree(
    tree.filter((entry) => !/^(?:proc|dev|sys|build)(?:\/|$)/.test(entry.path)).flatMap(layerEntries),
  );
}

function writeTree(tree: FileTree, folder: string): void {
  const owners = canGiveFilesAway() ? 'apply' : 'ignore';
  writeDiskTree({ tree: tree[0]?.path === '' ? tree : [rootFolder(''), ...tree], path: folder, owners });
}

async function runScript(
  context: BuildContext,
  options: {
    readonly place: string;
    readonly packages: readonly EnvironmentPackage[];
    readonly mounts: readonly SandboxMount[];
    readonly script: string;
    readonly identity: 'builder' | 'root';
    readonly workingFolder: string;
    readonly upper: string;
  },
): Promise<void> {
  const { store } = context;
  const scratch = join(options.place, 'scratch');
  await mkdir(scratch);
  await mkdir(options.upper, { recursive: true });
  const { exitCode } = await runInSandbox({
    host: context.host,
    root: {
      kind: 'overlay',
      layers: [
        ...options.packages.map((item) => store.materialise(item.tree)),
        declaredRootFolder(store, options.packages),
      ],
      upper: options.upper,
    },
    mounts: options.mounts,
    scratch,
    command: '/bin/bash',
    args: ['-e', '-o', 'pipefail', '-c', options.script],
    env: { PATH: path, HOME: '/root', LC_ALL: 'C', TZ: 'UTC', SOURCE_DATE_EPOCH: '1' },
    workingFolder: options.workingFolder,
    identity: options.identity,
    network: 'none',
    signal: context.signal,
    onLine: context.log,
  });
  if (exitCode !== 0) {
    throw new TrimaranError({
      code: 'image/commands-failed',
      message: `the image's commands failed with exit code ${exitCode}`,
      hint:
        options.identity === 'root' && ownerRange(context.host) === 'single'
          ? 'files can be given to nobody but root here; run it as root, or install uidmap and give the user lines in /etc/subuid and /etc/subgid'
          : 'they run without network, with the tools of the Debian set; the lines above are their output',
    });
  }
}

/** Store paths that a script names. */
function pathsNamed({ inputs }: BuildContext, script: string): StorePath[] {
  return inputs.filter((path) => script.includes(path));
}

/**
 * Ordinary store paths among the inputs, where the commands may read them. An image, `tree`, has links in place of its
 * environments.
 */
function storeMounts(context: BuildContext, tree: FileTree): SandboxMount[] {
  const { store } = context;
  const present = new Set(tree.map((entry) => entry.path));
  return store
    .closure(context.inputs)
    .filter((path) => !present.has(path.slice(1)))
    .filter((path) => store.info(path).form === 'plain' && store.tree(path)[0]?.kind !== 'symlink')
    .map((path) => ({ kind: 'bind', source: store.physicalPath(path), target: path }));
}

/** A folder as a tree with the times that images have. */
async function captured(context: BuildContext, folder: string, tar: string): Promise<FileTree> {
  await captureTree({ host: context.host, folder, tar });
  const entries = (await indexTarFile(tar)).filter((entry) => entry.path !== '' && entry.path !== '.');
  return fileTree(entries.map((entry) => ({ ...entry, mtime: 1 })));
}

/** Of extended attributes what commands mean to give: not the overlay's books, nor labels of the machine that builds. */
const isMeant = (name: string) =>
  name === 'security.capability' || (name.startsWith('user.') && !name.startsWith('user.overlay.'));

/**
 * An overlay marks what was deleted with a character device 0:0, and a folder that takes another's place with an attribute;
 * a layer marks both with names.
 */
function layerEntries({ xattrs, ...entry }: TreeEntry): TreeEntry[] {
  const slash = entry.path.lastIndexOf('/') + 1;
  if (entry.kind === 'character-device' && entry.major === 0 && entry.minor === 0) {
    return [mark(`${entry.path.slice(0, slash)}.wh.${entry.path.slice(slash)}`)];
  }
  const all = [...(xattrs ?? [])];
  const meant = new Map(all.filter(([name]) => isMeant(name)));
  const isOpaque = all.some(
    ([name, value]) =>
      /^(?:user|trusted)\.overlay\.opaque$/.test(name) && Buffer.from(value).toString() === 'y',
  );
  const kept: TreeEntry = meant.size === 0 ? entry : { ...entry, xattrs: meant };
  return isOpaque ? [kept, mark(`${entry.path}/.wh..wh..opq`)] : [kept];
}

function mark(path: ByteString): TreeEntry {
  const content = { kind: 'bytes', bytes: Buffer.alloc(0) } as const;
  return { kind: 'file', path, mode: 0o644, uid: 0, gid: 0, mtime: 1, content };
}
