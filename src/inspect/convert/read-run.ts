// What the commands of a RUN bring into an image: packages, requirements, repositories. Commands that leave nothing
// behind are passed over, every other one becomes a remark.
import { posix } from 'node:path';
import type { Span } from '../../foundation/error.ts';
import type { Invocation } from '../../languages/dockerfile/command-line.ts';
import type { DockerfileInput } from '../../languages/dockerfile/inputs.ts';
import { type MappedText, spanOf } from '../../languages/dockerfile/mapped-text.ts';
import { readPackageCommand } from '../../languages/dockerfile/package-commands.ts';
import { readShellScript, type ShellCommand, showWord, wordText } from '../../languages/dockerfile/shell.ts';
import type { Requirement, Source } from './image-needs.ts';
import { parseRequirementLine } from './requirements-file.ts';
import { readUserCommand, type UserCommand } from './user-commands.ts';

/** Where a RUN's findings go. Paths are absolute, of the image. */
export interface RunSink {
  require(value: Requirement, span: Span): void;
  remark(value: string, span: Span): void;
  addSource(value: Source, span: Span): void;
  /** Requirements of a file that pip is given. */
  readRequirementsFile(path: string, span: Span): Promise<void>;
  makeFolder(path: string, span: Span): void;
  makeExecutable(path: string, command: { readonly shown: string; readonly span: Span }): void;
  /** Takes a clone's files as they are at a branch, tag or commit; false when no clone is there. */
  checkOut(folder: string, ref: string): boolean;
  /** `shown` is what is said of a user that nothing runs as. */
  addUser(user: UserCommand, command: { readonly shown: string; readonly span: Span }): void;
}

export interface RunScript {
  readonly script: MappedText;
  /** ENV and ARG in force. */
  readonly variables: ReadonlyMap<string, string>;
  readonly workdir: string;
}

const wrappers = /^(?:sudo|exec|time|command|eatmydata|nice)$/;
const withoutTrace =
  /^(?::|true|set|export|unset|shopt|ldconfig|sync|hash|which|test|\[|\[\[|cd|pushd|popd|exit|trap|umask|sleep)$/;
/** Package managers whose packages a set does not have one by one. */
const ownWorlds: Readonly<Record<string, string>> = {
  npm: 'node',
  gem: 'Ruby',
  go: 'Go',
  cargo: 'Rust',
};

/** Whether a mode lets the owner run a file: `+x`, `u+x`, `755`, `0o755`. */
export function isExecutableMode(mode: string): boolean {
  if (/^[0-7]{3,4}$/.test(mode)) return (Number.parseInt(mode, 8) & 0o100) !== 0;
  return /^[ugoa]*[+=][rwX]*x[rwxX]*$/.test(mode);
}

/** Reads a script. */
export async function readRun({ script, variables, workdir }: RunScript, sink: RunSink): Promise<void> {
  const interpreter = /^#!\s*(?:\S*\/)?(?:env\s+(?:-S\s+)?)?([\w.+-]+)/.exec(script.text)?.[1];
  if (interpreter !== undefined && !/^(?:ba|da|a|z|k)?sh$/.test(interpreter)) {
    sink.remark(`a RUN that is a script of ${interpreter}`, spanOf(script, 0, script.text.length));
    return;
  }
  const { commands, complete } = readShellScript(script);
  const known = new Map(variables);
  let folder = workdir;
  for (const command of commands) {
    const invocation = unwrap(command, known);
    if (invocation === undefined) {
      for (const { name, value } of command.assignments) {
        const text = wordText(value, known);
        if (text === undefined) known.delete(name);
        else known.set(name, text);
      }
      continue;
    }
    const [first] = invocation.words;
    if (invocation.name === 'cd' && first !== undefined)
      folder = posix.resolve(folder, invocation.text(first) ?? showWord(first));
    await readCommand(invocation, { sink, folder });
  }
  // A redirection of a whole group is none of its commands'.
  for (const match of script.text.matchAll(/(?:[})]|\b(?:done|fi|esac))\s*(\d*>>?\s*(?!&)[^\s;&|]+)/g))
    if (!/\/dev\//.test(match[1]!))
      sink.remark(`RUN { … } ${match[1]}`, spanOf(script, match.index, match.index + match[0].length));
  if (!complete)
    sink.remark('the end of a RUN, which could not be read', spanOf(script, 0, script.text.length));
}

/** A command without `sudo` and its like; undefined for one that only sets variables. */
function unwrap(command: ShellCommand, variables: ReadonlyMap<string, string>): Invocation | undefined {
  let { words } = command;
  const text: Invocation['text'] = (word) => wordText(word, variables);
  for (;;) {
    const [first] = words;
    if (first === undefined) return undefined;
    const name = (text(first) ?? showWord(first)).replace(/^.*\//, '');
    if (!wrappers.test(name) || words.length === 1) return { name, words: words.slice(1), command, text };
    words = words.slice(1);
    while (words.length > 1 && /^-/.test(text(words[0]!) ?? '')) words = words.slice(1);
  }
}

async function readCommand(
  invocation: Invocation,
  { sink, folder }: { readonly sink: RunSink; readonly folder: string },
): Promise<void> {
  const { name, command } = invocation;
  const { span } = command;
  const args = invocation.words.map((word) => invocation.text(word) ?? showWord(word));
  const shown = `RUN ${[name, ...args].join(' ')}${command.redirects
    .map(({ operator, target }) => ` ${operator}${invocation.text(target) ?? showWord(target)}`)
    .join('')}`;
  const operands = args.filter((arg) => !arg.startsWith('-'));
  const [verb] = operands;
  const writes = command.redirects.some(
    ({ operator, target }) => operator.includes('>') && !/^(?:\/dev\/|\d|&)/.test(showWord(target)),
  );
  if (writes) {
    sink.remark(shown, span);
    return;
  }
  if (withoutTrace.test(name) || (args.length === 1 && /^(?:--version|-[vV])$/.test(args[0]!))) return;
  if (name === 'echo' || name === 'printf' || name === 'virtualenv') return;
  if (/^python[\d.]*$/.test(name) && args[0] === '-m' && args[1] === 'venv') return;
  if (name === 'git' && verb === 'clone') {
    readClone(args, { sink, folder, span, shown });
    return;
  }
  const user = readUserCommand(name, args);
  if (user !== undefined) {
    sink.addUser(user, { shown, span });
    return;
  }
  const ref = name === 'git' ? checkedOut(args, folder) : undefined;
  if (ref !== undefined && sink.checkOut(ref.folder, ref.ref)) return;
  if (name === 'chmod' && isExecutableMode(operands[0] ?? args[0] ?? '')) {
    for (const path of operands.filter((operand) => operand !== operands[0]))
      sink.makeExecutable(posix.resolve(folder, path), { shown: `RUN chmod ${operands[0]} ${path}`, span });
    return;
  }
  if (name === 'mkdir') {
    for (const path of args.filter(
      (arg, at) => !arg.startsWith('-') && !/^(?:-m|--mode)$/.test(args[at - 1] ?? ''),
    ))
      sink.makeFolder(posix.resolve(folder, path), span);
    return;
  }
  if (
    name === 'rm' &&
    operands.every((path) =>
      /^\/(?:var\/(?:lib\/apt|cache|log|tmp)|tmp|root\/\.(?:cache|npm)|usr\/share\/(?:doc|man|info))(?:\/|$)/.test(
        path,
      ),
    )
  )
    return;
  if (leavesNothing(name, verb)) return;
  const inputs = readPackageCommand(invocation, { usesSnapshot: false });
  if (inputs.length === 0 && !installs(name, args)) {
    sink.remark(shown, span);
    return;
  }
  for (const input of inputs) await readInput(input, { sink, folder, shown });
  if (/^(?:pip[\d.]*|python[\d.]*|uv|pipx)$/.test(name)) remarkPipOptions(args, { sink, span });
}

/** The commit, tag or branch that `git checkout`, `switch` or `reset --hard` goes to. */
function checkedOut(
  args: readonly string[],
  folder: string,
): { readonly folder: string; readonly ref: string } | undefined {
  const at = args[0] === '-C' ? 2 : 0;
  const [verb, ...rest] = args.slice(at);
  if (!/^(?:checkout|switch|reset)$/.test(verb ?? '')) return undefined;
  if (verb === 'reset' && !rest.includes('--hard')) return undefined;
  if (rest.some((arg) => /^-[bBc]$|^--$|^--(?:orphan|create)/.test(arg))) return undefined;
  const [ref, ...more] = rest.filter((arg) => !arg.startsWith('-'));
  if (ref === undefined || more.length > 0 || !/^[\w./@+-]+$/.test(ref)) return undefined;
  return { folder: at === 0 ? folder : posix.resolve(folder, args[1]!), ref };
}

/** Indexes and caches: a package set has its own, and leaves nothing behind. */
function leavesNothing(name: string, verb: string | undefined): boolean {
  if (/^(?:apt|apt-get|aptitude)$/.test(name))
    return /^(?:update|clean|autoremove|autoclean|upgrade|dist-upgrade|full-upgrade)$/.test(verb ?? '');
  if (name === 'apk') return /^(?:update|upgrade)$/.test(verb ?? '');
  if (/^(?:yum|dnf|microdnf|tdnf|zypper)$/.test(name))
    return /^(?:clean|makecache|update|upgrade|refresh|ref|up)$/.test(verb ?? '');
  return (
    /^(?:npm|yarn|pip[\d.]*|conda|mamba|gem)$/.test(name) && /^(?:cache|clean|cleanup)$/.test(verb ?? '')
  );
}

/** A command that installs and names nothing to install: `pip install` with files only. */
function installs(name: string, args: readonly string[]): boolean {
  return (
    /^(?:pip[\d.]*|apt-get|apt)$/.test(name) &&
    args[0] === 'install' &&
    args.every((arg) => arg.startsWith('-') || arg === 'install')
  );
}

async function readInput(
  input: DockerfileInput,
  { sink, folder, shown }: { readonly sink: RunSink; readonly folder: string; readonly shown: string },
): Promise<void> {
  const { span } = input;
  switch (input.kind) {
    case 'package': {
      const { manager, name, version, requirement } = input;
      const world = ownWorlds[manager];
      if (manager === 'pip') {
        if (input.upgrade && /^(?:pip|setuptools|wheel)$/.test(name)) return;
        const parsed = parseRequirementLine(requirement);
        if (parsed === undefined) sink.remark(`pip install ${requirement}`, span);
        else requirePython(requirement, parsed, { sink, span });
      } else if (world !== undefined)
        sink.remark(
          `${input.subject}: a package of ${world}'s own world; add it from the set, or package it`,
          span,
        );
      else if (manager === 'apt')
        sink.require(
          { from: 'debian', name, version: version === undefined || version === '' ? '' : `=${version}` },
          span,
        );
      else {
        const operator = /[=<>~]+/.exec(requirement)?.[0] ?? '=';
        const bare = version?.replace(/^[=<>~]+/, '') ?? '';
        sink.require({ from: 'other', name, version: bare === '' ? '' : `${operator}${bare}` }, span);
      }
      return;
    }
    case 'requirements':
      await sink.readRequirementsFile(posix.resolve(folder, input.file), span);
      return;
    case 'upgrade':
      return;
    case 'project-dependencies':
      sink.remark(
        `${input.subject}: what the project's own files name is not carried over; package it for the set`,
        span,
      );
      return;
    default:
      sink.remark(shown, span);
  }
}

/** Adds a requirement, and says what of it a package set has no word for. */
export function requirePython(
  written: string,
  requirement: Requirement,
  { sink, span }: { readonly sink: Pick<RunSink, 'require' | 'remark'>; readonly span: Span },
): void {
  sink.require(requirement, span);
  const [, extras] = /^[\w.-]+\s*\[([^\]]*)\]/.exec(written) ?? [];
  if (extras !== undefined && extras.trim() !== '')
    sink.remark(`${requirement.name}[${extras}]: extras are not carried over; add what they need`, span);
  const [, condition] = /;\s*(.+)$/.exec(written) ?? [];
  if (condition !== undefined)
    sink.remark(`${requirement.name}: taken whether or not ${condition.trim()}`, span);
}

function remarkPipOptions(
  args: readonly string[],
  { sink, span }: { readonly sink: RunSink; readonly span: Span },
): void {
  for (const [at, arg] of args.entries()) {
    const [, option, inline] =
      /^(-[citfe]|--(?:index-url|extra-index-url|constraint|target|prefix|editable|find-links))(?:=(.*))?$/.exec(
        arg,
      ) ?? [];
    if (option === undefined) continue;
    const value = inline ?? args[at + 1] ?? '';
    // The project itself is told of by its own remark.
    if (/^(?:-e|--editable)$/.test(option) && /^\.{0,2}(?:\/|$)/.test(value)) continue;
    sink.remark(`pip install ${option} ${value}`, span);
  }
}

function readClone(
  args: readonly string[],
  {
    sink,
    folder,
    span,
    shown,
  }: { readonly sink: RunSink; readonly folder: string; readonly span: Span; readonly shown: string },
): void {
  let ref: string | undefined;
  const operands: string[] = [];
  for (let at = 1; at < args.length; at++) {
    const word = args[at]!;
    const [, inline] = /^(?:--branch=|-b(?=.))(.+)$/.exec(word) ?? [];
    if (inline !== undefined) ref = inline;
    else if (/^(?:-b|--branch)$/.test(word)) ref = args[++at];
    else if (/^(?:--depth|-o|--origin|-c|--config|-j|--jobs|--filter|--reference)$/.test(word)) at++;
    else if (/^--recurs/.test(word)) sink.remark('the submodules of a clone', span);
    else if (!word.startsWith('-')) operands.push(word);
  }
  const [url, into] = operands;
  if (url === undefined || /[$…]/.test(url)) {
    sink.remark(shown, span);
    return;
  }
  const own = url
    .replace(/\/+$/, '')
    .replace(/^.*[/:]/, '')
    .replace(/\.git$/, '');
  const target = posix.resolve(folder, into ?? own);
  sink.addSource({ kind: 'git', url, target, ...(ref === undefined ? {} : { ref }) }, span);
}
