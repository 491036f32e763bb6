// Options that the nix commands share, from the command line to the route's words.
import type { NixSettings } from '../index.ts';
import { splitPair } from './paired-options.ts';

/** Reads the shared options as commander gives them. */
export function nixSettings(options: Record<string, unknown>): NixSettings {
  return {
    overrideInputs: new Map(((options.overrideInput as string[] | undefined) ?? []).map(splitPair)),
    impure: options.impure === true,
    writeLockFile: options.writeLockFile !== false,
    updateLockFile: options.updateLockFile !== false,
    refresh: options.refresh === true,
    offline: options.offline === true,
    showTrace: options.showTrace === true,
  };
}
