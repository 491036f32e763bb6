// A full disk, said in the user's words.
import { systemErrorCode, TrimaranError } from '../foundation/error.ts';

/** `error` itself, or `debian/no-space` when it says that the disk or a quota is full. `doing` completes "to …". */
export function explainNoSpace(error: unknown, doing: string): unknown {
  const code = systemErrorCode(error);
  if (code !== 'ENOSPC' && code !== 'EDQUOT') return error;
  return new TrimaranError({
    code: 'debian/no-space',
    message: `no space left to ${doing}`,
    hint: 'free some space, or set XDG_CACHE_HOME to a larger disk',
    cause: error,
    exitCode: 4,
  });
}
