// (ice-9 regex): POSIX extended and basic expressions, translated to JavaScript's. Alternatives are tried in
// order, so the match is leftmost-first where POSIX wants leftmost-longest.
import { miscError, outOfRange, throwError, wrongType } from '../errors.ts';
import type { Module } from '../module.ts';
import { Port } from '../port.ts';
import { tail1, tail2 } from '../procedures.ts';
import type { Session } from '../session.ts';
import { arrayToList, list, MString, Pair, Sym, str, type Value } from '../values.ts';
import { displayText } from '../write.ts';
import { Definer } from './define.ts';

/** A compiled expression. */
class Regex {
  readonly source: string;
  readonly expression: RegExp;
  constructor(source: string, expression: RegExp) {
    this.source = source;
    this.expression = expression;
  }
  printed(address: string): string {
    return `#<regexp ${address}>`;
  }
}

const classes: Readonly<Record<string, string>> = {
  alpha: '\\p{L}',
  digit: '0-9',
  alnum: '\\p{L}0-9',
  upper: '\\p{Lu}',
  lower: '\\p{Ll}',
  space: '\\s',
  blank: ' \\t',
  punct: '!-\\/:-@\\[-`\\{-~',
  cntrl: '\\x00-\\x1f\\x7f',
  xdigit: '0-9a-fA-F',
  print: '\\x20-\\x7e\\u00a0-\\u{10ffff}',
  graph: '\\x21-\\x7e\\u00a1-\\u{10ffff}',
};

const special = new Set('\\^$.*+?()[]{}|/');

/** A bracket expression from `[` on; returns its translation and where it ends. */
function bracket(source: string, start: number): { text: string; end: number } {
  let at = start + 1;
  let text = '[';
  if (source[at] === '^') {
    text += '^';
    at++;
  }
  let first = true;
  for (;;) {
    const c = source[at];
    if (c === undefined) throw new SyntaxError('Unmatched [, [^, [:, [., or [=');
    if (c === ']' && !first) return { text: `${text}]`, end: at + 1 };
    first = false;
    const named = /^\[:(\w+):\]/.exec(source.slice(at, at + 12));
    if (named !== null) {
      const range = classes[named[1]!];
      if (range === undefined) throw new SyntaxError('Invalid character class name');
      text += range;
      at += named[0].length;
      continue;
    }
    const code = source.codePointAt(at)!;
    const one = String.fromCodePoint(code);
    // A hyphen makes a range only between two ends.
    if (one === '-') text += source[at + 1] === ']' || text === '[' || text === '[^' ? '\\-' : '-';
    else text += /[\\\]^[&~!#$%,.:;<=>@`{}|()*+?/'"]/.test(one) && /[\\\]^[]/.test(one) ? `\\${one}` : one;
    at += one.length;
  }
}

/** A POSIX expression as the source of a JavaScript one. */
function translateRegex(source: string, extended: boolean): string {
  let text = '';
  let at = 0;
  while (at < source.length) {
    const c = String.fromCodePoint(source.codePointAt(at)!);
    if (c === '[') {
      const found = bracket(source, at);
      text += found.text;
      at = found.end;
      continue;
    }
    if (c === '\\') {
      const next = source[at + 1];
      if (next === undefined) throw new SyntaxError('Trailing backslash');
      at += 2;
      if (/[1-9]/.test(next)) text += `\\${next}`;
      else if (/[wWbBsS]/.test(next)) text += `\\${next}`;
      else if (next === '<' || next === '>') text += '\\b';
      else if (!extended && /[(){}|+?]/.test(next)) text += next;
      else text += special.has(next) ? `\\${next}` : next;
      continue;
    }
    at += c.length;
    if (!extended && /[(){}|+?]/.test(c)) text += `\\${c}`;
    else if (c === '{' && extended && !/^\{\d+(,\d*)?\}/.test(source.slice(at - 1))) text += '\\{';
    else if (c === '}' && extended && !/\{\d+(,\d*)?\}$/.test(source.slice(0, at))) text += '\\}';
    else if (c === '*' && (text === '' || /(^|[^\\])[(|]$/.test(text)) && extended === false) text += '\\*';
    else if (c === '/') text += '\\/';
    else if (c === ']') text += '\\]';
    else if (c === '.') text += '[^]';
    else text += c;
  }
  return text;
}

const flagBits = { extended: 1, icase: 2, newline: 4, basic: 0, notbol: 1, noteol: 2 };

/** (ice-9 regex) and the regexp procedures of (guile). */
export function buildRegex(session: Session, module: Module): void {
  const d = new Definer(session, module);
  const compile = (pattern: Value, ...flags: Value[]): Regex => {
    if (!(pattern instanceof MString)) throw wrongType('make-regexp', 1, pattern, 'string');
    const basic = flags.includes('basic');
    const icase = flags.includes(flagBits.icase);
    const newline = flags.includes(flagBits.newline);
    try {
      const source = translateRegex(pattern.text, !basic);
      return new Regex(
        pattern.text,
        new RegExp(
          newline ? source.replaceAll('[^]', '.') : source,
          `du${icase ? 'i' : ''}${newline ? 'm' : ''}`,
        ),
      );
    } catch (error) {
      const message = error instanceof Error ? error.message : 'Invalid regular expression';
      throw throwError('regular-expression-syntax', str('make-regexp'), str(message), false, false);
    }
  };
  /** Guile's match structure: a vector of the string and pairs of start and end, in code points. */
  const exec = (regex: Value, subject: Value, start = 0): Value => {
    if (!(regex instanceof Regex)) throw wrongType('regexp-exec', 1, regex, 'regexp');
    if (!(subject instanceof MString)) throw wrongType('regexp-exec', 2, subject, 'string');
    if (typeof start === 'number' && (start < 0 || start > subject.length))
      throw outOfRange('regexp-exec', 3, start);
    // The text before `start` is cut off: ^ matches there, as in Guile.
    const text = subject.slice(start);
    const found = regex.expression.exec(text);
    if (found === null) return false;
    const point = (unit: number) => start + Array.from(text.slice(0, unit)).length;
    const spans = found.indices!.map((span) =>
      span === undefined ? new Pair(-1, -1) : new Pair(point(span[0]), point(span[1])),
    );
    return [subject, ...spans];
  };
  const matches = (regex: Regex, text: Value): Value[] => {
    const result: Value[] = [];
    const { length } = text as MString;
    let at = 0;
    while (at <= length) {
      const found = exec(regex, text, at);
      // Later matches must not match ^ again: Guile passes notbol.
      if (found === false) break;
      if (at > 0 && regex.source.startsWith('^')) break;
      result.push(found);
      const { car: start, cdr: end } = found[1];
      at = end === start ? end + 1 : end;
    }
    return result;
  };
  const toRegex = (x: Value): Regex => (x instanceof Regex ? x : compile(x));
  d.pure('make-regexp', 1, Number.POSITIVE_INFINITY, compile);
  d.pure('regexp?', 1, 1, (x) => x instanceof Regex);
  d.pure('regexp-exec', 2, 4, (regex, subject, start) => exec(regex, subject, start));
  d.pure('string-match', 2, 3, (pattern, subject, start) => exec(compile(pattern), subject, start));
  for (const name of ['extended', 'icase', 'newline'] as const) d.value(`regexp/${name}`, flagBits[name]);
  d.value('regexp/basic', 'basic');
  d.value('regexp/notbol', 8);
  d.value('regexp/noteol', 16);
  d.pure(
    'regexp-match?',
    1,
    1,
    (x) => Array.isArray(x) && x[0] instanceof MString && x.slice(1).every((span) => span instanceof Pair),
  );
  const span = (who: string, match: Value, n: number): Pair => {
    const found = match[n + 1];
    if (!(found instanceof Pair))
      throw throwError('out-of-range', str(who), str('Argument 2 out of range: ~S'), list(n), list(n));
    return found;
  };
  const piece = (match: Value, n = 0): Value => {
    const { car: start, cdr: end } = span('match:substring', match, n);
    return start < 0 ? false : str(match[0].slice(start, end));
  };
  d.pure('match:substring', 1, 2, piece);
  d.pure('match:start', 1, 2, (match, n = 0) => {
    const { car } = span('match:start', match, n);
    return car < 0 ? false : car;
  });
  d.pure('match:end', 1, 2, (match, n = 0) => {
    const { cdr } = span('match:end', match, n);
    return cdr < 0 ? false : cdr;
  });
  d.pure('match:prefix', 1, 1, (match) => str(match[0].slice(0, match[1].car)));
  d.pure('match:suffix', 1, 1, (match) => str(match[0].slice(match[1].cdr)));
  d.pure('match:count', 1, 1, (match) => match.length - 1);
  d.pure('match:string', 1, 1, (match) => match[0]);
  d.pure('regexp-quote', 1, 1, (text) =>
    str(text.text.replace(/[[^$.*\\]/g, '\\$&').replace(/[+?(){}|]/g, '[$&]')),
  );
  d.pure('list-matches', 2, 3, (regex, text) => arrayToList(matches(toRegex(regex), text)));
  d.steps('fold-matches', 4, 5, function* (regex, text, init, f) {
    let result = init;
    for (const match of matches(toRegex(regex), text)) result = yield tail2(f, match, result);
    return result;
  });
  const item = function* (match: Value, part: Value): Generator<Value, string, Value> {
    if (part instanceof MString) return part.text;
    if (typeof part === 'number') return displayText(piece(match, part));
    if (part instanceof Sym)
      return part.name === 'pre' ? match[0].slice(0, match[1].car) : match[0].slice(match[1].cdr);
    return displayText(yield tail1(part, match));
  };
  const deliver = (port: Value, text: string): Value => {
    if (port === false) return str(text);
    if (!(port instanceof Port)) throw miscError('regexp-substitute', 'not a port: ~S', [port]);
    port.writeText(text);
    return false;
  };
  d.steps('regexp-substitute', 2, Number.POSITIVE_INFINITY, function* (port, match, ...parts) {
    let text = '';
    for (const part of parts) text += yield* item(match, part);
    return deliver(port, text);
  });
  d.steps(
    'regexp-substitute/global',
    3,
    Number.POSITIVE_INFINITY,
    function* (port, regex, subject, ...parts) {
      const compiled = toRegex(regex);
      const whole: MString = subject;
      // Without `post` only the first match is replaced.
      const found = parts.some((part) => part instanceof Sym && part.name === 'post')
        ? matches(compiled, whole)
        : matches(compiled, whole).slice(0, 1);
      if (found.length === 0) return deliver(port, whole.text);
      let text = '';
      let at = 0;
      for (const match of found) {
        for (const part of parts) {
          if (part instanceof Sym) {
            if (part.name === 'pre') text += whole.slice(at, match[1].car);
          } else text += yield* item(match, part);
        }
        at = match[1].cdr;
      }
      if (parts.some((part) => part instanceof Sym && part.name === 'post')) text += whole.slice(at);
      return deliver(port, text);
    },
  );
}
