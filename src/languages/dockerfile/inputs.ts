// What a Dockerfile takes from outside: images, URLs, repositories, packages. Facts only, each with its place and
// whether the Dockerfile itself fixes it by content or version; judging them is the audit's, fixing them the lock's.
import type { Span } from '../../foundation/error.ts';
import { isCommit, parseRemoteSource } from './git-reference.ts';
import { parseImageReference } from './image-reference.ts';
import type { Instruction } from './instruction.ts';
import type { Located } from './mapped-text.ts';
import { heredocScript } from './parse.ts';
import type { ResolvedDockerfile, ResolvedInstruction, ResolvedStage, StageBase } from './resolve.ts';
import { readShellScript, type ShellCommand } from './shell.ts';
import { readScriptInputs } from './shell-inputs.ts';

interface InputBase {
  readonly span: Span;
  /** As a person would name it: `python:3.11`, `apt-get install curl`. */
  readonly subject: string;
  /** The Dockerfile fixes it itself. */
  readonly pinned: boolean;
}

export interface ImageInput extends InputBase {
  readonly kind: 'image';
  /** Expanded, as a lock has it for key. */
  readonly reference: string;
  readonly tag?: string;
  readonly role: 'from' | 'copy' | 'mount' | 'syntax';
  readonly platform?: string;
}
/** `ADD https://…`, or a download by curl or wget in a RUN. */
export interface UrlInput extends InputBase {
  readonly kind: 'url';
  /** Absent when it has variables that nobody knows before the build. */
  readonly url?: string;
  readonly by: 'add' | 'curl' | 'wget';
  /** The download is handed to a shell or another interpreter. */
  readonly toShell: boolean;
}
export interface GitInput extends InputBase {
  readonly kind: 'git';
  readonly url?: string;
  /** Branch or tag; absent for the default branch. */
  readonly ref?: string;
  readonly by: 'add' | 'clone';
  readonly shallow: boolean;
}
export type PackageManager = 'apt' | 'apk' | 'cargo' | 'conda' | 'gem' | 'go' | 'npm' | 'pip' | 'rpm';
interface PackageInput extends InputBase {
  readonly kind: 'package';
  readonly manager: PackageManager;
  /** As written, version included: the key of a lock. */
  readonly requirement: string;
  readonly name: string;
  readonly version?: string;
  /** `pip install --upgrade`. */
  readonly upgrade: boolean;
  /** Files of pip's `-c`: versions for what is installed in any case. */
  readonly constraints: readonly string[];
  /** Run from what the project has installed, if it is there: `npx tsc` after `npm ci`. */
  readonly maybeInstalled?: true;
  /** The command that installs it, which may install others. */
  readonly command: Span;
}
/** `pip install -r FILE`. */
interface RequirementsInput extends InputBase {
  readonly kind: 'requirements';
  readonly file: string;
}
/** `npm install` and the like: whatever fits the manifest of the project. */
interface ProjectDependenciesInput extends InputBase {
  readonly kind: 'project-dependencies';
  readonly manager: 'npm' | 'pip';
}
/** `apt-get upgrade`. */
interface UpgradeInput extends InputBase {
  readonly kind: 'upgrade';
}
/** `date`, `$RANDOM`, `uname -a`: no input, but as bad as one. */
interface NondeterminismInput extends InputBase {
  readonly kind: 'nondeterminism';
  readonly cause: 'time' | 'random' | 'machine';
}

export type DockerfileInput =
  | ImageInput
  | UrlInput
  | GitInput
  | PackageInput
  | RequirementsInput
  | ProjectDependenciesInput
  | UpgradeInput
  | NondeterminismInput;

/**
 * Every input of the stages that a Dockerfile's target needs, or of all its stages, in the order of the file.
 * A stage that runs no sh (`SHELL ["powershell"]`) has its RUN lines left out.
 */
export function findInputs(
  resolved: ResolvedDockerfile,
  stages: 'needed' | 'all' = 'needed',
): DockerfileInput[] {
  const inputs: DockerfileInput[] = [];
  const syntax = resolved.dockerfile.directives.find((directive) => directive.name === 'syntax');
  if (syntax !== undefined) {
    inputs.push(
      ...imageInput({ value: syntax.value.value.split(/\s/, 1)[0]!, span: syntax.value.span }, 'syntax'),
    );
  }
  for (const stage of resolved.stages) {
    if (stages === 'all' || resolved.needed.includes(stage.stage.index)) inputs.push(...stageInputs(stage));
  }
  return inputs.sort((a, b) => a.span.line - b.span.line || a.span.column - b.span.column);
}

function stageInputs(stage: ResolvedStage): DockerfileInput[] {
  const inputs: DockerfileInput[] = [];
  if (stage.base.kind === 'image') {
    const { span } = stage.stage.from.image;
    inputs.push(...imageInput({ value: stage.base.reference, span }, 'from', stage.platform));
  }
  let isPosix = true;
  let usesSnapshot = false;
  let hasProject = false;
  for (const resolved of stage.instructions) {
    const { instruction } = resolved;
    hasProject ||= installsProject.test(sourceText(instruction));
    if (/snapshot\.(?:debian|ubuntu)\.[a-z]+\/\S*\d{8}T\d{6}Z/.test(sourceText(instruction)))
      usesSnapshot = true;
    switch (instruction.kind) {
      case 'shell':
        isPosix = /(?:^|\/)(?:ba|da|a|z|k)?sh$/.test(instruction.shell[0]?.value ?? '');
        break;
      case 'copy':
        if (instruction.from !== undefined)
          inputs.push(...sourceImages(resolved.sources, [instruction.from], 'copy'));
        break;
      case 'add':
        inputs.push(...addInputs(resolved, instruction.checksum !== undefined));
        break;
      case 'run': {
        const places = instruction.mounts
          .filter((_, at) => resolved.mounts[at]?.from)
          .map((mount) => ({ value: '', span: mount.span }));
        inputs.push(...sourceImages(resolved.sources, places, 'mount'));
        if (!isPosix) break;
        const { inputs: run, checkedOut } = runInputs(resolved, usesSnapshot);
        // A commit that a later step checks out is of the last clone.
        const clone = inputs.findLastIndex((input) => input.kind === 'git' && input.by === 'clone');
        if (checkedOut !== undefined && clone >= 0)
          inputs[clone] = { ...(inputs[clone] as GitInput), ref: checkedOut, pinned: true };
        for (const input of run) {
          const runsLocally =
            hasProject && input.kind === 'package' && /^(?:npx|bunx|npm (?:exec|x)) /.test(input.subject);
          inputs.push(runsLocally && !input.pinned ? { ...input, maybeInstalled: true } : input);
        }
        break;
      }
    }
  }
  return inputs;
}

/** The project's own packages come into the stage: installed from its lock, or copied. */
const installsProject =
  /\b(?:npm\s+(?:ci|i|install|clean-install)|yarn(?:\s+install)?|pnpm\s+(?:i|install)|bun\s+install)\b|\bnode_modules\b/;

function sourceText(instruction: Instruction): string {
  return instruction.source.text + instruction.heredocs.map((heredoc) => heredoc.content.text).join('\n');
}

function imageInput(reference: Located, role: ImageInput['role'], platform?: string): ImageInput[] {
  const parsed = parseImageReference(reference.value);
  if (parsed === undefined) return [];
  return [
    {
      kind: 'image',
      span: reference.span,
      subject: reference.value,
      reference: reference.value,
      pinned: parsed.digest !== undefined,
      role,
      ...(parsed.tag === undefined ? {} : { tag: parsed.tag }),
      ...(platform === undefined ? {} : { platform }),
    },
  ];
}

function sourceImages(
  sources: readonly StageBase[],
  places: readonly Located[],
  role: 'copy' | 'mount',
): ImageInput[] {
  return sources.flatMap((source, at) =>
    source.kind === 'image' && places[at] !== undefined
      ? imageInput({ value: source.reference, span: places[at].span }, role)
      : [],
  );
}

function addInputs(resolved: ResolvedInstruction, hasChecksum: boolean): DockerfileInput[] {
  return resolved.values.slice(0, -1).flatMap(({ value, span }): DockerfileInput[] => {
    const remote = parseRemoteSource(value);
    if (remote === undefined) return [];
    if (remote.kind === 'url') {
      return [
        {
          kind: 'url',
          by: 'add',
          span,
          url: remote.url,
          subject: `ADD ${remote.url}`,
          pinned: hasChecksum,
          toShell: false,
        },
      ];
    }
    const { url, ref, checksum } = remote.git;
    const pinned = hasChecksum || checksum !== undefined || (ref !== undefined && isCommit(ref));
    return [
      {
        kind: 'git',
        by: 'add',
        span,
        url,
        subject: `ADD ${value}`,
        pinned,
        shallow: true,
        ...(ref === undefined ? {} : { ref }),
      },
    ];
  });
}

function runInputs(
  resolved: ResolvedInstruction,
  usesSnapshot: boolean,
): ReturnType<typeof readScriptInputs> {
  const commands = scriptCommands(resolved.instruction);
  return readScriptInputs(commands, { variables: resolved.variables, usesSnapshot });
}

/** What a RUN hands to a shell: its line, its here-document, or the text after `sh -c`. */
function scriptCommands(instruction: Instruction): readonly ShellCommand[] {
  if (instruction.kind !== 'run') return [];
  const { command } = instruction;
  if (command.form === 'exec') {
    const words = command.args.map((arg) => ({
      parts: [{ kind: 'text', text: arg.value } as const],
      span: arg.span,
    }));
    return [{ words, assignments: [], redirects: [], span: instruction.span, pipeline: 0 }];
  }
  const inner = heredocScript(instruction);
  if (inner !== undefined) {
    const [, program] = /^#!\s*(\S+)/.exec(inner.text) ?? [];
    return program === undefined || /sh$/.test(program) ? readShellScript(inner).commands : [];
  }
  const commands = readShellScript(command.script).commands;
  const fed = commands.some((candidate) => isShellReadingHeredoc(candidate));
  if (!fed) return commands;
  return [
    ...commands,
    ...instruction.heredocs.flatMap((heredoc) => readShellScript(heredoc.content).commands),
  ];
}

function isShellReadingHeredoc(command: ShellCommand): boolean {
  const [first] = command.words;
  const name = first?.parts[0]?.kind === 'text' ? first.parts[0].text : '';
  return (
    /^(?:\/\S*\/)?(?:ba|da|a|z|k)?sh$/.test(name) &&
    command.redirects.some(({ operator }) => operator.startsWith('<<'))
  );
}
