// Here-documents, and commands for a shell of the stage's own, said in words that every builder knows: scripts of RUN as
// the arguments of their shell, files of COPY and ADD as files of an image to copy from. BuildKit before 0.9, docker's
// classic builder and buildah before 1.33 know none.

import { toByteString } from '../../foundation/byte-string.ts';
import type { Span } from '../../foundation/error.ts';
import { type FileTree, fileTree, type TreeEntry } from '../../foundation/file-tree.ts';
import { ExpansionError, expandWord } from '../../languages/dockerfile/expand.ts';
import type { Heredoc, Instruction } from '../../languages/dockerfile/instruction.ts';
import { heredocScript } from '../../languages/dockerfile/parse.ts';
import type {
  ResolvedDockerfile,
  ResolvedInstruction,
  ResolvedStage,
} from '../../languages/dockerfile/resolve.ts';
import { dockerfileError } from '../../languages/dockerfile/syntax-error.ts';

/** One instruction in other words. */
export interface Lowered {
  /** Of the instruction. */
  readonly span: Span;
  /** What stands for it; `{image}` is the name of the image that has the files. */
  readonly text: string;
}

export interface LoweredHeredocs {
  readonly instructions: readonly Lowered[];
  /** Files of the image that instructions copy from; empty when there are none. */
  readonly files: FileTree;
}

/** Stands for the image's name in {@link Lowered}. */
export const heredocImage = '{image}';

/** Puts the here-documents of the stages that are needed into other words; `slice` gives the text at a place. */
export function lowerHeredocs(resolved: ResolvedDockerfile, slice: (span: Span) => string): LoweredHeredocs {
  const instructions: Lowered[] = [];
  const files: TreeEntry[] = [];
  for (const index of resolved.needed) {
    const stage = resolved.stages[index]!;
    let shell = shellOfBase(resolved, stage);
    for (const item of stage.instructions) {
      const { instruction } = item;
      if (instruction.kind === 'shell') shell = instruction.shell.map(({ value }) => value);
      if (instruction.kind === 'cmd' || instruction.kind === 'entrypoint') {
        const { command, kind } = instruction;
        // Buildah runs these by /bin/sh, whatever SHELL says.
        if (command.form === 'shell' && shell.join(' ') !== usualShell.join(' ')) {
          const words = JSON.stringify([...shell, command.script.text]);
          instructions.push({ span: instruction.span, text: `${kind.toUpperCase()} ${words}` });
        }
      }
      if (instruction.heredocs.length === 0) continue;
      const flags = instruction.flags
        .filter(({ name }) => !/link$/.test(name.value))
        .map(({ span }) => ` ${slice(span)}`)
        .join('');
      if (instruction.kind === 'run' && instruction.command.form === 'shell') {
        const words = [...shell, runScript(instruction)];
        instructions.push({ span: instruction.span, text: `RUN${flags} ${JSON.stringify(words)}` });
      } else if (isTransfer(instruction) && instruction.contents.length > 0) {
        const folder = String(files.length);
        const { escape: escapeCharacter } = resolved.dockerfile;
        const options = { folder, item, escapeCharacter };
        const written = instruction.contents.map((heredoc) => contentFile(heredoc, options));
        files.push(...written);
        instructions.push({ span: instruction.span, text: transferLines(instruction, { flags, written }) });
      }
    }
  }
  const folders = new Set(files.map(({ path }) => path.split('/')[0]!));
  const entries = [...folders].map(
    (path): TreeEntry => ({ kind: 'directory', path, mode: 0o755, uid: 0, gid: 0, mtime: 1 }),
  );
  return { instructions, files: fileTree([...entries, ...files]) };
}

type Transfer = Extract<Instruction, { kind: 'copy' | 'add' }>;

function isTransfer(instruction: Instruction): instruction is Transfer {
  return instruction.kind === 'copy' || instruction.kind === 'add';
}

const usualShell = ['/bin/sh', '-c'];

/** The shell at the end of what a stage is made from. */
function shellOfBase(resolved: ResolvedDockerfile, { base }: ResolvedStage): readonly string[] {
  for (let at = base; at.kind === 'stage'; at = resolved.stages[at.index]!.base) {
    const found = resolved.stages[at.index]!.instructions.findLast(
      ({ instruction }) => instruction.kind === 'shell',
    );
    if (found?.instruction.kind === 'shell') return found.instruction.shell.map(({ value }) => value);
  }
  return usualShell;
}

function runScript(instruction: Extract<Instruction, { kind: 'run' }>): string {
  const only = heredocScript(instruction) === undefined ? undefined : instruction.heredocs[0]!;
  if (only === undefined) {
    const { command, heredocs } = instruction;
    const line = command.form === 'shell' ? command.script.text : '';
    return [line, ...heredocs.map(({ content, name }) => `${content.text}${name}`)].join('\n');
  }
  const text = textOf(only);
  if (!text.startsWith('#!')) return text;
  // Its own interpreter runs it, from a file.
  return `f=$(mktemp) && cat > "$f" <<'${only.name}'\n${text}${only.name}\nchmod 755 "$f" && "$f"; s=$?; rm -f "$f"; exit $s`;
}

/** The content; without leading tabs where `<<-` says so. */
function textOf({ content, chomp }: Heredoc): string {
  return chomp ? content.text.replace(/^\t+/gm, '') : content.text;
}

function contentFile(
  heredoc: Heredoc,
  options: { readonly folder: string; readonly item: ResolvedInstruction; readonly escapeCharacter: string },
): TreeEntry {
  const { variables } = options.item;
  const text = textOf(heredoc);
  const content = heredoc.expand ? expand(text, { ...options, variables }) : text;
  return {
    kind: 'file',
    path: `${options.folder}/${toByteString(heredoc.name)}`,
    mode: 0o644,
    uid: 0,
    gid: 0,
    mtime: 1,
    content: { kind: 'bytes', bytes: Buffer.from(content) },
  };
}

function expand(
  text: string,
  options: {
    readonly item: ResolvedInstruction;
    readonly variables: ReadonlyMap<string, string>;
    readonly escapeCharacter: string;
  },
): string {
  const { item, variables, escapeCharacter } = options;
  try {
    return expandWord(text, { variables, escape: escapeCharacter, plainQuotes: true }).result;
  } catch (error) {
    if (!(error instanceof ExpansionError)) throw error;
    const { span } = item.instruction.keyword;
    throw dockerfileError('expansion', `cannot expand the here-document: ${error.message}`, span);
  }
}

/** One line for what comes from elsewhere, if anything does, and one for the files. */
function transferLines(
  instruction: Transfer,
  { flags, written }: { readonly flags: string; readonly written: readonly TreeEntry[] },
): string {
  const destination = instruction.destination.value;
  const keyword = instruction.kind.toUpperCase();
  const sources = instruction.sources.map(({ value }) => value);
  const others =
    sources.length === 0 ? [] : [`${keyword}${flags} ${JSON.stringify([...sources, destination])}`];
  const from = written.map(({ path }) => `/${path}`);
  return [...others, `COPY --from=${heredocImage}${flags} ${JSON.stringify([...from, destination])}`].join(
    '\n',
  );
}
