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
  readonly strings: readonly ByteString[];
  /** Index of the root node. */
  readonly root: number;
  /** Length of the source text, for positions. */
  readonly sourceLength: number;
}

const magic = 0x4e495831;
/** Changes whenever the layout above or the resolution of variables does. */
export const programFormat = 5;

/** A program as bytes, for the parse cache. */
export function writeProgram(program: Program): Uint8Array {
  const text = program.strings.join('');
  const header = 6;
  const words = new Int32Array(header + program.strings.length + program.words.length);
  words.set([
    magic,
    programFormat,
    program.root,
    program.sourceLength,
    program.strings.length,
    program.words.length,
  ]);
  for (const [index, string] of program.strings.entries()) words[header + index] = string.length;
  words.set(program.words, header + program.strings.length);
  return Buffer.concat([Buffer.from(words.buffer), byteStringToBuffer(text)]);
}

/** A program from bytes that {@link writeProgram} made, or undefined when they are of another format or damaged. */
export function readProgram(bytes: Uint8Array): Program | undefined {
  if (bytes.byteLength < 24) return undefined;
  // The words need an aligned buffer of their own.
  const aligned =
    bytes.byteOffset % 4 === 0 ? bytes : new Uint8Array(bytes.slice().buffer, 0, bytes.byteLength);
  const all = new Int32Array(aligned.buffer, aligned.byteOffset, aligned.byteLength >> 2);
  const [found, format, root, sourceLength, stringCount, wordCount] = all as unknown as number[];
  if (found !== magic || format !== programFormat) return undefined;
  const wordsStart = 6 + stringCount!;
  const textStart = (wordsStart + wordCount!) * 4;
  if (stringCount! < 0 || wordCount! < 0 || textStart > bytes.byteLength) return undefined;
  const text = Buffer.from(
    aligned.buffer,
    aligned.byteOffset + textStart,
    aligned.byteLength - textStart,
  ).toString('latin1');
  const strings: ByteString[] = new Array(stringCount!);
  let at = 0;
  for (let i = 0; i < stringCount!; i++) {
    const end = at + all[6 + i]!;
    strings[i] = text.slice(at, end);
    at = end;
  }
  if (at !== text.length) return undefined;
  return {
    words: all.subarray(wordsStart, wordsStart + wordCount!),
    strings,
    root: root!,
    sourceLength: sourceLength!,
  };
}
