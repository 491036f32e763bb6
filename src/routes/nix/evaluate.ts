// `nix eval`: the value of an installable, file or expression, as text.
import type { Host } from '../../foundation/host.ts';
import { evaluateTargets } from './evaluate-targets.ts';
import type { NixSettings } from './settings.ts';

export interface NixEvaluateRequest {
  readonly host: Host;
  /** As typed: `.#docker.imageName`. With `file` or `expression`, an attribute path in that. */
  readonly installable?: string | undefined;
  readonly settings: NixSettings;
  readonly file?: string | undefined;
  readonly expression?: string | undefined;
  /** A function to apply to the value. */
  readonly apply?: string | undefined;
  /** `nix` prints as Nix does, `raw` a string's text, `json` JSON. */
  readonly form: 'json' | 'raw' | 'nix';
}

/** The value's text. Rejects with the errors of flakes and evaluation. */
export async function evaluateNix(request: NixEvaluateRequest): Promise<string> {
  const [text] = await evaluateTargets(
    {
      ...request,
      installables: [
        request.installable ?? (request.file === undefined && request.expression === undefined ? '.' : ''),
      ],
      action: { kind: 'value', apply: request.apply, form: request.form },
      log: undefined,
    },
    async (_session, _installable, { result }) => (result.kind === 'value' ? result.text : ''),
  );
  return text ?? '';
}
