// Where Trimaran keeps what it makes: `$XDG_CACHE_HOME/trimaran`, by default `~/.cache/trimaran`.
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import type { Host } from '../foundation/host.ts';

/** The physical root of stores and caches. A relative XDG_CACHE_HOME is ignored, as its specification asks. */
export function trimaranRoot(host: Pick<Host, 'env'>): string {
  const base = host.env.XDG_CACHE_HOME;
  if (base !== undefined && isAbsolute(base)) return join(base, 'trimaran');
  return join(host.env.HOME ?? homedir(), '.cache', 'trimaran');
}
