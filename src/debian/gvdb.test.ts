import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { glibHashOrder } from './glib-hash-order.ts';
import { type GvdbItem, type GvdbTable, writeGvdb } from './gvdb.ts';

type Found = { readonly [name: string]: string | string[] | Found };

/** What a reader finds, which goes by hashes from bucket to bucket. */
function readGvdb(bytes: Buffer): Found {
  const word = (offset: number) => bytes.readUInt32LE(offset);
  const readTable = (start: number, end: number): Found => {
    const buckets = word(start + 4);
    const items = start + 8 + 4 * buckets;
    const count = (end - items) / 24;
    const nameOf = (index: number) => {
      const at = items + 24 * index;
      return bytes.toString('utf8', word(at + 8), word(at + 8) + bytes.readUInt16LE(at + 12));
    };
    const found: Record<string, string | string[] | Found> = {};
    for (let bucket = 0; bucket < buckets; bucket++) {
      const next = bucket + 1 < buckets ? word(start + 12 + 4 * bucket) : count;
      for (let index = word(start + 8 + 4 * bucket); index < next; index++) {
        const at = items + 24 * index;
        expect(word(at) % buckets).toBe(bucket);
        const [from, to] = [word(at + 16), word(at + 20)];
        const kind = String.fromCharCode(bytes[at + 14]!);
        if (kind === 'v') found[nameOf(index)] = bytes.toString('utf8', from, to);
        else if (kind === 'H') found[nameOf(index)] = readTable(from, to);
        else if (kind === 'L')
          found[nameOf(index)] = Array.from({ length: (to - from) / 4 }, (_, i) =>
            nameOf(word(from + 4 * i)),
          );
      }
    }
    return found;
  };
  expect(bytes.toString('latin1', 0, 8)).toBe('GVariant');
  return readTable(word(16), word(20));
}

const value = (data: string): GvdbItem => ({ kind: 'value', value: { type: 's', data } });

describe('writeGvdb', () => {
  it('lists names, values and tables', () => {
    const inner: GvdbTable = new Map([
      ['k', value('x')],
      ['.path', value('/a/')],
    ]);
    const bytes = writeGvdb(
      new Map<string, GvdbItem>([
        ['b', { kind: 'table', table: inner }],
        ['a', value('y')],
      ]),
    );
    expect(readGvdb(bytes)).toEqual({
      '': ['a', 'b'],
      a: 'y\0\0s',
      b: { '': ['k'], k: 'x\0\0s', '.path': '/a/\0\0s' },
    });
    expect(readGvdb(writeGvdb(new Map()))).toEqual({});
  });

  it('keeps any names', () => {
    const names = fc.uniqueArray(
      fc.string({ minLength: 1, maxLength: 30 }).filter((name) => /^[^.\0]+$/.test(name)),
    );
    fc.assert(
      fc.property(names, (keys) => {
        const found = readGvdb(writeGvdb(new Map(keys.map((key) => [key, value(key)]))));
        expect(
          Object.keys(found)
            .filter((key) => key !== '')
            .sort(),
        ).toEqual([...keys].sort());
      }),
      { numRuns: 50 },
    );
  });
});

describe('glibHashOrder', () => {
  it('gives each string once', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.string(), { maxLength: 300 }), (keys) => {
        expect(glibHashOrder(keys).sort()).toEqual([...keys].sort());
      }),
      { numRuns: 50 },
    );
  });
});
