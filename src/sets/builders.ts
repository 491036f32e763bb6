// The builders that need the store, Debian and images together, by the name that derivations call them.
// The recipes that use them are the Debian set's Nix files and the Guix route.
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { StorePath } from '../formats/store-path.ts';
import { type ByteString, byteStringToBuffer, toByteString, toFilePath } from '../foundation/byte-string.ts';
import { TrimaranError } from '../foundation/error.ts';
import { fileTree, type TreeEntry } from '../foundation/file-tree.ts';
import type { Host } from '../foundation/host.ts';
import type { ArchiveDraft } from '../oci/archive-draft.ts';
import { readArchive } from '../oci/archive-read.ts';
import { writeArchive } from '../oci/archive-write.ts';
import type { BuildContext, Builder, BuildOutput } from '../store/builder.ts';
import type { LocalStore } from '../store/local-store.ts';
import { ByteCodeBuilder } from './debian/byte-code-builder.ts';
import { realisePackages } from './debian/unpacked-packages.ts';
import { type EnvironmentPackage, environmentFile } from './image/environment.ts';
import { buildImageArchive } from './image/image-builder.ts';
import { pullImageArchive } from './image/pulled-image.ts';
import { linkUnion } from './link-union.ts';

export interface SetBuilders {
  /** By builder name without `builtin:`, for `Realiser`. */
  readonly builders: ReadonlyMap<string, Builder>;
  /** Ends what was started; call it when no more is built. */
  close(): void;
}

/** The builders over one store. */
export function createSetBuilders(options: {
  readonly host: Host;
  readonly store: LocalStore;
  /** A copy of an archive much like one that will be built. */
  readonly draft?: ArchiveDraft | undefined;
}): SetBuilders {
  const byteCode = new ByteCodeBuilder(options);
  const builders = new Map<string, Builder>([
    ['deb', (context) => realisePackages(options, [context.derivation])],
    ['python-byte-code', (context) => compileByteCode(byteCode, context)],
    ['environment', buildEnvironment],
    ['write-file', writeTextFile],
    ['link-farm', buildLinkFarm],
    ['docker-image', (context) => buildImageArchive(context, options.draft)],
    ['stream-image', writeStreamScript],
    ['merge-images', mergeImages],
    ['pull-image', pullImageArchive],
  ]);
  return { builders, close: () => byteCode.close() };
}

async function compileByteCode(compiler: ByteCodeBuilder, context: BuildContext): Promise<void> {
  const interpreter = required(context, 'interpreter').split(' ') as StorePath[];
  const tree = await compiler.byteCodeTree(required(context, 'source') as StorePath, interpreter);
  const output = onlyOutput(context);
  await output.writePacked(tree);
  output.declareReferences([]);
}

async function buildEnvironment(context: BuildContext): Promise<void> {
  const attributes = context.attributes ?? {};
  const links = linkUnion({
    store: context.store,
    paths: attributes.paths as StorePath[],
    pathsToLink: attributes.pathsToLink as string[],
    ignoreCollisions: attributes.ignoreCollisions === true,
  });
  const { suite, timestamp, packages } = attributes;
  const shown = attributes.shownPackages as readonly string[] | undefined;
  const content = Buffer.from(JSON.stringify({ suite, timestamp, packages }));
  const folder = (path: ByteString): TreeEntry => ({
    kind: 'directory',
    path,
    mode: 0o555,
    uid: 0,
    gid: 0,
    mtime: 1,
  });
  const own = new Map<ByteString, TreeEntry>([
    ['', folder('')],
    // Packages lie at the root; these links make `PATH/bin/NAME` lead there, in images and sandboxes alike.
    ...(shown === undefined
      ? rootLinks.map(linkToRoot)
      : packageLinks(
          context.store,
          (packages as EnvironmentPackage[]).filter(({ name }) => shown.includes(name)),
        )
    ).map((link): [ByteString, TreeEntry] => [link.path, link]),
    ...links.map((entry): [ByteString, TreeEntry] => [entry.path, entry]),
    ['nix-support', folder('nix-support')],
    [
      environmentFile,
      {
        kind: 'file',
        path: environmentFile,
        mode: 0o444,
        uid: 0,
        gid: 0,
        mtime: 1,
        content: { kind: 'bytes', bytes: content },
      },
    ],
  ]);
  onlyOutput(context).writePlain(fileTree(own.values()));
}

/** Folders of packages that recipes name below an environment. */
const rootLinks = ['bin', 'etc', 'include', 'lib', 'libexec', 'sbin', 'share', 'var'];

function linkToRoot(name: string): TreeEntry {
  return linkTo(name, name === 'etc' || name === 'var' ? `/${name}` : `/usr/${name}`);
}

function linkTo(path: ByteString, target: ByteString): TreeEntry {
  return { kind: 'symlink', path, mode: 0o777, uid: 0, gid: 0, mtime: 1, target };
}

/** The packages' files as links to where they lie, in folders of their own: what lies below /usr is shown without it. */
function packageLinks(store: LocalStore, packages: readonly EnvironmentPackage[]): TreeEntry[] {
  const entries = new Map<ByteString, TreeEntry>();
  for (const { tree } of packages) {
    for (const entry of store.tree(tree)) {
      const path = entry.path.startsWith('usr/') ? entry.path.slice('usr/'.length) : entry.path;
      if (!rootLinks.includes(path.split('/', 1)[0]!)) continue;
      entries.set(
        path,
        entry.kind === 'directory'
          ? { kind: 'directory', path, mode: 0o555, uid: 0, gid: 0, mtime: 1 }
          : linkTo(path, `/${entry.path}`),
      );
    }
  }
  return [...entries.values()];
}

async function writeTextFile(context: BuildContext): Promise<void> {
  const output = onlyOutput(context);
  const destination = (context.env.get('destination') ?? '').replace(/^\/+/, '');
  const target = destination === '' ? output.plain : `${toByteString(output.plain)}/${destination}`;
  checkInside(destination);
  if (destination !== '') mkdirSync(dirname(target), { recursive: true });
  writeFileSync(toFilePath(target), byteStringToBuffer(context.env.get('text') ?? ''));
  chmodSync(toFilePath(target), context.env.get('executable') === '1' ? 0o555 : 0o444);
}

async function buildLinkFarm(context: BuildContext): Promise<void> {
  const output = onlyOutput(context);
  mkdirSync(output.plain);
  for (const { name, target } of (context.attributes?.entries ?? []) as { name: string; target: string }[]) {
    checkInside(name);
    const place = join(output.plain, name);
    mkdirSync(dirname(place), { recursive: true });
    symlinkSync(target, place);
  }
}

/** A script that finds the archive beside itself, wherever the store lies. */
async function writeStreamScript(context: BuildContext): Promise<void> {
  const archive = required(context, 'archive');
  const output = onlyOutput(context);
  const base = archive.slice(archive.lastIndexOf('/') + 1);
  const script = `#!/bin/sh\n# Writes the image archive ${archive}.\nexec cat -- "$(dirname -- "$(readlink -f -- "$0")")/${base}"\n`;
  writeFileSync(output.plain, script, { mode: 0o555 });
}

/** Several images in one archive; layers that they share are stored once. */
async function mergeImages(context: BuildContext): Promise<void> {
  const { store } = context;
  const archives = required(context, 'images').split(' ') as StorePath[];
  const cacheDirectory = join(store.root, 'layers');
  const images = await Promise.all(
    archives.map((path) => readArchive(store.materialise(path), { cacheDirectory })),
  );
  await writeArchive(images.flat(), onlyOutput(context).plain);
}

function onlyOutput(context: BuildContext): BuildOutput {
  const output = context.outputs.get('out');
  if (output === undefined) throw badDerivation(context, 'its output must be `out`');
  return output;
}

function required(context: BuildContext, name: string): ByteString {
  const value = context.env.get(name);
  if (value === undefined || value === '') throw badDerivation(context, `it has no \`${name}\``);
  return value;
}

function checkInside(path: ByteString): void {
  if (!path.split('/').includes('..')) return;
  throw new TrimaranError({ code: 'build/outside-output', message: `\`${path}\` leads out of the output` });
}

function badDerivation(context: BuildContext, why: string): TrimaranError {
  return new TrimaranError({
    code: 'build/bad-derivation',
    message: `${context.derivationPath} cannot be built: ${why}`,
    hint: 'use the functions of the Debian set instead of calling `derivation` with its builders',
  });
}
