// Where two images that should be the same are not: fields of the configuration, layers, files with the first byte that
// differs and what most likely made it differ.
import type { ByteString } from '../../foundation/byte-string.ts';
import { type Content, contentLength, type TreeEntry } from '../../foundation/file-tree.ts';
import { readContentsWhole } from '../../oci/content-stream.ts';
import { diffIds, type Image } from '../../oci/image.ts';
import { mergeImage } from '../../oci/layer-merge.ts';
import { diffTrees, type TreeChange } from '../../oci/tree-diff.ts';
import { type Cause, likelyCause } from './likely-cause.ts';

interface FileDifference {
  readonly path: ByteString;
  readonly change: 'added' | 'removed' | 'changed';
  /** Index of the layer that has the file, in the image where it is. */
  readonly layer: number;
  /** What differs of a changed file: `content`, `mtime`, `mode` … */
  readonly fields: readonly string[];
  /** Offset of the first byte that differs. */
  readonly offset?: number;
  /** Up to 16 bytes from there in each image, hexadecimal. */
  readonly before?: string;
  readonly after?: string;
  readonly cause: Cause;
}

export interface ImageDifference {
  readonly configDigests: readonly [string, string];
  /** Names of fields of the configuration that differ: `config.Env`, `created`. */
  readonly config: readonly string[];
  /** Indexes of layers whose diffIDs differ. */
  readonly layers: readonly number[];
  readonly files: readonly FileDifference[];
  /** Whether there are more files than are listed. */
  readonly more: boolean;
}

const mostFiles = 200;
/** Longer contents are compared by a part around the first difference. */
const mostRead = 4 << 20;

/**
 * The differences between two images; undefined when they are the same. `hints` are texts that only one of the two builds
 * saw, such as its folders. Rejects as `mergeImage` and `readContents` do.
 */
export async function compareBuilds(
  [a, b]: readonly [Image, Image],
  hints: readonly string[],
): Promise<ImageDifference | undefined> {
  if (a.configDigest === b.configDigest) return undefined;
  const [left, right] = [diffIds(a), diffIds(b)];
  const layers = Array.from({ length: Math.max(left.length, right.length) }, (_, at) => at).filter(
    (at) => left[at] !== right[at],
  );
  const files: FileDifference[] = [];
  let changes: TreeChange[] = [];
  if (layers.length > 0) {
    const [before, after] = [await mergeImage(a), await mergeImage(b)];
    changes = await diffTrees(before.tree, after.tree);
    for (const change of changes.slice(0, mostFiles)) {
      const at = change.change === 'removed' ? before : after;
      const layer = at.layerOf.get(change.path) ?? -1;
      const described = await describe(change, { layer, hints });
      files.push(
        change.change === 'changed'
          ? described
          : { ...described, cause: causeOfName(change, { changes, hints }) },
      );
    }
  }
  return {
    configDigests: [a.configDigest, b.configDigest],
    config: configDifferences(a.config, b.config),
    layers,
    files,
    more: changes.length > mostFiles,
  };
}

async function describe(
  change: TreeChange,
  { layer, hints }: { readonly layer: number; readonly hints: readonly string[] },
): Promise<FileDifference> {
  if (change.change !== 'changed') {
    return { path: change.path, change: change.change, layer, fields: [], cause: 'unknown' };
  }
  const { path, fields, firstDifference, before, after } = change;
  if (firstDifference === undefined || before.kind !== 'file' || after.kind !== 'file') {
    const cause = fields.every((field) => field === 'mtime') ? 'timestamp' : 'unknown';
    return { path, change: 'changed', layer, fields, cause };
  }
  const [left, right] = [await partOf(before, firstDifference), await partOf(after, firstDifference)];
  const cause = likelyCause({
    path,
    before: left.bytes,
    after: right.bytes,
    offset: firstDifference - left.start,
    isWhole: left.isWhole && right.isWhole,
    start: left.start,
    hints,
  });
  const hexAt = ({ bytes, start }: Part) =>
    bytes.subarray(firstDifference - start, firstDifference - start + 16).toString('hex');
  return {
    path,
    change: 'changed',
    layer,
    fields,
    offset: firstDifference,
    before: hexAt(left),
    after: hexAt(right),
    cause,
  };
}

/** Why a file is only in one image: another one beside it is only in the other, by a name that is not the same twice. */
function causeOfName(
  { path, change }: TreeChange,
  { changes, hints }: { readonly changes: readonly TreeChange[]; readonly hints: readonly string[] },
): Cause {
  const folder = (text: string) => text.slice(0, text.lastIndexOf('/') + 1);
  const others = changes.filter(
    (other) => other.change !== change && other.change !== 'changed' && folder(other.path) === folder(path),
  );
  const [other] = others;
  if (other === undefined || others.length > 1) return 'unknown';
  const [before, after] = [path, other.path].map((text) =>
    Buffer.from(text.slice(folder(text).length), 'latin1'),
  );
  let offset = 0;
  while (before![offset] === after![offset] && offset < before!.length) offset++;
  return likelyCause({ path: '', before: before!, after: after!, offset, start: 0, isWhole: true, hints });
}

interface Part {
  readonly bytes: Buffer;
  readonly start: number;
  readonly isWhole: boolean;
}

async function partOf(entry: TreeEntry & { kind: 'file' }, offset: number): Promise<Part> {
  const { content } = entry;
  const length = contentLength(content);
  if (length <= mostRead) return { bytes: await readContentsWhole([content]), start: 0, isWhole: true };
  const start = Math.max(0, offset - 4096);
  return { bytes: await readContentsWhole([slice(content, start, 8192)]), start, isWhole: false };
}

function slice(content: Content, start: number, wanted: number): Content {
  const length = Math.min(wanted, contentLength(content) - start);
  return content.kind === 'bytes'
    ? { kind: 'bytes', bytes: content.bytes.subarray(start, start + length) }
    : { ...content, offset: content.offset + start, length };
}

/** Paths of the fields that differ, one level into `config`; layers are told apart from them. */
function configDifferences(a: object, b: object): string[] {
  const differing: string[] = [];
  const compare = (left: object, right: object, prefix: string) => {
    const fields = new Set([...Object.keys(left), ...Object.keys(right)]);
    for (const field of [...fields].sort()) {
      if (prefix === '' && field === 'rootfs') continue;
      const [x, y] = [(left as Record<string, unknown>)[field], (right as Record<string, unknown>)[field]];
      if (JSON.stringify(x) === JSON.stringify(y)) continue;
      if (prefix === '' && field === 'config' && isObject(x) && isObject(y)) compare(x, y, 'config.');
      else differing.push(prefix + field);
    }
  };
  compare(a, b, '');
  return differing;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
