// How a derivation is hashed: modulo its fixed outputs, so that how a file was fetched does not name what is built from it;
// and the output paths that follow. Source: the Nix reference manual, store/derivation/outputs; Guix computes the same.
import { type ByteString, fromByteString } from '../foundation/byte-string.ts';
import { TrimaranError } from '../foundation/error.ts';
import {
  assemble,
  type Derivation,
  type DerivationOutput,
  type DerivationParts,
  partsOf,
  writeInputs,
} from './derivation.ts';
import { parseHash, parseHashAlgorithm, writeHash } from './hash-text.ts';
import { sha256HexOfText } from './sha256.ts';
import {
  makeFixedOutputPath,
  makeOutputPath,
  outputPathName,
  type StorePath,
  splitMethodAndAlgorithm,
} from './store-path.ts';

/**
 * What a derivation counts for in the hashes of those that use it: one hash (hexadecimal SHA-256) for all outputs, one
 * per output when they are fixed, or none yet (`deferred`) when it is known only after a build.
 */
export type DerivationHash =
  | { readonly kind: 'regular'; readonly hash: string }
  | { readonly kind: 'fixed'; readonly outputs: ReadonlyMap<ByteString, string> }
  | { readonly kind: 'deferred' };

/** Where the hashes of input derivations come from. */
export interface DerivationHashing {
  /** Held by the caller, by derivation path; gets what is computed for inputs on the way. */
  readonly memo: Map<StorePath, DerivationHash>;
  /** Reads an input that is not in `memo`. Without it every input must be. */
  readonly readDerivation?: (path: StorePath) => Derivation;
}

/**
 * The hash of a derivation as an input of others. Put it into the memo under the derivation's path.
 * Throws `derivation/unknown-input` for an input neither in the memo nor readable, `derivation/cycle`.
 */
export function hashDerivationModulo(drv: Derivation, hashing: DerivationHashing): DerivationHash {
  const early = hashWithoutInputs(drv.outputs);
  if (early !== undefined) return early;
  const inputs = hashedInputs(drv, hashing);
  if (inputs === undefined) return { kind: 'deferred' };
  return { kind: 'regular', hash: sha256HexOfText(assemble(partsOf(drv), { inputs, outputs: drv.outputs })) };
}

/**
 * The derivation with the paths of its outputs filled in, in `outputs` and in the environment variables named after
 * them; what stood there before does not count. Fixed outputs follow from their hash. Outputs stay as they are when
 * they cannot be known before a build: floating ones, and all that depend on such.
 *
 * Throws as {@link hashDerivationModulo}, and `hash/…` and `store-path/…` for what is wrong in a fixed output.
 */
export function staticOutputPaths(
  drv: Derivation,
  options: DerivationHashing & { readonly storeDirectory: string },
): Derivation {
  return filled(drv, fillOutputs(drv, partsOf(drv), options));
}

/** All that instantiating a derivation gives. */
export interface InstantiatedDerivation {
  readonly derivation: Derivation;
  /** As {@link writeDerivation} would give it; its path is that of `derivationPath`. */
  readonly text: ByteString;
  /** To be put into the memo under the derivation's path. */
  readonly hash: DerivationHash;
}

/**
 * {@link staticOutputPaths}, `writeDerivation` and {@link hashDerivationModulo} in one, and faster: the three
 * texts share most of their parts. Throws as they do.
 */
export function instantiateDerivation(
  drv: Derivation,
  options: DerivationHashing & { readonly storeDirectory: string },
): InstantiatedDerivation {
  const parts = partsOf(drv);
  const fill = fillOutputs(drv, parts, options);
  const { outputs, env } = fill;
  const text = assemble(parts, { inputs: writeInputs(drv.inputDrvs), outputs, env });
  let hash = hashWithoutInputs(outputs);
  if (hash === undefined) {
    const inputs = fill.inputs ?? hashedInputs(drv, options);
    hash =
      inputs === undefined
        ? { kind: 'deferred' }
        : { kind: 'regular', hash: sha256HexOfText(assemble(parts, { inputs, outputs, env })) };
  }
  return { derivation: filled(drv, fill), text, hash };
}

interface FilledOutputs {
  readonly outputs: ReadonlyMap<ByteString, DerivationOutput>;
  /** Variables that name outputs, with their paths. */
  readonly env: ReadonlyMap<ByteString, StorePath>;
  /** The inputs with their hashes, when they were needed. */
  readonly inputs: ByteString | undefined;
}

/** The environment is put together when somebody looks at it, which an evaluation seldom does. */
function filled(drv: Derivation, { outputs, env }: FilledOutputs): Derivation {
  let whole: ReadonlyMap<ByteString, ByteString> | undefined;
  return {
    ...drv,
    outputs,
    get env() {
      whole ??= new Map([...drv.env, ...env]);
      return whole;
    },
  };
}

function fillOutputs(
  drv: Derivation,
  parts: DerivationParts,
  options: DerivationHashing & { readonly storeDirectory: string },
): FilledOutputs {
  const { storeDirectory } = options;
  const outputs = new Map<ByteString, DerivationOutput>();
  const env = new Map<ByteString, StorePath>();
  let inputs: ByteString | undefined;
  let derivationHash: string | undefined;
  let isDeferred = false;
  for (const [output, given] of drv.outputs) {
    let path: StorePath;
    let { hash } = given;
    if (given.hashAlgorithm !== '') {
      if (hash === '' || hash === 'impure') {
        outputs.set(output, given);
        continue;
      }
      const { method, algorithm } = splitMethodAndAlgorithm(given.hashAlgorithm);
      const digest = parseHash(hash, { algorithm: parseHashAlgorithm(algorithm) });
      hash = writeHash(digest, 'base16');
      path = makeFixedOutputPath({ name: outputPathName(drv.name, output), method, digest, storeDirectory });
    } else {
      if (derivationHash === undefined && !isDeferred) {
        inputs = hashedInputs(drv, options);
        if (inputs === undefined) isDeferred = true;
        else derivationHash = sha256HexOfText(maskedText(drv, parts, inputs));
      }
      if (derivationHash === undefined) {
        outputs.set(output, given);
        continue;
      }
      path = makeOutputPath({ derivationHash, output, name: drv.name, storeDirectory });
    }
    outputs.set(output, { path, hashAlgorithm: given.hashAlgorithm, hash });
    env.set(output, path);
  }
  return { outputs, env, inputs };
}

/** The hash of a fixed output, or of one that is not known yet; undefined when inputs count. */
function hashWithoutInputs(outputs: ReadonlyMap<ByteString, DerivationOutput>): DerivationHash | undefined {
  if (hasFixedOutput(outputs)) {
    const hashes = new Map<ByteString, string>();
    for (const [name, { hashAlgorithm, hash, path }] of outputs) {
      hashes.set(name, sha256HexOfText(`fixed:out:${hashAlgorithm}:${hash}:${path}`));
    }
    return { kind: 'fixed', outputs: hashes };
  }
  for (const output of outputs.values()) if (output.path === '') return { kind: 'deferred' };
  return undefined;
}

/** Whether an output is known by its hash: a fetch, for the most part. */
function hasFixedOutput(outputs: ReadonlyMap<ByteString, DerivationOutput>): boolean {
  for (const { hash } of outputs.values()) if (hash !== '' && hash !== 'impure') return true;
  return false;
}

/** The text of inputs with their hashes in place of their paths; undefined when one is not known before a build. */
function hashedInputs(drv: Derivation, hashing: DerivationHashing): ByteString | undefined {
  hashMissingInputs(drv, hashing);
  const merged = new Map<string, readonly ByteString[]>();
  const add = (hash: string, outputs: readonly ByteString[]) => {
    const known = merged.get(hash);
    merged.set(hash, known === undefined ? outputs : [...known, ...outputs]);
  };
  for (const [path, outputs] of drv.inputDrvs) {
    const input = hashing.memo.get(path)!;
    if (input.kind === 'deferred') return undefined;
    if (input.kind === 'regular') {
      add(input.hash, outputs);
      continue;
    }
    // A fixed output counts by what it is, not by how it is made.
    for (const output of outputs) {
      const hash = input.outputs.get(output);
      if (hash === undefined) {
        throw new TrimaranError({
          code: 'derivation/unknown-input',
          message: `derivation '${path}' has no output '${fromByteString(output)}'`,
        });
      }
      add(hash, onlyOut);
    }
  }
  return writeInputs(merged);
}

const onlyOut: readonly ByteString[] = ['out'];

/** Fills the memo for all inputs, deepest first, without recursion: chains of inputs can be long. */
function hashMissingInputs(root: Derivation, { memo, readDerivation }: DerivationHashing): void {
  const missing = (drv: Derivation) => {
    const paths: StorePath[] = [];
    for (const path of drv.inputDrvs.keys()) if (!memo.has(path)) paths.push(path);
    return paths;
  };
  const waiting = missing(root);
  if (waiting.length === 0) return;
  const open = new Set<StorePath>();
  const stack = [{ drv: root, path: undefined as StorePath | undefined, waiting }];
  for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
    const next = top.waiting.pop();
    if (next === undefined) {
      stack.pop();
      if (top.path === undefined) continue;
      open.delete(top.path);
      memo.set(top.path, hashDerivationModulo(top.drv, { memo }));
      continue;
    }
    if (memo.has(next)) continue;
    if (open.has(next)) {
      throw new TrimaranError({
        code: 'derivation/cycle',
        message: `derivation '${next}' depends on itself`,
      });
    }
    if (readDerivation === undefined) {
      throw new TrimaranError({
        code: 'derivation/unknown-input',
        message: `input derivation '${next}' of '${fromByteString(top.drv.name)}' is not known`,
      });
    }
    const drv = readDerivation(next);
    open.add(next);
    // A fixed output's inputs do not count, so they need not be there.
    stack.push({ drv, path: next, waiting: hasFixedOutput(drv.outputs) ? [] : missing(drv) });
  }
}

/** What a derivation's own outputs are hashed of: the text without their paths. */
function maskedText(drv: Derivation, parts: DerivationParts, inputs: ByteString): ByteString {
  const outputs = new Map<ByteString, DerivationOutput>();
  const env = new Map<ByteString, ByteString>();
  for (const output of drv.outputs.keys()) {
    outputs.set(output, { path: '', hashAlgorithm: '', hash: '' });
    if (drv.env.has(output)) env.set(output, '');
  }
  return assemble(parts, { inputs, outputs, env });
}
