// The mirrors that the host's own apt uses: sources.list(5), in the one-line and the deb822 form. Only http(s)
// addresses count; mirror+, cdrom and file methods are passed over.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isTrimaranError, systemErrorCode } from '../foundation/error.ts';
import { archiveOfSuite, releaseOfSuite } from './archive-roots.ts';
import { field, parseControl } from './control.ts';

export interface AptSource {
  /** Archive root without a trailing slash; may hold credentials, so never show it as it is. */
  readonly uri: string;
  readonly suite: string;
  readonly components: readonly string[];
}

/** All binary sources below `etc` (`/etc/apt` unless given), in apt's order; unreadable files are passed over. */
export async function readAptSources(etc = '/etc/apt'): Promise<AptSource[]> {
  const sources = parseSourcesList(await textOf(join(etc, 'sources.list')));
  let names: string[] = [];
  try {
    names = (await readdir(join(etc, 'sources.list.d'))).sort();
  } catch (error) {
    if (systemErrorCode(error) === undefined) throw error;
  }
  for (const name of names) {
    const text = await textOf(join(etc, 'sources.list.d', name));
    if (name.endsWith('.list')) sources.push(...parseSourcesList(text));
    if (name.endsWith('.sources')) sources.push(...parseDeb822Sources(text, name));
  }
  return sources;
}

async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (systemErrorCode(error) === undefined) throw error;
    return '';
  }
}

/** Entries of the one-line form: `deb [options] uri suite component…`. */
function parseSourcesList(text: string): AptSource[] {
  const sources: AptSource[] = [];
  for (const line of text.split('\n')) {
    const match = /^\s*deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)((?:\s+[^#\s]+)*)/.exec(line);
    if (match === null || !isWeb(match[1]!)) continue;
    sources.push({
      uri: withoutSlash(match[1]!),
      suite: match[2]!,
      components: words(match[3]),
    });
  }
  return sources;
}

/** Entries of the deb822 form. A file that does not parse counts as empty: it is apt's to complain about. */
function parseDeb822Sources(text: string, file: string): AptSource[] {
  let stanzas: ReturnType<typeof parseControl>;
  try {
    stanzas = parseControl(text, file);
  } catch (error) {
    if (isTrimaranError(error, 'debian/bad-control')) return [];
    throw error;
  }
  return stanzas
    .filter((stanza) => words(field(stanza, 'Types')).includes('deb') && field(stanza, 'Enabled') !== 'no')
    .flatMap((stanza) =>
      words(field(stanza, 'URIs'))
        .filter(isWeb)
        .flatMap((uri) =>
          words(field(stanza, 'Suites')).map((suite) => ({
            uri: withoutSlash(uri),
            suite,
            components: words(field(stanza, 'Components')),
          })),
        ),
    );
}

const words = (text: string | undefined) => (text ?? '').split(/\s+/).filter((word) => word !== '');
const isWeb = (uri: string) => /^https?:\/\//.test(uri);
const withoutSlash = (uri: string) => uri.replace(/\/+$/, '');

/** Names that Debian's own archive has under `dists/`, now or to come; other archives have other ones. */
const debianSuites = new Set(
  'oldoldstable oldstable stable testing unstable sid buster bullseye bookworm trixie forky duke'.split(' '),
);

/**
 * Mirrors that may hold `suite`, best first, each once: those that apt reads that very suite from, then those that it
 * reads another Debian release from, and the archives of security updates beside them.
 */
export function mirrorsFor(sources: readonly AptSource[], suite: string): string[] {
  const exact = sources.filter((source) => source.suite === suite).map(({ uri }) => uri);
  const others = debianSuites.has(releaseOfSuite(suite))
    ? sources
        .filter((source) => debianSuites.has(source.suite))
        .flatMap(({ uri }) => archiveOfSuite(uri, suite) ?? [])
    : [];
  return [...new Set([...exact, ...others])];
}
