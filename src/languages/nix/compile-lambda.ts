// Functions: how a call makes an environment of its argument, and what does not fit.

import { Kind } from './ast.ts';
import { compileDelay, compileEval, type Unit } from './compile.ts';
import { type Delay, suspend } from './delay.ts';
import { NixError, nearestAttributes, toNixError } from './errors.ts';
import type { Interpreter } from './interpreter.ts';
import type { Position } from './positions.ts';
import type { SymbolId } from './symbols.ts';
import { type Attrs, type Env, type Formal, findAttr, Lambda, type LambdaCode } from './values.ts';

/** What the closures of a function literal share. */
export function lambdaCode(unit: Unit, node: number): LambdaCode {
  const { words } = unit;
  const nameIndex = words[node + 2]!;
  const argumentIndex = words[node + 3]!;
  const bodyNode = words[node + 4]!;
  const hasFormals = (words[node + 5]! & 1) !== 0;
  const ellipsis = (words[node + 5]! & 2) !== 0;
  const count = words[node + 6]!;
  const formals: (Formal & { readonly fallback: number })[] = [];
  for (let i = 0; i < count; i++) {
    const at = node + 7 + i * 3;
    formals.push({
      name: unit.symbol(words[at]!),
      position: unit.global(words[at + 1]!),
      hasDefault: words[at + 2] !== -1,
      fallback: words[at + 2]!,
    });
  }
  const isNested = words[bodyNode] === Kind.lambda;
  const inner = isNested ? lambdaCode(unit, bodyNode) : undefined;
  const code: LambdaCode = {
    name: nameIndex < 0 ? -1 : unit.symbol(nameIndex),
    position: unit.position(node),
    argument: argumentIndex < 0 ? -1 : unit.symbol(argumentIndex),
    formals: hasFormals ? formals : undefined,
    ellipsis,
    bind: hasFormals ? compileBind(unit, () => code, formals) : (env, argument) => [env, argument],
    body:
      inner !== undefined
        ? (env) => new Lambda(inner, env)
        : (env) => {
            const run = compileEval(unit, bodyNode);
            code.body = run;
            return run(env);
          },
    inner,
  };
  return code;
}

function compileBind(
  unit: Unit,
  codeOf: () => LambdaCode,
  formals: readonly (Formal & { readonly fallback: number })[],
): LambdaCode['bind'] {
  const { it } = unit;
  const count = formals.length;
  const names = formals.map((formal) => formal.name);
  // Compiled when first needed: most defaults of most functions never are.
  const defaults: (Delay | undefined)[] = new Array(count);
  const code = { value: undefined as LambdaCode | undefined };
  let cachedNames: readonly SymbolId[] | undefined;
  let cachedIndexes: number[] = [];
  return (closure, argument, callPosition) => {
    code.value ??= codeOf();
    const lambda = code.value;
    let attrs: Attrs;
    try {
      attrs = it.forceAttrs(
        argument,
        lambda.position,
        'while evaluating the value passed for the lambda argument',
      );
    } catch (thrown) {
      const error = toNixError(thrown);
      if (callPosition !== 0) error.addTrace(callPosition, 'from call site');
      throw error;
    }
    const offset = lambda.argument < 0 ? 1 : 2;
    const env: Env = new Array(count + offset);
    env[0] = closure;
    if (offset === 2) env[1] = argument;
    const { names: given, values } = attrs;
    if (given !== cachedNames) {
      cachedIndexes = names.map((name) => findAttr(given, name));
      cachedNames = given;
    }
    let used = 0;
    for (let i = 0; i < count; i++) {
      const index = cachedIndexes[i]!;
      if (index >= 0) {
        used++;
        env[offset + i] = values[index];
      } else {
        const { fallback } = formals[i]!;
        if (fallback < 0) throw argumentError(it, lambda, { callPosition, missing: names[i]! });
        defaults[i] ??= compileDelay(unit, fallback);
        env[offset + i] = suspend(defaults[i]!, env);
      }
    }
    if (!lambda.ellipsis && used !== given.length) {
      const unexpected = given.find((name) => !names.includes(name))!;
      throw argumentError(it, lambda, { callPosition, unexpected });
    }
    return env;
  };
}

function argumentError(
  it: Interpreter,
  lambda: LambdaCode,
  problem: { callPosition: Position; missing?: SymbolId; unexpected?: SymbolId },
): NixError {
  const names = it.symbols.names;
  const name = lambda.name < 0 ? 'anonymous lambda' : names[lambda.name]!;
  const options = { position: lambda.position };
  const error =
    problem.missing !== undefined
      ? new NixError(
          'type',
          `function '${name}' called without required argument '${names[problem.missing]}'`,
          options,
        )
      : new NixError(
          'type',
          `function '${name}' called with unexpected argument '${names[problem.unexpected!]}'`,
          {
            ...options,
            suggestions: nearestAttributes(
              names[problem.unexpected!]!,
              lambda.formals!.map((formal) => names[formal.name]!),
            ),
          },
        );
  return error.addTrace(problem.callPosition, 'from call site');
}
