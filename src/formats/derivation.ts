// Derivations, `.drv`: one build step, in Nix's and Guix's ATerm form (its hashes: derivation-hash.ts).
// Source: the Nix reference manual, protocols/derivation-aterm and store/derivation. Left out: dynamic derivations.
import { type ByteString, fromByteString } from '../foundation/byte-string.ts';
import { TrimaranError } from '../foundation/error.ts';
import { sortedOnce } from './sorted-once.ts';
import { SortedVariables } from './sorted-variables.ts';
import { isStorePath, makeTextPath, type StorePath } from './store-path.ts';

/** One output. All three are empty while it is not known where it will lie. */
export interface DerivationOutput {
  /** Store path, or '' when it is not known before the build. */
  readonly path: StorePath | '';
  /** `sha256`, `r:sha256` … for a fixed (or floating) output, else ''. */
  readonly hashAlgorithm: ByteString;
  /** The hash in base 16 for a fixed output, else ''. */
  readonly hash: ByteString;
}

/** A derivation. Maps may be in any order: they are written sorted by byte. */
export interface Derivation {
  /** Without `.drv`. Not part of the text, but of every path. */
  readonly name: ByteString;
  readonly outputs: ReadonlyMap<ByteString, DerivationOutput>;
  /** Input derivations' paths to the names of the outputs used. */
  readonly inputDrvs: ReadonlyMap<StorePath, readonly ByteString[]>;
  readonly inputSrcs: readonly StorePath[];
  readonly system: ByteString;
  readonly builder: ByteString;
  readonly args: readonly ByteString[];
  readonly env: ReadonlyMap<ByteString, ByteString>;
}

/**
 * A derivation from its text. `name` is that of its store path without `.drv`.
 * Throws `derivation/malformed` and `derivation/unsupported-version`.
 */
export function parseDerivation(text: ByteString, name: ByteString): Derivation {
  return new DerivationParser(text, name).parse();
}

/** The text of a derivation, byte for byte as Nix and Guix write it. */
export function writeDerivation(drv: Derivation): ByteString {
  return assemble(partsOf(drv), { inputs: writeInputs(drv.inputDrvs), outputs: drv.outputs });
}

/**
 * The store path of a derivation's text. `text`, when the caller has it already, spares writing it again.
 * Throws `store-path/bad-name`.
 */
export function derivationPath(
  drv: Derivation,
  options: { readonly storeDirectory: string; readonly text?: ByteString },
): StorePath {
  return makeTextPath({
    name: `${drv.name}.drv`,
    contents: options.text ?? writeDerivation(drv),
    references: derivationReferences(drv),
    storeDirectory: options.storeDirectory,
  });
}

/** All store paths that a derivation's text refers to: its inputs, sorted. */
export function derivationReferences({ inputDrvs, inputSrcs }: Derivation): readonly StorePath[] {
  return sortedOnce([...inputDrvs.keys(), ...inputSrcs]);
}

/** The input derivations as the text has them, sorted; each key is a path, or what stands for it in a hash. */
export function writeInputs(inputs: ReadonlyMap<ByteString, readonly ByteString[]>): ByteString {
  let text = '';
  const keys = sortedOnce(inputs.keys());
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i]!;
    text += `${i === 0 ? '("' : ',("'}${key}",["${sortedOnce(inputs.get(key)!).join('","')}"])`;
  }
  return text;
}

/** What a derivation's text shares with the texts that its hashes are taken of, made once for all of them. */
export interface DerivationParts {
  /** Sources, system, builder and arguments. */
  readonly middle: ByteString;
  /** Environment variables as the text has them, in runs; after each run but the last stands a gap. */
  readonly runs: readonly ByteString[];
  /** Where variables named after outputs belong, and what values they have if they are there. */
  readonly gaps: readonly { readonly name: ByteString; readonly value: ByteString | undefined }[];
}

const piecesOfVariable = 5;

export function partsOf(drv: Derivation): DerivationParts {
  const sources = sortedOnce(drv.inputSrcs);
  const outputs = sortedOnce(drv.outputs.keys());
  const { names, texts } = sortedVariables(drv.env);
  const runs: ByteString[] = [];
  const gaps: { name: ByteString; value: ByteString | undefined }[] = [];
  // Joined at the end of a run: there are dozens of variables, and adding to a string makes an object each time.
  let run: ByteString[] = new Array(names.length * piecesOfVariable);
  let count = 0;
  let gap: ByteString | undefined = outputs[0];
  const openGap = (name: ByteString, value: ByteString | undefined, left: number) => {
    run.length = count;
    runs.push(run.join(''));
    run = new Array(left * piecesOfVariable);
    count = 0;
    gaps.push({ name, value });
    gap = outputs[gaps.length];
  };
  for (let i = 0; i < names.length; i++) {
    const name = names[i]!;
    while (gap !== undefined && gap < name) openGap(gap, undefined, names.length - i);
    if (gap === name) {
      openGap(name, texts[i], names.length - i - 1);
      continue;
    }
    const text = texts[i]!;
    const isPlain = !needsEscape.test(text);
    run[count] = count === 0 ? '(' : ',(';
    run[++count] = quoted(name);
    count++;
    run[count++] = isPlain ? ',"' : ',';
    run[count++] = isPlain ? text : quoted(text);
    run[count++] = isPlain ? '")' : ')';
  }
  while (gap !== undefined) openGap(gap, undefined, 0);
  run.length = count;
  runs.push(run.join(''));
  return {
    middle: `[${sources.length === 0 ? '' : `"${sources.join('","')}"`}],${quoted(drv.system)},${quoted(drv.builder)},[${drv.args.map(quoted).join(',')}]`,
    runs,
    gaps,
  };
}

function sortedVariables(env: Derivation['env']): {
  readonly names: readonly ByteString[];
  readonly texts: readonly ByteString[];
} {
  if (env instanceof SortedVariables) return env;
  const names = sortedOnce(env.keys());
  return { names, texts: names.map((name) => env.get(name)!) };
}

/** A text of those parts, with the inputs, outputs and other values of variables named after outputs that are given. */
export function assemble(
  { middle, runs, gaps }: DerivationParts,
  given: {
    readonly inputs: ByteString;
    readonly outputs: ReadonlyMap<ByteString, DerivationOutput>;
    readonly env?: ReadonlyMap<ByteString, ByteString>;
  },
): ByteString {
  let outputs = '';
  const names = sortedOnce(given.outputs.keys());
  for (let i = 0; i < names.length; i++) {
    const name = names[i]!;
    const { path, hashAlgorithm, hash } = given.outputs.get(name)!;
    outputs += `${i === 0 ? '("' : ',("'}${name}","${path}","${hashAlgorithm}","${hash}")`;
  }
  let variables = runs[0]!;
  for (let i = 0; i < gaps.length; i++) {
    const { name, value: own } = gaps[i]!;
    const value = given.env?.get(name) ?? own;
    if (value !== undefined) {
      variables = `${variables}${variables === '' ? '(' : ',('}${quoted(name)},${quoted(value)})`;
    }
    const run = runs[i + 1]!;
    if (run !== '') variables = variables === '' ? run : `${variables},${run}`;
  }
  return `Derive([${outputs}],[${given.inputs}],${middle},[${variables}])`;
}

const needsEscape = /["\\\x00-\x1f]/;
const otherControls = /[\x00-\x08\x0b\x0c\x0e-\x1f]/;

/** A string with `"`, `\`, newline, return and tab escaped, and nothing else. */
function quoted(text: ByteString): ByteString {
  if (!needsEscape.test(text)) return `"${text}"`;
  // JSON escapes these in the same way and is much faster, but it escapes the other control characters too.
  if (!otherControls.test(text)) return JSON.stringify(text);
  const escaped = text
    .replace(/["\\]/g, '\\$&')
    .replace(/\n/g, '\\n')
    .replace(/\r/g, '\\r')
    .replace(/\t/g, '\\t');
  return `"${escaped}"`;
}

class DerivationParser {
  readonly #text: ByteString;
  readonly #name: ByteString;
  #position = 0;

  constructor(text: ByteString, name: ByteString) {
    this.#text = text;
    this.#name = name;
  }

  parse(): Derivation {
    if (this.#text.startsWith('DrvWithVersion(')) {
      throw new TrimaranError({
        code: 'derivation/unsupported-version',
        message: `derivation '${fromByteString(this.#name)}' is a dynamic derivation, which is not supported`,
      });
    }
    const outputs = new Map<ByteString, DerivationOutput>();
    const inputDrvs = new Map<StorePath, ByteString[]>();
    const env = new Map<ByteString, ByteString>();
    this.#expect('Derive(');
    this.#list(() => {
      this.#expect('(');
      const output = this.#string();
      this.#expect(',');
      const path = this.#string();
      this.#expect(',');
      const hashAlgorithm = this.#string();
      this.#expect(',');
      const hash = this.#string();
      this.#expect(')');
      outputs.set(output, { path: path === '' ? '' : this.#checked(path), hashAlgorithm, hash });
    });
    this.#expect(',');
    this.#list(() => {
      this.#expect('(');
      const path = this.#storePath();
      this.#expect(',');
      inputDrvs.set(path, this.#strings());
      this.#expect(')');
    });
    this.#expect(',');
    const inputSrcs: StorePath[] = [];
    this.#list(() => inputSrcs.push(this.#storePath()));
    this.#expect(',');
    const system = this.#string();
    this.#expect(',');
    const builder = this.#string();
    this.#expect(',');
    const args = this.#strings();
    this.#expect(',');
    this.#list(() => {
      this.#expect('(');
      const key = this.#string();
      this.#expect(',');
      env.set(key, this.#string());
      this.#expect(')');
    });
    this.#expect(')');
    if (this.#position !== this.#text.length) throw this.#malformed('text after its end');
    return { name: this.#name, outputs, inputDrvs, inputSrcs, system, builder, args, env };
  }

  #expect(token: string): void {
    if (!this.#text.startsWith(token, this.#position))
      throw this.#malformed(`no '${token}' where it belongs`);
    this.#position += token.length;
  }

  #list(item: () => void): void {
    this.#expect('[');
    if (this.#text[this.#position] === ']') {
      this.#position++;
      return;
    }
    for (;;) {
      item();
      const next = this.#text[this.#position];
      if (next === ',') this.#position++;
      else break;
    }
    this.#expect(']');
  }

  #strings(): ByteString[] {
    const strings: ByteString[] = [];
    this.#list(() => strings.push(this.#string()));
    return strings;
  }

  #string(): ByteString {
    const text = this.#text;
    this.#expect('"');
    const start = this.#position;
    let end = text.indexOf('"', start);
    // A quote ends the string unless an odd number of backslashes stands before it.
    while (end >= 0 && text[end - 1] === '\\') {
      let backslash = end - 1;
      while (backslash > start && text[backslash - 1] === '\\') backslash--;
      if ((end - backslash) % 2 === 0) break;
      end = text.indexOf('"', end + 1);
    }
    if (end < 0) throw this.#malformed('an unterminated string');
    this.#position = end + 1;
    const raw = text.slice(start, end);
    return raw.includes('\\') ? raw.replace(/\\(.)/gs, unescaped) : raw;
  }

  #storePath(): StorePath {
    return this.#checked(this.#string());
  }

  #checked(path: ByteString): StorePath {
    if (!isStorePath(path)) throw this.#malformed(`'${path}' where a store path belongs`);
    return path;
  }

  #malformed(what: string): TrimaranError {
    return new TrimaranError({
      code: 'derivation/malformed',
      message: `derivation '${fromByteString(this.#name)}' has ${fromByteString(what)} (at byte ${this.#position})`,
      exitCode: 4,
    });
  }
}

function unescaped(_: string, character: string): string {
  switch (character) {
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    default:
      return character;
  }
}
