// pkt-line, the framing of git's protocols. Source: gitprotocol-common(5) and gitprotocol-v2(5).
import { TrimaranError } from '../foundation/error.ts';
import { ChunkReader } from './chunk-reader.ts';

/** A packet: data, or one of the marks that have no data. */
export type Packet =
  | { readonly kind: 'data'; readonly data: Buffer }
  | { readonly kind: 'flush' | 'delimiter' | 'response-end' };

/** Bytes that one packet can hold. */
export const packetLimit = 65516;

export const flushPacket: Buffer = Buffer.from('0000');
export const delimiterPacket: Buffer = Buffer.from('0001');

/** One packet of at most {@link packetLimit} bytes; more is a plain Error. */
export function encodePacket(data: string | Uint8Array): Buffer {
  const bytes = typeof data === 'string' ? Buffer.from(data) : data;
  if (bytes.length > packetLimit) throw new Error(`a packet cannot hold ${bytes.length} bytes`);
  return Buffer.concat([Buffer.from((bytes.length + 4).toString(16).padStart(4, '0')), bytes]);
}

/** The packets of a stream, up to its end. Throws `pkt-line/malformed` and `pkt-line/truncated` when it comes to the place. */
export async function* readPackets(
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Packet, void, undefined> {
  const chunks = new ChunkReader(source);
  try {
    for (;;) {
      const head = await chunks.upTo(4);
      if (head.length === 0) return;
      if (head.length < 4) throw truncated();
      const text = head.toString('latin1');
      const length = /^[0-9a-fA-F]{4}$/.test(text) ? Number.parseInt(text, 16) : 3;
      if (length === 0) yield { kind: 'flush' };
      else if (length === 1) yield { kind: 'delimiter' };
      else if (length === 2) yield { kind: 'response-end' };
      else if (length === 3 || length > packetLimit + 4) {
        throw new TrimaranError({
          code: 'pkt-line/malformed',
          message: `the git server answered with ${JSON.stringify(text)} where the length of a packet belongs`,
          hint: 'check the address',
          exitCode: 4,
        });
      } else {
        const data = await chunks.take(length - 4);
        if (data === undefined) throw truncated();
        yield { kind: 'data', data };
      }
    }
  } finally {
    await chunks.close();
  }
}

function truncated(): TrimaranError {
  return new TrimaranError({
    code: 'pkt-line/truncated',
    message: 'the git server broke off in the middle of a packet',
    hint: 'try again',
    exitCode: 4,
  });
}
