// `fromTOML`.
import { NixError } from '../errors.ts';
import type { Interpreter } from '../interpreter.ts';
import { nulMessage } from '../lexer.ts';
import { parseToml, TomlError, type TomlValue } from '../toml.ts';
import { attrsFromEntries, makeInteger, NixFloat, type Value } from '../values.ts';
import type { Builtin } from './builtin.ts';

function toValue(it: Interpreter, value: TomlValue): Value {
  switch (value.kind) {
    case 'table':
      return attrsFromEntries(
        [...value.entries].map(([name, item]) => {
          requireNoNul(name);
          return [it.symbols.intern(name), toValue(it, item)] as const;
        }),
      );
    case 'array':
      return value.items.map((item) => toValue(it, item));
    case 'string':
      requireNoNul(value.text);
      return value.text;
    case 'boolean':
      return value.value;
    case 'integer':
      return makeInteger(value.value)!;
    case 'float':
      return new NixFloat(value.value);
    case 'time':
      if (!it.settings.features.has('parse-toml-timestamps')) {
        throw new TomlError('Dates and times are not supported');
      }
      return attrsFromEntries([
        [it.symbols.intern('_type'), 'timestamp'],
        [it.symbols.value, value.text],
      ]);
  }
}

function requireNoNul(text: string): void {
  if (text.includes('\0')) throw new TomlError(`error: ${nulMessage(text)}`);
}

export function tomlBuiltins(it: Interpreter): Builtin[] {
  return [
    {
      name: 'fromTOML',
      arity: 1,
      call: (slot) => {
        const text = it.forceStringNoContext(
          slot,
          0,
          'while evaluating the argument passed to builtins.fromTOML',
        );
        try {
          return toValue(it, parseToml(text));
        } catch (error) {
          if (!(error instanceof TomlError)) throw error;
          // Nix shows the library's text in colour, and the end of the colour follows its last line end.
          throw new NixError('eval', `while parsing TOML: ${error.message}\x1b[0m`);
        }
      },
    },
  ];
}
