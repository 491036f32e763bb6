// The core language that the expander writes and the compiler reads.
import type { Module } from './module.ts';
import type { Place } from './syntax.ts';
import type { Keyword, Sym, Value } from './values.ts';

/** A local variable. The compiler fills in the rest. */
export class LocalVariable {
  readonly name: string;
  assigned = false;
  /** Clause whose activation record holds it. */
  owner: Clause | undefined;
  /** Whether a lambda other than the owner refers to it. */
  captured = false;
  /** Kept in a Box, because it is both captured and changed (or captured before it has a value). */
  boxed = false;
  slot = 0;
  /** When the first reference was met, in the order of analysis. */
  firstUse = Number.POSITIVE_INFINITY;
  constructor(name: string) {
    this.name = name;
  }
}

export interface Clause {
  readonly required: readonly LocalVariable[];
  readonly optional: readonly LocalVariable[];
  readonly rest: LocalVariable | undefined;
  readonly keywords: readonly { readonly key: Keyword; readonly variable: LocalVariable }[] | undefined;
  readonly allowOtherKeys: boolean;
  /** Defaults of the optional and then the keyword parameters. */
  readonly defaults: readonly IR[];
  readonly body: IR;
}

export type IR =
  | { readonly kind: 'constant'; readonly value: Value }
  | { readonly kind: 'local'; readonly variable: LocalVariable }
  | { readonly kind: 'set-local'; readonly variable: LocalVariable; readonly value: IR }
  | {
      readonly kind: 'global';
      readonly name: Sym;
      readonly module: Module;
      readonly isPublic: boolean;
      readonly place: Place | undefined;
    }
  | { readonly kind: 'set-global'; readonly name: Sym; readonly module: Module; readonly value: IR }
  | { readonly kind: 'define'; readonly name: Sym; readonly module: Module; readonly value: IR }
  | { readonly kind: 'if'; readonly test: IR; readonly yes: IR; readonly no: IR }
  | { readonly kind: 'sequence'; readonly items: readonly IR[] }
  | {
      readonly kind: 'lambda';
      readonly clauses: readonly Clause[];
      name: string | undefined;
      readonly place: Place | undefined;
      readonly documentation: string | undefined;
    }
  | {
      readonly kind: 'call';
      readonly procedure: IR;
      readonly args: readonly IR[];
      readonly place: Place | undefined;
    }
  | {
      readonly kind: 'let';
      readonly variables: readonly LocalVariable[];
      readonly inits: readonly IR[];
      readonly body: IR;
    }
  | {
      /** Sequential (letrec*); a missing variable stands for an expression evaluated for effect. */
      readonly kind: 'letrec';
      readonly variables: readonly (LocalVariable | undefined)[];
      readonly inits: readonly IR[];
      readonly body: IR;
    }
  /** Applies a TypeScript function to the values of its arguments; it must not call Scheme. */
  | {
      readonly kind: 'native';
      readonly fn: (...args: Value[]) => Value;
      readonly args: readonly IR[];
    };

export const constant = (value: Value): IR => ({ kind: 'constant', value });
