// What Nix makes of the texts that git takes as repositories and references: absolute paths and `host:path` become
// URLs, and names that git would refuse are refused.
import { flakeError } from './flake-error.ts';
import { applicationOf, type ParsedUrl, parseUrl, pathToUrlPath, transportOf } from './url.ts';

/**
 * The URL of a repository named as git allows: a URL (a leading `git+` is dropped), a path, absolute or relative, or
 * `user@host:path`, which becomes `ssh://user@host/path`. `host:path` is refused, as in Nix 2.34. Throws `flake/bad-url`.
 *
 * @example
 * writeUrl(parseGitUrl('git@example.org:a/b')); // 'ssh://git@example.org/a/b'
 */
export function parseGitUrl(text: string): ParsedUrl {
  const parts = { query: new Map(), fragment: '' };
  if (text.startsWith('/'))
    return { ...parts, scheme: 'file', authority: { host: '' }, path: pathToUrlPath(text) };
  if (!text.includes('://')) {
    const scp = /^([^/:@]+)@(\[[0-9A-Fa-f:.]+\]|[^/:[\]]+):(.+)$/s.exec(text);
    if (scp !== null) {
      const path = scp[3]!.split('/');
      const authority = { user: scp[1]!, host: scp[2]! };
      return { ...parts, scheme: 'ssh', authority, path: path[0] === '' ? path : ['', ...path] };
    }
    // A slash before the first colon, or no colon: a path from the current folder.
    if (!/^[^/]*:/.test(text)) return { ...parts, scheme: 'file', path: text.split('/') };
    if (!/^(?:git\+)?(?:ssh|https?|file|ftps?):/.test(text))
      throw flakeError(
        'bad-url',
        `SCP-like URL '${text}' is not supported; use SSH URL syntax instead (ssh://...)`,
      );
  }
  const parsed = parseUrl(text);
  if (parsed.authority === undefined && transportOf(parsed.scheme) !== 'file')
    throw flakeError('bad-url', `the Git URL '${text}' names no host`, {
      hint: 'write two slashes before the host, as in git+https://host/path',
    });
  return applicationOf(parsed.scheme) === 'git' ? { ...parsed, scheme: transportOf(parsed.scheme) } : parsed;
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
