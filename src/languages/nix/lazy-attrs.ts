// An attribute set over names that lie elsewhere, tens of thousands of them, of which an evaluation uses a few. Selecting
// an attribute asks for that name alone; whatever walks over the set makes it whole first.
import type { ByteString } from '../../foundation/byte-string.ts';
import type { Position } from './positions.ts';
import type { SymbolId } from './symbols.ts';
import { updateAttrs } from './update.ts';
import { Attrs, emptyAttrs, findAttr, getAttr, noPlaces, type Slot } from './values.ts';

/** Where the names of a {@link LazyAttrs} come from, and its values. */
export interface AttrsSource {
  has(name: ByteString): boolean;
  /** All of them, in any order, none twice. */
  names(): readonly ByteString[];
  /** The value of a name that is there; not evaluated yet. */
  make(name: ByteString): Slot;
}

interface NameTable {
  readonly names: readonly ByteString[];
  intern(name: ByteString): SymbolId;
}

/** The attributes of a source, those that were asked for made once. Shared by a set and its updates. */
class SourceAttrs {
  readonly #source: AttrsSource;
  readonly #symbols: NameTable;
  /** By symbol; undefined for names that are not there. */
  readonly #made = new Map<SymbolId, Slot | undefined>();

  constructor(source: AttrsSource, symbols: NameTable) {
    this.#source = source;
    this.#symbols = symbols;
  }

  find(symbol: SymbolId): Slot | undefined {
    if (this.#made.has(symbol)) return this.#made.get(symbol);
    const name = this.#symbols.names[symbol]!;
    const slot = this.#source.has(name) ? this.#source.make(name) : undefined;
    this.#made.set(symbol, slot);
    return slot;
  }

  all(): Attrs {
    const names = this.#source.names();
    // Numbers are sorted as numbers, and few objects are made: there are many names.
    const order = new Float64Array(names.length);
    for (let i = 0; i < names.length; i++) order[i] = this.#symbols.intern(names[i]!) * 2 ** 24 + i;
    order.sort();
    const symbols: SymbolId[] = new Array(names.length);
    const values: Slot[] = new Array(names.length);
    for (let i = 0; i < names.length; i++) {
      const symbol = Math.floor(order[i]! / 2 ** 24);
      symbols[i] = symbol;
      const made = this.#made.get(symbol);
      values[i] = made !== undefined ? made : this.#source.make(names[order[i]! - symbol * 2 ** 24]!);
    }
    return new Attrs(symbols, values, noPlaces(names.length), 0);
  }
}

/** See the head of this file. `names`, `values` and `places` make the set whole; {@link find} does not. */
export class LazyAttrs extends Attrs {
  readonly #source: SourceAttrs;
  /** What updates have put over the source's attributes, and under them. */
  readonly #over: Attrs;
  readonly #under: Attrs;
  #whole: Attrs | undefined;

  constructor(source: SourceAttrs, { over, under }: { readonly over: Attrs; readonly under: Attrs }) {
    super([], [], [], over.position);
    this.#source = source;
    this.#over = over;
    this.#under = under;
    // A plain set has these as fields of its own, which is fastest; here they hide behind accessors of the same names.
    Object.defineProperties(this, {
      names: { get: () => this.#all().names },
      values: { get: () => this.#all().values },
      places: { get: () => this.#all().places },
    });
  }

  /** The slot of an attribute, or undefined. */
  find(symbol: SymbolId): Slot | undefined {
    // Nix's null is JavaScript's: only undefined means that an attribute is not there.
    const over = getAttr(this.#over, symbol);
    if (over !== undefined) return over;
    const own = this.#source.find(symbol);
    return own !== undefined ? own : getAttr(this.#under, symbol);
  }

  /** Where an attribute was written; 0 for those of the source. */
  positionOf(symbol: SymbolId): Position {
    return positionIn(this.#over, symbol) ?? positionIn(this.#under, symbol) ?? 0;
  }

  /** This set with other attributes put over its own. */
  updatedWith(right: Attrs): LazyAttrs {
    return new LazyAttrs(this.#source, {
      over: updateAttrs(this.#over, right, right.position),
      under: this.#under,
    });
  }

  /** Another set with these attributes put over its own. */
  updating(left: Attrs): LazyAttrs {
    return new LazyAttrs(this.#source, {
      over: this.#over,
      under: updateAttrs(left, this.#under, left.position),
    });
  }

  #all(): Attrs {
    this.#whole ??= updateAttrs(
      updateAttrs(this.#under, this.#source.all(), this.position),
      this.#over,
      this.position,
    );
    return this.#whole;
  }
}

/** The attributes of a source; `symbols` is the evaluator's table of names. */
export function lazyAttrs(source: AttrsSource, symbols: NameTable): LazyAttrs {
  return new LazyAttrs(new SourceAttrs(source, symbols), { over: emptyAttrs, under: emptyAttrs });
}

/** The slot of an attribute of any set, or undefined. */
export function slotOf(attrs: Attrs, symbol: SymbolId): Slot | undefined {
  return attrs instanceof LazyAttrs ? attrs.find(symbol) : getAttr(attrs, symbol);
}

/** An attribute of any set with the place where it was written, or undefined. */
export function locate(
  attrs: Attrs,
  symbol: SymbolId,
): { readonly slot: Slot; readonly position: Position } | undefined {
  if (attrs instanceof LazyAttrs) {
    const slot = attrs.find(symbol);
    return slot === undefined ? undefined : { slot, position: attrs.positionOf(symbol) };
  }
  const index = findAttr(attrs.names, symbol);
  return index < 0 ? undefined : { slot: attrs.values[index]!, position: attrs.positionAt(index) };
}

function positionIn(attrs: Attrs, symbol: SymbolId): Position | undefined {
  const index = findAttr(attrs.names, symbol);
  return index < 0 ? undefined : attrs.positionAt(index);
}

/** `left // right`. */
export function update(left: Attrs, right: Attrs): Attrs {
  if (left instanceof LazyAttrs && !(right instanceof LazyAttrs)) return left.updatedWith(right);
  if (right instanceof LazyAttrs && !(left instanceof LazyAttrs)) return right.updating(left);
  return updateAttrs(left, right, 0);
}
