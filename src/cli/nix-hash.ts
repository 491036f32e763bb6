// `trimaran nix hash path · file · convert`, with the older spellings `to-sri`, `to-base16`, `to-base32`, `to-base64`.
import { convertHash, type HashAlgorithm, type HashFormat, hashFiles, TrimaranError } from '../index.ts';
import type { CommandContext } from './context.ts';

const algorithms: readonly string[] = ['md5', 'sha1', 'sha256', 'sha512'];
const formats: Readonly<Record<string, HashFormat>> = {
  base16: 'base16',
  nix32: 'nix32',
  base32: 'nix32',
  base64: 'base64',
  sri: 'sri',
};

export async function run(
  context: CommandContext,
  args: readonly string[],
  options: Record<string, unknown>,
): Promise<number> {
  const [action = '', ...words] = args;
  const algorithm = options.type as string;
  if (!algorithms.includes(algorithm)) throw unknown('hash algorithm', algorithm, algorithms);
  const format = formatOf(action, options);
  const lines =
    action === 'path' || action === 'file'
      ? hashFiles({
          directory: context.host.cwd,
          paths: words,
          kind: action,
          algorithm: algorithm as HashAlgorithm,
          format,
        })
      : words.map((word) =>
          convertHash(word, format, isPrefixed(word) ? undefined : (algorithm as HashAlgorithm)),
        );
  if (context.json) context.print(JSON.stringify(lines));
  else for (const line of lines) context.print(line);
  return 0;
}

function isPrefixed(hash: string): boolean {
  return /^(?:md5|sha1|sha256|sha512)[:-]/.test(hash);
}

function formatOf(action: string, options: Record<string, unknown>): HashFormat {
  const named = options.to as string | undefined;
  const wanted =
    named ??
    (action.startsWith('to-')
      ? action.slice(3)
      : (Object.keys(formats).find((name) => options[name] === true) ?? 'sri'));
  if (!['path', 'file', 'convert'].includes(action) && !action.startsWith('to-')) {
    throw unknown('action', `nix hash ${action}`, ['path', 'file', 'convert']);
  }
  const format = formats[wanted];
  if (format === undefined) throw unknown('hash format', wanted, Object.keys(formats));
  return format;
}

function unknown(what: string, word: string, known: readonly string[]): TrimaranError {
  return new TrimaranError({
    code: 'cli/unknown-word',
    message: `there is no ${what} \`${word}\``,
    hint: `choose ${known.join(', ')}`,
    exitCode: 2,
  });
}
