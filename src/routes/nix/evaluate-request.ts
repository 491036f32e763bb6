// Carries out an evaluation request: calls the flake, follows the attribute path, and makes of the value what is
// asked for.

import { join } from 'node:path';
import type { StorePath } from '../../formats/store-path.ts';
import { fromByteString, toByteString } from '../../foundation/byte-string.ts';
import { isTrimaranError, type RelatedSpan, type Span, TrimaranError } from '../../foundation/error.ts';
import { didYouMean, nearestNames } from '../../foundation/nearest.ts';
import { NixEvaluationError, renderNixError } from '../../languages/nix/errors.ts';
import { createEvaluator, type Evaluator, type NixValue } from '../../languages/nix/evaluator.ts';
import type { HostValue } from '../../languages/nix/host.ts';
import { LocalStore } from '../../store/local-store.ts';
import { DebianFacts } from './debian-facts.ts';
import { addDebianSet } from './debian-set-source.ts';
import type {
  EvaluatedDerivation,
  EvaluatedValue,
  EvaluationAnswer,
  EvaluationRequest,
  EvaluationTarget,
  SentFlake,
} from './evaluation-request.ts';
import { callFlakeExpression, type NodeSource } from './flakes/flake-outputs.ts';
import { parseAttributePath, showAttributePaths } from './flakes/installable.ts';
import { KnownFiles } from './known-files.ts';
import { createParseCache } from './parse-cache.ts';
import { PendingDerivations } from './pending-derivations.ts';
import { SourceTrace } from './source-trace.ts';
import { createStoreHost } from './store-host.ts';

export interface EvaluationWorld {
  /** Blocks until the main thread has done something. */
  readonly call: (method: string, argument: unknown) => unknown;
  /** A line for the user. */
  readonly note: (text: string) => void;
}

/** Evaluates. Throws what evaluation throws, and `nix/no-attribute`, `nix/not-a-derivation`. */
export function evaluate(request: EvaluationRequest, world: EvaluationWorld): EvaluationAnswer {
  const store = new LocalStore({ root: request.root, storeDirectory: request.storeDirectory });
  const pending = new PendingDerivations(store);
  const trace = traceFor(request, store);
  const parsed = join(request.root, 'parsed');
  const known = new KnownFiles(join(parsed, 'known-files'));
  const storeHost = createStoreHost({
    store,
    pending,
    known,
    env: request.env,
    currentSystem: request.system,
    currentTime: request.currentTime,
    pure: request.pure,
    call: world.call,
    message: world.note,
  });
  const evaluator = createEvaluator({
    host: trace?.watch(storeHost) ?? storeHost,
    parseCache: createParseCache(parsed, known),
    settings: {
      pure: request.pure,
      features: ['flakes', 'fetch-tree'],
      showTrace: request.showTrace,
      examine: trace?.examine,
    },
  });
  const debian = new DebianFacts({ call: world.call, releases: request.releases, system: request.system });
  evaluator.definePrimOp({
    name: '__trimaranDebian',
    arity: 1,
    call: ([argument]) => debian.value(evaluator, argument!),
  });
  evaluator.definePrimOp({
    name: '__getFlake',
    arity: 1,
    call: ([reference]) => {
      const text = fromByteString(evaluator.coerceToString(reference!).text);
      return callFlake(evaluator, { store, world, flake: world.call('getFlake', text) as SentFlake });
    },
  });
  evaluator.definePrimOp({
    name: '__trimaranRefuse',
    arity: 1,
    call: ([reason]) => {
      throw refusal(evaluator.toHost(reason!) as unknown as Refusal);
    },
  });
  let found: Found | undefined;
  try {
    found = find(evaluator, { store, world, trace, target: request.target, action: request.action });
    const { path, value } = found;
    const result =
      request.action.kind === 'value'
        ? present(evaluator, value, request.action)
        : derivation(evaluator, value, path);
    pending.writeNamedIn(result.kind === 'value' ? result.text : result.drvPath);
    return {
      result,
      used: debian.used(),
      definition: definitionOf(evaluator, found)?.span,
      recording: result.kind === 'derivation' ? trace?.recording(evaluator, result) : undefined,
    };
  } catch (error) {
    if (!isTrimaranError(error)) throw error;
    throw placed(error, {
      definition: found && definitionOf(evaluator, found),
      report: reportOf(error, request),
      start: startOf(error, request.target),
      near: nearPackage(error, debian),
    });
  } finally {
    known.close();
  }
}

/** Packages that a name may have meant which no `with` has found. Nix names none there, so this stays out of its text. */
function nearPackage({ code, message }: TrimaranError, debian: DebianFacts): string | undefined {
  const name = /^undefined variable '(.+)'$/.exec(message)?.[1];
  if (code !== 'nix/undefined-variable' || name === undefined) return undefined;
  const names = [...debian.names()];
  // The set that is meant may be that of Python's packages.
  const python = names.filter((known) => known.startsWith('python3-')).map((known) => known.slice(8));
  return didYouMean(name, names) ?? didYouMean(name, python);
}

/** Watches what the evaluation learns of the flake's own tree, where that is asked for. */
function traceFor({ target, pure, record }: EvaluationRequest, store: LocalStore): SourceTrace | undefined {
  if (!record || !pure || target.kind !== 'flake') return undefined;
  const source = target.flake.sources[target.flake.nodes.root];
  return source === undefined ? undefined : new SourceTrace(source.storePath as StorePath, store);
}

/** What the Debian set's Nix files say when they refuse an argument. */
interface Refusal {
  readonly code: string;
  readonly message: string;
  /** The name that is wrong, and those that would be right; none when the name is right and missing. */
  readonly name: string;
  readonly names: readonly string[];
  /** What to do instead, where that is no matter of names. */
  readonly hint?: string;
  /** As `unsafeGetAttrPos` gives it. */
  readonly position: Position | null;
}

interface Position {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

function refusal({ code, message, name, names, hint, position }: Refusal): TrimaranError {
  return new TrimaranError({
    code,
    message: fromByteString(message),
    hint:
      hint !== undefined
        ? fromByteString(hint)
        : names.length === 0
          ? `add '${name}'`
          : nearestOf(name, names),
    ...(position === null ? {} : { span: { ...position, file: fromByteString(position.file) } }),
  });
}

function nearestOf(name: string, names: readonly string[]): string {
  return [didYouMean(name, names), `it takes ${names.join(', ')}`]
    .filter((text) => text !== undefined)
    .join(' ');
}

/** What Nix would print, where people asked for a value as Nix's own commands give it. */
function reportOf(
  error: TrimaranError,
  { action, target, showTrace }: EvaluationRequest,
): string | undefined {
  if (!(error instanceof NixEvaluationError) || !error.code.startsWith('nix/')) return undefined;
  if (action.kind === 'derivation' && target.kind === 'flake') return undefined;
  const report = fromByteString(renderNixError(error, { showTrace }));
  const start = startOf(error, target);
  return start === undefined ? report : `${report}\n       at ${start.file}:${start.line}:${start.column}`;
}

/** The start of the file that was evaluated, for errors that have no place in it: lists do not know theirs. */
function startOf(error: TrimaranError, target: EvaluationTarget): Span | undefined {
  if (target.kind !== 'file' || !(error instanceof NixEvaluationError)) return undefined;
  const isPlaced =
    error.position !== undefined || error.traces.some(({ position }) => position !== undefined);
  return isPlaced || error.cause !== undefined ? undefined : { file: target.text, line: 1, column: 1 };
}

/** The error with the place that its cause names, if it does, and with where the wanted attribute is defined. */
function placed(
  error: TrimaranError,
  {
    definition,
    report,
    start,
    near,
  }: {
    readonly definition: RelatedSpan | undefined;
    readonly report: string | undefined;
    readonly start: Span | undefined;
    /** What to do next where the error does not say. */
    readonly near: string | undefined;
  },
): TrimaranError {
  const { related, hint, cause } = error;
  return error.with({
    hint: hint ?? near,
    span: (isTrimaranError(cause) ? cause.span : undefined) ?? error.span ?? start,
    related: definition === undefined ? related : [...related, definition],
    report,
  });
}

/** Where the attribute that was to be evaluated is defined. */
function definitionOf(evaluator: Evaluator, { path, parent, name }: Found): RelatedSpan | undefined {
  if (parent === undefined || name === undefined) return undefined;
  const position = evaluator.toHost(
    evaluator.callFunction(evaluator.evaluateText('builtins.unsafeGetAttrPos'), [toByteString(name), parent]),
  ) as Position | null;
  if (position === null) return undefined;
  return {
    message: `while evaluating the attribute '${path}'`,
    span: { ...position, file: fromByteString(position.file) },
  };
}

interface FindContext {
  readonly store: LocalStore;
  readonly world: EvaluationWorld;
  readonly trace: SourceTrace | undefined;
  readonly target: EvaluationTarget;
  readonly action: EvaluationRequest['action'];
}

interface Found {
  readonly path: string;
  readonly value: NixValue;
  /** The set that has the value, under `name`, when that is known. */
  readonly parent?: NixValue;
  readonly name?: string;
}

function find(evaluator: Evaluator, { store, world, trace, target, action }: FindContext): Found {
  if (target.kind !== 'flake') {
    const root =
      target.kind === 'file'
        ? evaluator.evaluateFile(toByteString(target.text))
        : evaluator.evaluateText(toByteString(target.text), { basePath: toByteString(target.directory) });
    const path = target.attributePath;
    return {
      path,
      value:
        path !== ''
          ? evaluator.selectAttrPath(root, toByteString(path))
          : // A function is called for what is to be built, and shown as one otherwise.
            action.kind === 'derivation'
            ? evaluator.autoCall(root)
            : root,
    };
  }
  const flake = callFlake(evaluator, { store, world, trace, flake: target.flake });
  const outputs = evaluator.attribute(flake, 'outputs') ?? flake;
  for (const path of target.attributePaths) {
    if (path === '') return { path, value: flake };
    const names = parseAttributePath(path);
    const parent = select(evaluator, outputs, names.slice(0, -1));
    const value = parent === undefined ? undefined : select(evaluator, parent, names.slice(-1));
    if (value !== undefined) return { path, value, parent: parent!, name: names.at(-1)! };
  }
  throw missing(evaluator, outputs, target);
}

function callFlake(
  evaluator: Evaluator,
  {
    store,
    world,
    trace,
    flake,
  }: {
    readonly store: LocalStore;
    readonly world: EvaluationWorld;
    readonly flake: SentFlake;
    readonly trace?: SourceTrace | undefined;
  },
): NixValue {
  const { nodes, root } = flake.nodes;
  const sourceInfo = ({ storePath, info }: NodeSource) =>
    evaluator.makeSet([
      ['outPath', evaluator.makeString(storePath, [storePath])],
      ...Object.entries(info).map(([name, value]) => [name, evaluator.fromHost(hostText(value))] as const),
    ]);
  const fetchNode = evaluator.makeFunction({
    name: 'fetchNode',
    arity: 1,
    call: ([key]) => {
      const name = evaluator.toHost(key!) as string;
      const source =
        flake.sources[name] ?? (world.call('fetchNode', { id: flake.id, key: name }) as NodeSource);
      return name === root && trace !== undefined ? trace.sourceInfo(evaluator, source) : sourceInfo(source);
    },
  });
  const debianFlake = evaluator.makeFunction({
    name: 'debianFlake',
    arity: 1,
    call: ([attributes]) => {
      const { suite, timestamp, release } = evaluator.toHost(attributes!) as Record<string, string>;
      const path = addDebianSet(store, { suite: suite!, timestamp: timestamp!, release: release! });
      const outputs = evaluator.evaluateText(
        'path: (import (path + "/flake.nix")).outputs { self = { }; } // { outPath = path; }',
        { label: toByteString('«debian»') },
      );
      return evaluator.callFunction(outputs, [evaluator.makeString(path, [path])]);
    },
  });
  const call = evaluator.evaluateText(toByteString(callFlakeExpression), { label: toByteString('«flake»') });
  return evaluator.callFunction(call, [
    evaluator.makeSet([
      ['nodes', evaluator.fromHost(nodes as unknown as HostValue)],
      ['root', toByteString(root)],
      ['fetchNode', fetchNode],
      ['debianFlake', debianFlake],
    ]),
  ]);
}

function hostText(value: string | number | boolean): HostValue {
  return typeof value === 'string' ? toByteString(value) : value;
}

/** The value at a path of attributes, or undefined where one is missing. */
function select(evaluator: Evaluator, root: NixValue, path: readonly string[]): NixValue | undefined {
  let value: NixValue | undefined = root;
  for (const name of path) {
    if (evaluator.inspect(value).type !== 'set') return undefined;
    value = evaluator.attribute(value, toByteString(name));
    if (value === undefined) return undefined;
  }
  return value;
}

function missing(
  evaluator: Evaluator,
  outputs: NixValue,
  target: EvaluationTarget & { kind: 'flake' },
): TrimaranError {
  const namesOf = (path: readonly string[]) => {
    const value = select(evaluator, outputs, path);
    const found = value === undefined ? undefined : evaluator.inspect(value);
    return found?.type === 'set' ? [...found.attributes.keys()].map(fromByteString).sort() : [];
  };
  const near = new Set<string>();
  for (const path of target.attributePaths) {
    const names = parseAttributePath(path);
    for (const name of nearestNames(names.at(-1) ?? '', namesOf(names.slice(0, -1)))) near.add(name);
  }
  const names = namesOf([]);
  const listed = names.length === 0 ? 'the flake has no outputs' : `its outputs are ${names.join(', ')}`;
  const [first] = near;
  return new TrimaranError({
    code: 'nix/no-attribute',
    message: `flake '${target.shown}' does not provide attribute ${showAttributePaths(target.attributePaths)}`,
    hint: first === undefined ? listed : `did you mean ${[...near].slice(0, 3).join(' or ')}? ${listed}`,
  });
}

function present(
  evaluator: Evaluator,
  value: NixValue,
  action: Extract<EvaluationRequest['action'], { kind: 'value' }>,
): EvaluatedValue {
  const applied =
    action.apply === undefined
      ? value
      : evaluator.callFunction(
          evaluator.evaluateText(toByteString(action.apply), { label: toByteString('«string»') }),
          [value],
        );
  switch (action.form) {
    case 'json':
      return { kind: 'value', text: evaluator.toJson(applied, { copyToStore: false }) };
    case 'raw':
      return {
        kind: 'value',
        text: evaluator.coerceToString(applied, { purpose: 'while generating the eval command output' }).text,
      };
    case 'nix':
      return { kind: 'value', text: evaluator.printForced(applied) };
  }
}

function derivation(evaluator: Evaluator, value: NixValue, path: string): EvaluatedDerivation {
  if (!evaluator.isDerivation(value)) {
    throw new TrimaranError({
      code: 'nix/not-a-derivation',
      message: `the attribute '${path}' is no derivation, so it cannot be built`,
      hint: 'look at it with `trimaran nix eval`',
    });
  }
  const text = (name: string) => {
    const attribute = evaluator.attribute(value, name);
    return attribute === undefined
      ? undefined
      : fromByteString(evaluator.coerceToString(attribute, { copyToStore: false }).text);
  };
  return {
    kind: 'derivation',
    attributePath: path,
    drvPath: text('drvPath') as StorePath,
    outputs: [text('outputName') ?? 'out'],
  };
}
