import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bufferToByteString } from '../foundation/byte-string.ts';
import { digestOf } from '../foundation/digest.ts';
import { isTrimaranError } from '../foundation/error.ts';
import { type Derivation, derivationPath, parseDerivation, writeDerivation } from './derivation.ts';
import {
  type DerivationHash,
  hashDerivationModulo,
  instantiateDerivation,
  staticOutputPaths,
} from './derivation-hash.ts';
import {
  isStorePath,
  makeFixedOutputPath,
  makeSourcePath,
  makeTextPath,
  nixStoreDirectory,
  outputPlaceholder,
  parseStorePath,
  type StorePath,
  splitMethodAndAlgorithm,
  splitStorePath,
  storePathHash,
  storePathName,
  writeMethodAndAlgorithm,
} from './store-path.ts';

const storeDirectory = nixStoreDirectory;
const hasNix = spawnSync('nix-instantiate', ['--version']).status === 0;
let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'trimaran-derivation-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const nixExpression = `let
  src = builtins.toFile "source.txt" "hello \\"world\\"\\n";
  fixed = name: mode: algo: hash: derivation { inherit name; system = "x86_64-linux"; builder = "/bin/sh";
    outputHashMode = mode; outputHashAlgo = algo; outputHash = hash; noise = src; };
  flat = fixed "flat.tar.gz" "flat" "sha256" "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
  tree = fixed "tree" "recursive" "sha256" "0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73";
  same = fixed "tree" "recursive" null "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
  sha1 = fixed "sha1" "recursive" "sha1" "da39a3ee5e6b4b0d3255bfef95601890afd80709";
  many = derivation { name = "many-1.0"; system = "x86_64-linux"; builder = "/bin/sh";
    args = [ "-c" "echo \\"\\\\ \\t\\r\\n\\" > $out" src "\${./cafe}" ]; outputs = [ "out" "dev" "bin" ]; inherit flat tree;
    weird = "café \${builtins.placeholder "out"}"; };
in derivation { name = "top"; system = "x86_64-linux"; builder = "\${many.bin}/bin/sh"; a = many.dev; b = many;
  c = sha1; d = flat; e = tree; f = same; g = many.drvPath; }`;

/** The derivations of a real Nix store below `root`, by path. */
function derivationsIn(root: string): Map<StorePath, string> {
  const store = join(root, 'nix/store');
  const texts = new Map<StorePath, string>();
  for (const name of readdirSync(store)) {
    if (!name.endsWith('.drv')) continue;
    texts.set(
      parseStorePath(`/nix/store/${name}`, storeDirectory),
      bufferToByteString(readFileSync(join(store, name))),
    );
  }
  return texts;
}

function withoutPaths(drv: Derivation): Derivation {
  const outputs = new Map([...drv.outputs].map(([name, output]) => [name, { ...output, path: '' as const }]));
  const env = new Map([...drv.env].map(([key, value]) => [key, drv.outputs.has(key) ? '' : value]));
  return { ...drv, outputs, env };
}

describe('store paths', () => {
  it('are checked as Nix checks them', () => {
    const hash = '7h7qgvs4kgzsn8a6rb273saxyqh4jxlz';
    const path = parseStorePath(`/nix/store/${hash}-konsole-18.12.3`, storeDirectory);
    expect(storePathHash(path)).toBe(hash);
    expect(storePathName(path)).toBe('konsole-18.12.3');
    expect(isStorePath(`/gnu/store/${hash}-x`)).toBe(true);
    const refused = (text: string, code: string) =>
      expect(() => parseStorePath(text, storeDirectory), text).toThrow(expect.objectContaining({ code }));
    refused(`/gnu/store/${hash}-x`, 'store-path/outside-store');
    refused(`/nix/store/${hash}-x/bin`, 'store-path/outside-store');
    refused(`/nix/storage/${hash}-x`, 'store-path/outside-store');
    for (const name of ['', 'a b', '.', '..', '.-a', '..-a', 'caf\xc3\xa9', 'x'.repeat(212), '/']) {
      const code = name === '/' ? 'store-path/outside-store' : 'store-path/malformed';
      refused(`/nix/store/${hash}-${name}`, code);
      expect(isStorePath(`/nix/store/${hash}-${name}`), name).toBe(false);
    }
    for (const name of ['.a', '...', '..a', 'x'.repeat(211), '+-._?=']) {
      expect(isStorePath(`/nix/store/${hash}-${name}`), name).toBe(true);
    }
    refused(`/nix/store/${'e'.repeat(32)}-x`, 'store-path/malformed');
    refused('/nix/store/', 'store-path/malformed');
    expect(splitStorePath(`/nix/store/${hash}-x/bin/y`, storeDirectory)).toEqual({
      storePath: `/nix/store/${hash}-x`,
      rest: '/bin/y',
    });
    expect(splitStorePath('/nix/store/.links/y', storeDirectory)).toBeUndefined();
    expect(splitStorePath('/nix', storeDirectory)).toBeUndefined();
  });

  it('are computed for every kind of object', () => {
    const digest = digestOf('sha256', '');
    expect(makeTextPath({ name: 'source.txt', contents: 'hello "world"\n', storeDirectory })).toBe(
      '/nix/store/h8pw55rrjj3y7l27qvgy6phmn5zm1l7x-source.txt',
    );
    expect(makeSourcePath({ name: 'tree', narHash: digest, storeDirectory })).toBe(
      '/nix/store/1h48vji4kxgspjfvwvsc5hfwbf08qn5v-tree',
    );
    expect(makeFixedOutputPath({ name: 'flat.tar.gz', method: 'flat', digest, storeDirectory })).toBe(
      '/nix/store/p42vcpqs4zldz3c4217mh85jrbbkihl8-flat.tar.gz',
    );
    const sha1 = digestOf('sha1', '');
    expect(makeFixedOutputPath({ name: 'sha1', method: 'nar', digest: sha1, storeDirectory })).toBe(
      '/nix/store/205v87g2zl1bwhlixw2djazdffh5lg6a-sha1',
    );
    const self = { name: 'x', narHash: digest, storeDirectory };
    const reference = '/nix/store/205v87g2zl1bwhlixw2djazdffh5lg6a-sha1';
    const paths = [
      makeSourcePath(self),
      makeSourcePath({ ...self, selfReference: true }),
      makeSourcePath({ ...self, references: [reference] }),
      makeSourcePath({ ...self, references: [reference], selfReference: true }),
      makeSourcePath({ ...self, storeDirectory: '/gnu/store' }),
    ];
    expect(new Set(paths).size).toBe(5);
    expect(makeSourcePath({ ...self, references: [reference, reference] })).toBe(paths[2]);
    const refused = (options: Parameters<typeof makeFixedOutputPath>[0], code: string) =>
      expect(() => makeFixedOutputPath(options)).toThrow(expect.objectContaining({ code }));
    refused(
      { name: 'x', method: 'flat', digest, references: [reference], storeDirectory },
      'store-path/references-not-allowed',
    );
    refused(
      { name: 'x', method: 'git', digest: digestOf('md5', ''), storeDirectory },
      'store-path/bad-method',
    );
    refused({ name: 'a b', method: 'flat', digest, storeDirectory }, 'store-path/bad-name');
  });

  it('have placeholders', () => {
    expect(outputPlaceholder('out')).toBe('/1rz4g4znpzjwh1xymhjpm42vipw92pr73vdgl6xs1hycac8kf2n9');
  });

  it('name their methods', () => {
    for (const method of ['flat', 'nar', 'git', 'text'] as const) {
      expect(splitMethodAndAlgorithm(writeMethodAndAlgorithm(method, 'sha1'))).toEqual({
        method,
        algorithm: 'sha1',
      });
    }
  });
});

const storePaths = fc
  .tuple(
    fc.string({ unit: fc.constantFrom(...'0123abcz'), minLength: 32, maxLength: 32 }),
    fc.constantFrom('a', 'b-1.drv'),
  )
  .map(([hash, name]) => `/nix/store/${hash}-${name}` as StorePath);
const byteStrings = fc.string({ unit: fc.nat(255).map((code) => String.fromCharCode(code)), maxLength: 12 });
const names = fc.constantFrom('out', 'dev', 'lib');
const derivations: fc.Arbitrary<Derivation> = fc.record({
  name: fc.constant('n'),
  outputs: fc
    .uniqueArray(
      fc.tuple(names, fc.record({ path: storePaths, hashAlgorithm: fc.constant(''), hash: fc.constant('') })),
      { selector: ([name]) => name },
    )
    .map((pairs) => new Map(pairs)),
  inputDrvs: fc
    .array(
      fc.tuple(
        storePaths,
        fc.uniqueArray(names, { minLength: 1 }).map((list) => list.sort()),
      ),
    )
    .map((pairs) => new Map(pairs)),
  inputSrcs: fc.uniqueArray(storePaths).map((list) => list.sort()),
  system: byteStrings,
  builder: byteStrings,
  args: fc.array(byteStrings),
  env: fc.array(fc.tuple(byteStrings, byteStrings)).map((pairs) => new Map(pairs)),
});

const manyText =
  'Derive([("bin","/nix/store/a8di0pgxw80pvh62p4am49b7cnf8sdms-many-1.0-bin","",""),("dev","/nix/store/snv9xflv3glrr4i031ykk88wpfn0h3wv-many-1.0-dev","",""),("out","/nix/store/34f7c0d8pbhrddvkff3v6p11zwjqk4a0-many-1.0","","")],[("/nix/store/26clmhr06vky8lbz9dy5vdiv1id9r6ny-flat.tar.gz.drv",["out"]),("/nix/store/hqhqg8wif1314fybrnsp8fyjhgnkl98g-tree.drv",["out"])],["/nix/store/h8pw55rrjj3y7l27qvgy6phmn5zm1l7x-source.txt"],"x86_64-linux","/bin/sh",["-c","echo \\"\\\\ \\t\\r\\n\\" > $out","/nix/store/h8pw55rrjj3y7l27qvgy6phmn5zm1l7x-source.txt"],[("bin","/nix/store/a8di0pgxw80pvh62p4am49b7cnf8sdms-many-1.0-bin"),("builder","/bin/sh"),("dev","/nix/store/snv9xflv3glrr4i031ykk88wpfn0h3wv-many-1.0-dev"),("flat","/nix/store/p42vcpqs4zldz3c4217mh85jrbbkihl8-flat.tar.gz"),("name","many-1.0"),("out","/nix/store/34f7c0d8pbhrddvkff3v6p11zwjqk4a0-many-1.0"),("outputs","out dev bin"),("system","x86_64-linux"),("tree","/nix/store/1h48vji4kxgspjfvwvsc5hfwbf08qn5v-tree"),("weird","cafu00e9 \xc3\xa9")])';
const fixedText = (name: string, path: string, algorithm: string) =>
  `Derive([("out","${path}","${algorithm}","${Buffer.from(digestOf('sha256', '').bytes).toString('hex')}")],[],[],"x86_64-linux","/bin/sh",[],[("name","${name}")])`;

describe('derivations', () => {
  it('read back what they write', () => {
    fc.assert(
      fc.property(derivations, (drv) => {
        const text = writeDerivation(drv);
        const parsed = parseDerivation(text, 'n');
        expect(writeDerivation(parsed)).toBe(text);
        expect(parsed.args).toEqual(drv.args);
        expect(new Map([...parsed.env].sort())).toEqual(new Map([...drv.env].sort()));
        expect(parsed).toMatchObject({ system: drv.system, builder: drv.builder, inputSrcs: drv.inputSrcs });
        expect([...parsed.inputDrvs].sort()).toEqual([...drv.inputDrvs].sort());
      }),
    );
  });

  it('get the paths that Nix gave them', () => {
    const drv = parseDerivation(manyText, 'many-1.0');
    expect(writeDerivation(drv)).toBe(manyText);
    expect(derivationPath(drv, { storeDirectory })).toBe(
      '/nix/store/ir5c4r49895pp3cy9vdfswcij1hd9yrq-many-1.0.drv',
    );
    expect(derivationPath(drv, { storeDirectory, text: manyText })).toBe(
      derivationPath(drv, { storeDirectory }),
    );
    const memo = new Map<StorePath, DerivationHash>();
    const readDerivation = (path: StorePath) =>
      path.endsWith('-tree.drv')
        ? parseDerivation(
            fixedText('tree', '/nix/store/1h48vji4kxgspjfvwvsc5hfwbf08qn5v-tree', 'r:sha256'),
            'tree',
          )
        : parseDerivation(
            fixedText('flat.tar.gz', '/nix/store/p42vcpqs4zldz3c4217mh85jrbbkihl8-flat.tar.gz', 'sha256'),
            'flat.tar.gz',
          );
    const filled = staticOutputPaths(withoutPaths(drv), { memo, readDerivation, storeDirectory });
    expect(writeDerivation(filled)).toBe(manyText);
    expect(memo.size).toBe(2);
    // Variables named after outputs need not be there; they come in where they sort.
    const bare = {
      ...withoutPaths(drv),
      env: new Map([...drv.env].filter(([key]) => !drv.outputs.has(key))),
    };
    const whole = instantiateDerivation(bare, { memo, storeDirectory });
    expect([...parseDerivation(whole.text, 'many-1.0').env.keys()]).toEqual([...drv.env.keys()]);
    expect(whole.text).toBe(writeDerivation(whole.derivation));
    expect(whole.hash).toEqual(hashDerivationModulo(whole.derivation, { memo }));
    expect(() => staticOutputPaths(drv, { memo: new Map(), storeDirectory })).toThrow(
      expect.objectContaining({ code: 'derivation/unknown-input' }),
    );
  });

  it('wait for outputs that only a build can tell', () => {
    const drv = parseDerivation(manyText, 'many-1.0');
    const floating: Derivation = {
      ...withoutPaths(drv),
      outputs: new Map([['out', { path: '' as const, hashAlgorithm: 'r:sha256', hash: '' }]]),
    };
    const memo = new Map<StorePath, DerivationHash>();
    expect(hashDerivationModulo(floating, { memo })).toEqual({ kind: 'deferred' });
    expect(staticOutputPaths(floating, { memo, storeDirectory }).outputs.get('out')?.path).toBe('');
    for (const path of drv.inputDrvs.keys()) memo.set(path, { kind: 'deferred' });
    const dependent = staticOutputPaths(withoutPaths(drv), { memo, storeDirectory });
    expect(dependent.outputs.get('dev')?.path).toBe('');
  });

  it('hash long chains of inputs, and find cycles', () => {
    const pathOf = (n: number) => `/nix/store/${String(n).padStart(32, '0')}-n${n}.drv` as StorePath;
    const base = parseDerivation(manyText, 'many-1.0');
    const link = (n: number, end: number): Derivation => ({
      ...base,
      inputDrvs: n === end ? new Map() : new Map([[pathOf(n + 1), ['out']]]),
    });
    const memo = new Map<StorePath, DerivationHash>();
    const number = (path: StorePath) => Number(storePathHash(path));
    hashDerivationModulo(link(0, 20000), { memo, readDerivation: (path) => link(number(path), 20000) });
    expect(memo.size).toBe(20000);
    expect(() =>
      hashDerivationModulo(link(0, -1), {
        memo: new Map(),
        readDerivation: (path) => link(number(path) % 5, -1),
      }),
    ).toThrow(expect.objectContaining({ code: 'derivation/cycle' }));
  });

  it.each([
    ['', 'derivation/malformed'],
    ['Derive([],[],[],"","",[],[])x', 'derivation/malformed'],
    ['Derive([("out","/tmp/x","","")],[],[],"","",[],[])', 'derivation/malformed'],
    ['Derive([],[],[],"","\\", [],[])', 'derivation/malformed'],
    ['Derive([],[],[],"","",[],[', 'derivation/malformed'],
    ['Derive([],[],[],"","",["a",],[])', 'derivation/malformed'],
    ['DrvWithVersion("xp-dyn-drv",[],[],[],"","",[],[])', 'derivation/unsupported-version'],
  ])('refuse %s', (text, code) => {
    expect(() => parseDerivation(text, 'x')).toThrow(expect.objectContaining({ code }));
  });

  it('meet damage with their own error', () => {
    fc.assert(
      fc.property(fc.nat(manyText.length), fc.nat(10), byteStrings, (at, length, replacement) => {
        try {
          parseDerivation(manyText.slice(0, at) + replacement + manyText.slice(at + length), 'many-1.0');
        } catch (error) {
          if (!isTrimaranError(error, 'derivation/malformed')) throw error;
        }
      }),
    );
  });

  it.skipIf(!hasNix && !process.env.CI)('agree with nix-instantiate (skipped without Nix)', () => {
    const root = join(directory, 'root');
    const file = join(directory, 'default.nix');
    writeFileSync(file, nixExpression);
    writeFileSync(join(directory, 'cafe'), 'a source');
    const run = spawnSync('nix-instantiate', ['--store', root, file], { encoding: 'utf8' });
    expect(run.stderr).not.toContain('error');
    const texts = derivationsIn(root);
    expect(texts.size).toBe(6);
    const memo = new Map<StorePath, DerivationHash>();
    const readDerivation = (path: StorePath) =>
      parseDerivation(texts.get(path)!, storePathName(path).slice(0, -4));
    for (const [path, text] of texts) {
      const drv = readDerivation(path);
      expect(writeDerivation(drv)).toBe(text);
      expect(derivationPath(drv, { storeDirectory })).toBe(path);
      const filled = staticOutputPaths(withoutPaths(drv), { memo, readDerivation, storeDirectory });
      expect(writeDerivation(filled)).toBe(text);
      const whole = instantiateDerivation(withoutPaths(drv), { memo, readDerivation, storeDirectory });
      expect(whole).toEqual({
        derivation: filled,
        text,
        hash: hashDerivationModulo(drv, { memo, readDerivation }),
      });
    }
  });
});
