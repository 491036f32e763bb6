// Which inputs a shell script takes: the commands that download, clone and install, told from their words.
import type { Span } from '../../foundation/error.ts';
import type { Invocation } from './command-line.ts';
import { isCommit, isCommitLike } from './git-reference.ts';
import type { DockerfileInput, GitInput, UrlInput } from './inputs.ts';
import { mapWhole } from './mapped-text.ts';
import { readPackageCommand } from './package-commands.ts';
import { readShellScript, type ShellCommand, type ShellWord, showWord, wordText } from './shell.ts';

export interface ScriptContext {
  /** ENV and ARG in force. */
  readonly variables: ReadonlyMap<string, string>;
  /** apt reads a snapshot of the archive, so its versions are fixed. */
  readonly usesSnapshot: boolean;
}

const shells = /^(?:ba|da|a|z|k|fi)?sh$/;
const interpreters = /^(?:(?:ba|da|a|z|k|fi)?sh|python[0-9.]*|perl|node|ruby|php)$/;
const deepest = 8;

/** Inputs of a script's commands, in their order, and the commit that a checkout without a clone in it names. */
export function readScriptInputs(
  commands: readonly ShellCommand[],
  context: ScriptContext,
): { readonly inputs: DockerfileInput[]; readonly checkedOut?: string } {
  const reader = new ScriptReader(context);
  reader.visit(commands, undefined);
  return reader.finish();
}

class ScriptReader {
  private readonly inputs: DockerfileInput[] = [];
  private readonly clones: { readonly at: number }[] = [];
  private readonly variables: Map<string, string>;
  private readonly usesSnapshot: boolean;
  private verifies = false;
  private checkedOut: string | undefined;
  /** The commit that `git fetch` was asked for, which is FETCH_HEAD then. */
  private fetched: string | undefined;

  constructor(context: ScriptContext) {
    this.variables = new Map(context.variables);
    this.usesSnapshot = context.usesSnapshot;
  }

  finish(): { readonly inputs: DockerfileInput[]; readonly checkedOut?: string } {
    // A checksum or a signature checked anywhere in the script is taken to be for what it downloads.
    const inputs = this.inputs.map((input) =>
      this.verifies && input.kind === 'url' && !input.toShell ? { ...input, pinned: true } : input,
    );
    // A checkout after a clone says what is really used.
    const { checkedOut } = this;
    if (checkedOut === undefined) return { inputs };
    const pinned = isCommitLike(checkedOut);
    const settled = inputs.map((input, at) => {
      if (input.kind !== 'git') return input;
      if (this.clones.some((clone) => clone.at === at)) return { ...input, ref: checkedOut, pinned };
      return input.subject.startsWith('git pull') && pinned ? { ...input, pinned } : input;
    });
    return { inputs: settled, ...(this.clones.length === 0 && pinned ? { checkedOut } : {}) };
  }

  /** `toShell`: what these commands print is run by a shell. */
  visit(commands: readonly ShellCommand[], toShell: 'shell' | undefined, depth = 0): void {
    if (depth > deepest) return;
    for (const [index, command] of commands.entries()) {
      const invocation = this.unwrap(command);
      for (const { name, value } of command.assignments) {
        const text = wordText(value, this.variables);
        if (text !== undefined && command.words.length === 0) this.variables.set(name, text);
        else if (command.words.length === 0) this.variables.delete(name);
      }
      const piped = commands
        .slice(index + 1)
        .filter((other) => other.pipeline === command.pipeline)
        .some((other) => readsProgram(this.unwrap(other)));
      if (invocation !== undefined) this.readInvocation(invocation, piped || toShell === 'shell', depth);
      this.findNondeterminism(command, invocation);
      const runs = invocation !== undefined && runsItsWords(invocation.name);
      const words = [
        ...command.words,
        ...command.assignments.map((assignment) => assignment.value),
        ...command.redirects.map((redirect) => redirect.target),
      ];
      for (const word of words) {
        for (const part of word.parts) {
          if (part.kind === 'substitution') this.visit(part.commands, runs ? 'shell' : undefined, depth + 1);
        }
      }
    }
  }

  /** A command without `sudo`, `env X=y`, `exec` and the like before it. */
  private unwrap(command: ShellCommand): Invocation | undefined {
    let words = command.words;
    let fed: ShellWord[] = [];
    for (;;) {
      const [first] = words;
      if (first === undefined) return undefined;
      const name = (wordText(first, this.variables) ?? '').replace(/^.*\//, '');
      const skip = wrapperLength(name, words, this.variables);
      if (skip === undefined)
        return {
          name,
          words: [...words.slice(1), ...fed],
          command,
          text: (word) => wordText(word, this.variables),
        };
      words = words.slice(skip);
      // Further words come from another command; `-I` says where they go.
      if (name === 'xargs') fed = words.some((word) => showWord(word).includes('{}')) ? [] : [fedWord(first)];
    }
  }

  private readInvocation(invocation: Invocation, toShell: boolean, depth: number): void {
    const { name } = invocation;
    const args = invocation.words.map((word) => ({ word, text: invocation.text(word) }));
    if (shells.test(name) || name === 'su' || name === 'eval') {
      const flag =
        name === 'eval' ? 0 : args.findIndex(({ text }) => text !== undefined && /^-[a-z]*c$/.test(text)) + 1;
      const script = flag > 0 || name === 'eval' ? args[flag] : undefined;
      if (script?.text !== undefined)
        this.visit(commandsAt(script.text, script.word.span), undefined, depth + 1);
      return;
    }
    if (/^(?:curl|wget|aria2c|axel)$/.test(name)) this.readDownload(invocation, toShell);
    else if (name === 'git') this.readGit(invocation);
    else if (
      /^(?:(?:sha(?:1|224|256|384|512)?|md5|b2)sum|shasum|gpgv?|minisign|cosign|signify)$/.test(name)
    ) {
      const verifies = args.some(
        ({ text }) =>
          text !== undefined &&
          /^(?:-c|--check|--verify|-[a-z]*V[a-z]*|verify\S*|-[a-z]*c[a-z]*)$/.test(text),
      );
      if (verifies || name === 'gpgv') this.verifies = true;
    } else {
      this.inputs.push(...readPackageCommand(invocation, { usesSnapshot: this.usesSnapshot }));
    }
  }

  private readDownload(invocation: Invocation, toShell: boolean): void {
    const { name, words } = invocation;
    const texts = words.map((word) => invocation.text(word));
    const asksHead = texts.some(
      (text) => text !== undefined && /^(?:-[a-zA-Z]*I[a-zA-Z]*|--head|--spider|--version)$/.test(text),
    );
    // What sends something fetches nothing that would be kept.
    const sends = name === 'curl' && texts.some((text, at) => isSending(text, texts[at + 1]));
    const isKept = texts.some((text) => /^(?:-[a-zA-Z]*[oO]|--output.*|--remote-name.*)$/.test(text ?? ''));
    if (asksHead || (sends && !isKept && !toShell)) return;
    for (const [index, word] of words.entries()) {
      const text = texts[index];
      const shown = text ?? showWord(word);
      // A word of variables only is a URL when nothing else can be one.
      const isUrl =
        /^(?:https?|ftp):\/\//i.test(shown) ||
        (text === undefined && /^\$\{?[A-Z_]*URL[A-Z_]*\}?(?:\/|$)/.test(shown));
      if (!isUrl || /^https?:\/\/(?:localhost|127\.0\.0\.1|\[::1\])(?:[:/]|$)/.test(shown)) continue;
      if (index > 0 && takesValue(texts[index - 1])) continue;
      const input: UrlInput = {
        kind: 'url',
        by: name === 'curl' ? 'curl' : 'wget',
        span: word.span,
        subject: `${name} ${shown}`,
        pinned: false,
        toShell,
        ...(text === undefined ? {} : { url: text }),
      };
      this.inputs.push(input);
    }
  }

  private readGit(invocation: Invocation): void {
    let { words } = invocation;
    for (
      let text = invocation.text(words[0] ?? noWord);
      text?.startsWith('-');
      text = invocation.text(words[0] ?? noWord)
    ) {
      words = words.slice(/^(?:-C|-c|--git-dir|--work-tree|--namespace)$/.test(text) ? 2 : 1);
    }
    const [verb, ...rest] = words;
    const command = verb === undefined ? undefined : invocation.text(verb);
    const args = rest.map((word) => ({ word, text: invocation.text(word) }));
    if (command === 'checkout' || command === 'reset' || command === 'switch') {
      const ref = args.find(({ text, word }) => !(text ?? showWord(word)).startsWith('-'));
      const isPath = args.some(
        ({ text }) => text === '--' || text === '-b' || text === '-B' || text === '-c',
      );
      if (ref !== undefined && !isPath) {
        const name = ref.text ?? showWord(ref.word);
        this.checkedOut = name === 'FETCH_HEAD' ? (this.fetched ?? name) : name;
      }
      return;
    }
    if (command === 'fetch') {
      const commit = args.map(({ text }) => text ?? '').find((text) => isCommit(text));
      if (commit !== undefined) this.fetched = commit;
      return;
    }
    if (command === 'pull' || (command === 'submodule' && args.some(({ text }) => text === '--remote'))) {
      const subject = ['git', command, ...args.map(({ text, word }) => text ?? showWord(word))].join(' ');
      const [, ref] = args.filter(({ text, word }) => !(text ?? showWord(word)).startsWith('-'));
      this.inputs.push({
        kind: 'git',
        by: 'clone',
        span: invocation.command.span,
        subject,
        pinned: command === 'pull' && ref?.text !== undefined && isCommit(ref.text),
        shallow: false,
        ...(command === 'pull' && ref?.text !== undefined ? { ref: ref.text } : {}),
      });
      return;
    }
    if (command !== 'clone') return;
    let ref: string | undefined;
    let shallow = false;
    let url: ShellWord | undefined;
    for (let at = 0; at < args.length; at++) {
      const { text, word } = args[at]!;
      const shown = text ?? showWord(word);
      const [, inlineRef] = /^(?:--branch=|-b(?=.))(.+)$/.exec(shown) ?? [];
      if (inlineRef !== undefined) ref = inlineRef;
      else if (shown === '-b' || shown === '--branch') {
        const value = args[++at];
        ref = value === undefined ? undefined : (value.text ?? showWord(value.word));
      } else if (/^--(?:depth|shallow-)/.test(shown)) {
        shallow = true;
        if (!shown.includes('=')) at++;
      } else if (
        /^(?:-o|--origin|-c|--config|--reference|--template|-j|--jobs|--filter|-u|--upload-pack|--separate-git-dir|--server-option|--bundle-uri)$/.test(
          shown,
        )
      )
        at++;
      else if (!shown.startsWith('-') && url === undefined) url = word;
    }
    if (url === undefined) return;
    const address = invocation.text(url);
    const shown = address ?? showWord(url);
    if (!/^(?:[a-z+]+:\/\/|\S+@\S+:|\$)/.test(shown)) return;
    const input: GitInput = {
      kind: 'git',
      by: 'clone',
      span: url.span,
      subject: `git clone ${ref === undefined ? '' : `-b ${ref} `}${shown}`,
      pinned: ref !== undefined && isCommitLike(ref),
      shallow,
      ...(address === undefined ? {} : { url: address }),
      ...(ref === undefined ? {} : { ref }),
    };
    this.clones.push({ at: this.inputs.length });
    this.inputs.push(input);
  }

  private findNondeterminism(command: ShellCommand, invocation: Invocation | undefined): void {
    const push = (cause: 'time' | 'random' | 'machine', subject: string, span: Span) => {
      this.inputs.push({ kind: 'nondeterminism', cause, subject, span, pinned: false });
    };
    for (const word of command.words) {
      for (const part of word.parts) {
        if (part.kind !== 'parameter') continue;
        if (part.name === 'RANDOM' || part.name === 'SRANDOM') push('random', part.raw, word.span);
        if (part.name === 'HOSTNAME' && !this.variables.has('HOSTNAME')) push('machine', part.raw, word.span);
        if (part.name === 'EPOCHSECONDS' || part.name === 'EPOCHREALTIME') push('time', part.raw, word.span);
      }
      const text = wordText(word, this.variables);
      if (text !== undefined && randomFile.test(text)) push('random', text, word.span);
    }
    for (const { target } of command.redirects) {
      const text = wordText(target, this.variables);
      if (text !== undefined && randomFile.test(text)) push('random', text, target.span);
    }
    if (invocation === undefined) return;
    const texts = invocation.words.map((word) => invocation.text(word) ?? showWord(word));
    const { name } = invocation;
    if (name === 'date') {
      const fixed = texts.some(
        (text) =>
          /^(?:-[a-zA-Z]*[rsf]|--reference.*|--set.*|--file.*|--version)$/.test(text) ||
          /^(?:-d|--date=)?@/.test(text) ||
          text.includes('SOURCE_DATE_EPOCH'),
      );
      if (!fixed) push('time', ['date', ...texts].join(' '), command.span);
    } else if (name === 'printf' && texts.some((text) => /%-?\d*\(.*\)T/.test(text))) {
      push('time', ['printf', ...texts].join(' '), command.span);
    } else if (/^[gmn]?awk$/.test(name) && texts.some((text) => /\bsrand\(\)|\bsystime\(\)/.test(text))) {
      push('random', `${name} srand()`, command.span);
    } else if (
      name === 'mcookie' ||
      (name === 'shuf' && !texts.some((text) => text.startsWith('--random-source')))
    ) {
      push('random', [name, ...texts].join(' '), command.span);
    } else if (
      (name === 'hostname' && texts.every((text) => /^-/.test(text))) ||
      // The architecture (`uname -m`, `-s`) is the image's own.
      (name === 'uname' &&
        texts.some((text) =>
          /^(?:-[a-z]*[anrv]|--(?:all|nodename|kernel-release|kernel-version)$)/.test(text),
        ))
    ) {
      push('machine', [name, ...texts].join(' '), command.span);
    } else if (name === 'uuidgen' || name === 'pwgen' || name === 'ssh-keygen' || name === 'make-ssl-cert') {
      const isRandom = name !== 'ssh-keygen' || !texts.some((text) => /^-[a-zA-Z]*[RFlyHe]$/.test(text));
      if (isRandom) push('random', [name, ...texts].join(' '), command.span);
    } else if (name === 'openssl' && /^(?:rand|genrsa|genpkey|dhparam|ecparam)$/.test(texts[0] ?? '')) {
      push('random', `openssl ${texts[0]}`, command.span);
    } else if (
      name === 'openssl' &&
      texts[0] === 'req' &&
      texts.some((text) => text === '-newkey' || text === '-x509')
    ) {
      push('random', 'openssl req', command.span);
    }
  }
}

const randomFile = /^(?:[a-z]+=)?(?:\/dev\/u?random|\/proc\/sys\/kernel\/random\/(?:uuid|boot_id))$/;

function fedWord({ span }: ShellWord): ShellWord {
  return { parts: [{ kind: 'unknown' }], span };
}

const noWord: ShellWord = { parts: [], span: { file: '', line: 1, column: 1 } };

function commandsAt(text: string, span: Span): readonly ShellCommand[] {
  return readShellScript(mapWhole(text, span.file, span.line, span.column)).commands;
}

/** How many words a wrapper takes before the command it runs; undefined for what is none. */
function wrapperLength(
  name: string,
  words: readonly ShellWord[],
  variables: ReadonlyMap<string, string>,
): number | undefined {
  const takeOptions = (withValue: RegExp) => {
    let at = 1;
    for (; at < words.length; at++) {
      const text = wordText(words[at]!, variables) ?? showWord(words[at]!);
      if (/^[A-Za-z_][A-Za-z0-9_]*=/.test(text)) continue;
      if (!text.startsWith('-')) break;
      if (withValue.test(text)) at++;
    }
    return at;
  };
  switch (name) {
    case 'sudo':
      return takeOptions(/^-[ugUpCDRT]$/);
    case 'env':
      return takeOptions(/^-[uSC]$/);
    case 'exec':
    case 'time':
    case 'nice':
    case 'nohup':
    case 'command':
    case 'builtin':
    case 'eatmydata':
    case 'xargs':
      return name === 'xargs' ? takeOptions(/^-[nIPLsdEa]$/) : takeOptions(/^-[na]$/);
    case 'timeout':
      return takeOptions(/^-[ks]$/) + 1;
    case 'chroot':
      return takeOptions(/^$/) + 1;
    case 'gosu':
    case 'su-exec':
      return 2;
    default:
      return undefined;
  }
}

/** An interpreter that runs what comes in through the pipe: `| sh -s -- -y`, `| python -`. */
function readsProgram(invocation: Invocation | undefined): boolean {
  if (invocation === undefined || !interpreters.test(invocation.name)) return false;
  const first = invocation.words.map((word) => invocation.text(word) ?? '').find((text) => text !== '');
  return (
    first === undefined || first === '-' || first === '/dev/stdin' || /^-(?!c$|e$|m$|-version$)/.test(first)
  );
}

/** Commands that run the text or file their words are: `sh -c "$(curl …)"`, `. <(curl …)`. */
function runsItsWords(name: string): boolean {
  return interpreters.test(name) || name === 'eval' || name === 'source' || name === '.';
}

/** `-X POST`, `-d …`, `-F …`, `-T …` of curl. */
function isSending(option: string | undefined, next: string | undefined): boolean {
  if (option === undefined) return false;
  if (option === '-X' || option === '--request') return /^(?:POST|PUT|PATCH|DELETE)$/.test(next ?? '');
  return /^(?:-X(?:POST|PUT|PATCH|DELETE)|--request=(?:POST|PUT|PATCH|DELETE)|-[dFT]|--(?:data(?:-\w+)?|form(?:-string)?|json|upload-file))$/.test(
    option,
  );
}

/** Options of curl and wget whose next word is no download. */
function takesValue(option: string | undefined): boolean {
  return (
    option !== undefined &&
    /^(?:-[a-zA-Z]*[eHxAo]|--(?:referer|header|proxy|user-agent|preproxy|output|output-document|resolve|data.*))$/.test(
      option,
    )
  );
}
