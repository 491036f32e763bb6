// Downloads in programs that a command has in its words or its here-document: of Python, Perl, PHP, Ruby, node and
// PowerShell. Read as text, not parsed.
import type { Span } from '../../foundation/error.ts';
import type { Invocation } from './command-line.ts';
import type { UrlInput } from './inputs.ts';
import { type MappedText, spanOf } from './mapped-text.ts';
import { showWord } from './shell.ts';

const fetches =
  /\b(?:urlretrieve|urlopen|requests\.get|httpx\.get|LWP::Simple|getstore|copy|file_get_contents|open-uri|URI\.open|fetch|https?\.get)\b/;

/** Downloads of `python -c …`, `php -r …` and the like, and of `powershell -Command …`. */
export function programInputs(invocation: Invocation): UrlInput[] {
  const { name, words, command } = invocation;
  const shown = words.map((word) => ({ text: invocation.text(word) ?? showWord(word), span: word.span }));
  if (/^(?:powershell|pwsh)(?:\.exe)?$/i.test(name)) {
    const [first] = shown;
    return first === undefined
      ? []
      : powershellDownloads(shown.map(({ text }) => text).join(' '), { at: () => first.span });
  }
  if (!/^(?:python[0-9.]*|pypy[0-9.]*|perl|php|ruby|node)$/.test(name)) return [];
  const flag = shown.findIndex(({ text }) => /^-(?:[a-zA-Z]*[ceEr]|-eval)$/.test(text));
  const inline = flag < 0 ? undefined : shown[flag + 1];
  const programs = [
    ...(inline === undefined ? [] : [inline]),
    ...command.redirects.flatMap(({ heredoc }) =>
      heredoc === undefined ? [] : [{ text: heredoc.text.text, span: command.span }],
    ),
  ];
  return programs.flatMap(({ text, span }) => {
    if (!fetches.test(text)) return [];
    const checks = /hashlib|sha(?:256|384|512)|hash_file|Digest::SHA/i.test(text);
    return addresses(text).map(({ url }) => downloadOf(name, url, { span, pinned: checks }));
  });
}

/** Downloads of a PowerShell script, which is what RUN has behind `SHELL ["powershell", …]`. */
export function powershellInputs(script: MappedText): UrlInput[] {
  return powershellDownloads(script.text, { at: (start, end) => spanOf(script, start, end) });
}

function powershellDownloads(
  text: string,
  { at }: { readonly at: (start: number, end: number) => Span },
): UrlInput[] {
  const command =
    /\b(?:Invoke-WebRequest|iwr|Invoke-RestMethod|irm|Start-BitsTransfer|DownloadFile|DownloadString|curl(?:\.exe)?|wget)\b/i;
  if (!command.test(text)) return [];
  const pinned = /\bGet-FileHash\b|\bcertutil\b.*-hashfile/i.test(text);
  const toShell = /\b(?:Invoke-Expression|iex)\b/i.test(text);
  return addresses(text).flatMap(({ url, start }) => {
    // The address of the command that stands before it, in the same statement.
    const statement = text
      .slice(0, start)
      .split(/;|\n|&&/)
      .at(-1)!;
    const [verb] = command.exec(statement) ?? [];
    if (verb === undefined) return [];
    const isRun = toShell && !/-OutFile\b|\s-o\s|DownloadFile/i.test(text);
    return [
      {
        ...downloadOf(verb, url, { span: at(start, start + url.length), pinned: pinned && !isRun }),
        toShell: isRun,
      },
    ];
  });
}

function addresses(text: string): { readonly url: string; readonly start: number }[] {
  return [...text.matchAll(/\b(?:https?|ftp):\/\/[^\s'"`()<>;,]+/gi)]
    .map((match) => ({ url: match[0], start: match.index }))
    .filter(({ url }) => !/^https?:\/\/(?:localhost|127\.0\.0\.1)(?:[:/]|$)/.test(url));
}

function downloadOf(
  name: string,
  url: string,
  { span, pinned }: { readonly span: Span; readonly pinned: boolean },
): UrlInput {
  return {
    kind: 'url',
    by: 'program',
    span,
    subject: `${name} ${url}`,
    pinned,
    toShell: false,
    ...(/[$%{}]/.test(url) ? {} : { url }),
  };
}
