// A parsed file in the form that is kept and run: one array of integers for the whole tree, with every variable
// resolved to its place, and a table of strings. It is made from the syntax tree once per content and compiled
// piece by piece, when a piece is needed, so that most of a big file is never looked at.
import type { ByteString } from '../../foundation/byte-string.ts';
import { byteStringToBuffer } from '../../foundation/byte-string.ts';

/**
 * Layout of a node at index n, after `words[n]` = kind and `words[n + 1]` = position (offset + 1, or 0):
 *
 * integer value · bigInteger s · float s · string s · path s · variable s level slot · global s
 * withVariable s count levels… · inheritFrom index · select of fallback|-1 path · hasAttr of path
 * attrs flags fromCount attrCount dynamicCount from… (s kind position value)… (name value position)…
 * list count items… · lambda name argument body flags formalCount (s position fallback|-1)…
 * call fn count args… · let attrs body · with attrs body · if c t e · assert c body text · not e
 * binary left right · concatStrings force count (position value)… · currentPosition
 *
 * where s is an index into `strings`, a path is count (0 s | 1+s node)… (there s is the node's text), and -1 stands for "none". An assertion
 * keeps its condition as text, for the error message.
 */
export interface Program {
  readonly words: Int32Array;
  readonly strings: StringTable;
  /** Index of the root node. */
  readonly root: number;
  /** Length of the source text, for positions. */
  readonly sourceLength: number;
}

/** Strings by index. Those of a program that was kept are cut out of one text when they are first asked for. */
export class StringTable {
  readonly #known: (ByteString | undefined)[];
  readonly #text: ByteString;
  readonly #ends: Int32Array | undefined;

  /** `ends` says where in `text` each string ends; without it all are in `known`. */
  constructor(known: (ByteString | undefined)[], text: ByteString = '', ends?: Int32Array) {
    this.#known = known;
    this.#text = text;
    this.#ends = ends;
  }

  get length(): number {
    return this.#known.length;
  }

  get(index: number): ByteString {
    const known = this.#known[index];
    if (known !== undefined) return known;
    const ends = this.#ends!;
    const string = this.#text.slice(index === 0 ? 0 : ends[index - 1]!, ends[index]!);
    this.#known[index] = string;
    return string;
  }

  all(): readonly ByteString[] {
    return Array.from(this.#known, (_, index) => this.get(index));
  }
}

const magic = 0x4e495831;
/** Changes whenever the layout above or the resolution of variables does. */
export const programFormat = 6;

/** Magic number, format, root, length of the source, and how many strings and words follow. */
const headerLength = 6;

/** A program as bytes, for the parse cache. */
export function writeProgram(program: Program): Uint8Array {
  const strings = program.strings.all();
  const words = new Int32Array(headerLength + strings.length + program.words.length);
  words.set([magic, programFormat, program.root, program.sourceLength, strings.length, program.words.length]);
  let end = 0;
  for (const [index, string] of strings.entries()) {
    end += string.length;
    words[headerLength + index] = end;
  }
  words.set(program.words, headerLength + strings.length);
  return Buffer.concat([Buffer.from(words.buffer), byteStringToBuffer(strings.join(''))]);
}

/** A program from bytes that {@link writeProgram} made, or undefined when they are of another format or damaged. */
export function readProgram(bytes: Uint8Array): Program | undefined {
  if (bytes.byteLength < headerLength * 4) return undefined;
  // The words need an aligned buffer of their own.
  const { buffer, byteOffset } =
    bytes.byteOffset % 4 === 0 ? bytes : { buffer: bytes.slice().buffer, byteOffset: 0 };
  const all = new Int32Array(buffer, byteOffset, bytes.byteLength >> 2);
  if (all[0] !== magic || all[1] !== programFormat) return undefined;
  const stringCount = all[4]!;
  const wordCount = all[5]!;
  if (stringCount < 0 || wordCount < 0) return undefined;
  const wordsStart = headerLength + stringCount;
  const textStart = (wordsStart + wordCount) * 4;
  const textLength = bytes.byteLength - textStart;
  if (textLength !== (stringCount === 0 ? 0 : all[wordsStart - 1])) return undefined;
  const text = Buffer.from(buffer, byteOffset + textStart, textLength).toString('latin1');
  const ends = all.subarray(headerLength, wordsStart);
  return {
    words: all.subarray(wordsStart, wordsStart + wordCount),
    strings: new StringTable(new Array(stringCount), text, ends),
    root: all[2]!,
    sourceLength: all[3]!,
  };
}
