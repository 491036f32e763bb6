import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseStorePath, type StorePath } from '../formats/store-path.ts';
import { writeTarFileSync } from '../formats/tar-write.ts';
import { type FileTree, fileTree, type TreeEntry } from '../foundation/file-tree.ts';
import { removeDiskTree } from './disk-tree.ts';
import { LocalStore } from './local-store.ts';

let folder: string;
let store: LocalStore;
const pathOf = (base: string) => parseStorePath(`/nix/store/${base}`, '/nix/store');
const output = pathOf('1rz4g4znpzjwh1xymhjpm42vipw92pr7-thing');
const common = { uid: 0, gid: 0, mtime: 1 };
const text = (content: string) => ({ kind: 'bytes', bytes: Buffer.from(content) }) as const;

/** A second process as far as anything on disk is concerned. */
const reopened = () => new LocalStore({ root: store.root, storeDirectory: '/nix/store' });

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'trimaran-store-'));
  store = new LocalStore({ root: join(folder, 'cache'), storeDirectory: '/nix/store' });
});
afterEach(() => removeDiskTree(folder));

function packed(path: StorePath, entries: TreeEntry[]): void {
  const stage = store.stage(path);
  const { sha256 } = writeTarFileSync({ file: stage.tar, entries: fileTree(entries) });
  stage.commit({ form: 'packed', references: [], tarSha256: sha256 });
}

describe('adding', () => {
  it('gives texts the path that Nix gives them', () => {
    // nix-instantiate --eval -E 'builtins.toFile "hello" "hello\n"'
    const path = store.addText({ name: 'hello', text: 'hello\n' });
    expect(path).toBe('/nix/store/nmrmdcw1bfnl35a893n7nyhw4xa5vy08-hello');
    expect(store.isValid(path)).toBe(true);
    expect(store.readFile(path).toString()).toBe('hello\n');
    const { mode, mtimeMs } = statSync(store.physicalPath(path));
    expect([mode & 0o7777, mtimeMs]).toEqual([0o444, 1000]);
    expect(reopened().info(path)).toMatchObject({ path, form: 'plain', references: [] });
  });

  it('adds a folder as a NAR with canonical metadata, once', () => {
    const source = join(folder, 'source');
    mkdirSync(join(source, 'bin'), { recursive: true });
    writeFileSync(join(source, 'bin/run'), '#!/bin/sh\n');
    chmodSync(join(source, 'bin/run'), 0o750);
    writeFileSync(join(source, 'b-side'), 'b');
    symlinkSync('bin/run', join(source, 'link'));
    const path = store.addPath({ source, name: 'source', method: 'nar' });
    expect(path).toBe('/nix/store/mlhp0i9jz1xbvc73xblg59z23ahbsb3n-source');
    const place = store.physicalPath(path);
    for (const name of ['', 'bin', 'bin/run']) {
      expect(lstatSync(join(place, name)).mode & 0o7777).toBe(0o555);
      expect(lstatSync(join(place, name)).mtimeMs).toBe(1000);
    }
    expect(lstatSync(join(place, 'b-side')).mode & 0o7777).toBe(0o444);
    expect(readlinkSync(join(place, 'link'))).toBe('bin/run');
    expect(store.tree(path).map(({ path: name, kind }) => `${kind} ${name}`)).toEqual([
      'directory ',
      'file b-side',
      'directory bin',
      'file bin/run',
      'symlink link',
    ]);
    expect(reopened().addPath({ source, name: 'source', method: 'nar' })).toBe(path);
    expect(reopened().info(path).contentAddress).toBe(`fixed:r:${store.narOf(path).narHash}`);
  });

  it('leaves out what the filter refuses, with all below it', () => {
    const source = join(folder, 'source');
    mkdirSync(join(source, 'keep'), { recursive: true });
    mkdirSync(join(source, 'drop/deep'), { recursive: true });
    writeFileSync(join(source, 'keep/file'), 'x');
    const asked: string[] = [];
    const path = store.addPath({
      source,
      name: 'filtered',
      method: 'nar',
      filter: (name, kind) => {
        asked.push(`${kind} ${name}`);
        return name !== 'drop';
      },
    });
    expect(store.tree(path).map((entry) => entry.path)).toEqual(['', 'keep', 'keep/file']);
    expect(asked.sort()).toEqual(['directory drop', 'directory keep', 'regular keep/file']);
  });

  it('refuses what a store path cannot hold and leaves nothing', () => {
    const source = join(folder, 'source');
    mkdirSync(source);
    execFileSync('mkfifo', [join(source, 'pipe')]);
    for (const method of ['nar', 'flat'] as const) {
      expect(() => store.addPath({ source, name: 'bad', method })).toThrowError(
        expect.objectContaining({ code: 'nar/unsupported-entry' }),
      );
    }
    const stage = store.stage(output);
    mkdirSync(stage.plain);
    execFileSync('mkfifo', [join(stage.plain, 'pipe')]);
    expect(() => stage.commit({ form: 'plain', references: [] })).toThrowError(
      expect.objectContaining({ code: 'store/unsupported-file-type' }),
    );
    expect(existsSync(join(store.root, 'info'))).toBe(false);
  });

  it('hashes one file flat', () => {
    const source = join(folder, 'file');
    writeFileSync(source, 'hello\n');
    const path = store.addPath({ source, name: 'file', method: 'flat' });
    const sha256 = execFileSync('sha256sum', [source]).toString().slice(0, 64);
    expect(sha256).toBe('5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03');
    expect(path).toBe('/nix/store/1vap48aqggkk52ijn2prxzxv7cnzvs0w-file');
    expect(store.info(path).contentAddress).toMatch(/^fixed:sha256:/);
  });

  it('adds a tree with hard links as files', () => {
    const tree: FileTree = [
      { ...common, kind: 'directory', path: '', mode: 0o755 },
      { ...common, kind: 'file', path: 'a', mode: 0o4755, uid: 5, content: text('same') },
      { ...common, kind: 'hardlink', path: 'b', mode: 0o755, target: 'a' },
    ];
    const path = store.addTree({ name: 'tree', tree });
    expect(readFileSync(join(store.physicalPath(path), 'b'), 'utf8')).toBe('same');
    expect(lstatSync(join(store.physicalPath(path), 'a')).mode & 0o7777).toBe(0o555);
  });
});

describe('staging', () => {
  it('registers a built folder with references and deriver', () => {
    const stage = store.stage(output);
    mkdirSync(join(stage.plain, 'sub'), { recursive: true });
    writeFileSync(join(stage.plain, 'sub/file'), 'x', { mode: 0o600 });
    linkSync(join(stage.plain, 'sub/file'), join(stage.plain, 'other'));
    expect(store.isValid(output)).toBe(false);
    const other = store.addText({ name: 'other', text: 'o' });
    stage.commit({
      form: 'plain',
      references: [output, other, other],
      deriver: pathOf(`${'0'.repeat(32)}-x.drv`),
    });
    expect(reopened().info(output)).toEqual({
      path: output,
      form: 'plain',
      references: [output, other].sort(),
      deriver: `/nix/store/${'0'.repeat(32)}-x.drv`,
    });
    expect(store.closure([output])).toEqual([output, other].sort());
    expect(statSync(store.physicalPath(output)).mode & 0o7777).toBe(0o555);
    expect(
      readdirSync(join(store.root, 'staging')).flatMap((n) => readdirSync(join(store.root, 'staging', n))),
    ).toEqual([]);
  });

  it('keeps the object that was there first', () => {
    const [first, second] = [store.stage(output), reopened().stage(output)];
    writeFileSync(first.plain, 'first');
    writeFileSync(second.plain, 'second');
    first.commit({ form: 'plain', references: [] });
    second.commit({ form: 'plain', references: [] });
    expect(store.readFile(output).toString()).toBe('first');
    expect(existsSync(second.plain)).toBe(false);
  });

  it('replaces what a killed process left unregistered', () => {
    mkdirSync(join(store.root, output, 'half'), { recursive: true });
    chmodSync(join(store.root, output), 0o555);
    expect(store.isValid(output)).toBe(false);
    const stage = store.stage(output);
    mkdirSync(join(stage.plain, 'whole'), { recursive: true });
    stage.commit({ form: 'plain', references: [] });
    expect([...store.readDirectory(output).keys()]).toEqual(['whole']);
  });

  it('refuses an empty place and forgets it', () => {
    expect(() => store.stage(output).commit({ form: 'plain', references: [] })).toThrowError(
      expect.objectContaining({ code: 'store/no-output' }),
    );
    expect(() => store.stage(output).commit({ form: 'packed', references: [] })).toThrowError(
      expect.objectContaining({ code: 'store/no-output' }),
    );
    expect(store.isValid(output)).toBe(false);
    expect(() => store.info(output)).toThrowError(expect.objectContaining({ code: 'store/not-valid' }));
  });

  it('sweeps the places of dead processes alone', () => {
    const staging = join(store.root, 'staging');
    const alive = reopened();
    alive.stage(output);
    const before = readdirSync(staging);
    expect(before).toHaveLength(1);
    // No process has this id; and the id of this one was another process's, which started at another time.
    mkdirSync(join(staging, before[0]!.replace(/^\d+/, '999999999'), 'object'), { recursive: true });
    mkdirSync(join(staging, before[0]!.replace(/-\d+-/, '-1-')));
    mkdirSync(join(staging, 'no-such-form'));
    store.stage(output);
    expect(readdirSync(staging)).toEqual(expect.arrayContaining(before));
    expect(readdirSync(staging)).toHaveLength(2);
  });
});

describe('packed objects', () => {
  const entries: TreeEntry[] = [
    { ...common, kind: 'directory', path: 'usr', mode: 0o755 },
    { ...common, kind: 'directory', path: 'usr/bin', mode: 0o755 },
    { ...common, kind: 'file', path: 'usr/bin/su', mode: 0o4755, content: text('su') },
    { ...common, kind: 'hardlink', path: 'usr/bin/sudo', mode: 0o4755, target: 'usr/bin/su' },
    { ...common, kind: 'symlink', path: 'bin', mode: 0o777, target: 'usr/bin' },
    { ...common, kind: 'symlink', path: 'host', mode: 0o777, target: '/etc/passwd' },
    { ...common, kind: 'directory', path: 'var', mode: 0o2775, gid: 50 },
  ];

  it('read like any other', () => {
    packed(output, entries);
    const again = reopened();
    expect(again.info(output).form).toBe('packed');
    expect(again.readFile(`${output}/bin/sudo`).toString()).toBe('su');
    expect(again.lstat(`${output}/bin`)?.kind).toBe('symlink');
    expect(again.lstat(`${output}/bin/none`)).toBeUndefined();
    expect(again.readLink(`${output}/bin`)).toBe('usr/bin');
    expect([...again.readDirectory(output)]).toEqual([
      ['bin', 'symlink'],
      ['host', 'symlink'],
      ['usr', 'directory'],
      ['var', 'directory'],
    ]);
    expect([...again.readDirectory(`${output}/bin`).keys()]).toEqual(['su', 'sudo']);
    expect(again.tree(output).map(({ path, mode, gid }) => ({ path, mode, gid }))).toEqual(
      fileTree(entries).map(({ path, mode, gid }) => ({ path, mode, gid })),
    );
    expect(() => again.physicalPath(output)).toThrowError(expect.objectContaining({ code: 'store/packed' }));
  });

  it('never read a file of the host through a link', () => {
    packed(output, entries);
    expect(() => store.readFile(`${output}/host`)).toThrowError(
      expect.objectContaining({ code: 'store/outside-store' }),
    );
    expect(() => store.readFile(`${output}/../../../etc/passwd`)).toThrowError(
      expect.objectContaining({ code: 'store/outside-store' }),
    );
  });

  it('are unpacked once, hard links included', () => {
    packed(output, entries);
    const place = store.materialise(output);
    expect(statSync(join(place, 'bin/su')).ino).toBe(statSync(join(place, 'usr/bin/sudo')).ino);
    expect(statSync(join(place, 'usr/bin/su')).mode & 0o7777).toBe(0o4755);
    const { ctimeMs } = statSync(place);
    expect(reopened().materialise(output)).toBe(place);
    expect(statSync(place).ctimeMs).toBe(ctimeMs);
  });

  it.runIf(process.geteuid?.() === 0)(
    'gives root files with their owners, whoever unpacked them before',
    () => {
      const content = text('data');
      packed(output, [{ kind: 'file', path: 'data', mode: 0o644, uid: 105, gid: 106, mtime: 1, content }]);
      const ownerOfData = () => {
        const { uid, gid } = statSync(join(reopened().materialise(output), 'data'));
        return [uid, gid];
      };
      chownSync(folder, 65_534, 65_534);
      execFileSync('chown', ['-R', '65534:65534', store.root]);
      process.setegid!(65_534);
      process.seteuid!(65_534);
      try {
        expect(ownerOfData()).toEqual([65_534, 65_534]);
      } finally {
        process.seteuid!(0);
        process.setegid!(0);
      }
      expect(ownerOfData()).toEqual([105, 106]);
    },
  );

  it('know their hash as a layer', () => {
    packed(output, entries);
    const { file, size, sha256 } = reopened().packedFile(output);
    expect(size).toBe(statSync(file).size);
    expect(execFileSync('sha256sum', [file]).toString().slice(0, 64)).toBe(sha256);
  });

  it('have the NAR of the same files kept plain', () => {
    packed(output, entries);
    const plain = store.addTree({ name: 'plain', tree: fileTree(entries) });
    expect(store.narOf(output)).toEqual(store.narOf(plain));
    expect(reopened().info(output)).toMatchObject(store.narOf(plain));
  });

  it('are noticed when their tar is cut', () => {
    packed(output, entries);
    const { file } = store.packedFile(output);
    chmodSync(file, 0o644);
    truncateSync(file, 1024);
    const again = reopened();
    expect(() => again.tree(output)).toThrowError(expect.objectContaining({ code: 'store/damaged' }));
    expect(again.isValid(output)).toBe(false);
    packed(output, entries);
    expect(reopened().readFile(`${output}/bin/su`).toString()).toBe('su');
  });
});

describe('looking up', () => {
  it('follows links between store paths', () => {
    const target = store.addText({ name: 'target', text: 'found' });
    const tree: FileTree = [
      { ...common, kind: 'directory', path: '', mode: 0o755 },
      { ...common, kind: 'symlink', path: 'absolute', mode: 0o777, target },
      { ...common, kind: 'symlink', path: 'beside', mode: 0o777, target: `../${target.slice(11)}` },
      { ...common, kind: 'symlink', path: 'loop', mode: 0o777, target: 'loop' },
      { ...common, kind: 'symlink', path: 'here', mode: 0o777, target: '.' },
    ];
    const path = store.addTree({ name: 'links', tree });
    expect(store.readFile(`${path}/absolute`).toString()).toBe('found');
    expect(store.readFile(`${path}/beside`).toString()).toBe('found');
    expect(store.readFile(`${path}/here/here/./absolute`).toString()).toBe('found');
    expect(store.resolve(`${path}/beside`).path).toBe(target);
    expect(() => store.readFile(`${path}/loop`)).toThrowError(
      expect.objectContaining({ code: 'store/link-loop' }),
    );
    expect(() => store.readFile(`${path}/none`)).toThrowError(
      expect.objectContaining({ code: 'store/no-such-file' }),
    );
    expect(() => store.readDirectory(`${path}/absolute`)).toThrowError(
      expect.objectContaining({ code: 'store/not-a-folder' }),
    );
    expect(() => store.readFile(path)).toThrowError(expect.objectContaining({ code: 'store/not-a-file' }));
    expect(store.lstat(`${path}/absolute/below-a-file`)).toBeUndefined();
  });

  it('says which path is not valid', () => {
    expect(() => store.readFile(`${output}/x`)).toThrowError(
      expect.objectContaining({ code: 'store/not-valid', message: expect.stringContaining(output) }),
    );
  });

  it('forgets a removed path', () => {
    const path = store.addText({ name: 'gone', text: 'x' });
    store.remove(path);
    expect(store.isValid(path)).toBe(false);
    expect(existsSync(join(store.root, path))).toBe(false);
  });
});
