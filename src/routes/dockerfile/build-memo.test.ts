import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fileTree, type TreeEntry } from '../../foundation/file-tree.ts';
import { parseDockerfile } from '../../languages/dockerfile/parse.ts';
import { resolveDockerfile } from '../../languages/dockerfile/resolve.ts';
import { emptyLockFile, type LockFile } from '../../sets/lock-file.ts';
import { memoKey, readMemo, writeMemo } from './build-memo.ts';

const digest = `sha256:${'a'.repeat(64)}`;
const lock: LockFile = {
  ...emptyLockFile,
  images: new Map([['python:3.11', { digest, platforms: new Map() }]]),
};

const file = (path: string, text: string, mode = 0o644): TreeEntry => ({
  kind: 'file',
  path,
  mode,
  uid: 0,
  gid: 0,
  mtime: 1,
  content: { kind: 'bytes', bytes: Buffer.from(text) },
});

interface Given {
  readonly text?: string;
  readonly context?: readonly TreeEntry[];
  readonly lock?: LockFile;
  readonly settings?: readonly unknown[];
  readonly engine?: string;
}

function keyOf({
  text = 'FROM python:3.11\nCOPY a b\n',
  context = [file('a', '1')],
  settings = [1],
  ...given
}: Given) {
  return memoKey({
    text,
    resolved: resolveDockerfile(parseDockerfile(text, 'Dockerfile')),
    lock: given.lock ?? lock,
    context: fileTree(context),
    settings,
    engineImage: async () => given.engine,
  });
}

describe('memoKey', () => {
  it('is the same for the same, and another for anything else', async () => {
    const keys = await Promise.all(
      [
        {},
        { text: 'FROM python:3.11\nCOPY a c\n' },
        { context: [file('a', '2')] },
        { context: [file('a', '1', 0o755)] },
        { context: [file('a', '1'), file('b', '')] },
        { settings: [2] },
        { lock: { ...lock, urls: new Map([['https://x.example/a', 'b'.repeat(64)]]) } },
        {
          lock: {
            ...emptyLockFile,
            images: new Map([['python:3.11', { digest: digest.replace(/a/g, 'b'), platforms: new Map() }]]),
          },
        },
      ].map(keyOf),
    );
    expect(new Set(keys).size).toBe(keys.length);
    expect(keys).not.toContain(undefined);
    expect(await keyOf({})).toBe(keys[0]);
  });

  it('knows images by their ids in the engine, and none without one', async () => {
    const text = 'FROM other:1\n';
    const [one, two] = [await keyOf({ text, engine: 'sha256:1' }), await keyOf({ text, engine: 'sha256:2' })];
    expect(one).not.toBe(two);
    expect(await keyOf({ text })).toBeUndefined();
  });

  it('is none for what nothing fixes', async () => {
    for (const line of [
      'FROM debian:bookworm',
      'ADD https://x.example/a /',
      'ADD https://x.example/a.git#main /',
    ])
      expect(
        await keyOf({ text: line.startsWith('FROM') ? line : `FROM python:3.11\n${line}` }),
        line,
      ).toBeUndefined();
  });
});

describe('a memo', () => {
  let root: string;
  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), 'trimaran-memo-'));
  });
  afterAll(() => rmSync(root, { recursive: true }));

  it('is kept until its archive goes', async () => {
    const archive = join(root, 'image.tar');
    writeFileSync(archive, '');
    writeMemo(root, 'key', { archive, configDigest: digest });
    expect(readMemo(root, 'key')).toEqual({ archive, configDigest: digest });
    expect(readMemo(root, 'other')).toBeUndefined();
    rmSync(archive);
    expect(readMemo(root, 'key')).toBeUndefined();
    writeFileSync(join(root, 'dockerfile/memo/key.json'), '{');
    expect(readMemo(root, 'key')).toBeUndefined();
  });
});
