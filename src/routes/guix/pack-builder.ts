// `builtin:guix-pack`: an image or a tarball of a profile.
import { join } from 'node:path';
import type { StorePath } from '../../formats/store-path.ts';
import { type ByteString, toByteString } from '../../foundation/byte-string.ts';
import { TrimaranError } from '../../foundation/error.ts';
import { type FileTree, fileTree, type TreeEntry } from '../../foundation/file-tree.ts';
import type { ArchiveDraft } from '../../oci/archive-draft.ts';
import type { ContainerConfig, Image } from '../../oci/image.ts';
import { declaredRootOf } from '../../sets/debian/declared-root.ts';
import { assembleImage } from '../../sets/image/assemble-image.ts';
import { collectImageContents, type ImageContents, rootFolder } from '../../sets/image/image-contents.ts';
import { writeOwnArchive } from '../../sets/known-archive.ts';
import type { BuildContext } from '../../store/builder.ts';
import { checkEntryPoint } from './entry-point.ts';
import type { PackAttributes } from './pack-derivation.ts';
import { readSearchPaths } from './profile-builder.ts';
import { compressFile, writeTarball } from './tarball.ts';

/** A {@link import('../../store/builder.ts').Builder}. Throws `guix/…`, `image/…`, `oci/…`. */
export async function buildPack(context: BuildContext, draft?: ArchiveDraft): Promise<void> {
  const attributes = context.attributes as unknown as PackAttributes;
  const output = context.outputs.get('out')!;
  const image = await imageOf(context, attributes);
  const { compression } = attributes;
  if (attributes.format === 'tarball') await writeTarball(image, output.plain);
  else
    await writeOwnArchive(
      image,
      { output, cacheRoot: context.store.root },
      {
        compression: compression === 'gzip' ? 'gzip' : 'none',
        draft: compression === 'none' ? draft : undefined,
      },
    );
  const isDone = compression === 'none' || (compression === 'gzip' && attributes.format === 'docker');
  if (!isDone) await compressFile({ file: output.plain, compression, host: context.host });
  // The archive holds what it needs; nothing outside is referred to.
  output.declareReferences([]);
}

async function imageOf(context: BuildContext, attributes: PackAttributes): Promise<Image> {
  const { store } = context;
  const profile = attributes.profile as StorePath;
  const collected = collectImageContents({
    store,
    contents: [],
    references: [profile],
    includeStorePaths: true,
  });
  const [program] = attributes.entryPoint ?? [];
  if (program !== undefined) {
    await checkEntryPoint({
      store,
      profile,
      program: program.slice(profile.length + 1),
      contents: collected,
    });
  }
  const contents: ImageContents = {
    ...collected,
    rootTree: withRoot(collected.rootTree, attributes, collected),
  };
  return assembleImage({
    store,
    layerDirectory: join(store.root, 'layers'),
    contents,
    declareRoot: (packages) => declaredRootOf(store, packages),
    config: configOf(attributes, readSearchPaths(store, profile)),
    architecture: attributes.architecture,
    created: '1970-01-01T00:00:01Z',
    names: [attributes.imageName],
    maxLayers: attributes.maxLayers,
    uid: 0,
    gid: 0,
    mtime: 1,
  });
}

function configOf(attributes: PackAttributes, variables: Readonly<Record<string, string>>): ContainerConfig {
  const given = new Set(attributes.environment.map((text) => text.slice(0, text.indexOf('='))));
  const own = Object.entries(variables).flatMap(([name, value]) =>
    given.has(name) ? [] : [`${name}=${value}`],
  );
  return {
    Env: [...own, ...attributes.environment],
    ...(attributes.entryPoint === null ? {} : { Entrypoint: attributes.entryPoint }),
    ...(attributes.workingDirectory === null ? {} : { WorkingDir: attributes.workingDirectory }),
    ...(attributes.user === null ? {} : { User: attributes.user }),
    ...(attributes.exposedPorts.length === 0
      ? {}
      : { ExposedPorts: Object.fromEntries(attributes.exposedPorts.map((port) => [port, {}])) }),
    ...(Object.keys(attributes.labels).length === 0 ? {} : { Labels: attributes.labels }),
  };
}

/** The links that were asked for, and /tmp, over what packages bring. */
function withRoot(root: FileTree, attributes: PackAttributes, contents: ImageContents): FileTree {
  const entries = new Map<ByteString, TreeEntry>(root.map((entry) => [entry.path, entry]));
  const parents = (path: ByteString) => {
    const parts = path.split('/');
    for (let i = 1; i < parts.length; i++) {
      const parent = parts.slice(0, i).join('/');
      if (!entries.has(parent)) entries.set(parent, rootFolder(parent));
    }
  };
  entries.set('tmp', { kind: 'directory', path: 'tmp', mode: 0o1777, uid: 0, gid: 0, mtime: 1 });
  for (const { source, target } of attributes.symlinks) {
    const path = rooted(toByteString(source), contents);
    parents(path);
    const place = target === '' ? attributes.profile : `${attributes.profile}/${target}`;
    entries.set(path, {
      kind: 'symlink',
      path,
      mode: 0o777,
      uid: 0,
      gid: 0,
      mtime: 1,
      target: toByteString(place),
    });
  }
  return fileTree(entries.values());
}

/** Where a link lies; what would hide files of packages is refused. */
function rooted(source: ByteString, { packages }: ImageContents): ByteString {
  const path = source.replace(/^\/+|\/+$/g, '');
  const isMerged = packages.length > 0 && /^(bin|sbin|lib|lib64)$/.test(path);
  const isSystem = packages.length > 0 && /^(usr|etc|var|dev|proc|sys|tmp)$/.test(path);
  if (path !== '' && !isMerged && !isSystem) {
    return packages.length > 0 && /^(bin|sbin|lib|lib64)\//.test(path) ? `usr/${path}` : path;
  }
  throw new TrimaranError({
    code: 'guix/bad-symlink',
    message: `the link \`/${path}' would take the place of a folder of the packages`,
    hint: 'with packages of Debian, /bin, /lib and /etc are there already: leave -S out',
  });
}
