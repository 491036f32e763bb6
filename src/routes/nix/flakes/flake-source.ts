// What flake.nix says before anything is evaluated: description, inputs, configuration. The evaluator reads it
// (see `ReadFlake`); here its inputs become references. Source: Nix's libflake, as of 2.34.
import { type Span, TrimaranError } from '../../../foundation/error.ts';
import type { FetchedTree } from './fetchers/fetched-tree.ts';
import { flakeError } from './flake-error.ts';
import { type FlakeReference, flakeReferenceFromAttributes, parseFlakeReference } from './flake-reference.ts';
import type { InputAttribute } from './input.ts';
import { type InputPath, parseInputPath } from './lock-file.ts';
import { compareText } from './url.ts';

/** One entry of `inputs`, as it stands in flake.nix. */
export interface InputDeclaration {
  /** `url`; a path value is given as `path:` and the path relative to the flake's folder. */
  readonly url?: string | undefined;
  /** Every other attribute but `flake`, `follows` and `inputs`: `type`, `owner`, `ref`, `dir` … */
  readonly attributes?: Readonly<Record<string, InputAttribute>> | undefined;
  readonly isFlake?: boolean | undefined;
  readonly follows?: string | undefined;
  /** Overrides of the input's own inputs. */
  readonly inputs?: Readonly<Record<string, InputDeclaration>> | undefined;
  readonly span?: Span | undefined;
}

/** flake.nix as the evaluator finds it without calling `outputs`. Strings are text, not bytes. */
export interface FlakeSource {
  readonly description?: string | undefined;
  /** All of `inputs` but `self`. */
  readonly inputs: Readonly<Record<string, InputDeclaration>>;
  /** `inputs.self`: `submodules`, `lfs`. */
  readonly selfAttributes?: Readonly<Record<string, InputAttribute>> | undefined;
  /** Names that the function `outputs` asks for, `self` included or not; each unknown one is an input of its own. */
  readonly outputFormals: readonly string[];
  /** Settings that the flake wishes for; kept for showing, not applied. */
  readonly nixConfig?: Readonly<Record<string, string | number | boolean | readonly string[]>> | undefined;
}

/** A place in a fetched tree; `directory` is relative to its root, `''` for the root itself. */
export interface TreeLocation {
  readonly tree: FetchedTree;
  readonly directory: string;
}

/**
 * Reads `flake.nix` in a folder of a tree. Given by the evaluator; it throws when the file is missing, is no
 * attribute set, lacks `outputs` or has an attribute that flakes do not have. `shown` names the flake in errors.
 */
export type ReadFlake = (location: TreeLocation, shown: string) => Promise<FlakeSource>;

/** An input of a flake: a reference, or a path that it follows, or neither (an id of its own name). */
export interface FlakeInput {
  readonly reference?: FlakeReference;
  /** From the root of the lock. */
  readonly follows?: InputPath;
  readonly isFlake: boolean;
  readonly overrides: FlakeInputs;
}

/** Inputs by name, in the order in which Nix visits them. */
export type FlakeInputs = ReadonlyMap<string, FlakeInput>;

/**
 * The inputs of a flake as references. `prefix` is the flake's own path in the lock, which its `follows` are relative
 * to. Throws `flake/bad-input` and whatever `parseFlakeReference` throws, at the input's place.
 */
export function flakeInputs(source: FlakeSource, prefix: InputPath): FlakeInputs {
  const inputs = new Map(readInputs(source.inputs, prefix));
  for (const name of source.outputFormals)
    if (name !== 'self' && !inputs.has(name))
      inputs.set(name, { reference: parseFlakeReference(name), isFlake: true, overrides: new Map() });
  return sortedMap(inputs);
}

function readInputs(
  declarations: Readonly<Record<string, InputDeclaration>>,
  prefix: InputPath,
): Map<string, FlakeInput> {
  const inputs = Object.entries(declarations).map(([name, declaration]): [string, FlakeInput] => {
    try {
      return [name, readInput(declaration, prefix)];
    } catch (error) {
      if (!(error instanceof TrimaranError) || error.span !== undefined) throw error;
      throw flakeError(error.code.replace(/^flake\//, ''), error.message, {
        span: declaration.span,
        related: [...error.related, { message: `while evaluating flake input '${name}'` }],
        hint: error.hint,
        cause: error,
      });
    }
  });
  return sortedMap(new Map(inputs));
}

function readInput(declaration: InputDeclaration, prefix: InputPath): FlakeInput {
  const { url, span } = declaration;
  const attributes = declaration.attributes ?? {};
  const isFlake = declaration.isFlake ?? true;
  const unexpected = Object.keys(attributes).sort(compareText)[0];
  let reference: FlakeReference | undefined;
  if (attributes.type !== undefined)
    reference = flakeReferenceFromAttributes({ ...attributes, ...(url === undefined ? {} : { url }) });
  else if (unexpected !== undefined)
    throw flakeError('bad-input', `unexpected flake input attribute '${unexpected}'`, { span });
  else if (url !== undefined)
    reference = parseFlakeReference(url, { allowMissing: true, isFlake, preserveRelativePaths: true });
  if (reference !== undefined && declaration.follows !== undefined)
    throw flakeError('bad-input', 'flake input has both a flake reference and a follows attribute', { span });
  return {
    ...(reference === undefined ? {} : { reference }),
    ...(declaration.follows === undefined
      ? {}
      : { follows: [...prefix, ...parseInputPath(declaration.follows)] }),
    isFlake,
    overrides: readInputs(declaration.inputs ?? {}, prefix),
  };
}

function sortedMap<Value>(map: ReadonlyMap<string, Value>): Map<string, Value> {
  return new Map([...map].sort(([a], [b]) => compareText(a, b)));
}
