// `command: uvicorn "a b"`: one text as words, as compose does it (POSIX quoting; no variables, no operators).

/** The words of a command, or undefined when a quote is never closed. */
export function splitCommand(text: string): string[] | undefined {
  const words: string[] = [];
  let word: string | undefined;
  for (let at = 0; at < text.length; at++) {
    const unit = text[at]!;
    if (/\s/.test(unit)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (unit === "'") {
      const close = text.indexOf("'", at + 1);
      if (close < 0) return undefined;
      word = (word ?? '') + text.slice(at + 1, close);
      at = close;
    } else if (unit === '"') {
      word ??= '';
      for (at++; text[at] !== '"'; at++) {
        if (at >= text.length) return undefined;
        if (text[at] === '\\' && (text[at + 1] === '"' || text[at + 1] === '\\')) at++;
        word += text[at];
      }
    } else if (unit === '\\') {
      if (at + 1 >= text.length) return undefined;
      word = (word ?? '') + text[++at];
    } else {
      word = (word ?? '') + unit;
    }
  }
  if (word !== undefined) words.push(word);
  return words;
}
