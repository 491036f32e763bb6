// Scopes of a Dockerfile: which ARG and ENV are visible where, and every value with its variables expanded, as
// BuildKit does it. Stages are checked: unknown targets, references in a circle. RUN, CMD and the like are not
// expanded, their shell does that; `variables` says with what.
import type { Span } from '../../foundation/error.ts';
import { didYouMean } from '../../foundation/nearest.ts';
import { type Expansion, ExpansionError, expandWord } from './expand.ts';
import type { ArgInstruction, Dockerfile, Instruction, Pair, Stage } from './instruction.ts';
import type { Located } from './mapped-text.ts';
import { type BuildMount, resolveMount } from './mount.ts';
import { dockerfileError } from './syntax-error.ts';

export interface ResolveOptions {
  /** `--build-arg`. */
  readonly buildArgs?: ReadonlyMap<string, string>;
  /** `linux/amd64` when absent; of both build and target. */
  readonly platform?: string;
  /** Stage to build; the last one when absent. */
  readonly target?: string;
  /** Environment of a base image where it is known. */
  readonly environmentOf?: (reference: string) => ReadonlyMap<string, string> | undefined;
}

export type StageBase =
  | { readonly kind: 'scratch' }
  | { readonly kind: 'stage'; readonly index: number }
  | { readonly kind: 'image'; readonly reference: string };

/** Names that an expansion looked up in vain. */
interface UnsetUse {
  readonly name: string;
  /** The value as written, with its place. */
  readonly text: Located;
}

export interface ResolvedInstruction {
  readonly instruction: Instruction;
  /** ENV and ARG in force before the instruction. */
  readonly variables: ReadonlyMap<string, string>;
  /** Values of the instruction that Docker expands, in their order, expanded. */
  readonly values: readonly Located[];
  /** Of ENV and LABEL, expanded. */
  readonly pairs: readonly Pair[];
  /** Of RUN. */
  readonly mounts: readonly BuildMount[];
  /** Of COPY --from and RUN --mount=from=…, in their order. */
  readonly sources: readonly StageBase[];
  readonly unset: readonly UnsetUse[];
}

export interface ResolvedStage {
  readonly stage: Stage;
  readonly name?: string;
  readonly base: StageBase;
  readonly platform?: string;
  readonly unset: readonly UnsetUse[];
  readonly instructions: readonly ResolvedInstruction[];
  /** ENV and ARG at its end. */
  readonly variables: ReadonlyMap<string, string>;
  /** Names set by ENV, the base's included; ARG are not part of the image. */
  readonly environment: ReadonlySet<string>;
}

export interface ResolvedDockerfile {
  readonly dockerfile: Dockerfile;
  /** ARG before the first FROM, and those of the platform. */
  readonly globals: ReadonlyMap<string, string>;
  readonly stages: readonly ResolvedStage[];
  /** Index of the stage to build. */
  readonly target: number;
  /** Stages that the target needs, itself included, in ascending order. */
  readonly needed: readonly number[];
}

/**
 * Expands a Dockerfile's values and resolves its stages.
 *
 * Throws `dockerfile/expansion` for what cannot be expanded, `dockerfile/empty-image` for a FROM without an image once
 * expanded, `dockerfile/unknown-stage` for a target or a stage number that is not there (with the nearest names),
 * and `dockerfile/stage-cycle`.
 */
export function resolveDockerfile(dockerfile: Dockerfile, options: ResolveOptions = {}): ResolvedDockerfile {
  const platform = options.platform ?? 'linux/amd64';
  const target = findTarget(dockerfile, options.target);
  const globals = platformArgs(platform, options.target ?? 'default');
  const buildArgs = options.buildArgs ?? new Map<string, string>();
  for (const name of globals.keys()) if (buildArgs.has(name)) globals.set(name, buildArgs.get(name)!);
  for (const instruction of dockerfile.globalArgs) {
    for (const arg of instruction.args) {
      const value =
        buildArgs.get(arg.name.value) ?? (arg.value && expandAt(arg.value, globals, dockerfile, []).result);
      if (value !== undefined) globals.set(arg.name.value, value);
    }
  }
  const stages: ResolvedStage[] = [];
  const context: StageContext = { dockerfile, globals, buildArgs, options, stages };
  for (const stage of dockerfile.stages) stages.push(resolveStage(stage, context));
  const needed = neededStages(stages, target);
  return { dockerfile, globals, stages, target, needed };
}

function platformArgs(platform: string, target: string): Map<string, string> {
  const [os = 'linux', architecture = 'amd64', variant = ''] = platform.split('/');
  const args = new Map<string, string>();
  for (const prefix of ['BUILD', 'TARGET']) {
    args.set(`${prefix}PLATFORM`, platform);
    args.set(`${prefix}OS`, os);
    args.set(`${prefix}OSVERSION`, '');
    args.set(`${prefix}ARCH`, architecture);
    args.set(`${prefix}VARIANT`, variant);
  }
  args.set('TARGETSTAGE', target);
  return args;
}

interface StageContext {
  readonly dockerfile: Dockerfile;
  readonly globals: ReadonlyMap<string, string>;
  readonly buildArgs: ReadonlyMap<string, string>;
  readonly options: ResolveOptions;
  /** Those before this one. */
  readonly stages: readonly ResolvedStage[];
}

function findTarget(dockerfile: Dockerfile, target: string | undefined): number {
  const { stages } = dockerfile;
  // Compose files have `target: ""` where a variable is not set.
  if (target === undefined || target === '') return stages.length - 1;
  const byName = stages.findLast((stage) => stage.from.name?.value === target.toLowerCase());
  if (byName !== undefined) return byName.index;
  if (/^\d+$/.test(target) && Number(target) < stages.length) return Number(target);
  const names = stages.flatMap((stage) => stage.from.name?.value ?? []);
  throw dockerfileError(
    'unknown-stage',
    `no stage is called \`${target}\``,
    { file: dockerfile.file, line: 1, column: 1 },
    didYouMean(target, names) ??
      (names.length === 0 ? 'no stage has a name' : `there are ${names.join(', ')}`),
  );
}

function resolveStage(stage: Stage, context: StageContext): ResolvedStage {
  const { from } = stage;
  const unset: UnsetUse[] = [];
  const reference = expandAt(from.image, context.globals, context.dockerfile, unset).result;
  const platform =
    from.platform && expandAt(from.platform, context.globals, context.dockerfile, unset).result;
  if (reference === '') {
    throw dockerfileError(
      'empty-image',
      `\`${from.image.value}\` is empty`,
      from.image.span,
      unset[0] === undefined
        ? undefined
        : `give it a default: \`ARG ${unset[0].name}=…\` before the first FROM`,
    );
  }
  const earlier = context.stages.findLast((candidate) => candidate.name === reference.toLowerCase());
  const base: StageBase =
    earlier !== undefined
      ? { kind: 'stage', index: earlier.stage.index }
      : reference === 'scratch'
        ? { kind: 'scratch' }
        : { kind: 'image', reference };
  const imageEnvironment = base.kind === 'image' ? context.options.environmentOf?.(reference) : undefined;
  // A stage made from another one has its ARGs too, not only what ENV set.
  const scope =
    earlier === undefined
      ? new Scope(context, imageEnvironment ?? new Map(), imageEnvironment?.keys() ?? [])
      : new Scope(context, earlier.variables, earlier.environment);
  const instructions = stage.instructions.map((instruction) => scope.resolve(instruction));
  return {
    stage,
    base,
    unset,
    instructions,
    variables: scope.variables,
    environment: scope.environment,
    ...(from.name === undefined ? {} : { name: from.name.value }),
    ...(platform === undefined || platform === '' ? {} : { platform }),
  };
}

/** The variables of one stage as its instructions go by. */
class Scope {
  variables: ReadonlyMap<string, string>;
  readonly environment: Set<string>;
  private readonly context: StageContext;

  constructor(context: StageContext, variables: ReadonlyMap<string, string>, environment: Iterable<string>) {
    this.context = context;
    this.variables = variables;
    this.environment = new Set(environment);
  }

  resolve(instruction: Instruction): ResolvedInstruction {
    const before = this.variables;
    const unset: UnsetUse[] = [];
    const expand = (value: Located): Located => ({
      value: expandAt(value, before, this.context.dockerfile, unset).result,
      span: value.span,
    });
    let values: readonly Located[] = [];
    let pairs: readonly Pair[] = [];
    let mounts: readonly BuildMount[] = [];
    let sources: readonly StageBase[] = [];
    switch (instruction.kind) {
      case 'env':
      case 'label':
        // All values of one ENV see the variables as they were before it.
        pairs = instruction.pairs.map((pair) => ({
          ...pair,
          name: expand(pair.name),
          value: expand(pair.value),
        }));
        if (instruction.kind === 'env') {
          this.set(pairs.map((pair) => [pair.name.value, pair.value.value]));
          for (const pair of pairs) this.environment.add(pair.name.value);
        }
        break;
      case 'arg':
        this.declare(instruction, unset);
        break;
      case 'add':
      case 'copy':
        values = [...instruction.sources, instruction.destination].map(expand);
        for (const flag of [instruction.chown, instruction.chmod]) if (flag !== undefined) expand(flag);
        if (instruction.kind === 'copy' && instruction.from !== undefined) {
          sources = [this.findSource(instruction.from)];
        }
        break;
      case 'expose':
      case 'volume':
        values = instruction.values.map(expand);
        break;
      case 'user':
      case 'workdir':
      case 'stopsignal':
        values = [expand(instruction.value)];
        break;
      case 'run':
        mounts = instruction.mounts.map((mount) =>
          resolveMount(mount, (value) => expand({ value, span: mount.span }).value),
        );
        sources = mounts.flatMap((mount, index) =>
          mount.from ? [this.findSource({ value: mount.from, span: instruction.mounts[index]!.span })] : [],
        );
        break;
    }
    return { instruction, variables: before, values, pairs, mounts, sources, unset };
  }

  private set(entries: readonly (readonly [string, string])[]): void {
    this.variables = new Map([...this.variables, ...entries]);
  }

  private declare(instruction: ArgInstruction, unset: UnsetUse[]): void {
    const { globals, buildArgs, dockerfile } = this.context;
    for (const arg of instruction.args) {
      const name = arg.name.value;
      const value =
        buildArgs.get(name) ??
        (arg.value === undefined
          ? globals.get(name)
          : expandAt(arg.value, this.variables, dockerfile, unset).result);
      if (value !== undefined) this.set([[name, value]]);
    }
  }

  /** What `--from` names: a stage by name or number, else an image. */
  private findSource(from: Located): StageBase {
    const { stages } = this.context.dockerfile;
    const byName = stages.findLast((stage) => stage.from.name?.value === from.value.toLowerCase());
    if (byName !== undefined) return { kind: 'stage', index: byName.index };
    if (!/^\d+$/.test(from.value)) {
      return from.value === 'scratch' ? { kind: 'scratch' } : { kind: 'image', reference: from.value };
    }
    const index = Number(from.value);
    if (index < stages.length) return { kind: 'stage', index };
    throw dockerfileError(
      'unknown-stage',
      `there is no stage ${from.value}`,
      from.span,
      `stages are numbered 0 to ${stages.length - 1}; a name is safer: \`FROM … AS name\``,
    );
  }
}

function expandAt(
  text: Located,
  variables: ReadonlyMap<string, string>,
  dockerfile: Dockerfile,
  unset: UnsetUse[],
): Expansion {
  if (!/[$'"\\`]/.test(text.value)) return { result: text.value, words: [], matched: [], unmatched: [] };
  try {
    const expansion = expandWord(text.value, { variables, escape: dockerfile.escape });
    for (const name of expansion.unmatched) unset.push({ name, text });
    return expansion;
  } catch (error) {
    if (!(error instanceof ExpansionError)) throw error;
    throw dockerfileError('expansion', `cannot expand \`${text.value}\`: ${error.message}`, text.span);
  }
}

/** Stages that `target` is made from. Throws `dockerfile/stage-cycle`. */
function neededStages(stages: readonly ResolvedStage[], target: number): number[] {
  const state = new Map<number, 'open' | 'done'>();
  const queue: { index: number; from: number[]; span: Span }[] = [];
  const enter = (index: number, span: Span) => {
    if (state.get(index) === 'done') return;
    if (state.get(index) === 'open') {
      throw dockerfileError(
        'stage-cycle',
        `stage ${label(stages[index]!)} is made from itself`,
        span,
        'stages may only copy from stages that do not need them; take one `--from` or FROM out of the circle',
      );
    }
    state.set(index, 'open');
    queue.push({ index, from: dependencies(stages[index]!), span });
  };
  enter(target, stages[target]!.stage.from.span);
  while (queue.length > 0) {
    const top = queue.at(-1)!;
    const next = top.from.pop();
    if (next === undefined) {
      state.set(top.index, 'done');
      queue.pop();
    } else {
      enter(next, stages[top.index]!.stage.from.span);
    }
  }
  return [...state.keys()].sort((a, b) => a - b);
}

function dependencies(stage: ResolvedStage): number[] {
  const sources = [stage.base, ...stage.instructions.flatMap((instruction) => instruction.sources)];
  return sources.flatMap((source) => (source.kind === 'stage' ? [source.index] : []));
}

function label(stage: ResolvedStage): string {
  return stage.name === undefined ? String(stage.stage.index) : `\`${stage.name}\``;
}
