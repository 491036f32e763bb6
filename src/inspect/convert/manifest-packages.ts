// Which packages a manifest names: specifications, and the variables that packages are kept in. Procedures that make or
// change packages are not run; each becomes a remark.
import { type Form, findForms } from '../../compose/scheme-forms.ts';
import type { Placed } from '../../compose/service.ts';
import type { Requirement } from './image-needs.ts';

export interface ManifestPackages {
  readonly requirements: readonly Placed<Requirement>[];
  readonly remarks: readonly Placed<string>[];
}

/** `python-uvicorn@0.17`, `gcc:lib` */
export function specification(text: string): Requirement {
  const [name = '', version] = text.split('@', 2);
  return {
    from: 'guix',
    name: name.replace(/:.*$/, ''),
    version: version === undefined ? '' : `=${version.replace(/:.*$/, '')}`,
  };
}

/** What a specification asks for beside a package's first output; undefined for one that does not. */
export function otherOutput(text: string): string | undefined {
  const output = /:([^:@]+)$/.exec(text)?.[1];
  return output === undefined || output === 'out'
    ? undefined
    : `the output ${output} of ${text.replace(/:.*$/, '')}`;
}

/** Procedures whose arguments are packages or lists of them. */
const collecting = /^(?:packages->manifest|list|cons\*?|append|delete-duplicates|reverse)$/;
const resolving = /^specifications?->packages?(?:\+output)?$/;
/** Forms of a manifest that say packages in ways that only evaluation could tell. */
const unread = [
  'package->development-manifest',
  'manifest-entry',
  'inferior-package->manifest-entry',
  'load',
  'primitive-load',
];

/** Reads the forms of a manifest; `own` are variables of packages that it defines itself. */
export function manifestPackages(forms: readonly Form[], own: ReadonlySet<string>): ManifestPackages {
  const requirements: Placed<Requirement>[] = [];
  const remarks: Placed<string>[] = [];
  const add = (text: string, { span }: Form) => {
    requirements.push({ value: specification(text), span });
    const output = otherOutput(text);
    if (output !== undefined) remarks.push({ value: output, span });
  };
  const addStrings = (form: Form): void => {
    if (form.kind === 'string') add(form.text, form);
    if (form.kind === 'list') for (const item of form.items) addStrings(item);
  };
  const visit = (form: Form): void => {
    if (form.kind === 'symbol' && !own.has(form.text)) add(form.text, form);
    if (form.kind !== 'list') return;
    const [head, ...rest] = form.items;
    // A package with the name of its output: `(,gcc "lib")`.
    if (head?.kind === 'list' && rest.length === 1 && rest[0]?.kind === 'string') {
      visit(head);
      remarks.push({ value: `the output ${rest[0].text} of ${shown(head)}`, span: form.span });
      return;
    }
    if (head?.kind !== 'symbol') {
      for (const item of form.items) visit(item);
      return;
    }
    const mapped = /^(?:append-|filter-)?map$/.test(head.text) && mentions(rest[0], resolving);
    if (collecting.test(head.text)) for (const item of rest) visit(item);
    else if (resolving.test(head.text)) for (const item of rest) addStrings(item);
    else if (mapped) for (const item of rest.slice(1)) addStrings(item);
    else {
      remarks.push({
        value: `${shown(form)} as it is: what it does to packages is not carried over`,
        span: form.span,
      });
      for (const item of rest) if (mentions(item, resolving)) visit(item);
    }
  };
  for (const { form } of findForms(forms, 'specifications->manifest')) addStrings(form);
  for (const { form } of findForms(forms, 'packages->manifest')) visit(form);
  for (const name of unread)
    for (const { form } of findForms(forms, name))
      remarks.push({ value: `${shown(form)} is not read`, span: form.span });
  return { requirements, remarks };
}

function mentions(form: Form | undefined, pattern: RegExp): boolean {
  if (form?.kind === 'symbol') return pattern.test(form.text);
  return form?.kind === 'list' && form.items.some((item) => mentions(item, pattern));
}

/** The form on one line, shortened. */
function shown(form: Form): string {
  const whole = written(form);
  return whole.length > 60 ? `${whole.slice(0, 59)}…` : whole;
}

function written(form: Form): string {
  if (form.kind === 'list') return `(${form.items.map(written).join(' ')})`;
  return form.kind === 'string' ? JSON.stringify(form.text) : form.text;
}
