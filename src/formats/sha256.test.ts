import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { sha256HexOfText, sha256OfText } from './sha256.ts';

test('texts are hashed as bytes, ASCII or not', () => {
  for (const text of [
    '',
    'abc',
    '\x00\x7f',
    '\x80',
    'caf\xc3\xa9',
    '\xff'.repeat(5000),
    'a'.repeat(100_000),
  ]) {
    const digest = createHash('sha256').update(Buffer.from(text, 'latin1')).digest();
    expect(sha256HexOfText(text)).toBe(digest.toString('hex'));
    expect(Buffer.from(sha256OfText(text))).toEqual(digest);
  }
});
