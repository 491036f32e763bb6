// Which builtins look into their strings. Those listed pass them on whole, or put them into others whole; a builtin that
// is not listed counts as one that looks.
import type { ByteString } from '../../foundation/byte-string.ts';
import { slotOf } from './lazy-attrs.ts';
import type { SymbolId } from './symbols.ts';
import { Attrs, isString, NixPath, type Slot, Thunk, textOf } from './values.ts';

/** As builtins are named, with and without underscores. The length of a text with store paths in it does not depend on their digests. */
const passingOn = new Set(
  [
    // Texts.
    'addDrvOutputDependencies baseNameOf concatStringsSep dirOf hasContext stringLength toJSON toPath toString toXML',
    'unsafeDiscardOutputDependency unsafeDiscardStringContext',
    // Files; what they read is for the host to know.
    'filterSource hashFile import path pathExists readDir readFile readFileType scopedImport storePath toFile',
    'derivationStrict fetchTree fetchGit fetchTarball fetchurl',
    // Lists and sets, whose elements stay as they are.
    "all any attrNames attrValues catAttrs concatLists concatMap elem elemAt filter foldl' functionArgs genericClosure",
    'genList groupBy head intersectAttrs isAttrs isBool isFloat isFunction isInt isList isNull isPath isString length',
    'listToAttrs map mapAttrs partition sort tail typeOf zipAttrsWith',
    // Control.
    'abort addErrorContext break deepSeq seq throw trace traceVerbose tryEval warn',
  ]
    .join(' ')
    .split(' ')
    .flatMap((name) => [name, `__${name}`]),
);

/** Tells `examine` the texts among a builtin's evaluated arguments, unless it passes its arguments on. */
export function examineArguments(
  builtin: string,
  args: readonly Slot[],
  options: { readonly examine: (text: ByteString) => void; readonly outPath: SymbolId },
): void {
  if (passingOn.has(builtin)) return;
  for (const arg of args) examineSlot(arg, options);
}

function examineSlot(
  slot: Slot,
  options: { readonly examine: (text: ByteString) => void; readonly outPath: SymbolId },
): void {
  const value = slot instanceof Thunk ? (slot.code === null ? slot.value : null) : slot;
  if (value === null || typeof value !== 'object') {
    if (typeof value === 'string') options.examine(value);
  } else if (isString(value)) options.examine(textOf(value));
  else if (value instanceof NixPath) options.examine(value.path);
  else if (Array.isArray(value)) for (const item of value) examineSlot(item, options);
  else if (value instanceof Attrs) {
    // A set may stand for a text.
    const outPath = slotOf(value, options.outPath);
    if (outPath !== undefined && outPath !== slot) examineSlot(outPath, options);
  }
}
