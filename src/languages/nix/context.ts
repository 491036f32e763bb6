// String contexts: what a string depends on.

import type { StorePath } from '../../formats/store-path.ts';
import type { ByteString } from '../../foundation/byte-string.ts';
import type { StringContext } from './values.ts';

/** Collects contexts while a string is put together; shares a context that is the only one. */
export class ContextBuilder {
  private set: Set<ByteString> | undefined;
  private owned = false;

  /** Adds everything of a context. */
  addAll(context: StringContext): void {
    if (this.set === undefined) {
      this.set = context as Set<ByteString>;
      return;
    }
    if (this.set === context) return;
    for (const element of context) this.add(element);
  }

  add(element: ByteString): void {
    if (this.set === undefined) {
      this.set = new Set([element]);
      this.owned = true;
    } else if (!this.set.has(element)) {
      if (!this.owned) {
        this.set = new Set(this.set);
        this.owned = true;
      }
      this.set.add(element);
    }
  }

  /** What was collected; undefined when there was nothing. */
  get context(): StringContext | undefined {
    return this.set !== undefined && this.set.size > 0 ? this.set : undefined;
  }
}

/** An element of a context, taken apart. */
export type ContextElement =
  | { readonly kind: 'path'; readonly path: StorePath }
  | { readonly kind: 'closure'; readonly path: StorePath }
  | { readonly kind: 'output'; readonly path: StorePath; readonly output: ByteString };

export function parseContextElement(element: ByteString): ContextElement {
  if (element[0] === '=') return { kind: 'closure', path: element.slice(1) as StorePath };
  if (element[0] === '!') {
    const end = element.indexOf('!', 1);
    return { kind: 'output', path: element.slice(end + 1) as StorePath, output: element.slice(1, end) };
  }
  return { kind: 'path', path: element as StorePath };
}

const rank = { path: 0, closure: 1, output: 2 } as const;

/** The elements in the order Nix keeps them. */
export function sortedContext(context: StringContext): ContextElement[] {
  return [...context].map(parseContextElement).sort((a, b) => {
    if (a.kind !== b.kind) return rank[a.kind] - rank[b.kind];
    if (a.path !== b.path) return a.path < b.path ? -1 : 1;
    const left = a.kind === 'output' ? a.output : '';
    const right = b.kind === 'output' ? b.output : '';
    return left < right ? -1 : left > right ? 1 : 0;
  });
}
