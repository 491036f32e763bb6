// Options that Guix's commands share: those that say how to build and not what, which are accepted and change nothing
// here, and those that cannot be honoured, which are refused by name.
import { TrimaranError } from '../../foundation/error.ts';

/** An option as command line parsers need to know it. */
export interface GuixOption {
  readonly long: string;
  readonly short?: string;
  readonly takesValue: boolean;
}

/** How many cores, which substitutes, what to keep: nothing of that changes what is built. */
export const ignoredOptions: readonly GuixOption[] = [
  { long: 'no-grafts', takesValue: false },
  { long: 'keep-failed', short: 'K', takesValue: false },
  { long: 'keep-going', short: 'k', takesValue: false },
  { long: 'cores', short: 'c', takesValue: true },
  { long: 'max-jobs', short: 'M', takesValue: true },
  { long: 'fallback', takesValue: false },
  { long: 'no-substitutes', takesValue: false },
  { long: 'substitute-urls', takesValue: true },
  { long: 'no-offload', takesValue: false },
  { long: 'max-silent-time', takesValue: true },
  { long: 'timeout', takesValue: true },
  { long: 'debug', takesValue: true },
];

const asIs = 'packages of the Debian channel are as Debian has built them';
const relocation = 'the packages of an image lie where they are made for: leave it out';

const reasons: readonly (GuixOption & { readonly hint: string })[] = [
  { long: 'relocatable', short: 'R', takesValue: false, hint: relocation },
  { long: 'target', takesValue: true, hint: 'use -s for another system: -s aarch64-linux' },
  { long: 'localstatedir', takesValue: false, hint: 'images hold no store database: leave it out' },
  { long: 'profile-name', takesValue: true, hint: 'it belongs to --localstatedir: leave it out' },
  { long: 'bootstrap', takesValue: false, hint: asIs },
  ...['input', 'source', 'branch', 'commit', 'git-url', 'graft', 'patch', 'version', 'c-toolchain'].map(
    (name) => ({ long: `with-${name}`, takesValue: true, hint: asIs }),
  ),
  { long: 'with-latest', takesValue: true, hint: asIs },
  { long: 'with-configure-flag', takesValue: true, hint: asIs },
  { long: 'with-debug-info', takesValue: true, hint: asIs },
  { long: 'without-tests', takesValue: true, hint: asIs },
  { long: 'tune', takesValue: false, hint: asIs },
];

/** Options that {@link refuseOptions} is there for. */
export const refusedOptions: readonly GuixOption[] = reasons;

/** Throws `guix/unsupported-option` when one of the options, by their names in camel case, cannot be honoured. */
export function refuseOptions(options: Readonly<Record<string, unknown>>): void {
  for (const { long, hint } of reasons) {
    if (options[camelCase(long)] === undefined) continue;
    throw new TrimaranError({
      code: 'guix/unsupported-option',
      message: `the option --${long} is not supported`,
      hint,
      exitCode: 2,
    });
  }
}

/** `entryPoint` for `entry-point`. */
export function camelCase(name: string): string {
  return name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
}
