// The lock graph of a flake and `flake.lock`, its text: read in versions 5 to 7, written in version 7, byte for byte
// as Nix 2.34 writes it. Nodes are named after the input by which they are first reached, `_2` and up when taken.
import type { Span } from '../../../foundation/error.ts';
import { flakeError } from './flake-error.ts';
import {
  type FlakeReference,
  flakeReferenceFromAttributes,
  flakeReferenceToAttributes,
  showFlakeReference,
} from './flake-reference.ts';
import { type InputAttribute, type InputAttributes, isLocked, relativePathOf } from './input.ts';
import { type JsonDocument, type JsonNode, type JsonValue, parseJson, writeJson } from './json.ts';
import { compareText } from './url.ts';

/** Names of inputs from the root flake down: `['nixops', 'nixpkgs']`. */
export type InputPath = readonly string[];

/** What an input of a node leads to: a node of its own, or whatever stands at a path from the root. */
export type LockEdge =
  | { readonly kind: 'node'; readonly node: LockedNode }
  | { readonly kind: 'follows'; readonly path: InputPath };

/** A flake in the graph; the root is a bare one. */
export interface LockNode {
  readonly inputs: Map<string, LockEdge>;
}

/** An input: what was asked, what it was resolved to. */
export interface LockedNode extends LockNode {
  /** Fixed by content, narHash included; a relative `path:` for an input inside its parent's tree. */
  readonly locked: FlakeReference;
  readonly original: FlakeReference;
  readonly isFlake: boolean;
  /** For a relative input, the node whose tree holds it. */
  readonly parent?: InputPath;
}

export interface LockFile {
  readonly root: LockNode;
}

/** A lock without inputs. */
export function emptyLockFile(): LockFile {
  return { root: { inputs: new Map() } };
}

/** Inputs in the order in which Nix visits them. */
export function sortedInputs(node: LockNode): [string, LockEdge][] {
  return [...node.inputs].sort(([a], [b]) => compareText(a, b));
}

const maximumDepth = 200;

/**
 * Reads `flake.lock`. `file` names it in errors. Throws, with line and column, `flake/bad-json`,
 * `flake/lock-version`, `flake/lock-missing-node`, `flake/lock-cycle`, `flake/lock-unlocked`, `flake/lock-syntax`.
 */
export function parseLockFile(
  text: string,
  options: { readonly file: string; readonly warn?: (message: string) => void },
): LockFile {
  return new LockReader(parseJson(text, options.file), options).read();
}

class LockReader {
  readonly #document: JsonDocument;
  readonly #file: string;
  readonly #warn: (message: string) => void;
  readonly #nodes = new Map<string, LockedNode>();
  readonly #path: string[] = [];
  #jsonNodes: ReadonlyMap<string, JsonNode> = new Map();
  #rootKey = '';

  constructor(
    document: JsonDocument,
    options: { readonly file: string; readonly warn?: (message: string) => void },
  ) {
    this.#document = document;
    this.#file = options.file;
    this.#warn = options.warn ?? (() => {});
  }

  read(): LockFile {
    const top = this.#members(this.#document.root, 'the lock');
    const version = top.get('version');
    const number = version?.kind === 'value' ? version.value : 0;
    if (number !== 5 && number !== 6 && number !== 7)
      throw flakeError('lock-version', `lock file '${this.#file}' has unsupported version ${number}`, {
        span: this.#span(version ?? this.#document.root),
        hint: 'versions 5 to 7 are read; write it anew with `trimaran nix flake update`',
      });
    this.#rootKey = this.#string(top.get('root'), 'root', this.#document.root);
    const nodes = top.get('nodes');
    this.#jsonNodes = nodes === undefined ? new Map() : this.#members(nodes, "'nodes'");
    const rootNode = this.#jsonNodes.get(this.#rootKey);
    const root: LockNode = { inputs: new Map() };
    if (rootNode !== undefined) this.#readInputs(root, rootNode);
    return { root };
  }

  #span(node: JsonNode): Span {
    return this.#document.spanOf(node);
  }

  #members(node: JsonNode, what: string): ReadonlyMap<string, JsonNode> {
    if (node.kind === 'object') return node.members;
    throw flakeError('lock-syntax', `${what} in '${this.#file}' is not an object`, {
      span: this.#span(node),
    });
  }

  #string(node: JsonNode | undefined, what: string, around: JsonNode): string {
    if (node?.kind === 'value' && typeof node.value === 'string') return node.value;
    throw flakeError('lock-syntax', `'${what}' in '${this.#file}' is not a string`, {
      span: this.#span(node ?? around),
    });
  }

  #readInputs(node: LockNode, json: JsonNode): void {
    const inputs = this.#members(json, 'a node').get('inputs');
    if (inputs === undefined) return;
    if (this.#path.length >= maximumDepth)
      throw flakeError('lock-syntax', `lock file '${this.#file}' is more than ${maximumDepth} inputs deep`, {
        span: this.#span(inputs),
      });
    for (const [name, value] of this.#members(inputs, "'inputs'")) {
      if (value.kind === 'array') {
        const path = value.items.map((item) => this.#string(item, name, value));
        node.inputs.set(name, { kind: 'follows', path });
      } else {
        const key = this.#string(value, name, value);
        node.inputs.set(name, { kind: 'node', node: this.#readNode(key, value) });
      }
    }
  }

  #readNode(key: string, reference: JsonNode): LockedNode {
    const span = this.#span(reference);
    if (key === this.#rootKey)
      throw flakeError('lock-cycle', 'lock file contains cycle to root node', { span });
    const begun = this.#path.indexOf(key);
    if (begun >= 0)
      throw flakeError(
        'lock-cycle',
        `lock file '${this.#file}' contains a cycle: ${[...this.#path.slice(begun), key].join(' -> ')}`,
        { span },
      );
    const known = this.#nodes.get(key);
    if (known !== undefined) return known;
    const json = this.#jsonNodes.get(key);
    if (json === undefined)
      throw flakeError('lock-missing-node', `lock file references missing node '${key}'`, {
        span,
        hint: 'write the lock anew with `trimaran nix flake update`',
      });
    const node = this.#lockedNode(json);
    this.#path.push(key);
    this.#readInputs(node, json);
    this.#path.pop();
    this.#nodes.set(key, node);
    return node;
  }

  #lockedNode(json: JsonNode): LockedNode {
    const members = this.#members(json, 'a node');
    const locked = this.#reference(json, 'locked', 'info');
    const flake = members.get('flake');
    const parent = members.get('parent');
    if (parent !== undefined && parent.kind !== 'array')
      throw flakeError('lock-syntax', `'parent' in '${this.#file}' is not a list`, {
        span: this.#span(parent),
      });
    if (!isLocked(locked.input) && relativePathOf(locked.input) === undefined) {
      const attributes = writeJson(flakeReferenceToAttributes(locked));
      if (locked.input.narHash === undefined)
        throw flakeError(
          'lock-unlocked',
          `Lock file contains unlocked input '${attributes}'. Use '--allow-dirty-locks' to accept this lock file.`,
          {
            span: this.#span(members.get('locked') ?? json),
            hint: 'run `trimaran nix flake update` to lock it',
          },
        );
      this.#warn(
        `Lock file entry '${showFlakeReference(locked)}' is unlocked (e.g. lacks a Git revision) but is checked by ` +
          'NAR hash. This is not reproducible and will break after garbage collection or when shared.',
      );
    }
    return {
      inputs: new Map(),
      locked,
      original: this.#reference(json, 'original'),
      isFlake: !(flake?.kind === 'value' && flake.value === false),
      ...(parent === undefined
        ? {}
        : { parent: parent.items.map((item) => this.#string(item, 'parent', parent)) }),
    };
  }

  #reference(json: JsonNode, name: string, extra?: string): FlakeReference {
    const members = this.#members(json, 'a node');
    const node = members.get(name);
    if (node === undefined)
      throw flakeError('lock-syntax', `attribute '${name}' missing in lock file`, { span: this.#span(json) });
    const more = extra === undefined ? undefined : members.get(extra);
    const attributes = {
      ...this.#attributes(node, name),
      // Version 5 kept what was found out about an input apart from what it was.
      ...(more === undefined ? {} : this.#attributes(more, extra!)),
    };
    try {
      return flakeReferenceFromAttributes(attributes);
    } catch (error) {
      throw flakeError('lock-syntax', (error as Error).message, { span: this.#span(node), cause: error });
    }
  }

  #attributes(node: JsonNode, what: string): InputAttributes {
    const attributes: [string, InputAttribute][] = [];
    for (const [name, value] of this.#members(node, `'${what}'`)) {
      if (value.kind !== 'value' || value.value === null)
        throw flakeError('lock-syntax', `unsupported input attribute type in lock file`, {
          span: this.#span(value),
        });
      attributes.push([name, value.value]);
    }
    return Object.fromEntries(attributes);
  }
}

/** The lock as JSON data, and the name that each node got in it. */
export function lockFileToJson(lock: LockFile): {
  readonly json: JsonValue;
  readonly nodeKeys: ReadonlyMap<LockNode, string>;
} {
  const nodes = new Map<string, JsonValue>();
  const nodeKeys = new Map<LockNode, string>();
  const taken = new Set<string>();
  const dump = (wanted: string, node: LockNode): string => {
    const known = nodeKeys.get(node);
    if (known !== undefined) return known;
    let key = wanted;
    for (let n = 2; taken.has(key); n++) key = `${wanted}_${n}`;
    taken.add(key);
    nodeKeys.set(node, key);
    const json = new Map<string, JsonValue>();
    if (node.inputs.size > 0) {
      const inputs = new Map<string, JsonValue>();
      for (const [name, edge] of sortedInputs(node))
        inputs.set(name, edge.kind === 'node' ? dump(name, edge.node) : edge.path);
      json.set('inputs', inputs);
    }
    if (isLockedNode(node)) {
      json.set('original', flakeReferenceToAttributes(node.original));
      json.set('locked', flakeReferenceToAttributes(node.locked));
      if (!node.isFlake) json.set('flake', false);
      if (node.parent !== undefined) json.set('parent', node.parent);
    }
    nodes.set(key, json);
    return key;
  };
  const root = dump('root', lock.root);
  return { json: { version: 7, root, nodes }, nodeKeys };
}

function isLockedNode(node: LockNode): node is LockedNode {
  return 'locked' in node;
}

/** The text of `flake.lock`, with its final newline. */
export function writeLockFile(lock: LockFile): string {
  return `${writeJson(lockFileToJson(lock).json, { indent: true })}\n`;
}

/** Whether two locks would be written the same. */
export function lockFilesEqual(a: LockFile, b: LockFile): boolean {
  return writeLockFile(a) === writeLockFile(b);
}

/**
 * The node at a path from the root, through `follows`; undefined when there is none. Throws `flake/follows-cycle`
 * naming the cycle.
 */
export function findInput(lock: LockFile, path: InputPath): LockNode | undefined {
  const under: string[] = [];
  const find = (target: InputPath): LockNode | undefined => {
    const text = writeInputPath(target);
    const begun = under.indexOf(text);
    if (begun >= 0)
      throw flakeError(
        'follows-cycle',
        `follow cycle detected: [${[...under.slice(begun), text].join(' -> ')}]`,
        {
          hint: 'take one of these `follows` out of flake.nix',
        },
      );
    under.push(text);
    let node: LockNode | undefined = lock.root;
    for (const name of target) {
      const edge: LockEdge | undefined = node.inputs.get(name);
      if (edge === undefined) return undefined;
      node = edge.kind === 'node' ? edge.node : find(edge.path);
      if (node === undefined) return undefined;
    }
    under.pop();
    return node;
  };
  return find(path);
}

/** Checks that every `follows` leads somewhere. Throws `flake/follows-nothing`, `flake/follows-cycle`. */
export function checkFollows(lock: LockFile): void {
  for (const { path, edge } of allInputs(lock))
    if (edge.kind === 'follows' && edge.path.length > 0 && findInput(lock, edge.path) === undefined)
      throw flakeError(
        'follows-nothing',
        `input '${writeInputPath(path)}' follows a non-existent input '${writeInputPath(edge.path)}'`,
        { hint: `name an input of the root flake in \`follows\`, or take it out` },
      );
}

/** Every input with its path, in the order of paths; a node reached twice is entered once. */
export function allInputs(lock: LockFile): { readonly path: InputPath; readonly edge: LockEdge }[] {
  const done = new Set<LockNode>();
  const result: { readonly path: InputPath; readonly edge: LockEdge }[] = [];
  const visit = (prefix: InputPath, node: LockNode): void => {
    if (done.has(node)) return;
    done.add(node);
    for (const [name, edge] of sortedInputs(node)) {
      const path = [...prefix, name];
      result.push({ path, edge });
      if (edge.kind === 'node') visit(path, edge.node);
    }
  };
  visit([], lock.root);
  return result.sort((a, b) => comparePaths(a.path, b.path));
}

/** Order of input paths as Nix's maps have it: element by element. */
export function comparePaths(a: InputPath, b: InputPath): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const order = compareText(a[i]!, b[i]!);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

/** The first input that is not fixed by content, or undefined: such a lock is not written. */
export function unlockedInput(lock: LockFile): FlakeReference | undefined {
  for (const { edge } of allInputs(lock))
    if (
      edge.kind === 'node' &&
      !isLocked(edge.node.locked.input) &&
      relativePathOf(edge.node.locked.input) === undefined
    )
      return edge.node.locked;
  return undefined;
}

/** `a/b`: an input path as `--update-input` and `follows` write it. */
export function writeInputPath(path: InputPath): string {
  return path.join('/');
}

/** Reads `a/b`. Empty elements are dropped. Throws `flake/bad-input-path`. */
export function parseInputPath(text: string): InputPath {
  const path = text.split('/').filter((name) => name !== '');
  for (const name of path)
    if (!/^[a-zA-Z][a-zA-Z0-9_-]*$/.test(name))
      throw flakeError('bad-input-path', `invalid flake input attribute path element '${name}'`);
  return path;
}
