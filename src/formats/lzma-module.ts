// The inner loop of LZMA2 in WebAssembly, assembled when it is first needed: the range decoder and the match copies, one
// LZMA2 chunk a call, and the checksums of .xz. Source: the LZMA specification (LZMA SDK), the .xz file format 1.1.
import {
  add,
  and,
  and64,
  assembleModule,
  block,
  branch,
  branchIf,
  type Code,
  constant,
  constant64,
  equal,
  type FunctionSource,
  greaterUnsigned,
  isZero,
  type Local,
  lessUnsigned,
  load8,
  load16,
  load32,
  load64,
  loop,
  multiply,
  notLessUnsigned,
  or,
  returnValue,
  select,
  shiftLeft,
  shiftRight,
  shiftRight64,
  shiftRightSigned,
  store8,
  store16,
  store32,
  store64,
  subtract,
  when,
  wrap64,
  xor,
  xor64,
} from './wasm-assembler.ts';

// --- memory layout, in bytes

/** State between chunks: state, rep0 … rep3, each four bytes. */
const stateAt = 16;
/** Checksum register (eight bytes), then the tables of eight times 256 entries. */
export const checksumAt = 64;
export const checksumTablesAt = 128;
const probabilitiesAt = checksumTablesAt + 8 * 256 * 8;

let next = probabilitiesAt;
function probabilities(count: number): number {
  const at = next;
  next += count * 2;
  return at;
}
const isMatch = probabilities(12 * 16);
const isRep = probabilities(12);
const isRep0 = probabilities(12);
const isRep1 = probabilities(12);
const isRep2 = probabilities(12);
const isRep0Long = probabilities(12 * 16);
const distanceSlot = probabilities(4 * 64);
const distanceSpecial = probabilities(128);
const distanceAlign = probabilities(16);
/** Of a length coder: choice, choice2, then low, middle (16 times 8 each) and high (256). */
const lengthCoderSize = 2 + 2 * 16 * 8 + 256;
const matchLength = probabilities(lengthCoderSize);
const repLength = probabilities(lengthCoderSize);
const literals = probabilities(0x300 << 4);
const probabilitiesEnd = next;

/** Where a chunk's compressed bytes go: 64 KiB, and slack, since a symbol is read before the end is looked at. */
export const inputAt = 128 * 1024;
export const inputSlack = 256;
/** Where the window starts; the byte before it must be zero. A multiple of 16, as positions are taken from addresses. */
export const windowAt = inputAt + 64 * 1024 + 1024;
/** Bytes that a match copy may write past its end. */
export const windowSlack = 16;

if (probabilitiesEnd > inputAt) throw new Error('LZMA memory layout overlaps');

// --- the chunk decoder

const decodeChunk: FunctionSource = {
  name: 'decodeChunk',
  parameters: 8,
  locals: 18,
  body(locals) {
    const [input, inputEnd, out, outEnd, dictionaryStart, dictionarySize, lcAndLp, pbMask] =
      locals as Local[] as [Local, Local, Local, Local, Local, Local, Local, Local];
    const [range, code, state, rep0, rep1, rep2, rep3, bound, at, probability, symbol, length] = locals.slice(
      8,
    ) as Local[] as [Local, Local, Local, Local, Local, Local, Local, Local, Local, Local, Local, Local];
    const [posState, temporary, offset, matchByte, lc, lpMask] = locals.slice(20) as Local[] as [
      Local,
      Local,
      Local,
      Local,
      Local,
      Local,
    ];
    const c = constant;
    const inc = (variable: Local, by = 1) => variable.set(add(variable.get, c(by)));

    const normalize = when(lessUnsigned(range.get, c(1 << 24)), [
      range.set(shiftLeft(range.get, c(8))),
      code.set(or(shiftLeft(code.get, c(8)), load8(input.get))),
      inc(input),
    ]);
    /** One bit by its probability, as a branch: for bits that are mostly foreseeable. */
    const bit = (address: Code, zero: Code, one: Code, base = 0): Code => [
      normalize,
      at.set(address),
      probability.set(load16(at.get, base)),
      bound.set(multiply(shiftRight(range.get, c(11)), probability.get)),
      when(
        lessUnsigned(code.get, bound.get),
        [
          range.set(bound.get),
          store16(at.get, add(probability.get, shiftRight(subtract(c(2048), probability.get), c(5))), base),
          zero,
        ],
        [
          range.set(subtract(range.get, bound.get)),
          code.set(subtract(code.get, bound.get)),
          store16(at.get, subtract(probability.get, shiftRight(probability.get, c(5))), base),
          one,
        ],
      ),
    ];
    /** One bit without a branch, for bits nobody can foresee. Leaves 1 in `temporary` when the bit is 0. */
    const evenBit = (address: Code, base = 0): Code => [
      normalize,
      at.set(address),
      probability.set(load16(at.get, base)),
      bound.set(multiply(shiftRight(range.get, c(11)), probability.get)),
      temporary.set(lessUnsigned(code.get, bound.get)),
      range.set(select(bound.get, subtract(range.get, bound.get), temporary.get)),
      code.set(select(code.get, subtract(code.get, bound.get), temporary.get)),
      // For a 1 the probability falls by a 32nd: adding (31 - p) >> 5 is the same as taking p >> 5 away.
      store16(
        at.get,
        add(
          probability.get,
          shiftRightSigned(subtract(select(c(2048), c(31), temporary.get), probability.get), c(5)),
        ),
        base,
      ),
    ];
    const repeat = (times: number, code: Code): Code => Array.from({ length: times }, () => code);
    /** `symbol` from a tree of `bits` bits whose probabilities start at `base` + `offset` bytes; with a leading 1. */
    const tree = (bits: number, offsetBytes: Code, base: number): Code => [
      offset.set(offsetBytes),
      symbol.set(c(1)),
      repeat(bits, [
        evenBit(add(offset.get, shiftLeft(symbol.get, c(1))), base),
        symbol.set(subtract(add(shiftLeft(symbol.get, c(1)), c(1)), temporary.get)),
      ]),
    ];
    const decodeLength = (base: number): Code => {
      const low = base + 4;
      const middle = low + 16 * 8 * 2;
      const high = middle + 16 * 8 * 2;
      const byPosition = shiftLeft(posState.get, c(4));
      return bit(
        c(0),
        [tree(3, byPosition, low), length.set(subtract(symbol.get, c(8 - 2)))],
        bit(
          c(0),
          [tree(3, byPosition, middle), length.set(subtract(symbol.get, c(8 - 2 - 8)))],
          [tree(8, c(0), high), length.set(subtract(symbol.get, c(256 - 2 - 16)))],
          base + 2,
        ),
        base,
      );
    };
    const ofState = (variable: Local) => shiftLeft(variable.get, c(1));
    const ofStateAndPosition = shiftLeft(add(shiftLeft(state.get, c(4)), posState.get), c(1));
    /** `low` when the last symbol was a literal, else `high`. */
    const nextState = (low: number, high: number) =>
      state.set(select(c(low), c(high), lessUnsigned(state.get, c(7))));

    const literalBit: Code = [
      evenBit(add(offset.get, shiftLeft(symbol.get, c(1))), literals),
      symbol.set(subtract(add(shiftLeft(symbol.get, c(1)), c(1)), temporary.get)),
    ];
    const literalContext = multiply(
      add(
        shiftLeft(and(out.get, lpMask.get), lc.get),
        shiftRight(load8(subtract(out.get, c(1))), subtract(c(8), lc.get)),
      ),
      c(0x300 * 2),
    );
    const literal: Code = [
      offset.set(literalContext),
      symbol.set(c(1)),
      when(lessUnsigned(state.get, c(7)), repeat(8, literalBit), [
        // After a match the byte that would have continued it is a hint, as long as bits agree with it. `length`
        // is 0x100 while they do.
        matchByte.set(load8(subtract(subtract(out.get, rep0.get), c(1)))),
        length.set(c(0x100)),
        repeat(8, [
          matchByte.set(shiftLeft(matchByte.get, c(1))),
          // posState is free: nobody needs it any more for this symbol.
          posState.set(and(matchByte.get, length.get)),
          evenBit(add(offset.get, shiftLeft(add(add(length.get, posState.get), symbol.get), c(1))), literals),
          symbol.set(subtract(add(shiftLeft(symbol.get, c(1)), c(1)), temporary.get)),
          // Bit 1 keeps `length` where the hint was 1, bit 0 where it was 0.
          length.set(and(length.get, xor(posState.get, subtract(c(0), temporary.get)))),
        ]),
      ]),
      store8(out.get, symbol.get),
      inc(out),
      // 0…3 → 0, 4…9 → minus 3, 10 and 11 → minus 6.
      state.set(
        select(
          c(0),
          subtract(state.get, select(c(3), c(6), lessUnsigned(state.get, c(10)))),
          lessUnsigned(state.get, c(4)),
        ),
      ),
    ];

    const distance: Code = [
      // The slot depends on the length, up to 5.
      tree(
        6,
        shiftLeft(select(subtract(length.get, c(2)), c(3), lessUnsigned(length.get, c(5))), c(7)),
        distanceSlot,
      ),
      symbol.set(subtract(symbol.get, c(64))),
      when(lessUnsigned(symbol.get, c(4)), rep0.set(symbol.get), [
        // matchByte counts the bits that are left to read.
        matchByte.set(subtract(shiftRight(symbol.get, c(1)), c(1))),
        rep0.set(add(c(2), and(symbol.get, c(1)))),
        when(
          lessUnsigned(symbol.get, c(14)),
          [
            rep0.set(shiftLeft(rep0.get, matchByte.get)),
            offset.set(shiftLeft(subtract(rep0.get, symbol.get), c(1))),
            symbol.set(c(1)),
            posState.set(c(1)),
            loop([
              evenBit(add(offset.get, shiftLeft(symbol.get, c(1))), distanceSpecial),
              symbol.set(subtract(add(shiftLeft(symbol.get, c(1)), c(1)), temporary.get)),
              rep0.set(add(rep0.get, select(c(0), posState.get, temporary.get))),
              posState.set(shiftLeft(posState.get, c(1))),
              branchIf(0, matchByte.tee(subtract(matchByte.get, c(1)))),
            ]),
          ],
          [
            matchByte.set(subtract(matchByte.get, c(4))),
            loop([
              normalize,
              range.set(shiftRight(range.get, c(1))),
              code.set(subtract(code.get, range.get)),
              // All ones when the code was below, and the bit is 0.
              temporary.set(subtract(c(0), shiftRight(code.get, c(31)))),
              code.set(add(code.get, and(range.get, temporary.get))),
              rep0.set(add(add(shiftLeft(rep0.get, c(1)), c(1)), temporary.get)),
              branchIf(0, matchByte.tee(subtract(matchByte.get, c(1)))),
            ]),
            rep0.set(shiftLeft(rep0.get, c(4))),
            symbol.set(c(1)),
            [0, 1, 2, 3].map((index) => [
              evenBit(shiftLeft(symbol.get, c(1)), distanceAlign),
              symbol.set(subtract(add(shiftLeft(symbol.get, c(1)), c(1)), temporary.get)),
              rep0.set(add(rep0.get, select(c(0), c(1 << index), temporary.get))),
            ]),
          ],
        ),
      ]),
    ];

    const match: Code = [
      rep3.set(rep2.get),
      rep2.set(rep1.get),
      rep1.set(rep0.get),
      decodeLength(matchLength),
      nextState(7, 10),
      distance,
    ];
    const repMatch: Code = bit(
      ofState(state),
      bit(
        ofStateAndPosition,
        [nextState(9, 11), length.set(c(1))],
        [decodeLength(repLength), nextState(8, 11)],
        isRep0Long,
      ),
      [
        bit(
          ofState(state),
          [symbol.set(rep1.get)],
          [
            bit(ofState(state), [symbol.set(rep2.get)], [symbol.set(rep3.get), rep3.set(rep2.get)], isRep2),
            rep2.set(rep1.get),
          ],
          isRep1,
        ),
        rep1.set(rep0.get),
        rep0.set(symbol.get),
        decodeLength(repLength),
        nextState(8, 11),
      ],
      isRep0,
    );
    const fail = returnValue(c(0));
    const copyMatch: Code = [
      // Distances that reach before the dictionary, and matches that go past the chunk.
      when(notLessUnsigned(rep0.get, subtract(out.get, dictionaryStart.get)), fail),
      when(notLessUnsigned(rep0.get, dictionarySize.get), fail),
      when(greaterUnsigned(length.get, subtract(outEnd.get, out.get)), fail),
      at.set(subtract(subtract(out.get, rep0.get), c(1))),
      temporary.set(add(out.get, length.get)),
      when(
        lessUnsigned(rep0.get, c(7)),
        loop([
          store8(out.get, load8(at.get)),
          inc(at),
          inc(out),
          branchIf(0, lessUnsigned(out.get, temporary.get)),
        ]),
        [
          loop([
            store64(out.get, load64(at.get)),
            inc(at, 8),
            inc(out, 8),
            branchIf(0, lessUnsigned(out.get, temporary.get)),
          ]),
          out.set(temporary.get),
        ],
      ),
    ];

    const variables = [state, rep0, rep1, rep2, rep3];
    return [
      lc.set(and(lcAndLp.get, c(15))),
      lpMask.set(subtract(shiftLeft(c(1), shiftRight(lcAndLp.get, c(4))), c(1))),
      variables.map((variable, index) => variable.set(load32(c(stateAt), index * 4))),
      range.set(c(-1)),
      // The first byte is always zero; the next four are the code, high byte first.
      when(load8(input.get), fail),
      [1, 2, 3, 4].map((index) => code.set(or(shiftLeft(code.get, c(8)), load8(input.get, index)))),
      inc(input, 5),
      block(
        loop([
          branchIf(1, notLessUnsigned(out.get, outEnd.get)),
          when(greaterUnsigned(input.get, inputEnd.get), fail),
          posState.set(and(out.get, pbMask.get)),
          bit(ofStateAndPosition, literal, [bit(ofState(state), match, repMatch, isRep), copyMatch], isMatch),
          branch(0),
        ]),
      ),
      normalize,
      variables.map((variable, index) => store32(c(stateAt), variable.get, index * 4)),
      // Done when all input is used and nothing is left in the range decoder.
      and(equal(input.get, inputEnd.get), isZero(code.get)),
    ];
  },
};

/** Sets all probabilities to one half and forgets the last distances. */
const resetState: FunctionSource = {
  name: 'resetState',
  parameters: 0,
  locals: 1,
  body([at]) {
    const half = 1024 | (1024 << 16);
    return [
      [0, 1, 2, 3, 4].map((index) => store32(constant(stateAt), constant(0), index * 4)),
      at!.set(constant(probabilitiesAt)),
      loop([
        store32(at!.get, constant(half)),
        at!.set(add(at!.get, constant(4))),
        branchIf(0, lessUnsigned(at!.get, constant(probabilitiesEnd))),
      ]),
      constant(0),
    ];
  },
};

/** A reflected CRC of up to 64 bits over `from`…`to`, eight bytes at a time by tables, in the register in memory. */
const checksum: FunctionSource = {
  name: 'checksum',
  parameters: 2,
  locals: 0,
  locals64: 1,
  body([from, to, crc]) {
    const entry = (value: Code, table: number) =>
      load64(shiftLeft(wrap64(value), constant(3)), checksumTablesAt + table * 256 * 8);
    const byteAt = (index: number) => and64(shiftRight64(crc!.get, constant64(index * 8)), constant64(255));
    return [
      crc!.set(load64(constant(checksumAt))),
      block(
        loop([
          branchIf(1, lessUnsigned(subtract(to!.get, from!.get), constant(8))),
          crc!.set(xor64(crc!.get, load64(from!.get))),
          crc!.set(
            [1, 2, 3, 4, 5, 6, 7].reduce<Code>(
              (sum, index) => xor64(sum, entry(byteAt(index), 7 - index)),
              entry(byteAt(0), 7),
            ),
          ),
          from!.set(add(from!.get, constant(8))),
          branch(0),
        ]),
      ),
      block(
        loop([
          branchIf(1, notLessUnsigned(from!.get, to!.get)),
          crc!.set(
            xor64(
              shiftRight64(crc!.get, constant64(8)),
              load64(
                shiftLeft(xor(and(wrap64(crc!.get), constant(255)), load8(from!.get)), constant(3)),
                checksumTablesAt,
              ),
            ),
          ),
          from!.set(add(from!.get, constant(1))),
          branch(0),
        ]),
      ),
      store64(constant(checksumAt), crc!.get),
      constant(0),
    ];
  },
};

/** The assembled functions. All addresses are into the memory given. */
export interface LzmaFunctions {
  /**
   * Decodes one LZMA chunk of LZMA2. 1 when it was sound: all input used, exactly `outEnd - out` bytes written.
   * `inputEnd` is the address past the chunk; `lcAndLp` is lc + 16 × lp.
   */
  decodeChunk(
    input: number,
    inputEnd: number,
    out: number,
    outEnd: number,
    dictionaryStart: number,
    dictionarySize: number,
    lcAndLp: number,
    pbMask: number,
  ): number;
  resetState(): void;
  checksum(from: number, to: number): void;
}

/** The module's bytes. */
export function assembleLzmaModule(): Uint8Array {
  return assembleModule([decodeChunk, resetState, checksum]);
}
