// Errors of flake references, locks and fetches: codes `flake/…`.
import { TrimaranError, type TrimaranErrorOptions } from '../../../foundation/error.ts';

/** A {@link TrimaranError} with code `flake/<what>`. */
export function flakeError(
  what: string,
  message: string,
  options: Omit<TrimaranErrorOptions, 'code' | 'message'> = {},
): TrimaranError {
  return new TrimaranError({ code: `flake/${what}`, message, ...options });
}
