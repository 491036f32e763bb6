import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Derivation } from '../formats/derivation.ts';
import { parseStorePath } from '../formats/store-path.ts';
import { buildEnvironment } from './build-environment.ts';
import { derivationOptionsOf } from './derivation-options.ts';
import { removeDiskTree } from './disk-tree.ts';
import { LocalStore } from './local-store.ts';

let folder: string;
let store: LocalStore;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'trimaran-environment-'));
  store = new LocalStore({ root: folder, storeDirectory: '/nix/store' });
});
afterEach(() => removeDiskTree(folder));

const out = parseStorePath('/nix/store/1q1nn6s4gh7xhpgq6r8aqqzyms2a5j4l-attrs', '/nix/store');

function environmentOf(env: Record<string, string>) {
  const derivation: Derivation = {
    name: 'attrs',
    system: 'x86_64-linux',
    builder: '/bin/bash',
    args: [],
    inputDrvs: new Map(),
    inputSrcs: [],
    outputs: new Map([['out', { path: out, hashAlgorithm: '', hash: '' }]]),
    env: new Map(Object.entries(env)),
  };
  return buildEnvironment({
    derivation,
    options: derivationOptionsOf(derivation),
    store,
    inputs: [],
    outputPaths: new Map([['out', out]]),
    buildFolder: '/build',
    cores: 2,
    hostEnv: {},
  });
}

describe('structured attributes', () => {
  // Both files as Nix 2.8 made them for
  //   derivation { name = "attrs"; __structuredAttrs = true; a = "x'y"; big = 9007199254740993; n = 1.0e20; … }
  it('are written as Nix writes them', () => {
    const attributes =
      '"a":"x\'y","b":[1,2,"three",4.5,true,false,null],"big":9007199254740993,"builder":"/bin/bash",' +
      '"c":{"k":"v","k y":"\u00c3\u00a9\\n","n":3},"d":1,"e":1.5,"f":-3,"g":true,"h":false,"i":null,"j":{"deep":{"x":1}},' +
      '"k":[["n"]],"l":[],"m":{},"n":1e+20,"name":"attrs","not-a-name":"z","o":3000000000,';
    const { files, variables } = environmentOf({ __json: `{${attributes}"system":"x86_64-linux"}`, out });
    expect(files.get('.attrs.json')).toBe(
      `{${attributes}"outputs":{"out":"${out}"},"system":"x86_64-linux"}`,
    );
    expect(files.get('.attrs.sh')).toBe(`declare a='x'\\''y'
declare big=1
declare builder='/bin/bash'
declare -A c=(['k']='v' ['k y']='\u00c3\u00a9
' ['n']=3 )
declare d=1
declare f=-3
declare g=1
declare h=
declare i=''
declare -a l=()
declare -A m=()
declare n=-2147483648
declare name='attrs'
declare o=-1294967296
declare -A outputs=(['out']='${out}' )
declare system='x86_64-linux'
`);
    expect(Object.fromEntries(variables)).toEqual({
      HOME: '/homeless-shelter',
      NIX_ATTRS_JSON_FILE: '/build/.attrs.json',
      NIX_ATTRS_SH_FILE: '/build/.attrs.sh',
      NIX_BUILD_CORES: '2',
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
    });
  });

  it('are refused when they are no JSON object', () => {
    for (const text of ['[]', '{', 'null']) {
      expect(() => environmentOf({ __json: text })).toThrowError(
        expect.objectContaining({ code: 'store/bad-attribute' }),
      );
    }
  });
});

describe('graphs of references', () => {
  it('are of inputs alone', () => {
    const stranger = store.addText({ name: 'stranger', text: 'x' });
    expect(() => environmentOf({ exportReferencesGraph: `graph ${stranger}` })).toThrowError(
      expect.objectContaining({
        code: 'store/bad-attribute',
        message: expect.stringContaining('not in the input closure'),
      }),
    );
    expect(() => environmentOf({ exportReferencesGraph: `../graph ${stranger}` })).toThrowError(
      expect.objectContaining({ code: 'store/bad-attribute' }),
    );
  });
});
