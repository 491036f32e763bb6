// `.env` and env_file: NAME=value lines, `export`, comments, single quotes (literal), double quotes (escapes and
// variables), over several lines too. As Compose 2's dotenv reads them.
import { TrimaranError } from '../foundation/error.ts';
import { interpolate, type VariableLookup } from './interpolate.ts';

/**
 * Reads the text of an env file, in its order. `lookUp` answers variables that the file itself has not set.
 * A name without `=` takes its value from `lookUp`, and is left out when that has none.
 *
 * Throws `compose/env-file` with its place for a line that is none of these forms.
 */
export function parseEnvFile(text: string, file: string, lookUp: VariableLookup): Map<string, string> {
  const values = new Map<string, string>();
  const lookUpHere: VariableLookup = (name) => lookUp(name) ?? values.get(name);
  const source = text.replace(/^\ufeff/, '').replace(/\r\n?/g, '\n');
  let line = 1;
  for (let at = 0; at < source.length; ) {
    const lineEnd = (from: number) => {
      const end = source.indexOf('\n', from);
      return end < 0 ? source.length : end;
    };
    const end = lineEnd(at);
    const content = source.slice(at, end);
    const span = { file, line, column: 1 };
    if (/^\s*(?:#|$)/.test(content)) {
      at = end + 1;
      line++;
      continue;
    }
    const match = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_.-]*)\s*(?:([=:])[ \t]*|$)/.exec(content);
    if (match === null) {
      throw new TrimaranError({
        code: 'compose/env-file',
        message: `\`${content.trim().split(/[=\s]/, 1)[0]}\` is no variable name`,
        span,
        hint: 'write lines as `NAME=value`',
      });
    }
    const name = match[1]!;
    if (match[2] === undefined) {
      const inherited = lookUp(name);
      if (inherited !== undefined) values.set(name, inherited);
      at = end + 1;
      line++;
      continue;
    }
    const start = at + match[0].length;
    const quote = source[start];
    if (quote === '"' || quote === "'") {
      let close = start + 1;
      while (close < source.length && source[close] !== quote) close += source[close] === '\\' ? 2 : 1;
      if (close >= source.length) {
        throw new TrimaranError({
          code: 'compose/env-file',
          message: `the quote in ${name} is never closed`,
          span: { ...span, column: start - at + 1 },
          hint: `end the value with ${quote}`,
        });
      }
      const body = source.slice(start + 1, close);
      values.set(
        name,
        quote === "'" ? body : interpolate(unescapeDouble(body), { lookUp: lookUpHere, span }),
      );
      line += body.split('\n').length;
      at = lineEnd(close) + 1;
      continue;
    }
    const raw = source
      .slice(start, end)
      .replace(/(?:^|\s)#.*$/, '')
      .trim();
    values.set(name, interpolate(raw, { lookUp: lookUpHere, span }));
    at = end + 1;
    line++;
  }
  return values;
}

function unescapeDouble(text: string): string {
  const escapes: Readonly<Record<string, string>> = {
    n: '\n',
    r: '\r',
    t: '\t',
    '"': '"',
    '\\': '\\',
    $: '$$',
  };
  return text.replace(/\\(.)/gs, (whole, character: string) => escapes[character] ?? whole);
}
