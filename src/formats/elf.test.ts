import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readSharedObject } from './elf.ts';

const readerOf = (bytes: Buffer) => (offset: number, length: number) =>
  bytes.subarray(offset, offset + length);

const folder = `/usr/lib/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`;
const library = (pattern: RegExp) =>
  readFileSync(join(folder, readdirSync(folder).find((name) => pattern.test(name))!));

describe('readSharedObject', () => {
  it('reads the names of real libraries', () => {
    const libm = readSharedObject(readerOf(library(/^libm\.so\.6$/)));
    expect(libm).toMatchObject({ bits: 64, soname: 'libm.so.6' });
    expect(libm?.needed).toContain('libc.so.6');
    const libc = readSharedObject(readerOf(library(/^libc\.so\.6$/)));
    expect(libc?.soname).toBe('libc.so.6');
    expect(libc?.interpreter).toMatch(/\/ld-linux/);
  });

  it('gives nothing for what is no shared object', () => {
    expect(readSharedObject(readerOf(Buffer.from('/* GNU ld script */')))).toBeUndefined();
    expect(readSharedObject(readerOf(Buffer.alloc(0)))).toBeUndefined();
  });

  it('bears any bytes, and libraries cut short or damaged', () => {
    const real = library(/^libm\.so\.6$/).subarray(0, 20_000);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        const head = Buffer.concat([real.subarray(0, 64), Buffer.from(bytes)]);
        readSharedObject(readerOf(head));
        readSharedObject(readerOf(Buffer.from(bytes)));
      }),
    );
    fc.assert(
      fc.property(fc.nat(real.length), fc.nat(2000), fc.nat(255), (length, at, value) => {
        const damaged = Buffer.from(real.subarray(0, length));
        if (at < damaged.length) damaged[at] = value;
        readSharedObject(readerOf(damaged));
      }),
    );
  });
});
