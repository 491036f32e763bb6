// Commands whose answer is another one each time or on each machine: clocks, chance, names of the machine.
import type { Span } from '../../foundation/error.ts';
import type { Invocation } from './command-line.ts';
import type { DockerfileInput } from './inputs.ts';
import { type ShellCommand, showWord, wordText } from './shell.ts';

type NondeterminismInput = DockerfileInput & { readonly kind: 'nondeterminism' };
type Cause = NondeterminismInput['cause'];

/** What of a command, or of the program it is given, does not give the same twice. */
export function findNondeterminism(
  command: ShellCommand,
  invocation: Invocation | undefined,
  variables: ReadonlyMap<string, string>,
): NondeterminismInput[] {
  const inputs: NondeterminismInput[] = [];
  const push = (cause: Cause, subject: string, span: Span) => {
    inputs.push({ kind: 'nondeterminism', cause, subject, span, pinned: false });
  };
  for (const word of command.words) {
    for (const part of word.parts) {
      if (part.kind !== 'parameter') continue;
      if (part.name === 'RANDOM' || part.name === 'SRANDOM') push('random', part.raw, word.span);
      if (part.name === 'HOSTNAME' && !variables.has('HOSTNAME')) push('machine', part.raw, word.span);
      if (part.name === 'EPOCHSECONDS' || part.name === 'EPOCHREALTIME') push('time', part.raw, word.span);
    }
    const text = wordText(word, variables);
    if (text !== undefined) {
      if (randomFile.test(text)) push('random', text, word.span);
      if (machineFile.test(text) && command.words[0] !== word) push('machine', text, word.span);
    }
  }
  for (const { target } of command.redirects) {
    const text = wordText(target, variables);
    if (text !== undefined && randomFile.test(text)) push('random', text, target.span);
  }
  if (invocation === undefined) return inputs;
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
      texts.some((text) => /^(?:-[a-z]*[anrv]|--(?:all|nodename|kernel-release|kernel-version)$)/.test(text)))
  ) {
    push('machine', [name, ...texts].join(' '), command.span);
  } else if (isRandom(name, texts)) {
    push('random', [name, ...texts].join(' '), command.span);
  } else if (interpreters.test(name)) {
    for (const { text, span } of programsOf(invocation)) {
      const [cause, word] = causeInProgram(text) ?? [];
      if (cause !== undefined) push(cause, `${name}: ${word}`, span);
    }
  } else if (name === 'openssl' && /^(?:rand|genrsa|genpkey|dhparam|ecparam)$/.test(texts[0] ?? '')) {
    push('random', `openssl ${texts[0]}`, command.span);
  } else if (
    name === 'openssl' &&
    texts[0] === 'req' &&
    texts.some((text) => text === '-newkey' || text === '-x509')
  ) {
    push('random', 'openssl req', command.span);
  }
  return inputs;
}

/** Commands that make keys, salts and identifiers. */
function isRandom(name: string, texts: readonly string[]): boolean {
  const has = (pattern: RegExp) => texts.some((text) => pattern.test(text));
  switch (name) {
    case 'uuidgen':
    case 'pwgen':
    case 'make-ssl-cert':
    case 'systemd-machine-id-setup':
    case 'mkcert':
      return true;
    case 'ssh-keygen':
      return !has(/^-[a-zA-Z]*[RFlyHe]$/);
    case 'dbus-uuidgen':
      return !has(/^--get/);
    case 'gpg':
    case 'gpg2':
      return has(/^--(?:full-|quick-)?gen(?:erate)?-key$/);
    case 'keytool':
      return has(/^-gen(?:key(?:pair)?|seckey)$/);
    // A password is stored with a salt.
    case 'chpasswd':
      return !has(/^(?:-e|--encrypted)$/);
    case 'mkpasswd':
      return !has(/^(?:-S|--salt)/);
    case 'htpasswd':
      return !has(/^-[a-zA-Z]*[psDv]/);
    default:
      return false;
  }
}

/** Interpreters whose programs are read a little. */
const interpreters = /^(?:python[0-9.]*|pypy[0-9.]*|node|perl|ruby|php)$/;

/** Programs that a command has in its words, or in a here-document. */
function programsOf(invocation: Invocation): { readonly text: string; readonly span: Span }[] {
  const { words, command } = invocation;
  const flag = words.findIndex((word) =>
    /^-(?:[a-zA-Z]*[ceEr]|-eval|-print)$/.test(invocation.text(word) ?? ''),
  );
  const inline = flag < 0 ? undefined : words[flag + 1];
  const programs = inline === undefined ? [] : [{ text: showWord(inline), span: inline.span }];
  const asksFile = words.some((word) => /^[^-]/.test(invocation.text(word) ?? '…'));
  if (asksFile) return programs;
  const texts = command.redirects.flatMap(({ heredoc }) =>
    heredoc === undefined ? [] : [heredoc.text.text],
  );
  return [...programs, ...texts.map((text) => ({ text, span: command.span }))];
}

/** A call in a program of Python, JavaScript, Perl, Ruby or PHP. */
function causeInProgram(program: string): readonly [Cause, string] | undefined {
  const [time] =
    /\b(?:time\.(?:time|time_ns|ctime|localtime|gmtime|strftime)|datetime\.(?:now|utcnow|today)|date\.today|Date\.now|new Date\(\)|Time\.now|localtime\(|gmtime\(|microtime\(|print time\b)/.exec(
      program,
    ) ?? [];
  if (time !== undefined && !program.includes('SOURCE_DATE_EPOCH')) return ['time', time];
  const [random] =
    /\b(?:uuid\.?(?:uuid)?[14]\(|random\.(?!seed)\w+\(|secrets\.\w+\(|os\.urandom\(|Math\.random\(|crypto\.random\w+\(|randomUUID\(|randomBytes\(|SecureRandom\.|random_bytes\(|random_int\(|mt_rand\(|uniqid\()/.exec(
      program,
    ) ?? [];
  if (random !== undefined && !/\bseed\(/.test(program)) return ['random', random];
  const [machine] =
    /\b(?:socket\.gethostname\(|os\.uname\(|platform\.node\(|os\.hostname\(|gethostname\()/.exec(program) ??
    [];
  return machine === undefined ? undefined : ['machine', machine];
}

const randomFile = /^(?:[a-z]+=)?(?:\/dev\/u?random|\/proc\/sys\/kernel\/random\/(?:uuid|boot_id))$/;
const machineFile =
  /^\/(?:etc\/(?:hostname|machine-id)|proc\/(?:version|uptime|loadavg|sys\/kernel\/(?:hostname|osrelease)))$/;
