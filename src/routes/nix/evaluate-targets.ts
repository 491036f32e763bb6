// From what people type to evaluated targets: finds and locks flakes, evaluates, and keeps trimaran.lock up to date.
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TrimaranError } from '../../foundation/error.ts';
import type { Host } from '../../foundation/host.ts';
import { findProjectLock, type ProjectLock, recordUsedPackages } from '../../sets/project-lock.ts';
import type { LocalSource } from '../../sets/source-state.ts';
import type { EvaluationAction, EvaluationAnswer, EvaluationTarget } from './evaluation-request.ts';
import { explainError } from './explain-error.ts';
import { parseFlakeReference, showFlakeReference } from './flakes/flake-reference.ts';
import type { LockOutcome } from './flakes/flake-session.ts';
import { type InputAttributes, requiredString } from './flakes/input.ts';
import { attributePathsFor, type OutputSelection, parseInstallable } from './flakes/installable.ts';
import { parseInputPath } from './flakes/lock-file.ts';
import { NixSession } from './nix-session.ts';
import type { NixSettings } from './settings.ts';

export interface EvaluateTargetsRequest {
  readonly host: Host;
  readonly installables: readonly string[];
  readonly settings: NixSettings;
  readonly file?: string | undefined;
  readonly expression?: string | undefined;
  readonly action: EvaluationAction;
  /** In place of those that the installable stands for; `''` is the flake itself. */
  readonly attributePaths?: readonly string[];
  readonly log: ((line: string) => void) | undefined;
  /** Whether the answer says how it depends on the flake's own files. */
  readonly record?: boolean;
}

/** Evaluates each installable in turn and hands the answer to `use`; results in order. */
export async function evaluateTargets<Result>(
  request: EvaluateTargetsRequest,
  use: (session: NixSession, installable: string, answer: EvaluationAnswer) => Promise<Result>,
): Promise<Result[]> {
  const { host, log } = request;
  // What a file may read is not limited to itself, as in Nix.
  const settings = request.file === undefined ? request.settings : { ...request.settings, impure: true };
  const results: Result[] = [];
  for (const text of request.installables) {
    const directory = projectDirectory(request, text);
    const lockPlace = findProjectLock(directory);
    const session = new NixSession({ host, settings, lock: lockPlace.lock, log });
    let answer: EvaluationAnswer | undefined;
    try {
      const { target, outputs } = await targetOf(session, { ...request, lock: lockPlace }, text);
      answer = await session.evaluate({ target, action: request.action, record: request.record ?? false });
      // What evaluation took up is free for building.
      session.endEvaluation();
      results.push(await use(session, text, selectOutputs(answer, outputs)));
      // Last, so that what failed leaves the lock as it was.
      if (settings.writeLockFile && settings.overrideInputs.size === 0)
        recordUsedPackages(host, lockPlace, answer.used);
    } catch (error) {
      throw explainError(error, {
        store: session.store,
        sourceDirectory: sourceDirectory(request, text),
        showTrace: settings.showTrace,
        definition: answer?.definition,
      });
    } finally {
      session.close();
    }
  }
  return results;
}

/** The folder whose trimaran.lock counts: the flake's when that is on this machine, else the current one. */
function projectDirectory(request: EvaluateTargetsRequest, text: string): string {
  const { cwd } = request.host;
  if (request.file !== undefined) return dirname(resolve(cwd, request.file));
  if (request.expression !== undefined) return cwd;
  const { input, subdir } = parseInstallable(text, { baseDirectory: cwd }).reference;
  const directory = localDirectory(input);
  return directory === undefined ? cwd : join(directory, subdir);
}

/** The tree of this machine that an installable's flake is copied from, if it is. */
function sourceDirectory(request: EvaluateTargetsRequest, text: string): string | undefined {
  if (request.file !== undefined || request.expression !== undefined) return undefined;
  return localDirectory(parseInstallable(text, { baseDirectory: request.host.cwd }).reference.input);
}

/** The folder of this machine that an input stands for; undefined when it comes from elsewhere, or at a revision. */
function localDirectory(input: InputAttributes): string | undefined {
  if (input.type === 'path') return requiredString(input, 'path');
  if (input.type !== 'git' || input.rev !== undefined || input.ref !== undefined) return undefined;
  const url = new URL(requiredString(input, 'url').replace(/^git\+/, ''));
  return url.protocol === 'file:' ? fileURLToPath(url) : undefined;
}

/** A flake's tree on this machine, and the folder of its flake.nix. */
export interface LocalFlake extends LocalSource {
  readonly flakeDirectory: string;
}

/**
 * Where the flake of an installable lies on this machine; undefined when it comes from elsewhere, or with a revision of
 * its own. Throws as `parseInstallable`.
 */
export async function localSource(host: Host, installable: string): Promise<LocalFlake | undefined> {
  const { input, subdir } = parseInstallable(installable, { baseDirectory: host.cwd }).reference;
  const directory = localDirectory(input);
  if (directory === undefined) return undefined;
  const flakeDirectory = join(directory, subdir);
  if (input.type === 'path') return { directory, tracked: undefined, flakeDirectory };
  // Without git, or where it fails, fetching the flake says so.
  const command = host.which('git');
  if (command === undefined) return undefined;
  const listed = await host.run({ command, args: ['-C', directory, 'ls-files', '-z'] });
  if (listed.exitCode !== 0) return undefined;
  const tracked = listed.stdout
    .toString('utf8')
    .split('\0')
    .filter((file) => file !== '');
  return { directory, tracked, flakeDirectory };
}

interface PreparedTarget {
  readonly target: EvaluationTarget;
  readonly outputs: OutputSelection;
}

/** The file of `--file`, absolute. Throws `nix/no-file`. */
function fileThere(cwd: string, name: string): string {
  const file = resolve(cwd, name);
  if (existsSync(file)) return file;
  const message = `path '${file}' does not exist`;
  throw new TrimaranError({
    code: 'nix/no-file',
    message,
    report: `error: ${message}`,
    hint: 'correct `--file`',
  });
}

async function targetOf(
  session: NixSession,
  request: EvaluateTargetsRequest & { readonly lock: ProjectLock },
  text: string,
): Promise<PreparedTarget> {
  const { cwd } = request.host;
  const plain = (kind: 'file' | 'expression', source: string): PreparedTarget => ({
    target: { kind, text: source, directory: cwd, attributePath: text === '.' ? '' : text },
    outputs: { kind: 'default' },
  });
  if (request.expression !== undefined) return plain('expression', request.expression);
  if (request.file !== undefined) return plain('file', fileThere(cwd, request.file));
  const { reference, fragment, outputs } = parseInstallable(text, { baseDirectory: cwd });
  const locked = await lockFlake(session, request, reference);
  if (request.settings.overrideInputs.size === 0) checkSameRelease(locked, request.lock);
  return {
    target: {
      kind: 'flake',
      flake: session.sendFlake(locked),
      attributePaths:
        request.attributePaths ??
        attributePathsFor({
          fragment,
          system: session.system,
          command: request.action.kind === 'derivation' ? 'build' : 'eval',
        }),
      shown: showFlakeReference(locked.flake.locked),
    },
    outputs,
  };
}

function lockFlake(
  session: NixSession,
  { settings, host }: EvaluateTargetsRequest,
  reference: Parameters<NixSession['flakes']['lockFlake']>[0],
): Promise<LockOutcome> {
  const overrides = [...settings.overrideInputs].map(([path, text]) => ({
    path: parseInputPath(path),
    reference: parseFlakeReference(text, { baseDirectory: host.cwd }),
  }));
  return session.flakes.lockFlake(reference, {
    overrides,
    writeLockFile: settings.writeLockFile && overrides.length === 0,
    updateLockFile: settings.updateLockFile,
  });
}

/**
 * The two locks of a project must mean one release. Throws `lock/mismatch`. An input that names its day in flake.nix is
 * meant as it stands.
 */
function checkSameRelease(locked: LockOutcome, { lock, file }: ProjectLock): void {
  for (const [name, edge] of locked.lock.root.inputs) {
    if (edge.kind !== 'node') continue;
    const { original, locked: pinned } = edge.node;
    if (pinned.input.type !== 'debian' || original.input.timestamp !== undefined) continue;
    const suite = lock?.debian.get(requiredString(pinned.input, 'suite'));
    const { release } = pinned.input;
    if (suite === undefined || release === undefined) continue;
    if (release === suite.releaseSha256) {
      // A release has one time, so that one of the two was edited.
      if (pinned.input.timestamp !== undefined && pinned.input.timestamp !== suite.timestamp)
        throw new TrimaranError({
          code: 'lock/mismatch',
          message: `flake.lock and trimaran.lock give the same release of ${showFlakeReference(original)} two times: flake.lock has ${pinned.input.timestamp} for the input '${name}', ${file} has ${suite.timestamp}`,
          hint: 'restore the one that was changed from version control, or run `trimaran lock --update` to take the present release for both',
        });
      continue;
    }
    throw new TrimaranError({
      code: 'lock/mismatch',
      message: `flake.lock and trimaran.lock mean two releases of ${showFlakeReference(original)}: flake.lock has ${describeRelease(pinned.input.timestamp, release)} for the input '${name}', ${file} has ${describeRelease(suite.timestamp, suite.releaseSha256)}`,
      hint: 'restore the one that was changed from version control, or run `trimaran lock --update` to take the present release for both',
    });
  }
}

function describeRelease(timestamp: unknown, sha256: unknown): string {
  return `${timestamp} (SHA-256 ${String(sha256).slice(0, 12)}…)`;
}

function selectOutputs(answer: EvaluationAnswer, selection: OutputSelection): EvaluationAnswer {
  if (answer.result.kind !== 'derivation' || selection.kind !== 'names') return answer;
  return { ...answer, result: { ...answer.result, outputs: selection.names } };
}
