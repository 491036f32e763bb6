// The syntax of Nix as far as one reads it without evaluating: names that `let` binds, sets that are merged, lists that
// are joined.
import { fromByteString, toByteString } from '../../foundation/byte-string.ts';
import { AttrKind, type AttrsNode, Kind, type Node } from '../../languages/nix/ast.ts';

/** What names mean around a node, by byte string. */
export type Scope = ReadonlyMap<string, Node>;

/** What a variable stands for, where a `let` around it says so. */
export function follow(node: Node | undefined, scope: Scope): Node | undefined {
  let value = node;
  for (let depth = 0; depth < 20 && value?.kind === Kind.variable; depth++) {
    const bound = scope.get(value.name);
    if (bound === undefined || bound === value) break;
    value = bound;
  }
  return value;
}

/** A set, `//` applied; `nameOf` gives the text of a name that is not plain. Undefined for anything else. */
export function asSet(
  node: Node | undefined,
  scope: Scope,
  nameOf: (node: Node) => string | undefined,
): AttrsNode | undefined {
  const value = follow(node, scope);
  if (value?.kind === Kind.update) {
    const left = asSet(value.left, scope, nameOf);
    const right = asSet(value.right, scope, nameOf);
    if (left === undefined || right === undefined) return undefined;
    return { ...right, attrs: new Map([...left.attrs, ...right.attrs]), dynamic: [] };
  }
  if (value?.kind !== Kind.attrs || value.dynamic.length === 0) {
    return value?.kind === Kind.attrs ? value : undefined;
  }
  const attrs = new Map(value.attrs);
  for (const { name, value: inner, position } of value.dynamic) {
    const text = nameOf(name);
    if (text === undefined) return undefined;
    attrs.set(toByteString(text), { value: inner, position, kind: AttrKind.plain });
  }
  return { ...value, attrs, dynamic: [] };
}

/** The items of a list, `++` and `with` applied; undefined for anything else. */
export function asList(node: Node | undefined, scope: Scope): readonly Node[] | undefined {
  const value = follow(node, scope);
  switch (value?.kind) {
    case Kind.list:
      return value.items;
    case Kind.with:
      return asList(value.body, scope);
    case Kind.concatLists: {
      const left = asList(value.left, scope);
      const right = asList(value.right, scope);
      return left === undefined || right === undefined ? undefined : [...left, ...right];
    }
    default:
      return undefined;
  }
}

export function attrOf(node: AttrsNode, key: string): Node | undefined {
  return node.attrs.get(toByteString(key))?.value;
}

/** `buildImage` of `pkgs.dockerTools.buildImage`; empty for what has no name. */
export function lastName(node: Node): string {
  if (node.kind === Kind.variable) return fromByteString(node.name);
  const last = node.kind === Kind.select ? node.path.at(-1) : undefined;
  return last !== undefined && 'name' in last ? fromByteString(last.name) : '';
}

const overriding = /^override(?:Attrs|PythonAttrs|Derivation)?$/;

/** `pkgs.hello` of `pkgs.hello.overrideAttrs f`; undefined for anything that changes no package. */
export function overridden(node: Node): Node | undefined {
  if (node.kind !== Kind.call || node.fn.kind !== Kind.select || !overriding.test(lastName(node.fn)))
    return undefined;
  const { fn } = node;
  return fn.path.length === 1 ? fn.of : { ...fn, path: fn.path.slice(0, -1) };
}

/** `python3` of `pkgs.python3.withPackages`. */
export function nameBefore(node: Node): string {
  if (node.kind !== Kind.select) return '';
  const before = node.path.at(-2);
  return before !== undefined && 'name' in before ? fromByteString(before.name) : lastName(node.of);
}
