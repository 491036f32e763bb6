// Whether an output refers only to what its derivation allows, and is no larger than it allows.

import { isStorePath, type StorePath } from '../formats/store-path.ts';
import { fromByteString } from '../foundation/byte-string.ts';
import { TrimaranError } from '../foundation/error.ts';
import type { DerivationOptions, OutputCheck } from './derivation-options.ts';
import type { LocalStore } from './local-store.ts';

/** An output that is made but not yet registered. */
export interface MadeOutput {
  readonly path: StorePath;
  readonly references: readonly StorePath[];
  readonly narSize: number;
}

/**
 * Throws `store/output-rejected`, in Nix's words, when an output breaks a rule of its derivation, and
 * `store/bad-attribute` for a rule that names neither a store path nor an output.
 */
export function checkOutputs(options: {
  readonly store: LocalStore;
  readonly checks: DerivationOptions['checkFor'];
  /** All outputs of the derivation that were made, by name. */
  readonly made: ReadonlyMap<string, MadeOutput>;
  /** Paths of all its outputs, by name. */
  readonly outputPaths: ReadonlyMap<string, StorePath>;
}): void {
  for (const [name, output] of options.made) {
    const check = options.checks(name);
    if (check !== undefined) checkOutput(output, check, options);
  }
}

function checkOutput(
  output: MadeOutput,
  check: OutputCheck,
  context: Omit<Parameters<typeof checkOutputs>[0], 'checks'>,
): void {
  const { path } = output;
  if (check.maxSize !== undefined && output.narSize > check.maxSize) {
    throw rejected(`path '${path}' is too large at ${output.narSize} bytes; limit is ${check.maxSize} bytes`);
  }
  const closure = () => closureOf(output, context);
  if (check.maxClosureSize !== undefined) {
    const { size } = closure();
    if (size > check.maxClosureSize) {
      throw rejected(
        `closure of path '${path}' is too large at ${size} bytes; limit is ${check.maxClosureSize} bytes`,
      );
    }
  }
  const apply = (rule: readonly string[] | undefined, used: () => Iterable<StorePath>, allowed: boolean) => {
    if (rule === undefined) return;
    const named = new Set(rule.map((entry) => resolve(entry, context.outputPaths)));
    const bad = [...used()].filter((reference) => named.has(reference) !== allowed).sort();
    if (bad.length === 0) return;
    throw rejected(`output '${path}' is not allowed to refer to the following paths:\n  ${bad.join('\n  ')}`);
  };
  const requisites = () => closure().paths.filter((used) => !(check.ignoreSelf && used === path));
  apply(check.allowedReferences, () => output.references, true);
  apply(check.allowedRequisites, requisites, true);
  apply(check.disallowedReferences, () => output.references, false);
  apply(check.disallowedRequisites, requisites, false);
}

function resolve(entry: string, outputPaths: ReadonlyMap<string, StorePath>): StorePath {
  if (isStorePath(entry)) return entry;
  const path = outputPaths.get(entry);
  if (path !== undefined) return path;
  throw new TrimaranError({
    code: 'store/bad-attribute',
    message: `an output check names '${fromByteString(entry)}', which is neither a store path nor an output`,
    hint: `its outputs are ${[...outputPaths.keys()].join(', ')}`,
  });
}

function closureOf(
  output: MadeOutput,
  { store, made }: { readonly store: LocalStore; readonly made: ReadonlyMap<string, MadeOutput> },
): { readonly paths: readonly StorePath[]; readonly size: number } {
  const unregistered = new Map([...made.values()].map((other) => [other.path, other]));
  const paths = new Set<StorePath>();
  const pending = [output.path];
  let size = 0;
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    if (paths.has(path)) continue;
    paths.add(path);
    const other = unregistered.get(path);
    size += other?.narSize ?? store.narOf(path).narSize;
    pending.push(...(other ?? store.info(path)).references);
  }
  return { paths: [...paths], size };
}

function rejected(message: string): TrimaranError {
  return new TrimaranError({
    code: 'store/output-rejected',
    message: fromByteString(message),
    hint: 'see why with `grep -a HASH` in the output, or relax the rule in the recipe',
  });
}
