// `nix build`: installables to outputs that exist.
import { isAbsolute, join } from 'node:path';
import type { StorePath } from '../../formats/store-path.ts';
import type { Host } from '../../foundation/host.ts';
import { trimaranRoot } from '../../sets/cache-root.ts';
import { linkResult } from '../../sets/link-result.ts';
import { lstatOnce } from '../../sets/source-state.ts';
import { isMemorable, recallBuild, recallRecording, rememberBuild } from './build-memo.ts';
import type { NixSettings } from './settings.ts';

export interface NixBuildRequest {
  readonly host: Host;
  /** As typed: `.#docker`. With `file` or `expression`, attribute paths in that. */
  readonly installables: readonly string[];
  readonly settings: NixSettings;
  readonly file?: string | undefined;
  readonly expression?: string | undefined;
  /** Evaluates only. */
  readonly dryRun?: boolean;
  readonly rebuild?: boolean;
  readonly showLogs?: boolean;
}

export interface NixBuildOutput {
  /** `/nix/store/…` */
  readonly path: StorePath;
  /** Where its bytes lie on this machine; empty when nothing was built. */
  readonly physicalPath: string;
}

export interface NixBuildResult {
  readonly installable: string;
  readonly drvPath: StorePath;
  readonly outputs: ReadonlyMap<string, NixBuildOutput>;
}

/**
 * Evaluates and builds; what was built before and depends on nothing that changed is only looked up. Locks are brought
 * up to date on the way. Rejects with the errors of flakes, evaluation and realisation.
 */
export async function buildNix(request: NixBuildRequest): Promise<NixBuildResult[]> {
  const results: NixBuildResult[] = [];
  for (const installable of request.installables) results.push(await buildOne(request, installable));
  return results;
}

async function buildOne(request: NixBuildRequest, installable: string): Promise<NixBuildResult> {
  const { host, settings } = request;
  const memorable =
    isMemorable(settings) &&
    request.file === undefined &&
    request.expression === undefined &&
    request.dryRun !== true &&
    request.rebuild !== true;
  const key = { host, installable, settings };
  const lstat = lstatOnce();
  const known = memorable ? recallBuild(key, lstat) : undefined;
  if (known !== undefined) {
    for (const note of known.notes) host.progress.note(note);
    return known.result;
  }
  const kept = memorable ? recallRecording(key) : undefined;
  if (kept !== undefined) {
    const { replayBuild } = await import('./replay.ts');
    const replayed = await replayBuild(request, installable, { kept, lstat });
    if (replayed !== undefined) {
      rememberBuild(key, replayed);
      return replayed.result;
    }
  }
  // Loaded only now: most of Trimaran hangs on it.
  const { buildInstallable } = await import('./build-installable.ts');
  return buildInstallable(request, installable, memorable ? (built) => rememberBuild(key, built) : undefined);
}

/**
 * Makes the `result` links that Nix makes: `result` for the first, `result-1` … for others, `-NAME` for outputs but `out`.
 * Throws `result/link-exists` when something else than a link is in the way.
 */
export function linkResults(
  results: readonly NixBuildResult[],
  host: Pick<Host, 'env' | 'cwd'>,
  outLink: string,
): void {
  const base = isAbsolute(outLink) ? outLink : join(host.cwd, outLink);
  const root = trimaranRoot(host);
  results.forEach((result, index) => {
    const numbered = index === 0 ? base : `${base}-${index}`;
    for (const [name, output] of result.outputs) {
      if (output.physicalPath === '') continue;
      linkResult(name === 'out' ? numbered : `${numbered}-${name}`, { target: output.physicalPath, root });
    }
  });
}
