// Builds an image archive from a derivation of dockerTools: reads its attributes, collects what the image holds, and
// writes one archive that `docker load` reads.
import { join } from 'node:path';
import type { StorePath } from '../../formats/store-path.ts';
import { TrimaranError } from '../../foundation/error.ts';
import { readArchive } from '../../oci/archive-read.ts';
import { writeArchive } from '../../oci/archive-write.ts';
import type { ContainerConfig, Image } from '../../oci/image.ts';
import type { BuildContext } from '../../store/builder.ts';
import { declaredRootOf } from '../debian/declared-root.ts';
import { assembleImage } from './assemble-image.ts';
import { checkConfig } from './check-config.ts';
import { runImageCommands } from './image-commands.ts';
import { collectImageContents } from './image-contents.ts';

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
  readonly architecture: string;
  readonly extraCommands?: string;
  readonly rootCommands?: string;
  readonly rootCommandsChroot?: boolean;
  readonly tools?: StorePath;
  readonly fromImage?: StorePath;
}

/** A {@link import('../../store/builder.ts').Builder} for `builtin:docker-image`. */
export async function buildImageArchive(context: BuildContext): Promise<void> {
  const { store } = context;
  const attributes = context.attributes as unknown as ImageAttributes;
  const output = context.outputs.get('out')!;
  checkConfig(attributes.config);
  const collected = collectImageContents({
    store,
    contents: attributes.contents,
    references: pathsIn(JSON.stringify(attributes.config), context.inputs),
    includeStorePaths: attributes.includeStorePaths,
  });
  const { tools } = attributes;
  const contents =
    tools === undefined
      ? collected
      : {
          ...collected,
          rootTree: await runImageCommands(
            context,
            {
              tools,
              extraCommands: attributes.extraCommands ?? '',
              rootCommands: attributes.rootCommands ?? '',
              rootCommandsChroot: attributes.rootCommandsChroot === true,
            },
            { tree: collected.rootTree, packages: collected.packages },
          ),
        };
  const image = await assembleImage({
    store,
    layerDirectory: join(store.root, 'layers'),
    contents,
    base: await baseImage(context, attributes.fromImage),
    declareRoot: (packages) => declaredRootOf(store, packages),
    config: attributes.config,
    architecture: attributes.architecture,
    created: attributes.created,
    names: [
      `${attributes.imageName}:${attributes.imageTag ?? output.path.slice(output.path.lastIndexOf('/') + 1).split('-')[0]}`,
    ],
    maxLayers: attributes.maxLayers,
    uid: attributes.uid,
    gid: attributes.gid,
    mtime: secondsOf(attributes.mtime),
  });
  await writeArchive([image], output.plain);
  // The archive holds what it needs; nothing outside is referred to.
  output.declareReferences([]);
}

/** The image to build upon, from an archive that another derivation made. */
async function baseImage(
  { store }: BuildContext,
  archive: StorePath | undefined,
): Promise<Image | undefined> {
  if (archive === undefined) return undefined;
  const cacheDirectory = join(store.root, 'layers');
  const [image] = await readArchive(store.materialise(archive), { cacheDirectory, copyLayers: true });
  return image;
}

/** Which of these store paths a text names. */
function pathsIn(text: string, inputs: readonly StorePath[]): StorePath[] {
  return inputs.filter((path) => text.includes(path));
}

/** Seconds since 1970 of a time as recipes write it. Throws `image/bad-time`. */
function secondsOf(time: string): number {
  const milliseconds = Date.parse(time);
  if (/^\d{4}-\d\d-\d\dT/.test(time) && !Number.isNaN(milliseconds)) return Math.floor(milliseconds / 1000);
  throw new TrimaranError({
    code: 'image/bad-time',
    message:
      time === 'now' ? 'an image made `now` would be another one each time' : `\`${time}\` is not a time`,
    hint: 'write it as 1970-01-01T00:00:01Z, or leave it out',
  });
}
