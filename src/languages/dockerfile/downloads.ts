// Downloads in a script: what curl, wget and their like fetch, where it goes, and whether something there checks it.
import type { Invocation } from './command-line.ts';
import type { UrlInput } from './inputs.ts';
import { showWord } from './shell.ts';

const downloaders = /^(?:curl|wget2?|aria2c|axel|lwp-download|lwp-request|http|https|xh|fetch)$/;

export function isDownloader(name: string): boolean {
  return downloaders.test(name);
}

/** The downloads of a command; `piped` when what it prints is handed to an interpreter. */
export function readDownload(invocation: Invocation, piped: boolean): UrlInput[] {
  const { name, words } = invocation;
  const texts = words.map((word) => invocation.text(word));
  const asksHead = texts.some(
    (text) => text !== undefined && /^(?:-[a-zA-Z]*I[a-zA-Z]*|--head|--spider|--version)$/.test(text),
  );
  // What sends something fetches nothing that would be kept.
  const sends = name === 'curl' && texts.some((text, at) => isSending(text, texts[at + 1]));
  const isKept = texts.some((text) => /^(?:-[a-zA-Z]*[oO]|--output.*|--remote-name.*)$/.test(text ?? ''));
  if (asksHead || (sends && !isKept && !piped)) return [];
  const inputs: UrlInput[] = [];
  for (const [index, word] of words.entries()) {
    const before = index > 0 ? texts[index - 1] : undefined;
    const [, inline] = /^--url=(.*)$/.exec(texts[index] ?? '') ?? [];
    const known = inline ?? texts[index];
    const shown = known ?? showWord(word).replace(/^--url=/, '');
    // A word of variables only is a URL when nothing else can be one.
    const isUrl =
      /^(?:https?|ftp):\/\//i.test(shown) ||
      (known === undefined && /^\$\{?[A-Z_]*URL[A-Z_]*\}?(?:\/|$)/.test(shown));
    const isBare = !isUrl && isOperand(texts[index], before) && isBareAddress(shown);
    if (!isUrl && !isBare) continue;
    if (/^(?:https?:\/\/)?(?:localhost|127\.0\.0\.1|\[::1\])(?:[:/]|$)/.test(shown)) continue;
    if (takesValue(before)) continue;
    // Both take a name without a scheme for one of HTTP.
    const url = known === undefined || !isBare ? known : `http://${known}`;
    const file = savedAs(invocation, { texts, shown });
    inputs.push({
      kind: 'url',
      by: name === 'curl' ? 'curl' : 'wget',
      span: word.span,
      subject: `${name} ${shown}`,
      pinned: false,
      toShell: piped && file === undefined,
      ...(url === undefined ? {} : { url }),
      ...(file === undefined ? {} : { file }),
    });
  }
  return inputs;
}

/** A word that is neither an option nor, as far as can be told, the value of one. */
function isOperand(text: string | undefined, before: string | undefined): boolean {
  if (text?.startsWith('-')) return false;
  return (
    before === undefined ||
    !before.startsWith('-') ||
    /^(?:-[a-zA-Z]*[LSqsfkgvN]|-[a-zA-Z]*LO|-[a-zA-Z]*fO|-O|--[a-z-]+)$/.test(before)
  );
}

/** `example.org/x.tgz`: a host with a known kind of ending, and a path. */
function isBareAddress(text: string): boolean {
  return /^(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,18}(?::\d+)?\/[^\s]*$/i.test(text);
}

/** The name of the file that a download becomes; undefined where it is printed. */
function savedAs(
  { name, command, text }: Invocation,
  { texts, shown }: { readonly texts: readonly (string | undefined)[]; readonly shown: string },
): string | undefined {
  const base = (path: string) => path.replace(/[?#].*$/, '').replace(/^.*\//, '');
  const named = (path: string | undefined) =>
    path === '-' || path === '/dev/stdout' ? undefined : base(path ?? '…');
  for (const { operator, target } of command.redirects) {
    if (/^>/.test(operator) && operator !== '>&') return base(text(target) ?? showWord(target));
  }
  const letter = name === 'curl' ? 'o' : 'O';
  for (const [at, option] of texts.entries()) {
    const [, inline] =
      new RegExp(`^(?:--output(?:-document)?=|-[a-zA-Z]*${letter})(.+)$`).exec(option ?? '') ?? [];
    // `-oFILE`, `-qO-`, but not `-LO`, `-Oq`.
    if (inline !== undefined && (option!.startsWith('--') || !/^[a-zA-Z]{0,2}$/.test(inline)))
      return named(inline);
    if (new RegExp(`^(?:--output(?:-document)?|-[a-zA-Z]*${letter})$`).test(option ?? ''))
      return named(texts[at + 1]);
    if (name === 'curl' && /^(?:-[a-zA-Z]*O[a-zA-Z]*|--remote-name(?:-all)?)$/.test(option ?? ''))
      return base(shown);
  }
  return name === 'curl' ? undefined : base(shown);
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

/** What a script does to check its downloads: told command by command. */
export class Verification {
  private hashes = false;
  private compares = false;
  private checks = false;

  /** Whether something checks what was downloaded. */
  get isDone(): boolean {
    return this.checks || (this.hashes && this.compares);
  }

  see(invocation: Invocation): void {
    const { name, words } = invocation;
    const texts = words.map((word) => invocation.text(word) ?? showWord(word));
    if (/^(?:(?:sha(?:1|224|256|384|512)?|md5|b2)sum|shasum|gpgv?|minisign|cosign|signify)$/.test(name)) {
      if (
        name === 'gpgv' ||
        texts.some((text) => /^(?:-c|--check|--verify|-[a-z]*V[a-z]*|verify\S*|-[a-z]*c[a-z]*)$/.test(text))
      )
        this.checks = true;
      else if (!/^gpg|minisign|cosign|signify/.test(name)) this.hashes = true;
    } else if (name === 'openssl' && texts[0] === 'dgst') {
      if (texts.some((text) => /^-(?:verify|prverify)$/.test(text))) this.checks = true;
      else this.hashes = true;
    } else if (/^(?:\[{1,2}|test|[ef]?grep|cmp|diff)$/.test(name)) {
      // `[ "$(sha256sum x | cut …)" = "$SHA256" ]`
      this.compares ||= texts.some((text) =>
        /(?:^|[^0-9a-f])[0-9a-f]{32,128}(?:$|[^0-9a-f])|\$\{?\w*(?:sha|sum|hash|digest|md5)/i.test(text),
      );
    }
  }
}
