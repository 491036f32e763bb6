// What a guix command came to, kept with the state of every file that it looked at, so that doing it again with nothing
// changed is a look and no more. Light on purpose: this is the path of a build with nothing to do.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { sha256Hex } from '../../foundation/digest.ts';
import { trimaranRoot } from '../../sets/cache-root.ts';
import { loadRecording, saveRecording } from '../../sets/recording-file.ts';
import { sourceState, stateOf } from '../../sets/source-state.ts';
import { noteUse } from '../../store/last-use.ts';
import { isOutputThere, objectInfoFile } from '../../store/object-info.ts';
import type { GuixBuildRequest, GuixBuildResult } from './build.ts';
import type { GuixRecording, ReadState } from './evaluation-request.ts';

/** Raised whenever evaluation or building may give something else for the same input. */
const memoFormat = 12;

interface Memo {
  readonly read: ReadState;
  readonly results: readonly GuixBuildResult[];
}

/** Whether a result may be kept at all. */
export function isMemorable(request: GuixBuildRequest): boolean {
  return request.dryRun !== true;
}

/** The result of the same request, when nothing it depended on has changed. */
export function recallResult(request: GuixBuildRequest): readonly GuixBuildResult[] | undefined {
  try {
    const memo = JSON.parse(readFileSync(memoFile(request), 'utf8')) as Memo;
    const root = trimaranRoot(request.host);
    const outputs = memo.results.flatMap((result) => result.outputs);
    if (!outputs.every((output) => isOutputThere(root, output))) return undefined;
    if (!isUnchanged(memo.read, request.host.env)) return undefined;
    for (const { path } of outputs) noteUse(objectInfoFile(root, path));
    return memo.results;
  } catch {
    // No memo, or a file that it names is gone: the request is carried out as if for the first time.
    return undefined;
  }
}

/** Where the first output of the same request lay last time, whatever has changed since; undefined when it is not known. */
export function earlierOutput(request: GuixBuildRequest): string | undefined {
  try {
    const memo = JSON.parse(readFileSync(memoFile(request), 'utf8')) as Memo;
    return memo.results[0]?.outputs[0]?.physicalPath;
  } catch {
    return undefined;
  }
}

/** How the last results came from files, and the state of those then; undefined when that is not known. */
export function recallRecording(
  request: GuixBuildRequest,
): { readonly read: ReadState; readonly recording: GuixRecording } | undefined {
  return loadRecording(recordingFile(request));
}

/** Remembers results: what they were made from, with its state at that time, and how, when that is known. */
export function rememberResult(
  request: GuixBuildRequest,
  {
    read,
    results,
    recording,
  }: {
    readonly read: ReadState;
    readonly results: readonly GuixBuildResult[];
    readonly recording: GuixRecording | undefined;
  },
): void {
  const file = memoFile(request);
  saveRecording(recordingFile(request), recording && { read, recording });
  saveRecording(file, { read, results } satisfies Memo);
}

function recordingFile(request: GuixBuildRequest): string {
  return memoFile(request).replace(/json$/, 'recording.json');
}

/** The state of the locks that a request may read: beside its recipe and above it. */
export function lockStates(request: GuixBuildRequest): Readonly<Record<string, string>> {
  return Object.fromEntries(lockFiles(request).map((file) => [file, stateOf(file)]));
}

/** Whether the variables that were asked for are what they were. */
export function sameVariables(
  { variables }: Pick<ReadState, 'variables'>,
  env: GuixBuildRequest['host']['env'],
): boolean {
  return Object.entries(variables).every(([name, value]) => (env[name] ?? null) === value);
}

function isUnchanged(read: ReadState, env: GuixBuildRequest['host']['env']): boolean {
  const { files, folders } = read;
  return (
    sameVariables(read, env) &&
    Object.entries(files).every(([file, state]) => stateOf(file) === state) &&
    Object.entries(folders).every(
      ([directory, state]) => sourceState({ directory, tracked: undefined }, []) === state,
    )
  );
}

/** Where the project's lock is or may come to be: beside a recipe or above it. */
function lockFiles({ host, action }: GuixBuildRequest): string[] {
  const { manifests, files } = action.sources;
  const start = [...manifests, ...files][0];
  const result: string[] = [];
  for (let folder = start === undefined ? host.cwd : dirname(resolve(start)); ; folder = dirname(folder)) {
    result.push(join(folder, 'trimaran.lock'));
    if (existsSync(join(folder, '.git')) || dirname(folder) === folder) return result;
  }
}

function memoFile({ host, action, settings }: GuixBuildRequest): string {
  const words = [memoFormat, process.arch, host.cwd, action, settings];
  return join(trimaranRoot(host), 'builds', `guix-${sha256Hex(Buffer.from(JSON.stringify(words)))}.json`);
}
