// Plain JavaScript values to Nix values and back.
import type { ByteString } from '../../foundation/byte-string.ts';
import type { HostValue } from './host.ts';
import type { Interpreter } from './interpreter.ts';
import { showType } from './interpreter.ts';
import {
  Attrs,
  attrsFromEntries,
  isString,
  makeInteger,
  NixFloat,
  NixPath,
  type Slot,
  textOf,
  type Value,
} from './values.ts';

/** A Nix value for a plain one. Numbers that are no integers become floats. */
export function fromHostValue(it: Interpreter, value: HostValue): Value {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return value;
  if (typeof value === 'number') return Number.isSafeInteger(value) ? value : new NixFloat(value);
  if (typeof value === 'bigint') return makeInteger(value) ?? 0;
  if (Array.isArray(value)) return value.map((item: HostValue) => fromHostValue(it, item));
  return attrsFromEntries(
    Object.entries(value as { readonly [name: string]: HostValue }).map(
      ([name, item]) => [it.symbols.intern(name), fromHostValue(it, item)] as const,
    ),
  );
}

/** A plain value for a Nix value, evaluated deeply; contexts are dropped. Functions throw `nix/type`. */
export function toHostValue(it: Interpreter, slot: Slot): HostValue {
  const value = it.force(slot, 0);
  if (value === null || typeof value === 'boolean') return value;
  if (typeof value === 'number' || typeof value === 'bigint') return value;
  if (isString(value)) return textOf(value);
  if (value instanceof NixFloat) return value.value;
  if (value instanceof NixPath) return value.path;
  if (Array.isArray(value)) return value.map((item) => toHostValue(it, item));
  if (value instanceof Attrs) {
    return Object.fromEntries(
      value.names.map((name, index): [ByteString, HostValue] => [
        it.symbols.names[name]!,
        toHostValue(it, value.values[index]!),
      ]),
    );
  }
  throw it.error('type', `cannot convert ${showType(value)} to a plain value`);
}
