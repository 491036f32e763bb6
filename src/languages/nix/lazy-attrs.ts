// An attribute set over names that lie elsewhere, tens of thousands of them, of which an evaluation uses a few. Selecting
// an attribute asks for that name alone; whatever walks over the set makes it whole first.
import type { ByteString } from '../../foundation/byte-string.ts';
import type { SymbolId } from './symbols.ts';
import { updateAttrs } from './update.ts';
import { Attrs, emptyAttrs, getAttr, noPlaces, type Slot } from './values.ts';

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
      values[i] = this.#made.get(symbol) ?? this.#source.make(names[order[i]! - symbol * 2 ** 24]!);
    }
    return new Attrs(symbols, values, noPlaces(names.length), 0);
  }
}

/** See the head of this file. `names`, `values` and `places` make the set whole; {@link find} does not. */
export class LazyAttrs extends Attrs {
  readonly #source: SourceAttrs;
  /** What updates have put over the source's attributes. */
  readonly #over: Attrs;
  #whole: Attrs | undefined;

  constructor(source: SourceAttrs, over: Attrs) {
    super([], [], [], over.position);
    this.#source = source;
    this.#over = over;
    // A plain set has these as fields of its own, which is fastest; here they hide behind accessors of the same names.
    Object.defineProperties(this, {
      names: { get: () => this.#all().names },
      values: { get: () => this.#all().values },
      places: { get: () => this.#all().places },
    });
  }

  /** The slot of an attribute, or undefined. */
  find(symbol: SymbolId): Slot | undefined {
    return getAttr(this.#over, symbol) ?? this.#source.find(symbol);
  }

  /** This set with other attributes put over its own. */
  update(right: Attrs): LazyAttrs {
    return new LazyAttrs(this.#source, updateAttrs(this.#over, right, right.position));
  }

  #all(): Attrs {
    this.#whole ??= updateAttrs(this.#source.all(), this.#over, this.position);
    return this.#whole;
  }
}

/** The attributes of a source; `symbols` is the evaluator's table of names. */
export function lazyAttrs(source: AttrsSource, symbols: NameTable): LazyAttrs {
  return new LazyAttrs(new SourceAttrs(source, symbols), emptyAttrs);
}

/** The slot of an attribute of any set, or undefined. */
export function slotOf(attrs: Attrs, symbol: SymbolId): Slot | undefined {
  return attrs instanceof LazyAttrs ? attrs.find(symbol) : getAttr(attrs, symbol);
}

/** `left // right`. */
export function update(left: Attrs, right: Attrs): Attrs {
  if (left instanceof LazyAttrs && !(right instanceof LazyAttrs)) return left.update(right);
  return updateAttrs(left, right, 0);
}
