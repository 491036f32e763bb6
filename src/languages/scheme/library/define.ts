// How the libraries written in TypeScript register their procedures.
import type { Module } from '../module.ts';
import { Primitive, stepping } from '../procedures.ts';
import type { Session } from '../session.ts';
import { intern, type Value } from '../values.ts';

// biome-ignore lint/suspicious/noExplicitAny: Scheme values are checked by each procedure.
type Fn = (...args: any[]) => Value;
// biome-ignore lint/suspicious/noExplicitAny: as above.
type Steps = (...args: any[]) => Generator<Value, Value, Value>;

const MANY = Number.POSITIVE_INFINITY;

/** Registers procedures in a module, exported. `max` is Infinity for a rest parameter. */
export class Definer {
  readonly session: Session;
  readonly module: Module;
  constructor(session: Session, module: Module) {
    this.session = session;
    this.module = module;
  }
  /** Binds and exports any value. */
  value(name: string, value: Value): void {
    const symbol = intern(name);
    this.module.define(symbol, value);
    if (this.module.publicInterface !== this.module) this.module.export([symbol]);
  }
  /** A procedure that calls no other. */
  pure(name: string, min: number, max: number, fn: Fn): void {
    const primitive = new Primitive(name, min, max, fn);
    primitive.pure = true;
    this.value(name, primitive);
  }
  /** A procedure that may answer like a compiled node (tail calls). */
  tail(name: string, min: number, max: number, fn: Fn): void {
    this.value(name, new Primitive(name, min, max, fn));
  }
  /** A procedure that calls others, as a generator. */
  steps(name: string, min: number, max: number, fn: Steps): void {
    this.value(name, new Primitive(name, min, max, stepping(fn)));
  }
  /** A control operator: runs with an empty native stack. */
  control(name: string, min: number, max: number, fn: Fn): void {
    this.value(name, new Primitive(name, min, max, fn, true));
  }
  /** A procedure for the module's own Scheme source: not exported. */
  hidden(name: string, min: number, max: number, fn: Fn): void {
    this.module.define(name, new Primitive(name, min, max, fn));
  }
  alias(name: string, of: string): void {
    this.value(name, this.module.local(intern(of))!.value);
  }
}

export { MANY };
