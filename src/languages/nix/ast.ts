// The syntax tree as the parser makes it: plain nodes that live only until a file is resolved and encoded.
import type { ByteString } from '../../foundation/byte-string.ts';

/** Offset of a node in its text plus one; 0 when the node has no position of its own. */
export type LocalPosition = number;

/** Kinds of nodes; the numbers are also the opcodes of the encoded form. */
export const Kind = {
  integer: 1,
  bigInteger: 2,
  float: 3,
  string: 4,
  path: 5,
  variable: 6,
  global: 7,
  withVariable: 8,
  inheritFrom: 9,
  select: 10,
  hasAttr: 11,
  attrs: 12,
  list: 13,
  lambda: 14,
  call: 15,
  let: 16,
  with: 17,
  if: 18,
  assert: 19,
  not: 20,
  equal: 21,
  notEqual: 22,
  and: 23,
  or: 24,
  implies: 25,
  update: 26,
  concatLists: 27,
  concatStrings: 28,
  currentPosition: 29,
} as const;

export type AttrName = { readonly name: ByteString } | { readonly expr: Node };

export const AttrKind = { plain: 0, inherited: 1, inheritedFrom: 2 } as const;
export type AttrKind = (typeof AttrKind)[keyof typeof AttrKind];

export interface AttrDef {
  readonly value: Node;
  readonly position: LocalPosition;
  readonly kind: AttrKind;
}

export interface AttrsNode {
  readonly kind: typeof Kind.attrs;
  position: LocalPosition;
  recursive: boolean;
  readonly attrs: Map<ByteString, AttrDef>;
  readonly dynamic: { name: Node; value: Node; position: LocalPosition }[];
  /** Sources of `inherit (source) …`. */
  readonly from: Node[];
}

export interface LambdaNode {
  readonly kind: typeof Kind.lambda;
  readonly position: LocalPosition;
  name: ByteString | undefined;
  readonly argument: ByteString | undefined;
  readonly formals: readonly FormalNode[] | undefined;
  readonly ellipsis: boolean;
  readonly body: Node;
}

export interface FormalNode {
  readonly name: ByteString;
  readonly position: LocalPosition;
  readonly fallback: Node | undefined;
}

export interface CallNode {
  readonly kind: typeof Kind.call;
  readonly position: LocalPosition;
  readonly fn: Node;
  readonly args: Node[];
  /** For `f or` alone: the offset where it ends. Such calls are warned of where they are not what they seem. */
  cursedOrEnd?: number;
}

interface VariableNode {
  readonly kind: typeof Kind.variable;
  readonly position: LocalPosition;
  readonly name: ByteString;
}

interface StringNode {
  readonly kind: typeof Kind.string;
  readonly position: 0;
  readonly text: ByteString;
}

interface SelectNode {
  readonly kind: typeof Kind.select;
  readonly position: LocalPosition;
  readonly of: Node;
  readonly path: readonly AttrName[];
  readonly fallback: Node | undefined;
}

export interface InheritFromNode {
  readonly kind: typeof Kind.inheritFrom;
  readonly position: LocalPosition;
  index: number;
}

export type BinaryKind =
  | typeof Kind.equal
  | typeof Kind.notEqual
  | typeof Kind.and
  | typeof Kind.or
  | typeof Kind.implies
  | typeof Kind.update
  | typeof Kind.concatLists;

export interface ConcatStringsNode {
  readonly kind: typeof Kind.concatStrings;
  readonly position: LocalPosition;
  readonly forceString: boolean;
  readonly parts: readonly { readonly position: LocalPosition; readonly value: Node }[];
}

export type Node =
  | { readonly kind: typeof Kind.integer; readonly position: 0; readonly value: bigint }
  | { readonly kind: typeof Kind.float; readonly position: 0; readonly text: ByteString }
  | StringNode
  | { readonly kind: typeof Kind.path; readonly position: 0; readonly literal: ByteString }
  | VariableNode
  | InheritFromNode
  | SelectNode
  | {
      readonly kind: typeof Kind.hasAttr;
      readonly position: LocalPosition;
      readonly of: Node;
      readonly path: readonly AttrName[];
    }
  | AttrsNode
  | { readonly kind: typeof Kind.list; readonly position: LocalPosition; readonly items: readonly Node[] }
  | LambdaNode
  | CallNode
  | { readonly kind: typeof Kind.let; readonly position: 0; readonly attrs: AttrsNode; readonly body: Node }
  | {
      readonly kind: typeof Kind.with;
      readonly position: LocalPosition;
      readonly attrs: Node;
      readonly body: Node;
    }
  | {
      readonly kind: typeof Kind.if;
      readonly position: LocalPosition;
      readonly condition: Node;
      readonly then: Node;
      readonly otherwise: Node;
    }
  | {
      readonly kind: typeof Kind.assert;
      readonly position: LocalPosition;
      readonly condition: Node;
      readonly body: Node;
    }
  | { readonly kind: typeof Kind.not; readonly position: LocalPosition; readonly operand: Node }
  | {
      readonly kind: BinaryKind;
      readonly position: LocalPosition;
      readonly left: Node;
      readonly right: Node;
    }
  | ConcatStringsNode
  | { readonly kind: typeof Kind.currentPosition; readonly position: LocalPosition };
