// Audits Guix recipes as text: manifest.scm for channels.scm beside it and for origins at branches, channels.scm for
// commits.
import { emptyLockFile, type LockFile } from '../../sets/lock-file.ts';
import { finding, type Input } from './finding.ts';
import { type Form, fieldOf, findForms, readSchemeForms } from './scheme-forms.ts';

const branchName =
  /^(?:(?:origin|refs\/heads)\/.*|master|main|trunk|develop|development|devel|dev|next|stable|latest|nightly|HEAD|head)$/;

/** Inputs of a manifest. `hasChannels` says whether a channels.scm stands beside it. */
export function auditManifest(
  text: string,
  file: string,
  options: { readonly hasChannels: boolean },
): Input[] {
  const forms = readSchemeForms(text, file);
  const span = { file, line: 1, column: 1 };
  const channels: Input = options.hasChannels
    ? { subject: 'Guix’s channels', span, pinnedBy: 'recipe' }
    : { subject: file, span, finding: finding('manifest-without-channels', { span, subject: file }) };
  return [
    channels,
    ...findForms(forms, 'git-reference').flatMap(({ form, around }) => originInput(form, around, forms)),
  ];
}

function originInput(reference: Form, around: readonly Form[], forms: readonly Form[]): Input[] {
  const url = fieldOf(reference, 'url');
  const commit = fieldOf(reference, 'commit') ?? fieldOf(reference, 'branch');
  if (commit === undefined) return [];
  const subject = url?.kind === 'string' ? url.text : 'a git origin';
  const value = commit.kind === 'string' ? commit : lookUp(commit, around, forms);
  if (value?.kind !== 'string' || !branchName.test(value.text))
    return [{ subject, span: commit.span, pinnedBy: 'recipe' }];
  const where = value === commit ? '' : `, from line ${value.span.line}`;
  return [
    {
      subject,
      span: value.span,
      finding: finding('origin-at-branch', {
        span: value.span,
        subject,
        detail: `the commit is \`${value.text}\`${where}`,
      }),
    },
  ];
}

/** What a name in `(commit name)` stands for: the package's own field, or a definition of the file. */
function lookUp(name: Form, around: readonly Form[], forms: readonly Form[]): Form | undefined {
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

/** Channels of a channels.scm, each an input; those of Debian are fixed by a lock that has their release. */
export function auditChannels(text: string, file: string, lock: LockFile = emptyLockFile): Input[] {
  const forms = readSchemeForms(text, file);
  const inputs = findForms(forms, 'channel').map(({ form }): Input => {
    const url = fieldOf(form, 'url');
    const subject = url?.kind === 'string' ? url.text : 'a channel';
    const commit = fieldOf(form, 'commit');
    const { span } = form;
    const pinned = commit !== undefined && !(commit.kind === 'string' && branchName.test(commit.text));
    const [, release] = /^debian:([^/]+)$/.exec(subject) ?? [];
    if (!pinned && release !== undefined && lock.debian.has(release))
      return { subject, span, pinnedBy: 'lock' };
    return pinned
      ? { subject, span, pinnedBy: 'recipe' }
      : { subject, span, finding: finding('channel-without-commit', { span, subject }) };
  });
  // Guix's defaults are at their newest commit, whatever is added to them.
  const defaults = symbolsOf(forms).find((form) => form.text === '%default-channels');
  if (defaults !== undefined) {
    const { span, text: subject } = defaults;
    inputs.push({ subject, span, finding: finding('channel-without-commit', { span, subject }) });
  }
  return inputs;
}

function symbolsOf(forms: readonly Form[]): Extract<Form, { text: string }>[] {
  return forms.flatMap((form) =>
    form.kind === 'list' ? symbolsOf(form.items) : form.kind === 'symbol' ? [form] : [],
  );
}
