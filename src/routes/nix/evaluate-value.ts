// One value, evaluated; what `nix eval` does when it cannot tell that nothing has changed.
import type { ByteString } from '../../foundation/byte-string.ts';
import type { NixEvaluateRequest } from './evaluate.ts';
import { evaluateTargets } from './evaluate-targets.ts';
import type { KnownValue } from './evaluation-memo.ts';
import { observeRun } from './observed-run.ts';

/** Evaluates, and tells `remember` when the value depends on nothing but local files and what they lock. */
export async function evaluateValue(
  request: NixEvaluateRequest,
  installable: string,
  remember: ((value: KnownValue) => void) | undefined,
): Promise<ByteString> {
  const run = await observeRun(request.host, installable, remember !== undefined);
  const [text = ''] = await evaluateTargets(
    {
      ...request,
      host: run.host,
      installables: [installable],
      action: { kind: 'value', apply: request.apply, form: request.form },
      log: undefined,
    },
    async (_session, _installable, { result }) => (result.kind === 'value' ? result.text : ''),
  );
  // What a trace or a warning said would not be said again.
  if (remember !== undefined && run.dependences !== undefined && !run.hasPassingNotes()) {
    remember({ ...run.dependences, notes: run.lastingNotes, text });
  }
  return text;
}
