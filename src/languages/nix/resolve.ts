// Resolves every variable of a syntax tree to the place where it will be found, and encodes the tree as a Program.
import type { ByteString } from '../../foundation/byte-string.ts';
import {
  AttrKind,
  type AttrName,
  type AttrsNode,
  Kind,
  type LambdaNode,
  type LocalPosition,
  type Node,
} from './ast.ts';
import { NixError } from './errors.ts';
import { type Program, StringTable } from './program.ts';
import { showNode } from './show-node.ts';

/** Names visible at some point: one level of environment each. A `with` is a level without names. */
interface Scope {
  readonly parent: Scope | undefined;
  /** Slot of each name; undefined for a `with`. */
  readonly slots: ReadonlyMap<ByteString, number> | undefined;
}

export interface ResolveOptions {
  /** Position of the text's first byte, for errors. */
  readonly base: number;
  readonly sourceLength: number;
  /** Whether a name is in the base environment. */
  readonly isGlobal: (name: ByteString) => boolean;
  /** Names of an extra outermost level (`scopedImport`), in slot order. */
  readonly scope?: readonly ByteString[];
}

class Resolver {
  private readonly words: number[] = [];
  private readonly strings: ByteString[] = [];
  private readonly stringIndexes = new Map<ByteString, number>();
  private readonly options: ResolveOptions;

  constructor(options: ResolveOptions) {
    this.options = options;
  }

  program(root: Node): Program {
    const scope = this.options.scope;
    const outer: Scope | undefined =
      scope === undefined ? undefined : { parent: undefined, slots: slotsOf(scope) };
    const index = this.encode(root, outer);
    return {
      words: Int32Array.from(this.words),
      strings: new StringTable(this.strings),
      root: index,
      sourceLength: this.options.sourceLength,
    };
  }

  private string(text: ByteString): number {
    let index = this.stringIndexes.get(text);
    if (index === undefined) {
      index = this.strings.length;
      this.strings.push(text);
      this.stringIndexes.set(text, index);
    }
    return index;
  }

  /** Appends a node whose children have been encoded already. */
  private emit(kind: number, position: LocalPosition, ...fields: number[]): number {
    const index = this.words.length;
    this.words.push(kind, position, ...fields);
    return index;
  }

  private emitAll(kind: number, position: LocalPosition, fields: readonly number[]): number {
    const index = this.words.length;
    this.words.push(kind, position);
    for (const field of fields) this.words.push(field);
    return index;
  }

  private encode(node: Node, scope: Scope | undefined): number {
    switch (node.kind) {
      case Kind.integer:
        return node.value >= -2147483648n && node.value <= 2147483647n
          ? this.emit(Kind.integer, 0, Number(node.value))
          : this.emit(Kind.bigInteger, 0, this.string(String(node.value)));
      case Kind.float:
        return this.emit(Kind.float, 0, this.string(node.text));
      case Kind.string:
        return this.emit(Kind.string, 0, this.string(node.text));
      case Kind.path:
        return this.emit(Kind.path, 0, this.string(node.literal));
      case Kind.variable:
        return this.variable(node.name, node.position, scope);
      case Kind.inheritFrom:
        return this.emit(Kind.inheritFrom, node.position, node.index);
      case Kind.select: {
        const of = this.encode(node.of, scope);
        const fallback = node.fallback === undefined ? -1 : this.encode(node.fallback, scope);
        return this.emitAll(Kind.select, node.position, [of, fallback, ...this.path(node.path, scope)]);
      }
      case Kind.hasAttr: {
        const of = this.encode(node.of, scope);
        return this.emitAll(Kind.hasAttr, node.position, [of, ...this.path(node.path, scope)]);
      }
      case Kind.attrs:
        return this.attrs(node, scope, node.recursive ? slotsOf([...node.attrs.keys()]) : undefined).index;
      case Kind.list: {
        const items = node.items.map((item) => this.encode(item, scope));
        return this.emitAll(Kind.list, node.position, [items.length, ...items]);
      }
      case Kind.lambda:
        return this.lambda(node, scope);
      case Kind.call: {
        const fn = this.encode(node.fn, scope);
        const args = node.args.map((arg) => this.encode(arg, scope));
        return this.emitAll(Kind.call, node.position, [fn, args.length, ...args]);
      }
      case Kind.let: {
        const attrs = this.attrs(node.attrs, scope, slotsOf([...node.attrs.attrs.keys()]));
        return this.emit(Kind.let, 0, attrs.index, this.encode(node.body, attrs.scope));
      }
      case Kind.with: {
        const attrs = this.encode(node.attrs, scope);
        const body = this.encode(node.body, { parent: scope, slots: undefined });
        return this.emit(Kind.with, node.position, attrs, body);
      }
      case Kind.if: {
        const condition = this.encode(node.condition, scope);
        const then = this.encode(node.then, scope);
        return this.emit(Kind.if, node.position, condition, then, this.encode(node.otherwise, scope));
      }
      case Kind.assert: {
        const condition = this.encode(node.condition, scope);
        const body = this.encode(node.body, scope);
        const text = this.string(showForErrors(node.condition));
        return this.emit(Kind.assert, node.position, condition, body, text);
      }
      case Kind.not:
        return this.emit(Kind.not, node.position, this.encode(node.operand, scope));
      case Kind.concatStrings: {
        const fields = [node.forceString ? 1 : 0, node.parts.length];
        for (const part of node.parts) fields.push(part.position, this.encode(part.value, scope));
        return this.emitAll(Kind.concatStrings, node.position, fields);
      }
      case Kind.currentPosition:
        return this.emit(Kind.currentPosition, node.position);
      default: {
        const left = this.encode(node.left, scope);
        return this.emit(node.kind, node.position, left, this.encode(node.right, scope));
      }
    }
  }

  private variable(name: ByteString, position: LocalPosition, scope: Scope | undefined): number {
    const text = this.string(name);
    const withLevels: number[] = [];
    let level = 0;
    for (let current = scope; current !== undefined; current = current.parent, level++) {
      if (current.slots === undefined) {
        withLevels.push(level);
        continue;
      }
      const slot = current.slots.get(name);
      if (slot !== undefined) return this.emit(Kind.variable, position, text, level, slot);
    }
    if (this.options.isGlobal(name)) return this.emit(Kind.global, position, text);
    if (withLevels.length === 0) {
      throw new NixError('undefined-variable', `undefined variable '${name}'`, {
        position: position === 0 ? 0 : this.options.base + position - 1,
      });
    }
    return this.emitAll(Kind.withVariable, position, [text, withLevels.length, ...withLevels]);
  }

  private path(path: readonly AttrName[], scope: Scope | undefined): number[] {
    const fields = [path.length];
    for (const part of path) {
      if ('name' in part) fields.push(0, this.string(part.name));
      else fields.push(1 + this.string(showForErrors(part.expr)), this.encode(part.expr, scope));
    }
    return fields;
  }

  private attrs(
    node: AttrsNode,
    scope: Scope | undefined,
    slots: ReadonlyMap<ByteString, number> | undefined,
  ): { index: number; scope: Scope | undefined } {
    const inner: Scope | undefined = slots === undefined ? scope : { parent: scope, slots };
    const fields: number[] = [
      (node.recursive ? 1 : 0) | (node.recursive && node.attrs.has('__overrides') ? 2 : 0),
      node.from.length,
      node.attrs.size,
      node.dynamic.length,
    ];
    for (const source of node.from) fields.push(this.encode(source, inner));
    for (const [name, definition] of node.attrs) {
      const definitionScope = definition.kind === AttrKind.plain ? inner : scope;
      fields.push(
        this.string(name),
        definition.kind,
        definition.position,
        this.encode(definition.value, definitionScope),
      );
    }
    for (const { name, value, position } of node.dynamic) {
      fields.push(this.encode(name, inner), this.encode(value, inner), position);
    }
    return { index: this.emitAll(Kind.attrs, node.position, fields), scope: inner };
  }

  private lambda(node: LambdaNode, scope: Scope | undefined): number {
    const names: ByteString[] = [];
    if (node.argument !== undefined) names.push(node.argument);
    for (const formal of node.formals ?? []) names.push(formal.name);
    const inner: Scope = { parent: scope, slots: slotsOf(names) };
    const formals: number[] = [];
    for (const { name, position, fallback } of node.formals ?? []) {
      const index = fallback === undefined ? -1 : this.encode(fallback, inner);
      formals.push(this.string(name), position, index);
    }
    const body = this.encode(node.body, inner);
    return this.emitAll(Kind.lambda, node.position, [
      node.name === undefined ? -1 : this.string(node.name),
      node.argument === undefined ? -1 : this.string(node.argument),
      body,
      (node.formals === undefined ? 0 : 1) | (node.ellipsis ? 2 : 0),
      node.formals?.length ?? 0,
      ...formals,
    ]);
  }
}

/** An expression as errors show it; path literals stand between NULs, until it is known where the file lies. */
function showForErrors(node: Node): ByteString {
  return showNode(node, { path: (literal) => `\0${literal}\0` });
}

/** Slot numbers of names; slot 0 of an environment is its parent. */
function slotsOf(names: readonly ByteString[]): Map<ByteString, number> {
  return new Map(names.map((name, index) => [name, index + 1]));
}

/** Resolves and encodes a tree. Throws a NixError of kind `undefined-variable`. */
export function resolveProgram(root: Node, options: ResolveOptions): Program {
  return new Resolver(options).program(root);
}
