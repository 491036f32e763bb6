// Records and structs of (guile): what (srfi srfi-9), (rnrs records …) and programs that use structs directly need.
import { miscError, outOfRange, throwError, wrongType } from '../errors.ts';
import { fromBigint } from '../numbers.ts';
import { Primitive } from '../procedures.ts';
import {
  arrayToList,
  intern,
  Keyword,
  list,
  listToArray,
  MString,
  NIL,
  Pair,
  Rec,
  RecordType,
  type Sym,
  str,
  UNSPECIFIED,
  type Value,
} from '../values.ts';
import { addressOf } from '../write.ts';
import { type Definer, MANY } from './define.ts';

/** A struct's vtable without names: fields count by its layout. */
function structType(layout: string, printer: Value): RecordType {
  const count = layout.replace(/\s/g, '').length / 2;
  return new RecordType({
    name: intern('struct'),
    fields: Array.from({ length: count }, (_, i) => intern(`field-${i}`)),
    printer: printer === undefined ? structPrinter : printer,
  });
}

const structPrinter = new Primitive('print-struct', 2, 2, () => UNSPECIFIED);

function type(who: string, x: Value, position = 1): RecordType {
  if (!(x instanceof RecordType)) throw wrongType(who, position, x, 'record type');
  return x;
}

function fieldIndex(who: string, t: RecordType, name: Value): number {
  // With inheritance the nearest field of that name counts.
  const at = t.fields.lastIndexOf(name);
  if (at < 0) throw throwError('misc-error', str(who), str('no such field: ~S'), list(name), false);
  return at;
}

/** The error of an accessor or modifier that got something else. */
function notA(who: string, x: Value): Error {
  return throwError('wrong-type-arg', str(who), str('Wrong type argument: ~S'), list(x), list(x));
}

/** Accessor of a field by its index. */
function accessor(t: RecordType, at: number, name: string): Primitive {
  const primitive = new Primitive(name, 1, 1, (x) => {
    if (x instanceof Rec && (x.type === t || x.type.isA(t))) return x.fields[at];
    throw notA(name, x);
  });
  primitive.pure = true;
  return primitive;
}

function modifier(t: RecordType, at: number, name: string): Primitive {
  const primitive = new Primitive(name, 2, 2, (x, value) => {
    if (!(x instanceof Rec && (x.type === t || x.type.isA(t)))) throw notA(name, x);
    x.fields[at] = value;
    return UNSPECIFIED;
  });
  primitive.pure = true;
  return primitive;
}

function optionsOf(rest: readonly Value[]): { printer: Value; keywords: Map<string, Value> } {
  const keywords = new Map<string, Value>();
  let printer: Value;
  for (let i = 0; i < rest.length; i++) {
    if (rest[i] instanceof Keyword) keywords.set(rest[i].symbol.name, rest[++i]);
    else if (i === 0) printer = rest[0];
  }
  return { printer, keywords };
}

function makeRecordType(name: Value, fieldSpecs: readonly Value[], rest: readonly Value[]): RecordType {
  const { printer, keywords } = optionsOf(rest);
  const given = keywords.get('parent');
  const parent = given instanceof RecordType ? given : undefined;
  const own: Sym[] = [];
  const immutable = new Set<number>(parent?.immutable ?? []);
  const offset = parent?.fields.length ?? 0;
  for (const spec of fieldSpecs) {
    if (spec instanceof Pair) {
      if (spec.car.name === 'immutable') immutable.add(offset + own.length);
      own.push(spec.cdr.car);
    } else own.push(spec);
  }
  const seen = new Set(own);
  if (parent !== undefined && !parent.extensible)
    throw miscError('make-record-type', 'parent type is final', []);
  if (seen.size !== own.length && keywords.get('allow-duplicate-field-names?') !== true)
    throw miscError('make-record-type', 'duplicate field ~S', [arrayToList(own)]);
  return new RecordType({
    name: name instanceof MString ? intern(name.text) : name,
    fields: [...(parent?.fields ?? []), ...own],
    parent,
    printer,
    opaque: keywords.get('opaque?') === true,
    uid: keywords.get('uid') ?? false,
    immutable,
    extensible: keywords.get('extensible?') === true,
  });
}

function constructorOf(t: RecordType, fields: Value): Primitive {
  if (fields === undefined) {
    const count = t.fields.length;
    const primitive = new Primitive(`make-${t.name.name}`, count, count, (...values) => new Rec(t, values));
    primitive.pure = true;
    return primitive;
  }
  const indexes = listToArray(fields).map((name) => fieldIndex('record-constructor', t, name));
  const size = t.fields.length;
  const primitive = new Primitive(`make-${t.name.name}`, indexes.length, indexes.length, (...values) => {
    const slots: Value[] = new Array(size).fill(false);
    indexes.forEach((at, i) => {
      slots[at] = values[i];
    });
    return new Rec(t, slots);
  });
  primitive.pure = true;
  return primitive;
}

/** Renames a procedure for printing and errors. */
function renamed(primitive: Primitive, name: string): Primitive {
  const copy = new Primitive(name, primitive.min, primitive.max, primitive.fn, primitive.control);
  copy.pure = primitive.pure;
  return copy;
}

function defineRecordProcedures(d: Definer): void {
  d.pure('make-record-type', 2, MANY, (name, fields, ...rest) =>
    makeRecordType(name, Array.isArray(fields) ? fields : listToArray(fields), rest),
  );
  d.pure('record-type-descriptor', 1, 1, (x) => {
    if (!(x instanceof Rec)) throw miscError('record-type-descriptor', 'not a record: ~S', [x]);
    return x.type;
  });
  d.pure('record-constructor', 1, 2, (t, fields) => constructorOf(type('record-constructor', t), fields));
  d.pure('record-predicate', 1, 1, (t) => {
    const wanted = type('record-predicate', t);
    const primitive = new Primitive(
      `${wanted.name.name}?`,
      1,
      1,
      (x) => x instanceof Rec && (x.type === wanted || x.type.isA(wanted)),
    );
    primitive.pure = true;
    return primitive;
  });
  d.pure('record-accessor', 2, 2, (t, field) => {
    const at =
      typeof field === 'number' ? field : fieldIndex('record-accessor', type('record-accessor', t), field);
    return accessor(t, at, t.fields[at].name);
  });
  d.pure('record-modifier', 2, 2, (t, field) => {
    const at =
      typeof field === 'number' ? field : fieldIndex('record-modifier', type('record-modifier', t), field);
    return modifier(t, at, `set-${t.fields[at].name}!`);
  });
  d.pure('%named-procedure', 2, 2, (f, name) => renamed(f, name.name));
  d.pure('record?', 1, 2, (x, t) => x instanceof Rec && (t === undefined || x.type.isA(t)));
  d.pure('record-type-name', 1, 1, (t) => type('record-type-name', t).name);
  d.pure('record-type-fields', 1, 1, (t) => arrayToList(type('record-type-fields', t).fields));
  d.pure('record-type-parent', 1, 1, (t) => type('record-type-parent', t).parent ?? false);
  d.pure('record-type-parents', 1, 1, (t) => {
    const parents: RecordType[] = [];
    for (let at = type('record-type-parents', t).parent; at !== undefined; at = at.parent)
      parents.unshift(at);
    return parents;
  });
  d.pure('record-type-opaque?', 1, 1, (t) => t.opaque);
  d.pure('record-type-uid', 1, 1, (t) => t.uid);
  d.pure('record-type-extensible?', 1, 1, (t) => type('record-type-extensible?', t).extensible);
  // A number whose bits say which fields may change.
  d.pure('record-type-mutable-fields', 1, 1, (t) => {
    const { fields, immutable } = type('record-type-mutable-fields', t);
    const bits = fields.reduce((sum, _, at) => (immutable.has(at) ? sum : sum | (1n << BigInt(at))), 0n);
    return fromBigint(bits);
  });
  d.pure('record-type?', 1, 1, (x) => x instanceof RecordType);
  d.pure('record-type-has-parent?', 2, 2, (t, parent) => t.isA(parent));
  d.pure('record-type-properties', 1, 1, (t) => t.properties);
  d.pure('set-record-type-printer!', 2, 2, (t, printer) => {
    type('set-record-type-printer!', t).printer = printer;
    return UNSPECIFIED;
  });
}

function defineStructs(d: Definer): void {
  d.pure('struct?', 1, 1, (x) => x instanceof Rec || x instanceof RecordType);
  d.pure('struct-vtable', 1, 1, (x) => {
    if (x instanceof RecordType) return recordTypeType;
    if (!(x instanceof Rec)) throw wrongType('struct-vtable', 1, x, 'struct');
    return x.type;
  });
  d.pure('struct-vtable?', 1, 1, (x) => x instanceof RecordType);
  d.pure('struct-ref', 2, 2, (x, k) => {
    if (x instanceof RecordType) return typeField(x, k);
    if (!(x instanceof Rec)) throw wrongType('struct-ref', 1, x, 'struct');
    if (typeof k !== 'number') throw wrongType('struct-ref', 2, k);
    if (k < 0 || k >= x.fields.length) throw outOfRange('struct-ref', 2, k);
    return x.fields[k];
  });
  d.pure('struct-set!', 3, 3, (x, k, value) => {
    if (x instanceof RecordType) {
      if (k === printerIndex) x.printer = value;
      return value;
    }
    if (!(x instanceof Rec)) throw wrongType('struct-set!', 1, x, 'struct');
    if (k < 0 || k >= x.fields.length) throw outOfRange('struct-set!', 2, k);
    x.fields[k] = value;
    return value;
  });
  const makeStruct = (t: Value, ...values: Value[]) =>
    new Rec(t, [...values, ...new Array(Math.max(0, t.fields.length - values.length)).fill(false)]);
  d.pure('make-struct/no-tail', 1, MANY, makeStruct);
  d.pure('make-struct/simple', 1, MANY, makeStruct);
  d.pure('make-struct', 2, MANY, (t, _tail, ...values) => makeStruct(t, ...values));
  d.pure('allocate-struct', 2, 2, (t, n) => new Rec(t, new Array(n).fill(false)));
  d.pure('make-vtable', 1, 2, (layout, printer) => structType(layout.text, printer));
  d.pure('make-struct-layout', 1, 1, (text) => intern(text.text));
  d.pure('struct-vtable-name', 1, 1, (t) => t.name);
  d.pure('set-struct-vtable-name!', 2, 2, (t, name) => {
    t.name = name;
    return UNSPECIFIED;
  });
  d.value('vtable-index-layout', 0);
  d.value('vtable-index-printer', printerIndex);
  d.value('vtable-offset-user', 8);
  d.value('record-type-vtable', recordTypeType);
  d.value('<standard-vtable>', recordTypeType);
  d.value(
    '<applicable-struct-vtable>',
    new RecordType({ name: intern('<applicable-struct-vtable>'), fields: [], applicable: true }),
  );
  d.value(
    '<applicable-struct-with-setter-vtable>',
    new RecordType({
      name: intern('<applicable-struct-with-setter-vtable>'),
      fields: [],
      applicable: true,
      setterToo: true,
    }),
  );
  d.pure('%record-address', 1, 1, (x) => str(addressOf(x)));
}

const printerIndex = 3;
const recordTypeType = new RecordType({ name: intern('record-type'), fields: [] });

/** Fields of a record type seen as a struct: layout, printer, then name, printer, fields … as in boot-9. */
function typeField(t: RecordType, k: Value): Value {
  switch (k) {
    case 0:
      return intern('pw'.repeat(t.fields.length));
    case printerIndex:
      return t.printer ?? false;
    case 8:
      return t.name;
    case 9:
      return t.constructorProcedure ?? false;
    case 10:
      return NIL;
  }
  throw outOfRange('struct-ref', 2, k);
}

/** Records and structs of (guile). */
export function defineRecords(d: Definer): void {
  defineRecordProcedures(d);
  defineStructs(d);
}
