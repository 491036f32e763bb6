// The forms of a Scheme file with the place of each datum, as far as an audit needs them: lists, symbols, strings.
// Nothing is expanded or evaluated; what cannot be read ends the reading.
import type { Span } from '../foundation/error.ts';

export type Form =
  | { readonly kind: 'list'; readonly items: readonly Form[]; readonly span: Span }
  | { readonly kind: 'symbol' | 'string'; readonly text: string; readonly span: Span };

const deepest = 500;

/** Reads the forms of a text, in its order. */
export function readSchemeForms(text: string, file: string): Form[] {
  const forms: Form[] = [];
  const open: { items: Form[]; span: Span }[] = [];
  const add = (form: Form) => (open.at(-1)?.items ?? forms).push(form);
  let line = 1;
  let lineStart = 0;
  const token =
    /\s+|;[^\n]*|#\|[\s\S]*?\|#|#;|"(?:[^"\\]|\\[\s\S])*"|[()[\]]|#?['`,]@?|#[~$+](?:@)?|[^\s()[\]";]+/g;
  for (const match of text.matchAll(token)) {
    const [piece] = match;
    const span: Span = { file, line, column: match.index - lineStart + 1 };
    for (let at = piece.indexOf('\n'); at >= 0; at = piece.indexOf('\n', at + 1)) {
      line++;
      lineStart = match.index + at + 1;
    }
    const first = piece[0]!;
    if (first === '(' || first === '[') {
      if (open.length >= deepest) return forms;
      open.push({ items: [], span });
    } else if (first === ')' || first === ']') {
      const closed = open.pop();
      if (closed === undefined) return forms;
      add({ kind: 'list', items: closed.items, span: closed.span });
    } else if (first === '"') {
      add({ kind: 'string', text: piece.slice(1, -1).replace(/\\(["\\])/g, '$1'), span });
    } else if (!/^(?:\s|;|#\||#;|#?['`,]@?$|#[~$+]@?$)/.test(piece)) {
      add({ kind: 'symbol', text: piece, span });
    }
  }
  return forms;
}

/** The name that a list starts with. */
function headOf(form: Form): string | undefined {
  const first = form.kind === 'list' ? form.items[0] : undefined;
  return first?.kind === 'symbol' ? first.text : undefined;
}

/** The second item of the first sub-list that starts with `name`: `(commit "…")`. */
export function fieldOf(form: Form, name: string): Form | undefined {
  const field = form.kind === 'list' ? form.items.find((item) => headOf(item) === name) : undefined;
  return field?.kind === 'list' ? field.items[1] : undefined;
}

/** Each list that starts with `name`, at any depth, with the lists around it, outermost first. */
export function findForms(forms: readonly Form[], name: string): { form: Form; around: readonly Form[] }[] {
  const found: { form: Form; around: readonly Form[] }[] = [];
  const visit = (form: Form, around: readonly Form[]) => {
    if (form.kind !== 'list') return;
    if (headOf(form) === name) found.push({ form, around });
    const inner = [...around, form];
    for (const item of form.items) visit(item, inner);
  };
  for (const form of forms) visit(form, []);
  return found;
}
