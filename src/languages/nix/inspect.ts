// One level of a value, for code outside the evaluator.
import type { ByteString } from '../../foundation/byte-string.ts';
import type { Inspected } from './evaluator.ts';
import type { Interpreter } from './interpreter.ts';
import {
  Attrs,
  Lambda,
  lexicographicOrder,
  NixFloat,
  NixPath,
  NixString,
  type Slot,
  type Value,
} from './values.ts';

export function inspectValue(it: Interpreter, value: Value): Inspected {
  if (value === null) return { type: 'null' };
  if (typeof value === 'boolean') return { type: 'bool', value };
  if (typeof value === 'number' || typeof value === 'bigint') return { type: 'int', value: BigInt(value) };
  if (typeof value === 'string') return { type: 'string', value, context: new Set() };
  if (value instanceof NixString) return { type: 'string', value: value.text, context: value.context };
  if (value instanceof NixFloat) return { type: 'float', value: value.value };
  if (value instanceof NixPath) return { type: 'path', value: value.path };
  if (Array.isArray(value)) return { type: 'list', items: value };
  const { names } = it.symbols;
  if (value instanceof Attrs) {
    const attributes = new Map<ByteString, Slot>();
    for (const index of lexicographicOrder(value, names)) {
      attributes.set(names[value.names[index]!]!, value.values[index]!);
    }
    return { type: 'set', attributes };
  }
  if (!(value instanceof Lambda)) return { type: 'function', formals: undefined, ellipsis: false };
  const { formals, ellipsis } = value.code;
  return {
    type: 'function',
    formals:
      formals === undefined
        ? undefined
        : new Map(formals.map((formal) => [names[formal.name]!, formal.hasDefault])),
    ellipsis,
  };
}
