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
import { type EnvironmentPackage, readEnvironment } from './environment.ts';
import { rootFolder } from './image-contents.ts';

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
  let { tree } = image;
  if (commands.extraCommands !== '') {
    tree = await runInFolder(context, {
      tools: commands.tools,
      script: commands.extraCommands,
      identity: 'builder',
      tree,
    });
  }
  if (commands.rootCommands === '') return tree;
  return commands.rootCommandsChroot
    ? runInImage(context, {
        tools: commands.tools,
        script: accountCommands + commands.rootCommands,
        packages: image.packages,
        tree,
      })
    : runInFolder(context, { tools: commands.tools, script: commands.rootCommands, identity: 'root', tree });
}

/**
 * Recipes make the users and folders that an image of nixpkgs lacks; here a package or the root itself has made them
 * already. That is no failure, unless the recipe wants another number.
 */
const accountCommands = `
_wanted_number() {
  local short=$1 long=$2 wanted=
  shift 2
  while [ $# -gt 0 ]; do
    case $1 in
      "-$short" | "--$long") wanted=\${2-} ;;
      "--$long="*) wanted=\${1#*=} ;;
      "-$short"[0-9]*) wanted=\${1#"-$short"} ;;
      -[a-zA-Z]*"$short") wanted=\${2-} ;;
    esac
    shift
  done
  echo "$wanted"
}
_has_account() {
  local file=$1 kind=$2 name=$3 wanted=$4 line number
  line=$(grep -s "^$name:" "$file") || return 1
  number=$(echo "$line" | cut -d: -f3)
  if [ -n "$wanted" ] && [ "$wanted" != "$number" ]; then return 1; fi
  echo "the $kind $name, number $number, is there already" >&2
}
groupadd() {
  _has_account /etc/group group "\${!#}" "$(_wanted_number g gid "$@")" || command groupadd "$@"
}
useradd() {
  _has_account /etc/passwd user "\${!#}" "$(_wanted_number u uid "$@")" || command useradd "$@"
}
mkdir() {
  local word previous= mode= parents= present=
  local folders=()
  for word in "$@"; do
    case $previous in -m | --mode) mode=$word previous=; continue ;; esac
    case $word in
      -p | --parents | -[a-z]*p | -p[a-z]*) parents=yes ;;
      --mode=*) mode=\${word#*=} ;;
      -m[0-7]*) mode=\${word#-m} ;;
      -*) previous=$word ;;
      *) folders+=("$word"); if [ -d "$word" ]; then present=yes; fi ;;
    esac
  done
  if [ -n "$parents" ] || [ -z "$present" ]; then command mkdir "$@"; return; fi
  command mkdir -p "\${folders[@]}"
  if [ -n "$mode" ]; then chmod "$mode" "\${folders[@]}"; fi
}
`;

interface Run {
  readonly tools: StorePath;
  readonly script: string;
  readonly tree: FileTree;
}

async function runInFolder(
  context: BuildContext,
  run: Run & { readonly identity: 'builder' | 'root' },
): Promise<FileTree> {
  const { store } = context;
  const place = await mkdtemp(join(context.folder, 'commands-'));
  const folder = join(place, 'image');
  writeTree(run.tree, folder);
  const inside = { kind: 'bind', source: folder, target: folderInside, writable: true } as const;
  const tools = packagesIn(store, store.closure([run.tools]));
  await runScript(context, {
    place,
    packages: tools,
    mounts: [...storeMounts(context), inside],
    script: run.script,
    identity: run.identity,
    workingFolder: folderInside,
    upper: join(place, 'upper'),
  });
  return captured(context, folder, join(place, 'image.tar'));
}

async function runInImage(
  context: BuildContext,
  run: Run & { readonly packages: readonly EnvironmentPackage[] },
): Promise<FileTree> {
  const { store } = context;
  const place = await mkdtemp(join(context.folder, 'commands-'));
  const upper = join(place, 'upper');
  writeTree(run.tree, upper);
  // An image borrows the tools while it is made; they do not become part of it.
  const own = [...packagesIn(store, store.closure([run.tools])), ...run.packages];
  const packages = [...new Map(own.map((item) => [item.name, item])).values()];
  await runScript(context, {
    place,
    packages,
    // The image has links in place of its environments.
    mounts: storeMounts(context).filter(
      ({ target }) => readEnvironment(store, target as StorePath) === undefined,
    ),
    script: run.script,
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

/** Ordinary store paths among the inputs, where the commands may read them. */
function storeMounts(context: BuildContext): SandboxMount[] {
  const { store } = context;
  return store
    .closure(context.inputs)
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
