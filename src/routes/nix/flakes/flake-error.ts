// Errors of flake references, locks and fetches: codes `flake/…`.
import { systemErrorCode, TrimaranError, type TrimaranErrorOptions } from '../../../foundation/error.ts';

/** A {@link TrimaranError} with code `flake/<what>`. */
export function flakeError(
  what: string,
  message: string,
  options: Omit<TrimaranErrorOptions, 'code' | 'message'> = {},
): TrimaranError {
  return new TrimaranError({ code: `flake/${what}`, message, ...options });
}

/** The system's code of an error of files or processes (`ENOENT` …); undefined for our own errors and for bugs. */
export function systemCode(error: unknown): string | undefined {
  return error instanceof TrimaranError ? undefined : systemErrorCode(error);
}
