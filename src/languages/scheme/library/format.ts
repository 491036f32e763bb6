// (ice-9 format): the directives of Guile's format. Follows the manual, "Formatted output".
import { miscError } from '../errors.ts';
import type { Module } from '../module.ts';
import { numberToText } from '../number-text.ts';
import { isNumber, toDouble } from '../numbers.ts';
import { Port } from '../port.ts';
import type { Session } from '../session.ts';
import { Char, Flonum, intern, listToArray, MString, type Parameter, str, type Value } from '../values.ts';
import { charToText, displayText, writeText } from '../write.ts';
import { Definer } from './define.ts';

interface Directive {
  readonly letter: string;
  readonly colon: boolean;
  readonly at: boolean;
  readonly parameters: readonly (number | string | undefined)[];
  readonly start: number;
  readonly end: number;
}

interface State {
  readonly args: readonly Value[];
  position: number;
  out: string;
  readonly stop: { escaped: boolean };
}

const fail = (message: string) => miscError('format', message);

function parseDirective(text: string, start: number): Directive {
  let at = start + 1;
  const parameters: (number | string | undefined)[] = [];
  let pending = false;
  for (;;) {
    const rest = text.slice(at);
    const number = /^[+-]?\d+/.exec(rest);
    if (number !== null) {
      parameters.push(Number(number[0]));
      at += number[0].length;
      pending = false;
    } else if (rest[0] === "'") {
      parameters.push(rest[1]!);
      at += 2;
      pending = false;
    } else if (rest[0] === 'v' || rest[0] === 'V' || rest[0] === '#') {
      parameters.push(rest[0].toLowerCase());
      at += 1;
      pending = false;
    } else if (rest[0] === ',') {
      if (pending || parameters.length === 0) parameters.push(undefined);
      pending = true;
      at += 1;
      continue;
    } else break;
    if (text[at] === ',') {
      at += 1;
      pending = true;
    } else break;
  }
  let colon = false;
  let atSign = false;
  while (text[at] === ':' || text[at] === '@') {
    if (text[at] === ':') colon = true;
    else atSign = true;
    at++;
  }
  const letter = text[at];
  if (letter === undefined) throw fail('unterminated directive');
  return { letter: letter.toLowerCase(), colon, at: atSign, parameters, start, end: at + 1 };
}

function next(state: State): Value {
  if (state.position >= state.args.length) throw fail('too few arguments');
  return state.args[state.position++];
}

function resolved(state: State, directive: Directive): (number | string | undefined)[] {
  return directive.parameters.map((parameter) => {
    if (parameter === 'v') {
      const value = next(state);
      return value instanceof Char
        ? String.fromCodePoint(value.code)
        : typeof value === 'number'
          ? value
          : undefined;
    }
    if (parameter === '#') return state.args.length - state.position;
    return parameter;
  });
}

function pad(text: string, options: { width: number; left: boolean; fill: string }): string {
  const missing = options.width - Array.from(text).length;
  if (missing <= 0) return text;
  const blank = options.fill.repeat(missing);
  return options.left ? blank + text : text + blank;
}

/** Position after the matching closing directive, with the positions of separators at this level. */
function findClose(
  text: string,
  from: number,
  pair: { open: string; close: string },
): { bodies: [number, number][]; end: number; close: Directive; separators: Directive[] } {
  let depth = 0;
  let start = from;
  const bodies: [number, number][] = [];
  const separators: Directive[] = [];
  for (let at = text.indexOf('~', from); at >= 0; at = text.indexOf('~', at)) {
    const directive = parseDirective(text, at);
    if (directive.letter === pair.open) depth++;
    else if (directive.letter === pair.close) {
      if (depth === 0) {
        bodies.push([start, at]);
        return { bodies, end: directive.end, close: directive, separators };
      }
      depth--;
    } else if (directive.letter === ';' && depth === 0) {
      bodies.push([start, at]);
      separators.push(directive);
      start = directive.end;
    }
    at = directive.end;
  }
  throw fail(`missing ~${pair.close}`);
}

function formatInteger(
  value: Value,
  directive: Directive,
  options: { radix: number; parameters: (number | string | undefined)[] },
): string {
  const { radix, parameters } = options;
  if (!isNumber(value)) throw fail('argument is not a number');
  let text = numberToText(value, radix);
  const negative = text.startsWith('-');
  if (negative) text = text.slice(1);
  if (directive.colon) {
    const comma = String(parameters[2] ?? ',');
    const group = Number(parameters[3] ?? 3);
    const pieces: string[] = [];
    while (text.length > group) {
      pieces.unshift(text.slice(-group));
      text = text.slice(0, -group);
    }
    text = [text, ...pieces].join(comma);
  }
  if (negative) text = `-${text}`;
  else if (directive.at) text = `+${text}`;
  return pad(text, { width: Number(parameters[0] ?? 0), left: true, fill: String(parameters[1] ?? ' ') });
}

/** Sign, digits, and where the point stands among them, of the shortest text that reads back the same. */
function digitsOf(value: Value): { sign: string; digits: string; point: number } | undefined {
  const match = /^([+-]?)(\d+)\.(\d+)(?:e([+-]?\d+))?$/.exec(numberToText(new Flonum(toDouble(value))));
  if (match === null) return undefined;
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = match;
  return { sign, digits: `${whole}${fraction}`, point: whole.length + Number(exponent) };
}

/** Positional text; the digits of the shortest text are rounded, half up in magnitude, as Guile does. */
function fixed(value: Value, digits: number | undefined, scale = 0): string {
  const parts = digitsOf(value);
  if (parts === undefined) return numberToText(value);
  const point = parts.point + scale;
  const text = parts.digits.padStart(parts.digits.length + Math.max(0, 1 - point), '0');
  const at = Math.max(1, point);
  if (digits === undefined) {
    const whole = text
      .slice(0, at)
      .padEnd(at, '0')
      .replace(/^0+(?=\d)/, '');
    return `${parts.sign}${whole}.${text.slice(at).replace(/0+$/, '') || '0'}`;
  }
  const wanted = text.slice(0, at + digits).padEnd(at + digits, '0');
  const up = Number(text[at + digits] ?? '0') >= 5 ? 1n : 0n;
  const rounded = (BigInt(wanted) + up).toString().padStart(digits + 1, '0');
  const end = rounded.length - digits;
  return `${parts.sign}${rounded.slice(0, end)}.${rounded.slice(end)}`;
}

function exponential(value: Value, digits: number | undefined, exponentDigits: number): string {
  const shown = toDouble(value)
    .toExponential(digits)
    .replace(
      /e([+-])(\d+)$/,
      (_, sign: string, power: string) => `E${sign}${power.padStart(exponentDigits, '0')}`,
    );
  return digits === undefined && !shown.includes('.') ? shown.replace('E', '.0E') : shown;
}

/** `~g`: positional where so many digits do, with blanks in the exponent's place. */
function general(value: Value, parameters: readonly (number | string | undefined)[]): string {
  const [, digits, exponentDigits] = parameters as readonly (number | undefined)[];
  const parts = digitsOf(value);
  if (parts === undefined) return numberToText(value);
  const leading = /^0*/.exec(parts.digits)![0].length;
  const significant = parts.digits.slice(leading).replace(/0+$/, '').length;
  const n = significant === 0 ? 0 : parts.point - leading;
  const d = digits ?? Math.max(significant, Math.min(n, 7));
  const fraction = d - n;
  return fraction >= 0 && fraction <= d
    ? `${fixed(value, fraction)}${' '.repeat(exponentDigits === undefined ? 4 : exponentDigits + 2)}`
    : exponential(value, digits, exponentDigits ?? 1);
}

const romanTable: readonly (readonly [number, string])[] = [
  [1000, 'M'],
  [900, 'CM'],
  [500, 'D'],
  [400, 'CD'],
  [100, 'C'],
  [90, 'XC'],
  [50, 'L'],
  [40, 'XL'],
  [10, 'X'],
  [9, 'IX'],
  [5, 'V'],
  [4, 'IV'],
  [1, 'I'],
];

/** `old` counts up to four of a kind: IIII. */
function roman(value: number, old: boolean): string {
  let rest = value;
  let text = '';
  for (const [weight, letters] of romanTable) {
    if (old && letters.length === 2) continue;
    while (rest >= weight) {
      text += letters;
      rest -= weight;
    }
  }
  return text;
}

const small =
  'zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen'.split(
    ' ',
  );
const tens = '_ _ twenty thirty forty fifty sixty seventy eighty ninety'.split(' ');

function cardinal(n: number): string {
  if (n < 0) return `minus ${cardinal(-n)}`;
  if (n < 20) return small[n]!;
  if (n < 100) return tens[Math.floor(n / 10)]! + (n % 10 === 0 ? '' : `-${small[n % 10]}`);
  if (n < 1000) return `${small[Math.floor(n / 100)]} hundred${n % 100 === 0 ? '' : ` ${cardinal(n % 100)}`}`;
  for (const [unit, name] of [
    [1e9, 'billion'],
    [1e6, 'million'],
    [1e3, 'thousand'],
  ] as const) {
    if (n >= unit)
      return `${cardinal(Math.floor(n / unit))} ${name}${n % unit === 0 ? '' : `${n % unit < 100 ? ' ' : ', '}${cardinal(n % unit)}`}`;
  }
  return String(n);
}

const irregular: Readonly<Record<string, string>> = {
  one: 'first',
  two: 'second',
  three: 'third',
  five: 'fifth',
  eight: 'eighth',
  nine: 'ninth',
  twelve: 'twelfth',
};

function ordinal(n: number): string {
  const text = cardinal(n);
  const at = Math.max(text.lastIndexOf(' '), text.lastIndexOf('-')) + 1;
  const last = text.slice(at);
  return (
    text.slice(0, at) + (irregular[last] ?? (last.endsWith('y') ? `${last.slice(0, -1)}ieth` : `${last}th`))
  );
}

function run(text: string, state: State): void {
  let at = 0;
  while (at < text.length) {
    const tilde = text.indexOf('~', at);
    if (tilde < 0) {
      state.out += text.slice(at);
      return;
    }
    state.out += text.slice(at, tilde);
    const directive = parseDirective(text, tilde);
    at = apply(text, state, directive);
    if (state.stop.escaped) return;
  }
}

/** Carries out one directive; returns where the text goes on. */
function apply(text: string, state: State, directive: Directive): number {
  const parameters = resolved(state, directive);
  const first = parameters[0];
  const count = typeof first === 'number' ? first : 1;
  switch (directive.letter) {
    case 'a':
    case 's': {
      const value = next(state);
      const shown = directive.letter === 'a' ? displayText(value) : writeText(value);
      const piece = shown;
      const minimum = Number(parameters[2] ?? 0);
      const step = Number(parameters[1] ?? 1);
      const fill = String(parameters[3] ?? ' ');
      let width = Array.from(piece).length + minimum;
      while (width < Number(first ?? 0)) width += step;
      state.out += pad(piece, { width, left: directive.at, fill });
      return directive.end;
    }
    case 'd':
      state.out += formatInteger(next(state), directive, { radix: 10, parameters });
      return directive.end;
    case 'x':
      state.out += formatInteger(next(state), directive, { radix: 16, parameters });
      return directive.end;
    case 'o':
      state.out += formatInteger(next(state), directive, { radix: 8, parameters });
      return directive.end;
    case 'b':
      state.out += formatInteger(next(state), directive, { radix: 2, parameters });
      return directive.end;
    case 'r': {
      const value = next(state);
      if (first !== undefined)
        state.out += formatInteger(value, directive, {
          radix: Number(first),
          parameters: parameters.slice(1),
        });
      else if (directive.at) state.out += roman(Number(value), directive.colon);
      else state.out += directive.colon ? ordinal(Number(value)) : cardinal(Number(value));
      return directive.end;
    }
    case 'f':
    case '$': {
      const value = next(state);
      if (!isNumber(value)) {
        state.out += pad(displayText(value), { width: Number(first ?? 0), left: true, fill: ' ' });
        return directive.end;
      }
      const money = directive.letter === '$';
      const digits = money ? Number(first ?? 2) : (parameters[1] as number | undefined);
      let shown = fixed(value, digits, money ? 0 : Number(parameters[2] ?? 0));
      if (money) {
        const whole = Number(parameters[1] ?? 1);
        shown = shown.replace(/\d+/, (text) => text.padStart(whole, '0'));
      }
      if (directive.at && toDouble(value) >= 0) shown = `+${shown}`;
      const width = Number((money ? parameters[2] : first) ?? 0);
      state.out += pad(shown, {
        width,
        left: true,
        fill: String((money ? parameters[3] : parameters[4]) ?? ' '),
      });
      return directive.end;
    }
    case 'e':
    case 'g': {
      const value = next(state);
      if (!isNumber(value)) {
        state.out += pad(displayText(value), { width: Number(first ?? 0), left: true, fill: ' ' });
        return directive.end;
      }
      const digits = parameters[1] as number | undefined;
      const shown =
        directive.letter === 'g'
          ? general(value, parameters)
          : exponential(value, digits, Number(parameters[2] ?? 1));
      const sign = directive.at && toDouble(value) >= 0 ? '+' : '';
      state.out += pad(`${sign}${shown}`, { width: Number(first ?? 0), left: true, fill: ' ' });
      return directive.end;
    }
    case 'c': {
      const value = next(state);
      if (!(value instanceof Char)) throw fail('~c expects a character');
      const plain =
        directive.colon && value.code < 32
          ? `^${String.fromCharCode(value.code + 64)}`
          : String.fromCodePoint(value.code);
      state.out += directive.at ? charToText(value.code) : plain;
      return directive.end;
    }
    case 'p': {
      if (directive.colon) state.position--;
      const value = next(state);
      state.out += directive.at ? (value === 1 ? 'y' : 'ies') : value === 1 ? '' : 's';
      return directive.end;
    }
    case 'y':
      state.out += `${writeText(next(state))}\n`;
      return directive.end;
    case '%':
      state.out += '\n'.repeat(count);
      return directive.end;
    case '&':
      if (state.out !== '' && !state.out.endsWith('\n')) state.out += '\n';
      state.out += '\n'.repeat(Math.max(0, count - 1));
      return directive.end;
    case '~':
      state.out += '~'.repeat(count);
      return directive.end;
    case '_':
      state.out += ' '.repeat(count);
      return directive.end;
    case '/':
      state.out += '\t'.repeat(count);
      return directive.end;
    case '|':
      state.out += '\f'.repeat(count);
      return directive.end;
    case 't': {
      const column = Array.from(state.out.slice(state.out.lastIndexOf('\n') + 1)).length;
      const target = Number(first ?? 1);
      const step = Number(parameters[1] ?? 1);
      if (directive.at) {
        const to = column + target;
        state.out += ' '.repeat(target + (step > 0 ? (step - (to % step)) % step : 0));
      } else if (column < target) state.out += ' '.repeat(target - column);
      else if (step > 0) state.out += ' '.repeat((step - ((column - target) % step)) % (step || 1));
      return directive.end;
    }
    case 'q':
    case '!':
      return directive.end;
    case '*':
      if (directive.at) state.position = Number(first ?? 0);
      else state.position += directive.colon ? -count : count;
      if (state.position < 0 || state.position > state.args.length)
        throw fail('argument position out of range');
      return directive.end;
    case '\n': {
      if (directive.at) state.out += '\n';
      let end = directive.end;
      while (!directive.colon && /[ \t]/.test(text[end] ?? '')) end++;
      return end;
    }
    case '?':
    case 'k': {
      const template = next(state);
      if (directive.at) run(template.text, state);
      else {
        const inner: State = {
          args: listToArray(next(state)),
          position: 0,
          out: state.out,
          stop: { escaped: false },
        };
        run(template.text, inner);
        state.out = inner.out;
      }
      return directive.end;
    }
    case '^':
      if (first === undefined ? state.position >= state.args.length : first === 0) state.stop.escaped = true;
      return directive.end;
    case '(':
      return caseConversion(text, state, directive);
    case '[':
      return conditional(text, state, { directive, first });
    case '{':
      return iteration(text, state, { directive, first });
  }
  throw fail(`Unsupported directive ~${directive.letter}`);
}

function caseConversion(text: string, state: State, directive: Directive): number {
  const { bodies, end } = findClose(text, directive.end, { open: '(', close: ')' });
  const inner: State = { args: state.args, position: state.position, out: '', stop: { escaped: false } };
  run(text.slice(...bodies[0]!), inner);
  state.position = inner.position;
  // Guile's format capitalizes nothing: with either modifier it writes capitals throughout.
  state.out += directive.colon || directive.at ? inner.out.toUpperCase() : inner.out.toLowerCase();
  return end;
}

function conditional(
  text: string,
  state: State,
  options: { directive: Directive; first: number | string | undefined },
): number {
  const { directive, first } = options;
  const { bodies, end, separators } = findClose(text, directive.end, { open: '[', close: ']' });
  let chosen: [number, number] | undefined;
  if (directive.colon) chosen = bodies[next(state) === false ? 0 : 1];
  else if (directive.at) {
    const value = next(state);
    if (value !== false) {
      state.position--;
      chosen = bodies[0];
    }
  } else {
    const selector = first ?? next(state);
    if (typeof selector !== 'number') throw fail('argument of ~[ is not an integer');
    const index = selector;
    const hasDefault = separators.at(-1)?.colon === true;
    chosen =
      index >= 0 && index < bodies.length - (hasDefault ? 1 : 0)
        ? bodies[index]
        : hasDefault
          ? bodies.at(-1)
          : undefined;
  }
  if (chosen !== undefined) run(text.slice(...chosen), state);
  return end;
}

function iteration(
  text: string,
  state: State,
  options: { directive: Directive; first: number | string | undefined },
): number {
  const { directive, first } = options;
  const { bodies, end, close } = findClose(text, directive.end, { open: '{', close: '}' });
  const written = text.slice(...bodies[0]!);
  const body = written === '' ? (next(state) as MString).text : written;
  const limit = typeof first === 'number' ? first : 100_000;
  const source: State = directive.at
    ? state
    : { args: listToArray(next(state)), position: 0, out: state.out, stop: { escaped: false } };
  for (let i = 0; i < limit; i++) {
    if (source.position >= source.args.length && !(close.colon && i === 0)) break;
    if (directive.colon) {
      const inner: State = {
        args: listToArray(next(source)),
        position: 0,
        out: source.out,
        stop: { escaped: false },
      };
      run(body, inner);
      source.out = inner.out;
    } else {
      run(body, source);
      if (source.stop.escaped) {
        source.stop.escaped = false;
        break;
      }
    }
  }
  if (source !== state) state.out = source.out;
  return end;
}

/** Text of a format template with these arguments. Throws misc-error as Guile's format. */
function formatText(template: string, args: readonly Value[]): string {
  const state: State = { args, position: 0, out: '', stop: { escaped: false } };
  run(template, state);
  return state.out;
}

/** (ice-9 format). */
export function buildFormat(session: Session, module: Module): void {
  const d = new Definer(session, module);
  const format = (destination: Value, ...rest: Value[]): Value => {
    if (destination !== false && destination !== true && !(destination instanceof Port))
      throw fail('bad destination');
    const [template, ...args] = rest;
    if (!(template instanceof MString)) throw fail('expected a string for format string');
    const text = formatText(template.text, args);
    if (destination === false) return str(text);
    const port =
      destination instanceof Port
        ? destination
        : session.machine.fluidRef(
            (session.core.local(intern('current-output-port'))!.value as Parameter).fluid,
          );
    port.writeText(text);
    return true;
  };
  d.tail('format', 1, Number.POSITIVE_INFINITY, format);
  module.publicInterface!.replacements.add(intern('format'));
}
