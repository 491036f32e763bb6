// Sets up the base environment: everything an expression can name without binding it.
import { sha256HexOfText } from '../../../formats/sha256.ts';
import type { Interpreter } from '../interpreter.ts';
import { ownFileThunk } from '../loader.ts';
import { derivationFile } from '../own-files.ts';
import { Attrs, attrsFromEntries, PrimOp, type Slot } from '../values.ts';
import { arithmeticBuiltins } from './arithmetic.ts';
import { attrsBuiltins } from './attrs.ts';
import type { Builtin } from './builtin.ts';
import { closureBuiltins } from './closure.ts';
import { contextBuiltins } from './context.ts';
import { derivationBuiltins } from './derivation.ts';
import { fetchBuiltins } from './fetch.ts';
import { documentBuiltins, fileBuiltins } from './files.ts';
import { hashBuiltins } from './hashes.ts';
import { importBuiltins } from './import.ts';
import { listBuiltins } from './lists.ts';
import { stringBuiltins } from './strings.ts';
import { tomlBuiltins } from './toml.ts';
import { controlBuiltins, typeBuiltins } from './types.ts';

/** Adds builtins and constants to the base environment, and those of the caller. */
export function installBuiltins(it: Interpreter, extra: readonly Builtin[]): void {
  const { symbols, globals, settings } = it;
  const members = new Map<number, Slot>();
  const add = (name: string, slot: Slot) => {
    globals.set(symbols.intern(name), slot);
    members.set(symbols.intern(name.startsWith('__') ? name.slice(2) : name), slot);
  };
  // The set contains itself, so it is filled in after it exists.
  const names: number[] = [];
  const values: Slot[] = [];
  const positions: number[] = [];
  const builtins = new Attrs(names, values, positions, 0);
  add('builtins', builtins);
  add('true', true);
  add('false', false);
  add('null', null);
  if (!settings.pure) {
    add('__currentTime', it.host.currentTime());
    add('__currentSystem', it.host.currentSystem);
  }
  add('__nixVersion', settings.nixVersion);
  add('__storeDir', it.host.storeDirectory);
  add('__langVersion', 6);
  add(
    '__nixPath',
    settings.nixPath.map(({ prefix, path }) =>
      attrsFromEntries([
        [symbols.intern('path'), path],
        [symbols.intern('prefix'), prefix],
      ]),
    ),
  );
  const getEnv: Builtin = {
    name: '__getEnv',
    arity: 1,
    call: (slot) => {
      const name = it.forceStringNoContext(
        slot,
        0,
        'while evaluating the first argument passed to builtins.getEnv',
      );
      return settings.pure ? '' : it.host.getEnv(name);
    },
  };
  const all: Builtin[] = [
    ...typeBuiltins(it),
    ...controlBuiltins(it),
    ...arithmeticBuiltins(it),
    ...listBuiltins(it),
    ...attrsBuiltins(it),
    ...stringBuiltins(it),
    ...contextBuiltins(it),
    ...hashBuiltins(it),
    ...fileBuiltins(it),
    ...documentBuiltins(it),
    ...tomlBuiltins(it),
    ...importBuiltins(it),
    ...derivationBuiltins(it),
    ...closureBuiltins(it),
    ...fetchBuiltins(it),
    getEnv,
    ...extra,
  ];
  for (const { name, arity, call, traced } of all) {
    const shown = name.startsWith('__') ? name.slice(2) : name;
    add(name, new PrimOp(shown, arity, call, traced !== false));
  }
  add('derivation', ownFileThunk(it, derivationFile));
  for (const [name, slot] of [...members].sort(([a], [b]) => a - b)) {
    names.push(name);
    values.push(slot);
    positions.push(0);
  }
  it.builtins = builtins;
  it.globalsKey = sha256HexOfText(
    [...globals.keys()]
      .map((symbol) => symbols.names[symbol]!)
      .sort()
      .join(' '),
  );
}
