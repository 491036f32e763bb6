import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isTrimaranError, type TrimaranError } from '../../../foundation/error.ts';
import { compareLockFiles, showLockChanges } from './lock-changes.ts';
import {
  allInputs,
  checkFollows,
  emptyLockFile,
  findInput,
  parseInputPath,
  parseLockFile,
  writeInputPath,
  writeLockFile,
} from './lock-file.ts';

/** As Nix wrote it for the project that started this one. */
const seedLock = `{
  "nodes": {
    "damn-server": {
      "flake": false,
      "locked": {
        "lastModified": 1735238811,
        "narHash": "sha256-miOkxoLRF4LdmnYlPowZ5zT6S14FgZocpYxVeI2BjRs=",
        "ref": "refs/heads/master",
        "rev": "6e7d6c94eabfa9f740547322d2fb04be0a426622",
        "revCount": 796,
        "type": "git",
        "url": "https://git.sr.ht/~qeef/damn-server"
      },
      "original": {
        "type": "git",
        "url": "https://git.sr.ht/~qeef/damn-server"
      }
    },
    "nixpkgs": {
      "locked": {
        "lastModified": 1744536153,
        "narHash": "sha256-awS2zRgF4uTwrOKwwiJcByDzDOdo3Q1rPZbiHQg/N38=",
        "owner": "NixOS",
        "repo": "nixpkgs",
        "rev": "18dd725c29603f582cf1900e0d25f9f1063dbf11",
        "type": "github"
      },
      "original": {
        "id": "nixpkgs",
        "type": "indirect"
      }
    },
    "root": {
      "inputs": {
        "damn-server": "damn-server",
        "nixpkgs": "nixpkgs"
      }
    }
  },
  "root": "root",
  "version": 7
}
`;

const hash = 'sha256-miOkxoLRF4LdmnYlPowZ5zT6S14FgZocpYxVeI2BjRs=';
const locked = { type: 'path', path: '/x', narHash: hash };
const original = { type: 'path', path: '/x' };

function parse(lock: unknown, warnings: string[] = []) {
  const text = typeof lock === 'string' ? lock : JSON.stringify(lock, null, 1);
  return parseLockFile(text, { file: 'flake.lock', warn: (message) => warnings.push(message) });
}

function failure(action: () => unknown): TrimaranError {
  try {
    action();
  } catch (error) {
    if (isTrimaranError(error)) return error;
    throw error;
  }
  throw new Error('it did not fail');
}

describe('flake.lock', () => {
  it('is written as Nix wrote it', () => {
    expect(writeLockFile(parse(seedLock))).toBe(seedLock);
    expect(writeLockFile(emptyLockFile())).toBe(
      '{\n  "nodes": {\n    "root": {}\n  },\n  "root": "root",\n  "version": 7\n}\n',
    );
  });

  it('is read in versions 5 and 6 too', () => {
    const lock = parse({
      version: 5,
      root: 'r',
      nodes: {
        r: { inputs: { a: 'b' } },
        b: { original, locked: { type: 'path', path: '/x' }, info: { narHash: hash, lastModified: 3 } },
      },
    });
    const node = findInput(lock, ['a']);
    expect(node).toMatchObject({ locked: { input: { narHash: hash, lastModified: 3 } }, isFlake: true });
    expect(writeLockFile(lock)).toContain('"version": 7');
  });

  it('names nodes anew, the first of a name keeping it', () => {
    const leaf = { original, locked };
    const lock = parse({
      version: 7,
      root: 'root',
      nodes: {
        root: { inputs: { z: 'one', b: 'two', a: ['b', 'z'] } },
        two: { ...leaf, inputs: { z: 'three', root: 'four' } },
        one: leaf,
        three: leaf,
        four: leaf,
      },
    });
    const written: unknown = JSON.parse(writeLockFile(lock));
    expect(written).toMatchObject({
      nodes: {
        root: { inputs: { a: ['b', 'z'], b: 'b', z: 'z_2' } },
        b: { inputs: { root: 'root_2', z: 'z' } },
      },
    });
  });

  it('finds inputs through follows, and says where they go round', () => {
    const lock = parse({
      version: 7,
      root: 'root',
      nodes: {
        root: { inputs: { a: ['b'], b: ['c'], c: ['a'], d: 'd', e: ['d', 'x'] } },
        d: { original, locked },
      },
    });
    expect(findInput(lock, ['d'])).toBeDefined();
    expect(findInput(lock, ['nothing'])).toBeUndefined();
    expect(failure(() => findInput(lock, ['a']))).toMatchObject({
      code: 'flake/follows-cycle',
      message: 'follow cycle detected: [a -> b -> c -> a]',
    });
    const dangling = parse({
      version: 7,
      root: 'root',
      nodes: { root: { inputs: { d: 'd', e: ['d', 'x'] } }, d: { original, locked } },
    });
    expect(failure(() => checkFollows(dangling)).message).toBe(
      "input 'e' follows a non-existent input 'd/x'",
    );
  });

  it('refuses what is wrong, at its place', () => {
    const cases: readonly (readonly [unknown, string, RegExp, object?])[] = [
      ['{', 'flake/bad-json', /unexpected end|expected a string/, { line: 1, column: 2 }],
      ['[1]', 'flake/lock-syntax', /is not an object/, { line: 1, column: 1 }],
      [
        { version: 8, root: 'root', nodes: {} },
        'flake/lock-version',
        /unsupported version 8/,
        { line: 2, column: 13 },
      ],
      [{ root: 'root', nodes: {} }, 'flake/lock-version', /unsupported version 0/],
      [
        { version: 7, root: 'root', nodes: { root: { inputs: { a: 'gone' } } } },
        'flake/lock-missing-node',
        /lock file references missing node 'gone'/,
        { line: 7, column: 10 },
      ],
      [
        {
          version: 7,
          root: 'root',
          nodes: { root: { inputs: { a: 'a' } }, a: { locked, original, inputs: { r: 'root' } } },
        },
        'flake/lock-cycle',
        /lock file contains cycle to root node/,
      ],
      [
        {
          version: 7,
          root: 'root',
          nodes: {
            root: { inputs: { a: 'a' } },
            a: { locked, original, inputs: { x: 'b' } },
            b: { locked, original, inputs: { y: 'a' } },
          },
        },
        'flake/lock-cycle',
        /cycle: a -> b -> a/,
      ],
      [
        {
          version: 7,
          root: 'root',
          nodes: { root: { inputs: { a: 'a' } }, a: { locked: original, original } },
        },
        'flake/lock-unlocked',
        /Lock file contains unlocked input '\{"path":"\/x","type":"path"\}'/,
      ],
      [
        { version: 7, root: 'root', nodes: { root: { inputs: { a: 'a' } }, a: { original } } },
        'flake/lock-syntax',
        /attribute 'locked' missing in lock file/,
      ],
      [
        {
          version: 7,
          root: 'root',
          nodes: { root: { inputs: { a: 'a' } }, a: { original: { ...original, path: [] }, locked } },
        },
        'flake/lock-syntax',
        /unsupported input attribute type in lock file/,
      ],
      [
        {
          version: 7,
          root: 'root',
          nodes: { root: { inputs: { a: 'a' } }, a: { original: { type: 'path' }, locked } },
        },
        'flake/lock-syntax',
        /input attribute 'path' is missing/,
      ],
    ];
    for (const [lock, code, message, span] of cases) {
      const error = failure(() => parse(lock));
      expect(error.code).toBe(code);
      expect(error.message).toMatch(message);
      expect(error.span).toMatchObject({ file: 'flake.lock', ...span });
    }
  });

  it('refuses a chain that is too long without exhausting the stack', () => {
    const nodes: Record<string, unknown> = { root: { inputs: { n: 'n0' } } };
    for (let i = 0; i < 100_000; i++) nodes[`n${i}`] = { locked, original, inputs: { n: `n${i + 1}` } };
    expect(failure(() => parse({ version: 7, root: 'root', nodes })).message).toMatch(/inputs deep/);
    expect(failure(() => parse('['.repeat(100_000))).code).toBe('flake/bad-json');
    expect(failure(() => parse(`"${'x'.repeat(5_000_000)}`)).message).toMatch(/unterminated string/);
  });

  it('fails on random text by a named error only', () => {
    const pieces = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"nodes"',
      '"root"',
      '"version"',
      '7',
      '"locked"',
      '"\\u00',
      '\\',
      'true',
      '1e9',
      '-',
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.array(pieces).map((list) => list.join('')),
        ),
        (text) => {
          try {
            parse(text);
          } catch (error) {
            expect(isTrimaranError(error)).toBe(true);
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});

it('says what changed as Nix does', () => {
  const lock = (path: string, more: object = {}) =>
    parse({
      version: 7,
      root: 'root',
      nodes: {
        root: { inputs: { a: 'a', ...more } },
        a: { locked: { ...locked, path, lastModified: 86400 }, original },
        b: { locked, original },
      },
    });
  const changes = compareLockFiles(lock('/x', { b: 'b', c: ['a'] }), lock('/y', { c: ['b'], b2: 'b' }));
  expect(showLockChanges(changes)).toBe(`• Updated input 'a':
    'path:/x?lastModified=86400&narHash=${encodeURIComponent(hash)}' (1970-01-02)
  → 'path:/y?lastModified=86400&narHash=${encodeURIComponent(hash)}' (1970-01-02)
• Removed input 'b'
• Added input 'b2':
    'path:/x?narHash=${encodeURIComponent(hash)}'
• Updated input 'c':
    follows 'a'
  → follows 'b'
`);
  expect(allInputs(emptyLockFile())).toEqual([]);
});

it('reads input paths', () => {
  expect(parseInputPath('a/b-c')).toEqual(['a', 'b-c']);
  expect(parseInputPath('')).toEqual([]);
  expect(() => parseInputPath('a/1')).toThrow("invalid flake input attribute path element '1'");
  fc.assert(
    fc.property(fc.array(fc.stringMatching(/^[a-zA-Z][a-zA-Z0-9_-]*$/)), (path) => {
      expect(parseInputPath(writeInputPath(path))).toEqual(path);
    }),
  );
});
