import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32, deflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readWheelMetadata } from './wheel-metadata.ts';

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'trimaran-wheel-'));
});
afterAll(() => rmSync(root, { recursive: true }));

/** A zip archive of files, deflated or stored. */
function zip(files: Readonly<Record<string, string>>, deflate: boolean): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [name, text] of Object.entries(files)) {
    const bytes = Buffer.from(text);
    const packed = deflate ? deflateRawSync(bytes) : bytes;
    const fields = Buffer.alloc(26);
    fields.writeUInt16LE(20, 0);
    fields.writeUInt16LE(deflate ? 8 : 0, 4);
    fields.writeUInt32LE(crc32?.(bytes) ?? 0, 10);
    fields.writeUInt32LE(packed.length, 14);
    fields.writeUInt32LE(bytes.length, 18);
    fields.writeUInt16LE(name.length, 22);
    const local = Buffer.concat([Buffer.from('PK\x03\x04'), fields, Buffer.from(name), packed]);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(offset, 10);
    directory.push(
      Buffer.concat([Buffer.from('PK\x01\x02'), Buffer.from([20, 0]), fields, tail, Buffer.from(name)]),
    );
    parts.push(local);
    offset += local.length;
  }
  const listed = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(parts.length, 10);
  end.writeUInt32LE(listed.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...parts, listed, end]);
}

const files = { 'a/__init__.py': 'x = 1\n', 'a-1.0.dist-info/METADATA': 'Requires-Dist: b\n' };

function metadataOf(bytes: Uint8Array): string | undefined {
  const file = join(root, 'a.whl');
  writeFileSync(file, bytes);
  return readWheelMetadata(file);
}

it('finds the metadata, deflated or stored', () => {
  for (const deflate of [true, false]) expect(metadataOf(zip(files, deflate))).toBe('Requires-Dist: b\n');
});

it('has nothing to say of what is no wheel, or damaged', () => {
  expect(metadataOf(Buffer.alloc(0))).toBeUndefined();
  expect(metadataOf(Buffer.from('PK\x05\x06'))).toBeUndefined();
  expect(metadataOf(zip({ 'a/b': 'c' }, true))).toBeUndefined();
  const whole = zip(files, true);
  fc.assert(
    fc.property(fc.nat(whole.length - 1), fc.nat(255), (at, value) => {
      const damaged = Buffer.from(whole);
      damaged[at] = value;
      metadataOf(damaged);
    }),
  );
});
