// The core language to JavaScript closures. First every lambda's captured variables are found, then each expression
// becomes a Node (see procedures.ts). Closures hold the values they capture; variables that are both captured and
// assigned, or captured before they have a value, live in boxes.

import { gatherInfo } from './analyze.ts';
import { callNode, nativeNode } from './compile-call.ts';
import { miscError, unboundVariable } from './errors.ts';
import type { Clause, IR, LocalVariable } from './ir.ts';
import type { Module, Variable } from './module.ts';
import { CAPTURE, Closure, Code, type Env, Frame, type Node, registers as R, single } from './procedures.ts';
import { Box, intern, keyword, NIL, Pair, UNSPECIFIED, type Value } from './values.ts';

/** What compiling one lambda clause keeps track of. */
export interface Scope {
  readonly clause: Clause | undefined;
  readonly parent: Scope | undefined;
  readonly captured: LocalVariable[];
  size: number;
}

class IfFrame extends Frame {
  private readonly env: Env;
  private readonly yes: Node;
  private readonly no: Node;
  constructor(env: Env, yes: Node, no: Node) {
    super();
    this.env = env;
    this.yes = yes;
    this.no = no;
  }
  resume(value: Value): Value {
    return value !== false ? this.yes(this.env) : this.no(this.env);
  }
}

class SequenceFrame extends Frame {
  private readonly env: Env;
  private readonly nodes: readonly Node[];
  private readonly index: number;
  constructor(env: Env, nodes: readonly Node[], index: number) {
    super();
    this.env = env;
    this.nodes = nodes;
    this.index = index;
  }
  resume(): Value {
    return sequenceFrom(this.env, this.nodes, this.index);
  }
}

/** Hands the value on to a function of value and environment. */
class ThenFrame extends Frame {
  private readonly env: Env;
  private readonly step: (value: Value, env: Env) => Value;
  constructor(env: Env, step: (value: Value, env: Env) => Value) {
    super();
    this.env = env;
    this.step = step;
  }
  resume(value: Value): Value {
    return this.step(value, this.env);
  }
}

function sequenceFrom(env: Env, nodes: readonly Node[], from: number): Value {
  const last = nodes.length - 1;
  for (let i = from; i < last; i++) {
    if (nodes[i]!(env) === CAPTURE) {
      R.frames.push(new SequenceFrame(env, nodes, i + 1));
      return CAPTURE;
    }
  }
  return nodes[last]!(env);
}

function accessOf(variable: LocalVariable, scope: Scope): { captured: boolean; index: number } {
  if (variable.owner === scope.clause) return { captured: false, index: variable.slot };
  let index = scope.captured.indexOf(variable);
  if (index < 0) index = scope.captured.push(variable) - 1;
  return { captured: true, index };
}

/** Reads the slot itself, box or not. */
function rawNode(variable: LocalVariable, scope: Scope): Node {
  const { captured, index } = accessOf(variable, scope);
  if (captured) return (env) => env[0][index];
  switch (index) {
    case 1:
      return (env) => env[1];
    case 2:
      return (env) => env[2];
    case 3:
      return (env) => env[3];
  }
  return (env) => env[index];
}

function localNode(variable: LocalVariable, scope: Scope): Node {
  if (!variable.boxed) return rawNode(variable, scope);
  const { captured, index } = accessOf(variable, scope);
  const { name } = variable;
  return captured
    ? (env) => {
        const { value } = env[0][index] as Box;
        if (value === undefined) throw usedTooEarly(name);
        return value;
      }
    : (env) => {
        const { value } = env[index] as Box;
        if (value === undefined) throw usedTooEarly(name);
        return value;
      };
}

function usedTooEarly(name: string): Error {
  return miscError(false, 'Variable used before given a value: ~A', [intern(name)]);
}

function setLocalNode(variable: LocalVariable, scope: Scope): (env: Env, value: Value) => void {
  const { captured, index } = accessOf(variable, scope);
  if (variable.boxed) {
    return captured
      ? (env, value) => {
          (env[0][index] as Box).value = value;
        }
      : (env, value) => {
          (env[index] as Box).value = value;
        };
  }
  return (env, value) => {
    env[index] = value;
  };
}

/** The variable of a global, looked up when first needed: the definition may come later. */
function globalNode(ir: IR & { kind: 'global' }): Node {
  let variable: Variable | undefined = ir.module.variable(ir.name);
  return () => {
    if (variable === undefined) {
      variable = ir.module.variable(ir.name);
      if (variable === undefined) throw unbound(ir);
    }
    const { value } = variable;
    if (value !== undefined) return value;
    const forced = variable.force();
    if (forced === undefined) throw unbound(ir);
    return forced;
  };
}

/** The last unbound variables with their places, for the message a person gets. */
export const unboundPlaces = new WeakMap<object, { name: string; module: Module; place: unknown }>();

function unbound(ir: IR & { kind: 'global' }): Error {
  const error = unboundVariable(ir.name.name);
  if (error.payload !== null) {
    unboundPlaces.set(error.payload, { name: ir.name.name, module: ir.module, place: ir.place });
  }
  return error;
}

/** A node that sets something to the value of another node. */
function assign(value: Node, set: (env: Env, value: Value) => void): Node {
  const step = (result: Value, env: Env): Value => {
    set(env, single(result));
    return UNSPECIFIED;
  };
  return (env) => {
    const result = value(env);
    if (result === CAPTURE) {
      R.frames.push(new ThenFrame(env, step));
      return CAPTURE;
    }
    set(env, single(result));
    return UNSPECIFIED;
  };
}

/** Compiles one expression; `tail` nodes may answer TAIL. */
export function compileNode(ir: IR, scope: Scope, tail: boolean): Node {
  switch (ir.kind) {
    case 'constant': {
      const { value } = ir;
      return () => value;
    }
    case 'local':
      return localNode(ir.variable, scope);
    case 'set-local':
      return assign(compileNode(ir.value, scope, false), setLocalNode(ir.variable, scope));
    case 'global':
      return globalNode(ir);
    case 'set-global': {
      let variable: Variable | undefined;
      return assign(compileNode(ir.value, scope, false), (_, value) => {
        variable ??= ir.module.variable(ir.name);
        if (variable === undefined || variable.force() === undefined) throw unboundVariable(ir.name.name);
        variable.value = value;
      });
    }
    case 'define': {
      return assign(compileNode(ir.value, scope, false), (_, value) => {
        if (value instanceof Closure && (value.name === undefined || value.name === false))
          value.name = ir.name;
        ir.module.define(ir.name, value);
      });
    }
    case 'if': {
      const test = compileNode(ir.test, scope, false);
      const yes = compileNode(ir.yes, scope, tail);
      const no = compileNode(ir.no, scope, tail);
      return (env) => {
        const value = test(env);
        if (value === CAPTURE) {
          R.frames.push(new IfFrame(env, yes, no));
          return CAPTURE;
        }
        return value !== false ? yes(env) : no(env);
      };
    }
    case 'sequence': {
      const nodes = ir.items.map((item, index) =>
        compileNode(item, scope, tail && index === ir.items.length - 1),
      );
      if (nodes.length === 2) {
        const [first, second] = nodes as [Node, Node];
        return (env) => {
          if (first(env) === CAPTURE) {
            R.frames.push(new SequenceFrame(env, nodes, 1));
            return CAPTURE;
          }
          return second(env);
        };
      }
      return (env) => sequenceFrom(env, nodes, 0);
    }
    case 'let':
      return letNode(ir, scope, tail);
    case 'letrec':
      return letrecNode(ir, scope, tail);
    case 'lambda':
      return lambdaNode(ir, scope);
    case 'call':
      return callNode(ir, scope, tail);
    case 'native':
      return nativeNode(
        ir.fn,
        ir.args.map((arg) => compileNode(arg, scope, false)),
      );
  }
}

function newSlot(variable: LocalVariable, scope: Scope): number {
  variable.slot = scope.size++;
  return variable.slot;
}

function letNode(ir: IR & { kind: 'let' }, scope: Scope, tail: boolean): Node {
  const inits = ir.inits.map((init) => compileNode(init, scope, false));
  const slots = ir.variables.map((variable) => newSlot(variable, scope));
  const boxed = ir.variables.map((variable) => variable.boxed);
  const body = compileNode(ir.body, scope, tail);
  if (inits.length === 1) {
    const init = inits[0]!;
    const slot = slots[0]!;
    const isBoxed = boxed[0]!;
    const step = (value: Value, env: Env): Value => {
      env[slot] = isBoxed ? new Box(single(value)) : single(value);
      return body(env);
    };
    return (env) => {
      const value = init(env);
      if (value === CAPTURE) {
        R.frames.push(new ThenFrame(env, step));
        return CAPTURE;
      }
      env[slot] = isBoxed ? new Box(single(value)) : single(value);
      return body(env);
    };
  }
  const from = (env: Env, start: number): Value => {
    for (let i = start; i < inits.length; i++) {
      const value = inits[i]!(env);
      if (value === CAPTURE) {
        R.frames.push(
          new ThenFrame(env, (result) => {
            env[slots[i]!] = boxed[i] ? new Box(single(result)) : single(result);
            return from(env, i + 1);
          }),
        );
        return CAPTURE;
      }
      env[slots[i]!] = boxed[i] ? new Box(single(value)) : single(value);
    }
    return body(env);
  };
  return (env) => from(env, 0);
}

/** Groups of neighbouring lambdas are tied together; the rest is evaluated in order. */
function letrecNode(ir: IR & { kind: 'letrec' }, scope: Scope, tail: boolean): Node {
  const nodes: Node[] = [];
  for (const variable of ir.variables) {
    if (variable === undefined) continue;
    const slot = newSlot(variable, scope);
    if (variable.boxed) {
      nodes.push((env) => {
        env[slot] = new Box(undefined);
        return UNSPECIFIED;
      });
    }
  }
  let group: { slot: number; lambda: IR & { kind: 'lambda' } }[] = [];
  const flush = () => {
    if (group.length === 0) return;
    const makers = group.map(({ slot, lambda }) => ({ slot, ...lambdaParts(lambda, scope) }));
    nodes.push((env) => {
      // All closures exist before any captures another.
      for (const { slot, code } of makers) env[slot] = new Closure(code, emptyCaptures);
      for (const { slot, captures } of makers) (env[slot] as Closure).captured = captures(env);
      return UNSPECIFIED;
    });
    group = [];
  };
  ir.variables.forEach((variable, index) => {
    const init = ir.inits[index]!;
    if (variable !== undefined && !variable.boxed && init.kind === 'lambda') {
      group.push({ slot: variable.slot, lambda: init });
      return;
    }
    flush();
    const value = compileNode(init, scope, false);
    nodes.push(variable === undefined ? value : assign(value, setLocalNode(variable, scope)));
  });
  flush();
  nodes.push(compileNode(ir.body, scope, tail));
  if (nodes.length === 2) {
    const [first, second] = nodes as [Node, Node];
    return (env) => {
      if (first(env) === CAPTURE) {
        R.frames.push(new SequenceFrame(env, nodes, 1));
        return CAPTURE;
      }
      return second(env);
    };
  }
  return (env) => sequenceFrom(env, nodes, 0);
}

const emptyCaptures: Value[] = [];

function lambdaParts(
  ir: IR & { kind: 'lambda' },
  scope: Scope,
): { code: Code; captures: (env: Env) => Value[] } {
  const captured: LocalVariable[] = [];
  let first: Code | undefined;
  let last: Code | undefined;
  for (const clause of ir.clauses) {
    const code = compileClause({ clause, ir, parent: scope, captured });
    if (last === undefined) first = code;
    else last.next = code;
    last = code;
  }
  if (first === undefined) {
    first = new Code({ body: () => UNSPECIFIED, name: nameOf(ir), required: Number.POSITIVE_INFINITY });
    first.parameters = NIL;
  }
  const reads = captured.map((variable) => rawNode(variable, scope));
  const captures: (env: Env) => Value[] =
    reads.length === 0
      ? () => emptyCaptures
      : reads.length === 1
        ? (env) => [reads[0]!(env)]
        : reads.length === 2
          ? (env) => [reads[0]!(env), reads[1]!(env)]
          : (env) => reads.map((read) => read(env));
  return { code: first, captures };
}

const nameOf = (ir: IR & { kind: 'lambda' }) => (ir.name === undefined ? false : intern(ir.name));

function lambdaNode(ir: IR & { kind: 'lambda' }, scope: Scope): Node {
  const { code, captures } = lambdaParts(ir, scope);
  return (env) => new Closure(code, captures(env));
}

function compileClause(options: {
  clause: Clause;
  ir: IR & { kind: 'lambda' };
  parent: Scope;
  captured: LocalVariable[];
}): Code {
  const { clause, ir, parent, captured } = options;
  const scope: Scope = { clause, parent, captured, size: 1 };
  const parameters = [
    ...clause.required,
    ...clause.optional,
    ...(clause.rest === undefined ? [] : [clause.rest]),
    ...(clause.keywords ?? []).map(({ variable }) => variable),
  ];
  for (const parameter of parameters) newSlot(parameter, scope);
  const code = new Code({
    body: () => UNSPECIFIED,
    name: nameOf(ir),
    required: clause.required.length,
    optional: clause.optional.length,
    rest: clause.rest !== undefined,
    ...(clause.keywords === undefined ? {} : { keywords: clause.keywords.map(({ key }) => key) }),
    allowOtherKeys: clause.allowOtherKeys,
  });
  code.parameters = parameterList(clause);
  code.place = ir.place;
  code.documentation = ir.documentation;
  const prologue: Node[] = [];
  for (const variable of [...clause.required, ...(clause.rest === undefined ? [] : [clause.rest])]) {
    if (!variable.boxed) continue;
    const { slot } = variable;
    prologue.push((env) => {
      env[slot] = new Box(env[slot]);
      return UNSPECIFIED;
    });
  }
  [...clause.optional, ...(clause.keywords ?? []).map(({ variable }) => variable)].forEach(
    (variable, index) => {
      const { slot, boxed } = variable;
      const value = compileNode(clause.defaults[index]!, scope, false);
      const set = assign(value, (env, result) => {
        env[slot] = boxed ? new Box(result) : result;
      });
      prologue.push((env) => {
        if (env[slot] === undefined) return set(env);
        if (boxed) env[slot] = new Box(env[slot]);
        return UNSPECIFIED;
      });
    },
  );
  const body = compileNode(clause.body, scope, true);
  if (prologue.length === 0) code.body = body;
  else {
    const nodes = [...prologue, body];
    code.body = (env) => sequenceFrom(env, nodes, 0);
  }
  code.size = scope.size;
  code.weight = 4 + depthOf(clause.body);
  return code;
}

/** `(a b #:optional c)`: what a procedure prints and `procedure-arguments` tells. */
function parameterList(clause: Clause): Value {
  const items: Value[] = clause.required.map(({ name }) => intern(name));
  if (clause.optional.length > 0)
    items.push(keyword('optional'), ...clause.optional.map(({ name }) => intern(name)));
  if (clause.keywords !== undefined) {
    items.push(keyword('key'), ...clause.keywords.map(({ variable }) => intern(variable.name)));
    if (clause.allowOtherKeys) items.push(keyword('allow-other-keys'));
  }
  let result: Value = clause.rest === undefined ? NIL : intern(clause.rest.name);
  for (let i = items.length - 1; i >= 0; i--) result = new Pair(items[i], result);
  return result;
}

/** How deep nodes of an expression nest, lambdas apart: native stack per activation. */
function depthOf(ir: IR): number {
  switch (ir.kind) {
    case 'constant':
    case 'local':
    case 'global':
    case 'lambda':
      return 1;
    case 'set-local':
    case 'set-global':
    case 'define':
      return 1 + depthOf(ir.value);
    case 'if':
      return 1 + Math.max(depthOf(ir.test), depthOf(ir.yes), depthOf(ir.no));
    case 'sequence':
      return 2 + maxDepth(ir.items);
    case 'call':
      return 1 + Math.max(depthOf(ir.procedure), maxDepth(ir.args));
    case 'native':
      return 1 + maxDepth(ir.args);
    case 'let':
    case 'letrec':
      return 3 + Math.max(maxDepth(ir.inits), depthOf(ir.body));
  }
}

function maxDepth(items: readonly IR[]): number {
  let deepest = 0;
  for (const item of items) deepest = Math.max(deepest, depthOf(item));
  return deepest;
}

/** Code of a top-level expression; run it with {@link topEnv}. */
export function compileTop(ir: IR): Code {
  gatherInfo(ir);
  const scope: Scope = { clause: undefined, parent: undefined, captured: [], size: 1 };
  const body = compileNode(ir, scope, true);
  const code = new Code({ body, name: false, required: 0 });
  code.size = scope.size;
  code.weight = 4 + depthOf(ir);
  return code;
}

export function topEnv(code: Code): Env {
  return new Array(code.size).fill(undefined);
}
