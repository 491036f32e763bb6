// The audit: everything in a project, a folder or single recipe files that can change tomorrow. Reads files, reaches
// no network, evaluates nothing.

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, relative, resolve } from 'node:path';
import type { ImageFacts } from '../../compose/check-overrides.ts';
import { type ComposeProject, type LoadComposeOptions, loadComposeProject } from '../../compose/load.ts';
import type { Service } from '../../compose/service.ts';
import { compareBytes } from '../../foundation/byte-string.ts';
import { isTrimaranError, type Span, systemErrorCode, TrimaranError } from '../../foundation/error.ts';
import { type InlinePlace, relocateErrors, relocateSpan } from '../../routes/dockerfile/inline-place.ts';
import { emptyLockFile, type LockFile, parseLockFile } from '../../sets/lock-file.ts';
import {
  auditContexts,
  auditOtherRecipes,
  auditOverrides,
  auditServiceImage,
  type OtherRecipe,
} from './audit-compose.ts';
import { auditDockerfile } from './audit-dockerfile.ts';
import { auditFlake } from './audit-flake.ts';
import { auditChannels, auditManifest } from './audit-guix.ts';
import { type Finding, finding, type Input } from './finding.ts';

export interface AuditReport {
  /** By file, line and column; several packages of one command are one finding. */
  readonly findings: readonly Finding[];
  readonly inputs: readonly Input[];
  /** Inputs fixed by their recipe or a lock. */
  readonly pinned: number;
  readonly total: number;
  /** `pinned / total`; 1 when there are none. */
  readonly score: number;
  /** What was read, from `directory`. */
  readonly files: readonly string[];
  /** Locks that were taken into account: the given one, or those beside or above what was read. */
  readonly locks: readonly { readonly directory: string; readonly lock: LockFile }[];
}

export interface AuditOptions {
  /** Paths are shown from here. */
  readonly directory: string;
  /** When absent, for each recipe the `trimaran.lock` beside it or above it, at most up to its repository's root. */
  readonly lock?: LockFile;
}

export interface ProjectAuditOptions extends AuditOptions {
  /** What a service's built image has, where somebody has built it. */
  readonly imageFacts?: (service: Service) => ImageFacts | undefined;
}

/** Audits a compose project: its services, their Dockerfiles, and the flake and manifest beside the compose file. */
export function auditProject(project: ComposeProject, options: ProjectAuditOptions): AuditReport {
  const audit = new Audit(options);
  audit.addProject(project, { imageFacts: options.imageFacts });
  return audit.report();
}

export interface PathAuditOptions extends AuditOptions {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Compose files that are merged into one project, which is audited with the recipes beside it before all paths. */
  readonly composeFiles?: readonly string[];
  /** What else is said about compose projects: names, profiles, env files. */
  readonly compose?: Omit<LoadComposeOptions, 'directory' | 'files' | 'environment'>;
}

/**
 * Audits what `paths` name: recipe files by themselves; a folder's compose project, or every recipe below it.
 * Throws `audit/no-file`, `audit/unknown-file` for a file that is no recipe, and what reading a file throws; of
 * recipes that were only found below a folder that is a finding.
 */
export async function auditPaths(paths: readonly string[], options: PathAuditOptions): Promise<AuditReport> {
  const audit = new Audit(options);
  const { directory, environment, composeFiles } = options;
  if (composeFiles !== undefined) {
    const project = await loadComposeProject({
      ...options.compose,
      directory,
      environment,
      files: composeFiles,
    });
    audit.addProject(project);
    for (const name of ['flake.nix', 'manifest.scm', 'channels.scm']) {
      const file = join(project.directory, name);
      if (existsSync(file)) audit.addFile(file);
    }
  }
  for (const path of paths) {
    const full = resolve(options.directory, path);
    let isFolder: boolean;
    try {
      isFolder = statSync(full).isDirectory();
    } catch (error) {
      throw noFile(path, error);
    }
    const files = isFolder ? recipeFiles(full) : [full];
    const compose = files.filter((file) => (isFolder ? kindOf(file) : namedKindOf(file)) === 'compose');
    // Of a folder's compose files the one that compose would take; the others mostly override it.
    const usual = compose.filter((file) => /^(?:docker-)?compose\.ya?ml$/.test(basename(file)));
    const projects = isFolder ? [...new Set(usual.map((file) => dirname(file)))] : compose;
    for (const place of projects) {
      const where = isFolder ? { directory: place } : { directory: dirname(place), files: [place] };
      await audit.attempt(isFolder && place !== full, where.directory, async () => {
        const project = await loadComposeProject({ ...options.compose, ...where, environment });
        audit.addProject(project, { base: where.directory });
      });
    }
    for (const file of files) {
      if (compose.includes(file) || kindOf(file) === 'compose') continue;
      await audit.attempt(isFolder, directory, () => audit.addFile(file));
    }
    if (!isFolder && namedKindOf(full) === undefined) {
      throw new TrimaranError({
        code: 'audit/unknown-file',
        message: `${path} is no recipe`,
        hint: 'name a compose file, a Dockerfile, flake.nix, manifest.scm, channels.scm, or a folder',
        exitCode: 2,
      });
    }
  }
  return audit.report();
}

function noFile(path: string, cause: unknown): TrimaranError {
  const code = systemErrorCode(cause);
  if (code === undefined) throw cause;
  return new TrimaranError({
    code: 'audit/no-file',
    message: `cannot read ${path} (${code})`,
    hint: 'check the path',
    cause,
  });
}

type RecipeKind = 'compose' | 'dockerfile' | 'flake' | 'manifest' | 'channels';

function kindOf(file: string): RecipeKind | undefined {
  const name = basename(file);
  if (/^(?:docker-)?compose(?:\.[\w-]+)?\.ya?ml$/.test(name)) return 'compose';
  // What becomes a Dockerfile is none yet, and what speaks of one never was.
  if (
    /\.(?:template|tmpl|tpl|in|j2|jinja2?|erb|m4|mustache|dockerignore|md|txt|ya?ml|json|sh|py|go|cs|js|ts)$/.test(
      name,
    )
  )
    return undefined;
  if (/^(?:Docker|Container)file(?:\.[\w.-]+)?$|\.(?:dockerfile|Dockerfile)$/.test(name)) return 'dockerfile';
  if (name === 'flake.nix' || name === 'flake.lock') return 'flake';
  if (name === 'manifest.scm' || name === 'guix.scm') return 'manifest';
  return name === 'channels.scm' ? 'channels' : undefined;
}

/** The kind of a file that somebody names: by its name, else by what it looks like. */
function namedKindOf(file: string): RecipeKind | undefined {
  const kind = kindOf(file);
  if (kind !== undefined) return kind;
  if (/\.ya?ml$/.test(file)) return 'compose';
  const text = read(file) ?? '';
  if (/\.scm$/.test(file)) return /\(channel\s/.test(text) ? 'channels' : 'manifest';
  // What comes before FROM in a Dockerfile: comments, ARG, nothing else.
  return /^(?:\s*(?:#[^\n]*|ARG\s[^\n]*)?\n)*\s*FROM\s+\S/i.test(text.slice(0, 65_536))
    ? 'dockerfile'
    : undefined;
}

const skipped = new Set(['node_modules', '.git', 'vendor', 'target', 'dist']);
const mostFolders = 20_000;

/** Recipe files below a folder, sorted. */
function recipeFiles(root: string): string[] {
  const files: string[] = [];
  const folders = [root];
  for (let count = 0; folders.length > 0 && count < mostFolders; count++) {
    const folder = folders.pop()!;
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) {
        if (!skipped.has(entry.name)) folders.push(path);
      } else if (entry.isFile() && kindOf(path) !== undefined) files.push(path);
    }
  }
  return files.sort();
}

interface FoundLock {
  readonly directory: string;
  readonly lock: LockFile;
}

function isOpenToAll(folder: string): boolean {
  const found = statSync(folder, { throwIfNoEntry: false });
  return found !== undefined && (found.mode & 0o002) !== 0;
}

class Audit {
  private readonly directory: string;
  private readonly given: LockFile | undefined;
  /** By folder. */
  private readonly locks = new Map<string, FoundLock | undefined>();
  private readonly inputs: Input[] = [];
  private readonly findings: Finding[] = [];
  private readonly seen = new Set<string>();

  constructor(options: AuditOptions) {
    this.directory = resolve(options.directory);
    this.given = options.lock;
  }

  /** The lock of what lies in a folder. Throws `lock/…`. */
  private lockOf(folder: string): FoundLock {
    if (this.given !== undefined) return { directory: this.directory, lock: this.given };
    return this.findLock(folder) ?? { directory: this.directory, lock: emptyLockFile };
  }

  private findLock(folder: string): FoundLock | undefined {
    if (this.locks.has(folder)) return this.locks.get(folder);
    const file = join(folder, 'trimaran.lock');
    const text = read(file);
    let found: FoundLock | undefined;
    if (text !== undefined) found = { directory: folder, lock: parseLockFile(text, this.shown(file)) };
    // A project ends where its repository does, and what lies in /tmp is anybody's.
    else if (dirname(folder) !== folder && !existsSync(join(folder, '.git')) && !isOpenToAll(dirname(folder)))
      found = this.findLock(dirname(folder));
    this.locks.set(folder, found);
    return found;
  }

  addProject(
    project: ComposeProject,
    {
      imageFacts,
      base = this.directory,
    }: {
      readonly imageFacts?: ProjectAuditOptions['imageFacts'] | undefined;
      /** What the paths of its compose files start from. */
      readonly base?: string;
    } = {},
  ): void {
    const at = (span: Span): Span => ({ ...span, file: this.shown(resolve(base, span.file)) });
    const placed = (found: Finding): Finding => ({ ...found, span: at(found.span) });
    const addInputs = (inputs: readonly Input[]) => {
      for (const input of inputs)
        this.inputs.push({
          ...input,
          span: at(input.span),
          ...(input.finding === undefined ? {} : { finding: placed(input.finding) }),
        });
    };
    for (const file of project.files) this.seen.add(file);
    const others = ['flake.nix', 'manifest.scm']
      .map((name) => join(project.directory, name))
      .flatMap((file): OtherRecipe[] => {
        const text = read(file);
        return text === undefined ? [] : [{ file: this.shown(file), text }];
      });
    for (const service of project.services) {
      addInputs(auditServiceImage(service, this.lockOf(project.directory).lock));
      addInputs(auditContexts(service, this.lockOf(project.directory).lock));
      const { build } = service;
      if (build?.inline !== undefined) {
        const { value } = build.inline;
        const place = { ...build.inline.place, file: resolve(base, build.inline.place.file) };
        const { value: context } = build.context;
        const file = `${place.file}#${service.name}`;
        this.addDockerfile(value, file, { lockAt: project.directory, context, service, place });
        this.seen.delete(file);
      } else if (build?.dockerfile !== undefined) {
        const file = build.dockerfile.value;
        const text = read(file);
        // A `build:` that stands for another recipe needs none.
        if (text === undefined && this.mayUse(service, others)) continue;
        if (text === undefined) {
          const { span } = build.dockerfile;
          const subject = `${service.name}: ${this.shown(file)}`;
          addInputs([{ subject, span, finding: finding('dockerfile-missing', { span, subject }) }]);
        } else if (!this.seen.has(file)) {
          const context = build.context.value;
          this.addDockerfile(text, file, { lockAt: project.directory, context, service });
        }
      }
      const facts = imageFacts?.(service);
      if (facts !== undefined) this.findings.push(...auditOverrides(service, facts).map(placed));
      else if (others.length > 0 && this.mayUse(service, others))
        this.findings.push(...auditOtherRecipes(service, others).map(placed));
    }
    for (const name of ['flake.nix', 'manifest.scm', 'channels.scm']) {
      const file = join(project.directory, name);
      if (read(file) !== undefined) this.addFile(file);
    }
  }

  /** Whether a recipe beside the compose file is for this service: x-trimaran says so, or the image's name. */
  private mayUse(service: Service, others: readonly OtherRecipe[]): boolean {
    if (service.recipes.size > 0) return true;
    const ending = new RegExp(`"[a-z0-9._-]+[_-]${service.name.replace(/[^a-z0-9]/gi, '\\$&')}"`);
    return others.some(({ text }) => ending.test(text));
  }

  /** Reads a recipe; one of many that were found rather than named does not stop the others. */
  async attempt(isFound: boolean, base: string, read: () => void | Promise<void>): Promise<void> {
    try {
      await read();
    } catch (error) {
      if (!isFound || !isTrimaranError(error) || error.span === undefined || error.exitCode !== 3)
        throw error;
      const { span, code, message } = error;
      // What a lock says wrongly is wrong for all.
      if (code.startsWith('lock/')) throw error;
      const path = resolve(
        isAbsolute(span.file) || existsSync(resolve(base, span.file)) ? base : this.directory,
        span.file,
      );
      const file = this.shown(path);
      this.seen.add(path);
      this.findings.push(
        finding('recipe-unreadable', {
          span: { ...span, file },
          subject: file,
          detail: `${message} (${code})`,
        }),
      );
    }
  }

  addFile(file: string): void {
    if (this.seen.has(file)) return;
    const text = read(file);
    if (text === undefined)
      throw noFile(this.shown(file), Object.assign(new Error('no file'), { code: 'ENOENT' }));
    const kind = namedKindOf(file);
    this.seen.add(file);
    if (kind === 'dockerfile')
      this.addDockerfile(text, file, { lockAt: dirname(file), context: dirname(file) });
    else if (kind === 'flake') {
      const flake = join(dirname(file), 'flake.nix');
      const source = basename(file) === 'flake.nix' ? text : read(flake);
      if (source === undefined) return;
      this.seen.add(flake);
      const lockFile = join(dirname(file), 'flake.lock');
      const lockText = read(lockFile);
      if (lockText !== undefined) this.seen.add(lockFile);
      const lock = lockText === undefined ? undefined : { file: this.shown(lockFile), text: lockText };
      this.inputs.push(...auditFlake({ file: this.shown(flake), text: source, lock }));
    } else if (kind === 'manifest') {
      const hasChannels = read(join(dirname(file), 'channels.scm')) !== undefined;
      this.inputs.push(...auditManifest(text, this.shown(file), { hasChannels }));
    } else if (kind === 'channels') {
      this.inputs.push(...auditChannels(text, this.shown(file), this.lockOf(dirname(file)).lock));
    }
  }

  private addDockerfile(
    text: string,
    file: string,
    options: {
      readonly lockAt: string;
      readonly context?: string;
      readonly service?: Service;
      /** Where the text stands in another file. */
      readonly place?: InlinePlace;
    },
  ): void {
    this.seen.add(file);
    const { context, service, place } = options;
    const build = service?.build;
    const { directory, lock } = this.lockOf(options.lockAt);
    const name = isAbsolute(file) ? this.shown(file) : file;
    const at = place === undefined ? undefined : { ...place, file: this.shown(place.file) };
    const audit = relocateErrors(name, at, () =>
      auditDockerfile(text, name, {
        lock,
        contexts: new Set(build?.additionalContexts.keys()),
        lockName: isAbsolute(file) ? relative(directory, file) : file,
        resolve: {
          ...(build === undefined
            ? {}
            : { buildArgs: new Map([...build.args].map(([name, { value }]) => [name, value])) }),
          ...(build?.target === undefined ? {} : { target: build.target.value }),
          ...(service?.platform === undefined ? {} : { platform: service.platform.value }),
        },
        readFromContext: (path) => (context === undefined ? undefined : fileOfContext(context, path)),
      }),
    );
    const moved = (found: Finding): Finding =>
      at === undefined ? found : { ...found, span: relocateSpan(found.span, at) };
    this.inputs.push(
      ...audit.inputs.map((input) => ({
        ...input,
        ...(at === undefined ? {} : { span: relocateSpan(input.span, at) }),
        ...(input.finding === undefined ? {} : { finding: moved(input.finding) }),
      })),
    );
    this.findings.push(...audit.findings.map(moved));
  }

  private shown(file: string): string {
    const path = relative(this.directory, file);
    return path === '' || path.startsWith('..') ? file : path;
  }

  report(): AuditReport {
    const findings = [...groupCommands(this.inputs), ...this.findings];
    findings.sort(
      (a, b) =>
        compareBytes(a.span.file, b.span.file) ||
        a.span.line - b.span.line ||
        a.span.column - b.span.column ||
        compareBytes(a.rule, b.rule),
    );
    const total = this.inputs.length;
    const pinned = this.inputs.filter((input) => input.pinnedBy !== undefined).length;
    return {
      findings,
      inputs: this.inputs,
      pinned,
      total,
      score: total === 0 ? 1 : pinned / total,
      files: [...this.seen].map((file) => this.shown(file)).sort(compareBytes),
      locks:
        this.given === undefined
          ? [...new Set(this.locks.values())].filter((found) => found !== undefined)
          : [{ directory: this.directory, lock: this.given }],
    };
  }
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EISDIR') return undefined;
    throw noFile(file, error);
  }
}

/** The file of a build context that a RUN knows as `path`: there by that path, or by its name alone. */
function fileOfContext(context: string, path: string): string | undefined {
  const inside = path.replace(/^(?:\.?\/)+/, '');
  for (const candidate of [inside, basename(inside)]) {
    const full = resolve(context, candidate);
    // Never outside the context, whatever the Dockerfile says.
    if (relative(context, full).startsWith('..')) continue;
    const text = read(full);
    if (text !== undefined) return text;
  }
  return undefined;
}

/** Packages that one command leaves open as one finding: the first one's, with all their names. */
function groupCommands(inputs: readonly Input[]): Finding[] {
  const groups = new Map<string, Finding[]>();
  for (const [index, input] of inputs.entries()) {
    if (input.finding === undefined) continue;
    const key = input.group ?? String(index);
    groups.set(key, [...(groups.get(key) ?? []), input.finding]);
  }
  return [...groups.values()].map((group) => {
    const first = group[0]!;
    if (group.length === 1) return first;
    const names = group.slice(1).map((found) => found.subject.split(' ').at(-1)!);
    const shown = names.length > 4 ? [...names.slice(0, 3), `… (${group.length} packages)`] : names;
    return { ...first, subject: [first.subject, ...shown].join(' ') };
  });
}
