// Runs a derivation's own builder in a sandbox: its inputs, its folder, its environment, and nothing else.

import type { StorePath } from '../formats/store-path.ts';
import { TrimaranError } from '../foundation/error.ts';
import type { BuildContext, Builder } from './builder.ts';
import type { DerivationOptions } from './derivation-options.ts';

export type SandboxRoot = (context: BuildContext, closure: readonly StorePath[]) => Promise<never[]>;

export function sandboxBuilder(_options: {
  readonly options: DerivationOptions;
  readonly root: SandboxRoot | undefined;
}): Builder {
  return async () => {
    throw new TrimaranError({ code: 'store/no-sandbox', message: 'not written yet' });
  };
}
