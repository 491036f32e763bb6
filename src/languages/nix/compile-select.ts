// `a.b.c`, `a.b or c` and `a ? b`.

import type { ByteString } from '../../foundation/byte-string.ts';
import { compileEval, type Unit } from './compile.ts';
import { NixError, toNixError } from './errors.ts';
import { LazyAttrs, slotOf } from './lazy-attrs.ts';
import { derivationFile } from './own-files.ts';
import type { Position } from './positions.ts';
import { printSymbol } from './print-names.ts';
import type { SymbolId } from './symbols.ts';
import { Attrs, type Env, type Eval, findAttr, type Slot, Thunk, type Value } from './values.ts';

/** A part of an attribute path: a name, or an expression for one. */
interface Part {
  readonly symbol: SymbolId;
  readonly expression: Eval | undefined;
  readonly position: Position;
  /** Where the expression's text is. */
  readonly text: number;
}

function compilePath(unit: Unit, at: number): Part[] {
  const { words } = unit;
  const parts: Part[] = [];
  for (let i = 0; i < words[at]!; i++) {
    const reference = words[at + 2 + i * 2]!;
    parts.push(
      words[at + 1 + i * 2] === 0
        ? { symbol: unit.symbol(reference), expression: undefined, position: 0, text: -1 }
        : {
            symbol: -1,
            expression: compileEval(unit, reference),
            position: unit.position(reference),
            text: words[at + 1 + i * 2]! - 1,
          },
    );
  }
  return parts;
}

function nameOf(unit: Unit, part: Part, env: Env): SymbolId {
  if (part.expression === undefined) return part.symbol;
  const { it } = unit;
  const name = it.forceStringNoContext(
    part.expression(env),
    part.position,
    'while evaluating an attribute name',
  );
  return it.symbols.intern(name);
}

/** The path for a trace; a name that cannot be worked out is shown as its expression would be. */
function showPath(unit: Unit, parts: readonly Part[], env: Env): ByteString {
  const { it } = unit;
  const depth = it.depth;
  return parts
    .map((part) => {
      try {
        return printSymbol(it.symbols.names[nameOf(unit, part, env)]!);
      } catch (thrown) {
        if (!(thrown instanceof NixError)) throw thrown;
        it.depth = depth;
        return `"\${${unit.shownExpression(part.text)}}"`;
      }
    })
    .join('.');
}

export function compileSelect(unit: Unit, node: number): Eval {
  const { words, it } = unit;
  const ofNode = words[node + 2]!;
  const of = compileEval(unit, ofNode);
  const ofPosition = unit.position(ofNode);
  const parts = compilePath(unit, node + 4);
  const position = unit.position(node);
  const fallbackNode = words[node + 3]!;
  const selecting = 'while selecting an attribute';

  const failed = (
    thrown: unknown,
    state: { env: Env; selected: number; attrs: Attrs | undefined; index: number },
  ): NixError => {
    const error = toNixError(thrown);
    if (state.selected < 0) return error.addTrace(ofPosition, selecting);
    const attrPosition = state.attrs === undefined ? 0 : state.attrs.positionAt(state.index);
    if (error.kind === 'infinite-recursion' && error.position === 0 && state.selected === parts.length) {
      error.position = attrPosition !== 0 ? attrPosition : position;
    }
    if (attrPosition !== 0) {
      const origin = it.positions.originOf(attrPosition);
      if (origin === undefined || origin.label !== derivationFile) {
        const path = showPath(unit, parts.slice(0, state.selected), state.env);
        error.addTrace(attrPosition, `from the definition of '${path}'`);
      }
    }
    return error.addTrace(position, `while evaluating the attribute '${showPath(unit, parts, state.env)}'`);
  };

  const [only] = parts;
  if (parts.length === 1 && only !== undefined && only.expression === undefined && fallbackNode < 0) {
    const { symbol } = only;
    let cachedNames: readonly SymbolId[] | undefined;
    let cachedIndex = -1;
    return (env) => {
      // -1 while the set is evaluated, 0 while the attribute is looked up, 1 while it is evaluated.
      let selected = -1;
      let from: Attrs | undefined;
      let index = -1;
      try {
        const attrs = of(env);
        selected = 0;
        if (!(attrs instanceof Attrs)) {
          it.forceAttrs(attrs, position, selecting);
          throw new Error('not reached');
        }
        if (attrs instanceof LazyAttrs) {
          const slot = attrs.find(symbol);
          if (slot === undefined) throw it.missingAttribute(attrs, symbol);
          selected = 1;
          return it.force(slot, 0);
        }
        if (attrs.names === cachedNames) index = cachedIndex;
        else {
          index = findAttr(attrs.names, symbol);
          if (index < 0) throw it.missingAttribute(attrs, symbol);
          cachedNames = attrs.names;
          cachedIndex = index;
        }
        const slot = attrs.values[index]!;
        if (!(slot instanceof Thunk)) return slot;
        if (slot.code === null) return slot.value;
        from = attrs;
        selected = 1;
        // Where the attribute is defined is worked out only when that fails.
        return it.forceThunk(slot, 0);
      } catch (thrown) {
        throw failed(thrown, { env, selected, attrs: from, index });
      }
    };
  }

  const fallback = fallbackNode < 0 ? undefined : compileEval(unit, fallbackNode);
  const count = parts.length;
  return (env) => {
    let selected = -1;
    let from: Attrs | undefined;
    let index = -1;
    try {
      let slot: Slot = of(env);
      selected = 0;
      for (let i = 0; i < count; i++) {
        const part = parts[i]!;
        const name = part.expression === undefined ? part.symbol : nameOf(unit, part, env);
        let attrs: Value;
        if (fallback !== undefined) {
          attrs = it.force(slot, position);
          if (!(attrs instanceof Attrs)) return fallback(env);
        } else attrs = it.forceAttrs(slot, position, selecting);
        index = attrs instanceof LazyAttrs ? -1 : findAttr(attrs.names, name);
        const found = attrs instanceof LazyAttrs ? attrs.find(name) : attrs.values[index];
        if (found === undefined) {
          if (fallback !== undefined) return fallback(env);
          throw it.missingAttribute(attrs, name);
        }
        slot = found;
        from = index < 0 ? undefined : attrs;
        selected = i + 1;
      }
      return it.force(slot, 0);
    } catch (thrown) {
      throw failed(thrown, { env, selected, attrs: from, index });
    }
  };
}

export function compileHasAttr(unit: Unit, node: number): Eval {
  const { words, it } = unit;
  const ofNode = words[node + 2]!;
  const of = compileEval(unit, ofNode);
  const ofPosition = unit.position(ofNode);
  const parts = compilePath(unit, node + 3);
  return (env) => {
    let slot: Slot;
    try {
      slot = of(env);
    } catch (thrown) {
      throw toNixError(thrown).addTrace(ofPosition, "in the argument of '?'");
    }
    for (const part of parts) {
      const attrs = it.force(slot, ofPosition);
      const name = nameOf(unit, part, env);
      if (!(attrs instanceof Attrs)) return false;
      const found = slotOf(attrs, name);
      if (found === undefined) return false;
      slot = found;
    }
    return true;
  };
}
