// What a source of ADD, or a build context, is: a path, a URL to download, or a git repository with a ref and a
// subdirectory in its fragment or query, as BuildKit tells them apart.

interface GitReference {
  /** What git is given: no fragment, no query. */
  readonly url: string;
  /** Branch, tag or commit. */
  readonly ref?: string;
  readonly subdirectory?: string;
  /** A commit that the ref must be at (`?checksum=`). */
  readonly checksum?: string;
}

export type RemoteSource =
  | { readonly kind: 'url'; readonly url: string }
  | { readonly kind: 'git'; readonly git: GitReference };

/** A remote source, or undefined for a path in the build context. */
export function parseRemoteSource(source: string): RemoteSource | undefined {
  const git = parseGitReference(source);
  if (git !== undefined) return { kind: 'git', git };
  return /^https?:\/\//i.test(source) ? { kind: 'url', url: source } : undefined;
}

/** A git reference; an http(s) URL is one only when its path ends in `.git`. */
function parseGitReference(source: string): GitReference | undefined {
  const scheme = /^([a-z0-9]+):\/\//i.exec(source)?.[1]?.toLowerCase();
  const isScp = scheme === undefined && /^[A-Za-z0-9_.-]+@[A-Za-z0-9.-]+:.+/.test(source);
  if (!isScp && !['http', 'https', 'ssh', 'git'].includes(scheme ?? '')) return undefined;
  const [beforeFragment, fragment = ''] = cut(source, '#');
  const [url, query = ''] = cut(beforeFragment, '?');
  if ((scheme === 'http' || scheme === 'https') && !url.endsWith('.git')) return undefined;
  const [fragmentRef, fragmentDirectory = ''] = cut(fragment, ':');
  let ref = fragmentRef;
  let subdirectory = fragmentDirectory;
  let checksum = '';
  for (const [name, value] of new URLSearchParams(query)) {
    if (name === 'ref') ref = value;
    else if (name === 'tag') ref = value.startsWith('refs/tags/') ? value : `refs/tags/${value}`;
    else if (name === 'branch') ref = value.startsWith('refs/heads/') ? value : `refs/heads/${value}`;
    else if (name === 'subdir') subdirectory = value;
    else if (name === 'checksum' || name === 'commit') checksum = value;
  }
  return {
    url,
    ...(ref === '' ? {} : { ref }),
    ...(subdirectory === '' ? {} : { subdirectory: subdirectory.replace(/^\/+/, '') }),
    ...(checksum === '' ? {} : { checksum }),
  };
}

function cut(text: string, separator: string): [string, string?] {
  const at = text.indexOf(separator);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

/** Whether a ref is a commit, in full or by its first digits. */
export function isCommitLike(ref: string): boolean {
  return isCommit(ref) || (/^[0-9a-f]{7,39}$/.test(ref) && /[0-9]/.test(ref));
}

/** Whether a git ref is a commit in full. */
export function isCommit(ref: string): boolean {
  return /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(ref);
}
