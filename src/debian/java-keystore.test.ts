import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { writeJavaKeystore } from './java-keystore.ts';

describe('writeJavaKeystore', () => {
  it('writes entries as keytool reads them, and the digest behind them', () => {
    const store = writeJavaKeystore([{ alias: 'debian:a.pem', der: Buffer.from([0x30, 0]) }], 1);
    const body = store.subarray(0, -20);
    expect(body.toString('hex')).toBe(
      `feedfeed0000000200000001${'00000002'}000c${Buffer.from('debian:a.pem').toString('hex')}` +
        `00000000000003e8${'0005'}${Buffer.from('X.509').toString('hex')}000000023000`,
    );
    const password = Buffer.from([...'changeit'].flatMap((letter) => [0, letter.charCodeAt(0)]));
    expect(store.subarray(-20)).toEqual(
      createHash('sha1')
        .update(Buffer.concat([password, Buffer.from('Mighty Aphrodite'), body]))
        .digest(),
    );
  });
});
