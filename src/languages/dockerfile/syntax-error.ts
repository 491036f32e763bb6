// Errors of Dockerfiles, with their place.
import { type Span, TrimaranError } from '../../foundation/error.ts';

/** An error at a place of a Dockerfile. `what` is the part of the code after `dockerfile/`. */
export function dockerfileError(what: string, message: string, span: Span, hint?: string): TrimaranError {
  return new TrimaranError({ code: `dockerfile/${what}`, message, span, hint });
}
