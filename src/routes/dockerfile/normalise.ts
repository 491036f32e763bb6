// An image that an engine built, with what differs from one build to the next taken out: times after the source's own,
// logs and caches of apt, dpkg and ldconfig, backups, identities of the machine, times inside byte code and
// /etc/shadow, ids of intermediate containers in the configuration. What trial builds of docker and buildah showed.

import { contentLength, type TreeEntry } from '../../foundation/file-tree.ts';
import { readContentsWhole } from '../../oci/content-stream.ts';
import { type ContainerConfig, createImage, type Image } from '../../oci/image.ts';
import type { Layer } from '../../oci/layer.ts';
import { layerEntries } from '../../oci/layer-tree.ts';
import { writeLayer } from '../../oci/layer-write.ts';
import { isOfAptSettings } from './apt-settings.ts';
import { canonicalChanges } from './layer-changes.ts';

export interface NormaliseOptions {
  readonly image: Image;
  /** Number of lowest layers that are the base's and stay as they are. */
  readonly baseLayers: number;
  /** Seconds since 1970; later times become this one. */
  readonly epoch: number;
  /** Where the layers are written. */
  readonly cacheDirectory: string;
  readonly names: readonly string[];
  /** Takes addresses that were put in for the build out of a step again. */
  readonly restore: (step: string) => string;
  /** What SHELL says, each as one line; `/bin/sh -c` and its like are known. */
  readonly shells: readonly string[];
  /** Values that each ARG has somewhere: engines put them before a step, with nothing between them and it. */
  readonly argumentValues: ReadonlyMap<string, readonly string[]>;
}

/** Files that say when or where something was built, or that only save time and are made again when needed. */
const dropped = [
  /^var\/log\/(?:apt\/.+|alternatives\.log|bootstrap\.log|dpkg\.log|fontconfig\.log)$/,
  /^var\/cache\/ldconfig\/aux-cache$/,
  /^var\/cache\/apt\/(?:src)?pkgcache\.bin$/,
  /^var\/cache\/apt\/archives\/(?:lock|.*\.deb)$/,
  /^var\/cache\/debconf\/.*-old$/,
  /^var\/cache\/fontconfig\/.+$/,
  /^var\/lib\/apt\/lists\/lock$/,
  /^var\/lib\/apt\/daily_lock$/,
  /^var\/lib\/dpkg\/(?:status|diversions|statoverride|available)-old$/,
  /^var\/lib\/dpkg\/(?:lock|lock-frontend|triggers\/Lock)$/,
  /^var\/lib\/systemd\/random-seed$/,
  /^etc\/(?:passwd|group|shadow|gshadow|subuid|subgid)-$/,
  /^etc\/\.pwd\.lock$/,
  /^(?:root|home\/[^/]+)\/(?:\.wget-hsts|\.bash_history|\.cache\/pip(?:\/.*)?)$/,
  /^\.dockerenv$/,
  /^run\/\.containerenv$/,
];

/** Files that engines lay over an image's own in every container. */
const ofEngine = [/^(?:proc|sys)\/.+$/, /^etc\/(?:hostname|hosts|resolv\.conf)$/];

/** Identities that each start makes anew: kept, but empty. */
const emptied = /^(?:etc\/machine-id|var\/lib\/dbus\/machine-id)$/;

/** Makes the image anew. Rejects as `layerEntries` and `writeLayer` do. */
export async function normaliseImage(options: NormaliseOptions): Promise<Image> {
  const { image, baseLayers, epoch, cacheDirectory } = options;
  const layers: Layer[] = [];
  const below: (readonly TreeEntry[])[] = [];
  /** Folders that a WORKDIR made: a layer of their own with docker, part of the next one with buildah. */
  let folders: readonly TreeEntry[] = [];
  for (const [index, layer] of image.layers.entries()) {
    const entries = withoutMountTargets(await layerEntries(layer), { createdBy: layer.createdBy, below });
    if (index < baseLayers) {
      below.push(entries);
      layers.push(withoutNotes(layer));
      continue;
    }
    const changed = withFolders(folders, await normaliseEntries(entries, epoch));
    const tree = await canonicalChanges([...below, changed]);
    if (tree.length === 0) continue;
    const createdBy = readableStep(layer.createdBy, options);
    const isLast = index === image.layers.length - 1;
    if (!isLast && /^WORKDIR /.test(createdBy ?? '') && tree.every(({ kind }) => kind === 'directory')) {
      folders = tree;
      continue;
    }
    folders = [];
    below.push(tree);
    layers.push(
      await writeLayer(tree, {
        directory: cacheDirectory,
        ...(createdBy === undefined ? {} : { createdBy }),
      }),
    );
  }
  const { architecture, os, variant } = image.config;
  return createImage({
    platform: { architecture, os, ...(variant === undefined ? {} : { variant }) },
    layers,
    config: portableConfig(image.config.config ?? {}),
    names: options.names,
    created: new Date(epoch * 1000).toISOString(),
  });
}

/**
 * A layer's entries without the removal of folders that its step had mounted: no step can remove those, but buildah takes
 * what was there before for its own.
 */
function withoutMountTargets(
  entries: readonly TreeEntry[],
  {
    createdBy,
    below,
  }: { readonly createdBy: string | undefined; readonly below: readonly (readonly TreeEntry[])[] },
): readonly TreeEntry[] {
  const targets = new Set(
    [...(createdBy ?? '').matchAll(/--mount=\S*?\b(?:target|dst|destination)=([^,\s]+)/g)].map(([, target]) =>
      target!.replace(/^\/+|\/+$/g, '').replace(/([^/]+)$/, '.wh.$1'),
    ),
  );
  const kept = entries.filter(({ path }) => !targets.has(path));
  if (kept.length === entries.length) return entries;
  const parentOf = (path: string) => path.slice(0, Math.max(0, path.lastIndexOf('/')));
  const touched = new Set([...targets].map(parentOf));
  for (const { path, kind } of kept) if (kind !== 'directory') touched.delete(parentOf(path));
  return kept.map((entry) => {
    if (!touched.has(entry.path)) return entry;
    const before = below.findLast((layer) => layer.some(({ path }) => path === entry.path));
    return { ...entry, mtime: before?.find(({ path }) => path === entry.path)?.mtime ?? entry.mtime };
  });
}

/** A layer's entries with folders below them; its own say what these are by then. */
function withFolders(folders: readonly TreeEntry[], entries: readonly TreeEntry[]): readonly TreeEntry[] {
  const paths = new Set(entries.map(({ path }) => path));
  const isGone = (path: string) =>
    path.split('/').some((_, at, parts) => {
      const parent = parts.slice(0, at).join('/');
      return paths.has(`${parent}${parent === '' ? '' : '/'}.wh.${parts[at]}`);
    });
  const kept = folders.filter(({ path }) => !paths.has(path) && !isGone(path));
  return kept.length === 0 ? entries : [...kept, ...entries];
}

function withoutNotes({ createdBy: _, comment, ...layer }: Layer): Layer {
  return comment === undefined || comment === '' ? layer : { ...layer, comment };
}

/** A step as the Dockerfile has it: without the build arguments and shell that engines put before it. */
function readableStep(text: string | undefined, options: NormaliseOptions): string | undefined {
  if (text === undefined) return undefined;
  const told = withoutArguments(options.restore(text), options.argumentValues)
    .replace(/^(?:RUN )?\/bin\/sh -c #\(nop\)\s+/, '')
    .replace(/ # buildkit$/, '');
  const bare = (step: string) => withoutShell(step, options.shells);
  return (
    bare(joinArguments(bare(told)))
      .trim()
      // Docker puts the stage's own shell before what runs nothing, too.
      .replace(/^RUN #\(nop\)\s+/, '')
      // Buildah keeps the flags of RUN.
      .replace(/^RUN (?:--(?:mount|network|security|device)=\S+\s+)+/, 'RUN ')
      // Each engine names the sources in its own way.
      .replace(/^(ADD|COPY)\b.*\s(\S+)$/s, '$1 $2')
  );
}

/** `|2 A=b C=d e /bin/sh -c …` without the two. */
function withoutArguments(step: string, values: NormaliseOptions['argumentValues']): string {
  const [head, count] = /^(?:RUN )?\|(\d+) /.exec(step) ?? [];
  if (head === undefined) return step;
  let rest = step.slice(head.length);
  for (let left = Number(count); left > 0; left--) {
    const name = /^(\w+)=/.exec(rest)?.[1];
    if (name === undefined) break;
    const [known] = (values.get(name) ?? [])
      .map((value) => `${name}=${value} `)
      .filter((pair) => rest.startsWith(pair))
      .sort((one, other) => other.length - one.length);
    rest = known === undefined ? rest.replace(/^\S*\s+/, '') : rest.slice(known.length);
  }
  return `RUN ${rest}`;
}

/** `RUN` in place of the shell and its options. */
function withoutShell(step: string, shells: readonly string[]): string {
  const [, bare = step] = /^(?:RUN )?([\s\S]*)$/.exec(step) ?? [];
  const shell = shells.find((line) => bare.startsWith(`${line} `));
  if (shell !== undefined) return `RUN ${bare.slice(shell.length + 1)}`;
  return step.replace(/^(?:RUN )?\/bin\/[a-z]*sh (?:(?:-[a-z]+|pipefail) )*?-[a-z]*c /, 'RUN ');
}

/** `RUN ["a", "b"]`, as buildah keeps it, in the form that docker keeps: the arguments with spaces between. */
function joinArguments(step: string): string {
  const [, prefix, list] = /^(RUN )(\[.*\])$/s.exec(step) ?? [];
  if (list === undefined) return step;
  try {
    const words: unknown = JSON.parse(list);
    return Array.isArray(words) && words.every((word) => typeof word === 'string')
      ? prefix + words.join(' ')
      : step;
  } catch {
    // A line for the shell that looks like a list.
    return step;
  }
}

/** What runs a container; what an engine notes of itself is left out. */
function portableConfig(config: ContainerConfig): ContainerConfig {
  const kept = [
    'User',
    'ExposedPorts',
    'Env',
    'Entrypoint',
    'Cmd',
    'Volumes',
    'WorkingDir',
    'Labels',
    'StopSignal',
    'Shell',
    'Healthcheck',
    'OnBuild',
  ] as const;
  const portable: Record<string, ContainerConfig[string]> = {};
  for (const name of kept) if (config[name] !== undefined) portable[name] = config[name];
  const labels = { ...config.Labels };
  delete labels['io.buildah.version'];
  portable.Labels = labels;
  if (config.ExposedPorts !== undefined)
    portable.ExposedPorts = withoutRanges(Object.keys(config.ExposedPorts));
  // The same to every engine, but buildah writes it out.
  if (portable.WorkingDir === '/') delete portable.WorkingDir;
  return portable as ContainerConfig;
}

/** `8000-8002/tcp` as the ports that it stands for: buildah keeps the range. */
function withoutRanges(ports: readonly string[]): Record<string, Record<string, never>> {
  const single: Record<string, Record<string, never>> = {};
  for (const port of ports) {
    const [, first, last, protocol] = /^(\d+)-(\d+)(\/\w+)?$/.exec(port) ?? [];
    if (first === undefined || Number(last) - Number(first) > 65_535) single[port] = {};
    else for (let at = Number(first); at <= Number(last); at++) single[`${at}${protocol ?? ''}`] = {};
  }
  return single;
}

async function normaliseEntries(entries: readonly TreeEntry[], epoch: number): Promise<TreeEntry[]> {
  const kept: TreeEntry[] = [];
  const systems = systemsWithin(entries);
  for (const entry of entries) {
    const { path } = entry;
    if (path === '' || isOfAptSettings(path)) continue;
    if (ofEngine.some((pattern) => pattern.test(path))) continue;
    const system = systems.find((folder) => path.startsWith(folder)) ?? '';
    const inside = path.slice(system.length);
    if (dropped.some((pattern) => pattern.test(inside))) continue;
    if (system !== '' && isPlaceholder(entry, inside)) continue;
    kept.push(await normaliseEntry(entry, { inside, epoch, isCopied: system !== '' }));
  }
  return kept;
}

/** Folders that hold a whole system of Debian, as `COPY --from=x / /sub` and debootstrap make them; the deepest first. */
function systemsWithin(entries: readonly TreeEntry[]): string[] {
  return entries
    .flatMap(({ path }) => /^(.+\/)var\/lib\/dpkg\/status$/.exec(path)?.[1] ?? [])
    .sort((a, b) => b.length - a.length);
}

/** An empty file that some engines leave in a stage as the place of their own. */
function isPlaceholder(entry: TreeEntry, inside: string): boolean {
  return (
    entry.kind === 'file' &&
    contentLength(entry.content) === 0 &&
    ofEngine.some((pattern) => pattern.test(inside))
  );
}

/** `inside` is the entry's path in the system that it belongs to, which may have been copied below a folder. */
async function normaliseEntry(
  entry: TreeEntry,
  {
    inside,
    epoch,
    isCopied,
  }: { readonly inside: string; readonly epoch: number; readonly isCopied: boolean },
): Promise<TreeEntry> {
  // Some engines keep files of theirs there while a step runs, which nothing below a copy tells of.
  const isTouched = entry.kind === 'directory' && (inside === 'run' || (isCopied && inside === 'etc'));
  const timed = { ...entry, mtime: isTouched ? epoch : Math.min(entry.mtime, epoch) };
  if (timed.kind !== 'file') return timed;
  if (emptied.test(inside)) return { ...timed, content: { kind: 'bytes', bytes: new Uint8Array(0) } };
  if (/\.pyc$/.test(inside)) return withByteCodeTime(timed, epoch);
  if (inside === 'etc/shadow') return withoutPasswordDates(timed, epoch);
  return timed;
}

/** Byte code that is checked by its source's time (PEP 552, flags 0) gets the time that the source gets. */
async function withByteCodeTime(entry: TreeEntry & { kind: 'file' }, epoch: number): Promise<TreeEntry> {
  const { content } = entry;
  const head = content.kind === 'bytes' ? content : { ...content, length: Math.min(16, content.length) };
  const header = await readContentsWhole([head]);
  if (header.length < 16 || header.readUInt32LE(4) !== 0 || header.readUInt32LE(8) <= epoch) return entry;
  const bytes = Buffer.from(await readContentsWhole([content]));
  bytes.writeUInt32LE(epoch, 8);
  return { ...entry, content: { kind: 'bytes', bytes } };
}

/** The day of the last change of each password, where it is later than the source. */
async function withoutPasswordDates(entry: TreeEntry & { kind: 'file' }, epoch: number): Promise<TreeEntry> {
  const text = (await readContentsWhole([entry.content])).toString('latin1');
  const today = Math.floor(epoch / 86_400);
  const fixed = text.replace(
    /^([^:\n]*:[^:\n]*:)(\d+)/gm,
    (_, before: string, day: string) => `${before}${Math.min(Number(day), today)}`,
  );
  return { ...entry, content: { kind: 'bytes', bytes: Buffer.from(fixed, 'latin1') } };
}
