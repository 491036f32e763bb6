// `trimaran guix hash`: the hash that a recipe's (sha256 (base32 "…")) needs.
import { type GuixHashFormat, type HashAlgorithm, hashForGuix, TrimaranError } from '../index.ts';
import type { CommandContext } from './context.ts';

const formats: Readonly<Record<string, GuixHashFormat>> = {
  'nix-base32': 'nix32',
  base32: 'base32',
  base16: 'base16',
  hex: 'base16',
  hexadecimal: 'base16',
  base64: 'base64',
};
const algorithms = ['md5', 'sha1', 'sha256', 'sha512'];

export async function run(
  context: CommandContext,
  args: readonly string[],
  options: Record<string, unknown>,
): Promise<number> {
  const format = formats[options.format as string];
  if (format === undefined) throw unknown('format', options.format as string, Object.keys(formats));
  const algorithm = options.hash as string;
  if (!algorithms.includes(algorithm)) throw unknown('hash algorithm', algorithm, algorithms);
  const serializer =
    (options.serializer as string | undefined) ?? (options.recursive === true ? 'nar' : 'none');
  if (serializer !== 'nar' && serializer !== 'none') throw unknown('serializer', serializer, ['none', 'nar']);
  for (const path of args) {
    const hash = hashForGuix({
      directory: context.host.cwd,
      path,
      recursive: serializer === 'nar',
      excludeVcs: options.excludeVcs === true,
      algorithm: algorithm as HashAlgorithm,
      format,
    });
    context.print(context.json ? JSON.stringify(hash) : hash);
  }
  return 0;
}

function unknown(what: string, word: string, known: readonly string[]): TrimaranError {
  return new TrimaranError({
    code: 'guix/bad-option',
    message: `the ${what} \`${word}' is not supported`,
    hint: `choose ${known.join(', ')}`,
    exitCode: 2,
  });
}
