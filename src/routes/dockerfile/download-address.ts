// Under what address steps of a build ask the proxy for a download that the lock fixes. The same each time, so that engines
// know a step again.

import type { LockFile } from '../../sets/lock-file.ts';

/** A name that no network has: what is asked of it comes to the proxy or nowhere. */
export const proxyName = 'trimaran.invalid';

/** Address of the bytes with that SHA-256; `name` ends it. */
export function downloadAddress(sha256: string, name: string): string {
  return `http://${proxyName}/url/${sha256}/${name}`;
}

/** A step with the addresses that its Dockerfile has. */
export function restoreDownloads(step: string, { urls }: Pick<LockFile, 'urls'>): string {
  if (!step.includes(proxyName)) return step;
  const bySha256 = new Map([...urls].map(([url, sha256]) => [sha256, url]));
  return step.replace(
    new RegExp(`http://${proxyName}/url/([0-9a-f]{64})/[^\\s"']*`, 'g'),
    (whole, sha256: string) => bySha256.get(sha256) ?? whole,
  );
}

/** The SHA-256 that a path of such an address names. */
export function parseDownloadPath(path: string): string | undefined {
  return /^\/url\/([0-9a-f]{64})\//.exec(path)?.[1];
}
