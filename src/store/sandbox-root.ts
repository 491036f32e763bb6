// What a sandbox's `/` is made of, as a table for mount(8) and folders to mount upon.

import { lstatSync, readFileSync, realpathSync } from 'node:fs';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { systemErrorCode, TrimaranError } from '../foundation/error.ts';
import { canGiveFilesAway } from './file-owners.ts';

/**
 * What becomes `/`: a folder that is written to, or layers that are not, with a folder that gets what is changed. The
 * topmost layer is the last. `upper` must lie on the disk of the sandbox's scratch folder; nothing but what is changed
 * inside gets there.
 */
export type SandboxRootFolder =
  | { readonly kind: 'folder'; readonly path: string }
  | { readonly kind: 'overlay'; readonly layers: readonly string[]; readonly upper: string };

/** Something put into the root. Sources are full paths of the host, targets full paths inside. */
export type SandboxMount =
  | {
      readonly kind: 'bind';
      readonly source: string;
      readonly target: string;
      readonly writable?: boolean | undefined;
    }
  | { readonly kind: 'tmpfs'; readonly target: string; readonly mode: number };

export interface MountTable {
  /** The folder that is moved over `/` in the end. */
  readonly root: string;
  /** Options of an overlay file system for it. */
  readonly overlay?: string;
  /** Where the names of layers in these options are looked up. */
  readonly layers?: string;
  /** Lines as in fstab(5). */
  readonly table: string;
}

/** Parts of /proc that would let a root inside change the machine; made read-only. */
const guardedProc = ['sys', 'sysrq-trigger', 'irq', 'bus', 'fs'];

/**
 * Makes the folders that are mounted upon and writes the table. Throws `store/unsafe-root` when a target leads through a
 * symbolic link or something that is no folder, since following it would lead out of the root.
 */
export async function prepareRoot(options: {
  readonly root: SandboxRootFolder;
  readonly mounts: readonly SandboxMount[];
  readonly scratch: string;
  readonly identity: 'builder' | 'root';
}): Promise<MountTable> {
  const { scratch } = options;
  const root =
    options.root.kind === 'folder' ? realpathSync(options.root.path) : join(realpathSync(scratch), 'root');
  // Under an overlay what is mounted upon is a layer of its own, the lowest, and so no change.
  const pointsFolder = options.root.kind === 'folder' ? root : join(realpathSync(scratch), 'points');
  await mkdir(pointsFolder, { recursive: true });
  const points = new MountPoints(pointsFolder, options.root);
  const lines: string[] = [];
  const add = (source: string, target: string, type: string, flags: string) => {
    lines.push(`${[source, root + target, type, flags].map(escapeField).join(' ')} 0 0\n`);
  };
  // The order matters: what lies below a mount comes after it.
  for (const target of ['/dev', '/proc', '/tmp']) await points.folder(target);
  for (const device of ['full', 'null', 'random', 'tty', 'urandom', 'zero']) {
    add(`/dev/${device}`, `/dev/${device}`, 'none', 'bind');
  }
  add('tmpfs', '/dev/shm', 'tmpfs', 'nosuid,nodev,mode=1777');
  add('proc', '/proc', 'proc', 'nosuid,nodev,noexec');
  for (const name of guardedProc) {
    if (!isThere(`/proc/${name}`)) continue;
    lines.push(
      `${escapeField(`${root}/proc/${name}`)} ${escapeField(`${root}/proc/${name}`)} none bind,ro,nosuid,nodev,noexec 0 0\n`,
    );
  }
  add('tmpfs', '/tmp', 'tmpfs', 'nosuid,nodev,mode=1777');
  for (const mount of options.mounts) {
    if (mount.kind === 'tmpfs') {
      await points.folder(mount.target);
      add('tmpfs', mount.target, 'tmpfs', `nosuid,nodev,mode=${mount.mode.toString(8)}`);
      continue;
    }
    const source = realpathSync(dirname(mount.source)) + mount.source.slice(dirname(mount.source).length);
    if (lstatSync(source).isDirectory()) await points.folder(mount.target);
    else await points.file(mount.target);
    const flags = ['bind', mount.writable ? 'rw' : 'ro', 'nosuid', 'nodev', ...inheritedFlags(source)];
    add(source, mount.target, 'none', flags.join(','));
  }
  const table = lines.join('');
  if (options.root.kind === 'folder') return { root, table };
  return { root, table, ...(await overlayOf(options.root, options)) };
}

async function overlayOf(
  root: Extract<SandboxRootFolder, { kind: 'overlay' }>,
  options: { readonly scratch: string; readonly identity: 'builder' | 'root' },
): Promise<{ readonly overlay: string; readonly layers: string }> {
  const scratch = realpathSync(options.scratch);
  const layers = join(scratch, 'layers');
  const work = join(scratch, 'work');
  await mkdir(layers);
  await mkdir(work);
  await mkdir(join(scratch, 'root'));
  const names: string[] = [];
  for (const [i, layer] of [join(scratch, 'points'), ...root.layers].entries()) {
    await symlink(realpathSync(layer), join(layers, String(i)));
    names.unshift(String(i));
  }
  const parts = [
    `lowerdir=${names.join(':')}`,
    `upperdir=${escapeOption(realpathSync(root.upper))}`,
    `workdir=${escapeOption(work)}`,
  ];
  // Only real root may write the attributes in which overlays keep their books otherwise.
  if (!canGiveFilesAway() || options.identity === 'builder') parts.push('userxattr');
  return { overlay: parts.join(','), layers };
}

/** Makes the folders and empty files that are mounted upon where the root lacks them. */
class MountPoints {
  readonly #writable: string;
  readonly #all: readonly string[];

  constructor(writable: string, root: SandboxRootFolder) {
    this.#writable = writable;
    this.#all = root.kind === 'folder' ? [writable] : [root.upper, ...[...root.layers].reverse(), writable];
  }

  async folder(target: string): Promise<void> {
    if (this.#check(target, 'folder')) return;
    await mkdir(this.#writable + target, { recursive: true });
  }

  async file(target: string): Promise<void> {
    this.#check(dirname(target), 'folder');
    if (this.#check(target, 'file')) return;
    await mkdir(this.#writable + dirname(target), { recursive: true });
    await writeFile(this.#writable + target, '', { flag: 'a' });
  }

  /** Whether the target is there. Throws when something on the way to it is no folder. */
  #check(target: string, wanted: 'folder' | 'file'): boolean {
    if (!/^(\/[^/]+)+$/.test(target) || /\/\.{1,2}(\/|$)/.test(target)) throw unsafeRoot(target);
    const names = target.split('/').slice(1);
    let isThereNow = false;
    for (let count = 1; count <= names.length; count++) {
      const path = `/${names.slice(0, count).join('/')}`;
      const kind = this.#kindOf(path);
      isThereNow = kind !== undefined;
      const expected = count < names.length ? 'folder' : wanted;
      if (kind !== undefined && kind !== expected) throw unsafeRoot(target);
    }
    return isThereNow;
  }

  /** What the topmost layer that has anything at a path has there. */
  #kindOf(path: string): 'folder' | 'file' | 'other' | undefined {
    for (const layer of this.#all) {
      let stat: ReturnType<typeof lstatSync> | undefined;
      try {
        stat = lstatSync(layer + path, { throwIfNoEntry: false });
      } catch (error) {
        if (systemErrorCode(error) !== 'ENOTDIR') throw error;
      }
      if (stat === undefined) continue;
      return stat.isDirectory() ? 'folder' : stat.isFile() ? 'file' : 'other';
    }
    return undefined;
  }
}

/**
 * Flags of the mount that a source lies on which a user namespace may not take away: without them the kernel refuses to
 * change the flags of a bind mount at all.
 */
function inheritedFlags(source: string): string[] {
  let best = { length: -1, flags: '' };
  for (const line of readFileSync('/proc/self/mountinfo', 'utf8').split('\n')) {
    const fields = line.split(' ');
    const point = (fields[4] ?? '').replace(/\\(\d{3})/g, (_, octal) =>
      String.fromCharCode(Number.parseInt(octal, 8)),
    );
    const holds = source === point || source.startsWith(point === '/' ? '/' : `${point}/`);
    // Of two mounts on one place the later hides the earlier.
    if (holds && point.length >= best.length) best = { length: point.length, flags: fields[5] ?? '' };
  }
  const kept = ['noexec', 'noatime', 'nodiratime', 'relatime', 'strictatime'];
  return best.flags.split(',').filter((flag) => kept.includes(flag));
}

/** fstab(5) separates fields by spaces and writes those inside as octal numbers. */
function escapeField(text: string): string {
  return text.replace(
    /[ \t\n\\]/g,
    (character) => `\\${character.charCodeAt(0).toString(8).padStart(3, '0')}`,
  );
}

function escapeOption(path: string): string {
  return path.replace(/[\\:,]/g, '\\$&');
}

function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

function unsafeRoot(target: string): TrimaranError {
  return new TrimaranError({
    code: 'store/unsafe-root',
    message: `cannot mount upon ${target}: something there, or on the way to it, is no folder of the root`,
    hint: 'make it a folder in the image, or leave it out',
  });
}
