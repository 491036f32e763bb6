// A `nix build` command as a compose file has it, to what buildNix takes. What comes after the build (`&& docker load …`)
// is Trimaran's own business.
import { TrimaranError } from '../../foundation/error.ts';
import type { NixBuildRequest } from './build.ts';
import type { NixSettings } from './settings.ts';

/** Options without a value that change nothing about the image: links, logs and what is printed. */
const idle = new Set([
  '--no-link',
  '--print-out-paths',
  '--print-build-logs',
  '-L',
  '--json',
  '--verbose',
  '-v',
  '--quiet',
  '--keep-going',
  '-k',
  '--keep-failed',
  '-K',
  '--rebuild',
  '--no-warn-dirty',
]);
/** The same, each with a value. */
const idleWithValue = new Set([
  '--out-link',
  '-o',
  '--profile',
  '--extra-experimental-features',
  '--experimental-features',
  '--log-format',
  '--max-jobs',
  '-j',
  '--cores',
]);

export type NixRecipe = Pick<NixBuildRequest, 'installables' | 'settings' | 'file' | 'expression'>;

/**
 * Reads the words of a recipe: `nix build .#docker`, or the installable alone. `settings` are those of the command line,
 * to which the recipe's own are added. Throws `nix/bad-recipe` for whatever builds something else, or more than one thing.
 */
export function readBuildCommand(words: readonly string[], settings: NixSettings): NixRecipe {
  const fail = (why: string) => badRecipe(words, why);
  const end = words.findIndex((word) => /^(?:&&?|\|\|?|;|[0-9]*[<>].*)$/.test(word));
  const rest = [...(end < 0 ? words : words.slice(0, end))];
  if (rest[0] === 'trimaran') rest.shift();
  const isCommand = rest[0] === 'nix';
  if (isCommand) rest.shift();
  else if (/^nix-|^docker$|^podman$|^guix$/.test(rest[0] ?? '')) throw fail('it has to be `nix build …`');
  const installables: string[] = [];
  const overrideInputs = new Map(settings.overrideInputs);
  const chosen: Partial<Record<'impure' | 'refresh' | 'offline' | 'showTrace', boolean>> = {};
  let { writeLockFile, updateLockFile } = settings;
  let [file, expression]: (string | undefined)[] = [];
  let isBuild = !isCommand;
  const value = (option: string): string => {
    const word = rest.shift();
    if (word === undefined) throw fail(`${option} lacks its value`);
    return word;
  };
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (idle.has(word)) continue;
    if (idleWithValue.has(word)) value(word);
    else if (word === '--override-input') overrideInputs.set(value(word), value(word));
    else if (word === '--option') {
      value(word);
      value(word);
    } else if (word === '--impure') chosen.impure = true;
    else if (word === '--refresh') chosen.refresh = true;
    else if (word === '--offline') chosen.offline = true;
    else if (word === '--show-trace') chosen.showTrace = true;
    else if (word === '--no-write-lock-file') writeLockFile = false;
    else if (word === '--no-update-lock-file') updateLockFile = false;
    else if (word === '--file' || word === '-f') file = value(word);
    else if (word === '--expr') expression = value(word);
    else if (word.startsWith('-')) throw fail(`the option ${word} is not supported`);
    else if (!isBuild) {
      if (word !== 'build') throw fail('it has to be `nix build …`');
      isBuild = true;
    } else installables.push(word);
  }
  if (!isBuild) throw fail('it has to be `nix build …`');
  if (installables.length > 1) throw fail('a service has one image, and this builds several things');
  return {
    installables: installables.length === 0 ? ['.'] : installables,
    settings: { ...settings, ...chosen, overrideInputs, writeLockFile, updateLockFile },
    ...(file === undefined ? {} : { file }),
    ...(expression === undefined ? {} : { expression }),
  };
}

function badRecipe(words: readonly string[], why: string): TrimaranError {
  return new TrimaranError({
    code: 'nix/bad-recipe',
    message: `the recipe \`${words.join(' ')}\` cannot be built: ${why}`,
    hint: 'write it like `nix build .#docker`',
  });
}
