// An image from a registry as an archive to build upon: dockerTools.pullImage. Its digest says what it is, so nothing is
// taken that differs; the hash that nixpkgs asks for besides is that of skopeo's archive, which is not made here.
import { join } from 'node:path';
import { TrimaranError } from '../../foundation/error.ts';
import { writeArchive } from '../../oci/archive-write.ts';
import { parseSha256Digest } from '../../oci/descriptor.ts';
import { renameImage } from '../../oci/image.ts';
import { parseReference } from '../../oci/reference.ts';
import { pullImage } from '../../oci/registry-pull.ts';
import { openRegistries } from '../../oci/registry-settings.ts';
import type { BuildContext } from '../../store/builder.ts';

/** A {@link import('../../store/builder.ts').Builder} for `builtin:pull-image`. Rejects with `image/bad-digest`, `oci/…`. */
export async function pullImageArchive(context: BuildContext): Promise<void> {
  const { store, host, env } = context;
  const text = (name: string) => env.get(name) ?? '';
  const digest = text('imageDigest');
  if (parseSha256Digest(digest) === undefined) {
    throw new TrimaranError({
      code: 'image/bad-digest',
      message: `pullImage: imageDigest \`${digest}\` is no digest`,
      hint: 'write sha256: and 64 hexadecimal digits, as `skopeo inspect` shows them',
    });
  }
  const { image } = await pullImage(openRegistries({ host }), {
    reference: parseReference(`${text('imageName')}@${digest}`),
    platform: { os: text('os'), architecture: text('arch') },
    cacheDirectory: join(store.root, 'layers'),
  });
  const output = context.outputs.get('out')!;
  await writeArchive(
    [renameImage(image, [`${text('finalImageName')}:${text('finalImageTag')}`])],
    output.plain,
  );
  output.declareReferences([]);
}
