// What an earlier evaluation of a recipe comes to now that files have changed which it copied and did not read: the same
// derivations with other store paths in them. See docs/decisions/replaying-evaluations.md.
import { type ByteString, fromByteString } from '../../foundation/byte-string.ts';
import { DigestRenaming, hasInputs, replayDerivations } from '../../sets/replayed-derivations.ts';
import { sourceState, stateOf } from '../../sets/source-state.ts';
import { type GuixBuildRequest, type GuixBuildResult, realiseDerivation } from './build.ts';
import type { GuixRecording, ReadState } from './evaluation-request.ts';
import { GuixSession } from './guix-session.ts';
import { sameVariables } from './result-memo.ts';

export interface ReplayedBuild {
  readonly results: readonly GuixBuildResult[];
  readonly read: ReadState;
  readonly recording: GuixRecording;
}

/**
 * Builds what an earlier evaluation of the same request comes to now. Undefined when that cannot be told. `earlier` is the
 * archive that was made then. Rejects as `GuixSession.realise`.
 */
export async function replayGuix(
  request: GuixBuildRequest,
  kept: { readonly read: ReadState; readonly recording: GuixRecording; readonly earlier: string | undefined },
): Promise<ReplayedBuild | undefined> {
  const { host, settings, log } = request;
  const read = stateNow(kept.read, new Set(kept.recording.copiedOnly));
  if (read === undefined || !sameVariables(read, host.env)) return undefined;
  const session = new GuixSession({
    host,
    lock: undefined,
    channelsFile: undefined,
    system: settings.system,
    log,
    earlier: kept.earlier,
  });
  try {
    const { store } = session;
    if (!hasInputs(kept.recording, store)) return undefined;
    const renaming = new DigestRenaming(store.storeDirectory);
    const recording = replayDerivations(kept.recording, {
      store,
      renaming,
      copy: ({ path, name, method }) => store.addPath({ source: placeOf(path), name, method }),
    });
    if (recording === undefined) return undefined;
    const derivations = recording.derivations.map((made) => ({
      ...made,
      drvPath: renaming.apply(made.drvPath),
    }));
    const results: GuixBuildResult[] = [];
    for (const { drvPath } of derivations) results.push(await realiseDerivation(session, drvPath, request));
    return { results, read, recording: { ...recording, derivations } };
  } finally {
    await session.close();
  }
}

function placeOf(path: ByteString): string {
  return fromByteString(path);
}

/** The state of all that was looked at; undefined when something has changed that was more than copied. */
function stateNow(
  { files, folders, variables }: ReadState,
  copiedOnly: ReadonlySet<string>,
): ReadState | undefined {
  const look = (states: ReadState['files'], now: (path: string) => string) =>
    Object.entries(states).map(([path, state]) => {
      const found = now(path);
      return [path, found, copiedOnly.has(path) || found === state] as const;
    });
  try {
    const nowFiles = look(files, stateOf);
    const nowFolders = look(folders, (directory) => sourceState({ directory, tracked: undefined }, []));
    if (![...nowFiles, ...nowFolders].every(([, , isFine]) => isFine)) return undefined;
    const asRecord = (looked: typeof nowFiles) =>
      Object.fromEntries(looked.map(([path, found]) => [path, found]));
    return { files: asRecord(nowFiles), folders: asRecord(nowFolders), variables };
  } catch {
    // Something is gone.
    return undefined;
  }
}
