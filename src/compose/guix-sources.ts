// What Guix recipes take from repositories by name of a branch: origins of a manifest whose commit is one, channels without a
// commit. Told from their text, so that a lock can look them up and an audit can judge them.
import type { Span } from '../foundation/error.ts';
import { type Form, fieldOf, findForms } from './scheme-forms.ts';

/** Names that move by their nature. */
export const branchName =
  /^(?:(?:origin|refs\/heads)\/.*|master|main|trunk|develop|development|devel|dev|next|stable|latest|nightly|HEAD|head)$/;

/** A `git-reference` of a manifest. */
export interface ManifestOrigin {
  readonly url: string | undefined;
  /** The commit where it is written down, in the reference itself or in what it names. */
  readonly commit: { readonly text: string; readonly span: Span } | undefined;
  /** Of the commit field. */
  readonly span: Span;
}

/** Every git-reference with a commit or a branch. */
export function findOrigins(forms: readonly Form[]): ManifestOrigin[] {
  return findForms(forms, 'git-reference').flatMap(({ form, around }) => {
    const url = fieldOf(form, 'url');
    const commit = fieldOf(form, 'commit') ?? fieldOf(form, 'branch');
    if (commit === undefined) return [];
    const value = commit.kind === 'string' ? commit : lookUp(commit, { around, forms });
    return [
      {
        url: url?.kind === 'string' ? url.text : undefined,
        commit: value?.kind === 'string' ? value : undefined,
        span: commit.span,
      },
    ];
  });
}

/** What a name in `(commit name)` stands for: the package's own field, or a definition of the file. */
function lookUp(
  name: Form,
  { around, forms }: { readonly around: readonly Form[]; readonly forms: readonly Form[] },
): Form | undefined {
  if (name.kind !== 'symbol') return undefined;
  for (const form of [...around].reverse()) {
    const field = fieldOf(form, name.text);
    if (field !== undefined) return field;
  }
  for (const { form } of findForms(forms, 'define')) {
    if (form.kind !== 'list') continue;
    const [, defined, value] = form.items;
    if (defined?.kind === 'symbol' && defined.text === name.text) return value;
  }
  return undefined;
}

/** A channel of a channels.scm. */
export interface ListedChannel {
  readonly url: string | undefined;
  /** `master` where none is written, as Guix has it. */
  readonly branch: string;
  readonly commit: Form | undefined;
  readonly span: Span;
}

/** Every `(channel …)`. */
export function findChannels(forms: readonly Form[]): ListedChannel[] {
  return findForms(forms, 'channel').map(({ form }) => {
    const text = (name: string) => {
      const field = fieldOf(form, name);
      return field?.kind === 'string' ? field.text : undefined;
    };
    return {
      url: text('url'),
      branch: text('branch') ?? 'master',
      commit: fieldOf(form, 'commit'),
      span: form.span,
    };
  });
}
