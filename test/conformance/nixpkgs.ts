// Evaluates packages of a nixpkgs tree with Trimaran and with a real nix-instantiate, and compares their derivations.
// Usage: npm run conformance:nixpkgs -- NIXPKGS [--attrs FILE | --sample N --seed S | --all] [--batch N]
//   NIXPKGS is a checkout. Attributes are taken from `pkgs` and `pkgs.python3Packages`, or from FILE, one path a line.
//   Without a choice, a sample of 200 is taken.
// An attribute that real Nix evaluates must give the same drvPath, and every .drv file of its closure must be the same
// byte for byte. What real Nix refuses may fail here too, but must not crash.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { fromByteString, toByteString } from '../../src/foundation/byte-string.ts';
import { NixEvaluationError } from '../../src/languages/nix/errors.ts';
import { createEvaluator, type NixValue } from '../../src/languages/nix/evaluator.ts';
import { createInMemoryHost } from '../../src/languages/nix/in-memory-host.ts';
import { diskFiles } from './nix-disk-files.ts';

/** What evaluating one attribute gave: a drvPath, null when it is no derivation, or an error. */
type Result = { readonly drvPath: string | null } | { readonly error: string; readonly crashed: boolean };

interface Ours {
  readonly results: readonly Result[];
  /** SHA-256 of every derivation written, by file name. */
  readonly files: ReadonlyMap<string, string>;
}

const stackSizeMb = 900;
/** Attributes that one evaluator takes before its memory is given back. */
const evaluatorLoad = 400;

function packagesExpression(nixpkgs: string): string {
  return `(import ${nixpkgs} { system = "x86_64-linux"; config = { }; overlays = [ ]; })`;
}

// Names are quoted: some packages are called 2048-in-terminal.
function selector(path: string): string {
  return path
    .split('.')
    .map((part) => `"${part}"`)
    .join('.');
}

function realVersion(): string {
  const { stdout } = spawnSync('nix-instantiate', ['--version'], { encoding: 'utf8' });
  return stdout.trim().split(' ').at(-1) ?? '';
}

function evaluateHere(nixpkgs: string, attributes: readonly string[]): Ours {
  const host = createInMemoryHost({ files: diskFiles });
  // Some packages contain the version of the Nix that evaluates them.
  const evaluator = createEvaluator({ host, settings: { nixVersion: realVersion() } });
  let packages: NixValue | undefined;
  const results = attributes.map((path): Result => {
    try {
      packages ??= evaluator.evaluateText(packagesExpression(nixpkgs));
      const select = evaluator.evaluateText(
        `pkgs: let v = pkgs.${selector(path)}; in if builtins.isAttrs v && v ? drvPath then v.drvPath else null`,
      );
      const found = evaluator.inspect(evaluator.callFunction(select, [packages]));
      return { drvPath: found.type === 'string' ? found.value : null };
    } catch (error) {
      const crashed = !(error instanceof NixEvaluationError);
      const text = error instanceof Error ? (crashed ? error.stack : error.message) : String(error);
      return { error: text ?? '', crashed };
    }
  });
  const files = new Map<string, string>();
  for (const [path, text] of host.derivations) {
    files.set(
      path.slice(path.lastIndexOf('/') + 1),
      createHash('sha256').update(text, 'latin1').digest('hex'),
    );
  }
  return { results, files };
}

/** drvPaths by real Nix; undefined for what it cannot evaluate. A batch that fails is halved until the culprit is alone. */
function evaluateThere(
  nixpkgs: string,
  store: string,
  attributes: readonly string[],
): (string | null | undefined)[] {
  const items = attributes.map(
    (path) =>
      `(builtins.tryEval (let v = pkgs.${selector(path)}; in if builtins.isAttrs v && v ? drvPath then v.drvPath else null))`,
  );
  const expression = `let pkgs = ${packagesExpression(nixpkgs)}; in [ ${items.join('\n')} ]`;
  const run = spawnSync(
    'nix-instantiate',
    ['--store', store, '--eval', '--strict', '--json', '--read-write-mode', '-'],
    {
      input: expression,
      encoding: 'latin1',
      maxBuffer: 1 << 30,
      env: { ...process.env, NIX_REMOTE: '', NIX_PATH: '' },
    },
  );
  if (run.error !== undefined) throw run.error;
  if (run.status === 0) {
    const values = JSON.parse(run.stdout) as { success: boolean; value: string | null }[];
    return values.map(({ success, value }) => (success ? value : undefined));
  }
  if (attributes.length === 1) return [undefined];
  const middle = attributes.length >> 1;
  return [
    ...evaluateThere(nixpkgs, store, attributes.slice(0, middle)),
    ...evaluateThere(nixpkgs, store, attributes.slice(middle)),
  ];
}

function inWorker<T>(job: {
  kind: 'names' | 'evaluate';
  nixpkgs: string;
  attributes?: readonly string[];
}): Promise<T> {
  return new Promise((done, failed) => {
    const worker = new Worker(fileURLToPath(import.meta.url), {
      workerData: job,
      resourceLimits: { stackSizeMb, maxOldGenerationSizeMb: 6000 },
    });
    worker.on('message', done);
    worker.on('error', failed);
  });
}

/** All attribute names that may be packages. */
function attributeNames(nixpkgs: string): string[] {
  const evaluator = createEvaluator({ host: createInMemoryHost({ files: diskFiles }) });
  const names = (expression: string): string[] =>
    evaluator.toHost(evaluator.evaluateText(expression)) as unknown as string[];
  const all = packagesExpression(nixpkgs);
  return [
    ...names(`builtins.attrNames ${all}`),
    ...names(`builtins.attrNames ${all}.python3Packages`).map((name) => `python3Packages.${name}`),
  ];
}

/** A sample that depends on the seed alone. */
function sample(names: readonly string[], count: number, seed: number): string[] {
  let state = seed >>> 0;
  const random = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const pool = [...names];
  for (let i = 0; i < Math.min(count, pool.length); i++) {
    const j = i + Math.floor(random() * (pool.length - i));
    [pool[i], pool[j]] = [pool[j]!, pool[i]!];
  }
  return pool.slice(0, count);
}

function option(args: readonly string[], name: string): string | undefined {
  const index = args.indexOf(name);
  return index < 0 ? undefined : args[index + 1];
}

async function main(args: readonly string[]): Promise<number> {
  const given = args[0];
  if (given === undefined || given.startsWith('-')) {
    console.error(
      'usage: npm run conformance:nixpkgs -- NIXPKGS [--attrs FILE | --sample N --seed S | --all] [--batch N]',
    );
    return 2;
  }
  const nixpkgs = resolve(given);
  const listFile = option(args, '--attrs');
  const names =
    listFile !== undefined
      ? readFileSync(listFile, 'utf8')
          .split('\n')
          .filter((line) => line !== '')
      : await inWorker<string[]>({ kind: 'names', nixpkgs });
  const seed = Number(option(args, '--seed') ?? 1);
  const chosen =
    listFile !== undefined || args.includes('--all')
      ? names
      : sample(names, Number(option(args, '--sample') ?? 200), seed);
  const batch = Number(option(args, '--batch') ?? 50);
  console.log(`${chosen.length} of ${names.length} attributes`);

  const counts = { identical: 0, notDerivations: 0, failBoth: 0, onlyHere: 0 };
  const problems: string[] = [];
  const store = mkdtempSync(join(tmpdir(), 'trimaran-nixpkgs-'));
  const compared = new Set<string>();
  let differentFiles = 0;
  try {
    for (let start = 0; start < chosen.length; start += evaluatorLoad) {
      const attributes = chosen.slice(start, start + evaluatorLoad);
      const ours = await inWorker<Ours>({ kind: 'evaluate', nixpkgs, attributes });
      const theirs: (string | null | undefined)[] = [];
      for (let i = 0; i < attributes.length; i += batch) {
        theirs.push(...evaluateThere(nixpkgs, store, attributes.slice(i, i + batch)));
      }
      for (const [index, path] of attributes.entries()) {
        const here = ours.results[index]!;
        const there = theirs[index];
        if ('error' in here) {
          if (here.crashed) problems.push(`${path}: crashed: ${here.error}`);
          else if (there === undefined) counts.failBoth++;
          else problems.push(`${path}: real Nix gives ${there}, Trimaran fails: ${here.error}`);
        } else if (there === undefined) counts.onlyHere++;
        else if (here.drvPath !== there) problems.push(`${path}: ${here.drvPath} is not ${there}`);
        else if (there === null) counts.notDerivations++;
        else counts.identical++;
      }
      const directory = join(store, 'nix/store');
      for (const file of readdirSync(directory)) {
        if (!file.endsWith('.drv') || compared.has(file)) continue;
        const hash = ours.files.get(file);
        if (hash === undefined) continue;
        compared.add(file);
        const real = createHash('sha256')
          .update(readFileSync(join(directory, file)))
          .digest('hex');
        if (real !== hash) {
          differentFiles++;
          problems.push(`${file}: another text`);
        }
      }
      console.log(
        `${start + attributes.length} done, ${counts.identical} identical, ${problems.length} problems`,
      );
    }
  } finally {
    spawnSync('chmod', ['-R', 'u+w', store]);
    rmSync(store, { recursive: true, force: true });
  }
  for (const problem of problems) console.log(fromByteString(toByteString(problem)));
  console.log(
    `${counts.identical} identical, ${problems.length} problems; ${compared.size} .drv files compared, ${differentFiles} differ; ` +
      `${counts.notDerivations} are no derivations, ${counts.failBoth} fail in both, ${counts.onlyHere} evaluate only here`,
  );
  return problems.length === 0 ? 0 : 1;
}

if (isMainThread) {
  process.exitCode = await main(process.argv.slice(2));
} else {
  const job = workerData as { kind: 'names' | 'evaluate'; nixpkgs: string; attributes?: readonly string[] };
  parentPort!.postMessage(
    job.kind === 'names' ? attributeNames(job.nixpkgs) : evaluateHere(job.nixpkgs, job.attributes ?? []),
  );
}
