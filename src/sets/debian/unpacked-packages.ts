// Debian packages as store objects. A package's derivation names its .deb by path and hash; its output `out` is the
// packed tree, `control` the fields and scripts. Many are made at once, which spreads them over connections and threads.
import { writeFileSync } from 'node:fs';
import { findMirrors, findSnapshot } from '../../debian/archive.ts';
import type { DebControl } from '../../debian/deb.ts';
import { fetchDebs } from '../../debian/fetch-debs.ts';
import type { PackageRecord } from '../../debian/package-index.ts';
import { unpackDebs } from '../../debian/unpack.ts';
import type { Derivation } from '../../formats/derivation.ts';
import type { StorePath } from '../../formats/store-path.ts';
import { TrimaranError } from '../../foundation/error.ts';
import type { Host } from '../../foundation/host.ts';
import type { LocalStore } from '../../store/local-store.ts';
import type { LockFile } from '../lock-file.ts';
import { linkShared, noteShared } from '../shared-objects.ts';

/** The builder of derivations that this file realises. */
const debBuilder = 'builtin:deb';

export interface PackageSource {
  readonly host: Host;
  readonly store: LocalStore;
  /** The project's lock, which may fix a mirror. */
  readonly lock?: LockFile | undefined;
}

/**
 * Makes the outputs of these derivations exist, all of which must have {@link debBuilder}. Those that exist already cost
 * nothing. Rejects with the errors of fetching (`download/…`, `debian/…`) and unpacking (`tar/…`, `ar/…`, `debian/…`).
 */
export async function realisePackages(
  source: PackageSource,
  derivations: readonly Derivation[],
): Promise<void> {
  const { store, host } = source;
  const missing = derivations.filter(
    (derivation) =>
      outputsOf(derivation).some((path) => !store.isValid(path)) && !linkUnpacked(store, derivation),
  );
  if (missing.length === 0) return;
  const packages = missing.map(recordOfDerivation);
  const bySuite = new Map<string, typeof packages>();
  for (const item of packages) bySuite.set(item.suite, [...(bySuite.get(item.suite) ?? []), item]);
  for (const [suite, items] of bySuite) {
    await fetchDebs({
      host,
      cacheDirectory: store.root,
      packages: items.map((item) => item.record),
      mirrors: await findMirrors({ env: host.env, suite, ...lockedMirror(source.lock, suite) }),
      timestamp: items[0]!.timestamp,
      snapshot: findSnapshot(host.env, suite),
    });
  }
  const files = await fetchDebs({
    host,
    cacheDirectory: store.root,
    packages: packages.map((item) => item.record),
    mirrors: [],
  });
  const stages = missing.map((derivation) => {
    const [out, control] = outputsOf(derivation);
    return { out: store.stage(out), control: store.stage(control) };
  });
  try {
    const unpacked = await unpackDebs({
      host,
      jobs: packages.map(({ record }, index) => ({
        file: files[index]!,
        expected: record,
        shown: `${record.name} ${record.version}`,
        target: stages[index]!.out.tar,
      })),
    });
    for (const [index, made] of unpacked.entries()) {
      const { out, control } = stages[index]!;
      writeFileSync(control.plain, JSON.stringify(made.control), { mode: 0o444 });
      control.commit({ form: 'plain', references: [] });
      out.commit({ form: 'packed', references: [], tarSha256: made.sha256 });
      noteUnpacked(store, missing[index]!);
    }
  } finally {
    for (const { out, control } of stages) {
      out.discard();
      control.discard();
    }
  }
}

/** Takes a package from another store of the same root, if one has unpacked it. */
function linkUnpacked(store: LocalStore, derivation: Derivation): boolean {
  const { sha256 } = recordOfDerivation(derivation).record;
  const [outPath, controlPath] = outputsOf(derivation);
  const [out, control] = [store.stage(outPath), store.stage(controlPath)];
  try {
    if (linkShared(store.root, ['deb control', sha256], control.plain) === undefined) return false;
    const tarSha256 = linkShared(store.root, ['deb', sha256], out.tar);
    if (tarSha256 === undefined) return false;
    control.commit({ form: 'plain', references: [] });
    out.commit({ form: 'packed', references: [], tarSha256 });
    return true;
  } finally {
    out.discard();
    control.discard();
  }
}

function noteUnpacked(store: LocalStore, derivation: Derivation): void {
  const { sha256 } = recordOfDerivation(derivation).record;
  const [out, control] = outputsOf(derivation);
  const tar = store.packedFile(out);
  noteShared(store.root, ['deb', sha256], { file: tar.file, tarSha256: tar.sha256 });
  noteShared(store.root, ['deb control', sha256], { file: store.physicalPath(control), tarSha256: '' });
}

/**
 * {@link realisePackages} for every package that a derivation needs and whose outputs are missing: fetching and unpacking
 * many at once is quicker than one by one as their turn comes.
 */
export async function realisePackagesOf(source: PackageSource, drvPath: StorePath): Promise<void> {
  const { store } = source;
  const seen = new Set<StorePath>();
  const packages: Derivation[] = [];
  const pending = [drvPath];
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    if (seen.has(path)) continue;
    seen.add(path);
    const derivation = store.readDerivation(path);
    const outputs = [...derivation.outputs.values()];
    if (outputs.every((output) => output.path !== '' && store.isValid(output.path))) continue;
    if (derivation.builder === debBuilder) packages.push(derivation);
    pending.push(...derivation.inputDrvs.keys());
  }
  await realisePackages(source, packages);
}

function lockedMirror(lock: LockFile | undefined, suite: string): { readonly locked?: readonly string[] } {
  const mirror = lock?.debian.get(suite)?.mirror;
  return mirror === undefined ? {} : { locked: [mirror] };
}

/** What the store keeps of a package beside its files: the `control` output of its derivation. */
export function readControl(store: LocalStore, path: StorePath): DebControl {
  return JSON.parse(store.readFile(path).toString('utf8')) as DebControl;
}

function outputsOf(derivation: Derivation): [StorePath, StorePath] {
  const out = derivation.outputs.get('out')?.path;
  const control = derivation.outputs.get('control')?.path;
  if (out === undefined || control === undefined)
    throw badDerivation('its outputs must be `out` and `control`');
  return [out as StorePath, control as StorePath];
}

function recordOfDerivation(derivation: Derivation): {
  readonly record: PackageRecord;
  readonly suite: string;
  readonly timestamp: string;
} {
  const field = (name: string) => {
    const value = derivation.env.get(name);
    if (value === undefined) throw badDerivation(`it has no \`${name}\``);
    return value;
  };
  return {
    suite: field('suite'),
    timestamp: field('timestamp'),
    record: {
      name: field('package'),
      version: field('version'),
      architecture: field('architecture'),
      filename: field('path'),
      size: Number(field('size')),
      sha256: field('sha256'),
    },
  };
}

function badDerivation(why: string): TrimaranError {
  return new TrimaranError({
    code: 'debian/bad-derivation',
    message: `a derivation is not of a Debian package: ${why}`,
    hint: 'use the packages of the Debian set instead of calling `derivation` with its builders',
  });
}
