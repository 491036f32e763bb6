// Import from derivation: what a path's string depends on must exist before the path is read.
import type { ByteString } from '../../foundation/byte-string.ts';
import { coerceToPath } from './coerce.ts';
import { ContextBuilder, sortedContext } from './context.ts';
import { toNixError } from './errors.ts';
import type { RealiseRequest } from './host.ts';
import type { Interpreter } from './interpreter.ts';
import type { Slot, StringContext } from './values.ts';

/** Makes everything in a context exist. Returns `text`, which outputs that are known beforehand do not change. */
export function realiseContext(it: Interpreter, context: StringContext, text: ByteString): ByteString {
  const requests: RealiseRequest[] = [];
  for (const element of sortedContext(context)) {
    if (element.kind === 'output') requests.push({ drvPath: element.path, output: element.output });
    else if (!it.host.isValidPath(element.path)) {
      throw it.error('other', `path '${element.path}' is not valid`);
    }
  }
  const [first] = requests;
  if (first === undefined) return text;
  if (!it.settings.allowImportFromDerivation) {
    throw it.error(
      'import-from-derivation',
      `cannot build '${first.drvPath}^${first.output}' during evaluation because the option 'allow-import-from-derivation' is disabled`,
    );
  }
  it.host.realise(requests);
  return text;
}

/** A path that can be read now. */
export function realisePath(it: Interpreter, slot: Slot): ByteString {
  const context = new ContextBuilder();
  const path = coerceToPath(it, slot, context, {
    position: 0,
    errorContext: 'while realising the context of a path',
  });
  const needed = context.context;
  if (needed === undefined) return path;
  try {
    return realiseContext(it, needed, path);
  } catch (thrown) {
    throw toNixError(thrown).addTrace(0, `while realising the context of path '${path}'`);
  }
}
