// git's command line, and those of Subversion and Mercurial: what is cloned, and which commit is checked out after it.
import type { Invocation } from './command-line.ts';
import { isCommit, isCommitLike } from './git-reference.ts';
import type { GitInput } from './inputs.ts';
import { type ShellWord, showWord } from './shell.ts';

type Argument = { readonly word: ShellWord; readonly text: string | undefined };

const noWord: ShellWord = { parts: [], span: { file: '', line: 1, column: 1 } };

/** The clones of a script and what becomes of each. */
export class Clones {
  private readonly inputs: { input: GitInput; readonly directory: string }[] = [];
  /** Where the script is, by the last `cd`. */
  private folder: string | undefined;
  /** The commit or ref that `git fetch` was asked for, which is FETCH_HEAD then. */
  private fetched: string | undefined;
  private readonly remotes = new Map<string, string>();
  private checkedOutAlone: string | undefined;

  /** A commit that the script checks out without having cloned anything. */
  get checkedOut(): string | undefined {
    return this.checkedOutAlone;
  }

  /** What became of an input that `read` gave. */
  settled(input: GitInput): GitInput {
    return this.inputs.find((clone) => clone.input.span === input.span)?.input ?? input;
  }

  enter(folder: string): void {
    this.folder = folder;
  }

  /** Inputs of a command of git, svn or hg. */
  read(invocation: Invocation): GitInput[] {
    const found = invocation.name === 'git' ? this.readGit(invocation) : readOtherClone(invocation);
    for (const input of found) this.inputs.push({ input, directory: directoryOf(invocation, input) });
    return found;
  }

  private readGit(invocation: Invocation): GitInput[] {
    let { words } = invocation;
    let folder = this.folder;
    for (
      let text = invocation.text(words[0] ?? noWord);
      text?.startsWith('-');
      text = invocation.text(words[0] ?? noWord)
    ) {
      if (text === '-C' && words[1] !== undefined) folder = invocation.text(words[1]) ?? showWord(words[1]);
      words = words.slice(/^(?:-C|-c|--git-dir|--work-tree|--namespace)$/.test(text) ? 2 : 1);
    }
    const [verb, ...rest] = words;
    const command = verb === undefined ? undefined : invocation.text(verb);
    const args = rest.map((word) => ({ word, text: invocation.text(word) }));
    switch (command) {
      case 'checkout':
      case 'reset':
      case 'switch':
        this.checkout(args, folder);
        return [];
      case 'remote':
        if (args[0]?.text === 'add') {
          const [name, url] = args.slice(1).filter(({ text }) => !text?.startsWith('-'));
          if (name !== undefined && url !== undefined)
            this.remotes.set(name.text ?? showWord(name.word), url.text ?? showWord(url.word));
        }
        return [];
      case 'fetch':
        return this.fetch(invocation, args);
      case 'pull':
        return [pullInput(invocation, { command, args })];
      case 'submodule':
        return args.some(({ text }) => text === '--remote') ? [pullInput(invocation, { command, args })] : [];
      case 'clone':
        return readClone(invocation, args);
      default:
        return [];
    }
  }

  private checkout(args: readonly Argument[], folder: string | undefined): void {
    const ref = args.find(({ text, word }) => !(text ?? showWord(word)).startsWith('-'));
    const isPath = args.some(({ text }) => text === '--' || text === '-b' || text === '-B' || text === '-c');
    if (ref === undefined || isPath) return;
    const name = ref.text ?? showWord(ref.word);
    const meant = name === 'FETCH_HEAD' ? (this.fetched ?? name) : name;
    const pinned = isCommitLike(meant);
    const base = folder?.replace(/\/+$/, '').replace(/^.*\//, '');
    const clone = this.inputs.findLast(({ directory }) => directory === base) ?? this.inputs.at(-1);
    const isCloned = this.inputs.some(({ input }) => input.subject.startsWith('git clone'));
    if (!isCloned && pinned) this.checkedOutAlone = meant;
    if (clone === undefined) return;
    const isClone = clone.input.subject.startsWith('git clone');
    if (isClone || pinned) clone.input = { ...clone.input, ...(isClone ? { ref: meant } : {}), pinned };
  }

  /** `git fetch origin main` in a repository that `git init` and `git remote add` made. */
  private fetch(invocation: Invocation, args: readonly Argument[]): GitInput[] {
    const shown = args.map(({ text, word }) => text ?? showWord(word));
    const commit = shown.find((text) => isCommit(text));
    if (commit !== undefined) {
      this.fetched = commit;
      return [];
    }
    const operands: string[] = [];
    for (let at = 0; at < shown.length; at++) {
      if (/^(?:--depth|-j|--jobs|-o|--refmap|--filter|--shallow-since)$/.test(shown[at]!)) at++;
      else if (!shown[at]!.startsWith('-')) operands.push(shown[at]!);
    }
    const [remote = 'origin', ref] = operands;
    const address = this.remotes.get(remote) ?? remote;
    this.fetched = undefined;
    if (!isRemote(address) || ref?.includes('$')) return [];
    return [
      {
        kind: 'git',
        by: 'clone',
        span: invocation.command.span,
        subject: ['git fetch', ...shown].join(' '),
        pinned: false,
        shallow: false,
        ...(ref === undefined ? {} : { ref }),
      },
    ];
  }
}

/** The name of the folder that a clone makes. */
function directoryOf({ words, text }: Invocation, input: GitInput): string {
  const at = words.findIndex((word) => word.span === input.span);
  const named = at < 0 ? undefined : words[at + 1];
  const path = named === undefined ? (input.url ?? '') : (text(named) ?? showWord(named));
  return path
    .replace(/\/+$/, '')
    .replace(/^.*[/:]/, '')
    .replace(/\.git$/, '');
}

/** What may be elsewhere; `file:` too, as a mirror that is mounted. */
function isRemote(address: string): boolean {
  return /^(?:[a-z+]+:\/\/|[^\s/]+@[^\s/]+:|[\w-]+(?:\.[\w-]+)+:(?!\/\/)|\$)/.test(address);
}

function pullInput(
  { command: { span } }: Invocation,
  { command, args }: { readonly command: string; readonly args: readonly Argument[] },
): GitInput {
  const subject = ['git', command, ...args.map(({ text, word }) => text ?? showWord(word))].join(' ');
  const [, ref] = args.filter(({ text, word }) => !(text ?? showWord(word)).startsWith('-'));
  return {
    kind: 'git',
    by: 'clone',
    span,
    subject,
    pinned: command === 'pull' && ref?.text !== undefined && isCommit(ref.text),
    shallow: false,
    ...(command === 'pull' && ref?.text !== undefined ? { ref: ref.text } : {}),
  };
}

function readClone(invocation: Invocation, args: readonly Argument[]): GitInput[] {
  let ref: string | undefined;
  let revision: string | undefined;
  let shallow = false;
  let url: ShellWord | undefined;
  for (let at = 0; at < args.length; at++) {
    const { text, word } = args[at]!;
    const shown = text ?? showWord(word);
    const value = () => {
      const next = args[++at];
      return next === undefined ? undefined : (next.text ?? showWord(next.word));
    };
    const [, inlineRef] = /^(?:--branch=|-b(?=.))(.+)$/.exec(shown) ?? [];
    if (inlineRef !== undefined) ref = inlineRef;
    else if (shown === '-b' || shown === '--branch') ref = value();
    else if (shown === '--revision') revision = value();
    else if (shown.startsWith('--revision=')) revision = shown.slice('--revision='.length);
    else if (/^--(?:depth|shallow-)/.test(shown)) {
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
  if (url === undefined) return [];
  const address = invocation.text(url);
  const shown = address ?? showWord(url);
  if (!isRemote(shown)) return [];
  const wanted = revision ?? ref;
  return [
    {
      kind: 'git',
      by: 'clone',
      span: url.span,
      subject: `git clone ${wanted === undefined ? '' : `-b ${wanted} `}${shown}`,
      pinned: wanted !== undefined && isCommitLike(wanted),
      shallow,
      ...(address === undefined ? {} : { url: address }),
      ...(wanted === undefined ? {} : { ref: wanted }),
    },
  ];
}

/** `svn checkout URL@7`, `hg clone -u 1.2 URL`, `gh repo clone a/b`: no repository of git's, so nothing that a lock could ask. */
function readOtherClone(invocation: Invocation): GitInput[] {
  const { name, command } = invocation;
  const texts = invocation.words.map((word) => invocation.text(word) ?? showWord(word));
  const [verb, second] = texts.filter((text) => !text.startsWith('-'));
  const isClone =
    name === 'svn'
      ? /^(?:co|checkout|export)$/.test(verb ?? '')
      : name === 'hg' || name === 'bzr'
        ? verb === 'clone' || verb === 'branch'
        : name === 'gh' && verb === 'repo' && second === 'clone';
  const isElsewhere = texts.some((text) => (name === 'gh' ? text.includes('/') : isRemote(text)));
  if (!isClone || !isElsewhere) return [];
  const at = texts.findIndex((text) =>
    /^(?:-r|--rev|--revision|-u|--updaterev|-b|--branch)(?:=|$)/.test(text),
  );
  const ref = at < 0 ? undefined : (/=(.*)$/.exec(texts[at]!)?.[1] ?? texts[at + 1]);
  const revision = ref ?? texts.map((text) => /@(\d+)$/.exec(text)?.[1]).find((found) => found !== undefined);
  const pinned = revision !== undefined && (name === 'svn' ? /^\d+$/.test(revision) : isCommitLike(revision));
  return [
    {
      kind: 'git',
      by: 'clone',
      span: command.span,
      subject: [name, ...texts].join(' '),
      pinned,
      shallow: false,
      ...(revision === undefined ? {} : { ref: revision }),
    },
  ];
}
