// Puts what a lock fixes into a Dockerfile: by small edits at the places of its inputs, everything else as it was. Once
// for a build, where downloads come out of the context and the text need not be nice, once for people who want the pins in
// the Dockerfile itself.
import { compareVersions } from '../../debian/version.ts';
import type { Span } from '../../foundation/error.ts';
import { type DockerfileInput, findInputs, type ImageInput } from '../../languages/dockerfile/inputs.ts';
import type { Instruction } from '../../languages/dockerfile/instruction.ts';
import type {
  ResolvedDockerfile,
  ResolvedInstruction,
  ResolvedStage,
} from '../../languages/dockerfile/resolve.ts';
import { flattenCommands, readShellScript, showWord } from '../../languages/dockerfile/shell.ts';
import { type LockFile, lockedCommit, lockedUrl } from '../../sets/lock-file.ts';
import { aptConfigPath, aptFolder } from './apt-settings.ts';
import { additionsAt, suiteAt } from './debian-suite.ts';
import { downloadAddress } from './download-address.ts';
import { heredocImage, type Lowered } from './lower-heredocs.ts';
import { hasNewerReference, isExpanded, lowerReferences, type ReferenceScope } from './lower-variables.ts';

export interface PinOptions {
  readonly text: string;
  readonly resolved: ResolvedDockerfile;
  readonly lock: LockFile;
  /** How the lock calls this Dockerfile in `pip`. */
  readonly recipe: string;
  /** Debian's name of the architecture, for versions of packages. */
  readonly architecture: string;
}

export interface BuildPinOptions extends PinOptions {
  /** What stands for an image of that reference, if it is not to be taken as the lock has it. */
  readonly replaceImage: (reference: string) => string | undefined;
  /** Seconds since 1970. */
  readonly epoch: number;
  /** Variables that each step gets besides, by name. */
  readonly variables: ReadonlyMap<string, string>;
  /** Here-documents in other words. */
  readonly heredocs: readonly Lowered[];
  /** Name of the image that has files which the Dockerfile does not: of here-documents, of apt's settings. */
  readonly filesImage: string;
  /** What an image's configuration sets; undefined where that is not known. */
  readonly environmentOf: (reference: string) => ReadonlyMap<string, string> | undefined;
  /** Whether stages with steps get apt's settings. */
  readonly withAptSettings: boolean;
  /** Where the checked bytes of an ADD's URL are to be had instead. */
  readonly replaceUrl: (url: string) => string | undefined;
}

interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** The Dockerfile for a locked build. */
export function pinForBuild(options: BuildPinOptions): string {
  const { text, resolved, lock } = options;
  const places = new Places(text);
  const edits: Edit[] = syntaxEdit(places, options);
  for (const { span, text: lowered } of options.heredocs) {
    edits.push({ ...places.range(span), text: lowered.replaceAll(heredocImage, options.filesImage) });
  }
  for (const input of findInputs(resolved)) {
    if (input.kind === 'image' && input.role !== 'syntax') {
      const replacement = options.replaceImage(input.reference) ?? pinnedReference(lock, input);
      if (replacement !== undefined) edits.push({ ...imagePlace(places, input), text: replacement });
    } else if (input.kind === 'url' && input.by !== 'add') {
      edits.push(...downloadEdit(places, input, options));
    } else if (input.kind === 'git') {
      edits.push(...(input.by === 'add' ? addGitEdit : cloneEdit)(places, input, options));
    } else if (input.kind === 'package' && input.manager === 'pip') {
      edits.push(...pipEdit(places, input, options));
    }
  }
  for (const { span } of resolved.dockerfile.globalArgs)
    edits.push(...referenceEdits(places, span, { variables: resolved.globals, complete: true, resolved }));
  const prepared = options.withAptSettings ? stagesForSteps(resolved) : new Set();
  for (const stage of resolved.needed.map((index) => resolved.stages[index]!)) {
    const { from } = stage.stage;
    const end = places.offset({
      ...from.span,
      column: from.span.endColumn ?? 1,
      line: from.span.endLine ?? from.span.line,
    });
    const variables = [['SOURCE_DATE_EPOCH', String(options.epoch)] as const, ...options.variables];
    const lines = variables.map(([name, value]) => `\nARG ${name}=${value}`);
    if (options.withAptSettings) lines.push(`\nARG APT_CONFIG=${aptConfigPath}`);
    for (const [name, value] of inheritedArguments(stage, resolved))
      lines.push(`\nARG ${name}=${quoted(value, resolved.dockerfile.escape)}`);
    if (prepared.has(stage)) lines.push(`\nCOPY --from=${options.filesImage} /${aptFolder} /${aptFolder}`);
    edits.push({ start: end, end, text: lines.join('') });
    edits.push(...fromEdits(places, stage), ...stageNameEdits(places, stage));
    const base = environmentBelow(stage, options);
    const given = new Map([...variables, ...inheritedArguments(stage, resolved)]);
    for (const resolvedInstruction of stage.instructions) {
      const { instruction, values, variables } = resolvedInstruction;
      edits.push(
        ...linkEdits(places, instruction),
        ...argumentEdits(places, instruction, { given, resolved }),
      );
      if (isExpanded(instruction) && instruction.heredocs.length === 0) {
        const known = new Map([...(base ?? []), ...variables]);
        const scope = { variables: known, complete: base !== undefined, resolved };
        const whole = destinationEdits(places, resolvedInstruction);
        const inside = ({ start }: Edit) => whole.some((edit) => start >= edit.start && start < edit.end);
        const references = referenceEdits(places, instruction.span, scope);
        edits.push(...whole, ...references.filter((edit) => !inside(edit)));
      }
      edits.push(...addEdits(places, { instruction, values: values.map(({ value }) => value) }, options));
    }
  }
  return applyEdits(text, edits);
}

/** ARGs that a stage has from the one that it is made from: BuildKit takes them over, older builders do not. */
function inheritedArguments({ base }: ResolvedStage, resolved: ResolvedDockerfile): Map<string, string> {
  const inherited = new Map<string, string>();
  if (base.kind !== 'stage') return inherited;
  const { variables, environment } = resolved.stages[base.index]!;
  for (let at: ResolvedStage['base'] = base; at.kind === 'stage'; at = resolved.stages[at.index]!.base) {
    for (const { instruction } of resolved.stages[at.index]!.instructions) {
      if (instruction.kind !== 'arg') continue;
      for (const { name } of instruction.args) {
        const value = variables.get(name.value);
        if (value !== undefined && !environment.has(name.value) && !value.includes('\n'))
          inherited.set(name.value, value);
      }
    }
  }
  return inherited;
}

/** `ARG NAME` says again that a stage has what it was given; without a value older builders take it away. */
function argumentEdits(
  places: Places,
  instruction: Instruction,
  { given, resolved }: { readonly given: ReadonlyMap<string, string>; readonly resolved: ResolvedDockerfile },
): Edit[] {
  if (instruction.kind !== 'arg') return [];
  return instruction.args.flatMap(({ name, value }) => {
    const known = given.get(name.value);
    if (value !== undefined || known === undefined || resolved.globals.has(name.value)) return [];
    const { end } = places.range(name.span);
    return [{ start: end, end, text: `=${quoted(known, resolved.dockerfile.escape)}` }];
  });
}

/** A value as ARG takes it, with nothing to expand. */
function quoted(value: string, escapeCharacter: string): string {
  const isSpecial = (character: string) => '"$'.includes(character) || character === escapeCharacter;
  return `"${[...value].map((character) => (isSpecial(character) ? escapeCharacter : '') + character).join('')}"`;
}

/** Where COPY and ADD copy to, expanded: some builders note it as it is written, others as it is meant. */
function destinationEdits(places: Places, { instruction, values, unset }: ResolvedInstruction): Edit[] {
  if (instruction.kind !== 'copy' && instruction.kind !== 'add') return [];
  const { destination } = instruction;
  const written = places.slice(destination.span);
  const meant = values.at(-1)?.value ?? '';
  if (!written.includes('$') || unset.some(({ text }) => text === destination)) return [];
  const [, quote] = /^("?)[^"']*\1$/.exec(written) ?? [];
  if (quote === undefined || !/^[\w./:@%+,=~-]+$/.test(meant)) return [];
  return [{ ...places.range(destination.span), text: `${quote}${meant}${quote}` }];
}

/** References of an instruction that not every builder expands. */
function referenceEdits(
  places: Places,
  span: Span,
  { resolved, ...scope }: Omit<ReferenceScope, 'escape'> & { readonly resolved: ResolvedDockerfile },
): Edit[] {
  const { start, end } = places.range(span);
  const lowered = lowerReferences(places.text.slice(start, end), {
    ...scope,
    escape: resolved.dockerfile.escape,
  });
  return lowered.map((edit) => ({ ...edit, start: start + edit.start, end: start + edit.end }));
}

/** The image of a FROM whose variables not every builder expands. */
function fromEdits(places: Places, { base, stage }: ResolvedStage): Edit[] {
  const range = places.range(stage.from.image.span);
  if (base.kind !== 'image' || !hasNewerReference(places.text.slice(range.start, range.end))) return [];
  return [{ ...range, text: base.reference }];
}

/** Names of stages in small letters: they are told apart without regard to case, but not by every builder. */
function stageNameEdits(places: Places, { base, stage, instructions }: ResolvedStage): Edit[] {
  const { name, image } = stage.from;
  const sources = instructions.flatMap(({ instruction, sources }) =>
    instruction.kind === 'copy' && instruction.from !== undefined && sources[0]?.kind === 'stage'
      ? [instruction.from]
      : [],
  );
  const written = [
    ...(name === undefined ? [] : [name]),
    ...(base.kind === 'stage' ? [image] : []),
    ...sources,
  ];
  return written.flatMap(({ span }) => {
    const text = places.slice(span);
    const lower = text.toLowerCase();
    return text === lower || !/^[\w.-]+$/.test(text) ? [] : [{ ...places.range(span), text: lower }];
  });
}

/** What the image at the bottom of a stage sets; undefined where that is not known. */
function environmentBelow(
  { base }: ResolvedStage,
  { resolved, environmentOf }: BuildPinOptions,
): ReadonlyMap<string, string> | undefined {
  let at = base;
  while (at.kind === 'stage') at = resolved.stages[at.index]!.base;
  return at.kind === 'scratch' ? new Map() : environmentOf(at.reference);
}

/** Stages at the bottom of those that run something: what lies there the others inherit. */
export function stagesForSteps(resolved: ResolvedDockerfile): ReadonlySet<ResolvedStage> {
  const bottoms = new Set<ResolvedStage>();
  for (const index of resolved.needed) {
    let stage = resolved.stages[index]!;
    if (!stage.instructions.some(({ instruction }) => instruction.kind === 'run')) continue;
    while (stage.base.kind === 'stage') stage = resolved.stages[stage.base.index]!;
    bottoms.add(stage);
  }
  return bottoms;
}

/**
 * The frontend by its digest. Without one the builder's own is as good, since what older ones do not know is said in other
 * words, and nothing need be fetched.
 */
function syntaxEdit(places: Places, { resolved, lock }: BuildPinOptions): Edit[] {
  const syntax = resolved.dockerfile.directives.find(({ name }) => name === 'syntax')?.value;
  const reference = syntax?.value.split(/\s/, 1)[0];
  if (syntax === undefined || reference === undefined) return [];
  const locked = lock.images.get(reference);
  const start = places.offset(syntax.span);
  if (locked !== undefined)
    return [{ start: start + reference.length, end: start + reference.length, text: `@${locked.digest}` }];
  if (!/^(?:docker\.io\/)?docker\/dockerfile(?::\d+(?:\.\d+)*)?$/.test(reference)) return [];
  const line = places.offset({ line: syntax.span.line, column: 1 });
  return [{ start: line, end: places.offset({ line: syntax.span.line + 1, column: 1 }), text: '' }];
}

/** The Dockerfile with digests, checksums and versions written into it; the same text when the lock adds nothing. */
export function pinForPeople(
  options: PinOptions & {
    /** Stages that the target needs, or all. */
    readonly stages: 'needed' | 'all';
  },
): string {
  const { text, resolved, lock } = options;
  const places = new Places(text);
  const edits: Edit[] = [];
  for (const input of findInputs(resolved, options.stages)) {
    if (input.pinned) continue;
    if (input.kind === 'image') {
      const pinned = pinnedReference(lock, input);
      if (pinned === undefined) continue;
      const place = imagePlace(places, input);
      const written = text.slice(place.start, place.end);
      if (!written.includes('$')) edits.push({ ...place, text: pinned });
      else edits.push(...defaultEdit(places, { resolved, reference: input.reference, pinned }));
    } else if (input.kind === 'git' && input.by === 'add') {
      edits.push(...addGitEdit(places, input, options));
    } else if (input.kind === 'package' && input.manager === 'pip') {
      edits.push(...pipEdit(places, input, options));
    } else if (input.kind === 'package' && input.manager === 'apt') {
      const suite = suiteAt(resolved, input.span);
      const additions = additionsAt(resolved, { span: input.span, text, images: lock.images });
      const [version] = [suite ?? '', ...additions]
        .flatMap((name) => {
          const used = lock.debian.get(name)?.architectures.get(options.architecture);
          return used?.packages.get(input.name)?.version ?? [];
        })
        .sort((one, other) => compareVersions(other, one));
      const place = places.range(input.span);
      const written = text.slice(place.start, place.end);
      const quote = quoteAround(written, input.requirement);
      const isPlain = new RegExp(`^${input.name.replace(/[^a-z0-9]/g, '\\$&')}(?::[a-z0-9-]+)?$`).test(
        input.requirement,
      );
      if (version !== undefined && quote !== undefined && isPlain)
        edits.push({ ...place, text: `${quote}${input.requirement}=${version}${quote}` });
    } else if (input.kind === 'url' && input.by === 'add' && input.url !== undefined) {
      const sha256 = lockedUrl(lock, input.url);
      const line = instructionAt(resolved, input.span);
      if (sha256 === undefined || line === undefined || line.kind !== 'add' || line.sources.length !== 1)
        continue;
      const end = places.range(line.keyword.span).end;
      edits.push({ start: end, end, text: ` --checksum=sha256:${sha256}` });
    }
  }
  return applyEdits(text, edits);
}

/** `python:3.11@sha256:…`, where the lock has it. */
function pinnedReference(lock: LockFile, input: ImageInput): string | undefined {
  const locked = lock.images.get(input.reference);
  return locked === undefined || input.pinned ? undefined : `${input.reference}@${locked.digest}`;
}

/** The place of the reference within its word: of a mount the span is the whole option. */
function imagePlace(places: Places, input: ImageInput): { start: number; end: number } {
  const range = places.range(input.span);
  if (input.role !== 'mount') return range;
  const at = places.text.slice(range.start, range.end).indexOf(input.reference);
  return at < 0 ? range : { start: range.start + at, end: range.start + at + input.reference.length };
}

/** `ARG BASE=debian:bookworm` gets the pin where FROM only names the variable. */
function defaultEdit(
  places: Places,
  wanted: {
    readonly resolved: ResolvedDockerfile;
    readonly reference: string;
    readonly pinned: string;
  },
): Edit[] {
  for (const { args } of wanted.resolved.dockerfile.globalArgs) {
    for (const { value } of args) {
      if (value?.value !== wanted.reference) continue;
      const range = places.range(value.span);
      const at = places.text.slice(range.start, range.end).indexOf(wanted.reference);
      if (at < 0) continue;
      const start = range.start + at;
      return [{ start, end: start + wanted.reference.length, text: wanted.pinned }];
    }
  }
  return [];
}

/** After a clone, the locked commit is fetched and checked out: a tag may have moved, and a commit cannot be cloned. */
function cloneEdit(
  places: Places,
  input: DockerfileInput & { kind: 'git' },
  { lock, resolved }: PinOptions,
): Edit[] {
  const commit = lockedCommit(lock, input);
  const instruction = instructionAt(resolved, input.span);
  if (commit === undefined || input.pinned || instruction?.kind !== 'run') return [];
  if (instruction.command.form !== 'shell' || instruction.heredocs.length > 0) return [];
  const { commands } = readShellScript(instruction.command.script);
  const isHere = ({ span }: { readonly span: Span }) =>
    span.line === input.span.line && span.column === input.span.column;
  const command = flattenCommands(commands).find(({ words }) => words.some(isHere));
  const at = command?.words.findIndex(isHere) ?? -1;
  if (command === undefined || at < 0) return [];
  const named = command.words[at + 1];
  const directory = named === undefined ? input.url!.replace(/^.*[/:]|\.git$/g, '') : showWord(named);
  if (/[`"'()\s…]/.test(directory)) return [];
  const end = places.range(command.words.at(-1)!.span).end;
  const git = `git -C ${directory}`;
  const text = ` && ${git} fetch --quiet --depth=1 origin ${commit} && ${git} checkout --quiet --force ${commit}`;
  return [{ start: end, end, text }];
}

/**
 * A download by curl or wget over TLS, which the proxy could not look into, is asked of the proxy itself; plain HTTP comes
 * to it anyway.
 */
function downloadEdit(
  places: Places,
  input: DockerfileInput & { kind: 'url' },
  { lock, resolved }: PinOptions,
): Edit[] {
  const sha256 = lockedUrl(lock, input.url);
  if (sha256 === undefined || input.pinned || input.toShell || !/^https:/.test(input.url!)) return [];
  // Who insists on TLS gets it.
  const instruction = instructionAt(resolved, input.span);
  if (instruction === undefined || /--proto|https-only/.test(instruction.source.text)) return [];
  const place = places.range(input.span);
  const [, option, quote] =
    /^(--url=)?(["']?)https:[^\s"']+\2$/.exec(places.text.slice(place.start, place.end)) ?? [];
  if (quote === undefined) return [];
  const name = encodeURIComponent(new URL(input.url!).pathname.split('/').at(-1)!);
  return [{ ...place, text: `${option ?? ''}${quote}${downloadAddress(sha256, name)}${quote}` }];
}

/** `ADD https://example.org/app.git#v1:docs` takes a commit in the tag's place. */
function addGitEdit(places: Places, input: DockerfileInput & { kind: 'git' }, { lock }: PinOptions): Edit[] {
  const commit = lockedCommit(lock, input);
  const place = places.range(input.span);
  const written = places.text.slice(place.start, place.end);
  if (commit === undefined || input.pinned || /[$?"'\\]/.test(written)) return [];
  const [, url, folder = ''] = /^([^#]*)(?:#[^:]*(:.*)?)?$/.exec(written) ?? [];
  return url === undefined ? [] : [{ ...place, text: `${url}#${commit}${folder}` }];
}

function pipEdit(
  places: Places,
  input: DockerfileInput & { kind: 'package' },
  { lock, recipe, text }: PinOptions,
): Edit[] {
  const locked = lock.pip.get(recipe)?.get(input.requirement);
  if (locked === undefined || input.pinned) return [];
  const place = places.range(input.span);
  const quote = quoteAround(text.slice(place.start, place.end), input.requirement);
  if (quote === undefined) return [];
  const name = input.requirement.replace(/[<>=!~ ;].*$/, '');
  return [{ ...place, text: `${quote}${name}==${locked.version}${quote}` }];
}

/** The quotes around a word that otherwise is written as it is meant; undefined for any other. */
function quoteAround(written: string, meant: string): string | undefined {
  return ['', '"', "'"].find((quote) => written === `${quote}${meant}${quote}`);
}

/** An ADD of a URL takes the bytes that were fetched and checked before. */
function addEdits(
  places: Places,
  { instruction, values }: { readonly instruction: Instruction; readonly values: readonly string[] },
  { replaceUrl }: BuildPinOptions,
): Edit[] {
  if (instruction.kind !== 'add') return [];
  const edits = instruction.sources.flatMap((source, index): Edit[] => {
    const replacement = replaceUrl(values[index]!);
    return replacement === undefined ? [] : [{ ...places.range(source.span), text: replacement }];
  });
  const flag = instruction.flags.find(({ name }) => name.value.endsWith('checksum'));
  // It was checked, and builders without BuildKit do not know the flag.
  if (edits.length > 0 && flag !== undefined) edits.push({ ...places.range(flag.span), text: '' });
  return edits;
}

/** How layers may be put together again is no matter of what is in them, and few builders know it. */
function linkEdits(places: Places, instruction: Instruction): Edit[] {
  if ((instruction.kind !== 'copy' && instruction.kind !== 'add') || instruction.heredocs.length > 0)
    return [];
  return instruction.flags
    .filter(({ name }) => /^(?:--)?link$/.test(name.value))
    .map(({ span }) => ({ ...places.range(span), text: '' }));
}

function instructionAt(resolved: ResolvedDockerfile, span: Span): Instruction | undefined {
  for (const { instructions } of resolved.stages) {
    for (const { instruction } of instructions) {
      const { line, endLine = line } = instruction.span;
      if (span.line >= line && span.line <= endLine) return instruction;
    }
  }
  return undefined;
}

/** From lines and columns to offsets. */
export class Places {
  readonly text: string;
  readonly #lines: number[] = [0];

  constructor(text: string) {
    this.text = text;
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) this.#lines.push(at + 1);
  }

  offset({ line, column }: { readonly line: number; readonly column: number }): number {
    return (this.#lines[line - 1] ?? this.text.length) + column - 1;
  }

  range(span: Span): { start: number; end: number } {
    const end =
      span.endColumn === undefined
        ? this.offset(span)
        : this.offset({ line: span.endLine ?? span.line, column: span.endColumn });
    return { start: this.offset(span), end };
  }

  slice(span: Span): string {
    const { start, end } = this.range(span);
    return this.text.slice(start, end);
  }
}

function applyEdits(text: string, edits: readonly Edit[]): string {
  const sorted = [...edits].sort((a, b) => a.start - b.start || a.end - b.end);
  let result = '';
  let at = 0;
  for (const edit of sorted) {
    // Two inputs at one place: the first decides.
    if (edit.start < at) continue;
    result += text.slice(at, edit.start) + edit.text;
    at = edit.end;
  }
  return result + text.slice(at);
}
