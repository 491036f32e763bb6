// What Nix makes of the texts that git takes as repositories and references: absolute paths and `host:path` become
// URLs, and names that git would refuse are refused.
import { flakeError } from './flake-error.ts';
import { applicationOf, type ParsedUrl, parseUrl, pathToUrlPath, transportOf } from './url.ts';

const gitSchemes = new Set(
  ['ssh', 'http', 'https', 'file', 'ftp', 'ftps', 'git'].flatMap((scheme) => [scheme, `git+${scheme}`]),
);

/**
 * The URL of a git repository named as git allows: a URL (a leading `git+` is dropped), an absolute path, or
 * `user@host:path`, which becomes `ssh://user@host/path`. Throws `flake/bad-url`.
 */
export function parseGitUrl(text: string): ParsedUrl {
  if (text.startsWith('/'))
    return {
      scheme: 'file',
      authority: { host: '' },
      path: pathToUrlPath(text),
      query: new Map(),
      fragment: '',
    };
  const scp = parseScpUrl(text);
  if (scp !== undefined) return scp;
  const parsed = parseUrl(text);
  if (parsed.authority === undefined && transportOf(parsed.scheme) !== 'file')
    throw flakeError('bad-url', `the Git URL '${text}' names no host`, {
      hint: 'write two slashes before the host, as in git+https://host/path',
    });
  return applicationOf(parsed.scheme) === 'git' ? { ...parsed, scheme: transportOf(parsed.scheme) } : parsed;
}

// `host:path` counts only without `://` and without a slash before the colon, as in git's connect.c.
function parseScpUrl(text: string): ParsedUrl | undefined {
  if (text.includes('://')) return undefined;
  const match = /^((?:[^/:@]+@)?(?:\[[0-9A-Fa-f:.]+\]|[^/:[\]]+)):(.*)$/s.exec(text);
  if (match === null || gitSchemes.has(match[1]!)) return undefined;
  const at = match[1]!.indexOf('@');
  const path = match[2]!;
  if (path === '') throw flakeError('bad-url', `SCP-style Git URL '${text}' has an empty path`);
  return {
    scheme: 'ssh',
    authority: {
      ...(at < 0 ? {} : { user: match[1]!.slice(0, at) }),
      host: match[1]!.slice(at + 1),
    },
    path: path.startsWith('/') ? path.split('/') : ['', ...path.split('/')],
    query: new Map(),
    fragment: '',
  };
}

/** Whether git accepts `name` as a branch, tag or full reference (`git check-ref-format`, as libgit2 applies it). */
export function isLegalRefName(name: string): boolean {
  if (name === '@' || name === '') return false;
  if (/[\x00-\x20\x7f~^:?*[\\]/.test(name) || name.includes('..') || name.includes('@{')) return false;
  if (name.endsWith('.')) return false;
  const parts = name.split('/');
  if (parts.some((part) => part === '' || part.startsWith('.') || part.endsWith('.lock'))) return false;
  return !name.startsWith('-') || parts.length > 1;
}
