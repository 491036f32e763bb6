import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isTrimaranError } from '../../foundation/error.ts';
import { type FileTree, fileTree } from '../../foundation/file-tree.ts';
import { readContent } from '../../store/disk-tree.ts';
import { applyPatch } from './unified-diff.ts';

const base = { mode: 0o644, uid: 0, gid: 0, mtime: 1 };
const numbers = 'one\ntwo\nthree\nfour\nfive\nsix\nseven\n';

function tree(files: Readonly<Record<string, string>>): FileTree {
  return fileTree([
    { kind: 'directory', path: '', ...base },
    ...Object.entries(files).map(
      ([path, text]) =>
        ({ kind: 'file', path, ...base, content: { kind: 'bytes', bytes: Buffer.from(text) } }) as const,
    ),
  ]);
}

function patched(files: Readonly<Record<string, string>>, text: string, strip = 1) {
  return Object.fromEntries(
    applyPatch(tree(files), { name: 'x.patch', text, strip }).flatMap((entry) =>
      entry.kind === 'file' ? [[entry.path, readContent(entry.content).toString()]] : [],
    ),
  );
}

const change = '--- a/n\n+++ b/n\n@@ -2,3 +2,4 @@\n two\n-three\n+3\n+3.5\n four\n';

describe('applyPatch', () => {
  it('changes, makes and removes files', () => {
    expect(patched({ n: numbers }, `A mail.\n---\n n | 2 +-\n\n${change}-- \n2.30\n`)).toEqual({
      n: numbers.replace('three', '3\n3.5'),
    });
    expect(patched({ n: numbers }, '--- /dev/null\n+++ b/d/e\n@@ -0,0 +1,2 @@\n+x\n+y\n')).toEqual({
      n: numbers,
      'd/e': 'x\ny\n',
    });
    expect(patched({ n: 'x\n' }, '--- a/n\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n')).toEqual({});
    expect(
      patched({ n: 'x' }, '--- n\n+++ n\n@@ -1 +1 @@\n-x\n\\ No newline at end of file\n+y\n', 0),
    ).toEqual({
      n: 'y\n',
    });
  });

  it('reads what git says before the lines', () => {
    const moved = 'diff --git a/n b/m\nsimilarity index 100%\nrename from n\nrename to m\n';
    expect(patched({ n: 'x\n' }, moved)).toEqual({ m: 'x\n' });
    const empty = 'diff --git a/a b b/a b\nnew file mode 100755\nindex 0000000..e69de29\n';
    const [, made] = applyPatch(tree({}), { name: 'x.patch', text: empty, strip: 1 });
    expect(made).toMatchObject({ path: 'a b', mode: 0o755 });
    expect(patched({ n: '' }, 'diff --git a/n b/n\ndeleted file mode 100644\n')).toEqual({});
  });

  it('finds lines that have moved, and lets context differ', () => {
    expect(patched({ n: `zero\n${numbers}` }, change)).toEqual({
      n: `zero\n${numbers.replace('three', '3\n3.5')}`,
    });
    expect(patched({ n: numbers.replace('four', 'vier') }, change)).toEqual({
      n: 'one\ntwo\n3\n3.5\nvier\nfive\nsix\nseven\n',
    });
  });

  it.each([
    [{ n: numbers.replace('three', 'drei') }, change, 'guix/patch-failed', 'n, @@ -2,3 +2,4 @@'],
    [{ m: numbers }, change, 'guix/patch-failed', 'the source has no file n'],
    [{ n: 'x\n' }, '--- /dev/null\n+++ b/n\n@@ -0,0 +1 @@\n+y\n', 'guix/patch-failed', 'n is already there'],
    [{ n: 'x\n' }, 'nothing\n', 'guix/bad-patch', 'there is no patch in it'],
    [{ n: 'x\n' }, 'diff --git a/n b/n\nGIT binary patch\n', 'guix/bad-patch', 'binary patches are not'],
    [{ n: 'x\n' }, '--- a/n\n+++ b/n\n@@ -1 +1 @@\n-x\n', 'guix/bad-patch', 'it ends inside of'],
    [{ n: 'x\ny\n' }, '--- a/n\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n', 'guix/patch-failed', 'n has more lines'],
    [{}, '--- /dev/null\n+++ b/../n\n@@ -0,0 +1 @@\n+y\n', 'guix/bad-patch', 'it names b/../n'],
    [{ n: 'x\n' }, '--- /dev/null\n+++ b/n/m\n@@ -0,0 +1 @@\n+y\n', 'guix/bad-patch', 'a file a folder'],
  ])('says what does not fit: %j', (files, text, code, message) => {
    expect(() => patched(files, text)).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(message) }),
    );
  });

  it('throws errors with a code only, whatever the text', () => {
    const line = fc.constantFrom(
      ...['--- a/n', '+++ b/n', '@@ -1,2 +1,2 @@', ' one', '-one', '+x', '', 'diff --git a/n b/n', '\\ No'],
      ...[
        'rename from n',
        'new mode 100755',
        '--- /dev/null',
        '@@ -9 +3,9 @@',
        'deleted file mode 1',
        '--- "a/\\303"',
      ],
    );
    fc.assert(
      fc.property(fc.array(line, { maxLength: 12 }), (lines) => {
        try {
          applyPatch(tree({ n: numbers }), { name: 'x', text: `${lines.join('\n')}\n`, strip: 1 });
        } catch (error) {
          if (!isTrimaranError(error)) throw error;
        }
      }),
      { numRuns: 500 },
    );
  });
});
