// `guix show` and `guix search` over the Debian channel.
import type { PackageRecord } from '../../debian/package-index.ts';
import { fromByteString } from '../../foundation/byte-string.ts';
import { TrimaranError } from '../../foundation/error.ts';
import type { DebianChannel } from './debian-channel.ts';
import type { ShownPackage } from './evaluation-request.ts';

/** The package of a specification. Throws `guix/unknown-package` and `guix/unknown-version`. */
export function showPackage(channel: DebianChannel, specification: string): ShownPackage {
  const { name, record } = channel.package(specification);
  return shown(channel, name, record);
}

/**
 * Packages whose name or description has every pattern (a regular expression, case does not count), nearest first.
 * Throws `guix/bad-pattern`.
 */
export function searchPackages(channel: DebianChannel, patterns: readonly string[]): ShownPackage[] {
  const expressions = patterns.map(expression);
  const found: ShownPackage[] = [];
  for (const name of channel.facts.names()) {
    const record = channel.facts.record(name);
    const synopsis = fromByteString(record.description ?? '');
    let relevance = 0;
    const all = expressions.every((pattern) => {
      const score = nameScore(pattern, name) + (synopsis.match(pattern) === null ? 0 : 3);
      relevance += score;
      return score > 0;
    });
    if (all) found.push({ ...shown(channel, guixName(name), record), relevance });
  }
  return found.sort((a, b) => b.relevance! - a.relevance! || (a.name < b.name ? -1 : 1));
}

/** A name that is the pattern counts most, one that begins with it more than one that has it. */
function nameScore(pattern: RegExp, name: string): number {
  const match = pattern.exec(name);
  if (match === null) return 0;
  const rest = name.length - match[0].length;
  return rest === 0 ? 20 : match.index === 0 || name[match.index - 1] === '-' ? 8 : 4;
}

function expression(text: string): RegExp {
  try {
    return new RegExp(text, 'i');
  } catch {
    throw new TrimaranError({
      code: 'guix/bad-pattern',
      message: `\`${text}' is no regular expression`,
      hint: 'put a backslash before characters such as + and (',
      exitCode: 2,
    });
  }
}

function guixName(name: string): string {
  return name.replace(/^python3-/, 'python-');
}

function shown(channel: DebianChannel, name: string, record: PackageRecord): ShownPackage {
  const synopsis = fromByteString(record.description ?? '');
  return {
    name,
    version: record.version,
    dependencies: channel.dependencies(record),
    homePage: fromByteString(record.homepage ?? ''),
    synopsis,
    description: synopsis,
  };
}
