// What a build came to, kept with the state of everything it depended on, so that doing it again with nothing changed
// is a look and no more. Only builds that depend on locked inputs and local files alone are kept.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { StorePath } from '../../formats/store-path.ts';
import { writeCacheFile } from '../../foundation/atomic-file.ts';
import { sha256Hex } from '../../foundation/digest.ts';
import type { Host } from '../../foundation/host.ts';
import { trimaranRoot } from '../../sets/cache-root.ts';
import { loadRecording, saveRecording } from '../../sets/recording-file.ts';
import { type Lstat, sourceState } from '../../sets/source-state.ts';
import { noteUse } from '../../store/last-use.ts';
import { isOutputThere, objectInfoFile } from '../../store/object-info.ts';
import type { NixBuildResult } from './build.ts';
import type { Built } from './build-installable.ts';
import type { Dependences } from './observed-run.ts';
import type { KeptRecording } from './replay.ts';
import type { NixSettings } from './settings.ts';

/** Raised whenever evaluation or building may give something else for the same input. */
const memoFormat = 14;

interface Memo extends Dependences {
  readonly notes: readonly string[];
  readonly drvPath: StorePath;
  readonly outputs: readonly (readonly [
    string,
    { readonly path: StorePath; readonly physicalPath: string },
  ])[];
}

export interface MemoKey {
  readonly host: Pick<Host, 'env' | 'cwd'>;
  readonly installable: string;
  readonly settings: NixSettings;
}

/** Whether a build with these settings may be remembered at all. */
export function isMemorable(settings: NixSettings): boolean {
  return (
    !settings.impure && !settings.refresh && settings.overrideInputs.size === 0 && settings.writeLockFile
  );
}

/** The result of the same build, when nothing it depended on has changed; and the notes it gave. */
export function recallBuild(
  key: MemoKey,
  lstat: Lstat,
): { readonly result: NixBuildResult; readonly notes: readonly string[] } | undefined {
  let memo: Memo;
  try {
    memo = JSON.parse(readFileSync(memoFile(key), 'utf8')) as Memo;
  } catch {
    return undefined;
  }
  const root = trimaranRoot(key.host);
  if (!memo.outputs.every(([, output]) => isOutputThere(root, output))) return undefined;
  try {
    if (sourceState(memo.source, memo.files, lstat) !== memo.state) return undefined;
  } catch {
    return undefined;
  }
  const { drvPath, notes, outputs } = memo;
  for (const [, { path }] of outputs) noteUse(objectInfoFile(root, path));
  return { result: { installable: key.installable, drvPath, outputs: new Map(outputs) }, notes };
}

/** How an earlier build of the same came from its files, when that is known. */
export function recallRecording(key: MemoKey): KeptRecording | undefined {
  return loadRecording<KeptRecording>(recordingFile(key));
}

/** Remembers a build. */
export function rememberBuild(key: MemoKey, { result, kept, ...rest }: Built): void {
  saveRecording(recordingFile(key), kept);
  const memo: Memo = { ...rest, drvPath: result.drvPath, outputs: [...result.outputs] };
  writeCacheFile(memoFile(key), JSON.stringify(memo));
}

function recordingFile(key: MemoKey): string {
  return memoFile(key).replace(/json$/, 'recording.json');
}

function memoFile({ host, installable, settings }: MemoKey): string {
  const { showTrace: _showTrace, offline: _offline, overrideInputs: _overrides, ...counted } = settings;
  const words = [memoFormat, process.arch, host.cwd, installable, counted];
  return join(trimaranRoot(host), 'builds', `${sha256Hex(Buffer.from(JSON.stringify(words)))}.json`);
}
