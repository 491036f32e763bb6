// Builds the node of an attribute set binding by binding: nested paths make nested sets, sets given in several
// pieces are merged, and what is defined twice is refused with both places.
import type { ByteString } from '../../foundation/byte-string.ts';
import {
  type AttrDef,
  AttrKind,
  type AttrName,
  type AttrsNode,
  type InheritFromNode,
  Kind,
  type LocalPosition,
  type Node,
} from './ast.ts';
import { showNode } from './show-node.ts';

export type AttrPath = readonly AttrName[];

function emptyNode(): AttrsNode {
  return { kind: Kind.attrs, position: 0, recursive: false, attrs: new Map(), dynamic: [], from: [] };
}

/** Gives a function (and the functions it returns) the name of the attribute it is bound to. */
function nameFunctions(value: Node, name: ByteString): void {
  for (let node = value; node.kind === Kind.lambda; node = node.body) node.name = name;
}

export class AttrsBuilder {
  readonly node: AttrsNode = emptyNode();
  private readonly fail: (message: ByteString, position: LocalPosition) => never;
  private readonly showPosition: (position: LocalPosition) => ByteString;

  constructor(
    fail: (message: ByteString, position: LocalPosition) => never,
    showPosition: (position: LocalPosition) => ByteString,
  ) {
    this.fail = fail;
    this.showPosition = showPosition;
  }

  private duplicate(path: AttrPath, position: LocalPosition, previous: LocalPosition): never {
    const shown = path.map((part) => ('name' in part ? part.name : `"\${${showNode(part.expr)}}"`)).join('.');
    this.fail(`attribute '${shown}' already defined at ${this.showPosition(previous)}`, position);
  }

  /** `a.b.c = value;` */
  add(path: AttrPath, position: LocalPosition, value: Node): void {
    let target = this.node;
    for (const [index, part] of path.slice(0, -1).entries()) {
      if ('name' in part) {
        const present = target.attrs.get(part.name);
        if (present === undefined) {
          const nested = emptyNode();
          target.attrs.set(part.name, { value: nested, position, kind: AttrKind.plain });
          target = nested;
        } else if (present.value.kind === Kind.attrs) target = present.value;
        else this.duplicate(path.slice(0, index + 1), position, present.position);
      } else {
        const nested = emptyNode();
        target.dynamic.push({ name: part.expr, value: nested, position });
        target = nested;
      }
    }
    const last = path.at(-1)!;
    if ('name' in last) {
      this.define(target, path, last.name, { value, position, kind: AttrKind.plain });
    } else target.dynamic.push({ name: last.expr, value, position });
  }

  private define(target: AttrsNode, path: AttrPath, name: ByteString, definition: AttrDef): void {
    const present = target.attrs.get(name);
    if (present === undefined) {
      target.attrs.set(name, definition);
      nameFunctions(definition.value, name);
      return;
    }
    const into = present.value;
    const piece = definition.value;
    if (into.kind !== Kind.attrs || piece.kind !== Kind.attrs) {
      this.duplicate(path, definition.position, present.position);
    }
    const moved = new Set<InheritFromNode>();
    for (const [nestedName, nested] of piece.attrs) {
      if (nested.kind === AttrKind.inheritedFrom && nested.value.kind === Kind.select) {
        const source = nested.value.of;
        if (source.kind === Kind.inheritFrom && !moved.has(source)) {
          source.index += into.from.length;
          moved.add(source);
        }
      }
      this.define(into, [...path, { name: nestedName }], nestedName, nested);
    }
    piece.attrs.clear();
    into.dynamic.push(...piece.dynamic.splice(0));
    into.from.push(...piece.from.splice(0));
  }

  /** Registers the source of `inherit (source) …` and returns the node that refers to it. */
  addSource(source: Node, position: LocalPosition): InheritFromNode {
    this.node.from.push(source);
    return { kind: Kind.inheritFrom, position, index: this.node.from.length - 1 };
  }

  /** One name of an `inherit`. */
  inherit(name: ByteString, position: LocalPosition, definition: AttrDef): void {
    const present = this.node.attrs.get(name);
    if (present !== undefined) this.duplicate([{ name }], position, present.position);
    this.node.attrs.set(name, definition);
  }
}
