// Submodules of a commit: what .gitmodules says, and where relative URLs lead. Source: gitmodules(5), gitsubmodules(7).
import type { ByteString } from '../../../../foundation/byte-string.ts';
import { flakeError } from '../flake-error.ts';
import { redactUrl } from '../url.ts';
import type { GitCommand } from './git-command.ts';

/** One entry of .gitmodules. */
export interface Submodule {
  readonly path: ByteString;
  readonly url: string;
  readonly branch?: string;
}

/** The submodules that a commit's .gitmodules lists; none when it has no such file. */
export async function readSubmodules(git: GitCommand, rev: string): Promise<Submodule[]> {
  const result = await git.run([
    ...['config', '--blob', `${rev}:.gitmodules`, '-z'],
    ...['--get-regexp', '^submodule\\..*\\.(path|url|branch)$'],
  ]);
  if (result.exitCode !== 0) return [];
  const settings = new Map<string, string>();
  for (const item of result.stdout.split('\0')) {
    const newline = item.indexOf('\n');
    if (newline > 0) settings.set(item.slice('submodule.'.length, newline), item.slice(newline + 1));
  }
  const submodules: Submodule[] = [];
  for (const [key, path] of settings) {
    if (!key.endsWith('.path')) continue;
    const name = key.slice(0, -'.path'.length);
    const url = settings.get(`${name}.url`);
    if (url === undefined)
      throw flakeError('git-failed', `the submodule '${name}' has no url in .gitmodules`, { exitCode: 4 });
    const branch = settings.get(`${name}.branch`);
    submodules.push({
      path: Buffer.from(path.replace(/\/+$/, ''), 'utf8').toString('latin1'),
      url,
      ...(branch === undefined || branch === '' ? {} : { branch }),
    });
  }
  return submodules;
}

/**
 * The URL of a submodule; one that starts with `./` or `../` counts from its parent's. Throws `flake/bad-url` when it
 * climbs above that URL's host.
 */
export function resolveSubmoduleUrl(url: string, base: string): string {
  if (!/^\.\.?(?:\/|$)/.test(url)) return url;
  const match = /^([a-zA-Z][a-zA-Z0-9+.-]*:\/\/[^/]*|[^/]+:)?(.*)$/s.exec(base)!;
  const parts = match[2]!.replace(/\/+$/, '').split('/');
  for (const part of url.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') parts.push(part);
    else if (parts.length < 2)
      throw flakeError('bad-url', `the submodule URL '${url}' climbs above '${redactUrl(base)}'`);
    else parts.pop();
  }
  return (match[1] ?? '') + parts.join('/');
}
