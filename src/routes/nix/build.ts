// `nix build`: installables to outputs that exist.
import { lstatSync, readlinkSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import type { StorePath } from '../../formats/store-path.ts';
import { temporaryNameFor } from '../../foundation/atomic-file.ts';
import { systemErrorCode, TrimaranError } from '../../foundation/error.ts';
import type { Host } from '../../foundation/host.ts';
import { evaluateTargets } from './evaluate-targets.ts';
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
 * Evaluates and builds. Locks are brought up to date on the way. Rejects with the errors of flakes, evaluation and
 * realisation.
 */
export async function buildNix(request: NixBuildRequest): Promise<NixBuildResult[]> {
  const log = request.showLogs === true ? (line: string) => request.host.progress.note(line) : undefined;
  return evaluateTargets(
    { ...request, action: { kind: 'derivation' }, log },
    async (session, installable, { result }) => {
      if (result.kind !== 'derivation') throw new Error('a value where a derivation was asked for');
      const { drvPath } = result;
      if (request.dryRun === true) {
        const derivation = session.store.readDerivation(drvPath);
        const outputs = new Map(
          [...derivation.outputs].map(([name, { path }]) => [
            name,
            { path: path as StorePath, physicalPath: '' },
          ]),
        );
        return { installable, drvPath, outputs };
      }
      const built = await session.realise(drvPath, result.outputs);
      const outputs = new Map(
        [...built].map(([name, path]) => [name, { path, physicalPath: session.store.materialise(path) }]),
      );
      return { installable, drvPath, outputs };
    },
  );
}

/**
 * Makes the `result` links that Nix makes: `result` for the first, `result-1` … for others, `-NAME` for outputs but `out`.
 * Throws `nix/link-exists` when something else than a link is in the way.
 */
export function linkResults(results: readonly NixBuildResult[], directory: string, outLink: string): void {
  const base = isAbsolute(outLink) ? outLink : join(directory, outLink);
  results.forEach((result, index) => {
    const numbered = index === 0 ? base : `${base}-${index}`;
    for (const [name, output] of result.outputs) {
      if (output.physicalPath === '') continue;
      replaceLink(name === 'out' ? numbered : `${numbered}-${name}`, output.physicalPath);
    }
  });
}

function replaceLink(link: string, target: string): void {
  try {
    if (!lstatSync(link).isSymbolicLink()) {
      throw new TrimaranError({
        code: 'nix/link-exists',
        message: `cannot make the link ${link}: something else is there`,
        hint: 'move it away, or choose another name with --out-link',
        exitCode: 4,
      });
    }
    if (readlinkSync(link) === target) return;
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT') throw error;
  }
  const temporary = temporaryNameFor(link);
  try {
    symlinkSync(target, temporary);
    renameSync(temporary, link);
  } catch (cause) {
    rmSync(temporary, { force: true });
    throw new TrimaranError({
      code: 'nix/link-not-writable',
      message: `cannot make the link ${link}`,
      hint: 'run the command where you may write, or add --no-link and --print-out-paths',
      cause,
      exitCode: 4,
    });
  }
}
