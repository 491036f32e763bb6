// How builtins are declared.
import type { Position } from '../positions.ts';
import type { Slot, Value } from '../values.ts';

export interface Builtin {
  /** As in the base environment; a leading `__` is dropped in `builtins`. */
  readonly name: string;
  readonly arity: number;
  /** `position` is that of the call. */
  readonly call: (args: readonly Slot[], position: Position) => Value;
  /** False when its errors get no "while calling the … builtin". */
  readonly traced?: boolean;
}
