// Attribute and variable names as small integers. An evaluator owns one table, so that attribute sets can be
// sorted arrays of integers and a name is compared by identity.
import type { ByteString } from '../../foundation/byte-string.ts';

/** An interned name; only meaningful together with the table that made it. */
export type SymbolId = number;

/** Names in the order Nix creates them first, since sets are walked in that order when errors are looked for. */
const wellKnownNames = [
  '<with>',
  'outPath',
  'drvPath',
  'type',
  'meta',
  'name',
  'value',
  'system',
  '__overrides',
  'outputs',
  'outputName',
  '__ignoreNulls',
  'file',
  'line',
  'column',
  '__functor',
  '__toString',
  'right',
  'wrong',
  '__structuredAttrs',
  '__json',
  'allowedReferences',
  'allowedRequisites',
  'disallowedReferences',
  'disallowedRequisites',
  'maxSize',
  'maxClosureSize',
  'builder',
  'args',
  '__contentAddressed',
  '__impure',
  'outputHash',
  'outputHashAlgo',
  'outputHashMode',
  'recurseForDerivations',
  'description',
  'self',
  '',
  'startSet',
  'operator',
  'key',
  'path',
  'prefix',
  'outputSpecified',
  'requiredSystemFeatures',
  '__sub',
  '__lessThan',
  '__mul',
  '__div',
  'or',
  '__findFile',
  '__nixPath',
  'body',
] as const;

export class SymbolTable {
  private readonly examine: ((name: ByteString) => void) | undefined;
  private readonly ids = new Map<ByteString, SymbolId>();
  /** Name of each symbol, by id. */
  readonly names: ByteString[] = [];
  readonly outPath: SymbolId;
  readonly drvPath: SymbolId;
  readonly type: SymbolId;
  readonly name: SymbolId;
  readonly value: SymbolId;
  readonly functor: SymbolId;
  readonly toStringAttr: SymbolId;
  readonly overrides: SymbolId;

  /** `examine` is told names when they are first met; see `EvaluatorSettings.examine`. */
  constructor(examine: ((name: ByteString) => void) | undefined) {
    this.examine = examine;
    for (const name of wellKnownNames) this.intern(name);
    this.outPath = this.intern('outPath');
    this.drvPath = this.intern('drvPath');
    this.type = this.intern('type');
    this.name = this.intern('name');
    this.value = this.intern('value');
    this.functor = this.intern('__functor');
    this.toStringAttr = this.intern('__toString');
    this.overrides = this.intern('__overrides');
  }

  /** The id of a name, made when it is new. */
  intern(name: ByteString): SymbolId {
    let id = this.ids.get(name);
    if (id === undefined) {
      id = this.names.length;
      this.ids.set(name, id);
      this.names.push(name);
      if (this.examine !== undefined) this.examine(name);
    }
    return id;
  }

  /** The id of a name that some expression or value already uses, or -1. */
  find(name: ByteString): SymbolId {
    return this.ids.get(name) ?? -1;
  }
}
