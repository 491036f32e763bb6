// Whatever changes in a recipe's files, a build gives what evaluating anew gives; and where only copied files change,
// nothing is evaluated.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Host } from '../../foundation/host.ts';
import { silentProgress } from '../../foundation/host.ts';
import { buildGuix, type GuixBuildRequest, type GuixBuildResult } from './build.ts';
import { replayGuix } from './replay.ts';
import { recallRecording } from './result-memo.ts';

let folder: string;
let host: Host;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'trimaran-guix-replay-'));
  mkdirSync(join(folder, 'data'));
  mkdirSync(join(folder, 'more'));
  writeFileSync(join(folder, 'data/a'), '1');
  writeFileSync(join(folder, 'more/a'), '2');
  writeFileSync(join(folder, 'file'), '3');
  host = newHost();
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** One with a store of its own. */
function newHost(): Host {
  return {
    env: { PATH: process.env.PATH, XDG_CACHE_HOME: mkdtempSync(join(folder, 'cache-')) },
    cwd: folder,
    fetch: () => Promise.reject(new Error('no network in this test')),
    now: Date.now,
    run: () => Promise.reject(new Error('no processes in this test')),
    which: () => undefined,
    progress: silentProgress,
  };
}

function request(onHost: Host): GuixBuildRequest {
  return {
    host: onHost,
    settings: { channelsFile: undefined, system: undefined } as GuixBuildRequest['settings'],
    action: {
      kind: 'build',
      wantSources: false,
      sources: { manifests: [], expressions: [], files: [join(folder, 'recipe.scm')], specifications: [] },
    },
  };
}

function recipe(text: string): void {
  writeFileSync(join(folder, 'recipe.scm'), text);
}

async function build(onHost: Host): Promise<GuixBuildResult> {
  const [result] = await buildGuix(request(onHost));
  return result!;
}

/** Builds after a change, checks the result against evaluating anew, and says whether it was replayed. */
async function buildsAlike(): Promise<boolean> {
  const kept = recallRecording(request(host));
  const replayed =
    kept !== undefined && (await replayGuix(request(host), { ...kept, earlier: undefined })) !== undefined;
  const ours = await build(host);
  const theirs = await build(newHost());
  expect(ours.drvPath).toBe(theirs.drvPath);
  expect(readFileSync(ours.physicalDrvPath, 'utf8')).toBe(readFileSync(theirs.physicalDrvPath, 'utf8'));
  return replayed;
}

it.each([
  ['a folder', '(mixed-text-file "it" (local-file "data" #:recursive? #t))'],
  ['a file', '(mixed-text-file "it" (local-file "file"))'],
  [
    'folders that a builder reads',
    '(computed-file "it" #~(symlink #$(local-file "data" #:recursive? #t) (getenv "out")))',
  ],
  ['what lies below', '(mixed-text-file "it" (file-append (local-file "data" #:recursive? #t) "/a"))'],
  [
    'others on the way',
    '(file-union "it" `(("x" ,(mixed-text-file "inner" (local-file "data" #:recursive? #t))) ("y" ,(plain-file "z" "text"))))',
  ],
  [
    'a package of it',
    '(package (name "p") (version "1.0") (source (local-file "data" #:recursive? #t)) (build-system copy-build-system) (synopsis "p") (description "p") (home-page "p") (license #f))',
  ],
])('%s is replayed when a file changes', async (_, expression) => {
  recipe(`(use-modules (guix packages) (guix gexp) (guix build-system copy))\n${expression}`);
  await build(host);
  writeFileSync(join(folder, 'data/a'), 'changed');
  writeFileSync(join(folder, 'file'), 'changed');
  expect(await buildsAlike()).toBe(true);
  writeFileSync(join(folder, 'data/new'), 'changed');
  writeFileSync(join(folder, 'file'), 'changed again');
  expect(await buildsAlike()).toBe(true);
});

it.each([
  [
    'reads the file',
    '(mixed-text-file "it" (call-with-input-file "FOLDER/data/a" read-char-text) (local-file "data" #:recursive? #t))',
  ],
  [
    'looks at the path',
    '(mixed-text-file "it" (if (string<? "5" (substring (lowered-path (lower-object (local-file "file"))) 11 12)) "a" "b"))',
  ],
  [
    'chooses files',
    '(mixed-text-file "it" (local-file "data" #:recursive? #t #:select? (lambda (file stat) #t)))',
  ],
])('an evaluation that %s is done again', async (_, expression) => {
  recipe(
    `(use-modules (guix gexp))\n(define (read-char-text port) (string (read-char port)))\n${expression.replace('FOLDER', folder)}`,
  );
  await build(host);
  writeFileSync(join(folder, 'data/a'), 'changed');
  writeFileSync(join(folder, 'file'), 'changed');
  expect(await buildsAlike()).toBe(false);
});

it('evaluates again when the recipe changes, and when copies become one', async () => {
  const both =
    '(use-modules (guix gexp))\n(mixed-text-file "it" (local-file "data" "n" #:recursive? #t) (local-file "more" "n" #:recursive? #t))';
  recipe(both);
  await build(host);
  writeFileSync(join(folder, 'data/a'), '5');
  expect(await buildsAlike()).toBe(true);
  writeFileSync(join(folder, 'data/a'), '2');
  expect(await buildsAlike()).toBe(false);
  recipe(`${both}\n`);
  expect(await buildsAlike()).toBe(false);
});

it('evaluates again when a variable changes that the recipe asks for', async () => {
  recipe('(use-modules (guix gexp))\n(mixed-text-file (or (getenv "NAME") "none") (local-file "file"))');
  const withName = (NAME: string | undefined): Host => ({ ...host, env: { ...host.env, NAME } });
  const names = [];
  for (const name of ['one', 'two', undefined, 'two']) {
    const { outputs } = await build(withName(name));
    names.push(outputs[0]!.path.replace(/.*-/, ''));
  }
  expect(names).toEqual(['one', 'two', 'none', 'two']);
});

const failing = (builder: string) => `(use-modules (guix packages) (guix gexp) (guix build-system trivial))
(package (name "p") (version "1") (source #f) (build-system trivial-build-system)
  (arguments (list #:builder ${builder})) (synopsis "s") (description "d") (home-page "h") (license #f))`;

it.each([
  ['#~(error "broke" 42)', 'failed: broke 42'],
  ['#~(exit #f)', 'failed with exit code 1'],
  ['#~(system* "true")', 'not supported: the procedure system*'],
  ['#~(display "nothing made")', 'failed to produce output path'],
])('says which package %s was for', async (builder, message) => {
  recipe(failing(builder));
  await expect(build(host)).rejects.toMatchObject({
    message: expect.stringContaining(message),
    span: { file: join(folder, 'recipe.scm'), line: 2, column: 1 },
  });
});

it('takes a builder that ends with success', async () => {
  recipe(failing('#~(begin (mkdir #$output) (exit 0))'));
  expect((await build(host)).outputs[0]!.path).toMatch(/-p-1$/);
});
