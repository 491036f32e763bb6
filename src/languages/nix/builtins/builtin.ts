// How builtins are declared.
import type { PrimOpCall } from '../values.ts';

export interface Builtin {
  /** As in the base environment; a leading `__` is dropped in `builtins`. */
  readonly name: string;
  readonly arity: number;
  readonly call: PrimOpCall;
  /** False when its errors get no "while calling the … builtin". */
  readonly traced?: boolean;
}
