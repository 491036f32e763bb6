import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { likelyCause } from './likely-cause.ts';

function cause(before: string | Buffer, after: string | Buffer, path = 'file', hints: string[] = []) {
  const [a, b] = [Buffer.from(before as string), Buffer.from(after as string)];
  let offset = 0;
  while (offset < a.length && a[offset] === b[offset]) offset++;
  return likelyCause({ path, before: a, after: b, offset, start: 0, isWhole: true, hints });
}

describe('likelyCause', () => {
  it('knows times', () => {
    expect(cause('built Sun Nov 22 12:54:39 UTC 2026\n', 'built Sun Nov 22 12:55:01 UTC 2026\n')).toBe(
      'timestamp',
    );
    expect(cause('{"built":1795351279}', '{"built":1795351301}')).toBe('timestamp');
    expect(cause('2026-11-22', '2026-11-23')).toBe('timestamp');
    const gzip = (time: number) => Buffer.from([0x1f, 0x8b, 8, 0, time, 1, 1, 1, 0, 3]);
    expect(cause(gzip(1), gzip(2), 'a.gz')).toBe('timestamp');
    const pyc = (time: number) => Buffer.from([0xa7, 13, 13, 10, 0, 0, 0, 0, time, 1, 1, 1, 0, 0, 0, 0, 9]);
    expect(cause(pyc(1), pyc(2), 'a.cpython-311.pyc')).toBe('timestamp');
  });

  it('looks into what gzip packed, and into tar', () => {
    const tar = (time: number) => {
      const block = Buffer.alloc(1024);
      block.write('file');
      block.write(`${time.toString(8).padStart(11, '0')}`, 136);
      block.write('ustar', 257);
      return block;
    };
    expect(cause(tar(1795351279), tar(1795351301), 'a.tar')).toBe('timestamp');
    const packed = (bytes: Buffer | string) => gzipSync(bytes, { level: 9 });
    expect(cause(packed(tar(1795351279)), packed(tar(1795351301)), 'a.tgz')).toBe('timestamp');
    expect(cause(packed('alpha\nbeta\ngamma\n'), packed('alpha\ngamma\nbeta\n'))).toBe('order');
    const broken = (last: string) => Buffer.concat([packed('x').subarray(0, 12), Buffer.from(last)]);
    expect(cause(broken('no'), broken('yes'))).toBe('unknown');
  });

  it('knows the order of lines', () => {
    expect(cause('alpha\nbeta\ngamma\n', 'alpha\ngamma\nbeta\n')).toBe('order');
  });

  it('knows folders and hosts of one build', () => {
    expect(cause('prefix=/tmp/build-1/out\n', 'prefix=/tmp/build-2/out\n')).toBe('path');
    expect(cause('built on one\n', 'built on another-host\n', 'file', ['another-host'])).toBe('path');
  });

  it('knows what has no pattern', () => {
    expect(cause('id=9f86d081884c7d65\n', 'id=2c26b46b68ffc68f\n')).toBe('random');
    const bytes = (seed: number) =>
      Buffer.from(Array.from({ length: 40 }, (_, at) => (at * 89 + seed) % 251));
    expect(cause(bytes(7), bytes(150))).toBe('random');
  });

  it('says when it does not know', () => {
    expect(cause('yes\n', 'no\n')).toBe('unknown');
  });
});
