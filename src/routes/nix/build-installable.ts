// One installable, evaluated and built; what `nix build` does when it cannot tell that nothing has changed.
import type { StorePath } from '../../formats/store-path.ts';
import type { NixBuildRequest, NixBuildResult } from './build.ts';
import { evaluateTargets } from './evaluate-targets.ts';
import { type Dependences, observeRun } from './observed-run.ts';
import type { Recording } from './recording.ts';
import { type KeptRecording, plainReference, stateOfLocks } from './replay.ts';

/** What a build depended on, for whoever remembers it. */
export interface Built extends Dependences {
  readonly notes: readonly string[];
  readonly result: NixBuildResult;
  /** How the result came from the flake's files; undefined when that is not known. */
  readonly kept: KeptRecording | undefined;
}

/** Builds, and tells `remember` when the result depends on nothing but local files and what they lock. */
export async function buildInstallable(
  request: NixBuildRequest,
  installable: string,
  remember: ((built: Built) => void) | undefined,
): Promise<NixBuildResult> {
  const { host, lastingNotes, dependences } = await observeRun(
    request.host,
    installable,
    remember !== undefined,
  );
  const locks = stateOfLocks(dependences?.files ?? []);
  let recording: Recording | undefined;
  const [result] = await evaluateTargets(
    {
      ...request,
      host,
      installables: [installable],
      action: { kind: 'derivation' },
      log: request.showLogs === true ? host.progress.note : undefined,
      record: dependences !== undefined,
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
  if (remember !== undefined && dependences !== undefined) {
    const { directory, tracked } = dependences.source;
    // A lock that was written meanwhile is not the one that was evaluated.
    const isSettled = JSON.stringify(stateOfLocks(dependences.files)) === JSON.stringify(locks);
    const reference = plainReference(host, installable);
    const kept: KeptRecording | undefined =
      recording === undefined || reference === undefined || !isSettled
        ? undefined
        : {
            recording,
            reference,
            kind: tracked === undefined ? 'folder' : 'git',
            directory,
            physicalPath: [...result!.outputs.values()][0]!.physicalPath,
            locks,
          };
    remember({ ...dependences, notes: lastingNotes, result: result!, kept });
  }
  return result!;
}
