// One installable, evaluated and built; what `nix build` does when it cannot tell that nothing has changed.

import { join } from 'node:path';
import type { StorePath } from '../../formats/store-path.ts';
import { findProjectLock } from '../../sets/project-lock.ts';
import type { LocalSource } from '../../sets/source-state.ts';
import { sourceState } from '../../sets/source-state.ts';
import type { NixBuildRequest, NixBuildResult } from './build.ts';
import { evaluateTargets, localSource } from './evaluate-targets.ts';
import type { Recording } from './recording.ts';
import { type KeptRecording, referenceOf, stateOfLocks } from './replay.ts';

/** What a build depended on, for whoever remembers it. */
export interface Built {
  readonly source: LocalSource;
  readonly files: readonly string[];
  readonly state: string;
  readonly notes: readonly string[];
  readonly result: NixBuildResult;
  /** How the result came from the flake's files; undefined when that is not known. */
  readonly kept: KeptRecording | undefined;
}

/** Warnings that are true of an unchanged tree as well. */
const lastingNote = /^warning: Git tree /;

/** Builds, and tells `remember` when the result depends on nothing but local files and what they lock. */
export async function buildInstallable(
  request: NixBuildRequest,
  installable: string,
  remember: ((built: Built) => void) | undefined,
): Promise<NixBuildResult> {
  const notes: string[] = [];
  const { progress } = request.host;
  const note = (message: string) => {
    if (lastingNote.test(message)) notes.push(message);
    progress.note(message);
  };
  const host = { ...request.host, progress: { ...progress, note } };
  const log = request.showLogs === true ? note : undefined;
  const source = remember === undefined ? undefined : await localSource(host, installable);
  const files =
    source === undefined
      ? []
      : [findProjectLock(source.flakeDirectory).file, join(source.flakeDirectory, 'flake.lock')];
  const state = source === undefined ? '' : sourceState(source, files);
  let recording: Recording | undefined;
  const [result] = await evaluateTargets(
    {
      ...request,
      host,
      installables: [installable],
      action: { kind: 'derivation' },
      log,
      record: source !== undefined,
    },
    async (session, text, answer) => {
      recording = answer.recording;
      if (answer.result.kind !== 'derivation') throw new Error('a value where a derivation was asked for');
      const { drvPath, outputs: names } = answer.result;
      if (request.dryRun === true) {
        const { outputs } = session.store.readDerivation(drvPath);
        const planned = [...outputs].map(
          ([name, { path }]) => [name, { path: path as StorePath, physicalPath: '' }] as const,
        );
        return { installable: text, drvPath, outputs: new Map(planned) };
      }
      const built = await session.realise(drvPath, names);
      const outputs = [...built].map(
        ([name, path]) => [name, { path, physicalPath: session.store.materialise(path) }] as const,
      );
      return { installable: text, drvPath, outputs: new Map(outputs) };
    },
  );
  if (remember !== undefined && source !== undefined) {
    const { directory, tracked } = source;
    const kept: KeptRecording | undefined =
      recording === undefined
        ? undefined
        : {
            recording,
            reference: referenceOf(host, installable),
            kind: tracked === undefined ? 'folder' : 'git',
            directory,
            physicalPath: [...result!.outputs.values()][0]!.physicalPath,
            locks: stateOfLocks(files),
          };
    remember({ source: { directory, tracked }, files, state, notes, result: result!, kept });
  }
  return result!;
}
