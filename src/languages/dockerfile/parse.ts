// Parses a Dockerfile whole, after BuildKit's frontend 1.x. What BuildKit refuses is refused here, at its place;
// variables are left as written (see resolve.ts).
import type { Span } from '../../foundation/error.ts';
import { didYouMean } from '../../foundation/nearest.ts';
import {
  readBlankSeparated,
  readCommand,
  readFlags,
  readJsonStrings,
  readWords,
  trimMapped,
} from './arguments.ts';
import { FlagValues, keywords, knownFlags } from './flags.ts';
import type {
  ArgInstruction,
  Command,
  Dockerfile,
  Flag,
  FromInstruction,
  Heredoc,
  Instruction,
  Pair,
  Stage,
} from './instruction.ts';
import { parseHeredocWord, readLogicalLines } from './logical-lines.ts';
import { type Located, type MappedText, sliceMapped, spanOf } from './mapped-text.ts';
import { parseDevice, parseMount } from './mount.ts';
import { dockerfileError } from './syntax-error.ts';

/**
 * Parses the text of a Dockerfile; `file` names it in errors and spans.
 *
 * Throws `dockerfile/…` errors, each with its place: `unknown-instruction` and `unknown-flag` (with the nearest
 * names), `invalid-flag`, `invalid-mount`, `arguments`, `syntax`, `directive`, `unterminated-heredoc`, `not-strings`,
 * `no-stage` and `no-instructions`.
 *
 * @example
 * parseDockerfile('FROM alpine:3.20\nRUN true\n', 'Dockerfile').stages[0].instructions.length; // 1
 */
export function parseDockerfile(text: string, file: string): Dockerfile {
  const reader = readLogicalLines(text, file);
  const globalArgs: ArgInstruction[] = [];
  const stages: { index: number; from: FromInstruction; instructions: Instruction[] }[] = [];
  for (let line = reader.next(); line !== undefined; line = reader.next()) {
    const head = readHead(line.source, reader.escape);
    const heredocs = mayHaveHeredocs(head, reader.escape) ? line.readHeredocs() : [];
    const instruction = readInstruction(head, {
      escape: reader.escape,
      span: line.span(),
      comments: line.comments,
      heredocs,
      inOnbuild: false,
    });
    if (instruction.kind === 'from') {
      stages.push({ index: stages.length, from: instruction, instructions: [] });
      continue;
    }
    const stage = stages.at(-1);
    if (stage !== undefined) stage.instructions.push(instruction);
    else if (instruction.kind === 'arg') globalArgs.push(instruction);
    else {
      throw dockerfileError(
        'no-stage',
        `${head.name} before the first FROM`,
        instruction.span,
        'only ARG can stand before the first FROM',
      );
    }
  }
  if (stages.length === 0) {
    const span = { file, line: 1, column: 1 };
    throw dockerfileError(
      'no-instructions',
      'a Dockerfile has at least one FROM',
      span,
      'start it with `FROM image`',
    );
  }
  const { directives } = reader;
  return { file, directives, escape: reader.escape, globalArgs, stages: stages satisfies readonly Stage[] };
}

interface Head {
  readonly source: MappedText;
  /** Upper case. */
  readonly name: string;
  readonly keyword: Located;
  readonly flags: readonly Flag[];
  /** What follows the flags, trimmed. */
  readonly rest: MappedText;
}

function readHead(line: MappedText, escapeToken: string): Head {
  const source = trimMapped(line);
  const length = source.text.search(/[\t\v\f\r ]|$/);
  const keyword = { value: source.text.slice(0, length), span: spanOf(source, 0, length) };
  const { flags, end } = readFlags(source, length, escapeToken);
  const rest = trimMapped(source, end);
  return { source, name: keyword.value.toUpperCase(), keyword, flags, rest };
}

function mayHaveHeredocs(head: Head, escapeToken: string): boolean {
  // One level deep: ONBUILD cannot stand after ONBUILD.
  const inner = head.name === 'ONBUILD' && head.rest.text !== '' ? readHead(head.rest, escapeToken) : head;
  if (inner.name !== 'RUN' && inner.name !== 'COPY' && inner.name !== 'ADD') return false;
  return readJsonStrings(inner.rest) === undefined;
}

interface Context {
  readonly escape: string;
  readonly span: Span;
  readonly comments: readonly string[];
  readonly heredocs: readonly Heredoc[];
  readonly inOnbuild: boolean;
}

function readInstruction(head: Head, context: Context): Instruction {
  const { name, rest, keyword } = head;
  if (!Object.hasOwn(knownFlags, name)) {
    throw dockerfileError(
      'unknown-instruction',
      `unknown instruction \`${keyword.value}\``,
      keyword.span,
      didYouMean(name, keywords) ?? `a line starts with one of ${keywords.join(', ')}`,
    );
  }
  const base = {
    keyword,
    span: context.span,
    source: head.source,
    flags: head.flags,
    heredocs: context.heredocs,
    comments: context.comments,
  };
  const flags = new FlagValues(name, head.flags);
  switch (name) {
    case 'FROM': {
      const args = readBlankSeparated(rest);
      if (args.length !== 1 && !(args.length === 3 && args[1]!.value.toLowerCase() === 'as')) {
        throw argumentsError(head, 'FROM takes an image, or `image AS name`');
      }
      const stageName = args[2] && { value: args[2].value.toLowerCase(), span: args[2].span };
      if (stageName !== undefined && !/^[a-z][a-z0-9-_.]*$/.test(stageName.value)) {
        throw dockerfileError(
          'arguments',
          `\`${stageName.value}\` cannot name a stage`,
          stageName.span,
          'a name starts with a letter, and has letters, digits, `-`, `_` and `.`',
        );
      }
      return {
        ...base,
        kind: 'from',
        image: args[0]!,
        ...given({ name: stageName, platform: flags.text('platform') }),
      };
    }
    case 'RUN':
      return {
        ...base,
        kind: 'run',
        command: readCommand(rest),
        mounts: flags.list('mount').map(parseMount),
        network: flags.choice('network', ['default', 'none', 'host']),
        security: flags.choice('security', ['sandbox', 'insecure']),
        devices: flags.list('device').map(parseDevice),
      };
    case 'CMD':
    case 'ENTRYPOINT':
      return { ...base, kind: name === 'CMD' ? 'cmd' : 'entrypoint', command: readCommand(rest) };
    case 'ENV':
    case 'LABEL':
      return { ...base, kind: name === 'ENV' ? 'env' : 'label', pairs: readPairs(head, context.escape) };
    case 'ARG': {
      const words = readWords(rest, context.escape);
      if (words.length === 0) throw argumentsError(head, 'ARG needs a name');
      const args = words.map((word) => readAssignment(rest, word));
      const blank = args.find((arg) => arg.name.value === '');
      if (blank !== undefined) throw argumentsError(head, 'ARG needs a name before `=`');
      return { ...base, kind: 'arg', args };
    }
    case 'ADD':
      return {
        ...base,
        ...readTransfer(head, context.heredocs, flags),
        kind: 'add',
        ...given({
          checksum: flags.text('checksum'),
          keepGitDir: flags.boolean('keep-git-dir'),
          unpack: flags.boolean('unpack'),
        }),
      };
    case 'COPY':
      return {
        ...base,
        ...readTransfer(head, context.heredocs, flags),
        kind: 'copy',
        parents: flags.boolean('parents') ?? false,
        ...given({ from: flags.text('from') }),
      };
    case 'EXPOSE':
    case 'VOLUME': {
      const values =
        name === 'VOLUME' ? (readJsonStrings(rest) ?? readBlankSeparated(rest)) : readBlankSeparated(rest);
      if (values.length === 0) throw argumentsError(head, `${name} needs at least one argument`);
      const empty = name === 'VOLUME' ? values.find((value) => value.value.trim() === '') : undefined;
      if (empty !== undefined) throw argumentsError(head, 'a volume has a path');
      return { ...base, kind: name === 'VOLUME' ? 'volume' : 'expose', values };
    }
    case 'USER':
    case 'WORKDIR':
    case 'STOPSIGNAL':
    case 'MAINTAINER': {
      if (rest.text === '') throw argumentsError(head, `${name} needs exactly one argument`);
      const value = { value: rest.text, span: spanOf(rest, 0, rest.text.length) };
      const kinds = {
        USER: 'user',
        WORKDIR: 'workdir',
        STOPSIGNAL: 'stopsignal',
        MAINTAINER: 'maintainer',
      } as const;
      return { ...base, kind: kinds[name], value };
    }
    case 'SHELL': {
      const shell = readJsonStrings(rest);
      if (shell === undefined || shell.length === 0) {
        throw argumentsError(head, 'SHELL needs a JSON array', 'write it as `SHELL ["/bin/bash", "-c"]`');
      }
      return { ...base, kind: 'shell', shell };
    }
    case 'HEALTHCHECK':
      return { ...base, kind: 'healthcheck', ...readHealthcheck(head, flags) };
    case 'ONBUILD': {
      if (rest.text === '') throw argumentsError(head, 'ONBUILD needs an instruction');
      const trigger = readHead(rest, context.escape);
      if (trigger.name === 'ONBUILD' || trigger.name === 'FROM' || trigger.name === 'MAINTAINER') {
        throw dockerfileError(
          'arguments',
          `${trigger.name} cannot stand after ONBUILD`,
          trigger.keyword.span,
          'use another instruction',
        );
      }
      return { ...base, kind: 'onbuild', trigger: readInstruction(trigger, { ...context, inOnbuild: true }) };
    }
    default:
      throw new Error(`no reader for ${name}`);
  }
}

function argumentsError(head: Head, message: string, hint?: string) {
  return dockerfileError('arguments', message, spanOf(head.source, 0, head.source.text.length), hint);
}

/** The properties that have a value; an absent one is left out rather than set to undefined. */
function given<Fields extends Record<string, unknown>>(
  fields: Fields,
): { [Key in keyof Fields]?: Exclude<Fields[Key], undefined> } {
  const result: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields)) if (value !== undefined) result[name] = value;
  return result as { [Key in keyof Fields]?: Exclude<Fields[Key], undefined> };
}

/** `name=value` at the first `=`; a word without one is a name alone. */
function readAssignment(
  source: MappedText,
  word: { readonly value: string; readonly start: number; readonly end: number },
): { readonly name: Located; readonly value?: Located } {
  const cut = word.value.indexOf('=');
  if (cut < 0) return { name: { value: word.value, span: spanOf(source, word.start, word.end) } };
  const equals = source.text.indexOf('=', word.start);
  return {
    name: { value: word.value.slice(0, cut), span: spanOf(source, word.start, equals) },
    value: { value: word.value.slice(cut + 1), span: spanOf(source, equals + 1, word.end) },
  };
}

function readPairs(head: Head, escapeToken: string): Pair[] {
  const { rest, name } = head;
  const words = readWords(rest, escapeToken);
  if (words.length === 0) throw argumentsError(head, `${name} needs at least one argument`);
  // `ENV name value`: whether the first word has `=` decides for the whole line.
  if (!words[0]!.value.includes('=')) {
    const match = /[\t\v\f\r ]+/.exec(rest.text);
    if (match === null)
      throw argumentsError(head, `${name} needs a value`, `write it as \`${name} name=value\``);
    const start = match.index + match[0].length;
    return [
      {
        name: { value: rest.text.slice(0, match.index), span: spanOf(rest, 0, match.index) },
        value: { value: rest.text.slice(start), span: spanOf(rest, start, rest.text.length) },
        legacy: true,
      },
    ];
  }
  return words.map((word) => {
    const { name: key, value } = readAssignment(rest, word);
    if (value === undefined) {
      throw dockerfileError(
        'arguments',
        `no \`=\` in \`${word.value}\``,
        key.span,
        'quote values that have spaces',
      );
    }
    if (key.value === '') throw dockerfileError('arguments', `${name} needs a name before \`=\``, value.span);
    return { name: key, value, legacy: false };
  });
}

function readTransfer(head: Head, heredocs: readonly Heredoc[], flags: FlagValues) {
  const args = readJsonStrings(head.rest) ?? readBlankSeparated(head.rest);
  if (args.length < 2) throw argumentsError(head, `${head.name} needs a source and a destination`);
  const destination = args.at(-1)!;
  if (parseHeredocWord(destination.value, destination.span) !== undefined) {
    throw dockerfileError('arguments', 'a here-document cannot be the destination', destination.span);
  }
  const sources: Located[] = [];
  const contents: Heredoc[] = [];
  for (const source of args.slice(0, -1)) {
    const word = parseHeredocWord(source.value, source.span);
    // Where one name is announced twice, the last body counts for both.
    const heredoc = word && heredocs.findLast((candidate) => candidate.name === word.name);
    if (word === undefined) sources.push(source);
    else if (heredoc !== undefined) contents.push({ ...heredoc, expand: word.expand, chomp: word.chomp });
  }
  return {
    sources,
    contents,
    destination,
    link: flags.boolean('link') ?? false,
    exclude: flags.list('exclude'),
    ...given({ chown: flags.text('chown'), chmod: flags.text('chmod') }),
  };
}

function readHealthcheck(head: Head, flags: FlagValues) {
  const type = head.rest.text.split(/\s/, 1)[0]!;
  if (type === '') throw argumentsError(head, 'HEALTHCHECK needs `CMD …` or `NONE`');
  const rest = trimMapped(head.rest, type.length);
  const noTimes = { interval: 0, timeout: 0, startPeriod: 0, startInterval: 0, retries: 0 };
  if (type.toUpperCase() === 'NONE') {
    if (rest.text !== '') throw argumentsError(head, 'HEALTHCHECK NONE takes no arguments');
    return noTimes;
  }
  if (type.toUpperCase() !== 'CMD') {
    throw argumentsError(
      head,
      `HEALTHCHECK has no \`${type}\``,
      'write `HEALTHCHECK CMD …` or `HEALTHCHECK NONE`',
    );
  }
  const command: Command = readCommand(rest);
  if (command.form === 'exec' ? command.args.length === 0 : command.script.text === '') {
    throw argumentsError(head, 'HEALTHCHECK CMD needs a command');
  }
  const retries = flags.text('retries');
  if (retries !== undefined && !/^\+?\d{1,9}$/.test(retries.value)) {
    throw dockerfileError('invalid-flag', `\`${retries.value}\` is no number of retries`, retries.span);
  }
  return {
    command,
    interval: flags.duration('interval'),
    timeout: flags.duration('timeout'),
    startPeriod: flags.duration('start-period'),
    startInterval: flags.duration('start-interval'),
    retries: retries === undefined ? 0 : Number(retries.value),
  };
}

/** The script of a RUN whose whole command is one here-document; undefined for any other. */
export function heredocScript(instruction: Instruction): MappedText | undefined {
  if (instruction.kind !== 'run' || instruction.command.form !== 'shell') return undefined;
  const heredoc = instruction.heredocs[0];
  if (instruction.heredocs.length !== 1 || heredoc === undefined) return undefined;
  const { script } = instruction.command;
  const alone = parseHeredocWord(script.text, spanOf(script, 0, script.text.length)) !== undefined;
  return alone ? sliceMapped(heredoc.content, 0) : undefined;
}
