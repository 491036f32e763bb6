// What a Dockerfile is made of, after BuildKit's Dockerfile frontend 1.x: one type per instruction, each value with
// its place. Values are as written: variables are expanded by resolve.ts, which knows the scope.
import type { Span } from '../../foundation/error.ts';
import type { Located, MappedText } from './mapped-text.ts';
import type { Mount } from './mount.ts';

/** A here-document of RUN, COPY or ADD. */
export interface Heredoc {
  readonly name: string;
  /** The word was not quoted: COPY and ADD expand variables in the content. */
  readonly expand: boolean;
  /** Written `<<-`: leading tabs do not count. Still in `content`. */
  readonly chomp: boolean;
  readonly fileDescriptor: number;
  /** The lines as they stand, the terminator left out. */
  readonly content: MappedText;
}

export interface Flag {
  readonly name: Located;
  /** Absent for a flag without `=`. */
  readonly value?: Located;
  readonly span: Span;
}

/** `["a", "b"]`, or a line for the shell. */
export type Command =
  | { readonly form: 'exec'; readonly args: readonly Located[] }
  | { readonly form: 'shell'; readonly script: MappedText };

interface InstructionBase {
  /** As written: `FROM`, `from`. */
  readonly keyword: Located;
  /** The whole instruction, its here-documents included. */
  readonly span: Span;
  /** The instruction in one line, continuations joined, here-documents left out. */
  readonly source: MappedText;
  readonly flags: readonly Flag[];
  readonly heredocs: readonly Heredoc[];
  /** Comment lines directly above, without `#`. */
  readonly comments: readonly string[];
}

export interface FromInstruction extends InstructionBase {
  readonly kind: 'from';
  readonly image: Located;
  /** Lower case. */
  readonly name?: Located;
  readonly platform?: Located;
}
export interface RunInstruction extends InstructionBase {
  readonly kind: 'run';
  readonly command: Command;
  readonly mounts: readonly Mount[];
  readonly network: 'default' | 'none' | 'host';
  readonly security: 'sandbox' | 'insecure';
  readonly devices: readonly { readonly name: string; readonly required: boolean }[];
}
interface CommandInstruction extends InstructionBase {
  readonly kind: 'cmd' | 'entrypoint';
  readonly command: Command;
}
export interface Pair {
  readonly name: Located;
  readonly value: Located;
  /** `ENV name value`, the form without `=`. */
  readonly legacy: boolean;
}
interface PairsInstruction extends InstructionBase {
  readonly kind: 'env' | 'label';
  readonly pairs: readonly Pair[];
}
export interface ArgInstruction extends InstructionBase {
  readonly kind: 'arg';
  readonly args: readonly { readonly name: Located; readonly value?: Located }[];
}
interface TransferBase extends InstructionBase {
  /** Paths, URLs and git references; here-documents are in `contents`. */
  readonly sources: readonly Located[];
  /** Files written in place: name and content. */
  readonly contents: readonly Heredoc[];
  readonly destination: Located;
  readonly chown?: Located;
  readonly chmod?: Located;
  readonly link: boolean;
  readonly exclude: readonly Located[];
}
interface AddInstruction extends TransferBase {
  readonly kind: 'add';
  readonly checksum?: Located;
  readonly keepGitDir?: boolean;
  readonly unpack?: boolean;
}
interface CopyInstruction extends TransferBase {
  readonly kind: 'copy';
  /** A stage by name or number, or an image. */
  readonly from?: Located;
  readonly parents: boolean;
}
interface ListInstruction extends InstructionBase {
  readonly kind: 'expose' | 'volume';
  readonly values: readonly Located[];
}
interface TextInstruction extends InstructionBase {
  readonly kind: 'user' | 'workdir' | 'stopsignal' | 'maintainer';
  readonly value: Located;
}
interface ShellInstruction extends InstructionBase {
  readonly kind: 'shell';
  readonly shell: readonly Located[];
}
interface OnbuildInstruction extends InstructionBase {
  readonly kind: 'onbuild';
  readonly trigger: Instruction;
}
interface HealthcheckInstruction extends InstructionBase {
  readonly kind: 'healthcheck';
  /** Absent for `HEALTHCHECK NONE`. */
  readonly command?: Command;
  /** Nanoseconds, 0 when not given. */
  readonly interval: number;
  readonly timeout: number;
  readonly startPeriod: number;
  readonly startInterval: number;
  readonly retries: number;
}

export type Instruction =
  | FromInstruction
  | RunInstruction
  | CommandInstruction
  | PairsInstruction
  | ArgInstruction
  | AddInstruction
  | CopyInstruction
  | ListInstruction
  | TextInstruction
  | ShellInstruction
  | OnbuildInstruction
  | HealthcheckInstruction;

/** `# syntax=…`, `# escape=…`, `# check=…` at the head of the file. */
export interface Directive {
  readonly name: 'syntax' | 'escape' | 'check';
  readonly value: Located;
}

export interface Stage {
  /** From 0, in the order of the file. */
  readonly index: number;
  readonly from: FromInstruction;
  /** What follows FROM, up to the next one. */
  readonly instructions: readonly Instruction[];
}

export interface Dockerfile {
  readonly file: string;
  readonly directives: readonly Directive[];
  readonly escape: '\\' | '`';
  /** ARG instructions before the first FROM. */
  readonly globalArgs: readonly ArgInstruction[];
  readonly stages: readonly Stage[];
}
