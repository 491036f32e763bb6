// Builds an image archive from a derivation of dockerTools: reads its attributes, collects what the image holds, and
// writes one archive that `docker load` reads.
import { join } from 'node:path';
import type { StorePath } from '../../formats/store-path.ts';
import { isTrimaranError, TrimaranError } from '../../foundation/error.ts';
import { type FileTree, fileTree, type TreeEntry } from '../../foundation/file-tree.ts';
import type { ArchiveDraft } from '../../oci/archive-draft.ts';
import { readArchive } from '../../oci/archive-read.ts';
import type { ContainerConfig, Image } from '../../oci/image.ts';
import { writeFamiliarReference } from '../../oci/reference.ts';
import type { BuildContext } from '../../store/builder.ts';
import { referencesIn } from '../../store/reference-scan.ts';
import { declaredRootOf } from '../debian/declared-root.ts';
import { writeOwnArchive } from '../known-archive.ts';
import { assembleImage } from './assemble-image.ts';
import { checkConfig } from './check-config.ts';
import { textsOf, withoutLoops } from './commands-outcome.ts';
import { runImageCommands } from './image-commands.ts';
import {
  collectImageContents,
  type ImageContents,
  type ImageContentsOptions,
  mergeIntoUsr,
  withoutRootLinks,
} from './image-contents.ts';

/** What dockerTools says of an image; see docker-tools.nix. */
interface ImageAttributes {
  readonly imageName: string;
  readonly imageTag: string | null;
  readonly config: ContainerConfig;
  readonly contents: readonly StorePath[];
  readonly created: string;
  readonly mtime: string;
  readonly maxLayers: number;
  readonly includeStorePaths: boolean;
  readonly uid: number;
  readonly gid: number;
  /** Whether files at the root have that owner, too. */
  readonly ownsRoot: boolean;
  readonly architecture: string;
  readonly extraCommands?: string;
  readonly rootCommands?: string;
  readonly rootCommandsChroot?: boolean;
  readonly tools?: StorePath;
  readonly fromImage?: StorePath;
  readonly fromImageName?: string | null;
  readonly fromImageTag?: string | null;
}

/**
 * A {@link import('../../store/builder.ts').Builder} for `builtin:docker-image`. `draft` may hold the beginning of the
 * archive.
 */
export async function buildImageArchive(
  context: BuildContext,
  draft: ArchiveDraft | undefined,
): Promise<void> {
  const { store } = context;
  const attributes = context.attributes as unknown as ImageAttributes;
  const output = context.outputs.get('out')!;
  checkConfig(attributes.config);
  const created = momentOf(context, attributes.created);
  const wanted = {
    store,
    contents: attributes.contents,
    references: pathsIn(JSON.stringify(attributes.config), context.inputs),
    includeStorePaths: attributes.includeStorePaths,
  };
  const contents = await withCommands(context, attributes, wanted);
  const base = await baseImage(context, attributes);
  const image = await assembleImage({
    store,
    layerDirectory: join(store.root, 'layers'),
    contents: { ...contents, rootTree: ownedBy(attributes, contents.rootTree) },
    base,
    declareRoot: (packages) => declaredRootOf(store, packages),
    config: withEnvOf(base, attributes.config),
    architecture: attributes.architecture,
    created,
    names: [
      `${attributes.imageName}:${attributes.imageTag ?? output.path.slice(output.path.lastIndexOf('/') + 1).split('-')[0]}`,
    ],
    maxLayers: attributes.maxLayers,
    uid: attributes.uid,
    gid: attributes.gid,
    mtime: secondsOf(attributes.mtime),
  });
  await writeOwnArchive(image, { output, cacheRoot: store.root }, { draft });
  // The archive holds what it needs; nothing outside is referred to.
  output.declareReferences([]);
}

/** What an image holds after the recipe's commands have gone over its root, with the store paths that they left words of. */
async function withCommands(
  context: BuildContext,
  attributes: ImageAttributes,
  wanted: ImageContentsOptions,
): Promise<ImageContents> {
  const collected = collectImageContents(wanted);
  const { tools, extraCommands = '', rootCommands = '', rootCommandsChroot = false } = attributes;
  if (tools === undefined) return collected;
  const commands = { tools, extraCommands, rootCommands, rootCommandsChroot };
  const tree = await runImageCommands(context, commands, {
    tree: withoutRootLinks(collected.rootTree),
    packages: collected.packages,
  });
  const { store } = context;
  const candidates = store.closure(context.inputs).filter((path) => path !== tools);
  const references = [...wanted.references, ...referencesIn(textsOf(tree), candidates)];
  const all = collectImageContents({ ...wanted, references });
  // What the commands took away stays away; what they refer to comes with its own files at the root.
  const known = new Set([...collected.rootTree, ...tree].map((entry) => entry.path));
  const rootTree = fileTree([...tree, ...all.rootTree.filter((entry) => !known.has(entry.path))]);
  if (all.packages.length === 0) return { ...all, rootTree };
  return { ...all, rootTree: withoutLoops(mergeIntoUsr(rootTree), collected.rootTree, store) };
}

/** What belongs to nobody in particular gets the owner that the recipe wants; the folders of packages stay root's. */
function ownedBy({ ownsRoot, uid, gid }: ImageAttributes, tree: FileTree): FileTree {
  if (!ownsRoot) return tree;
  const isOfPackages = ({ kind, path }: TreeEntry) => kind === 'directory' && /^usr(?:\/[^/]+)?$/.test(path);
  return tree.map((entry) => (isOfPackages(entry) ? entry : { ...entry, uid, gid }));
}

/** The image to build upon, from an archive: the one named, else the first. Throws `image/no-such-base`. */
async function baseImage({ store }: BuildContext, attributes: ImageAttributes): Promise<Image | undefined> {
  const { fromImage, fromImageName, fromImageTag } = attributes;
  if (fromImage === undefined) return undefined;
  const cacheDirectory = join(store.root, 'layers');
  const images = await readBase();
  if (fromImageName == null && fromImageTag == null) return images[0];
  const names = images.flatMap((image) => image.names.map(writeFamiliarReference));
  const isWanted = (name: string) =>
    (fromImageName == null || repositoryOf(name) === fromImageName) &&
    (fromImageTag == null || name.endsWith(`:${fromImageTag}`));
  const found = images.find((image) => image.names.map(writeFamiliarReference).some(isWanted));
  if (found !== undefined) return found;
  throw new TrimaranError({
    code: 'image/no-such-base',
    message: `the archive ${fromImage} has no image ${fromImageName ?? '*'}:${fromImageTag ?? '*'}`,
    hint:
      names.length === 0
        ? 'its images have no names; leave fromImageName and fromImageTag out'
        : `it has ${names.join(', ')}`,
  });

  async function readBase(): Promise<Image[]> {
    try {
      return await readArchive(store.materialise(fromImage!), { cacheDirectory, copyLayers: true });
    } catch (error) {
      if (!isTrimaranError(error) || !/^(?:oci|tar|archive)\//.test(error.code)) throw error;
      throw new TrimaranError({
        code: 'image/no-such-base',
        message: `fromImage is ${fromImage}, which is no archive of an image: ${error.message}`,
        hint: 'give what buildImage or pullImage makes, or an archive that `docker save` wrote',
        cause: error,
      });
    }
  }
}

function repositoryOf(name: string): string {
  return name.replace(/:[^:/]*$/, '');
}

/** As nixpkgs has it: variables of the image below stay unless they are set anew. */
function withEnvOf(base: Image | undefined, config: ContainerConfig): ContainerConfig {
  const below = base?.config.config?.Env ?? [];
  if (below.length === 0) return config;
  const variables = new Map([...below, ...(config.Env ?? [])].map((text) => [text.split('=', 1)[0], text]));
  return { ...config, Env: [...variables.values()] };
}

/** Which of these store paths a text names. */
function pathsIn(text: string, inputs: readonly StorePath[]): StorePath[] {
  return inputs.filter((path) => text.includes(path));
}

/** When an image was made, as its recipe says: `now` is this moment, and then no two builds give the same image. */
function momentOf({ host }: BuildContext, created: string): string {
  if (created !== 'now') {
    secondsOf(created);
    return created;
  }
  host.progress.note(
    'the image is made `now`, so that another build of it is another image; leave `created` out for one that is always the same',
  );
  return new Date(Math.floor(host.now() / 1000) * 1000).toISOString().replace('.000', '');
}

/** Seconds since 1970 of a time as recipes write it. Throws `image/bad-time`. */
function secondsOf(time: string): number {
  const milliseconds = Date.parse(time);
  if (/^\d{4}-\d\d-\d\dT/.test(time) && !Number.isNaN(milliseconds)) return Math.floor(milliseconds / 1000);
  throw new TrimaranError({
    code: 'image/bad-time',
    message: time === 'now' ? 'files changed `now` would be others each time' : `\`${time}\` is not a time`,
    hint: 'write it as 1970-01-01T00:00:01Z, or leave it out',
  });
}
