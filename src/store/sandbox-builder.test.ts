import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, statSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { staticOutputPaths } from '../formats/derivation-hash.ts';
import { outputPlaceholder, parseStorePath, type StorePath } from '../formats/store-path.ts';
import { writeTarFileSync } from '../formats/tar-write.ts';
import type { TreeEntry } from '../foundation/file-tree.ts';
import { readDiskTree, removeDiskTree } from './disk-tree.ts';
import { LocalStore } from './local-store.ts';
import { Realiser } from './realise.ts';
import { testHost } from './test-host.ts';

let folder: string;
let store: LocalStore;
let programs: StorePath;
let lines: string[];
const system = process.arch === 'arm64' ? 'aarch64-linux' : 'x86_64-linux';

/** The host's shell and coreutils with their libraries, as a packed object for the root of a file system. */
function packPrograms(): StorePath {
  const path = parseStorePath(`/nix/store/${'0'.repeat(32)}-programs`, '/nix/store');
  const names = ['sh', 'bash', 'cat', 'mkdir', 'chmod', 'ln', 'id', 'touch', 'env', 'sort', 'sleep', 'ls'];
  const files = new Map<string, Buffer>();
  for (const name of names) {
    const program = `/usr/bin/${name}`;
    files.set(program, readFileSync(program));
    const libraries = execFileSync('ldd', [program], { encoding: 'utf8' }).matchAll(/(\/\S+) \(0x/g);
    for (const [, library] of libraries) files.set(library!, readFileSync(library!));
  }
  const entries: TreeEntry[] = [...files].map(([file, bytes]) => {
    const place = file.replace(/^\/(lib\w*)\//, '/usr/$1/').slice(1);
    const common = { uid: 0, gid: 0, mtime: 1, mode: 0o755 };
    return { ...common, kind: 'file', path: place, content: { kind: 'bytes', bytes } };
  });
  for (const name of ['bin', 'lib', 'lib64']) {
    entries.push({
      kind: 'symlink',
      path: name,
      target: `usr/${name}`,
      mode: 0o777,
      uid: 0,
      gid: 0,
      mtime: 1,
    });
  }
  entries.sort((a, b) => (a.path < b.path ? -1 : 1));
  const stage = store.stage(path);
  writeTarFileSync({ file: stage.tar, entries });
  stage.commit({ form: 'packed', references: [] });
  return path;
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'trimaran-build-'));
  store = new LocalStore({ root: join(folder, 'cache'), storeDirectory: '/nix/store' });
  programs = packPrograms();
});
afterAll(() => removeDiskTree(folder));
beforeEach(() => {
  lines = [];
});

interface More {
  readonly outputs?: string[];
  readonly system?: string;
  readonly inputs?: StorePath[];
  /** SHA-256 of the one output's bytes, in base 16. */
  readonly fixed?: string;
}

function derive(script: string, env: Record<string, string> = {}, more: More = {}): StorePath {
  const { outputs = ['out'], inputs = [], fixed = '' } = more;
  const named = env.__json === undefined ? Object.fromEntries(outputs.map((name) => [name, ''])) : {};
  const hashAlgorithm = fixed === '' ? '' : 'sha256';
  return store.writeDerivation(
    staticOutputPaths(
      {
        name: 'test',
        system: more.system ?? system,
        builder: `${programs}/bin/bash`,
        args: ['-e', '-c', script],
        inputSrcs: [programs, ...inputs],
        inputDrvs: new Map(),
        outputs: new Map(outputs.map((name) => [name, { path: '', hashAlgorithm, hash: fixed }])),
        env: new Map(Object.entries({ ...named, ...env })),
      },
      { memo: new Map(), storeDirectory: '/nix/store' },
    ),
  );
}

const build = (drv: StorePath) =>
  new Realiser({ store, host: testHost(folder), log: (line) => lines.push(line) }).realise(drv);

describe('sandboxed builds', () => {
  it('make outputs with canonical metadata and the references found in them', async () => {
    const input = store.addText({ name: 'input', text: 'from input\n' });
    const script = `
      export PATH=/bin
      mkdir -p $out/bin $dev; echo ${input} $dev > $out/ref; cat ${input} > $out/bin/run
      chmod 6710 $out/bin/run; ln -s bin/run $out/link; touch $out/secret; chmod 0 $out/secret; chmod 100 $out/bin`;
    const paths = await build(derive(script, {}, { outputs: ['out', 'dev'], inputs: [input] }));
    const out = paths.get('out')!;
    expect(store.info(out).references).toEqual([input, paths.get('dev')!].sort());
    expect(store.readFile(`${out}/link`).toString()).toBe('from input\n');
    const modes = readDiskTree(store.physicalPath(out)).map((entry) => [entry.path, entry.mode, entry.mtime]);
    expect(modes).toEqual([
      ['', 0o555, 1],
      ['bin', 0o555, 1],
      ['bin/run', 0o555, 1],
      ['link', 0o777, 1],
      ['ref', 0o444, 1],
      ['secret', 0o444, 1],
    ]);
  });

  it('find the environment that Nix gives', async () => {
    await build(
      derive('/bin/env > $out; /bin/id >> $out; /bin/ls -a / >> $out', { 'with-dash': 'x', empty: '' }),
    ).then((paths) => {
      const text = store.readFile(paths.get('out')!).toString();
      const environment = Object.fromEntries(
        text
          .split('\n')
          .filter((line) => line.includes('=') && !line.startsWith('uid'))
          .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
      );
      delete environment._;
      delete environment.SHLVL;
      expect(environment).toEqual({
        HOME: '/homeless-shelter',
        NIX_BUILD_CORES: expect.stringMatching(/^\d+$/),
        NIX_BUILD_TOP: '/build',
        NIX_LOG_FD: '2',
        NIX_STORE: '/nix/store',
        PATH: '/path-not-set',
        PWD: '/build',
        TEMP: '/build',
        TEMPDIR: '/build',
        TERM: 'xterm-256color',
        TMP: '/build',
        TMPDIR: '/build',
        empty: '',
        out: paths.get('out'),
        'with-dash': 'x',
      });
      expect(text).toContain('uid=1000(nixbld) gid=100(nixbld)');
    });
  });

  it('read attributes passed as files and graphs of references', async () => {
    const leaf = store.addText({ name: 'leaf', text: 'leaf' });
    const top = store.addText({ name: 'top', text: `${leaf}`, references: [leaf] });
    const script = '/bin/cat $bigPath > $out; /bin/cat graph >> $out';
    const env = { passAsFile: 'big', big: 'b'.repeat(300_000), exportReferencesGraph: `graph ${top}` };
    const paths = await build(derive(script, env, { inputs: [top] }));
    const [first, second] = [leaf, top].sort();
    const references = (path: StorePath) => (path === top ? `1\n${leaf}\n` : '0\n');
    expect(store.readFile(paths.get('out')!).toString()).toBe(
      `${env.big}${first}\n\n${references(first!)}${second}\n\n${references(second!)}`,
    );
  });

  it('read structured attributes as JSON and as shell', async () => {
    const input = store.addText({ name: 'input', text: 'x' });
    const json =
      '{"builder":"sh","exportReferencesGraph":{"graph":["' +
      input +
      '"]},"flag":true,"list":["a b","it\'s"],"nested":{"deep":{}},"no":null,"number":1.50,"table":{"k":"v"},"whole":7}';
    const script = `
      source $NIX_ATTRS_SH_FILE
      /bin/cat $NIX_ATTRS_JSON_FILE > \${outputs[out]}
      echo; echo "$flag \${list[1]} \${table[k]} $whole \${nested-unset} \${number-unset}"`;
    const paths = await build(derive(script, { __json: json }, { inputs: [input] }));
    const text = store.readFile(paths.get('out')!).toString();
    expect(JSON.parse(text)).toMatchObject({
      outputs: { out: paths.get('out') },
      graph: [{ path: input, valid: true, references: [], closureSize: 120, narSize: 120 }],
    });
    // Numbers keep the form they were written in.
    expect(text).toContain('"number":1.50,');
    expect(lines).toEqual(['', "1 it's v 7 unset unset"]);
  });

  it('know their outputs by placeholder', async () => {
    const script = `echo hello > ${outputPlaceholder('out')}`;
    expect(store.readFile((await build(derive(script))).get('out')!).toString()).toBe('hello\n');
  });

  it('fail with exit code and last lines', async () => {
    const drv = derive('for i in 1 2 3; do echo line $i; done; echo oops >&2; exit 42');
    await expect(build(drv)).rejects.toMatchObject({
      code: 'store/build-failed',
      message: `builder for '${drv}' failed with exit code 42\nlast 4 log lines:\n> line 1\n> line 2\n> line 3\n> oops`,
    });
  });

  it('reach the network for fixed outputs alone', async () => {
    const server = createServer((socket) => socket.end('from the network\n'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const script = `exec 3<>/dev/tcp/127.0.0.1/${port}; read -r line <&3; echo "$line $SOME_PROXY$HOME" > $out`;
    process.env.SOME_PROXY = 'proxy';
    try {
      const text = 'from the network proxy/homeless-shelter\n';
      const fixed = createHash('sha256').update(text).digest('hex');
      const paths = await build(derive(script, { impureEnvVars: 'SOME_PROXY' }, { fixed }));
      expect(store.readFile(paths.get('out')!).toString()).toBe(text);
      await expect(build(derive(script))).rejects.toMatchObject({
        code: 'store/build-failed',
        message: expect.stringMatching(/Connection refused|Network is unreachable/),
      });
    } finally {
      delete process.env.SOME_PROXY;
      server.close();
    }
  });

  it('are refused for another kind of machine', async () => {
    await expect(build(derive('', {}, { system: 'riscv64-linux' }))).rejects.toMatchObject({
      code: 'store/wrong-system',
    });
  });

  it('make the same twice', async () => {
    const script = `echo $RANDOM $$ > /dev/null; /bin/mkdir $out; for i in {1..20}; do echo $i > $out/$i; done`;
    const drv = derive(script);
    const first = (await build(drv)).get('out')!;
    const hash = store.narOf(first);
    store.remove(first);
    expect(store.narOf((await build(drv)).get('out')!)).toEqual(hash);
  });

  it('work from a folder that nobody else may enter', async () => {
    chmodSync(folder, 0o700);
    mkdirSync(join(folder, 'other'));
    expect(statSync(folder).mode & 0o77).toBe(0);
    await build(derive('echo x > $out'));
  });
});
