// Audits one Dockerfile: its inputs against rules and lock, and what it puts into ENV and ARG.

import { isTrimaranError } from '../../foundation/error.ts';
import { type DockerfileInput, findInputs, type ImageInput } from '../../languages/dockerfile/inputs.ts';
import type { Dockerfile } from '../../languages/dockerfile/instruction.ts';
import { parseDockerfile } from '../../languages/dockerfile/parse.ts';
import { parseRequirementsFile } from '../../languages/dockerfile/requirements-file.ts';
import {
  type ResolvedDockerfile,
  type ResolvedInstruction,
  type ResolveOptions,
  resolveDockerfile,
} from '../../languages/dockerfile/resolve.ts';
import { suiteOfImage } from '../../routes/dockerfile/debian-suite.ts';
import { isBaseName } from '../../sets/base/base-name.ts';
import { emptyLockFile, type LockFile, lockedCommit, lockedUrl } from '../../sets/lock-file.ts';
import { type Finding, finding, type Input } from './finding.ts';
import type { RuleName, Severity } from './rules.ts';

export interface DockerfileAuditOptions {
  readonly resolve?: ResolveOptions;
  readonly lock?: LockFile | undefined;
  /** How the lock calls this file; as errors do when absent. */
  readonly lockName?: string;
  /** A file of the build context, by the path that RUN has for it; undefined when it is not there. */
  readonly readFromContext?: (path: string) => string | undefined;
}

export interface DockerfileAudit {
  readonly inputs: readonly Input[];
  /** Findings that are no inputs. */
  readonly findings: readonly Finding[];
}

/** Audits the text of a Dockerfile. Throws what parsing it throws. */
export function auditDockerfile(
  text: string,
  file: string,
  options: DockerfileAuditOptions = {},
): DockerfileAudit {
  const dockerfile = parseDockerfile(text, file);
  const resolved = resolveForAudit(dockerfile, options.resolve);
  if (resolved === undefined) return { inputs: [], findings: [] };
  const lock = options.lock ?? emptyLockFile;
  // Without a target any stage may be asked for one day, and engines without BuildKit make them all.
  const isWhole = options.resolve?.target === undefined;
  const found = findInputs(resolved, isWhole ? 'all' : 'needed');
  const inputs = found
    .filter((input) => input.kind !== 'nondeterminism')
    .map((input) => judge(input, { ...options, lock, file }));
  return { inputs, findings: [...nondeterminism(found), ...variableFindings(resolved, isWhole)] };
}

/** An image that only a build argument names stands as none: there is nothing to say of it before there is one. */
function resolveForAudit(
  dockerfile: Dockerfile,
  options: ResolveOptions = {},
): ResolvedDockerfile | undefined {
  try {
    return resolveDockerfile(dockerfile, options);
  } catch (error) {
    if (!isTrimaranError(error, 'dockerfile/empty-image')) throw error;
  }
  const globals = dockerfile.globalArgs.flatMap(({ args }) => args);
  const named = dockerfile.stages
    .flatMap(({ from }) => [...from.image.value.matchAll(/\$\{?(\w+)/g)].map((match) => match[1]!))
    .filter((name) => !globals.some((arg) => arg.name.value === name && (arg.value?.value ?? '') !== ''))
    .map((name) => [name, 'scratch'] as const);
  try {
    const buildArgs = new Map([...named, ...(options.buildArgs ?? [])].filter(([, value]) => value !== ''));
    return resolveDockerfile(dockerfile, { ...options, buildArgs });
  } catch (error) {
    if (!isTrimaranError(error, 'dockerfile/empty-image')) throw error;
    return undefined;
  }
}

const nondeterminismDetails = {
  time: 'the time of the build',
  random: 'chance',
  machine: 'the machine that builds',
};

function nondeterminism(inputs: readonly DockerfileInput[]): Finding[] {
  return inputs.flatMap((input) =>
    input.kind === 'nondeterminism'
      ? [
          finding('nondeterministic-command', {
            span: input.span,
            subject: input.subject,
            detail: nondeterminismDetails[input.cause],
          }),
        ]
      : [],
  );
}

function judge(
  input: DockerfileInput,
  options: DockerfileAuditOptions & { readonly lock: LockFile; readonly file: string },
): Input {
  const { lock, file, lockName = file } = options;
  const { subject, span } = input;
  if (input.pinned) return { subject, span, pinnedBy: 'recipe' };
  if (isLocked(input, lock, lockName)) return { subject, span, pinnedBy: 'lock' };
  if (input.kind === 'requirements') {
    const text = options.readFromContext?.(input.file);
    const asked = text === undefined ? undefined : parseRequirementsFile(text);
    if (asked?.hashed === true) return { subject, span, pinnedBy: 'recipe' };
    const locked = lock.pip.get(lockName);
    if (asked?.requirements.every((requirement) => locked?.has(requirement)) && asked.requirements.length > 0)
      return { subject, span, pinnedBy: 'lock' };
  }
  if (input.kind === 'package' && isConstrained(input, options)) return { subject, span, pinnedBy: 'recipe' };
  const { rule, detail, severity } = { ...ruleOf(input), ...milder(input, options) };
  return {
    subject,
    span,
    finding: finding(rule, { span, subject, detail, ...(severity === undefined ? {} : { severity }) }),
    ...(input.kind === 'package'
      ? { group: `${file}:${input.command.line}:${input.command.column}:${rule}` }
      : {}),
  };
}

/** Whether a file of constraints says the version. */
function isConstrained(
  { name, constraints }: DockerfileInput & { kind: 'package' },
  { readFromContext }: DockerfileAuditOptions,
): boolean {
  const normal = (text: string) => text.toLowerCase().replace(/[-_.]+/g, '-');
  return constraints.some((file) =>
    parseRequirementsFile(readFromContext?.(file) ?? '').requirements.some((line) => {
      const [, constrained] = /^([A-Za-z0-9._-]+)\s*===?\s*[^*,\s]+$/.exec(line) ?? [];
      return constrained !== undefined && normal(constrained) === normal(name);
    }),
  );
}

const npmLocks = ['package-lock.json', 'npm-shrinkwrap.json', 'yarn.lock', 'pnpm-lock.yaml', 'bun.lock'];

/** What another file most likely fixes is worth a note. */
function milder(
  input: DockerfileInput,
  { readFromContext }: DockerfileAuditOptions,
): { readonly severity: Severity; readonly detail: string } | undefined {
  if (input.kind === 'project-dependencies' && input.manager === 'npm') {
    const lock = npmLocks.find((name) => readFromContext?.(name) !== undefined);
    return lock === undefined
      ? undefined
      : { severity: 'note', detail: `${lock} decides, unless package.json asks for something else` };
  }
  if (input.kind !== 'package') return undefined;
  if (input.maybeInstalled === true)
    return { severity: 'note', detail: 'unless the project has installed it' };
  const [file] = input.constraints;
  return file === undefined ? undefined : { severity: 'note', detail: `unless ${file} says which version` };
}

function isLocked(input: DockerfileInput, lock: LockFile, file: string): boolean {
  switch (input.kind) {
    case 'image': {
      if (lock.images.has(input.reference)) return true;
      // Bases of Debian that no registry gave are made of the locked release's packages.
      const suite = isBaseName(input.reference) ? suiteOfImage(input.reference) : undefined;
      return suite !== undefined && lock.debian.has(suite);
    }
    case 'url':
      return !input.toShell && lockedUrl(lock, input.url) !== undefined;
    case 'git':
      return lockedCommit(lock, input) !== undefined;
    case 'package':
      if (input.manager === 'pip') return lock.pip.get(file)?.has(input.requirement) ?? false;
      if (input.manager !== 'apt') return false;
      return [...lock.debian.values()].some((suite) =>
        [...suite.architectures.values()].some((used) => used.packages.has(input.name)),
      );
    default:
      return false;
  }
}

function ruleOf(input: DockerfileInput): { rule: RuleName; detail?: string; severity?: Severity } {
  switch (input.kind) {
    case 'image':
      return imageRule(input);
    case 'url':
      if (input.toShell) return { rule: 'curl-to-shell' };
      if (input.by !== 'add') return { rule: 'download-without-checksum' };
      return { rule: 'add-without-checksum', ...branchDetail(input.url) };
    case 'git': {
      const rule = isVersionLike(input.ref)
        ? 'git-tag'
        : input.by === 'add'
          ? 'add-git-moving-ref'
          : 'git-moving-ref';
      const detail = input.ref === undefined ? 'the default branch' : input.ref;
      return { rule: input.by === 'add' ? 'add-git-moving-ref' : rule, detail };
    }
    case 'package':
      return input.manager === 'pip' && input.upgrade
        ? { rule: 'pip-upgrade' }
        : { rule: `${input.manager}-unpinned` };
    case 'requirements':
      return { rule: 'pip-requirements-without-hashes' };
    case 'project-dependencies':
      return input.manager === 'npm'
        ? { rule: 'npm-unpinned' }
        : {
            rule: 'pip-unpinned',
            severity: 'note',
            detail: 'the versions of its dependencies are left open',
          };
    case 'upgrade':
      return { rule: 'system-upgrade' };
    case 'nondeterminism':
      return { rule: 'nondeterministic-command' };
  }
}

function imageRule(input: ImageInput): { rule: RuleName } {
  if (input.role === 'syntax') return { rule: 'syntax-tag' };
  return { rule: tagRule(input.tag) };
}

/** Which rule a tag falls under. */
export function tagRule(
  tag: string | undefined,
): 'image-latest' | 'image-moving-tag' | 'image-tag-not-digest' {
  if (tag === undefined || /^(?:latest|edge|nightly|master|main|dev|devel|unstable|rolling)$/.test(tag))
    return 'image-latest';
  // Three numbers, or a date: the people who made it mean to leave it alone.
  return /^v?\d+\.\d+\.\d+|(?:^|-)\d{8}(?:-|$)/.test(tag) ? 'image-tag-not-digest' : 'image-moving-tag';
}

function isVersionLike(ref: string | undefined): boolean {
  return ref !== undefined && /^(?:refs\/tags\/|[A-Za-z_-]*v?\d+(?:[._]\d+)+|v?\d+\.)/.test(ref);
}

/** A URL into a branch of a forge: more likely than others to change. */
function branchDetail(url: string | undefined): { detail?: string } {
  const branch =
    /\/(?:blob|raw|tree|archive|plain)\/(?:refs\/heads\/)?(master|main|develop|trunk|HEAD)[/.]/.exec(
      url ?? '',
    )?.[1];
  return branch === undefined ? {} : { detail: `the file is taken from the branch ${branch}` };
}

const secretName =
  /(?:^|_)(?:PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN|API_?KEY|ACCESS_KEY|SECRET_KEY|PRIVATE_KEY|CREDENTIALS?)(?:_|$)/i;
const noSecret =
  /(?:_FILE|_PATH|_DIR|_URL|_NAME|_LENGTH|_EXPIR\w*|_TTL|_ALGORITHM|_TYPE|_HEADER)$|^(?:ALLOW|NO|USE|DISABLE|ENABLE)_|PUBLIC/i;

function variableFindings(resolved: ResolvedDockerfile, isWhole: boolean): Finding[] {
  const findings: Finding[] = [];
  const instructions = resolved.stages
    .filter(({ stage }) => isWhole || resolved.needed.includes(stage.index))
    .flatMap((stage) => stage.instructions);
  for (const item of instructions) {
    const { instruction } = item;
    if (instruction.kind === 'arg') {
      for (const { name } of instruction.args) {
        if (isSecret(name.value))
          findings.push(finding('secret-in-image', { span: name.span, subject: `ARG ${name.value}` }));
      }
    }
    if (instruction.kind === 'env') findings.push(...envFindings(item));
  }
  for (const instruction of resolved.dockerfile.globalArgs) {
    for (const { name } of instruction.args) {
      if (isSecret(name.value))
        findings.push(finding('secret-in-image', { span: name.span, subject: `ARG ${name.value}` }));
    }
  }
  return findings;
}

function isSecret(name: string): boolean {
  return secretName.test(name) && !noSecret.test(name);
}

/** Variables that shells set for themselves. */
const ofShell = /^(?:HOME|USER|LOGNAME|UID|EUID|PWD|OLDPWD|HOSTNAME|SHELL|RANDOM|SHLVL|PPID)$/;

function outsideDoubleQuotes(text: string): string {
  return text.replace(/\\.|"(?:[^"\\]|\\.)*"/g, '');
}

function envFindings(item: ResolvedInstruction): Finding[] {
  const { instruction } = item;
  if (instruction.kind !== 'env') return [];
  const findings: Finding[] = [];
  for (const [index, pair] of instruction.pairs.entries()) {
    const value = item.pairs[index]!.value.value;
    const name = pair.name.value;
    if (isSecret(name) && value !== '') {
      findings.push(finding('secret-in-image', { span: pair.name.span, subject: `ENV ${name}` }));
    }
    const unset = item.unset.filter((use) => use.text === pair.value).map((use) => use.name);
    const written = pair.value.value;
    const shown = isSecret(name) ? `ENV ${name}` : `ENV ${name}=${written}`;
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
          detail: `${[...new Set(unset)].join(' and ')} ${unset.length === 1 ? 'is' : 'are'} not set while building, so ${name} is always \`${isSecret(name) ? '…' : value}\``,
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
          detail: `${shellVariable} is the shell’s, not Docker’s, so ${name} is always \`${isSecret(name) ? '…' : value}\` unless the base image sets it`,
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
