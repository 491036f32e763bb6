import { describe, expect, it } from 'vitest';
import { isTrimaranError, type TrimaranError } from '../foundation/error.ts';
import { parseDependencies } from './dependency.ts';
import { indexOfRecords, type PackageRecord } from './package-index.ts';
import { resolve } from './resolve.ts';
import { omitNothing, omitScriptOnly } from './script-only.ts';

function record(name: string, more: Partial<PackageRecord> = {}): PackageRecord {
  return {
    name,
    version: '1.0-1',
    architecture: 'all',
    filename: `pool/${name}.deb`,
    size: 1,
    sha256: '0'.repeat(64),
    ...more,
  };
}

function namesOf(records: PackageRecord[], wanted: string, omit = omitNothing): string[] {
  const index = indexOfRecords(records, 'amd64');
  return resolve({ index, wanted: parseDependencies(wanted, 'amd64'), omit }).packages.map(
    ({ name }) => name,
  );
}

function failureOf(records: PackageRecord[], wanted: string): TrimaranError {
  try {
    namesOf(records, wanted);
  } catch (error) {
    if (isTrimaranError(error)) return error;
    throw error;
  }
  throw new Error('resolved');
}

describe('resolve', () => {
  it('takes the first alternative that can be had', () => {
    const records = [record('a', { depends: 'none | b (>= 2) | c' }), record('b'), record('c'), record('d')];
    expect(namesOf(records, 'a')).toEqual(['a', 'c']);
  });

  it('prefers what is chosen already, wanted packages above all', () => {
    const records = [record('a', { depends: 'b | c' }), record('b'), record('c')];
    expect(namesOf(records, 'a, c')).toEqual(['a', 'c']);
    expect(namesOf(records, 'a')).toEqual(['a', 'b']);
  });

  it('finds providers, and lets only versioned ones meet a version', () => {
    const records = [
      record('a', { depends: 'v (>= 2)' }),
      record('loose', { provides: 'v' }),
      record('old', { provides: 'v (= 1)' }),
      record('new', { provides: 'v (= 2.1)' }),
    ];
    expect(namesOf(records, 'a')).toEqual(['a', 'new']);
  });

  it('leaves out what declared roots make: directories of tmpfiles.d, users of sysusers.d', () => {
    const records = [
      record('server', { depends: 'systemd | systemd-standalone-tmpfiles | systemd-tmpfiles, lib' }),
      record('other', { depends: 'systemd (>= 1) | systemd-sysusers' }),
      record('init', { depends: 'systemd' }),
      record('systemd', { provides: 'systemd-tmpfiles, systemd-sysusers' }),
      record('systemd-standalone-sysusers', { provides: 'systemd-sysusers' }),
      record('systemd-standalone-tmpfiles', { provides: 'systemd-tmpfiles' }),
      record('lib'),
    ];
    expect(namesOf(records, 'server, other', omitScriptOnly)).toEqual(['lib', 'other', 'server']);
    expect(namesOf(records, 'init', omitScriptOnly)).toEqual(['init', 'systemd']);
    expect(namesOf(records, 'server')).toEqual(['lib', 'server', 'systemd']);
  });

  it('brings what programs take for granted, where the archive has it', () => {
    const records = [record('celery', { depends: 'lib' }), record('lib'), record('dash')];
    const named = (some: PackageRecord[]) =>
      resolve({
        index: indexOfRecords(some, 'amd64'),
        wanted: parseDependencies('celery', 'amd64'),
      }).packages.map(({ name }) => name);
    expect(named(records)).toEqual(['celery', 'dash', 'lib']);
    expect(named(records.slice(0, 2))).toEqual(['celery', 'lib']);
  });

  it('prefers the provider of higher priority', () => {
    const records = [
      record('a', { depends: 'awk' }),
      record('gawk', { provides: 'awk', priority: 'optional' }),
      record('mawk', { provides: 'awk', priority: 'required' }),
    ];
    expect(namesOf(records, 'a')).toEqual(['a', 'mawk']);
  });

  it('takes an older version when the newest does not fit', () => {
    const records = [
      record('a', { depends: 'b (<< 2)' }),
      record('b', { version: '2' }),
      record('b', { version: '1' }),
    ];
    const index = indexOfRecords(records, 'amd64');
    const { packages } = resolve({ index, wanted: parseDependencies('a', 'amd64') });
    expect(packages.map(({ name, version }) => `${name} ${version}`)).toEqual(['a 1.0-1', 'b 1']);
  });

  it('backtracks over a choice that ends in a conflict', () => {
    const records = [
      record('a', { depends: 'b | c, d' }),
      record('b', { conflicts: 'e' }),
      record('c'),
      record('d', { depends: 'e' }),
      record('e'),
    ];
    expect(namesOf(records, 'a')).toEqual(['a', 'c', 'd', 'e']);
  });

  it('comes out of many idle choices before a dead end', () => {
    const idle = Array.from({ length: 40 }, (_, i) => `x${i} | y${i}`).join(', ');
    const records = [
      record('a', { depends: `b | c` }),
      record('b', { depends: `${idle}, missing` }),
      record('c'),
      ...Array.from({ length: 40 }, (_, i) => [record(`x${i}`), record(`y${i}`)]).flat(),
    ];
    expect(namesOf(records, 'a')).toEqual(['a', 'c']);
  });

  it('lets a package conflict with what it provides itself', () => {
    const records = [
      record('a', { provides: 'mta', conflicts: 'mta' }),
      record('b', { provides: 'mta', conflicts: 'mta' }),
    ];
    expect(namesOf(records, 'a')).toEqual(['a']);
    const error = failureOf(records, 'a, b');
    expect(error.code).toBe('debian/conflict');
    expect(error.message).toBe('b 1.0-1 and a 1.0-1 exclude each other: b has `Conflicts: mta`');
  });

  it('says who wants which of two that exclude each other', () => {
    const records = [
      record('web', { depends: 'lib2' }),
      record('mail', { depends: 'middle' }),
      record('middle', { depends: 'lib1' }),
      record('lib1'),
      record('lib2', { breaks: 'lib1 (<< 3)' }),
    ];
    const error = failureOf(records, 'web, mail');
    expect(error.code).toBe('debian/conflict');
    expect(error.message).toContain('lib2 has `Breaks: lib1 (<< 3)`');
    expect(error.related.map(({ message }) => message)).toEqual([
      'needed: mail → middle → lib1',
      'needed: web → lib2',
    ]);
  });

  it('names a misspelt package, and a version that is not there', () => {
    const records = [
      record('python3'),
      record('a', { depends: 'b (>= 2)' }),
      record('b'),
      record('c', { depends: 'x' }),
    ];
    expect(failureOf(records, 'pyhton3')).toMatchObject({
      code: 'debian/unknown-package',
      hint: 'did you mean python3?',
    });
    const error = failureOf(records, 'a');
    expect(error.code).toBe('debian/unsatisfiable');
    expect(error.message).toBe('`b (>= 2)` cannot be had: the archive has b 1.0-1');
    expect(failureOf(records, 'c').message).toBe('c needs `x`, which the archive does not have');
  });

  it('refuses a wanted virtual package that several provide', () => {
    const records = [record('mawk', { provides: 'awk' }), record('gawk', { provides: 'awk' })];
    expect(failureOf(records, 'awk')).toMatchObject({
      code: 'debian/virtual-package',
      hint: expect.stringContaining('gawk, mawk'),
    });
    expect(namesOf(records.slice(0, 1), 'awk')).toEqual(['mawk']);
  });

  it('leaves out setup tools and what only these need', () => {
    const records = [
      record('lib', { depends: 'debconf (>= 0.5) | debconf-2.0', preDepends: 'libc' }),
      record('debconf', { role: 'setup', depends: 'perl' }),
      record('perl'),
      record('libc'),
      record('apt', { role: 'setup' }),
      record('apt-file', { role: 'package-management', depends: 'apt' }),
    ];
    const index = indexOfRecords(records, 'amd64');
    const resolution = resolve({ index, wanted: parseDependencies('lib, apt-file', 'amd64') });
    expect(resolution.packages.map(({ name }) => name)).toEqual(['apt', 'apt-file', 'lib', 'libc']);
    expect(resolution.omitted.get('debconf')?.wantedBy).toEqual(['lib']);
    expect(resolution.edges.get('lib')).toEqual(['libc']);
    expect(resolution.roots).toEqual(['lib', 'apt-file']);
    const named = resolve({ index, wanted: parseDependencies('lib, debconf', 'amd64') });
    expect(named.packages.map(({ name }) => name)).toEqual(['debconf', 'lib', 'libc', 'perl']);
  });

  it('brings along what packages take for granted, unless asked for dependencies alone', () => {
    const records = [
      record('app', { depends: 'libc6' }),
      record('libc6'),
      record('libc-bin', { depends: 'libc6' }),
    ];
    const names = (known: PackageRecord[]) => {
      const index = indexOfRecords(known, 'amd64');
      return resolve({ index, wanted: [[{ name: 'app' }]] }).packages.map(({ name }) => name);
    };
    expect(names(records)).toEqual(['app', 'libc-bin', 'libc6']);
    expect(names(records.slice(0, 2))).toEqual(['app', 'libc6']);
    expect(namesOf(records, 'app')).toEqual(['app', 'libc6']);
  });

  it('passes over conflicts with packages of other architectures', () => {
    const records = [record('a', { conflicts: 'b:x32' }), record('b')];
    expect(namesOf(records, 'a, b')).toEqual(['a', 'b']);
  });

  it('resolves cycles once', () => {
    const records = [record('a', { depends: 'b' }), record('b', { depends: 'a, b' })];
    expect(namesOf(records, 'a')).toEqual(['a', 'b']);
  });

  it('reads the exact qualifiers as far as one architecture goes', () => {
    const records = [
      record('a', { depends: 'b:any, c:amd64' }),
      record('b'),
      record('c'),
      record('d', { depends: 'b:i386' }),
    ];
    expect(namesOf(records, 'a')).toEqual(['a', 'b', 'c']);
    expect(failureOf(records, 'd').code).toBe('debian/unsatisfiable');
  });
});
