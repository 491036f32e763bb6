// `nix derivation show`: derivations as the JSON that Nix prints.

import type { Derivation } from '../../formats/derivation.ts';
import type { StorePath } from '../../formats/store-path.ts';
import { fromByteString } from '../../foundation/byte-string.ts';
import type { Host } from '../../foundation/host.ts';
import { evaluateTargets } from './evaluate-targets.ts';
import type { NixSettings } from './settings.ts';

export interface ShowDerivationsRequest {
  readonly host: Host;
  readonly installables: readonly string[];
  readonly settings: NixSettings;
  /** With everything they are built from. */
  readonly recursive: boolean;
}

/** Derivations by path, as JSON values with sorted keys. Rejects with the errors of locking and evaluation. */
export async function showDerivations(
  request: ShowDerivationsRequest,
): Promise<Readonly<Record<string, unknown>>> {
  const shown = new Map<string, unknown>();
  await evaluateTargets(
    { ...request, action: { kind: 'derivation' }, log: undefined },
    async (session, _installable, { result }) => {
      if (result.kind !== 'derivation') return;
      const pending: StorePath[] = [result.drvPath];
      for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
        if (shown.has(path)) continue;
        const derivation = session.store.readDerivation(path);
        shown.set(path, derivationJson(derivation));
        if (request.recursive) pending.push(...derivation.inputDrvs.keys());
      }
    },
  );
  return Object.fromEntries([...shown].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function derivationJson(derivation: Derivation): unknown {
  const record = <Value>(entries: Iterable<readonly [string, Value]>) =>
    Object.fromEntries([...entries].sort(([a], [b]) => (a < b ? -1 : 1)));
  return {
    args: derivation.args.map(fromByteString),
    builder: fromByteString(derivation.builder),
    env: record(
      [...derivation.env].map(([name, value]) => [fromByteString(name), fromByteString(value)] as const),
    ),
    inputDrvs: record(
      [...derivation.inputDrvs].map(([path, outputs]) => [path, { dynamicOutputs: {}, outputs }] as const),
    ),
    inputSrcs: [...derivation.inputSrcs].sort(),
    name: fromByteString(derivation.name),
    outputs: record(
      [...derivation.outputs].map(([name, { path, hash, hashAlgorithm }]) => {
        const fixed = hash === '' ? {} : { hash, ...fixedMethod(hashAlgorithm) };
        return [name, { ...fixed, path }] as const;
      }),
    ),
    system: fromByteString(derivation.system),
  };
}

function fixedMethod(algorithm: string): { readonly hashAlgo: string; readonly method: string } {
  return algorithm.startsWith('r:')
    ? { hashAlgo: algorithm.slice(2), method: 'nar' }
    : { hashAlgo: algorithm, method: 'flat' };
}
