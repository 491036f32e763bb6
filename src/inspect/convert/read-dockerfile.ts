// Reads what an image needs from a Dockerfile: its last stage and the stages that one is made from. Commands that
// clone, install and clean up are understood; every other one becomes a remark.
import { posix, resolve } from 'node:path';
import type { Placed } from '../../compose/service.ts';
import type { Span } from '../../foundation/error.ts';
import type { Command } from '../../languages/dockerfile/instruction.ts';
import { parseDockerfile } from '../../languages/dockerfile/parse.ts';
import {
  type ResolvedInstruction,
  type ResolvedStage,
  type ResolveOptions,
  resolveDockerfile,
} from '../../languages/dockerfile/resolve.ts';
import { readShellScript, type ShellCommand, showWord, wordText } from '../../languages/dockerfile/shell.ts';
import type { ImageNeeds, Requirement, Source, WorkingDirectory } from './image-needs.ts';
import { parseRequirementLine, parseRequirements } from './requirements-file.ts';

export interface DockerfileSource {
  readonly text: string;
  readonly file: string;
  /** The build context's folder, absolute. */
  readonly context: string;
  readonly resolve?: ResolveOptions;
  /** A file of a source by its path in there; undefined when it cannot be had. */
  readonly readSourceFile: (source: Source, path: string) => Promise<string | undefined>;
}

/** Reads a Dockerfile. Rejects with the errors of parsing and resolving it. */
export async function readDockerfile(recipe: DockerfileSource): Promise<ImageNeeds> {
  const resolved = resolveDockerfile(parseDockerfile(recipe.text, recipe.file), recipe.resolve);
  const chain: ResolvedStage[] = [];
  for (let at = resolved.stages[resolved.target]; at !== undefined; ) {
    chain.unshift(at);
    at = at.base.kind === 'stage' ? resolved.stages[at.base.index] : undefined;
  }
  const reader = new DockerfileReader(recipe);
  const first = chain[0]!;
  if (first.base.kind === 'image')
    reader.base = { value: first.base.reference, span: first.stage.from.image.span };
  for (const stage of chain) for (const instruction of stage.instructions) await reader.read(instruction);
  return reader.result();
}

class DockerfileReader {
  base: Placed<string> | undefined;
  private readonly recipe: DockerfileSource;
  private readonly sources: Placed<Source>[] = [];
  private readonly requirements: Placed<Requirement>[] = [];
  private readonly environment: Placed<readonly [string, string]>[] = [];
  private readonly ports: Placed<string>[] = [];
  private readonly volumes: Placed<string>[] = [];
  private readonly remarks: Placed<string>[] = [];
  private lacksRequirements = false;
  private workdir: Placed<string> | undefined;
  private entrypoint: Placed<readonly string[]> | undefined;
  private command: Placed<readonly string[]> | undefined;
  private user: Placed<string> | undefined;

  constructor(recipe: DockerfileSource) {
    this.recipe = recipe;
  }

  async read(resolved: ResolvedInstruction): Promise<void> {
    const { instruction, values } = resolved;
    const { span } = instruction;
    switch (instruction.kind) {
      case 'run':
        if (instruction.mounts.length > 0) this.remark('a RUN with mounts', span);
        await this.readRun(instruction.command, resolved);
        break;
      case 'copy':
      case 'add':
        this.readTransfer(resolved);
        break;
      case 'env':
        for (const pair of resolved.pairs) {
          const value = [pair.name.value, pair.value.value] as const;
          const known = this.environment.findIndex((entry) => entry.value[0] === value[0]);
          if (known >= 0) this.environment.splice(known, 1);
          this.environment.push({ value, span: pair.name.span });
        }
        break;
      case 'workdir':
        this.workdir = { value: posix.resolve(this.workdir?.value ?? '/', values[0]!.value), span };
        break;
      case 'user':
        this.user = { value: values[0]!.value, span };
        break;
      case 'expose':
        for (const { value, span: place } of values)
          this.ports.push({ value: value.includes('/') ? value : `${value}/tcp`, span: place });
        break;
      case 'volume':
        for (const { value, span: place } of values) this.volumes.push({ value, span: place });
        break;
      case 'cmd':
        this.command = { value: commandWords(instruction.command), span };
        break;
      case 'entrypoint':
        this.entrypoint = { value: commandWords(instruction.command), span };
        // An entry point takes the command of the image below away.
        break;
      case 'arg':
      case 'maintainer':
        break;
      case 'healthcheck':
      case 'label':
      case 'onbuild':
      case 'shell':
      case 'stopsignal':
        this.remark(`${instruction.keyword.value.toUpperCase()} is not carried over`, span);
        break;
    }
  }

  private remark(value: string, span: Span): void {
    this.remarks.push({ value, span });
  }

  private readTransfer({ instruction, values, sources }: ResolvedInstruction): void {
    if (instruction.kind !== 'copy' && instruction.kind !== 'add') return;
    const { span } = instruction;
    const target = values.at(-1)!.value;
    const isFolder = target.endsWith('/') || values.length > 2;
    if (sources.length > 0) {
      this.remark('a COPY from another stage or image is not carried over', span);
      return;
    }
    if (instruction.contents.length > 0) this.remark('a file written in place is not carried over', span);
    if (instruction.chown !== undefined || instruction.chmod !== undefined)
      this.remark('owner and mode given to COPY or ADD are not carried over', span);
    for (const { value, span: place } of values.slice(0, -1)) {
      const folder = posix.resolve(this.workdir?.value ?? '/', target);
      if (/^[a-z+]+:\/\//.test(value)) {
        this.remark(
          `ADD ${value}: a download needs its hash; fetch it with a fetcher of the package set`,
          place,
        );
        continue;
      }
      if (/[*?[]/.test(value)) {
        this.remark(`COPY ${value}: a pattern is not carried over; name the files`, place);
        continue;
      }
      const path = resolve(this.recipe.context, value.replace(/^\/+/, ''));
      const isWhole = path === resolve(this.recipe.context);
      const named = isFolder && !isWhole ? posix.join(folder, posix.basename(value)) : folder;
      this.sources.push({ value: { kind: 'local', path, target: named }, span: place });
    }
  }

  private async readRun(command: Command, { variables }: ResolvedInstruction): Promise<void> {
    if (command.form === 'exec') {
      this.remark(`RUN ${command.args.map((arg) => arg.value).join(' ')}`, command.args[0]!.span);
      return;
    }
    for (const part of readShellScript(command.script).commands) {
      const words = part.words.map((word) => wordText(word, variables) ?? showWord(word));
      if (words.length > 0) await this.readCommand(words, part);
    }
  }

  private async readCommand(words: readonly string[], { span, words: placed }: ShellCommand): Promise<void> {
    const name = words[0]!.replace(/^.*\//, '');
    const [verb] = words.slice(1).filter((word) => !word.startsWith('-'));
    if (name === 'git' && verb === 'clone') this.readClone(words, span);
    else if (/^pip[\d.]*$/.test(name) && verb === 'install') await this.readPip(words.slice(2), span);
    else if (/^python[\d.]*$/.test(name) && words[1] === '-m' && words[2] === 'pip' && words[3] === 'install')
      await this.readPip(words.slice(4), span);
    else if (/^(?:apt|apt-get)$/.test(name) && verb === 'install') {
      for (const [index, word] of words.entries()) {
        if (index === 0 || word.startsWith('-') || word === 'install') continue;
        const [requirement, version] = word.split('=', 2);
        this.requirements.push({
          value: { from: 'debian', name: requirement!, version: version === undefined ? '' : `=${version}` },
          span: placed[index]!.span,
        });
      }
    } else if (/^(?:apt|apt-get)$/.test(name) && /^(?:update|clean|autoremove|autoclean)$/.test(verb ?? '')) {
      // A package set has its index, and leaves nothing behind.
    } else if (name === 'apk' && verb === 'add') {
      for (const [index, word] of words.entries()) {
        if (index === 0 || word.startsWith('-') || word === 'add') continue;
        const requirement: Requirement = { from: 'other', name: word.replace(/[=<>~].*$/, ''), version: '' };
        this.requirements.push({ value: requirement, span: placed[index]!.span });
      }
    } else if (
      name === 'rm' &&
      words.slice(1).every((word) => /^-|^\/var\/(?:lib\/apt|cache|log)|^\/tmp/.test(word))
    ) {
      // Nothing to clean up either.
    } else if (name === 'mkdir' || name === 'true' || name === 'set' || name === 'cd') {
      if (name === 'cd') this.remark('`cd` in a RUN', span);
    } else this.remark(`RUN ${words.join(' ')}`, span);
  }

  private readClone(words: readonly string[], span: Span): void {
    let ref: string | undefined;
    const operands: string[] = [];
    for (let at = 2; at < words.length; at++) {
      const word = words[at]!;
      if (/^(?:-b|--branch)$/.test(word)) ref = words[++at];
      else if (/^--branch=/.test(word)) ref = word.slice('--branch='.length);
      else if (/^(?:--depth|-o|--origin|-c|--config|-j|--jobs|--filter|--reference)$/.test(word)) at++;
      else if (!word.startsWith('-')) operands.push(word);
    }
    const [url, folder] = operands;
    if (url === undefined) return;
    const into =
      folder ??
      url
        .replace(/\/+$/, '')
        .replace(/^.*\//, '')
        .replace(/\.git$/, '');
    const target = posix.resolve(this.workdir?.value ?? '/', into);
    this.sources.push({
      value: { kind: 'git', url, target, ...(ref === undefined ? {} : { ref }) },
      span,
    });
  }

  private async readPip(words: readonly string[], span: Span): Promise<void> {
    let upgrades = false;
    for (let at = 0; at < words.length; at++) {
      const word = words[at]!;
      const [, inline] = /^(?:-r|--requirement=)(.+)$/.exec(word) ?? [];
      if (/^(?:-r|--requirement)$/.test(word) || inline !== undefined)
        await this.readRequirementsFile(inline ?? words[++at] ?? '', span);
      else if (/^(?:-U|--upgrade)$/.test(word)) upgrades = true;
      else if (
        /^(?:-c|-i|-t|-e|-f|--index-url|--extra-index-url|--constraint|--target|--editable|--find-links)$/.test(
          word,
        )
      ) {
        this.remark(`pip install ${word} ${words[++at] ?? ''}`, span);
      } else if (!word.startsWith('-')) {
        const requirement = parseRequirementLine(word);
        if (upgrades && requirement?.name === 'pip') continue;
        if (requirement === undefined) this.remark(`pip install ${word}`, span);
        else this.requirements.push({ value: requirement, span });
      }
    }
  }

  private async readRequirementsFile(path: string, span: Span): Promise<void> {
    const full = posix.resolve(this.workdir?.value ?? '/', path);
    for (const { value: source } of this.sources) {
      const target = source.target ?? '/';
      if (full !== target && !full.startsWith(target.endsWith('/') ? target : `${target}/`)) continue;
      const inside = full.slice(target.length).replace(/^\//, '');
      const text = await this.recipe.readSourceFile(source, inside);
      if (text === undefined) break;
      const { requirements, rest } = parseRequirements(text);
      for (const value of requirements) this.requirements.push({ value, span });
      for (const line of rest) this.remark(`${path} has \`${line}\`, which names no package`, span);
      return;
    }
    this.remark(`the requirements in ${path} could not be read; add them by hand`, span);
    this.lacksRequirements = true;
  }

  /** Of requirements that nobody could read, the program that starts is at least one. */
  private programRequirement(): Placed<Requirement>[] {
    const [program] = [...(this.entrypoint?.value ?? []), ...(this.command?.value ?? [])];
    if (!this.lacksRequirements || program === undefined || !/^[a-z][a-z0-9-]*$/.test(program)) return [];
    if (/^(?:python\d*|sh|bash)$/.test(program)) return [];
    const { span } = (this.entrypoint ?? this.command)!;
    return [{ value: { from: 'python', name: program, version: '' }, span }];
  }

  result(): ImageNeeds {
    const names = new Set<string>();
    return {
      kind: 'dockerfile',
      file: this.recipe.file,
      imageName: undefined,
      base: this.base,
      sources: this.sources,
      requirements: [...this.requirements, ...this.programRequirement()].filter(({ value }) => {
        const key = `${value.from} ${value.name.toLowerCase()}`;
        if (names.has(key)) return false;
        names.add(key);
        return true;
      }),
      environment: this.environment,
      workingDirectory: this.workingDirectory(),
      entrypoint: this.entrypoint,
      command: this.command,
      user: this.user,
      ports: this.ports,
      volumes: this.volumes,
      remarks: this.remarks,
    };
  }

  /** A working directory inside a source is that source, which a store keeps elsewhere. */
  private workingDirectory(): Placed<WorkingDirectory> | undefined {
    if (this.workdir === undefined) return undefined;
    const { value: path, span } = this.workdir;
    for (const { value: source } of this.sources) {
      const { target } = source;
      if (target === undefined || (path !== target && !path.startsWith(`${target}/`))) continue;
      return { value: { kind: 'source', source, inside: path.slice(target.length + 1) }, span };
    }
    return { value: { kind: 'path', path }, span };
  }
}

/** The words of a command; a line for the shell is run by one. */
function commandWords(command: Command): string[] {
  return command.form === 'exec'
    ? command.args.map((arg) => arg.value)
    : ['/bin/sh', '-c', command.script.text];
}
