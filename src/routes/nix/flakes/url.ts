// URLs as Nix reads and writes them in flake references: RFC 3986, strictly, except that a query may hold spaces
// and quotes and a fragment may also hold `^`. Path segments and query values are kept decoded.
// Left out: resolving one URL against another.
import { flakeError } from './flake-error.ts';

/** `user:password@host:port`, decoded; IPv6 hosts keep their brackets. */
interface UrlAuthority {
  readonly user?: string;
  readonly password?: string;
  readonly host: string;
  readonly port?: number;
}

/** A URL in parts. `path` holds the decoded segments between slashes: `/a/b` is `['', 'a', 'b']`. */
export interface ParsedUrl {
  readonly scheme: string;
  readonly authority?: UrlAuthority;
  readonly path: readonly string[];
  readonly query: ReadonlyMap<string, string>;
  readonly fragment: string;
}

const urlShape = /^([A-Za-z][A-Za-z0-9+.-]*):(?:\/\/([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/s;
const pathCharacters = /^(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/]|%[0-9A-Fa-f]{2})*$/;
const queryCharacters = /^(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/?[\]]|%[0-9A-Fa-f]{2})*$/;
const fragmentCharacters = /^(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/?#]|%[0-9A-Fa-f]{2})*$/;
const authorityShape =
  /^(?:((?:[A-Za-z0-9\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2})*)(?::((?:[A-Za-z0-9\-._~!$&'()*+,;=:]|%[0-9A-Fa-f]{2})*))?@)?(\[[0-9A-Fa-fvV:.%A-Za-z]+\]|(?:[A-Za-z0-9\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2})*)(?::([0-9]*))?$/;

/**
 * Parses a URL. `lenient` lets spaces and `"` stand in the query and also `^` in the fragment, as flake references
 * do. Throws `flake/bad-url`.
 *
 * @example
 * parseUrl('git+https://host/a%20b?ref=x').path; // ['', 'a b']
 */
export function parseUrl(text: string, options: { readonly lenient?: boolean } = {}): ParsedUrl {
  const match = urlShape.exec(text);
  if (match === null) throw flakeError('bad-url', `'${text}' doesn't have a scheme`);
  const scheme = match[1]!;
  const lenient = options.lenient === true;
  const rawQuery = lenient ? (match[4] ?? '').replace(/[ "]/g, encodeMatch) : (match[4] ?? '');
  const rawFragment = lenient ? (match[5] ?? '').replace(/[ "^]/g, encodeMatch) : (match[5] ?? '');
  let rawPath = match[3]!;
  if (
    !pathCharacters.test(rawPath) ||
    !queryCharacters.test(rawQuery) ||
    !fragmentCharacters.test(rawFragment)
  )
    throw flakeError('bad-url', `'${text}' is not a valid URL`);
  const authority = match[2] === undefined ? undefined : parseAuthority(match[2]);
  if (transportOf(scheme) === 'file') {
    if (authority !== undefined && authority.host !== '')
      throw flakeError('bad-url', `file:// URL '${text}' has unexpected authority '${match[2]}'`);
    if (rawPath === '') rawPath = '/';
  }
  return {
    scheme,
    ...(authority === undefined ? {} : { authority }),
    path: rawPath.split('/').map(percentDecode),
    query: decodeQuery(rawQuery),
    fragment: percentDecode(rawFragment),
  };
}

function parseAuthority(text: string): UrlAuthority {
  const match = authorityShape.exec(text);
  if (match === null) throw flakeError('bad-url', `invalid URL authority: '${text}'`);
  const port = match[4] === undefined || match[4] === '' ? undefined : Number(match[4]);
  if (port !== undefined && port > 65535) throw flakeError('bad-url', `port '${match[4]}' is invalid`);
  return {
    ...(match[1] === undefined ? {} : { user: percentDecode(match[1]) }),
    ...(match[2] === undefined ? {} : { password: percentDecode(match[2]) }),
    host: percentDecode(match[3]!),
    ...(port === undefined ? {} : { port }),
  };
}

/** The URL as text, every part encoded again; `parseUrl` undoes it. */
export function writeUrl(url: ParsedUrl): string {
  let text = `${url.scheme}:`;
  if (url.authority !== undefined) text += `//${writeAuthority(url.authority)}`;
  text += url.path.map((segment) => percentEncode(segment, ':@')).join('/');
  if (url.query.size > 0) text += `?${encodeQuery(url.query)}`;
  if (url.fragment !== '') text += `#${percentEncode(url.fragment)}`;
  return text;
}

function writeAuthority(authority: UrlAuthority): string {
  let text = '';
  if (authority.user !== undefined) {
    text += percentEncode(authority.user);
    if (authority.password !== undefined) text += `:${percentEncode(authority.password)}`;
    text += '@';
  }
  text += authority.host.startsWith('[')
    ? `[${percentEncode(authority.host.slice(1, -1), ':')}]`
    : percentEncode(authority.host);
  return authority.port === undefined ? text : `${text}:${authority.port}`;
}

/** A URL for messages: a password becomes `***`. Text that is no URL comes back as it is. */
export function redactUrl(text: string): string {
  return text.replace(/^([a-zA-Z][a-zA-Z0-9+.-]*:\/\/[^/?#@]*?):[^/?#@]*@/, '$1:***@');
}

/** `key=value&…` decoded; the first of equal keys wins, a key without `=` is dropped. Throws `flake/bad-url`. */
export function decodeQuery(query: string): Map<string, string> {
  const result = new Map<string, string>();
  if (query === '') return result;
  for (const parameter of query.split('&')) {
    const equals = parameter.indexOf('=');
    if (equals < 0) continue;
    const name = percentDecode(parameter.slice(0, equals));
    if (!result.has(name)) result.set(name, percentDecode(parameter.slice(equals + 1)));
  }
  return result;
}

/** Spaces and quotes of a hand-written query, encoded. */
export function encodeLenientQuery(query: string): string {
  return query.replace(/[ "]/g, encodeMatch);
}

function encodeQuery(query: ReadonlyMap<string, string>): string {
  return [...query]
    .sort(([a], [b]) => compareText(a, b))
    .map(([name, value]) => `${percentEncode(name, ':@/?')}=${percentEncode(value, ':@/?')}`)
    .join('&');
}

/** Undoes percent encoding, as UTF-8. Throws `flake/bad-url` where `%` is not followed by two hex digits. */
export function percentDecode(text: string): string {
  if (!text.includes('%')) return text;
  if (/%(?![0-9A-Fa-f]{2})/.test(text))
    throw flakeError('bad-url', `invalid URI parameter '${text}': bad percent-encoding`);
  const bytes = Buffer.from(text, 'utf8').toString('latin1');
  return Buffer.from(
    bytes.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  ).toString('utf8');
}

const encodeMatch = (match: string) => percentEncode(match);

/** Percent-encodes all but letters, digits, `-._~` and the characters in `kept`. */
function percentEncode(text: string, kept = ''): string {
  let result = '';
  for (const byte of Buffer.from(text, 'utf8')) {
    const character = String.fromCharCode(byte);
    result +=
      /[A-Za-z0-9\-._~]/.test(character) || kept.includes(character)
        ? character
        : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return result;
}

/** The part of a scheme after `+`: `https` of `git+https`. */
export function transportOf(scheme: string): string {
  return scheme.slice(scheme.indexOf('+') + 1);
}

/** The part of a scheme before `+`, or undefined: `git` of `git+https`. */
export function applicationOf(scheme: string): string | undefined {
  const plus = scheme.indexOf('+');
  return plus < 0 ? undefined : scheme.slice(0, plus);
}

/** Segments of a file path as a URL keeps them, dots and double slashes as they are. */
export function pathToUrlPath(path: string): string[] {
  const absolute = path.startsWith('/');
  const parts = path.split('/').filter((part) => part !== '');
  return [...(absolute ? [''] : []), ...parts, ...(path.endsWith('/') || path === '' ? [''] : [])];
}

/** The file path of URL segments. Throws `flake/bad-url` for a segment with an encoded slash or NUL. */
export function urlPathToPath(path: readonly string[]): string {
  for (const segment of path) {
    if (segment.includes('/'))
      throw flakeError(
        'bad-url',
        `URL path component '${segment}' contains '/', which is not allowed in file names`,
      );
    if (segment.includes('\0'))
      throw flakeError('bad-url', `URL path component contains NUL byte which is not allowed`);
  }
  const text = path.join('/').replace(/\/{2,}/g, '/');
  return text === '' && path.length > 1 ? '/' : text;
}

/** Order by UTF-8 bytes, in which Nix keeps every map; UTF-16 order differs above the basic plane. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return Buffer.compare(Buffer.from(a, 'utf8'), Buffer.from(b, 'utf8'));
}
