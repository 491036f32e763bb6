// Which file of Debian's archive an address names, if it is one of a mirror: others keep archives of the same shape
// (`download.docker.com/linux/debian/dists/bookworm/…`), signed by other keys and with other packages.

/** A file of `dists/SUITE/`, or a package by its path in the indexes. */
export type ArchivePath =
  | { readonly kind: 'index'; readonly suite: string; readonly path: string }
  | { readonly kind: 'package'; readonly filename: string };

/** What mirrors have above `debian`, by the list of them that Debian keeps, and what the snapshot service has below it. */
const mirrorRoot =
  /^(?:\/(?:archive|distributions|distros|ftp|linux|mirrors?|mirrors?\.[a-z0-9.-]+|os|pub|repos?|repository|vendor))*\/debian(?:-security)?(?:\/\d{8}T\d{6}Z)?$/i;

/** Hosts whose archive has such an address and is their own. */
const ownArchives = new Set(['download.docker.com']);

/** Names that Debian gives to one release after the other, and others to theirs. */
const movingNames = /^(?:oldoldstable|oldstable|stable|testing|unstable|experimental)(?:-|$)/;

/** Reads an address; `roots` are further addresses of mirrors, without a `/` at the end. */
export function parseArchivePath(url: URL, roots: readonly string[] = []): ArchivePath | undefined {
  const path = decodePath(url).replace(/\/{2,}/g, '/');
  const [, root, suite, file] = /^(.*?)\/dists\/([a-z][a-z0-9-]*)\/(.+)$/.exec(path) ?? [];
  if (suite !== undefined && isMirror(url, root!, roots)) {
    const isKnown = /(?:^|\.)debian\.(?:org|net)$/.test(url.hostname) || isOneOf(url, root!, roots);
    return isKnown || !movingNames.test(suite) ? { kind: 'index', suite, path: file! } : undefined;
  }
  const [, above, filename] = /^(.*?)\/(pool\/.+_[^_/]+\.deb)$/.exec(path) ?? [];
  if (filename !== undefined && isMirror(url, above!, roots)) return { kind: 'package', filename };
  return undefined;
}

/** The path without escapes; as it is where these are none. */
export function decodePath({ pathname }: URL): string {
  try {
    return decodeURIComponent(pathname);
  } catch {
    return pathname;
  }
}

function isMirror(url: URL, root: string, roots: readonly string[]): boolean {
  return isOneOf(url, root, roots) || (mirrorRoot.test(root) && !ownArchives.has(url.hostname));
}

function isOneOf({ host }: URL, root: string, roots: readonly string[]): boolean {
  return roots.some((known) => known.replace(/^https?:\/\//, '') === `${host}${root}`);
}
