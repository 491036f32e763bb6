// Audits Guix recipes as text: manifest.scm for channels.scm beside it and for origins at branches, channels.scm for
// commits.

import { branchName, findChannels, findOrigins, type ManifestOrigin } from '../../compose/guix-sources.ts';
import { type Form, fieldOf, findForms, readSchemeForms } from '../../compose/scheme-forms.ts';
import { emptyLockFile, type LockFile } from '../../sets/lock-file.ts';
import { finding, type Input } from './finding.ts';

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
  return [channels, ...findOrigins(forms).map(originInput), ...checkoutInputs(forms), ...transformed(forms)];
}

/** `(git-checkout (url …) (branch …))`: a source without a hash, of a branch unless a commit is named. */
function checkoutInputs(forms: readonly Form[]): Input[] {
  return findForms(forms, 'git-checkout').map(({ form }): Input => {
    const text = (name: string) => {
      const field = fieldOf(form, name);
      return field?.kind === 'string' ? field.text : undefined;
    };
    const subject = text('url') ?? 'a git checkout';
    const { span } = form;
    if (/^[0-9a-f]{7,40}$/.test(text('commit') ?? '')) return { subject, span, pinnedBy: 'recipe' };
    const ref = text('commit') ?? text('branch');
    const detail = `it has no hash, so each build takes what ${ref === undefined ? 'the default branch' : `\`${ref}\``} has`;
    return { subject, span, finding: finding('origin-at-branch', { span, subject, detail }) };
  });
}

/** `(options->transformation '((with-branch . "x=main")))`: a package from the tip of a branch. */
function transformed(forms: readonly Form[]): Input[] {
  const values = (option: string) =>
    findForms(forms, option).map(({ form }) => {
      const value = form.kind === 'list' ? form.items.findLast((item) => item.kind === 'string') : undefined;
      return { span: form.span, text: value?.kind === 'string' ? value.text : '' };
    });
  const packageOf = (text: string) => text.split('=', 1)[0];
  const fixed = new Set(values('with-commit').map(({ text }) => packageOf(text)));
  return ['with-branch', 'with-git-url', 'with-latest'].flatMap((option) =>
    values(option)
      .filter(({ text }) => option !== 'with-git-url' || !fixed.has(packageOf(text)))
      .map(({ span, text }): Input => {
        const subject = `${option} ${text}`.trim();
        const detail = 'it has no hash, so each build takes the newest of its source';
        return { subject, span, finding: finding('origin-at-branch', { span, subject, detail }) };
      }),
  );
}

function originInput({ url, commit, span }: ManifestOrigin): Input {
  const subject = url ?? 'a git origin';
  if (commit === undefined || !branchName.test(commit.text)) return { subject, span, pinnedBy: 'recipe' };
  const where = commit.span === span ? '' : `, from line ${commit.span.line}`;
  return {
    subject,
    span: commit.span,
    finding: finding('origin-at-branch', {
      span: commit.span,
      subject,
      detail: `the commit is \`${commit.text}\`${where}`,
    }),
  };
}

/** Channels of a channels.scm, each an input; those of Debian are fixed by a lock that has their release. */
export function auditChannels(text: string, file: string, lock: LockFile = emptyLockFile): Input[] {
  const forms = readSchemeForms(text, file);
  const inputs = findChannels(forms).map(({ url, commit, span }): Input => {
    const subject = url ?? 'a channel';
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
