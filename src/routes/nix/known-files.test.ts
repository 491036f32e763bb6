import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KnownFiles } from './known-files.ts';

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'trimaran-known-files-'));
  file = join(folder, 'parsed/known-files');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const programs = Array.from({ length: 40 }, (_, i) => new Uint8Array(i * 7 + 1).fill(i));
const pathOf = (i: number) => `/tree/f\xe9 "${i}"\n.nix`;

/** A file that knows 40 programs and one copy. */
function written(): void {
  const known = new KnownFiles(file);
  for (const [i, program] of programs.entries()) known.noteProgram('v', pathOf(i), `stamp ${i}`, program);
  known.noteCopy('nar x', '/tree/x', 'stamp', '/nix/store/x');
  known.close();
}

describe('known files', () => {
  it('are found again by path, variant and stamp, in any order', () => {
    written();
    const known = new KnownFiles(file);
    for (const i of [39, 0, 20, 1, 20]) {
      expect(known.program('v', pathOf(i), `stamp ${i}`)).toEqual(Buffer.from(programs[i]!));
      expect(known.program('v', pathOf(i), 'another stamp')).toBeUndefined();
      expect(known.program('w', pathOf(i), `stamp ${i}`)).toBeUndefined();
    }
    expect(known.copy('nar x', '/tree/x', 'stamp')).toBe('/nix/store/x');
    expect(known.copy('nar x', '/tree/x', 'another')).toBeUndefined();
    expect(known.copy('flat x', '/tree/x', 'stamp')).toBeUndefined();
    known.close();
  });

  it('are written again when enough is new, with what was known before', () => {
    written();
    const few = new KnownFiles(file);
    few.noteProgram('v', '/tree/few', 's', Uint8Array.of(1));
    few.close();
    const more = new KnownFiles(file);
    expect(more.program('v', '/tree/few', 's')).toBeUndefined();
    for (let i = 0; i < 20; i++) more.noteProgram('v', pathOf(i), `new ${i}`, Uint8Array.of(i));
    more.close();
    const known = new KnownFiles(file);
    expect(known.program('v', pathOf(3), 'stamp 3')).toBeUndefined();
    expect(known.program('v', pathOf(3), 'new 3')).toEqual(Buffer.of(3));
    expect(known.program('v', pathOf(30), 'stamp 30')).toEqual(Buffer.from(programs[30]!));
    expect(known.copy('nar x', '/tree/x', 'stamp')).toBe('/nix/store/x');
    known.close();
  });

  it('count as unknown when the file is cut short, or something else', () => {
    written();
    const bytes = readFileSync(file);
    const isKnown = () => {
      const known = new KnownFiles(file);
      const found = known.program('v', pathOf(5), 'stamp 5');
      known.close();
      return found !== undefined;
    };
    expect(isKnown()).toBe(true);
    truncateSync(file, bytes.length - 1);
    expect(isKnown()).toBe(false);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (random, isHeaded) => {
        writeFileSync(file, isHeaded ? Buffer.concat([bytes.subarray(0, 60), random]) : random);
        expect(isKnown()).toBe(false);
      }),
      { numRuns: 50 },
    );
  });
});
