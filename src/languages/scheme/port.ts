// A port: a source and/or sink of bytes seen as bytes or as UTF-8 text, with line and column.

export interface PortOptions {
  readonly name: string;
  readonly kind?: string;
  readonly input?:
    | { readonly text?: string; readonly bytes?: Uint8Array; readonly pull?: (count: number) => Uint8Array }
    | undefined;
  readonly output?:
    | {
        readonly collect?: boolean;
        readonly push?: (data: Uint8Array) => void;
        readonly pushText?: (text: string) => void;
      }
    | undefined;
  readonly onClose?: (() => void) | undefined;
}

/** A Scheme port. */
export class Port {
  name: string | undefined;
  readonly kind: string;
  readonly canRead: boolean;
  readonly canWrite: boolean;
  closed = false;
  line = 0;
  column = 0;
  position = 0;
  encoding = 'UTF-8';
  /** Input not yet read: text while it came as text, bytes once somebody asked for bytes. */
  private text: string | undefined;
  private bytes: Uint8Array | undefined;
  private whole: Uint8Array | undefined;
  private readonly pull: ((count: number) => Uint8Array) | undefined;
  private readonly output: PortOptions['output'];
  private collected: (string | Uint8Array)[] = [];
  private readonly onClose: (() => void) | undefined;

  constructor(options: PortOptions) {
    this.name = options.name;
    this.kind = options.kind ?? 'string';
    this.canRead = options.input !== undefined;
    this.canWrite = options.output !== undefined;
    this.text = options.input?.text;
    this.bytes = options.input?.bytes;
    this.whole = options.input?.bytes;
    this.pull = options.input?.pull;
    this.output = options.output;
    this.onClose = options.onClose;
    // Bytes are characters by default, as in Guile.
    if (this.kind === 'bytevector') this.encoding = 'ISO-8859-1';
  }

  private asText(): string {
    if (this.text === undefined) {
      this.text = decode(this.bytes ?? new Uint8Array(), this.encoding);
      this.bytes = undefined;
    }
    return this.text;
  }

  private asBytes(): Uint8Array {
    if (this.bytes === undefined) {
      this.bytes = encode(this.text ?? '', this.encoding);
      this.text = undefined;
    }
    return this.bytes;
  }

  /** Makes sure that something is there to read; false at the end. */
  private fill(count: number): void {
    if (this.pull === undefined) return;
    while (this.asBytes().length < count) {
      const more = this.pull(Math.min(65536, Number.isFinite(count) ? count - this.asBytes().length : 65536));
      if (more.length === 0) return;
      this.bytes = new Uint8Array(Buffer.concat([this.asBytes(), more]));
    }
  }

  private fillText(): string {
    this.fill(Number.POSITIVE_INFINITY);
    return this.asText();
  }

  private moved(text: string): void {
    const lines = text.split('\n');
    if (lines.length > 1) {
      this.line += lines.length - 1;
      this.column = 0;
    }
    this.column += Array.from(lines.at(-1)!).length;
    this.position += Buffer.byteLength(text);
  }

  peekChar(): string | undefined {
    if (this.pull !== undefined && this.asBytes().length === 0) this.fill(1);
    if (this.pull !== undefined && this.text === undefined) return this.pulledChar();
    const text = this.asText();
    return text === '' ? undefined : String.fromCodePoint(text.codePointAt(0)!);
  }

  /** The next character of a port that is filled on demand, reading no more than it needs. */
  private pulledChar(): string | undefined {
    const bytes = this.asBytes();
    if (bytes.length === 0) return undefined;
    const first = bytes[0]!;
    const size = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    this.fill(size);
    return Array.from(decode(this.asBytes().subarray(0, size), this.encoding))[0];
  }

  readChar(): string | undefined {
    const c = this.peekChar();
    if (c === undefined) return undefined;
    if (this.text !== undefined) this.text = this.text.slice(c.length);
    else this.bytes = this.asBytes().subarray(Buffer.byteLength(c));
    this.moved(c);
    return c;
  }

  unread(text: string): void {
    if (this.text === undefined && this.bytes !== undefined)
      this.bytes = new Uint8Array(Buffer.concat([encode(text, this.encoding), this.bytes]));
    else this.text = text + this.asText();
    this.column = Math.max(0, this.column - text.length);
    this.position -= Buffer.byteLength(text);
  }

  unreadBytes(data: Uint8Array): void {
    this.bytes = new Uint8Array(Buffer.concat([data, this.asBytes()]));
  }

  /** Up to `count` characters. */
  readText(count: number): string {
    const text = this.fillText();
    const piece =
      count === Number.POSITIVE_INFINITY
        ? text
        : Array.from(text.slice(0, count * 2))
            .slice(0, count)
            .join('');
    this.text = text.slice(piece.length);
    this.moved(piece);
    return piece;
  }

  readLine(): { text: string; ended: boolean } | undefined {
    const text = this.fillText();
    if (text === '') return undefined;
    const end = text.indexOf('\n');
    const piece = end < 0 ? text : text.slice(0, end + 1);
    this.text = text.slice(piece.length);
    this.moved(piece);
    return end < 0 ? { text: piece, ended: false } : { text: piece.slice(0, -1), ended: true };
  }

  /** All that is left, without reading it. */
  restText(): string {
    return this.fillText();
  }

  advance(text: string): void {
    this.text = this.asText().slice(text.length);
    this.moved(text);
  }

  readByte(): number | undefined {
    this.fill(1);
    const bytes = this.asBytes();
    if (bytes.length === 0) return undefined;
    this.bytes = bytes.subarray(1);
    this.position++;
    return bytes[0];
  }

  peekByte(): number | undefined {
    this.fill(1);
    return this.asBytes()[0];
  }

  readBytes(count: number): Uint8Array {
    this.fill(count);
    const bytes = this.asBytes();
    const size = Math.min(count, bytes.length);
    this.bytes = bytes.subarray(size);
    this.position += size;
    return bytes.slice(0, size);
  }

  writeText(text: string): void {
    if (text === '') return;
    this.moved(text);
    const { output } = this;
    if (output?.pushText !== undefined) output.pushText(text);
    else if (output?.push !== undefined) output.push(encode(text, this.encoding));
    else this.collected.push(text);
  }

  writeBytes(data: Uint8Array): void {
    this.position += data.length;
    if (this.output?.push !== undefined) this.output.push(data);
    else this.collected.push(new Uint8Array(data));
  }

  collectedBytes(): Uint8Array {
    return new Uint8Array(
      Buffer.concat(
        this.collected.map((piece) => (typeof piece === 'string' ? encode(piece, this.encoding) : piece)),
      ),
    );
  }

  collectedText(): string {
    if (this.collected.every((piece) => typeof piece === 'string')) {
      const text = this.collected.join('');
      this.collected = [text];
      return text;
    }
    return decode(this.collectedBytes(), this.encoding);
  }

  forgetCollected(): void {
    this.collected = [];
    this.position = 0;
  }

  /** Moves within input that is held whole. Returns the new position. */
  seek(offset: number, whence: number): number {
    if (this.canWrite && !this.canRead) {
      return this.position;
    }
    const all = this.whole ?? this.asBytes();
    this.whole ??= all;
    const base = whence === 0 ? 0 : whence === 1 ? this.position : all.length;
    this.position = base + offset;
    this.text = undefined;
    this.bytes = all.subarray(this.position);
    return this.position;
  }

  /** Whether the port was open. */
  close(): boolean {
    if (this.closed) return false;
    this.closed = true;
    this.onClose?.();
    return true;
  }

  printed(address: string): string {
    const direction = this.canRead && this.canWrite ? 'input-output' : this.canRead ? 'input' : 'output';
    if (this.closed) return `#<closed: ${this.kind} ${address}>`;
    if (this.kind === 'file')
      return `#<${direction}: ${this.name}${this.name?.startsWith('file ') ? '' : ` ${address}`}>`;
    return `#<${direction}: ${this.kind} ${address}>`;
  }
}

function encode(text: string, encoding: string): Uint8Array {
  return new Uint8Array(
    isLatin1(encoding)
      ? Buffer.from(text.replace(/[^\x00-\xff]/gu, '?'), 'latin1')
      : Buffer.from(text, 'utf8'),
  );
}

function decode(bytes: Uint8Array, encoding: string): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString(
    isLatin1(encoding) ? 'latin1' : 'utf8',
  );
}

const isLatin1 = (encoding: string) => /^iso-?8859-1$|^latin-?1$/i.test(encoding);
