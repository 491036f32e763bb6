// `write` and `display`: byte for byte what Guile prints, addresses apart. Records with printers call back through
// a hook, since printing them runs Scheme.
import { Module } from './module.ts';
import { numberToText, parseNumber } from './number-text.ts';
import { isNumber } from './numbers.ts';
import { Closure, Continuation, Primitive } from './procedures.ts';
import { Syntax, stripSyntax } from './syntax.ts';
import {
  Char,
  Fluid,
  Keyword,
  MString,
  MultipleValues,
  NIL,
  Opaque,
  Pair,
  Parameter,
  Rec,
  RecordType,
  Singleton,
  SPromise,
  Sym,
  type Value,
} from './values.ts';

const controlNames =
  'nul soh stx etx eot enq ack alarm backspace tab newline vtab page return so si dle dc1 dc2 dc3 dc4 nak syn etb can em sub esc fs gs rs us space'.split(
    ' ',
  );

const graphic = /^[\p{L}\p{M}\p{N}\p{P}\p{S}\p{Zs}]$/u;

function isGraphic(code: number): boolean {
  return code < 127 ? code >= 32 : graphic.test(String.fromCodePoint(code)) && code !== 0xa0;
}

/** A character as `write` shows it: `#\\a`, `#\\newline`, octal where it is not graphic. */
export function charToText(code: number): string {
  const name = code === 127 ? 'delete' : controlNames[code];
  if (name !== undefined) return `#\\${name}`;
  if (!isGraphic(code)) return `#\\${code.toString(8)}`;
  const one = String.fromCodePoint(code);
  // A combining character is shown on a dotted circle.
  return /^\p{M}$/u.test(one) ? `#\\\u25cc${one}` : `#\\${one}`;
}

const stringEscapes: Readonly<Record<number, string>> = {
  7: '\\a',
  8: '\\b',
  9: '\\t',
  10: '\\n',
  11: '\\v',
  12: '\\f',
  13: '\\r',
  34: '\\"',
  92: '\\\\',
};

/** A string as `write` shows it. */
function stringToText(text: string): string {
  if (/^[ !#-[\]-~]*$/.test(text)) return `"${text}"`;
  let result = '"';
  for (const one of text) {
    const code = one.codePointAt(0)!;
    const escaped = stringEscapes[code];
    if (escaped !== undefined) result += escaped;
    else if (isGraphic(code)) result += one;
    else if (code < 256) result += `\\x${code.toString(16).padStart(2, '0')}`;
    else if (code < 65536) result += `\\u${code.toString(16).padStart(4, '0')}`;
    else result += `\\U${code.toString(16).padStart(6, '0')}`;
  }
  return `${result}"`;
}

const plainSymbol = /^[a-zA-Z!$%&*/:<=>?^_~][a-zA-Z0-9!$%&*/:<=>?^_~+\-.@]*$/;

/** A symbol as `write` shows it: `#{a b}#` where it would not read back. */
function symbolToText(name: string): string {
  if (plainSymbol.test(name) && !name.endsWith(':')) return name;
  if (name === '') return '#{}#';
  if (!needsBraces(name)) return name;
  let result = '#{';
  for (const one of name) {
    const code = one.codePointAt(0)!;
    result += code < 32 || code === 127 || '{}[]()'.includes(one) ? `\\x${code.toString(16)};` : one;
  }
  return `${result}}#`;
}

function needsBraces(name: string): boolean {
  return (
    /[\s";()[\]{}#\x00-\x20\x7f]/.test(name) || /^['`,\d]/.test(name) || name === '.' || looksLikeNumber(name)
  );
}

function looksLikeNumber(name: string): boolean {
  return (
    /^[+\-.]/.test(name) &&
    (/^[+-]?(?:\d+\.?\d*|\.\d+)e[+-]?\d+$/i.test(name) ||
      parseNumber(name) !== undefined ||
      /^[+-](\d+(\.\d*)?)?i$/.test(name))
  );
}

/** What printing needs from the machine. */
export interface WriteHooks {
  /** Text of a record that has a printer. */
  printRecord(record: Rec, printer: Value, display: boolean): string;
}

/** Installed by the interpreter; without it records print in their plain form. */
export const writeHooks: { current: WriteHooks | undefined } = { current: undefined };

const addresses = new WeakMap<object, string>();
let nextAddress = 0x7f0000001000;

/** The stable stand-in for a heap address that an object prints with. */
export function addressOf(value: object): string {
  let address = addresses.get(value);
  if (address === undefined) {
    address = nextAddress.toString(16);
    nextAddress += 0x20;
    addresses.set(value, address);
  }
  return address;
}

/** Text of a value as `write` prints it. */
export function writeText(value: Value): string {
  return valueText(value, false);
}

/** Text of a value as `display` prints it. */
export function displayText(value: Value): string {
  if (value instanceof MString) return value.text;
  return valueText(value, true);
}

function valueText(value: Value, display: boolean): string {
  const out: string[] = [];
  emit({ out, open: hasCycles(value) ? [] : undefined }, value, display);
  return out.join('');
}

interface Output {
  readonly out: string[];
  /** What is being written, outermost first, where something contains itself. */
  readonly open: object[] | undefined;
}

/** What a compound value holds; undefined for others and for records that print themselves. */
function partsOf(value: Value): readonly Value[] | undefined {
  if (value instanceof Pair) return [value.cdr, value.car];
  if (Array.isArray(value)) return value;
  return value instanceof Rec && printerOf(value) === undefined ? value.fields : undefined;
}

/** Whether something is reached again from within. */
function hasCycles(root: Value): boolean {
  if (partsOf(root) === undefined) return false;
  // Small structures are trees nearly always: count nodes first, and look closer only when there are many.
  let count = 0;
  const quick: Value[] = [root];
  while (quick.length > 0 && count < 5000) {
    const parts = partsOf(quick.pop());
    if (parts === undefined) continue;
    count++;
    for (const item of parts) quick.push(item);
  }
  if (quick.length === 0) return false;
  const state = new Map<object, 'open' | 'done'>();
  const work: { value: Value; leave: boolean }[] = [{ value: root, leave: false }];
  for (let step = work.pop(); step !== undefined; step = work.pop()) {
    const { value, leave } = step;
    const parts = partsOf(value);
    if (parts === undefined) continue;
    if (leave) {
      state.set(value, 'done');
      continue;
    }
    const seen = state.get(value);
    if (seen === 'open') return true;
    if (seen !== undefined) continue;
    state.set(value, 'open');
    work.push({ value, leave: true });
    for (const item of parts) work.push({ value: item, leave: false });
  }
  return false;
}

/** Writes `#-2#` for what is open already: how far out it is. True when it is. */
function isReference({ out, open }: Output, value: object): boolean {
  const at = open?.lastIndexOf(value) ?? -1;
  if (at < 0) return false;
  out.push(`#${at - (open!.length - 1)}#`);
  return true;
}

const noParts: readonly Value[] = [];

type Step =
  | { readonly text: string }
  | { readonly value: Value; readonly display: boolean }
  /** The rest of a list that began when so many were open. */
  | { readonly rest: Value; readonly display: boolean; readonly depth: number }
  | { readonly close: number };

function emit(output: Output, root: Value, display: boolean): void {
  const { out, open } = output;
  // A stack of what is still to be written, so that depth does not matter.
  const work: Step[] = [{ value: root, display }];
  for (let step = work.pop(); step !== undefined; step = work.pop()) {
    if ('text' in step) {
      out.push(step.text);
    } else if ('close' in step) {
      if (open !== undefined) open.length = step.close;
    } else if ('rest' in step) {
      emitRest(output, step, work);
    } else {
      const { value } = step;
      const isPair = value instanceof Pair;
      const parts = isPair ? noParts : partsOf(value);
      if (parts === undefined) {
        out.push(atomText(value, step.display));
        continue;
      }
      if (isReference(output, value)) continue;
      const depth = open?.length ?? 0;
      open?.push(value);
      if (isPair) {
        out.push('(');
        work.push(
          { rest: value.cdr, display: step.display, depth },
          { value: value.car, display: step.display },
        );
        continue;
      }
      work.push({ close: depth });
      if (value instanceof Rec) {
        out.push(`#<${value.type.name.name}`);
        work.push({ text: '>' });
        for (let i = parts.length - 1; i >= 0; i--)
          work.push({ value: parts[i], display: false }, { text: ` ${value.type.fields[i]!.name}: ` });
        continue;
      }
      out.push('#(');
      work.push({ text: ')' });
      for (let i = parts.length - 1; i >= 0; i--) {
        work.push({ value: parts[i], display: step.display });
        if (i > 0) work.push({ text: ' ' });
      }
    }
  }
}

function emitRest(output: Output, step: Extract<Step, { rest: Value }>, work: Step[]): void {
  const { out, open } = output;
  const { rest, display, depth } = step;
  if (rest === NIL) {
    out.push(')');
    if (open !== undefined) open.length = depth;
  } else if (rest instanceof Pair && !(open?.includes(rest) ?? false)) {
    open?.push(rest);
    out.push(' ');
    work.push({ rest: rest.cdr, display, depth }, { value: rest.car, display });
  } else {
    out.push(' . ');
    work.push({ close: depth }, { text: ')' }, { value: rest, display });
  }
}

function atomText(value: Value, display: boolean): string {
  if (typeof value === 'boolean') return value ? '#t' : '#f';
  if (isNumber(value)) return numberToText(value);
  if (value instanceof MString) return display ? value.text : stringToText(value.text);
  if (value instanceof Sym) {
    if (display) return value.name;
    return value.interned
      ? symbolToText(value.name)
      : `#<uninterned-symbol ${symbolToText(value.name)} ${addressOf(value)}>`;
  }
  if (value instanceof Char) return display ? String.fromCodePoint(value.code) : charToText(value.code);
  if (value instanceof Keyword) return `#:${display ? value.symbol.name : symbolToText(value.symbol.name)}`;
  if (value instanceof Singleton) return value.text;
  if (value instanceof Uint8Array) return `#vu8(${value.join(' ')})`;
  if (value instanceof Rec) return recordText(value, display);
  return objectText(value);
}

/** Procedures and other opaque objects. */
function objectText(value: Value): string {
  if (value instanceof Closure) return closureText(value);
  if (value instanceof Primitive) return `#<procedure ${value.name}${primitiveArity(value)}>`;
  if (value instanceof Parameter)
    return `#<<parameter> ${addressOf(value)} proc: #<procedure ${addressOf(value)} () | (x)>>`;
  if (value instanceof Continuation) return `#<continuation ${addressOf(value)}>`;
  if (value instanceof Fluid) return `#<fluid ${addressOf(value)}>`;
  if (value instanceof RecordType) return `#<record-type ${value.name.name}>`;
  if (value instanceof SPromise) {
    return `#<promise ${writeText(value.state.value)}>`;
  }
  if (value instanceof Syntax) return syntaxText(value);
  if (value instanceof Module)
    return `#<${value.kind} (${value.name.map(writeText).join(' ')}) ${addressOf(value)}>`;
  if (value instanceof MultipleValues) return `#<values ${value.list.map(writeText).join(' ')}>`;
  if (value instanceof Opaque) return `#<${value.kind} ${addressOf(value)}>`;
  if (value !== null && typeof value === 'object') {
    if (typeof value.printed === 'function') return value.printed(addressOf(value));
    const name = value.constructor?.name ?? 'object';
    return `#<${name.replace(/([a-z])([A-Z])/g, '$1-$2').toLowerCase()} ${addressOf(value)}>`;
  }
  return `#<${typeof value}>`;
}

function syntaxText(value: Syntax): string {
  const { place } = value;
  const datum = writeText(stripSyntax(value));
  return place === undefined
    ? `#<syntax ${datum}>`
    : `#<syntax:${place.file}:${place.line}:${place.column - 1} ${datum}>`;
}

function closureText(value: Closure): string {
  const name = value.name === false || value.name === undefined ? addressOf(value) : displayText(value.name);
  const { place } = value.code;
  const where =
    (value.name === false || value.name === undefined) && place !== undefined
      ? ` at ${place.file}:${place.line}:${place.column - 1}`
      : '';
  const clauses: string[] = [];
  for (let code: Closure['code'] | undefined = value.code; code !== undefined; code = code.next) {
    clauses.push(writeText(code.parameters ?? NIL));
  }
  return `#<procedure ${name}${where} ${clauses.join(' | ')}>`;
}

function primitiveArity(value: Primitive): string {
  const items: string[] = Array.from({ length: value.min }, () => '_');
  if (value.max !== Number.POSITIVE_INFINITY) {
    if (value.max > value.min)
      items.push('#:optional', ...Array.from({ length: value.max - value.min }, () => '_'));
    return ` (${items.join(' ')})`;
  }
  return items.length === 0 ? ' _' : ` (${items.join(' ')} . _)`;
}

/** The nearest printer of a record's types; undefined for the plain form. */
function printerOf(value: Rec): Value {
  if (writeHooks.current === undefined) return undefined;
  for (let type: RecordType | undefined = value.type; type !== undefined; type = type.parent)
    if (type.printer !== undefined && type.printer !== false) return type.printer;
  return undefined;
}

/** A record that prints itself. */
function recordText(value: Rec, display: boolean): string {
  return writeHooks.current!.printRecord(value, printerOf(value), display);
}

/** The form of records without a printer: `#<point x: 1 y: 2>`. */
export function plainRecordText(value: Rec): string {
  const name = value.type.name.name;
  const fields = value.type.fields.map((field, index) => ` ${field.name}: ${writeText(value.fields[index])}`);
  return `#<${name}${fields.join('')}>`;
}
