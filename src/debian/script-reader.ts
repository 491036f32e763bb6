// Reads the commands of maintainer scripts without running them: enough of the POSIX shell's grammar to split words,
// follow assignments and unroll `for` over known words. Branches are all read, since nothing is known of the machine a
// script would run on; what depends on command output or arguments stays unknown, and commands with an unknown word are
// left out, but for the few that say enough without it; `$(dpkg-divert --truename X)` is X. Functions are read where they are defined, and again with the
// arguments that they are called with.

/**
 * A command's words, all known: `['adduser', '--system', 'postgres']`. What `find` gives to `xargs` is one command, with
 * the word `|` between the two. Text that `echo` or a here-document puts in a file is the command
 * `['>', '/etc/x', 'text\n']`. Words of commands that take several files may be patterns (`/etc/bind/named.conf*`).
 */
export type ScriptCommand = readonly string[];

type Token =
  | { readonly kind: 'word'; readonly parts: readonly Part[] }
  /** `text` of a here-document is what it says, where no shell is needed to know that. */
  | { readonly kind: 'operator'; readonly text: string; readonly document?: string | undefined };

/** A piece of a word: known text, a variable with its default, or something only a shell could tell. */
type Part =
  | { readonly kind: 'text'; readonly text: string; readonly quoted: boolean }
  | { readonly kind: 'pattern'; readonly text: string }
  | {
      readonly kind: 'variable';
      readonly name: string;
      readonly fallback: string | undefined;
      readonly quoted: boolean;
    }
  | { readonly kind: 'unknown' };

/** Commands past this are not read: no honest script unrolls to so many. */
const maximumCommands = 20_000;
/** Nor are more steps taken, those included that lead to no command. */
const maximumSteps = 200_000;
/** Calls within calls past this are passed over. */
const maximumDepth = 5;

interface Range {
  readonly start: number;
  readonly end: number;
}

/** What reading a script has come to. */
interface Reading {
  readonly tokens: readonly Token[];
  /** By name, positional ones by number; undefined for those that only a shell could tell. */
  readonly variables: Map<string, string | undefined>;
  readonly commands: ScriptCommand[];
  /** Where the body of a function lies. */
  readonly functions: Map<string, Range>;
  steps: number;
  depth: number;
}

/**
 * The commands of a script, in its order. `variables` are those set from outside. Never throws: what cannot be
 * understood is passed over.
 *
 * @example
 * readScript('D=/etc\nfor i in a b; do mkdir -p $D/$i; done'); // [['mkdir', '-p', '/etc/a'], ['mkdir', '-p', '/etc/b']]
 */
export function readScript(
  script: string,
  variables: Readonly<Record<string, string>> = {},
): ScriptCommand[] {
  const reading: Reading = {
    tokens: tokenize(script),
    variables: new Map(Object.entries(variables)),
    commands: [],
    functions: new Map(),
    steps: 0,
    depth: 0,
  };
  walk(reading, { start: 0, end: reading.tokens.length });
  return reading.commands;
}

/** Words that stand where a command may begin and are none themselves. */
const keywords = new Set([
  'if',
  'then',
  'elif',
  'else',
  'fi',
  'while',
  'until',
  'do',
  'done',
  'esac',
  '{',
  '}',
  '!',
  'time',
]);
/** Commands that run the command after them. */
const prefixes = new Set(['command', 'exec', 'sudo', 'env', 'nice', 'ionice', 'setpriv', 'builtin', 'eval']);
/**
 * Commands that are kept when some of their words are unknown, which are empty then: `ucf "$new" /etc/ssh/sshd_config`
 * says which file it makes, and `find /var/lib/x ! -uid "$(id -u x)"` where it looks.
 */
const telling = new Set(['ucf', 'find']);
/** Commands whose readers know what files there are to match a pattern. */
const matching = new Set(['chgrp', 'chmod', 'chown', 'setcap']);

function walk(reading: Reading, range: Range): void {
  const { tokens, commands } = reading;
  let position = range.start;
  while (position < range.end && commands.length < maximumCommands) {
    reading.steps++;
    if (reading.steps > maximumSteps) return;
    const token = tokens[position]!;
    const plain = plainText(token);
    if (isOperator(token, ';') && isOperator(tokens[position + 1], ';')) {
      position = skipPattern(tokens, position + 2, range.end);
    } else if (token.kind === 'operator' || (plain !== undefined && keywords.has(plain))) {
      position++;
    } else if (plain === 'for') {
      position = walkLoop(reading, { start: position, end: range.end });
    } else if (plain === 'case') {
      position = skipPattern(tokens, skipPast(tokens, position, range.end, 'in'), range.end);
    } else if (plain === 'function') {
      position += 2;
    } else {
      position = walkCommand(reading, { start: position, end: range.end });
    }
  }
}

function isOperator(token: Token | undefined, text: string): boolean {
  return token?.kind === 'operator' && token.text === text;
}

/** Past the pattern of the next branch of a `case`: `configure|upgrade)`. */
function skipPattern(tokens: readonly Token[], from: number, end: number): number {
  let position = from;
  while (position < end && isOperator(tokens[position], '\n')) position++;
  if (plainText(tokens[position]) === 'esac') return position;
  if (isOperator(tokens[position], '(')) position++;
  while (position < end && !isOperator(tokens[position], ')')) position++;
  return position + 1;
}

function plainText(token: Token | undefined): string | undefined {
  if (token?.kind !== 'word' || token.parts.length !== 1) return undefined;
  const part = token.parts[0]!;
  return part.kind === 'text' && !part.quoted ? part.text : undefined;
}

function skipPast(tokens: readonly Token[], from: number, end: number, word: string): number {
  for (let position = from; position < end; position++) {
    if (plainText(tokens[position]) === word) return position + 1;
  }
  return end;
}

function walkLoop(reading: Reading, range: Range): number {
  const { tokens, variables } = reading;
  const name = plainText(tokens[range.start + 1]);
  let position = range.start + 2;
  const values: (string | undefined)[] = [];
  if (plainText(tokens[position]) === 'in') {
    for (position++; position < range.end && tokens[position]!.kind === 'word'; position++) {
      values.push(...expand(tokens[position]!, variables));
    }
  } else {
    values.push(undefined);
  }
  const bodyStart = skipPast(tokens, position, range.end, 'do');
  let depth = 1;
  let bodyEnd = bodyStart;
  for (; bodyEnd < range.end; bodyEnd++) {
    const word = plainText(tokens[bodyEnd]);
    if (word === 'do') depth++;
    if (word === 'done' && --depth === 0) break;
  }
  if (name !== undefined) {
    for (const value of values) {
      variables.set(name, value);
      walk(reading, { start: bodyStart, end: bodyEnd });
    }
  }
  return bodyEnd + 1;
}

/** Reads one simple command, or the head of a function; gives where the next begins. */
function walkCommand(reading: Reading, range: Range): number {
  const { tokens, variables, commands } = reading;
  const words: (string | undefined)[] = [];
  let position = range.start;
  let assigning = true;
  let file: string | undefined;
  let document: string | undefined;
  for (; position < range.end; position++) {
    const token = tokens[position]!;
    if (token.kind === 'operator') {
      if (token.text === '<<') {
        document = token.document;
        continue;
      }
      if (/^[<>]/.test(token.text)) {
        // A redirection takes the next word; a number before it is a descriptor, no argument.
        const descriptor = /^\d$/.test(words.at(-1) ?? '') ? words.pop() : undefined;
        const word = tokens[++position];
        if (token.text === '>' && descriptor === undefined && word?.kind === 'word')
          file = expandParts(word.parts, variables);
        continue;
      }
      break;
    }
    const assignment = assigning ? assignmentOf(token) : undefined;
    if (assignment !== undefined) {
      const value = expandParts(assignment.parts, variables);
      // What one branch computes does not make unknown what another has set.
      if (value !== undefined || !variables.has(assignment.name)) variables.set(assignment.name, value);
      continue;
    }
    const expanded = expand(token, variables, matching.has(words[0] ?? ''));
    if (assigning && (expanded[0] === 'local' || expanded[0] === 'export' || expanded[0] === 'readonly'))
      continue;
    assigning = false;
    words.push(...expanded);
  }
  const end = tokens[position];
  // `name()` is the head of a function.
  const isHead = isOperator(end, '(') && words.length === 1;
  while (words[0] !== undefined && prefixes.has(words[0])) words.shift();
  // A program may be called by its path.
  if (words[0] !== undefined) words[0] = words[0].replace(/^(?:\/usr)?\/s?bin\/(?=[^/]+$)/, '');
  const body = words[0] === undefined ? undefined : reading.functions.get(words[0]);
  if (isHead && words[0] !== undefined) {
    const found = bodyAt(tokens, { start: position, end: range.end });
    if (found !== undefined) reading.functions.set(words[0], found);
  } else if (body !== undefined && words.length > 1) callFunction(reading, body, words.slice(1));
  if (!isHead && words[0] !== undefined) {
    const command = words.map((word) => word ?? '');
    const fed = isOperator(tokens[range.start - 1], '|') ? commands.at(-1) : undefined;
    const written = words.includes(undefined) ? undefined : textOf(command, document);
    if (file?.startsWith('/') === true && written !== undefined) commands.push(['>', file, written]);
    if (command[0] === 'xargs' && fed?.[0] === 'find' && !words.includes(undefined)) {
      commands[commands.length - 1] = [...fed, '|', ...command];
    } else if (!words.includes(undefined) || telling.has(words[0])) commands.push(command);
  }
  return Math.max(position, range.start + 1);
}

/** What a command puts out, if it is one that says so. */
function textOf([program, ...words]: ScriptCommand, document: string | undefined): string | undefined {
  if (program === 'cat' && words.length === 0) return document;
  if (program !== 'echo' || words[0]?.startsWith('-') === true) return undefined;
  const text = words.join(' ');
  // Shells differ in what they make of these.
  return text.includes('\\') ? undefined : `${text}\n`;
}

/** The body of the function whose `(` is at the start of a range: between its braces. */
function bodyAt(tokens: readonly Token[], { start, end }: Range): Range | undefined {
  let position = start + 1;
  while (position < end && tokens[position]!.kind === 'operator') position++;
  if (plainText(tokens[position]) !== '{') return undefined;
  let depth = 0;
  for (let at = position; at < end; at++) {
    const word = plainText(tokens[at]);
    if (word === '{') depth++;
    if (word === '}' && --depth === 0) return { start: position + 1, end: at };
  }
  return undefined;
}

/** Reads a function's body with these arguments. */
function callFunction(reading: Reading, body: Range, words: readonly (string | undefined)[]): void {
  if (reading.depth >= maximumDepth) return;
  const outer = new Map([...reading.variables].filter(([name]) => isPosition(name)));
  for (const name of outer.keys()) reading.variables.delete(name);
  words.forEach((word, index) => void reading.variables.set(String(index + 1), word));
  reading.depth++;
  walk(reading, body);
  reading.depth--;
  for (const name of [...reading.variables.keys()]) if (isPosition(name)) reading.variables.delete(name);
  for (const [name, value] of outer) reading.variables.set(name, value);
}

const isPosition = (name: string) => /^[0-9]+$/.test(name);

function assignmentOf(token: Token): { name: string; parts: readonly Part[] } | undefined {
  if (token.kind !== 'word') return undefined;
  const first = token.parts[0];
  if (first?.kind !== 'text' || first.quoted) return undefined;
  const match = /^([A-Za-z_][A-Za-z0-9_]*)=/.exec(first.text);
  if (match === null) return undefined;
  const rest = first.text.slice(match[0].length);
  return { name: match[1]!, parts: [{ kind: 'text', text: rest, quoted: false }, ...token.parts.slice(1)] };
}

/**
 * A word as the words it becomes: an unquoted variable alone splits at blanks, an unknown part makes all unknown, and so
 * does a pattern unless `patterns` may stay.
 */
function expand(
  token: Token,
  variables: ReadonlyMap<string, string | undefined>,
  patterns = false,
): (string | undefined)[] {
  if (token.kind !== 'word') return [];
  const only = token.parts.length === 1 ? token.parts[0]! : undefined;
  // A variable that is never set leaves no word, when it stands alone and unquoted.
  if (
    only?.kind === 'variable' &&
    !only.quoted &&
    !variables.has(only.name) &&
    only.fallback === undefined &&
    !isPosition(only.name)
  )
    return [];
  const value = expandParts(token.parts, variables, patterns);
  if (value === undefined) return [undefined];
  if (only?.kind === 'variable' && !only.quoted) return value.split(/\s+/).filter((word) => word !== '');
  return [value];
}

function expandParts(
  parts: readonly Part[],
  variables: ReadonlyMap<string, string | undefined>,
  patterns = false,
): string | undefined {
  let text = '';
  for (const part of parts) {
    if (part.kind === 'unknown' || (part.kind === 'pattern' && !patterns)) return undefined;
    if (part.kind === 'text' || part.kind === 'pattern') {
      text += part.text;
      continue;
    }
    const value = variables.get(part.name) ?? part.fallback;
    if (value === undefined) return undefined;
    text += value;
  }
  return text;
}

function tokenize(script: string): Token[] {
  const tokens: Token[] = [];
  const hereDocuments: HereDocument[] = [];
  let position = 0;
  while (position < script.length) {
    const unit = script[position]!;
    if (unit === '\n') {
      tokens.push({ kind: 'operator', text: '\n' });
      position = readHereDocuments(script, position + 1, hereDocuments.splice(0));
    } else if (unit === ' ' || unit === '\t' || unit === '\r') {
      position++;
    } else if (unit === '\\' && script[position + 1] === '\n') {
      position += 2;
    } else if (unit === '#') {
      position = endOfLine(script, position);
    } else if (unit === '<' && script[position + 1] === '<') {
      const match = /^<<(-?)\s*(\\?)(['"]?)([A-Za-z0-9_.!-]+)\3/.exec(script.slice(position, position + 80));
      if (match !== null) {
        const [, dash, backslash, quote, delimiter] = match;
        const token: { kind: 'operator'; text: string; document?: string } = { kind: 'operator', text: '<<' };
        tokens.push(token);
        hereDocuments.push({
          delimiter: delimiter!,
          isIndented: dash === '-',
          isLiteral: backslash !== '' || quote !== '',
          found: (document) => {
            token.document = document;
          },
        });
      }
      position += match?.[0].length ?? 2;
    } else if (unit === '<' || unit === '>') {
      const start = position++;
      while (script[position] === '>' || script[position] === '<' || script[position] === '&') position++;
      tokens.push({ kind: 'operator', text: script.slice(start, position) });
    } else if (';&|()'.includes(unit)) {
      tokens.push({ kind: 'operator', text: unit });
      position++;
    } else {
      const word = readWord(script, position);
      tokens.push({ kind: 'word', parts: word.parts });
      position = word.end;
    }
  }
  return tokens;
}

function endOfLine(script: string, from: number): number {
  const end = script.indexOf('\n', from);
  return end < 0 ? script.length : end;
}

interface HereDocument {
  readonly delimiter: string;
  /** Whether tabs before its lines are none of its text. */
  readonly isIndented: boolean;
  /** Whether its text stands as it is. */
  readonly isLiteral: boolean;
  readonly found: (document: string) => void;
}

function readHereDocuments(script: string, from: number, documents: readonly HereDocument[]): number {
  let position = from;
  for (const { delimiter, isIndented, isLiteral, found } of documents) {
    const lines: string[] = [];
    while (position < script.length) {
      const end = endOfLine(script, position);
      const line = script.slice(position, end);
      position = end + 1;
      if (line.trim() === delimiter) {
        const text = lines.map((each) => `${isIndented ? each.replace(/^\t+/, '') : each}\n`).join('');
        if (isLiteral || !/[$`\\]/.test(text)) found(text);
        break;
      }
      lines.push(line);
    }
  }
  return position;
}

function readWord(script: string, start: number): { parts: Part[]; end: number } {
  const parts: Part[] = [];
  let position = start;
  const text = (value: string, quoted: boolean) => {
    const last = parts.at(-1);
    if (last?.kind === 'text' && last.quoted === quoted)
      parts[parts.length - 1] = { ...last, text: last.text + value };
    else parts.push({ kind: 'text', text: value, quoted });
  };
  while (position < script.length) {
    const unit = script[position]!;
    if (' \t\r\n;&|()<>'.includes(unit)) break;
    if (unit === '\\') {
      if (script[position + 1] !== '\n') text(script[position + 1] ?? '', true);
      position += 2;
    } else if (unit === "'") {
      const end = script.indexOf("'", position + 1);
      text(script.slice(position + 1, end < 0 ? script.length : end), true);
      position = end < 0 ? script.length : end + 1;
    } else if (unit === '"') {
      position++;
      text('', true);
      while (position < script.length && script[position] !== '"') {
        if (script[position] === '\\') {
          if (script[position + 1] !== '\n') text(script[position + 1] ?? '', true);
          position += 2;
        } else if (script[position] === '$' || script[position] === '`') {
          const substitution = readSubstitution(script, position, true);
          parts.push(substitution.part);
          position = substitution.end;
        } else {
          text(script[position]!, true);
          position++;
        }
      }
      position++;
    } else if (unit === '$' || unit === '`') {
      const substitution = readSubstitution(script, position, false);
      parts.push(substitution.part);
      position = substitution.end;
    } else if (unit === '*' || unit === '?' || (unit === '[' && position > start)) {
      // What a pattern stands for depends on the files there are.
      parts.push(unit === '*' ? { kind: 'pattern', text: unit } : { kind: 'unknown' });
      position++;
    } else {
      text(unit, false);
      position++;
    }
  }
  return { parts, end: Math.max(position, start + 1) };
}

function readSubstitution(script: string, start: number, quoted: boolean): { part: Part; end: number } {
  const unknown: Part = { kind: 'unknown' };
  if (script[start] === '`') {
    const end = script.indexOf('`', start + 1);
    return { part: unknown, end: end < 0 ? script.length : end + 1 };
  }
  const rest = script.slice(start + 1, start + 200);
  const name = /^(?:[A-Za-z_][A-Za-z0-9_]*|[1-9])/.exec(rest)?.[0];
  if (name !== undefined) {
    return { part: { kind: 'variable', name, fallback: undefined, quoted }, end: start + 1 + name.length };
  }
  const braced = /^\{([A-Za-z_][A-Za-z0-9_]*|[1-9])(?:(:?[-+])([^{}$`'"]*))?\}/.exec(rest);
  if (braced !== null) {
    const end = start + 1 + braced[0].length;
    // `${quiet:+--quiet}` with an unset variable is nothing.
    if (braced[2]?.endsWith('+')) return { part: { kind: 'text', text: '', quoted: false }, end };
    return {
      part: {
        kind: 'variable',
        name: braced[1]!,
        fallback: braced[2] === undefined ? undefined : braced[3]!,
        quoted,
      },
      end,
    };
  }
  const truename = /^\(dpkg-divert --truename ([A-Za-z0-9/._+-]+)\)/.exec(rest);
  if (truename !== null) {
    return {
      part: { kind: 'text', text: truename[1]!, quoted },
      end: start + 1 + truename[0].length,
    };
  }
  // A folder that bears the machine's name cannot be there before the machine is: the one around it stands for it.
  const ofMachine = /^\((?:uname -n|hostname)\)/.exec(rest);
  if (ofMachine !== null && /[\s="']\/[\w/.-]*(?<=\/)$/.test(script.slice(Math.max(0, start - 100), start))) {
    return { part: { kind: 'text', text: '.', quoted }, end: start + 1 + ofMachine[0].length };
  }
  if (rest.startsWith('(') || rest.startsWith('{')) {
    return { part: unknown, end: endOfBracket(script, start + 1) };
  }
  // A dollar before anything else is itself: `grep "x$"`.
  if (!/^[?!@*#$0-9-]/.test(rest)) return { part: { kind: 'text', text: '$', quoted }, end: start + 1 };
  return { part: unknown, end: start + 2 };
}

/** Past the bracket that closes the one at `open`, quotes considered. */
function endOfBracket(script: string, open: number): number {
  const [opening, closing] = script[open] === '(' ? ['(', ')'] : ['{', '}'];
  let depth = 0;
  let quote: string | undefined;
  for (let position = open; position < script.length; position++) {
    const unit = script[position]!;
    if (unit === '\\') position++;
    else if (quote !== undefined) {
      if (unit === quote) quote = undefined;
    } else if (unit === "'" || unit === '"') quote = unit;
    else if (unit === opening) depth++;
    else if (unit === closing && --depth === 0) return position + 1;
  }
  return script.length;
}
