// What a Dockerfile takes from outside: images, URLs, repositories, packages. Facts only, each with its place and
// whether the Dockerfile itself fixes it by content or version; judging them is the audit's, fixing them the lock's.
import type { Span } from '../../foundation/error.ts';
import { isCommit, parseRemoteSource } from './git-reference.ts';
import { parseImageReference } from './image-reference.ts';
import type { Heredoc, Instruction, RunInstruction } from './instruction.ts';
import { type Located, type MappedText, mapWhole } from './mapped-text.ts';
import { heredocScript } from './parse.ts';
import { powershellInputs } from './program-inputs.ts';
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
  /** It is no image reference. */
  readonly isInvalid?: true;
  readonly platform?: string;
}
/** `ADD https://…`, or a download by curl or wget in a RUN. */
export interface UrlInput extends InputBase {
  readonly kind: 'url';
  /** Absent when it has variables that nobody knows before the build. */
  readonly url?: string;
  /** `program`: a line of Python, PowerShell and the like, which a locked build leaves as it is. */
  readonly by: 'add' | 'curl' | 'wget' | 'program';
  /** The download is handed to a shell or another interpreter. */
  readonly toShell: boolean;
  /** What ADD wants it to be, hexadecimal. */
  readonly sha256?: string;
  /** The name of the file that it becomes, where that can be told. */
  readonly file?: string;
  /** A later command runs that file. */
  readonly isRun?: true;
}
export interface GitInput extends InputBase {
  readonly kind: 'git';
  readonly url?: string;
  /** Branch or tag; absent for the default branch. */
  readonly ref?: string;
  readonly by: 'add' | 'clone';
  readonly shallow: boolean;
}
export type PackageManager =
  | 'apt'
  | 'apk'
  | 'cargo'
  | 'conda'
  | 'gem'
  | 'go'
  | 'npm'
  | 'other'
  | 'pip'
  | 'rpm';
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
  readonly manager: 'npm' | 'pip' | 'gem' | 'other';
  /** Files of the project that would say which versions, any one of them; none for a plain `pip install .`. */
  readonly locks: readonly string[];
  /** The command stops when the lock does not fit what the project asks for. */
  readonly isStrict?: true;
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
 * Of a stage that runs PowerShell only downloads are told, of one with another SHELL (`cmd`) nothing in its RUN lines.
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
    if (stages === 'all' || resolved.needed.includes(stage.stage.index))
      inputs.push(...stageInputs(stage, resolved.dockerfile.escape));
  }
  return inputs.sort((a, b) => a.span.line - b.span.line || a.span.column - b.span.column);
}

/**
 * Inputs of ONBUILD: what a stage made from the image will take in, in its order. They are no inputs of this image.
 */
export function findTriggerInputs(resolved: ResolvedDockerfile): DockerfileInput[] {
  return resolved.stages.flatMap((stage) => {
    const triggers = stage.instructions.flatMap((item) =>
      item.instruction.kind === 'onbuild' ? [triggered(item, item.instruction.trigger)] : [],
    );
    return instructionInputs(triggers, resolved.dockerfile.escape);
  });
}

/** A trigger as if it stood where its ONBUILD does; its variables are those of a later build. */
function triggered(item: ResolvedInstruction, trigger: Instruction): ResolvedInstruction {
  const isTransfer = trigger.kind === 'add' || trigger.kind === 'copy';
  const from = trigger.kind === 'copy' ? trigger.from?.value : undefined;
  const isImage = from !== undefined && !/^\d+$|^scratch$|\$/.test(from);
  return {
    ...item,
    instruction: trigger,
    values: isTransfer ? [...trigger.sources, trigger.destination] : [],
    sources: isImage ? [{ kind: 'image', reference: from }] : [],
  };
}

function stageInputs(stage: ResolvedStage, escapeMark: '\\' | '`'): DockerfileInput[] {
  const inputs: DockerfileInput[] = [];
  if (stage.base.kind === 'image') {
    const { span } = stage.stage.from.image;
    const images = imageInput({ value: stage.base.reference, span }, 'from', stage.platform);
    // What a build argument is to complete is nothing yet.
    inputs.push(...images.filter(({ isInvalid }) => isInvalid !== true || stage.unset.length === 0));
  }
  return [...inputs, ...instructionInputs(stage.instructions, escapeMark)];
}

function instructionInputs(
  instructions: readonly ResolvedInstruction[],
  escapeMark: '\\' | '`',
): DockerfileInput[] {
  const inputs: DockerfileInput[] = [];
  let shell: 'posix' | 'powershell' | 'other' = 'posix';
  let usesSnapshot = false;
  let hasProject = false;
  for (const resolved of instructions) {
    const { instruction } = resolved;
    hasProject ||= installsProject.test(sourceText(instruction));
    if (/snapshot\.(?:debian|ubuntu)\.[a-z]+\/\S*\d{8}T\d{6}Z/.test(sourceText(instruction)))
      usesSnapshot = true;
    switch (instruction.kind) {
      case 'shell': {
        const words = instruction.shell.map(({ value }) => value);
        const runs = (pattern: RegExp) => words.slice(0, 2).some((word) => pattern.test(word));
        shell = runs(/(?:^|\/)(?:ba|da|a|z|k)?sh$/)
          ? 'posix'
          : runs(/(?:^|[/\\])(?:powershell|pwsh)(?:\.exe)?$/i)
            ? 'powershell'
            : 'other';
        break;
      }
      case 'copy':
        if (instruction.from !== undefined)
          inputs.push(...sourceImages(resolved.sources, [instruction.from], 'copy'));
        break;
      case 'add':
        inputs.push(...addInputs(resolved, instruction.checksum?.value));
        break;
      case 'run': {
        const places = instruction.mounts
          .filter((_, at) => resolved.mounts[at]?.from)
          .map((mount) => ({ value: '', span: mount.span }));
        inputs.push(...sourceImages(resolved.sources, places, 'mount'));
        const { command } = instruction;
        if (command.form === 'shell') {
          // Where the backquote escapes, cmd starts PowerShell.
          const isPowershell =
            shell === 'powershell' ||
            (shell === 'posix' && escapeMark === '`' && /\b(?:powershell|pwsh)\b/i.test(command.script.text));
          if (isPowershell)
            inputs.push(...powershellInputs(withHeredocs(command.script, instruction.heredocs)));
          if (isPowershell || shell !== 'posix') break;
        }
        const { inputs: run, checkedOut, ran } = runInputs(resolved, instruction, usesSnapshot);
        // A commit that a later step checks out is of the last clone.
        const clone = inputs.findLastIndex((input) => input.kind === 'git' && input.by === 'clone');
        if (checkedOut !== undefined && clone >= 0)
          inputs[clone] = { ...(inputs[clone] as GitInput), ref: checkedOut, pinned: true };
        for (const input of run) {
          const runsLocally =
            hasProject && input.kind === 'package' && /^(?:npx|bunx|npm (?:exec|x)) /.test(input.subject);
          inputs.push(runsLocally && !input.pinned ? { ...input, maybeInstalled: true } : input);
        }
        for (const [at, input] of inputs.entries()) {
          if (input.kind === 'url' && input.file !== undefined && ran.includes(input.file))
            inputs[at] = { ...input, isRun: true };
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
  return [
    {
      kind: 'image',
      span: reference.span,
      subject: reference.value,
      reference: reference.value,
      pinned: parsed?.digest !== undefined,
      role,
      ...(parsed === undefined ? { isInvalid: true } : {}),
      ...(parsed?.tag === undefined ? {} : { tag: parsed.tag }),
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

function addInputs(resolved: ResolvedInstruction, wanted: string | undefined): DockerfileInput[] {
  const hasChecksum = wanted !== undefined;
  const [, sha256] = /^sha256:([0-9a-f]{64})$/.exec(wanted ?? '') ?? [];
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
          ...(sha256 === undefined ? {} : { sha256 }),
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
  instruction: RunInstruction,
  usesSnapshot: boolean,
): ReturnType<typeof readScriptInputs> {
  return readScriptInputs(scriptCommands(instruction), { variables: resolved.variables, usesSnapshot });
}

/** What a RUN hands to a shell: its line with its here-documents, or the text after `sh -c`. */
function scriptCommands(instruction: RunInstruction): readonly ShellCommand[] {
  const { command } = instruction;
  if (command.form === 'exec') {
    const words = command.args.map(({ value, span }) => ({
      parts: [{ kind: 'text', text: value } as const],
      span,
      // Nothing in it is escaped where it is as long as what stands between its quotes.
      ...(span.endLine === span.line && span.endColumn === span.column + value.length + 2
        ? { quoted: mapWhole(value, span.file, span.line, span.column + 1) }
        : {}),
    }));
    return [{ words, assignments: [], redirects: [], span: instruction.span, pipeline: 0 }];
  }
  const inner = heredocScript(instruction);
  if (inner !== undefined) {
    const [, program] = /^#!\s*(\S+(?:\/env\s+\S+)?)/.exec(inner.text) ?? [];
    if (program === undefined || /sh$/.test(program)) return readShellScript(inner).commands;
    // As if that program read it from its input.
    const { span } = instruction;
    const words = [{ parts: [{ kind: 'text', text: program.replace(/^.*[\s/]/, '') } as const], span }];
    const redirects = [{ operator: '<<', target: words[0]!, heredoc: { text: inner, commands: [] } }];
    return [{ words, assignments: [], redirects, span, pipeline: 0 }];
  }
  return readShellScript(withHeredocs(command.script, instruction.heredocs)).commands;
}

/** A line and the here-documents that it announces, as a shell would read them. */
function withHeredocs(script: MappedText, heredocs: readonly Heredoc[]): MappedText {
  let { text } = script;
  const segments = [...script.segments];
  for (const { name, content } of heredocs) {
    const start = text.length + 1;
    const body = content.text === '' || content.text.endsWith('\n') ? content.text : `${content.text}\n`;
    segments.push(...content.segments.map((segment) => ({ ...segment, offset: segment.offset + start })));
    text += `\n${body}${name}`;
  }
  return { ...script, text, segments };
}
