// Reads what an image needs from a Dockerfile: its last stage, the stages that one is made from, and of those it copies
// from what can be told. What the model cannot hold becomes a remark.
import { accessSync, constants, existsSync } from 'node:fs';
import { posix, relative, resolve } from 'node:path';
import type { Placed } from '../../compose/service.ts';
import type { Span } from '../../foundation/error.ts';
import { ExpansionError, expandWord } from '../../languages/dockerfile/expand.ts';
import { parseRemoteSource } from '../../languages/dockerfile/git-reference.ts';
import type { Command, Heredoc, Instruction } from '../../languages/dockerfile/instruction.ts';
import type { Located, MappedText } from '../../languages/dockerfile/mapped-text.ts';
import { heredocScript, parseDockerfile } from '../../languages/dockerfile/parse.ts';
import {
  type ResolvedDockerfile,
  type ResolvedInstruction,
  type ResolvedStage,
  type ResolveOptions,
  resolveDockerfile,
  type StageBase,
} from '../../languages/dockerfile/resolve.ts';
import { expandPattern } from './expand-pattern.ts';
import { isDirectory } from './file-groups.ts';
import {
  type ImageNeeds,
  type Requirement,
  type Source,
  sameSource,
  type WorkingDirectory,
} from './image-needs.ts';
import { isExecutableMode, type RunSink, readRun, requirePython } from './read-run.ts';
import { parseRequirements } from './requirements-file.ts';
import { separateSources } from './separate-sources.ts';
import { type MadeUser, numberedUser, type UserCommand } from './user-commands.ts';

export interface DockerfileSource {
  readonly text: string;
  readonly file: string;
  /** The build context's folder, absolute. */
  readonly context: string;
  readonly resolve?: ResolveOptions;
  /** A file of a source by its path in there; undefined when it cannot be had. */
  readonly readSourceFile: (source: Source, path: string) => Promise<string | undefined>;
}

/** What every container has that nobody gave a PATH. */
const usualPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Reads a Dockerfile. Rejects with the errors of parsing and resolving it. */
export async function readDockerfile(recipe: DockerfileSource): Promise<ImageNeeds> {
  const resolved = resolveDockerfile(parseDockerfile(recipe.text, recipe.file), {
    environmentOf: () => new Map([['PATH', usualPath]]),
    ...recipe.resolve,
  });
  return (await readStage(recipe, resolved, resolved.target)).result();
}

/** Reads a stage on top of those it is made from. */
async function readStage(
  recipe: DockerfileSource,
  resolved: ResolvedDockerfile,
  index: number,
): Promise<DockerfileReader> {
  const chain: ResolvedStage[] = [];
  for (let at = resolved.stages[index]; at !== undefined; ) {
    chain.unshift(at);
    at = at.base.kind === 'stage' ? resolved.stages[at.base.index] : undefined;
  }
  const reader = new DockerfileReader(recipe, {
    escape: resolved.dockerfile.escape,
    stageOf: (stage) => readStage(recipe, resolved, stage),
  });
  const first = chain[0]!;
  if (first.base.kind === 'image')
    reader.base = { value: first.base.reference, span: first.stage.from.image.span };
  for (const stage of chain) {
    reader.beginStage();
    for (const instruction of stage.instructions) await reader.read(instruction);
  }
  return reader;
}

class DockerfileReader implements RunSink {
  base: Placed<string> | undefined;
  private readonly recipe: DockerfileSource;
  private readonly escape: string;
  private readonly stageOf: (index: number) => Promise<DockerfileReader>;
  private sources: Placed<Source>[] = [];
  private readonly requirements: Placed<Requirement>[] = [];
  private readonly environment: Placed<readonly [string, string]>[] = [];
  private readonly labels: Placed<readonly [string, string]>[] = [];
  private readonly ports: Placed<string>[] = [];
  private readonly volumes: Placed<string>[] = [];
  private readonly remarks: Placed<string>[] = [];
  private readonly folders: Placed<string>[] = [];
  private readonly users: Placed<MadeUser>[] = [];
  /** Files that are there for one RUN only. */
  private mounted: Source[] = [];
  private readonly unread: Placed<string>[] = [];
  private hasOwnCommand = false;
  private shell: readonly string[] = ['/bin/sh', '-c'];
  private workdir: Placed<string> | undefined;
  private entrypoint: Placed<readonly string[]> | undefined;
  private command: Placed<readonly string[]> | undefined;
  private user: Placed<string> | undefined;
  private healthcheck: ImageNeeds['healthcheck'];
  private stopSignal: Placed<string> | undefined;

  constructor(
    recipe: DockerfileSource,
    given: { readonly escape: string; readonly stageOf: (index: number) => Promise<DockerfileReader> },
  ) {
    this.recipe = recipe;
    this.escape = given.escape;
    this.stageOf = given.stageOf;
  }

  beginStage(): void {
    this.hasOwnCommand = false;
  }

  async read(resolved: ResolvedInstruction): Promise<void> {
    const { instruction, values } = resolved;
    const { span } = instruction;
    for (const { name, text } of instruction.kind === 'run' ? [] : resolved.unset) {
      // A default is what Docker would take too.
      if (text.value.includes(`{${name}:-`) || text.value.includes(`{${name}-`)) continue;
      this.remark(`\`${text.value}\`: $${name} has no value here; the base image may set it`, text.span);
    }
    switch (instruction.kind) {
      case 'run':
        await this.readRunInstruction(resolved, instruction);
        break;
      case 'copy':
      case 'add':
        await this.readTransfer(resolved);
        break;
      case 'env':
      case 'label': {
        const list = instruction.kind === 'env' ? this.environment : this.labels;
        for (const { name, value } of resolved.pairs)
          replacePair(list, { value: [name.value, value.value], span: name.span });
        break;
      }
      case 'workdir':
        this.workdir = { value: posix.resolve(this.folder, values[0]!.value), span };
        break;
      case 'user':
        this.user = { value: values[0]!.value, span };
        break;
      case 'expose':
        for (const { value, span: place } of values)
          for (const port of portsOf(value)) this.ports.push({ value: port, span: place });
        break;
      case 'volume':
        for (const { value, span: place } of values) this.volumes.push({ value, span: place });
        break;
      case 'cmd':
        this.command = { value: this.commandWords(instruction.command), span };
        this.hasOwnCommand = true;
        break;
      case 'entrypoint':
        this.entrypoint = { value: this.commandWords(instruction.command), span };
        // An entry point takes the command of the image below away.
        if (!this.hasOwnCommand) this.command = undefined;
        break;
      case 'shell':
        this.shell = instruction.shell.map(({ value }) => value);
        break;
      case 'stopsignal':
        this.stopSignal = { value: values[0]!.value, span };
        break;
      case 'healthcheck': {
        const { command, interval, timeout, startPeriod, startInterval, retries } = instruction;
        const test = command === undefined ? ['NONE'] : healthTest(command);
        this.healthcheck = {
          value: { test, interval, timeout, startPeriod, startInterval, retries },
          span,
        };
        break;
      }
      case 'onbuild':
        this.remark('ONBUILD: what images made from this one would do', span);
        break;
      case 'arg':
      case 'maintainer':
      case 'from':
        break;
    }
  }

  remark(value: string, span: Span): void {
    this.remarks.push({ value, span });
  }

  require(value: Requirement, span: Span): void {
    this.requirements.push({ value, span });
  }

  makeFolder(path: string, span: Span): void {
    this.folders.push({ value: path, span });
  }

  addUser(user: UserCommand, { shown, span }: { readonly shown: string; readonly span: Span }): void {
    this.users.push({ value: { user, shown }, span });
  }

  checkOut(folder: string, ref: string): boolean {
    const at = this.sources.findLastIndex(({ value }) => value.kind === 'git' && value.target === folder);
    const found = this.sources[at];
    if (found?.value.kind !== 'git') return false;
    this.sources[at] = { ...found, value: { ...found.value, ref } };
    return true;
  }

  makeExecutable(path: string, { shown, span }: { readonly shown: string; readonly span: Span }): void {
    const at = this.sources.findLastIndex(
      ({ value }) => value.target === path || path.startsWith(`${value.target ?? ''}/`),
    );
    const found = this.sources[at];
    if (found?.value.kind === 'text' && found.value.target === path) {
      this.sources[at] = { ...found, value: { ...found.value, isExecutable: true } };
      return;
    }
    const file =
      found?.value.kind === 'local'
        ? resolve(found.value.path, path.slice((found.value.target ?? '/').length).replace(/^\/+/, ''))
        : undefined;
    if (file === undefined || !existsSync(file) || isDirectory(file)) this.remark(shown, span);
    else if (!isExecutable(file)) this.remark(makeItExecutable(shown, this.recipe.context, file), span);
  }

  /** What lies at or below the place of a newer source is hidden by it. */
  addSource(value: Source, span: Span): void {
    this.sources = this.sources.filter(({ value: older }) => !covers(value, older));
    this.sources.push({ value, span });
  }

  private get folder(): string {
    return this.workdir?.value ?? '/';
  }

  private async readTransfer(resolved: ResolvedInstruction): Promise<void> {
    const { instruction, values, sources } = resolved;
    if (instruction.kind !== 'copy' && instruction.kind !== 'add') return;
    const { span } = instruction;
    const target = values.at(-1)!.value;
    const isFolder =
      target.endsWith('/') || target === '.' || values.length + instruction.contents.length > 2;
    const folder = posix.resolve(this.folder, target);
    const mode = instruction.chmod?.value;
    if (instruction.chown !== undefined)
      this.remark(`the owner ${instruction.chown.value} of copied files; they are root’s`, span);
    const runs = mode !== undefined && isExecutableMode(mode);
    if (mode !== undefined && !runs)
      this.remark(`the mode ${mode} of copied files; they keep their own, and nobody may write them`, span);
    if (instruction.exclude.length > 0) this.remark('what --exclude leaves out comes along', span);
    for (const heredoc of instruction.contents) {
      const text = this.heredocText(heredoc, resolved);
      const place = isFolder ? posix.join(folder, heredoc.name) : folder;
      this.addSource({ kind: 'text', text, target: place, ...(runs ? { isExecutable: true } : {}) }, span);
    }
    const placeOf = (name: string) => (isFolder ? posix.join(folder, posix.basename(name)) : folder);
    for (const { value, span: at } of values.slice(0, -1)) {
      const [from] = sources;
      if (from !== undefined) {
        await this.copyFrom(from, {
          path: value,
          target: placeOf(value),
          folder,
          span: at,
          name: sourceLabel(instruction),
        });
        continue;
      }
      const remote = instruction.kind === 'add' ? parseRemoteSource(value) : undefined;
      if (remote?.kind === 'git' && remote.git.subdirectory === undefined) {
        const ref = remote.git.ref?.replace(/^refs\/(?:heads|tags)\//, '');
        this.addSource(
          { kind: 'git', url: remote.git.url, target: folder, ...(ref === undefined ? {} : { ref }) },
          at,
        );
      } else if (remote !== undefined)
        this.remark(
          `ADD ${value}: a download needs its hash; fetch it with a fetcher of the package set`,
          at,
        );
      else this.addLocal(instruction, { value, at, isFolder, folder });
    }
  }

  /** The text of a file in place, its variables put in where its end word asks for that. */
  private heredocText({ name, content, expand, chomp }: Heredoc, resolved: ResolvedInstruction): string {
    const text = chomp ? content.text.replace(/^\t+/gm, '') : content.text;
    if (!expand) return text;
    const { span } = resolved.instruction;
    try {
      const { variables } = resolved;
      const { result, unmatched } = expandWord(text, { variables, escape: this.escape, plainQuotes: true });
      for (const variable of new Set(unmatched))
        this.remark(`$${variable} in the text of ${name}, which has no value here`, span);
      return result;
    } catch (error) {
      if (!(error instanceof ExpansionError)) throw error;
      this.remark(`variables in the text of ${name}: ${error.message}`, span);
      return text;
    }
  }

  private addLocal(
    instruction: Instruction,
    { value, at, isFolder, folder }: { value: string; at: Span; isFolder: boolean; folder: string },
  ): void {
    if (instruction.kind !== 'copy' && instruction.kind !== 'add') return;
    const { context } = this.recipe;
    const isPattern = /[*?[]/.test(value);
    const found = isPattern ? expandPattern(context, value) : [value.replace(/^\/+/, '')];
    if (found.length === 0) this.remark(`COPY ${value}: nothing in the build context matches`, at);
    for (const name of found) {
      const path = resolve(context, name);
      if (relative(context, path).startsWith('..')) {
        this.remark(`COPY ${value}: outside the build context`, at);
        continue;
      }
      if (instruction.kind === 'add' && /\.(?:tar|tgz|tar\.\w+)$/.test(name))
        this.remark(`ADD ${name}: an archive, which comes along as it is and not unpacked`, at);
      const mode = instruction.chmod?.value;
      if (mode !== undefined && isExecutableMode(mode) && existsSync(path) && !isDirectory(path))
        if (!isExecutable(path))
          this.remark(makeItExecutable(`COPY --chmod=${mode} ${value}`, context, path), at);
      // The contents of a folder are copied, a file goes into the folder.
      const isWhole = path === context || isDirectory(path);
      const named = (isFolder || isPattern) && !isWhole ? posix.join(folder, posix.basename(name)) : folder;
      this.addSource({ kind: 'local', path, target: named }, at);
    }
  }

  /** Files of another stage: those it was given itself come along, and what it installed for Python. */
  private async copyFrom(
    from: StageBase,
    copy: {
      readonly path: string;
      readonly target: string;
      readonly folder: string;
      readonly span: Span;
      readonly name: string;
    },
  ): Promise<void> {
    const { path, span, name } = copy;
    if (from.kind !== 'stage') {
      this.remark(`COPY --from=${name} ${path}: files of another image; add the package that has them`, span);
      return;
    }
    const stage = await this.stageOf(from.index);
    const full = posix.resolve('/', path);
    const given = stage.sources.find(
      ({ value }) => value.target === full || full.startsWith(`${value.target}/`),
    )?.value;
    if (given?.kind === 'local' && existsSync(resolve(given.path, full.slice(given.target!.length + 1)))) {
      const inside = resolve(given.path, full.slice(given.target!.length + 1));
      this.addSource(
        { kind: 'local', path: inside, target: isDirectory(inside) ? copy.folder : copy.target },
        span,
      );
      if (stage.remarks.length > 0)
        this.remark(
          `COPY --from=${name} ${path}: as it lies here, not as the commands of that stage leave it`,
          span,
        );
      return;
    }
    if (given?.kind === 'git' && given.target === full) {
      this.addSource({ ...given, target: copy.folder }, span);
      return;
    }
    if (given?.kind === 'text' && given.target === full) {
      this.addSource({ ...given, target: copy.target }, span);
      return;
    }
    const python = stage.requirements.filter(({ value }) => value.from === 'python');
    if (python.length > 0) {
      for (const { value } of python) this.requirements.push({ value, span });
      this.remarks.push(...stage.remarks);
      this.unread.push(...stage.unread);
      return;
    }
    this.unread.push(...stage.unread);
    const [first] = stage.remarks;
    this.remark(
      `COPY --from=${name} ${path}: what that stage makes is not carried over; package it for the set${first === undefined ? '' : ` (there: ${first.value})`}`,
      span,
    );
  }

  private async readRunInstruction(resolved: ResolvedInstruction, instruction: Instruction): Promise<void> {
    if (instruction.kind !== 'run') return;
    const { command, span } = instruction;
    this.mounted = [];
    for (const mount of resolved.mounts) {
      if (mount.type === 'bind' && mount.from === undefined && mount.target !== undefined)
        this.mounted.push({
          kind: 'local',
          path: resolve(this.recipe.context, (mount.source ?? '.').replace(/^\/+/, '')),
          target: posix.resolve(this.folder, mount.target),
        });
      else if (mount.type !== 'cache' && mount.type !== 'tmpfs')
        this.remark(`RUN --mount=type=${mount.type}`, span);
    }
    await readRun(
      {
        script:
          command.form === 'exec'
            ? execScript(command.args, span)
            : (heredocScript(instruction) ?? command.script),
        variables: resolved.variables,
        workdir: this.folder,
      },
      this,
    );
    this.mounted = [];
  }

  async readRequirementsFile(path: string, span: Span, depth = 0): Promise<void> {
    const full = posix.resolve(this.folder, path);
    for (const source of [...this.mounted, ...this.sources.map(({ value }) => value)]) {
      const target = source.target ?? '/';
      if (full !== target && !full.startsWith(target.endsWith('/') ? target : `${target}/`)) continue;
      const inside = full.slice(target.length).replace(/^\//, '');
      const text = source.kind === 'text' ? source.text : await this.recipe.readSourceFile(source, inside);
      if (text === undefined) continue;
      const { requirements, rest } = parseRequirements(text);
      for (const { written, requirement } of requirements)
        requirePython(written, requirement, { sink: this, span });
      for (const line of rest) {
        const [, other] = /^(?:-r|--requirement)[\s=]*(\S+)$/.exec(line) ?? [];
        if (other !== undefined && depth < 8)
          await this.readRequirementsFile(posix.join(posix.dirname(full), other), span, depth + 1);
        else this.remark(`${path} has \`${line}\`, which names no package`, span);
      }
      return;
    }
    this.remark(`the requirements in ${path} could not be read; add them by hand`, span);
    this.unread.push({ value: path, span });
  }

  result(): ImageNeeds {
    const names = new Set<string>();
    const sources = separateSources(this.sources);
    const places = [
      this.folder,
      ...this.volumes.map(({ value }) => value),
      ...sources.map(({ value }) => value.target ?? '/'),
    ];
    const ownFolders = this.folders.filter(
      ({ value }) =>
        !/^\/(?:tmp|run|var\/(?:cache|log|run|tmp|lib\/apt)|usr\/share\/man)(?:\/|$)/.test(value) &&
        !places.some((place) => place === value || place.startsWith(`${value}/`)),
    );
    const user = numberedUser(this.user, this.users);
    return {
      kind: 'dockerfile',
      file: this.recipe.file,
      imageName: undefined,
      base: this.base,
      sources,
      requirements: this.requirements.filter(({ value }) => {
        const key = `${value.from} ${value.name.toLowerCase()}`;
        if (names.has(key)) return false;
        names.add(key);
        return true;
      }),
      unreadRequirements: this.unread,
      environment: this.environment,
      workingDirectory: this.workingDirectory(sources),
      entrypoint: this.entrypoint,
      command: this.command,
      user: user.value,
      ports: this.ports.filter(({ value }, at, all) => all.findIndex((port) => port.value === value) === at),
      volumes: this.volumes.filter(
        ({ value }, at, all) => all.findIndex((one) => one.value === value) === at,
      ),
      labels: this.labels,
      healthcheck: this.healthcheck,
      stopSignal: this.stopSignal,
      remarks: [
        ...this.remarks,
        ...user.remarks,
        ...ownFolders.map(({ value, span }) => ({ value: `the empty folder ${value}`, span })),
      ].sort((a, b) => a.span.line - b.span.line),
    };
  }

  /** A working directory inside a source is that source, which a store keeps elsewhere. */
  private workingDirectory(sources: readonly Placed<Source>[]): Placed<WorkingDirectory> | undefined {
    if (this.workdir === undefined) return undefined;
    const { value: path, span } = this.workdir;
    const around = sources
      .map(({ value }) => value)
      .filter(
        (source) =>
          source.target !== undefined && (path === source.target || path.startsWith(`${source.target}/`)),
      )
      .sort((a, b) => b.target!.length - a.target!.length)[0];
    // Files that lie inside it as well keep it a folder of the image.
    const isWhole =
      around !== undefined &&
      around.kind !== 'text' &&
      !this.sources.some(
        ({ value }) => value !== around && `${value.target ?? '/'}/`.startsWith(`${around.target}/`),
      );
    if (isWhole)
      return {
        value: { kind: 'source', source: around, inside: path.slice(around.target!.length + 1) },
        span,
      };
    return { value: { kind: 'path', path }, span };
  }

  /** The words of a command; a line for the shell is run by one. */
  private commandWords(command: Command): string[] {
    return command.form === 'exec'
      ? command.args.map((arg) => arg.value)
      : [...this.shell, command.script.text];
  }
}

/** Words as a line for the shell that means the same. */
function execScript(args: readonly Located[], span: Span): MappedText {
  return {
    text: args
      .map(({ value }) => (/^[\w@%+=:,./-]+$/.test(value) ? value : `'${value.replaceAll("'", "'\\''")}'`))
      .join(' '),
    file: span.file,
    segments: [{ offset: 0, line: span.line, column: span.column }],
  };
}

function healthTest(command: Command): string[] {
  return command.form === 'exec'
    ? ['CMD', ...command.args.map(({ value }) => value)]
    : ['CMD-SHELL', command.script.text];
}

function replacePair(
  list: Placed<readonly [string, string]>[],
  pair: Placed<readonly [string, string]>,
): void {
  const known = list.findIndex(({ value }) => value[0] === pair.value[0]);
  if (known >= 0) list.splice(known, 1);
  list.push(pair);
}

/** `80`, `53/udp` and `8000-8002` as the configuration has them. */
function portsOf(value: string): string[] {
  const [, first, last, protocol] = /^(\d+)(?:-(\d+))?(?:\/(\w+))?$/.exec(value) ?? [];
  if (first === undefined) return [value.includes('/') ? value : `${value}/tcp`];
  const count = Math.min(Math.max(Number(last ?? first) - Number(first), 0), 1000);
  return Array.from(
    { length: count + 1 },
    (_, at) => `${Number(first) + at}/${(protocol ?? 'tcp').toLowerCase()}`,
  );
}

/** Whether a source that comes later brings the very files of an older one, or takes their place. */
function covers(newer: Source, older: Source): boolean {
  const [at, before] = [newer.target ?? '/', older.target ?? '/'];
  if (at === before) return !areFolders(newer, older) || sameSource(newer, older);
  if (newer.kind !== 'local' || older.kind !== 'local' || !before.startsWith(at === '/' ? at : `${at}/`))
    return false;
  return relative(newer.path, older.path) === relative(at, before);
}

function sourceLabel(instruction: Instruction): string {
  return instruction.kind === 'copy' ? (instruction.from?.value ?? '') : '';
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function makeItExecutable(shown: string, context: string, file: string): string {
  return `${shown}: files keep the mode that they have; run \`chmod +x ${relative(context, file)}\` in the build context`;
}

function areFolders(a: Source, b: Source): boolean {
  return a.kind === 'local' && b.kind === 'local' && isDirectory(a.path) && isDirectory(b.path);
}
