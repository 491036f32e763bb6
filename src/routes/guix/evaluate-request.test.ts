import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { PreparedRelease } from '../../sets/debian/prepared-release.ts';
import { LocalStore } from '../../store/local-store.ts';
import { evaluateGuix } from './evaluate-request.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'guix-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const locked = (version: string) => ({
  version,
  architecture: 'amd64',
  path: `pool/x_${version}.deb`,
  size: 10,
  sha256: 'ab'.repeat(32),
});
/** A release of which a lock knows three packages. */
const release: PreparedRelease = {
  identity: {
    suite: 'bookworm',
    timestamp: '20260101T000000Z',
    releaseSha256: '00'.repeat(32),
    architecture: 'amd64',
  },
  indexFile: undefined,
  locked: {
    packages: new Map([
      ['hello', locked('2.10-3')],
      ['bash', locked('5.2.15-2+b7')],
      ['python3-requests', locked('2.28.1+dfsg-1')],
    ]),
    python: new Map([['requests', 'python3-requests']]),
  },
};

function evaluate(
  expression: string,
  {
    timeLimit = 5000,
    commits = [],
  }: { readonly timeLimit?: number; readonly commits?: readonly (readonly [string, string, string])[] } = {},
) {
  const answer = evaluateGuix(
    {
      root,
      storeDirectory: '/gnu/store',
      build: 'test',
      system: 'x86_64-linux',
      cwd: root,
      env: {},
      channelsFile: undefined,
      loadPath: [],
      lockedCommits: new Map(commits.map(([url, ref, commit]) => [url, new Map([[ref, commit]])])),
      defaultSuite: 'bookworm',
      now: 1_700_000_000_000,
      timeLimit,
      action: {
        kind: 'build',
        wantSources: false,
        sources: { manifests: [], files: [], specifications: [], expressions: [expression] },
      },
    },
    {
      call: (method) => {
        if (method === 'debianRelease') return release;
        throw new Error(`unexpected call: ${method}`);
      },
      note: () => {},
    },
  );
  if (answer.result.kind !== 'derivations') throw new Error('no derivations');
  const store = new LocalStore({ root, storeDirectory: '/gnu/store' });
  return { ...answer, drvs: answer.result.derivations.map(({ drvPath }) => store.readDerivation(drvPath)) };
}

const modules = `(use-modules (guix packages) (guix gexp) (guix build-system copy) (guix build-system trivial)
  (guix git-download) ((guix licenses) #:prefix license:))`;
const rest = '(synopsis "s") (description "d") (home-page "h") (license license:expat)';

describe('evaluateGuix', () => {
  it('lowers a package with a copied source', () => {
    writeFileSync(join(root, 'data'), 'text');
    const { drvs, read } = evaluate(`${modules}
      (package (name "p") (version "1.0") (source (local-file "${root}/data"))
        (build-system copy-build-system) (arguments '(#:install-plan '(("data" "share/"))))
        ${rest})`);
    expect(drvs[0]).toMatchObject({ name: 'p-1.0', builder: 'builtin:guix-copy', system: 'builtin' });
    expect(JSON.parse(drvs[0]!.env.get('__json')!)).toMatchObject({
      installPlan: [{ source: 'data', target: 'share/' }],
    });
    expect(Object.keys(read.files)).toContain(join(root, 'data'));
  });

  it('puts store paths where a gexp has #$, and their derivations among the inputs', () => {
    const { drvs } = evaluate(`${modules}
      (computed-file "c" #~(list #$(specification->package "bash") #$output #$@(list 1 2)
                                 #$(file-append (specification->package "bash") "/bin/bash")))`);
    const text = drvs[0]!.env.get('builder')!;
    expect(text).toMatch(
      /^\(list "(\/gnu\/store\/[0-9a-z]{32}-bash-5\.2\.15-2\+b7)" \(\(@ \(guile\) getenv\) "out"\) 1 2 "\1\/bin\/bash"\)$/,
    );
    expect([...drvs[0]!.inputDrvs.keys()]).toEqual([expect.stringMatching(/bash-5\.2\.15-2\+b7\.drv$/)]);
  });

  it('fixes a git checkout by its hash', () => {
    const { drvs } = evaluate(`${modules}
      (origin (method git-fetch) (uri (git-reference (url "https://example.org/x") (commit "v1")))
        (sha256 (base32 "06wdh66phmccllf9m085br5zld773663w9bnkbfq45yihb3a88ws")))`);
    expect(drvs[0]).toMatchObject({ name: 'git-checkout', builder: 'builtin:git-download' });
    expect(drvs[0]!.outputs.get('out')).toMatchObject({
      hashAlgorithm: 'r:sha256',
      hash: '9a23a4c682d11782dd9a76253e8c19e734fa4b5e05819a1ca58c55788d818d1b',
    });
  });

  it('takes the commit that the lock has for a branch', () => {
    const origin = (url: string, commit: string) => `(origin (method git-fetch)
      (uri (git-reference (url "${url}") (commit "${commit}")))
      (sha256 (base32 "06wdh66phmccllf9m085br5zld773663w9bnkbfq45yihb3a88ws")))`;
    const locked = 'c0ffee'.padEnd(40, '0');
    const fetched = (url: string, commit: string) =>
      evaluate(`${modules} ${origin(url, commit)}`, {
        commits: [['https://example.org/x', 'main', locked]],
      }).drvs[0]!.env.get('commit');
    expect(fetched('https://example.org/x', 'main')).toBe(`"${locked}"`);
    expect(fetched('https://user:word@example.org/x', 'origin/main')).toBe(`"${locked}"`);
    expect(fetched('https://example.org/x', 'other')).toBe('"other"');
    expect(fetched('https://example.org/y', 'main')).toBe('"main"');
  });

  it('notes what it asks of the environment, and the clock', () => {
    const plain = evaluate(`${modules} (plain-file "a" "b") (computed-file "c" #~(mkdir #$output))`);
    expect(plain).toMatchObject({ isMemorable: true, read: { variables: {} } });
    const asked = evaluate('(use-modules (guix gexp)) (mixed-text-file "v" (or (getenv "VERSION") "0"))');
    expect(asked).toMatchObject({ isMemorable: true, read: { variables: { VERSION: null } } });
    const dated = evaluate(
      '(use-modules (guix gexp) (srfi srfi-19)) (mixed-text-file "v" (date->string (current-date 0) "~Y-~m-~d"))',
    );
    expect(dated.isMemorable).toBe(false);
    expect(dated.drvs[0]!.env.get('text')).toBe('2023-11-14');
  });

  it('inherits, modifies inputs and sees earlier fields', () => {
    const { drvs } = evaluate(`${modules}
      (define one (package (name "one") (version "1") (source (plain-file "s" version)) (inputs (list (specification->package "bash")))
        (build-system trivial-build-system) (arguments (list #:builder #~(begin #$version #$(package-name this-package)))) ${rest}))
      (package (inherit one) (name "two")
        (inputs (modify-inputs (package-inputs one) (delete "bash") (prepend (specification->package "hello")))))`);
    const text = drvs[0]!.env.get('builder')!;
    expect(text).toContain('(begin "1" "two")');
    expect(text).toContain('("hello" . "/gnu/store/');
    expect(text).not.toContain('bash');
  });

  it('finds variables of package modules by name', () => {
    const { drvs } = evaluate('(use-modules (gnu packages python-web)) python-requests');
    expect(drvs[0]!.name).toBe('python-requests-2.28.1+dfsg-1');
  });

  it('gives the same derivation every time', () => {
    const text = `${modules} (mixed-text-file "m" "a" (plain-file "b" "c"))`;
    const [first, second] = [evaluate(text), evaluate(text)];
    expect(first.result).toEqual(second.result);
  });

  it.each([
    ['(specification->package "helo")', 'guix/unknown-package', 'helo: unknown package'],
    ['(specification->package "hello@3")', 'guix/unknown-version', 'package not found for version 3'],
    ['(specification->package "hello:doc")', 'guix/no-such-output', "lacks output `doc'"],
    ['(local-file "/nowhere/x")', 'guix/no-such-file', "file '/nowhere/x' not found"],
    ['42', 'guix/not-a-file', '42 is neither a package nor a file-like object'],
    ['(package (name "x"))', 'scheme/syntax-error', 'missing field initializers (version'],
    ['(package (nome "x"))', 'scheme/syntax-error', 'extraneous field initializers (nome)'],
    [
      '(package (name "x") (version "1"))',
      'scheme/syntax-error',
      'missing field initializers (source build-system synopsis description license home-page) in form (package (name "x") (version "1"))',
    ],
    ['(package (name "x") (name "y"))', 'scheme/syntax-error', 'duplicate field initializer (name)'],
    ['(use-modules (guix scripts pack))', 'guix/unsupported-module', '(guix scripts pack)'],
    [
      '(use-modules (guix transformations)) ((options->transformation \'((with-commit . "a=b"))) 1)',
      'guix/unsupported-transformation',
      "`with-commit'",
    ],
    ['(base32 "eeee")', 'guix/bad-base32', "`eeee' is not in Nix's base 32"],
    ['(car 1 2)', 'scheme/wrong-number-of-arguments', 'car'],
    ['(let loop () (loop))', 'scheme/interrupted', ''],
    [
      `(package (name "x") (version "1") (source #f) (build-system (@ (guix build-system gnu) gnu-build-system)) ${rest})`,
      'guix/unsupported-build-system',
      'gnu-build-system is not supported',
    ],
    [
      `(package (name "x") (version "1") (source #f) (build-system 'copy) ${rest})`,
      'guix/unknown-build-system',
      'copy is no build system',
    ],
    [
      `(package (name "x") (version "1") (source #f) (build-system copy-build-system) ${rest})`,
      'guix/no-source',
      "package `x-1' has no source",
    ],
    [
      `(origin (method git-fetch) (uri (git-reference (url "u") (commit "c"))) (sha256 (base32 "06wd")))`,
      'guix/bad-hash',
      'a sha256 hash has 32 bytes',
    ],
  ])('says what is wrong with %s', (text, code, message) => {
    let caught: unknown;
    try {
      evaluate(`${modules} ${text}`);
    } catch (error) {
      caught = error;
    }
    expect(caught).toMatchObject({ name: 'TrimaranError', code });
    expect((caught as Error).message).toContain(message);
  });

  it.each([
    ['(specification->package "helo")', 1],
    ['(list (packages->manifest (list (local-file "x"))))', 7],
    [`(define p (package (name "x") (version "1") (source #f) (build-system 'copy) ${rest})) p`, 11],
    [
      `(define p (package (name "x") (version "1") (source (local-file "nowhere")) (build-system copy-build-system) ${rest})) p`,
      11,
    ],
  ])('says where the error is in %s', (text, column) => {
    // A line of its own for the recipe.
    writeFileSync(join(root, 'recipe.scm'), `${modules}\n(use-modules (guix profiles))\n${text}`);
    const line = modules.split('\n').length + 2;
    expect(() => evaluate(`(load "${root}/recipe.scm")`)).toThrow(
      expect.objectContaining({
        span: expect.objectContaining({ file: join(root, 'recipe.scm'), line, column }),
      }),
    );
  });

  it.each([
    ['(list copy-build-system)', 'did you forget (use-modules (guix build-system copy))?'],
    ['(list cpy-build-system)', 'did you mean copy-build-system, of (use-modules (guix build-system copy))?'],
    ['(specification->pakage "x")', 'did you mean specification->package'],
  ])('names the module of the unbound variable in %s', (text, hint) => {
    expect(() => evaluate(text)).toThrow(
      expect.objectContaining({ code: 'scheme/unbound-variable', hint: expect.stringContaining(hint) }),
    );
  });

  it.each([
    ['(define (f n) (+ 1 (f n))) (f 1)', 'scheme/stack-overflow', 'Stack overflow'],
    ['(let loop ((s "abc")) (loop (string-append s s)))', 'scheme/out-of-memory', 'Memory exhausted'],
    ['(expt 10 (expt 10 10))', 'scheme/out-of-memory', 'Memory exhausted'],
  ])('stops %s before memory runs out', (text, code, message) => {
    expect(() => evaluate(text, { timeLimit: 60_000 })).toThrow(expect.objectContaining({ code, message }));
  });

  it('keeps a million frames', () => {
    const { drvs } = evaluate(
      `${modules} (define (f n) (if (= n 0) 0 (+ 1 (f (- n 1))))) (mixed-text-file "n" (number->string (f 1000000)))`,
    );
    expect(drvs[0]!.env.get('text')).toBe('1000000');
  });

  it('writes nothing outside the store', () => {
    writeFileSync(join(root, 'kept'), 'kept');
    expect(() =>
      evaluate(`(call-with-output-file "${root}/kept" (lambda (port) (display "x" port)))`),
    ).toThrow('Read-only file system');
    expect(readFileSync(join(root, 'kept'), 'utf8')).toBe('kept');
  });
});
