// `nix eval`: the value of an installable, file or expression, as text.
import type { ByteString } from '../../foundation/byte-string.ts';
import type { Host } from '../../foundation/host.ts';
import { isMemorable } from './build-memo.ts';
import { recallValue, rememberValue } from './evaluation-memo.ts';
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
  /** In place of those that the installable stands for; `''` is the flake itself. */
  readonly attributePaths?: readonly string[];
}

/** The value's text, as bytes; when nothing it depends on has changed, as it was. Rejects with the errors of flakes and evaluation. */
export async function evaluateNix(request: NixEvaluateRequest): Promise<ByteString> {
  const { host, settings } = request;
  const isFlake = request.file === undefined && request.expression === undefined;
  const installable = request.installable ?? (isFlake ? '.' : '');
  const memorable = isFlake && isMemorable(settings);
  const key = {
    host,
    installable,
    settings,
    apply: request.apply,
    form: request.form,
    attributePaths: request.attributePaths,
  };
  const known = memorable ? recallValue(key) : undefined;
  if (known !== undefined) {
    for (const note of known.notes) host.progress.note(note);
    return known.text;
  }
  // Loaded only now: most of Trimaran hangs on it.
  const { evaluateValue } = await import('./evaluate-value.ts');
  return evaluateValue(request, installable, memorable ? (value) => rememberValue(key, value) : undefined);
}
