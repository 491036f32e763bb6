// `builtin:guix-patch`: an origin's source unpacked, with its patches applied in their order.
import type { StorePath } from '../../formats/store-path.ts';
import { fromByteString } from '../../foundation/byte-string.ts';
import { TrimaranError } from '../../foundation/error.ts';
import type { BuildContext } from '../../store/builder.ts';
import { readContent } from '../../store/disk-tree.ts';
import { applyPatch } from './unified-diff.ts';
import { unpackSource } from './unpack-source.ts';

interface PatchAttributes {
  readonly source: StorePath;
  readonly patches: readonly StorePath[];
  readonly strip: number;
}

/** A {@link import('../../store/builder.ts').Builder}. Throws `guix/bad-patch` and `guix/patch-failed`. */
export async function buildPatched(context: BuildContext): Promise<void> {
  const { source, patches, strip } = context.attributes as unknown as PatchAttributes;
  const nameOf = (path: StorePath) => fromByteString(path.slice(path.indexOf('-') + 1));
  let tree = await unpackSource(context.store.tree(source), nameOf(source));
  for (const patch of patches) {
    const name = nameOf(patch);
    const [file] = context.store.tree(patch);
    if (file?.kind !== 'file')
      throw new TrimaranError({ code: 'guix/bad-patch', message: `${name}: a patch is a file` });
    context.log(`applying '${patch}'...`);
    tree = applyPatch(tree, { name, text: readContent(file.content).toString('latin1'), strip });
  }
  context.outputs.get('out')!.writePlain(tree);
}
