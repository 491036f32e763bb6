import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isTrimaranError } from '../foundation/error.ts';
import {
  delimiterPacket,
  encodePacket,
  flushPacket,
  type Packet,
  packetLimit,
  readPackets,
} from './pkt-line.ts';

async function* chunksOf(buffer: Buffer, size: number): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < buffer.length; i += size) yield buffer.subarray(i, i + size);
}
async function packetsOf(buffer: Buffer, size = 7): Promise<Packet[]> {
  const packets: Packet[] = [];
  for await (const packet of readPackets(chunksOf(buffer, size))) packets.push(packet);
  return packets;
}

describe('pkt-line', () => {
  it('reads back what it writes', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.option(fc.uint8Array({ maxLength: 40 }))),
        fc.integer({ min: 1, max: 50 }),
        async (list, size) => {
          const stream = Buffer.concat(
            list.map((data) => (data === null ? flushPacket : encodePacket(data))),
          );
          const packets = await packetsOf(stream, size);
          expect(packets.map((packet) => (packet.kind === 'data' ? [...packet.data] : packet.kind))).toEqual(
            list.map((data) => (data === null ? 'flush' : [...data])),
          );
        },
      ),
    );
  });

  it('writes what git writes', () => {
    expect(encodePacket('a\n').toString()).toBe('0006a\n');
    expect(encodePacket('').toString()).toBe('0004');
    expect(encodePacket(Buffer.alloc(packetLimit)).toString('latin1', 0, 4)).toBe('fff0');
    expect(() => encodePacket(Buffer.alloc(packetLimit + 1))).toThrow('cannot hold');
  });

  it('knows the marks and refuses the rest', async () => {
    expect(await packetsOf(Buffer.concat([delimiterPacket, Buffer.from('0002')]))).toEqual([
      { kind: 'delimiter' },
      { kind: 'response-end' },
    ]);
    for (const bad of ['0003', 'fff1', '<htm', '+001']) {
      await expect(packetsOf(Buffer.from(`${bad}xxxx`)), bad).rejects.toThrow(
        expect.objectContaining({ code: 'pkt-line/malformed' }),
      );
    }
    for (const bad of ['00', '0006a']) {
      await expect(packetsOf(Buffer.from(bad)), bad).rejects.toThrow(
        expect.objectContaining({ code: 'pkt-line/truncated' }),
      );
    }
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 30 }), async (data) => {
        try {
          await packetsOf(Buffer.from(data));
        } catch (error) {
          if (!isTrimaranError(error)) throw error;
        }
      }),
    );
  });
});
