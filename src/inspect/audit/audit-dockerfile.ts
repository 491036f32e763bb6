// Audits one Dockerfile: its inputs against rules and lock, and what it puts into ENV and ARG.

import { isTrimaranError } from '../../foundation/error.ts';
import {
  type DockerfileInput,
  findInputs,
  findTriggerInputs,
  type ImageInput,
} from '../../languages/dockerfile/inputs.ts';
import type { Dockerfile } from '../../languages/dockerfile/instruction.ts';
import { parseDockerfile } from '../../languages/dockerfile/parse.ts';
import { projectLockPaths } from '../../languages/dockerfile/project-locks.ts';
import { parseRequirementsFile } from '../../languages/dockerfile/requirements-file.ts';
import {
  type ResolvedDockerfile,
  type ResolveOptions,
  resolveDockerfile,
} from '../../languages/dockerfile/resolve.ts';
import { additionsAt, suiteOfImage } from '../../routes/dockerfile/debian-suite.ts';
import { isBaseName } from '../../sets/base/base-name.ts';
import { emptyLockFile, type LockFile, lockedCommit, lockedUrl } from '../../sets/lock-file.ts';
import { variableFindings } from './audit-variables.ts';
import { type Finding, finding, type Input } from './finding.ts';
import type { RuleName, Severity } from './rules.ts';

export interface DockerfileAuditOptions {
  readonly resolve?: ResolveOptions;
  readonly lock?: LockFile | undefined;
  /** How the lock calls this file; as errors do when absent. */
  readonly lockName?: string;
  /** Names that `FROM` and `--from` take from elsewhere (`additional_contexts`): no images. */
  readonly contexts?: ReadonlySet<string>;
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
    .filter((input) => input.kind !== 'image' || options.contexts?.has(input.reference) !== true)
    .map((input) => judge(input, { ...options, text, lock, file, resolved }));
  // What a trigger takes in is taken by a build of another image, so this one's lock has no say.
  const triggered = findTriggerInputs(resolved);
  for (const input of triggered)
    if (input.kind !== 'nondeterminism')
      inputs.push(judge(input, { ...options, text, lock: emptyLockFile, file, resolved }));
  return {
    inputs,
    findings: [...nondeterminism([...found, ...triggered]), ...variableFindings(resolved, isWhole)],
  };
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

interface JudgeOptions extends DockerfileAuditOptions {
  readonly text: string;
  readonly lock: LockFile;
  readonly file: string;
  readonly resolved: ResolvedDockerfile;
}

function judge(input: DockerfileInput, options: JudgeOptions): Input {
  const { lock, file, lockName = file } = options;
  const { subject, span } = input;
  if (input.pinned) return { subject, span, pinnedBy: 'recipe' };
  if (isLocked(input, { ...options, lockName })) return { subject, span, pinnedBy: 'lock' };
  if (input.kind === 'requirements') {
    const text = options.readFromContext?.(input.file);
    const asked = text === undefined ? undefined : parseRequirementsFile(text);
    if (asked?.hashed === true) return { subject, span, pinnedBy: 'recipe' };
    const locked = lock.pip.get(lockName);
    if (asked?.requirements.every((requirement) => locked?.has(requirement)) && asked.requirements.length > 0)
      return { subject, span, pinnedBy: 'lock' };
  }
  if (input.kind === 'package' && isConstrained(input, options)) return { subject, span, pinnedBy: 'recipe' };
  if (input.kind === 'project-dependencies' && input.isStrict === true) {
    if (options.readFromContext === undefined || projectLock(input, options) !== undefined)
      return { subject, span, pinnedBy: 'recipe' };
  }
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

/** The file of the build context that says the versions of a project's dependencies. */
function projectLock(
  input: DockerfileInput & { kind: 'project-dependencies' },
  { resolved, readFromContext }: JudgeOptions,
): string | undefined {
  return projectLockPaths(resolved, input.locks).find((path) => readFromContext?.(path) !== undefined);
}

/** What another file most likely fixes is worth a note. */
function milder(
  input: DockerfileInput,
  options: JudgeOptions,
): { readonly severity: Severity; readonly detail: string } | undefined {
  if (input.kind === 'project-dependencies' && input.locks.length > 0) {
    const lock = projectLock(input, options);
    if (lock !== undefined)
      return { severity: 'note', detail: `${lock} decides, unless the project asks for something else` };
    // It may come from elsewhere, and the command would use it.
    return input.isStrict === true
      ? { severity: 'note', detail: `no ${input.locks[0]} was found in the build context` }
      : undefined;
  }
  if (input.kind !== 'package') return undefined;
  if (input.maybeInstalled === true)
    return { severity: 'note', detail: 'unless the project has installed it' };
  const [file] = input.constraints;
  return file === undefined ? undefined : { severity: 'note', detail: `unless ${file} says which version` };
}

function isLocked(input: DockerfileInput, options: JudgeOptions & { readonly lockName: string }): boolean {
  const { lock, lockName, resolved, text } = options;
  switch (input.kind) {
    case 'image': {
      if (lock.images.has(input.reference)) return true;
      // Bases of Debian that no registry gave are made of the locked release's packages.
      const suite = isBaseName(input.reference) ? suiteOfImage(input.reference) : undefined;
      return suite !== undefined && lock.debian.has(suite);
    }
    case 'url':
      return !input.toShell && input.by !== 'program' && lockedUrl(lock, input.url) !== undefined;
    case 'git':
      return lockedCommit(lock, input) !== undefined;
    case 'package':
      if (input.manager === 'pip') return lock.pip.get(lockName)?.has(input.requirement) ?? false;
      if (input.manager !== 'apt') return false;
      // Without the other suites that apt looks into, the locked one does not decide.
      return (
        [...lock.debian.values()].some((suite) =>
          [...suite.architectures.values()].some((used) => used.packages.has(input.name)),
        ) &&
        additionsAt(resolved, { span: input.span, text, images: lock.images }).every((name) =>
          lock.debian.has(name),
        )
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
      if (input.by === 'add') return { rule: 'add-without-checksum', ...branchDetail(input.url) };
      if (input.toShell) return { rule: 'curl-to-shell', ...branchDetail(input.url) };
      if (input.isRun === true)
        return { rule: 'curl-to-shell', detail: `${input.file} is run without being checked` };
      return { rule: 'download-without-checksum', ...branchDetail(input.url) };
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
      return input.manager !== 'pip' || input.locks.length > 0
        ? { rule: `${input.manager}-unpinned` }
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

function imageRule(input: ImageInput): { rule: RuleName; detail?: string } {
  if (input.isInvalid === true) return { rule: 'image-invalid', detail: referenceForm };
  if (input.role === 'syntax') return { rule: 'syntax-tag' };
  return { rule: tagRule(input.tag) };
}

/** What a reference that is none most often lacks. */
export const referenceForm = 'a repository is in lower case; a tag follows `:`, a digest `@sha256:`';

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
  return (
    ref !== undefined && /^(?:(?:refs\/)?tags\/|[A-Za-z_-]*v?\d+(?:[._]\d+)+|v?\d+\.|v?\d{8}$)/.test(ref)
  );
}

/** A URL into a branch of a forge: more likely than others to change. */
function branchDetail(url: string | undefined): { detail?: string } {
  const branch =
    /(?:\/(?:blob|raw|tree|archive|plain)|\/\/raw\.githubusercontent\.com\/[^/]+\/[^/]+)\/(?:refs\/heads\/)?(master|main|develop|trunk|HEAD)[/.]/.exec(
      url ?? '',
    )?.[1];
  return branch === undefined ? {} : { detail: `the file is taken from the branch ${branch}` };
}
