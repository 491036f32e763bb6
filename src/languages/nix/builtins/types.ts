// Builtins that ask what a value is, and those that only decide when something is evaluated.
import { coerceToString } from '../coerce.ts';
import { ContextBuilder } from '../context.ts';
import { isCatchable, NixError, toNixError } from '../errors.ts';
import { forceDeep } from '../force-deep.ts';
import type { Interpreter } from '../interpreter.ts';
import { printForTrace } from '../print.ts';
import {
  Attrs,
  attrsFromEntries,
  isFunction,
  isInteger,
  isString,
  NixFloat,
  NixPath,
  type Slot,
  textOf,
  type Value,
} from '../values.ts';
import type { Builtin } from './builtin.ts';

function typeOf(value: Value): string {
  if (isInteger(value)) return 'int';
  if (typeof value === 'boolean') return 'bool';
  if (isString(value)) return 'string';
  if (value instanceof NixPath) return 'path';
  if (value === null) return 'null';
  if (value instanceof Attrs) return 'set';
  if (Array.isArray(value)) return 'list';
  return value instanceof NixFloat ? 'float' : 'lambda';
}

export function typeBuiltins(it: Interpreter): Builtin[] {
  const test = (name: string, accepts: (value: Value) => boolean): Builtin => ({
    name,
    arity: 1,
    call: (value) => accepts(it.force(value, 0)),
  });
  return [
    { name: '__typeOf', arity: 1, call: (value) => typeOf(it.force(value, 0)) },
    test('isNull', (value) => value === null),
    test('__isFunction', isFunction),
    test('__isInt', isInteger),
    test('__isFloat', (value) => value instanceof NixFloat),
    test('__isString', isString),
    test('__isBool', (value) => typeof value === 'boolean'),
    test('__isPath', (value) => value instanceof NixPath),
    test('__isAttrs', (value) => value instanceof Attrs),
    test('__isList', (value) => Array.isArray(value)),
  ];
}

export function controlBuiltins(it: Interpreter): Builtin[] {
  const message = (slot: Slot, errorContext: string): string =>
    coerceToString(it, slot, new ContextBuilder(), { position: 0, errorContext });
  const trace = (first: Slot, second: Slot): Value => {
    const value = it.force(first, 0);
    it.host.message(`trace: ${isString(value) ? textOf(value) : printForTrace(it, first)}`);
    return it.force(second, 0);
  };
  return [
    {
      name: 'abort',
      arity: 1,
      call: (text) => {
        const shown = message(text, 'while evaluating the error message passed to builtins.abort');
        throw it.error('abort', `evaluation aborted with the following error message: '${shown}'`);
      },
    },
    {
      name: 'throw',
      arity: 1,
      call: (text) => {
        throw it.error('throw', message(text, 'while evaluating the error message passed to builtin.throw'));
      },
    },
    {
      name: '__addErrorContext',
      arity: 2,
      traced: false,
      call: (text, value) => {
        try {
          return it.force(value, 0);
        } catch (thrown) {
          const error = toNixError(thrown);
          const shown = coerceToString(it, text, new ContextBuilder(), {
            position: 0,
            errorContext: 'while evaluating the error message passed to builtins.addErrorContext',
            copyToStore: false,
          });
          throw error.addTraceAlways(0, shown);
        }
      },
    },
    {
      name: '__tryEval',
      arity: 1,
      call: (slot) => {
        const { symbols } = it;
        const success = symbols.intern('success');
        const { depth } = it;
        try {
          it.force(slot, 0);
        } catch (thrown) {
          if (!isCatchable(thrown)) throw thrown;
          it.depth = depth;
          return attrsFromEntries([
            [symbols.value, false],
            [success, false],
          ]);
        }
        return attrsFromEntries([
          [symbols.value, slot],
          [success, true],
        ]);
      },
    },
    {
      name: '__seq',
      arity: 2,
      call: (first, second) => {
        it.force(first, 0);
        return it.force(second, 0);
      },
    },
    {
      name: '__deepSeq',
      arity: 2,
      call: (first, second) => {
        forceDeep(it, first);
        return it.force(second, 0);
      },
    },
    { name: '__trace', arity: 2, call: trace },
    {
      name: '__traceVerbose',
      arity: 2,
      call: (text, value) => (it.settings.traceVerbose ? trace(text, value) : it.force(value, 0)),
    },
    {
      name: '__warn',
      arity: 2,
      call: (text, value) => {
        const shown = textOf(
          it.forceStringValue(
            text,
            0,
            'while evaluating the first argument; the message passed to builtins.warn',
          ),
        );
        if (shown.startsWith('\n')) it.host.message(`evaluation warning:${shown}`);
        else it.warnAt(shown, 0, { prefix: 'evaluation warning: ' });
        if (it.settings.abortOnWarn) {
          throw new NixError('other', 'aborting to reveal stack trace of warning, as abort-on-warn is set');
        }
        return it.force(value, 0);
      },
    },
    { name: 'break', arity: 1, call: (value) => it.force(value, 0) },
  ];
}
