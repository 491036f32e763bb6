// Attribute sets, `let` bindings and `//`.

import type { ByteString } from '../../foundation/byte-string.ts';
import { AttrKind, Kind } from './ast.ts';
import { compileDelay, compileEval, lazyCode, type Unit } from './compile.ts';
import { type Delay, delayAsThunk, suspend } from './delay.ts';
import { toNixError } from './errors.ts';
import type { Interpreter } from './interpreter.ts';
import { update } from './lazy-attrs.ts';
import { type Position, showPosition } from './positions.ts';
import type { SymbolId } from './symbols.ts';
import { updateAttrs } from './update.ts';
import {
  Attrs,
  attrsFromEntries,
  type Env,
  type Eval,
  emptyAttrs,
  findAttr,
  Lambda,
  type Slot,
  type Value,
} from './values.ts';

/** The bindings of a `let` or a recursive set. */
export interface CompiledBindings {
  readonly size: number;
  /** Fills slots 1… of `inner`; `outer` is the environment around it. */
  readonly fill: (inner: Env, outer: Env) => void;
}

interface Definition {
  readonly name: SymbolId;
  readonly kind: number;
  readonly position: Position;
  readonly delay: Delay;
  /** Slot in the environment of a recursive set or a `let`. */
  readonly slot: number;
}

interface Definitions {
  readonly recursive: boolean;
  readonly hasOverrides: boolean;
  readonly sources: readonly Delay[];
  readonly all: readonly Definition[];
  readonly dynamic: readonly DynamicDefinition[];
}

interface DynamicDefinition {
  readonly name: Eval;
  readonly value: number;
  readonly delay: Delay;
  readonly position: Position;
}

function readDefinitions(unit: Unit, node: number): Definitions {
  const { words } = unit;
  const flags = words[node + 2]!;
  const sourceCount = words[node + 3]!;
  const attrCount = words[node + 4]!;
  const dynamicCount = words[node + 5]!;
  let at = node + 6;
  const sources: Delay[] = [];
  for (let i = 0; i < sourceCount; i++) sources.push(compileDelay(unit, words[at++]!));
  const hasOverrides = (flags & 2) !== 0;
  const all: Definition[] = [];
  for (let i = 0; i < attrCount; i++, at += 4) {
    const kind = words[at + 1]!;
    const value = words[at + 3]!;
    all.push({
      name: unit.symbol(words[at]!),
      kind,
      position: unit.global(words[at + 2]!),
      delay:
        hasOverrides && kind !== AttrKind.inherited
          ? delayAsThunk(lazyCode(unit, value))
          : compileDelay(unit, value),
      slot: i + 1,
    });
  }
  const dynamic: DynamicDefinition[] = [];
  for (let i = 0; i < dynamicCount; i++, at += 3) {
    dynamic.push({
      name: compileEval(unit, words[at]!),
      value: words[at + 1]!,
      delay: compileDelay(unit, words[at + 1]!),
      position: unit.global(words[at + 2]!),
    });
  }
  return { recursive: (flags & 1) !== 0, hasOverrides, sources, all, dynamic };
}

/** The environment that `inherit (source)` attributes select from. */
function sourceEnv(sources: readonly Delay[], env: Env): Env {
  const result: Env = new Array(sources.length + 1);
  result[0] = env;
  for (let i = 0; i < sources.length; i++) result[i + 1] = suspend(sources[i]!, env);
  return result;
}

export function compileBindings(unit: Unit, node: number): CompiledBindings {
  const { sources, all } = readDefinitions(unit, node);
  const size = all.length;
  return {
    size,
    fill: (inner, outer) => {
      const from = sources.length === 0 ? inner : sourceEnv(sources, inner);
      for (let i = 0; i < size; i++) {
        const definition = all[i]!;
        const env =
          definition.kind === AttrKind.plain ? inner : definition.kind === AttrKind.inherited ? outer : from;
        inner[i + 1] = suspend(definition.delay, env);
      }
    },
  };
}

export function compileAttrs(unit: Unit, node: number): Eval {
  const definitions = readDefinitions(unit, node);
  const { recursive, sources, all, dynamic, hasOverrides } = definitions;
  const position = unit.position(node);
  if (all.length === 0 && dynamic.length === 0) return () => emptyAttrs;
  const sorted = [...all].sort((a, b) => a.name - b.name);
  const names = sorted.map((definition) => definition.name);
  const positions = sorted.map((definition) => definition.position);
  const count = sorted.length;
  const simple =
    !recursive &&
    sources.length === 0 &&
    sorted.every((definition) => definition.kind !== AttrKind.inheritedFrom);
  const delays = sorted.map((definition) => definition.delay);
  const { it } = unit;

  const base: (env: Env, dynamicEnv: { env: Env }) => Attrs = simple
    ? (env) => {
        const values: Slot[] = new Array(count);
        for (let i = 0; i < count; i++) values[i] = suspend(delays[i]!, env);
        return new Attrs(names, values, positions, position);
      }
    : recursive
      ? (env, dynamicEnv) => {
          const inner: Env = new Array(count + 1);
          inner[0] = env;
          const from = sources.length === 0 ? inner : sourceEnv(sources, inner);
          const values: Slot[] = new Array(count);
          for (let i = 0; i < count; i++) {
            const definition = sorted[i]!;
            const { kind } = definition;
            const slot = suspend(
              definition.delay,
              kind === AttrKind.plain ? inner : kind === AttrKind.inherited ? env : from,
            );
            inner[definition.slot] = slot;
            values[i] = slot;
          }
          dynamicEnv.env = inner;
          const attrs = new Attrs(names, values, positions, position);
          return hasOverrides ? applyOverrides(it, attrs, { inner, sorted }) : attrs;
        }
      : (env) => {
          const from = sources.length === 0 ? env : sourceEnv(sources, env);
          const values: Slot[] = new Array(count);
          for (let i = 0; i < count; i++) {
            const definition = sorted[i]!;
            values[i] = suspend(definition.delay, definition.kind === AttrKind.inheritedFrom ? from : env);
          }
          return new Attrs(names, values, positions, position);
        };

  if (dynamic.length === 0) {
    const ignored = { env: [] as Env };
    return (env) => base(env, ignored);
  }
  return (env) => {
    const dynamicEnv = { env };
    return addDynamic(unit, base(env, dynamicEnv), { dynamic, env: dynamicEnv.env });
  };
}

/** The old way to override a recursive set from inside: `__overrides` replaces attributes and variables. */
function applyOverrides(
  it: Interpreter,
  attrs: Attrs,
  scope: { inner: Env; sorted: readonly Definition[] },
): Attrs {
  const index = findAttr(attrs.names, it.symbols.overrides);
  const slot = attrs.values[index]!;
  const overrides = it.forceAttrs(slot, it.positionOf(slot), 'while evaluating the `__overrides` attribute');
  for (const [at, name] of overrides.names.entries()) {
    const definition = scope.sorted.find((candidate) => candidate.name === name);
    if (definition !== undefined) scope.inner[definition.slot] = overrides.values[at];
  }
  return updateAttrs(attrs, overrides, attrs.position);
}

function addDynamic(
  unit: Unit,
  base: Attrs,
  { dynamic, env }: { dynamic: readonly DynamicDefinition[]; env: Env },
): Attrs {
  const { it } = unit;
  const entries: [SymbolId, Slot, Position][] = base.names.map((name, i) => [
    name,
    base.values[i]!,
    base.positions[i]!,
  ]);
  const seen = new Map<SymbolId, Position>(entries.map(([name, , position]) => [name, position]));
  for (const definition of dynamic) {
    const { position } = definition;
    const nameValue = definition.name(env);
    if (nameValue === null) continue;
    const name = it.symbols.intern(
      it.forceStringNoContext(nameValue, position, 'while evaluating the name of a dynamic attribute'),
    );
    const previous = seen.get(name);
    if (previous !== undefined) {
      const place = showPosition(it.positions.resolve(previous));
      throw it.error(
        'eval',
        `dynamic attribute '${it.symbols.names[name]}' already defined at ${place}`,
        position,
      );
    }
    seen.set(name, position);
    entries.push([name, namedFunction(unit, definition, { name, env }), position]);
  }
  return attrsFromEntries(entries, base === emptyAttrs ? 0 : base.position);
}

/** A function bound to a dynamic attribute takes its name. */
function namedFunction(unit: Unit, definition: DynamicDefinition, at: { name: SymbolId; env: Env }): Slot {
  if (unit.words[definition.value] !== Kind.lambda) return suspend(definition.delay, at.env);
  const value = compileEval(unit, definition.value)(at.env);
  if (value instanceof Lambda) {
    for (let code: Lambda['code'] | undefined = value.code; code !== undefined; code = code.inner) {
      code.name = at.name;
    }
  }
  return value;
}

/** `a // b // c`: the operands from right to left, then merged from left to right, as Nix does. */
export function compileUpdate(unit: Unit, node: number): Eval {
  const operands: Eval[] = [];
  collectOperands(unit, node, operands);
  const count = operands.length;
  if (count === 2) {
    const [right, left] = operands as [Eval, Eval];
    return (env) => {
      const second = right(env) as Attrs;
      const first = left(env) as Attrs;
      return update(first, second);
    };
  }
  return (env) => {
    const values: Value[] = new Array(count);
    for (let i = 0; i < count; i++) values[i] = operands[i]!(env);
    let result = values[count - 1] as Attrs;
    for (let i = count - 2; i >= 0; i--) result = update(result, values[i] as Attrs);
    return result;
  };
}

function collectOperands(unit: Unit, node: number, operands: Eval[]): void {
  const { words } = unit;
  const add = (operand: number, context: ByteString) => {
    if (words[operand] === Kind.update) collectOperands(unit, operand, operands);
    else operands.push(compileSet(unit, operand, context));
  };
  add(words[node + 3]!, "in the right operand of '//'");
  add(words[node + 2]!, "in the left operand of '//'");
}

function compileSet(unit: Unit, node: number, context: ByteString): Eval {
  const evaluate = compileEval(unit, node);
  const position = unit.position(node);
  const { it } = unit;
  return (env) => {
    try {
      const value = evaluate(env);
      if (value instanceof Attrs) return value;
      throw it.error('type', `expected a set but found ${it.describe(value)}`);
    } catch (thrown) {
      throw toNixError(thrown).addTrace(position, context);
    }
  };
}
