// What a Dockerfile puts into ENV, ARG and its steps for all to see: secrets, and values that Docker does not make of them
// what was meant.
import type { RunInstruction } from '../../languages/dockerfile/instruction.ts';
import type { ResolvedDockerfile, ResolvedInstruction } from '../../languages/dockerfile/resolve.ts';
import { type Finding, finding } from './finding.ts';

const secretName =
  /(?:^|_)(?:[A-Z0-9]*PASSWO?R?D|PASSPHRASE|PASS|(?:ADMIN|DB|MAIL|MYSQL|PG|REDIS|ROOT|SMTP|USER)PASS|PWD|SECRETS?|SECRET_?KEY|TOKEN|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY|AUTH_?KEY|ENCRYPTION_?KEY|CREDENTIALS?)(?:_|$)/;
const noSecret =
  /(?:_FILE|_PATH|_DIR|_URL|_NAME|_LENGTH|_EXPIR\w*|_TTL|_ALGORITHM|_TYPE|_HEADER|_STORE|_POLICY|_REGEX|_ISSUER|_AUDIENCE)$|^(?:ALLOW|NO|USE|DISABLE|ENABLE|INSTALL|WITH)_|PUBLIC|(?:^|_)(?:FIRST|SECOND|TWO|MULTI)_PASS(?:_|$)|^PASS$|^(?:OLD)?PWD$/;

/** Whether a name is one of a secret, however it joins its words. */
function isSecret(name: string): boolean {
  const upper = name
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replace(/-/g, '_')
    .toUpperCase();
  return secretName.test(upper) && !noSecret.test(upper);
}

/** A value that cannot be the secret itself: none, a switch, a path to where it is, another variable. */
function isHarmless(value: string): boolean {
  return (
    value === '' ||
    /^(?:true|false|yes|no|on|off|none|null|0|1)$/i.test(value) ||
    /^(?:file:\/\/)?\/[\w.@-]+\//.test(value)
  );
}

const secretValues: readonly (readonly [RegExp, string])[] = [
  [/\b(?:AKIA|ASIA)[0-9A-Z]{16}\b/, 'an access key of AWS'],
  [/\b(?:ghp|gho|ghu|ghs|ghr)_[A-Za-z0-9]{36,}\b|\bgithub_pat_\w{50,}/, 'a token of GitHub'],
  [/\bglpat-[\w-]{20,}/, 'a token of GitLab'],
  [/\bxox[abpr]-[\w-]{10,}/, 'a token of Slack'],
  [/\bnpm_[A-Za-z0-9]{36}\b/, 'a token of npm'],
  [/\bpypi-[\w-]{50,}/, 'a token of PyPI'],
  [/\bsk_live_[A-Za-z0-9]{20,}/, 'a key of Stripe'],
  [/\bAIza[\w-]{35}\b/, 'a key of Google'],
  [/-----BEGIN (?:[A-Z]+ )?PRIVATE KEY/, 'a private key'],
  [/[a-z][a-z0-9+.-]*:\/\/[^\s:/@'"$]+:(?![\s@'"$])[^\s/@'"$]+@[^\s/]/i, 'an address with a password'],
];

/** What secret a text has in it, by its form. */
function secretIn(text: string): string | undefined {
  return secretValues.find(([pattern]) => pattern.test(text))?.[1];
}

/** Findings about the variables of all stages, or of those that the target needs, and about secrets in steps. */
export function variableFindings(resolved: ResolvedDockerfile, isWhole: boolean): Finding[] {
  const findings: Finding[] = [];
  const instructions = resolved.stages
    .filter(({ stage }) => isWhole || resolved.needed.includes(stage.index))
    .flatMap((stage) => stage.instructions);
  const declared = new Set<string>();
  for (const item of instructions) {
    const { instruction } = item;
    if (instruction.kind === 'arg') {
      for (const { name } of instruction.args) {
        declared.add(name.value);
        if (isSecret(name.value))
          findings.push(finding('secret-in-image', { span: name.span, subject: `ARG ${name.value}` }));
      }
    }
    if (instruction.kind === 'env') findings.push(...envFindings(item, declared));
    if (instruction.kind === 'run') findings.push(...stepFindings(instruction));
  }
  for (const instruction of resolved.dockerfile.globalArgs) {
    for (const { name } of instruction.args) {
      if (isSecret(name.value))
        findings.push(finding('secret-in-image', { span: name.span, subject: `ARG ${name.value}` }));
    }
  }
  return findings;
}

/** Variables that shells set for themselves. */
const ofShell = /^(?:HOME|USER|LOGNAME|UID|EUID|PWD|OLDPWD|HOSTNAME|SHELL|RANDOM|SHLVL|PPID)$/;

function outsideDoubleQuotes(text: string): string {
  return text.replace(/\\.|"(?:[^"\\]|\\.)*"/g, '');
}

/** Secrets that a step writes out: its text is in the image's history. */
function stepFindings(instruction: RunInstruction): Finding[] {
  const { source, heredocs, span } = instruction;
  const found = [source, ...heredocs.map(({ content }) => content)]
    .map(({ text }) => secretIn(text))
    .find((kind) => kind !== undefined);
  return found === undefined
    ? []
    : [finding('secret-in-image', { span, subject: 'RUN', detail: `it has ${found}` })];
}

function envFindings(item: ResolvedInstruction, declared: ReadonlySet<string>): Finding[] {
  const { instruction } = item;
  if (instruction.kind !== 'env') return [];
  const findings: Finding[] = [];
  for (const [index, pair] of instruction.pairs.entries()) {
    const value = item.pairs[index]!.value.value;
    const name = pair.name.value;
    const kind = secretIn(value);
    const isHidden = isSecret(name) || kind !== undefined;
    if (kind !== undefined || (isSecret(name) && !isHarmless(value))) {
      const detail = kind === undefined ? {} : { detail: `it is ${kind}` };
      findings.push(finding('secret-in-image', { span: pair.name.span, subject: `ENV ${name}`, ...detail }));
    }
    // A build argument may be given.
    const unset = item.unset
      .filter((use) => use.text === pair.value && !declared.has(use.name))
      .map((use) => use.name);
    const written = pair.value.value;
    const shown = isHidden ? `ENV ${name}` : `ENV ${name}=${written}`;
    // A default shows that another value was meant to be possible; a bare `$PATH` may come from the base image.
    // `${X:+$X:}` puts something before what the base image may have set, and hides nothing.
    const shellVariable = unset.find((variable) => ofShell.test(variable));
    const hasDefault = unset.some((variable) =>
      new RegExp(`\\$\\{${variable}:?(?:[-?]|\\+(?!\\$\\{?${variable}\\b))`).test(written),
    );
    if (hasDefault) {
      findings.push(
        finding('env-not-expanded', {
          span: pair.value.span,
          subject: shown,
          detail: `${[...new Set(unset)].join(' and ')} ${unset.length === 1 ? 'is' : 'are'} not set while building, so ${name} is always \`${isHidden ? '…' : value}\``,
        }),
      );
    } else if (/'[^']*\$\{?[A-Za-z_][^']*'/.test(outsideDoubleQuotes(written))) {
      findings.push(
        finding('env-not-expanded', {
          span: pair.value.span,
          subject: shown,
          detail: 'Docker leaves variables in single quotes as they are written',
        }),
      );
    } else if (shellVariable !== undefined) {
      findings.push(
        finding('env-not-expanded', {
          span: pair.value.span,
          subject: shown,
          detail: `${shellVariable} is the shell’s, not Docker’s, so ${name} is always \`${isHidden ? '…' : value}\` unless the base image sets it`,
        }),
      );
    } else if (/^~(?:\/|$)|:~\//.test(written)) {
      findings.push(
        finding('env-not-expanded', {
          span: pair.value.span,
          subject: shown,
          detail: 'Docker leaves `~` as it is written',
        }),
      );
    } else if (/(?:^|[^\\])(?:\$\(|`)/.test(written) && !/^'.*'$/s.test(written)) {
      findings.push(
        finding('env-not-expanded', {
          span: pair.value.span,
          subject: shown,
          detail: 'Docker runs no commands in ENV: the text itself becomes the value',
        }),
      );
    }
  }
  return findings;
}
