// Evaluates packages of a nixpkgs tree with Trimaran and with a real nix-instantiate, and compares their derivations.
// Usage: npm run conformance:nixpkgs -- NIXPKGS [--attrs FILE | --sample N --seed S | --all] [--batch N] [--journal FILE]
//   NIXPKGS is a checkout. Attributes are taken from `pkgs` and `pkgs.python3Packages`, or from FILE, one path a line.
//   Without a choice, a sample of 200 is taken. What is done is written to the journal, when there is one, and a run
//   with the same choice that finds it goes on from there.
// An attribute that real Nix evaluates must give the same drvPath, and every .drv file of its closure must be the same
// byte for byte. What real Nix refuses may fail here too, but must not crash.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
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
  // Some packages contain the version of the Nix that evaluates them, and some need more nested calls than are allowed
  // since 2.20.
  const nixVersion = realVersion();
  const [major = 0, minor = 0] = nixVersion.split('.').map(Number);
  const isUnlimited = major < 2 || (major === 2 && minor < 20);
  const evaluator = createEvaluator({
    host,
    settings: { nixVersion, ...(isUnlimited ? { maxCallDepth: 1_000_000 } : {}) },
  });
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

/** What comparing a run of attributes gave; one line of the journal. */
interface Chunk {
  readonly start: number;
  readonly end: number;
  readonly identical: number;
  readonly notDerivations: number;
  readonly failBoth: number;
  readonly onlyHere: number;
  readonly crashed: number;
  readonly differing: number;
  readonly failHere: number;
  readonly problems: readonly string[];
  /** Names of the .drv files that both wrote. */
  readonly compared: readonly string[];
  readonly differentFiles: readonly string[];
}

interface ChunkRequest {
  readonly nixpkgs: string;
  readonly store: string;
  readonly attributes: readonly string[];
  readonly start: number;
  readonly batch: number;
  /** .drv files that earlier chunks have compared. */
  readonly known: ReadonlySet<string>;
}

async function compareChunk(request: ChunkRequest): Promise<Chunk> {
  const { nixpkgs, store, attributes, start, batch, known } = request;
  const ours = await inWorker<Ours>({ kind: 'evaluate', nixpkgs, attributes });
  const theirs: (string | null | undefined)[] = [];
  for (let i = 0; i < attributes.length; i += batch) {
    theirs.push(...evaluateThere(nixpkgs, store, attributes.slice(i, i + batch)));
  }
  const counts = {
    identical: 0,
    notDerivations: 0,
    failBoth: 0,
    onlyHere: 0,
    crashed: 0,
    differing: 0,
    failHere: 0,
  };
  const problems: string[] = [];
  for (const [index, path] of attributes.entries()) {
    const here = ours.results[index]!;
    const there = theirs[index];
    if ('error' in here) {
      if (here.crashed) {
        counts.crashed++;
        problems.push(`${path}: crashed: ${here.error}`);
      } else if (there === undefined) counts.failBoth++;
      else {
        counts.failHere++;
        problems.push(`${path}: real Nix gives ${there}, Trimaran fails: ${here.error}`);
      }
    } else if (there === undefined) counts.onlyHere++;
    else if (here.drvPath !== there) {
      counts.differing++;
      problems.push(`${path}: ${here.drvPath} is not ${there}`);
    } else if (there === null) counts.notDerivations++;
    else counts.identical++;
  }
  const compared: string[] = [];
  const differentFiles: string[] = [];
  const directory = join(store, 'nix/store');
  for (const file of readdirSync(directory)) {
    if (!file.endsWith('.drv') || known.has(file)) continue;
    const hash = ours.files.get(file);
    if (hash === undefined) continue;
    compared.push(file);
    const real = createHash('sha256')
      .update(readFileSync(join(directory, file)))
      .digest('hex');
    if (real !== hash) differentFiles.push(file);
  }
  return { start, end: start + attributes.length, ...counts, problems, compared, differentFiles };
}

function readJournal(journal: string | undefined): Chunk[] {
  if (journal === undefined || !existsSync(journal)) return [];
  return readFileSync(journal, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Chunk);
}

async function main(args: readonly string[]): Promise<number> {
  const given = args[0];
  if (given === undefined || given.startsWith('-')) {
    console.error(
      'usage: npm run conformance:nixpkgs -- NIXPKGS [--attrs FILE | --sample N --seed S | --all] [--batch N] [--journal FILE]',
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
  const journal = option(args, '--journal');
  console.log(`${chosen.length} of ${names.length} attributes`);

  const chunks = readJournal(journal);
  const known = new Set(chunks.flatMap(({ compared }) => compared));
  const sum = (count: (chunk: Chunk) => number) => chunks.reduce((all, chunk) => all + count(chunk), 0);
  const store = mkdtempSync(join(tmpdir(), 'trimaran-nixpkgs-'));
  try {
    for (let start = 0; start < chosen.length; start += evaluatorLoad) {
      if (chunks.some((chunk) => chunk.start === start)) continue;
      const attributes = chosen.slice(start, start + evaluatorLoad);
      const chunk = await compareChunk({ nixpkgs, store, attributes, start, batch, known });
      chunks.push(chunk);
      for (const file of chunk.compared) known.add(file);
      if (journal !== undefined) appendFileSync(journal, `${JSON.stringify(chunk)}\n`);
      const problems = sum((each) => each.problems.length + each.differentFiles.length);
      console.log(`${chunk.end} done, ${sum((each) => each.identical)} identical, ${problems} problems`);
    }
  } finally {
    spawnSync('chmod', ['-R', 'u+w', store]);
    rmSync(store, { recursive: true, force: true });
  }
  const different = chunks.flatMap(({ differentFiles }) => differentFiles);
  const problems = [
    ...chunks.flatMap((chunk) => chunk.problems),
    ...different.map((file) => `${file}: another text`),
  ];
  for (const problem of problems) console.log(fromByteString(toByteString(problem)));
  console.log(
    `${sum((each) => each.identical)} identical, ${sum((each) => each.differing)} differing, ` +
      `${sum((each) => each.crashed)} crashing, ${sum((each) => each.failHere)} fail only here; ` +
      `${known.size} .drv files compared, ${different.length} differ; ` +
      `${sum((each) => each.notDerivations)} are no derivations, ${sum((each) => each.failBoth)} fail in both, ` +
      `${sum((each) => each.onlyHere)} evaluate only here`,
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
