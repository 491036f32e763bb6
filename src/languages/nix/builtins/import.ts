// `import`, `scopedImport`, and what `import` makes of a derivation in the store.

import { type StorePath, splitStorePath } from '../../../formats/store-path.ts';
import type { ByteString } from '../../../foundation/byte-string.ts';
import type { Interpreter } from '../interpreter.ts';
import { importFile, importScoped, ownFileThunk } from '../loader.ts';
import { importedDerivationFile } from '../own-files.ts';
import { realisePath } from '../realise.ts';
import { attrsFromEntries, makeString, type Slot, type Thunk, type Value } from '../values.ts';
import type { Builtin } from './builtin.ts';

function importDerivation(it: Interpreter, path: StorePath, wrapper: Thunk): Value {
  const drv = it.host.readDerivation(path);
  const outputs: [number, Slot][] = [...drv.outputs].map(([output, { path: outPath }]) => [
    it.symbols.intern(output),
    makeString(outPath, new Set([`!${output}!${path}`])),
  ]);
  const attrs = attrsFromEntries([
    [it.symbols.drvPath, makeString(path, new Set([`=${path}`]))],
    [it.symbols.name, drv.env.get('name') ?? ''],
    ...outputs,
    [it.symbols.intern('outputs'), [...drv.outputs.keys()].sort()],
  ]);
  return it.forceAttrs(
    it.call1(it.force(wrapper, 0), attrs, 0),
    0,
    'while calling imported-drv-to-derivation.nix',
  );
}

export function importBuiltins(it: Interpreter): Builtin[] {
  const wrapper = ownFileThunk(it, importedDerivationFile);
  const derivationAt = (path: ByteString): StorePath | undefined => {
    const split = splitStorePath(path, it.host.storeDirectory);
    if (split === undefined || split.rest !== '' || !path.endsWith('.drv')) return undefined;
    return it.host.isValidPath(split.storePath) ? split.storePath : undefined;
  };
  return [
    {
      name: 'import',
      arity: 1,
      call: (slot) => {
        const path = realisePath(it, slot);
        const drv = derivationAt(path);
        return drv === undefined ? importFile(it, path) : importDerivation(it, drv, wrapper);
      },
    },
    {
      name: 'scopedImport',
      arity: 2,
      call: (scopeSlot, slot) => {
        const path = realisePath(it, slot);
        const drv = derivationAt(path);
        if (drv !== undefined) return importDerivation(it, drv, wrapper);
        const scope = it.forceAttrs(
          scopeSlot,
          0,
          'while evaluating the first argument passed to builtins.scopedImport',
        );
        return importScoped(it, path, {
          names: scope.names.map((name) => it.symbols.names[name]!),
          env: [undefined, ...scope.values],
        });
      },
    },
  ];
}
