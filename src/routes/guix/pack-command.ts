// A `guix pack` command as a compose file has it, to what buildGuix takes: with or without a time machine before it.
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { TrimaranError } from '../../foundation/error.ts';
import type { Host } from '../../foundation/host.ts';
import type { GuixBuildRequest } from './build.ts';
import { camelCase, ignoredOptions, refusedOptions, refuseOptions } from './common-options.ts';
import { readPackSettings } from './pack-options.ts';

const one = { type: 'string' } as const;
const many = { type: 'string', multiple: true } as const;
const flag = { type: 'boolean' } as const;

const packOptions = {
  format: { ...one, short: 'f' },
  'max-layers': one,
  'image-tag': one,
  'entry-point': one,
  'entry-point-argument': { ...many, short: 'A' },
  symlink: { ...many, short: 'S' },
  compression: { ...one, short: 'C' },
  'save-provenance': flag,
  workdir: one,
  env: many,
  expose: many,
  user: one,
  label: many,
  manifest: { ...many, short: 'm' },
  expression: { ...many, short: 'e' },
  file: many,
  system: { ...one, short: 's' },
  'load-path': { ...many, short: 'L' },
  verbosity: { ...one, short: 'v' },
  ...Object.fromEntries(
    [...ignoredOptions, ...refusedOptions].map(({ long, short, takesValue }) => [
      long,
      { ...(takesValue ? one : flag), ...(short === undefined ? {} : { short }) },
    ]),
  ),
} as const;

/** Reads the words of the command. Throws `guix/bad-recipe` for anything that is no `guix pack`, and `guix/bad-option`. */
export function readPackCommand(host: Host, words: readonly string[]): GuixBuildRequest {
  let rest = words[0] === 'guix' ? words.slice(1) : words;
  let channelsFile: string | undefined;
  if (rest[0] === 'time-machine') {
    const dashes = rest.indexOf('--');
    if (dashes < 0) throw badRecipe(words, 'the time machine’s command comes after two dashes');
    const { values } = parseArgs({
      args: rest.slice(1, dashes),
      options: { channels: { ...one, short: 'C' } },
      strict: false,
    });
    channelsFile = typeof values.channels === 'string' ? values.channels : undefined;
    rest = rest.slice(dashes + 1);
  }
  if (rest[0] !== 'pack') throw badRecipe(words, 'it has to be `guix pack …`, perhaps in a time machine');
  // Strictness would refuse arguments that begin with a dash, such as `-A --host`.
  const { values, positionals } = parseArgs({
    args: rest.slice(1),
    options: packOptions,
    allowPositionals: true,
    strict: false,
  });
  for (const name of Object.keys(values)) {
    if (!(name in packOptions))
      throw badRecipe(words, `the option ${name.length === 1 ? '-' : '--'}${name} is not supported`);
  }
  const list = (name: string) =>
    ((values as Record<string, unknown>)[name] as readonly string[] | undefined) ?? [];
  const options = Object.fromEntries(Object.entries(values).map(([name, value]) => [camelCase(name), value]));
  refuseOptions(options);
  const settings = readPackSettings(options);
  const here = (file: string) => resolve(host.cwd, file);
  return {
    host,
    settings: {
      channelsFile,
      system: options.system as string | undefined,
      loadPath: values['load-path'] === undefined ? undefined : list('load-path').map(here),
    },
    action: {
      kind: 'pack',
      settings,
      sources: {
        manifests: list('manifest').map(here),
        files: list('file').map(here),
        expressions: list('expression'),
        specifications: positionals,
      },
    },
  };
}

function badRecipe(words: readonly string[], why: string): TrimaranError {
  return new TrimaranError({
    code: 'guix/bad-recipe',
    message: `the recipe \`${words.join(' ')}\` cannot be built: ${why}`,
    hint: 'write it like guix time-machine -C channels.scm -- pack -m manifest.scm -f docker',
  });
}
