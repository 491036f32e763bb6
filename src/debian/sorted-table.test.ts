import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isTrimaranError } from '../foundation/error.ts';
import { openSortedTable, writeSortedTable } from './sorted-table.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'table-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

describe('a sorted table', () => {
  it('gives back what was written', async () => {
    await fc.assert(
      fc.asyncProperty(fc.dictionary(fc.string(), fc.string({ unit: 'grapheme' })), async (data) => {
        const file = join(directory, 'table');
        await writeSortedTable(file, new Map(Object.entries(data)));
        const table = openSortedTable(file);
        try {
          for (const [key, value] of Object.entries(data)) expect(table.get(key)).toBe(value);
          expect([...table.keys('')].length).toBe(Object.keys(data).length);
          expect(table.get('no such key, surely')).toBeUndefined();
        } finally {
          table.close();
        }
      }),
      { numRuns: 50 },
    );
  });

  it('lists keys by prefix', async () => {
    const file = join(directory, 'table');
    await writeSortedTable(
      file,
      new Map([
        ['b1', ''],
        ['a', ''],
        ['b0', ''],
        ['c', ''],
      ]),
    );
    const table = openSortedTable(file);
    expect([...table.keys('b')]).toEqual(['b0', 'b1']);
    table.close();
  });

  it('names a damaged file', async () => {
    const file = join(directory, 'table');
    await writeSortedTable(
      file,
      new Map([
        ['key', 'value'],
        ['other', 'text'],
      ]),
    );
    const bytes = readFileSync(file);
    for (const damaged of [
      bytes.subarray(0, bytes.length - 1),
      bytes.subarray(0, 10),
      Buffer.concat([bytes, bytes]),
      Buffer.from('x'),
    ]) {
      writeFileSync(file, damaged);
      try {
        openSortedTable(file);
        expect.unreachable();
      } catch (error) {
        expect(isTrimaranError(error, 'debian/bad-cache')).toBe(true);
      }
    }
  });
});
