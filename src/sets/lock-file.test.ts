import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { redactCredentials } from '../foundation/credentials.ts';
import { isTrimaranError, type TrimaranError } from '../foundation/error.ts';
import {
  emptyLockFile,
  type LockedPackage,
  type LockedSuite,
  type LockFile,
  parseLockFile,
  writeLockFile,
} from './lock-file.ts';

const hex = (digit: string, length = 64) => digit.repeat(length);

const sample: LockFile = {
  debian: new Map<string, LockedSuite>([
    [
      'bookworm',
      {
        timestamp: '20261101T000000Z',
        releaseSha256: hex('a'),
        components: ['main'],
        architectures: new Map([
          [
            'amd64',
            {
              packages: new Map<string, LockedPackage>([
                [
                  'libc6',
                  {
                    version: '2.36-9+deb12u9',
                    architecture: 'amd64',
                    path: 'pool/main/g/glibc/libc6_2.36-9+deb12u9_amd64.deb',
                    size: 2756576,
                    sha256: hex('b'),
                    depends: 'libgcc-s1, libcrypt1 (>= 1:4.4.10-10~)',
                    breaks: 'hurd (<< 1:0.9), python3:any | x',
                    multiArch: 'same',
                  },
                ],
                [
                  'adduser',
                  {
                    version: '3.134',
                    architecture: 'all',
                    path: 'pool/main/a/adduser/adduser_3.134_all.deb',
                    size: 1,
                    sha256: hex('1'),
                    essential: true,
                  },
                ],
              ]),
              python: new Map([['PyJWT', 'python3-jwt']]),
            },
          ],
        ]),
      },
    ],
  ]),
  images: new Map([
    [
      'python:3.11',
      { digest: `sha256:${hex('c')}`, platforms: new Map([['linux/amd64', `sha256:${hex('d')}`]]) },
    ],
  ]),
  urls: new Map([['https://example.org/a b#c', hex('e')]]),
  git: new Map([['https://example.org/~x/y', new Map([['v1', hex('f', 40)]])]]),
  pip: new Map([
    ['api/Dockerfile', new Map([['x[y]>=1', { version: '1.0', hashes: [`sha256:${hex('9')}`] }]])],
  ]),
  unpinned: [{ what: 'npm install left-pad', where: 'web/Dockerfile:3', reason: 'npm: "no" lock # here' }],
};

function failure(text: string): TrimaranError {
  try {
    parseLockFile(text, 'trimaran.lock');
  } catch (error) {
    if (isTrimaranError(error)) return error;
    throw error;
  }
  throw new Error('no error');
}

const place = (error: TrimaranError) => [error.code, error.span?.line, error.span?.column];

describe('lock file', () => {
  it('is sorted, one fact a line', () => {
    expect(writeLockFile(sample)).toMatchInlineSnapshot(`
      "# trimaran.lock: the inputs of this project that its recipes leave open, fixed by content.
      # Written by \`trimaran lock\`; refreshed by \`trimaran lock --update [NAME]\`. Keep it in version control.
      version: 1

      debian:  # suite: its release, and each .deb used
        bookworm:
          timestamp: 20261101T000000Z
          release-sha256: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
          components: [main]
          architectures:
            amd64:
              packages:
                adduser:
                  version: "3.134"
                  path: pool/main/a/adduser/adduser_3.134_all.deb
                  size: 1
                  sha256: "1111111111111111111111111111111111111111111111111111111111111111"
                  architecture: all
                  essential: true
                libc6:
                  version: 2.36-9+deb12u9
                  path: pool/main/g/glibc/libc6_2.36-9+deb12u9_amd64.deb
                  size: 2756576
                  sha256: bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb
                  depends: libgcc-s1, libcrypt1 (>= 1:4.4.10-10~)
                  breaks: hurd (<< 1:0.9), python3:any | x
                  multi-arch: same
              python:
                PyJWT: python3-jwt

      images:  # reference: digest of the tag and of each platform
        python:3.11:
          digest: sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc
          linux/amd64: sha256:dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd

      urls:  # URL: digest of its bytes
        https://example.org/a b#c: sha256:eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee

      git:  # repository, ref: commit
        https://example.org/~x/y:
          v1: ffffffffffffffffffffffffffffffffffffffff

      pip:  # recipe, requirement: version and digests
        api/Dockerfile:
          "x[y]>=1":
            version: "1.0"
            hashes:
              - sha256:9999999999999999999999999999999999999999999999999999999999999999

      unpinned:  # what nothing here can fix, and why
        - what: npm install left-pad
          where: web/Dockerfile:3
          reason: "npm: \\"no\\" lock # here"
      "
    `);
  });

  it('reads what it writes, and the same bytes come out again', () => {
    const text = writeLockFile(sample);
    expect(parseLockFile(text, 'x')).toEqual(sample);
    expect(writeLockFile(parseLockFile(text, 'x'))).toBe(text);
    expect(parseLockFile(writeLockFile(emptyLockFile), 'x')).toEqual(emptyLockFile);
  });

  it('does not depend on the order of what it is given', () => {
    const suite = sample.debian.get('bookworm')!;
    const used = suite.architectures.get('amd64')!;
    const packages = new Map([...used.packages].reverse());
    const turned = {
      ...sample,
      debian: new Map([
        ['bookworm', { ...suite, architectures: new Map([['amd64', { ...used, packages }]]) }],
      ]),
    };
    expect(writeLockFile(turned)).toBe(writeLockFile(sample));
  });

  it('sorts notes as they are written, without the credentials that were in them', () => {
    const unpinned = [
      { what: ' ', where: '$', reason: 'a' },
      { what: 'b', where: '#user:secret@$', reason: 'c' },
    ];
    const text = writeLockFile({ ...sample, unpinned });
    expect(text).not.toContain('secret');
    expect(writeLockFile(parseLockFile(text, 'x'))).toBe(text);
  });

  it('round-trips any lock, and a YAML library and the schema agree', () => {
    const schema = JSON.parse(readFileSync('docs/trimaran-lock.schema.json', 'utf8')) as object;
    const validate = new Ajv({ strict: true }).compile(schema);
    const name = fc.oneof(
      fc.string({ minLength: 1 }),
      fc.string({ minLength: 1, unit: 'grapheme' }),
      fc.constantFrom(
        'yes',
        '1.0',
        'null',
        '- a',
        'a: b',
        'a #b',
        '~',
        '0x1f',
        '2020-01-01',
        '[a',
        '<<',
        'x:',
      ),
    );
    const sha = fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 64, maxLength: 64 });
    const digest = sha.map((value) => `sha256:${value}`);
    const mapOf = <Value>(values: fc.Arbitrary<Value>, names: fc.Arbitrary<string> = name) =>
      fc.array(fc.tuple(names, values), { maxLength: 4, minLength: 1 }).map((entries) => new Map(entries));
    const locks: fc.Arbitrary<LockFile> = fc.record({
      debian: fc.constant(sample.debian),
      images: mapOf(
        fc.record({ digest, platforms: mapOf(digest, fc.constantFrom('linux/amd64', 'linux/arm64/v8')) }),
      ),
      urls: mapOf(sha),
      git: mapOf(mapOf(sha.map((value) => value.slice(24)))),
      pip: mapOf(mapOf(fc.record({ version: fc.constantFrom('1.0', '2'), hashes: fc.array(digest) }))),
      unpinned: fc.array(fc.record({ what: name, where: name, reason: name })),
    });
    fc.assert(
      fc.property(locks, (lock) => {
        const text = writeLockFile(lock);
        const read = parseLockFile(text, 'x');
        expect(writeLockFile(read)).toBe(text);
        expect(read.urls).toEqual(lock.urls);
        expect(read.git).toEqual(lock.git);
        // Notes are for people, and no credentials get into them.
        const notes = lock.unpinned.map(({ what, where, reason }) => ({
          what: redactCredentials(what),
          where: redactCredentials(where),
          reason: redactCredentials(reason),
        }));
        expect(new Set(read.unpinned)).toEqual(new Set(notes));
        const data = parse(text) as { git: object; urls: Record<string, string> };
        expect(validate(data) ? [] : validate.errors).toEqual([]);
        expect(new Map(Object.entries(data.urls).map(([url, value]) => [url, value.slice(7)]))).toEqual(
          lock.urls,
        );
      }),
      { numRuns: 200 },
    );
  });

  it('keeps credentials out', () => {
    const text = writeLockFile({
      ...emptyLockFile,
      urls: new Map([['https://user:secret@example.org/x', hex('e')]]),
    });
    expect(text).not.toContain('secret');
    expect(text).toContain('https://example.org/x: sha256:');
  });

  it('reads what people edit: comments, quotes, other indentation, CRLF', () => {
    const text = [
      '---',
      '# mine',
      'version: 1 # the format',
      'git:',
      "   'https://example.org/x':",
      '',
      `       "main": ${hex('a', 40)}   # a branch`,
      'pip:',
      '  Dockerfile:',
      `    x: {}`,
      'unpinned:',
      '- reason: r',
      '  what: w',
      '  where: "a: b"',
    ];
    expect(place(failure(text.join('\r\n')))).toEqual(['lock/invalid', 10, 8]);
    text.splice(7, 3);
    const lock = parseLockFile(text.join('\r\n'), 'x');
    expect(lock.git.get('https://example.org/x')?.get('main')).toBe(hex('a', 40));
    expect(lock.unpinned).toEqual([{ what: 'w', where: 'a: b', reason: 'r' }]);
  });

  it('says where and what is wrong', () => {
    expect(place(failure(''))).toEqual(['lock/invalid', 1, 1]);
    expect(place(failure('version: 2\nwhatever: 1\n'))).toEqual(['lock/newer-version', 1, 10]);
    expect(place(failure('version: x'))).toEqual(['lock/invalid', 1, 10]);
    expect(failure('version: 1\nimagse: 1').hint).toBe('did you mean images?');
    expect(place(failure('version: 1\n<<<<<<< HEAD\n'))).toEqual(['lock/merge-conflict', 2, 1]);
    expect(place(failure('version: 1\nversion: 1'))).toEqual(['lock/syntax', 2, 1]);
    expect(place(failure('version: &a 1'))).toEqual(['lock/syntax', 1, 10]);
    expect(place(failure('version: 1\nurls:\n\tx: y'))).toEqual(['lock/syntax', 3, 1]);
    expect(place(failure('version: 1\nurls:\n  x: sha256:12'))).toEqual(['lock/invalid', 3, 6]);
    expect(place(failure('version: 1\nurls: [a, "b'))).toEqual(['lock/syntax', 2, 11]);
    expect(place(failure('version: 1\nurls:\n  a: b: c'))).toEqual(['lock/syntax', 3, 6]);
    expect(place(failure('version: 1\n  urls: x'))).toEqual(['lock/syntax', 2, 3]);
    const escaping = writeLockFile(sample).replace('pool/main/g/', 'pool/../../');
    expect(failure(escaping).code).toBe('lock/invalid');
    const noMoment = writeLockFile(sample).replace('20261101T000000Z', '20261301T000000Z');
    expect(failure(noMoment).message).toBe('there is no moment `20261301T000000Z`');
    const truncated = writeLockFile(sample).replace(/ +size: 2756576\n/, '');
    expect(failure(truncated).message).toContain('missing');
  });

  it('meets any text with a lock or a TrimaranError', () => {
    const lines = fc.constantFrom(
      'version: 1',
      'debian:',
      '  bookworm:',
      '    components: [main, "x"]',
      '- a: b',
      '-',
      "'a':",
      '  "a": []',
      '      x: {}',
      '[',
      'git: ~',
    );
    const texts = fc.oneof(
      fc.string(),
      fc.array(lines).map((all) => all.join('\n')),
    );
    fc.assert(
      fc.property(texts, (text) => {
        for (const candidate of [text, `version: 1\n${text}`]) {
          try {
            parseLockFile(candidate, 'x');
          } catch (error) {
            if (!isTrimaranError(error)) throw error;
          }
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('refuses nesting without end, by name', () => {
    const deep = Array.from({ length: 100_000 }, (_, depth) => `${' '.repeat(Math.min(depth, 40))}a:`);
    expect(failure(deep.join('\n')).code).toBe('lock/syntax');
  });

  it('reads 200 packages in well under 15 ms', () => {
    const suite = sample.debian.get('bookworm')!;
    const libc = suite.architectures.get('amd64')!.packages.get('libc6')!;
    const packages = new Map(Array.from({ length: 200 }, (_, index) => [`package-${index}`, libc] as const));
    const text = writeLockFile({
      ...sample,
      debian: new Map([
        ['bookworm', { ...suite, architectures: new Map([['amd64', { packages, python: new Map() }]]) }],
      ]),
    });
    const times = Array.from({ length: 5 }, () => {
      const start = performance.now();
      parseLockFile(text, 'x');
      return performance.now() - start;
    });
    expect(Math.min(...times)).toBeLessThan(15);
  });
});
