import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type LayeringPackage, planLayers } from './layering.ts';

const item = (
  name: string,
  size: number,
  dependencies: string[] = [],
  dependents?: number,
): LayeringPackage => ({
  name,
  size,
  dependencies,
  ...(dependents === undefined ? {} : { dependents }),
});
const MiB = 1 << 20;

const packageList = fc.uniqueArray(fc.stringMatching(/^[a-z]{1,3}$/), { maxLength: 30 }).chain((names) =>
  fc.tuple(
    ...names.map((name) =>
      fc.record({
        name: fc.constant(name),
        size: fc.nat({ max: 4 * MiB }),
        dependencies: fc.subarray(names),
        dependents: fc.nat({ max: 1000 }),
      }),
    ),
  ),
);

describe('planLayers', () => {
  it('gives large packages their own layer, popular ones lowest, and the small ones the topmost', () => {
    const groups = planLayers([
      item('tiny', 10, ['libc'], 5),
      item('python', 9 * MiB, ['libc'], 600),
      item('libc', 13 * MiB, [], 20_000),
      item('little', 20, [], 3),
      item('bash', 2 * MiB, ['libc'], 40),
    ]);
    expect(groups).toEqual([
      { names: ['libc'], size: 13 * MiB, kind: 'own' },
      { names: ['python'], size: 9 * MiB, kind: 'own' },
      { names: ['bash'], size: 2 * MiB, kind: 'own' },
      { names: ['little', 'tiny'], size: 30, kind: 'rest' },
    ]);
  });

  it('keeps packages together that depend on each other', () => {
    const groups = planLayers([
      item('libc6', 13 * MiB, ['libgcc']),
      item('libgcc', 1000, ['gcc-base', 'libc6']),
      item('gcc-base', 10),
    ]);
    expect(groups.map((group) => group.names)).toEqual([['libc6', 'libgcc'], ['gcc-base']]);
  });

  it('keeps to the limit, and lets the large and popular keep theirs', () => {
    const packages = Array.from({ length: 20 }, (_, i) => item(`p${i}`, (i + 1) * MiB, [], i));
    const groups = planLayers(packages, { limit: 3 });
    expect(groups.map((group) => group.names[0])).toEqual(['p19', 'p18', 'p0']);
    expect(planLayers(packages, { limit: 1 })).toHaveLength(1);
    const all = planLayers(packages, { limit: 20, ownLayerFrom: MiB });
    expect(all.every((group) => group.kind === 'own')).toBe(true);
  });

  it('makes the same layer of a package in two images', () => {
    const base = [item('libc', 13 * MiB, [], 20_000), item('ssl', 6 * MiB, ['libc'], 800)];
    const api = planLayers([...base, item('python', 9 * MiB, ['libc', 'ssl'], 600)]);
    const db = planLayers([item('postgres', 50 * MiB, ['ssl', 'libc'], 9), ...base]);
    expect(api.slice(0, 2)).toEqual(db.slice(0, 2));
  });

  it('puts each package into one layer, whatever the order, within the limit', () => {
    fc.assert(
      fc.property(packageList, fc.integer({ min: 1, max: 8 }), (packages, limit) => {
        const groups = planLayers(packages, { limit });
        expect(groups.length).toBeLessThanOrEqual(limit);
        expect(groups.flatMap((group) => group.names).sort()).toEqual(
          packages.map(({ name }) => name).sort(),
        );
        expect(planLayers([...packages].reverse(), { limit })).toEqual(groups);
      }),
    );
  });

  it('takes a chain of 100 000 packages', () => {
    const chain = Array.from({ length: 100_000 }, (_, i) => item(`p${i}`, 1, [`p${i + 1}`]));
    expect(planLayers(chain)).toHaveLength(1);
  });
});
