// What a run of an installable depends on and says, for a memo of what it came to.
import { join } from 'node:path';
import type { Host } from '../../foundation/host.ts';
import { findProjectLock } from '../../sets/project-lock.ts';
import { type LocalSource, sourceState } from '../../sets/source-state.ts';
import { localSource } from './evaluate-targets.ts';

/** What a memo keeps besides the result. */
export interface Dependences {
  /** The flake's tree. */
  readonly source: LocalSource;
  /** The locks beside it. */
  readonly files: readonly string[];
  /** What they were before the run, see `sourceState`. */
  readonly state: string;
}

export interface ObservedRun {
  /** The host to run on. */
  readonly host: Host;
  /** Notes that would be given again for an unchanged tree. */
  readonly lastingNotes: readonly string[];
  /** Whether there were others. */
  readonly hasPassingNotes: () => boolean;
  /** Undefined when the run depends on more than local files and what they lock. */
  readonly dependences: Dependences | undefined;
}

/** Warnings that are true of an unchanged tree as well. */
const lastingNote = /^warning: Git tree /;

/** A run of an installable on a host, watched; `isMemorable` says whether anybody will want to know. */
export async function observeRun(
  given: Host,
  installable: string,
  isMemorable: boolean,
): Promise<ObservedRun> {
  const lastingNotes: string[] = [];
  let hasPassingNotes = false;
  const { progress } = given;
  const note = (message: string) => {
    if (lastingNote.test(message)) lastingNotes.push(message);
    else hasPassingNotes = true;
    progress.note(message);
  };
  const host = { ...given, progress: { ...progress, note } };
  const found = isMemorable ? await localSource(host, installable) : undefined;
  let dependences: Dependences | undefined;
  if (found !== undefined) {
    const { flakeDirectory, ...source } = found;
    const files = [findProjectLock(flakeDirectory).file, join(flakeDirectory, 'flake.lock')];
    dependences = { source, files, state: sourceState(source, files) };
  }
  return { host, lastingNotes, hasPassingNotes: () => hasPassingNotes, dependences };
}
