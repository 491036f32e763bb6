// One value, evaluated; what `nix eval` does when it cannot tell that nothing has changed.
import { join } from 'node:path';
import { findProjectLock } from '../../sets/project-lock.ts';
import { sourceState } from '../../sets/source-state.ts';
import type { NixEvaluateRequest } from './evaluate.ts';
import { evaluateTargets, localSource } from './evaluate-targets.ts';
import type { KnownValue } from './evaluation-memo.ts';

/** Warnings that are true of an unchanged tree as well. */
const lastingNote = /^warning: Git tree /;

/** Evaluates, and tells `remember` when the value depends on nothing but local files and what they lock. */
export async function evaluateValue(
  request: NixEvaluateRequest,
  installable: string,
  remember: ((value: KnownValue) => void) | undefined,
): Promise<string> {
  const notes: string[] = [];
  const { progress } = request.host;
  const note = (message: string) => {
    notes.push(message);
    progress.note(message);
  };
  const host = { ...request.host, progress: { ...progress, note } };
  const source = remember === undefined ? undefined : await localSource(host, installable);
  const files =
    source === undefined
      ? []
      : [findProjectLock(source.flakeDirectory).file, join(source.flakeDirectory, 'flake.lock')];
  const state = source === undefined ? '' : sourceState(source, files);
  const [text = ''] = await evaluateTargets(
    {
      ...request,
      host,
      installables: [installable],
      action: { kind: 'value', apply: request.apply, form: request.form },
      log: undefined,
    },
    async (_session, _installable, { result }) => (result.kind === 'value' ? result.text : ''),
  );
  // What a trace or a warning said would not be said again.
  if (remember !== undefined && source !== undefined && notes.every((line) => lastingNote.test(line))) {
    const { directory, tracked } = source;
    remember({ source: { directory, tracked }, files, state, notes, text });
  }
  return text;
}
