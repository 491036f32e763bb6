// Reads flake.nix as Nix does before it calls `outputs`: an attribute set whose description, inputs and configuration
// are literals, so that nothing needs evaluating. What is no literal counts as a thunk and is refused, as in Nix 2.34.
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join, posix } from 'node:path';
import { type ByteString, bufferToByteString, fromByteString } from '../../../foundation/byte-string.ts';
import type { Span } from '../../../foundation/error.ts';
import { type AttrsNode, Kind, type LocalPosition, type Node } from '../../../languages/nix/ast.ts';
import { NixError, toEvaluationError } from '../../../languages/nix/errors.ts';
import { parse } from '../../../languages/nix/parser.ts';
import { PositionTable, showPosition } from '../../../languages/nix/positions.ts';
import { flakeError } from './flake-error.ts';
import type { FlakeSource, InputDeclaration, TreeLocation } from './flake-source.ts';
import type { InputAttribute } from './input.ts';

/**
 * Reads the flake.nix of a folder in a tree; a {@link import('./flake-source.ts').ReadFlake}. Throws `nix/parse`, and
 * with Nix's words `flake/not-a-flake` (missing, or lacks `outputs`), `flake/bad-flake` (wrong types and attributes).
 */
export async function readFlake(location: TreeLocation, shown: string): Promise<FlakeSource> {
  const file = join(location.tree.physicalPath, location.directory, 'flake.nix');
  const label = posix.join(location.tree.storePath, location.directory, 'flake.nix');
  if (!existsSync(file))
    throw flakeError('not-a-flake', `path '${label}' does not exist`, {
      hint: shown.startsWith('git+file:')
        ? 'if it is there, run `git add flake.nix`, since of a Git repository only the files that Git tracks count; for an input that is no flake, say `flake = false;`'
        : `'${shown}' has no flake.nix; for an input that is no flake, say \`flake = false;\``,
    });
  if (!statSync(file).isFile())
    throw flakeError('not-a-flake', `path '${label}' is no file`, {
      hint: `put a flake.nix there, or name another folder than '${shown}'`,
    });
  return parseFlake(bufferToByteString(readFileSync(file)), { label, shown, directory: location.directory });
}

/**
 * {@link readFlake} for a text. `label` names the file in errors, `shown` the flake; `directory` is its folder in the
 * tree.
 */
export function parseFlake(
  text: ByteString,
  options: { readonly label: string; readonly shown: string; readonly directory: string },
): FlakeSource {
  return new FlakeReader(text, options).read();
}

type Value =
  | { readonly type: 'a string'; readonly text: string }
  | { readonly type: 'a path'; readonly literal: string }
  | { readonly type: 'an integer'; readonly value: bigint }
  | { readonly type: 'a Boolean'; readonly value: boolean }
  | { readonly type: 'a set'; readonly attributes: readonly Attribute[] }
  | { readonly type: 'a list'; readonly items: readonly Value[] }
  | { readonly type: 'a function'; readonly formals: readonly string[] }
  | { readonly type: 'a float' | 'null' | 'a thunk' };

interface Attribute {
  readonly name: string;
  readonly value: Value;
  readonly position: LocalPosition;
}

/** Recursive sets around a node, innermost first. */
type Scope = { readonly attrs: AttrsNode; readonly outer: Scope } | undefined;

const maximumDepth = 200;

class FlakeReader {
  readonly #text: ByteString;
  readonly #label: string;
  readonly #shown: string;
  readonly #directory: string;
  readonly #positions = new PositionTable();
  readonly #base: number;

  constructor(
    text: ByteString,
    options: { readonly label: string; readonly shown: string; readonly directory: string },
  ) {
    this.#text = text;
    this.#label = options.label;
    this.#shown = options.shown;
    this.#directory = options.directory;
    this.#base = this.#positions.addOrigin(
      { label: options.label, path: options.label, source: () => text },
      text.length,
    );
  }

  read(): FlakeSource {
    const root = this.#parse();
    if (root.kind !== Kind.attrs)
      throw flakeError('bad-flake', `file '${this.#label}' must be an attribute set`, {
        span: this.#span(root.position) ?? { file: this.#label, line: 1, column: 1 },
      });
    const attributes = this.#attributes(root, undefined, 0);
    const find = (name: string) => attributes.find((attribute) => attribute.name === name);
    const description = find('description');
    if (description !== undefined) this.#expect(description, 'a string');
    const inputs = find('inputs');
    const declared = inputs === undefined ? { inputs: {} } : this.#inputs(inputs, { allowSelf: true });
    const outputs = find('outputs');
    if (outputs === undefined)
      throw flakeError('not-a-flake', `flake '${this.#shown}' lacks attribute 'outputs'`, {
        span: this.#span(root.position),
      });
    const { formals } = this.#expect(outputs, 'a function');
    const nixConfig = find('nixConfig');
    const configuration = nixConfig === undefined ? undefined : this.#configuration(nixConfig);
    for (const { name, position } of attributes)
      if (!['description', 'inputs', 'outputs', 'nixConfig'].includes(name))
        throw flakeError(
          'bad-flake',
          `flake '${this.#shown}' has an unsupported attribute '${name}', at ${this.#place(position)}`,
          { span: this.#span(position) },
        );
    return {
      ...declared,
      outputFormals: formals,
      ...(description?.value.type === 'a string' ? { description: description.value.text } : {}),
      ...(configuration === undefined ? {} : { nixConfig: configuration }),
    };
  }

  #parse(): Node {
    try {
      return parse(this.#text, {
        base: this.#base,
        pipeOperators: false,
        showPosition: (position) => showPosition(this.#positions.resolve(position)),
      });
    } catch (error) {
      if (error instanceof NixError || error instanceof RangeError)
        throw toEvaluationError(error, this.#positions);
      throw error;
    }
  }

  #span(position: LocalPosition): Span | undefined {
    const resolved = position === 0 ? undefined : this.#positions.resolve(this.#base + position - 1);
    if (resolved === undefined) return undefined;
    return { file: this.#label, line: resolved.line, column: resolved.column };
  }

  #place(position: LocalPosition): string {
    const span = this.#span(position);
    return span === undefined ? this.#label : `${span.file}:${span.line}:${span.column}`;
  }

  #attributes(node: AttrsNode, scope: Scope, depth: number): Attribute[] {
    const inner = node.recursive ? { attrs: node, outer: scope } : scope;
    return [...node.attrs]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, { value, position }]) => ({
        name: fromByteString(name),
        position,
        value: this.#value(value, inner, depth + 1),
      }));
  }

  #value(node: Node, scope: Scope, depth: number): Value {
    if (depth > maximumDepth)
      throw flakeError('bad-flake', `'${this.#label}' is more than ${maximumDepth} levels deep`, {
        span: this.#span(node.position),
      });
    switch (node.kind) {
      case Kind.string:
        return { type: 'a string', text: fromByteString(node.text) };
      case Kind.path:
        return { type: 'a path', literal: fromByteString(node.literal) };
      case Kind.integer:
        return { type: 'an integer', value: node.value };
      case Kind.float:
        return { type: 'a float' };
      case Kind.list:
        return { type: 'a list', items: node.items.map((item) => this.#value(item, scope, depth + 1)) };
      case Kind.lambda:
        return {
          type: 'a function',
          formals: (node.formals ?? []).map((formal) => fromByteString(formal.name)),
        };
      case Kind.attrs:
        return node.dynamic.length > 0
          ? { type: 'a thunk' }
          : { type: 'a set', attributes: this.#attributes(node, scope, depth) };
      case Kind.variable:
        return this.#variable(node.name, scope, depth);
      default:
        return { type: 'a thunk' };
    }
  }

  #variable(name: ByteString, scope: Scope, depth: number): Value {
    for (let at = scope; at !== undefined; at = at.outer) {
      const found = at.attrs.attrs.get(name);
      if (found !== undefined) return this.#value(found.value, at, depth + 1);
    }
    if (name === 'true' || name === 'false') return { type: 'a Boolean', value: name === 'true' };
    return { type: name === 'null' ? 'null' : 'a thunk' };
  }

  #expect<Type extends Value['type']>(
    attribute: Attribute,
    type: Type,
  ): Extract<Value, { readonly type: Type }> {
    if (attribute.value.type === type) return attribute.value as Extract<Value, { readonly type: Type }>;
    throw this.#wrongType(attribute, type);
  }

  #wrongType(attribute: Attribute, expected: string): Error {
    const { value, position } = attribute;
    const isThunk = value.type === 'a thunk';
    return flakeError('bad-flake', `expected ${expected} but got ${value.type} at ${this.#place(position)}`, {
      span: this.#span(position),
      hint: isThunk ? 'flake.nix may compute only its outputs; write this as a literal' : undefined,
    });
  }

  #inputs(
    attribute: Attribute,
    options: { readonly allowSelf: boolean },
  ): { inputs: Record<string, InputDeclaration>; selfAttributes?: Record<string, InputAttribute> } {
    const inputs: [string, InputDeclaration][] = [];
    let selfAttributes: Record<string, InputAttribute> | undefined;
    for (const input of this.#expect(attribute, 'a set').attributes) {
      if (input.name !== 'self') {
        inputs.push([input.name, this.#input(input)]);
        continue;
      }
      if (!options.allowSelf)
        throw flakeError(
          'bad-flake',
          `'self' input attribute not allowed at ${this.#place(input.position)}`,
          {
            span: this.#span(input.position),
          },
        );
      selfAttributes = {};
      for (const item of this.#expect(input, 'a set').attributes)
        selfAttributes[item.name] = this.#inputAttribute(item);
    }
    return {
      inputs: Object.fromEntries(inputs),
      ...(selfAttributes === undefined ? {} : { selfAttributes }),
    };
  }

  #input(input: Attribute): InputDeclaration {
    const attributes: [string, InputAttribute][] = [];
    let declaration: InputDeclaration = { span: this.#span(input.position) };
    for (const item of this.#expect(input, 'a set').attributes)
      switch (item.name) {
        case 'url':
          declaration = { ...declaration, url: this.#inputUrl(item) };
          break;
        case 'flake':
          declaration = { ...declaration, isFlake: this.#expect(item, 'a Boolean').value };
          break;
        case 'follows':
          declaration = { ...declaration, follows: this.#expect(item, 'a string').text };
          break;
        case 'inputs':
          declaration = { ...declaration, inputs: this.#inputs(item, { allowSelf: false }).inputs };
          break;
        default:
          attributes.push([item.name, this.#inputAttribute(item)]);
      }
    return { ...declaration, attributes: Object.fromEntries(attributes) };
  }

  #inputUrl(item: Attribute): string {
    if (item.value.type === 'a string') return item.value.text;
    if (item.value.type !== 'a path') throw this.#wrongType(item, 'a string or a path');
    const { literal } = item.value;
    if (literal.startsWith('/') || literal.startsWith('~'))
      throw flakeError(
        'bad-flake',
        `input attribute path '${literal}' at ${this.#place(item.position)} must be in the same source tree as ${posix.dirname(this.#label)}`,
        { span: this.#span(item.position), hint: 'write it as a string: url = "path:…";' },
      );
    // A path value has no `..` above the root of its tree.
    const base = posix.join('/', this.#directory);
    return `path:${posix.relative(base, posix.join(base, literal)) || '.'}`;
  }

  #inputAttribute(item: Attribute): InputAttribute {
    const { value, name, position } = item;
    const span = this.#span(position);
    if (value.type === 'a string') return value.text;
    if (value.type === 'a Boolean') return value.value;
    if (value.type === 'an integer' && value.value <= Number.MAX_SAFE_INTEGER) return Number(value.value);
    throw flakeError(
      'bad-flake',
      `flake input attribute '${name}' is ${value.type} while a string, Boolean, or integer is expected`,
      {
        span,
        related: [
          { message: `while evaluating flake attribute '${name}'`, ...(span === undefined ? {} : { span }) },
        ],
      },
    );
  }

  #configuration(attribute: Attribute): Record<string, string | number | boolean | readonly string[]> {
    const settings: [string, string | number | boolean | readonly string[]][] = [];
    for (const { name, value, position } of this.#expect(attribute, 'a set').attributes) {
      const refuse = (message: string) => flakeError('bad-flake', message, { span: this.#span(position) });
      if (value.type === 'a string') settings.push([name, value.text]);
      else if (value.type === 'a path') settings.push([name, value.literal]);
      else if (value.type === 'an integer') settings.push([name, Number(value.value)]);
      else if (value.type === 'a Boolean') settings.push([name, value.value]);
      else if (value.type === 'a list')
        settings.push([
          name,
          value.items.map((item) => {
            if (item.type === 'a string') return item.text;
            throw refuse(
              `list element in flake configuration setting '${name}' is a list while a string is expected`,
            );
          }),
        ]);
      else throw refuse(`flake configuration setting '${name}' is ${value.type}`);
    }
    return Object.fromEntries(settings);
  }
}
