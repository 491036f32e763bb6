// Control files in the deb822 syntax (deb822(5)): stanzas of fields, continued by lines that start with a space.
// Field names keep their spelling; look them up with `field`, which ignores case as the format does.
import { type Span, TrimaranError } from '../foundation/error.ts';

export interface Stanza {
  /** Fields in file order; a value keeps its line breaks, without the space that continues a line. */
  readonly fields: ReadonlyMap<string, string>;
  /** Line of the first field, from 1. */
  readonly line: number;
}

/** Value of a field by its name in any case, or undefined. */
export function field(stanza: Stanza, name: string): string | undefined {
  return stanza.fields.get(name.toLowerCase());
}

/**
 * Parses the stanzas of a control file; keys of `fields` are in lower case. `file` names it in errors.
 * Throws `debian/bad-control` with a span for a line that is no field, a continuation of nothing, or a repeated field.
 */
export function parseControl(text: string, file: string): Stanza[] {
  const stanzas: Stanza[] = [];
  let fields = new Map<string, string>();
  let current: string | undefined;
  let start = 1;
  const lines = text.split('\n');
  const fail = (index: number, message: string): never => {
    const span: Span = { file, line: index + 1, column: 1 };
    throw new TrimaranError({
      code: 'debian/bad-control',
      message: `${message} in ${file}`,
      span,
      hint: 'the package or index is damaged; try another mirror: set TRIMARAN_DEBIAN_MIRROR',
      exitCode: 4,
    });
  };
  for (let index = 0; index <= lines.length; index++) {
    const line = lines[index]?.replace(/\r$/, '') ?? '';
    if (line.trim() === '') {
      if (fields.size > 0) stanzas.push({ fields, line: start });
      fields = new Map();
      current = undefined;
      continue;
    }
    if (line.startsWith('#')) continue;
    if (line.startsWith(' ') || line.startsWith('\t')) {
      if (current === undefined) return fail(index, 'a continued line without a field before it');
      fields.set(current, `${fields.get(current)}\n${line.slice(1).trimEnd()}`);
      continue;
    }
    const colon = line.indexOf(':');
    if (colon <= 0 || /[\s\x00-\x20]/.test(line.slice(0, colon))) {
      return fail(index, 'a line that is neither `Field: value` nor continued');
    }
    current = line.slice(0, colon).toLowerCase();
    if (fields.has(current)) return fail(index, `the field ${line.slice(0, colon)} is there twice`);
    if (fields.size === 0) start = index + 1;
    fields.set(current, line.slice(colon + 1).trim());
  }
  return stanzas;
}
