// `builtin:guix-scheme`: placeholder

import { TrimaranError } from '../../foundation/error.ts';
import type { BuildContext } from '../../store/builder.ts';
export async function buildWithScheme(_context: BuildContext): Promise<void> {
  throw new TrimaranError({ code: 'guix/unsupported', message: 'not yet' });
}
