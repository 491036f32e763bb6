// `nix flake lock · update · metadata · show`: commands on a flake's lock and outputs.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromByteString } from '../../foundation/byte-string.ts';
import type { Host } from '../../foundation/host.ts';
import { findProjectLock } from '../../sets/project-lock.ts';
import { evaluateTargets } from './evaluate-targets.ts';
import { parseFlakeReference, showFlakeReference } from './flakes/flake-reference.ts';
import type { LockCommandOptions, LockOutcome } from './flakes/flake-session.ts';
import { writeJson } from './flakes/json.ts';
import { allInputs, parseInputPath, parseLockFile, writeInputPath } from './flakes/lock-file.ts';
import { flakeMetadata, showFlakeMetadata } from './flakes/metadata.ts';
import { type ShownOutput, showFlakeExpression, showFlakeTree, shownFlakeJson } from './flakes/show-flake.ts';
import { NixSession } from './nix-session.ts';
import type { NixSettings } from './settings.ts';

export interface FlakeCommandRequest {
  readonly host: Host;
  /** As typed; `.` is the flake here. */
  readonly flake: string;
  readonly settings: NixSettings;
}

async function lockWith<Result>(
  { host, flake, settings }: FlakeCommandRequest,
  options: LockCommandOptions,
  use: (locked: LockOutcome) => Result,
): Promise<Result> {
  const session = new NixSession({ host, settings, lock: findProjectLock(host.cwd).lock, log: undefined });
  try {
    const reference = parseFlakeReference(flake, { baseDirectory: host.cwd });
    const overrides = [...settings.overrideInputs].map(([path, text]) => ({
      path: parseInputPath(path),
      reference: parseFlakeReference(text, { baseDirectory: host.cwd }),
    }));
    return use(
      await session.flakes.lockFlake(reference, {
        overrides,
        writeLockFile: settings.writeLockFile,
        ...options,
      }),
    );
  } finally {
    session.close();
  }
}

/** `nix flake lock`: adds what is missing. Rejects as `FlakeSession.lockFlake`. */
export function lockFlake(request: FlakeCommandRequest): Promise<void> {
  return lockWith(request, { failOnUnlocked: true }, () => undefined);
}

/** `nix flake update`: takes the newest of all inputs, or of those named. Rejects as `FlakeSession.lockFlake`. */
export function updateFlake(
  request: FlakeCommandRequest & { readonly inputs: readonly string[] },
): Promise<void> {
  const { inputs, settings } = request;
  const options = inputs.length === 0 ? { recreate: true } : { updates: inputs.map(parseInputPath) };
  return lockWith({ ...request, settings: { ...settings, refresh: true } }, options, () => undefined);
}

/**
 * Takes the present releases of those Debian suites among the inputs of a locked flake that `wants` names. Rejects as
 * `FlakeSession.lockFlake`.
 */
export async function updateDebianInputs(
  request: Omit<FlakeCommandRequest, 'flake'> & { readonly wants: (suite: string) => boolean },
): Promise<void> {
  const file = join(request.host.cwd, 'flake.lock');
  if (!existsSync(file)) return;
  const inputs = allInputs(parseLockFile(readFileSync(file, 'utf8'), { file })).flatMap(({ path, edge }) => {
    if (edge.kind !== 'node') return [];
    const { type, suite } = edge.node.locked.input;
    return type === 'debian' && request.wants(String(suite)) ? [writeInputPath(path)] : [];
  });
  if (inputs.length > 0) await updateFlake({ ...request, flake: '.', inputs });
}

/** `nix flake metadata`, as text or as JSON. Rejects as `FlakeSession.lockFlake`. */
export function describeFlake(request: FlakeCommandRequest & { readonly json: boolean }): Promise<string> {
  return lockWith(request, {}, (locked) =>
    request.json ? writeJson(flakeMetadata(locked)) : showFlakeMetadata(locked),
  );
}

/** `nix flake show`, as text or as JSON. Rejects with the errors of locking and evaluation. */
export async function showFlake(request: FlakeCommandRequest & { readonly json: boolean }): Promise<string> {
  const [text] = await evaluateTargets(
    {
      host: request.host,
      installables: [request.flake],
      settings: request.settings,
      action: { kind: 'value', apply: showFlakeExpression({ system: 'x86_64-linux' }), form: 'json' },
      attributePaths: [''],
      log: undefined,
    },
    async (_session, installable, { result }) => {
      const shown = JSON.parse(result.kind === 'value' ? fromByteString(result.text) : '{}') as ShownOutput;
      const title = showFlakeReference(parseFlakeReference(installable, { baseDirectory: request.host.cwd }));
      return request.json ? writeJson(shownFlakeJson(shown)) : showFlakeTree(title, shown);
    },
  );
  return text ?? '';
}

/** Whether a word names a flake on this machine, so that `flake update FLAKE` of older days is understood. */
export function looksLikeFlake(word: string): boolean {
  return (
    word.includes(':') || word.startsWith('.') || word.startsWith('/') || existsSync(`${word}/flake.nix`)
  );
}
