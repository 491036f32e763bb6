// define-record-type (SRFI 9) as a macro in TypeScript, since package-like programs define and use many records.
import { type Expander, Macro, syntaxError } from '../expand.ts';
import type { Module } from '../module.ts';
import type { Session } from '../session.ts';
import { isIdentifier, type Syntax, stxDatum, stxList } from '../syntax.ts';
import { arrayToList, list, NIL, type Value } from '../values.ts';
import { Definer } from './define.ts';

function expandRecordType(form: Value, expander: Expander): Value {
  const bad = () => syntaxError({ message: 'source expression failed to match any pattern', form });
  const { items, tail } = stxList(form);
  if (tail !== NIL || items.length < 4) throw bad();
  const [, type, maker, predicate, ...fields] = items;
  if (!isIdentifier(type)) throw bad();
  const core = (name: string) => expander.coreId(name);
  const quote = (value: Value) => list(core('quote'), value);
  const specs = fields.map((field) => {
    const parts = isIdentifier(field) ? [field] : stxList(field).items;
    if (parts.length < 1 || parts.length > 3 || parts.some((part) => !isIdentifier(part))) throw bad();
    return parts as Syntax[];
  });
  const names = arrayToList(specs.map(([name]) => name));
  const definitions: Value[] = [
    list(core('define'), type, list(core('make-record-type'), quote(type), quote(names))),
  ];
  const define = (name: Value, value: Value) => {
    definitions.push(list(core('define'), name, list(core('%named-procedure'), value, quote(name))));
  };
  if (stxDatum(maker) !== false) {
    const { items: parts, tail: end } = isIdentifier(maker) ? { items: [maker], tail: NIL } : stxList(maker);
    if (end !== NIL || parts.length < 1) throw bad();
    const [name, ...args] = parts;
    const known = new Set(specs.map(([field]) => field!.datum));
    for (const arg of args) {
      if (!isIdentifier(arg) || !known.has(arg.datum)) {
        throw syntaxError({ message: 'unknown constructor field', form, subform: arg });
      }
    }
    define(
      name,
      isIdentifier(maker)
        ? list(core('record-constructor'), type)
        : list(core('record-constructor'), type, quote(arrayToList(args))),
    );
  }
  if (stxDatum(predicate) !== false) define(predicate, list(core('record-predicate'), type));
  specs.forEach(([, getter, setter], index) => {
    if (getter !== undefined) define(getter, list(core('record-accessor'), type, index));
    if (setter !== undefined) define(setter, list(core('record-modifier'), type, index));
  });
  return list(core('begin'), ...definitions);
}

/** Adds define-record-type to (srfi srfi-9). */
export function buildRecordSyntax(session: Session, module: Module): void {
  const d = new Definer(session, module);
  d.value(
    'define-record-type',
    new Macro({ name: 'define-record-type', kind: 'transformer', transformer: expandRecordType }),
  );
}
