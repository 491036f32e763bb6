// Streams that are read in pieces of the reader's choosing, for archives too large for memory.

/** Cuts a stream of chunks into the pieces asked for. */
export class ChunkReader {
  /** Bytes handed out or skipped so far. */
  position = 0;
  readonly #source: AsyncIterator<Uint8Array>;
  #chunk: Buffer = Buffer.alloc(0);
  #ended = false;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** Up to `limit` bytes, at least one; undefined at the end. */
  async some(limit: number): Promise<Buffer | undefined> {
    while (this.#chunk.length === 0) {
      if (this.#ended) return undefined;
      const next = await this.#source.next();
      if (next.done) this.#ended = true;
      else this.#chunk = Buffer.from(next.value.buffer, next.value.byteOffset, next.value.byteLength);
    }
    const piece = this.#chunk.subarray(0, limit);
    this.#chunk = this.#chunk.subarray(piece.length);
    this.position += piece.length;
    return piece;
  }

  /** Exactly `length` bytes when they are at hand without waiting, else undefined. */
  takeNow(length: number): Buffer | undefined {
    if (this.#chunk.length < length) return undefined;
    const piece = this.#chunk.subarray(0, length);
    this.#chunk = this.#chunk.subarray(length);
    this.position += length;
    return piece;
  }

  /** Exactly `length` bytes, or undefined when the source ends before. */
  async take(length: number): Promise<Buffer | undefined> {
    const bytes = await this.upTo(length);
    return bytes.length < length ? undefined : bytes;
  }

  /** `length` bytes, or as many as come before the source ends. */
  async upTo(length: number): Promise<Buffer> {
    const atHand = this.takeNow(length);
    if (atHand !== undefined) return atHand;
    const pieces: Buffer[] = [];
    for (let missing = length; missing > 0; ) {
      const piece = await this.some(missing);
      if (piece === undefined) break;
      pieces.push(piece);
      missing -= piece.length;
    }
    return Buffer.concat(pieces);
  }

  /** The bytes up to position `end`, as they come. */
  async *until(end: number, truncated: () => Error): AsyncGenerator<Buffer, void, undefined> {
    while (this.position < end) {
      const piece = await this.some(end - this.position);
      if (piece === undefined) throw truncated();
      yield piece;
    }
  }

  /** Passes over the bytes up to position `end`. */
  async skipTo(end: number, truncated: () => Error): Promise<void> {
    while (this.position < end) {
      if ((await this.some(end - this.position)) === undefined) throw truncated();
    }
  }

  /** Tells the source that no more is wanted. */
  async close(): Promise<void> {
    if (!this.#ended) await this.#source.return?.();
  }
}
