// From what a builder left to valid store paths: finds each output's form and references, verifies fixed outputs and the
// derivation's rules, and only then registers, referenced outputs first.
import { existsSync, lstatSync } from 'node:fs';
import type { Derivation } from '../formats/derivation.ts';
import { writePrefixedHash } from '../formats/hash-text.ts';
import { readNarSource } from '../formats/nar.ts';
import type { StorePath } from '../formats/store-path.ts';
import { indexTarFileSync } from '../formats/tar-read.ts';
import { writeTarFile } from '../formats/tar-write.ts';
import { type ByteString, fromByteString, toByteString } from '../foundation/byte-string.ts';
import { TrimaranError } from '../foundation/error.ts';
import { type FileTree, fileTree } from '../foundation/file-tree.ts';
import { outputPathsOf } from './build-environment.ts';
import type { BuildOutput } from './builder.ts';
import { canonicaliseMetadata } from './canonical-metadata.ts';
import type { DerivationOptions } from './derivation-options.ts';
import { writeDiskTree } from './disk-tree.ts';
import { contentAddressOf, fixedOutputOf, hashByMethod, requireFixedHash } from './fixed-output.ts';
import type { LocalStore } from './local-store.ts';
import type { CommitOptions, Stage } from './object-files.ts';
import { checkOutputs, type MadeOutput } from './output-checks.ts';
import { scanReferences } from './reference-scan.ts';

/** One output under way. */
class PlacedOutput implements BuildOutput {
  readonly stage: Stage;
  declared: readonly StorePath[] | undefined;
  tarSha256: string | undefined;

  constructor(stage: Stage) {
    this.stage = stage;
  }
  get path(): StorePath {
    return this.stage.path;
  }
  get plain(): string {
    return this.stage.plain;
  }
  get tar(): string {
    return this.stage.tar;
  }
  writePlain(tree: FileTree): void {
    writeDiskTree({ tree, path: this.plain, owners: 'ignore' });
  }
  async writePacked(tree: FileTree): Promise<void> {
    const { sha256 } = await writeTarFile({ file: this.tar, entries: tree });
    this.tarSha256 = sha256;
  }
  declareReferences(paths: Iterable<StorePath>): void {
    this.declared = [...new Set(paths)].sort();
  }
}

/** Private places for the outputs of one build. */
export class OutputPlaces {
  readonly outputs: ReadonlyMap<ByteString, PlacedOutput>;

  /** `names` are the outputs to be made. */
  constructor(store: LocalStore, paths: ReadonlyMap<ByteString, StorePath>, names: Iterable<ByteString>) {
    this.outputs = new Map([...names].map((name) => [name, new PlacedOutput(store.stage(paths.get(name)!))]));
  }

  discard(): void {
    for (const { stage } of this.outputs.values()) stage.discard();
  }
}

interface Finished extends MadeOutput {
  readonly stage: Stage;
  readonly commit: CommitOptions;
}

/**
 * Registers what a build left in its places. Throws `store/no-output`, `store/hash-mismatch`, `store/output-rejected`,
 * `store/output-cycle`, `store/bad-reference`, and as the codecs do; nothing is registered then.
 */
export async function registerOutputs(options: {
  readonly store: LocalStore;
  readonly derivation: Derivation;
  readonly derivationPath: StorePath;
  readonly options: DerivationOptions;
  readonly inputs: readonly StorePath[];
  readonly places: OutputPlaces;
}): Promise<void> {
  const { store, derivation, places } = options;
  const outputPaths = outputPathsOf(derivation);
  const candidates = new Set([...store.closure(options.inputs), ...outputPaths.values()]);
  const finished = new Map<ByteString, Finished>();
  for (const [name, output] of places.outputs) {
    finished.set(name, await finish(name, output, candidates, options));
  }
  checkOutputs({ store, checks: options.options.checkFor, made: finished, outputPaths });
  for (const output of inOrder(finished)) output.stage.commit(output.commit);
}

async function finish(
  name: ByteString,
  output: PlacedOutput,
  candidates: ReadonlySet<StorePath>,
  options: Parameters<typeof registerOutputs>[0],
): Promise<Finished> {
  const { derivation, derivationPath } = options;
  const { stage } = output;
  const form = formOf(output, derivationPath);
  // A builder may leave files that even their owner cannot read.
  if (form === 'plain') canonicaliseMetadata(stage.plain);
  const tree =
    form === 'packed' ? fileTree(indexTarFileSync(stage.tar)) : readNarSource(toByteString(stage.plain));
  const fixed = fixedOutputOf(derivation.outputs.get(name)!);
  if (fixed !== undefined) {
    const root = tree[0];
    if (fixed.method === 'flat' && (tree.length !== 1 || root?.kind !== 'file' || root.mode & 0o100)) {
      throw new TrimaranError({
        code: 'store/hash-mismatch',
        message: `output path '${output.path}' should be a non-executable regular file since recursive hashing is not enabled (one of outputHashMode={flat,text} is true)`,
        hint: 'set outputHashMode = "recursive" and the hash of its NAR',
      });
    }
    const got = hashByMethod(tree, fixed, output.path);
    requireFixedHash({ derivationPath, specified: fixed.digest, got });
  }
  const isDiscarded = options.options.discardReferences.has(fromByteString(name));
  const check = options.options.checkFor(name);
  let references = isDiscarded ? [] : output.declared;
  let nar: CommitOptions['nar'];
  // Sizes are wanted by few rules, so a builder that declares its references is spared the pass over its output.
  if (references === undefined || check?.maxSize !== undefined || check?.maxClosureSize !== undefined) {
    const scanned = await scanReferences(tree, candidates);
    references ??= scanned.references;
    nar = { narHash: writePrefixedHash(scanned.narDigest, 'nix32'), narSize: scanned.narSize };
  }
  for (const reference of references) {
    if (!candidates.has(reference)) {
      throw new TrimaranError({
        code: 'store/bad-reference',
        message: `the builder of ${output.path} declares a reference to ${reference}, which is neither input nor output`,
      });
    }
  }
  if (fixed !== undefined && references.length > 0) {
    throw new TrimaranError({
      code: 'store/output-rejected',
      message:
        `fixed-output derivations must not reference store paths: '${derivationPath}' references ` +
        `${references.length} distinct paths, e.g. '${references[0]}'`,
      hint: 'remove the store path from what is fetched, for example in postFetch',
    });
  }
  return {
    path: output.path,
    references,
    narSize: nar?.narSize ?? 0,
    stage,
    commit: {
      form,
      references,
      nar,
      deriver: derivationPath,
      contentAddress: fixed === undefined ? undefined : contentAddressOf(fixed),
      tarSha256: output.tarSha256,
    },
  };
}

function formOf({ stage }: PlacedOutput, derivationPath: StorePath): 'plain' | 'packed' {
  const isPlain = lstatSync(stage.plain, { throwIfNoEntry: false }) !== undefined;
  const isPacked = existsSync(stage.tar);
  if (isPlain && isPacked) throw new Error(`builder of ${derivationPath} made ${stage.path} in two forms`);
  if (isPlain) return 'plain';
  if (isPacked) return 'packed';
  throw new TrimaranError({
    code: 'store/no-output',
    message: `builder for '${derivationPath}' failed to produce output path '${stage.path}'`,
    hint: 'the build command must create each output: `touch $out`, `mkdir -p $out`',
  });
}

/** Outputs such that each comes after those that it refers to, so that whatever is registered has its closure. */
function inOrder(finished: ReadonlyMap<ByteString, Finished>): Finished[] {
  const ordered: Finished[] = [];
  const waiting = new Map([...finished.values()].map((output) => [output.path, output]));
  while (waiting.size > 0) {
    const ready = [...waiting.values()].filter((output) =>
      output.references.every((reference) => reference === output.path || !waiting.has(reference)),
    );
    if (ready.length === 0) {
      throw new TrimaranError({
        code: 'store/output-cycle',
        message: `cycle detected in the references of outputs: ${[...waiting.keys()].join(', ')}`,
        hint: 'move the files that refer to each other into one output',
      });
    }
    for (const output of ready) {
      waiting.delete(output.path);
      ordered.push(output);
    }
  }
  return ordered;
}
