// Runs Nix's own language tests with Trimaran's evaluator, as tests/functional/lang.sh runs them with Nix.
// Usage: npm run conformance:nix -- DIR [--only PATTERN] [--verbose]
//   DIR is tests/functional/lang of a checkout of NixOS/nix; the tests are not kept here.
// A case passes when its output is byte for byte the expected one. An eval-fail case passes with the right final error
// line; those whose whole error text is right are counted, too. Cases that are known to fail are listed with their
// reasons in nix-language-known-failures.json; one of them that passes fails the run.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { fromByteString, toByteString } from '../../src/foundation/byte-string.ts';
import { isTrimaranError } from '../../src/foundation/error.ts';
import { NixEvaluationError, renderNixError } from '../../src/languages/nix/errors.ts';
import { createEvaluator, type NixValue } from '../../src/languages/nix/evaluator.ts';
import type { NixHost } from '../../src/languages/nix/host.ts';
import { createInMemoryHost } from '../../src/languages/nix/in-memory-host.ts';
import type { LintLevel } from '../../src/languages/nix/token-stream.ts';
import {
  flakeRefToStringBuiltin,
  parseFlakeRefBuiltin,
  whileFetching,
} from '../../src/routes/nix/flakes/fetch-builtins.ts';
import { tarballPath } from '../../src/routes/nix/flakes/fetchers/tarball.ts';
import { requiredString } from '../../src/routes/nix/flakes/input.ts';
import { inputFromUrl } from '../../src/routes/nix/flakes/input-url.ts';
import { parseUrl } from '../../src/routes/nix/flakes/url.ts';
import { diskFiles } from './nix-disk-files.ts';
import knownFailures from './nix-language-known-failures.json' with { type: 'json' };

type Kind = 'parse-okay' | 'parse-fail' | 'eval-okay' | 'eval-fail';
const kinds: readonly Kind[] = ['parse-okay', 'parse-fail', 'eval-okay', 'eval-fail'];

interface Outcome {
  readonly name: string;
  readonly passed: boolean;
  /** For eval-fail: whether the whole text is right. */
  readonly exact: boolean;
  readonly detail: string;
}

interface Flags {
  strict: boolean;
  showTrace: boolean;
  xml: boolean;
  maxCallDepth: number;
  features: string[];
  search: { prefix: string; path: string }[];
  args: [string, { expression: string } | { text: string }][];
  attribute: string;
  lints: Record<string, LintLevel>;
}

function parseFlags(text: string, cwd: string): Flags {
  const flags: Flags = {
    strict: false,
    showTrace: true,
    xml: false,
    maxCallDepth: 10_000,
    features: [],
    search: [],
    args: [],
    attribute: '',
    lints: {},
  };
  const words = text
    .split('\n')
    .map((line) => line.replace(/#.*/, ''))
    .join(' ')
    .split(/\s+/)
    .filter((word) => word !== '');
  const take = () => words.shift() ?? '';
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    switch (word) {
      case '--strict':
        flags.strict = true;
        break;
      case '--no-show-trace':
        flags.showTrace = false;
        break;
      case '--max-call-depth':
        flags.maxCallDepth = Number(take());
        break;
      case '--extra-experimental-features':
        flags.features.push(take());
        break;
      case '-I': {
        const entry = take();
        const equals = entry.indexOf('=');
        const path = resolve(cwd, entry.slice(equals + 1));
        flags.search.push({ prefix: equals < 0 ? '' : entry.slice(0, equals), path });
        break;
      }
      case '--arg':
        flags.args.push([take(), { expression: take() }]);
        break;
      case '--argstr':
        flags.args.push([take(), { text: take() }]);
        break;
      case '-A':
        flags.attribute = take();
        break;
      case '--lint-url-literals':
      case '--lint-absolute-path-literals':
      case '--lint-short-path-literals':
        flags.lints[word] = take() as LintLevel;
        break;
      case '--eval':
      case '--show-trace':
      case '--impure':
        break;
      default:
        throw new Error(`unknown flag ${word}`);
    }
  }
  return flags;
}

interface Run {
  readonly ok: boolean;
  readonly stdout: string;
  readonly stderr: string;
  /** A failure that Nix would not know: a bug. */
  readonly crash: unknown;
}

function run(directory: string, kind: Kind, file: string): Run {
  const cwd = dirname(directory);
  const base = join(directory, basename(file, '.nix'));
  const flagsFile = `${base}.flags`;
  const flags = parseFlags(existsSync(flagsFile) ? readFileSync(flagsFile, 'utf8') : '', cwd);
  if (kind === 'eval-okay' || !existsSync(flagsFile)) flags.strict = true;
  if (kind === 'eval-okay') {
    for (const name of ['lang/dir3', 'lang/dir4']) flags.search.push({ prefix: '', path: join(cwd, name) });
  }
  let stderr = '';
  const say = (line: string) => {
    stderr += `${line}\n`;
  };
  const host: NixHost = {
    ...createInMemoryHost({
      files: diskFiles,
      env: { TEST_VAR: 'foo', HOME: '/fake-home' },
      message: say,
    }),
    parseFlakeRef: parseFlakeRefBuiltin,
    flakeRefToString: flakeRefToStringBuiltin,
    // Nothing is fetched here; what a URL alone makes impossible is said as when fetching.
    fetchTreeUrl: ({ url }) => {
      const input = inputFromUrl(parseUrl(fromByteString(url)), { isTree: true });
      try {
        throw new Error(`${tarballPath(requiredString(input, 'url'))} is not fetched`);
      } catch (error) {
        throw whileFetching(input, error);
      }
    },
  };
  const evaluator = createEvaluator({
    host,
    settings: {
      showTrace: flags.showTrace,
      maxCallDepth: flags.maxCallDepth,
      features: flags.features as never,
      nixPath: flags.search.map(({ prefix, path }) => ({
        prefix: toByteString(prefix),
        path: toByteString(path),
      })),
      lints: {
        urlLiterals: flags.lints['--lint-url-literals'] ?? 'ignore',
        absolutePathLiterals: flags.lints['--lint-absolute-path-literals'] ?? 'ignore',
        shortPathLiterals: flags.lints['--lint-short-path-literals'] ?? 'ignore',
      },
    },
  });
  const hidePath = (text: string) => text.replaceAll(cwd, '/pwd');
  try {
    if (kind === 'parse-okay' || kind === 'parse-fail') {
      const text = readFileSync(join(directory, file), 'latin1');
      const stdout = evaluator.parseToText(text, {
        label: toByteString('«stdin»'),
        basePath: toByteString(cwd),
      });
      return { ok: true, stdout: hidePath(`${stdout}\n`), stderr: hidePath(stderr), crash: undefined };
    }
    const args = new Map<string, NixValue>(
      flags.args.map(([name, value]) => [
        name,
        'text' in value
          ? evaluator.fromHost(value.text)
          : evaluator.evaluateText(value.expression, { basePath: toByteString(cwd) }),
      ]),
    );
    let value = evaluator.evaluateMainFile(toByteString(join(directory, file)));
    value = evaluator.autoCall(evaluator.selectAttrPath(value, flags.attribute, args), args);
    if (flags.strict) value = evaluator.forceDeep(value);
    const stdout = existsSync(`${base}.exp.xml`)
      ? evaluator.toXml(value, { strict: true, location: false })
      : `${evaluator.print(value)}\n`;
    return { ok: true, stdout: hidePath(stdout), stderr: hidePath(stderr), crash: undefined };
  } catch (error) {
    say(renderNixError(error, { showTrace: flags.showTrace }));
    if (isTrimaranError(error, 'nix/usage')) say("Try 'nix-instantiate --help' for more information.");
    const crash = error instanceof NixEvaluationError ? undefined : error;
    return { ok: false, stdout: '', stderr: hidePath(stderr), crash };
  }
}

/** The line with the message itself: the last one that says `error:` with something after it. */
function finalErrorLine(text: string): string {
  const lines = text.split('\n').filter((line) => /^\s*error: ./.test(line));
  return lines.at(-1)?.trim() ?? '';
}

function expectedText(file: string): string {
  return existsSync(file) ? readFileSync(file, 'latin1') : '';
}

/** What the case's own script does to the output. */
function postprocess(directory: string, name: string, text: string): string {
  if (!existsSync(join(directory, `${name}.postprocess`))) return text;
  return text.replace(/[0-9 ]{7}[0-9]([^0-9\n])/g, '<number>$1').replace(/[0-9]+/g, '<number>');
}

function difference(expected: string, got: string): string {
  const a = expected.split('\n');
  const b = got.split('\n');
  const lines: string[] = [];
  for (let i = 0; i < Math.max(a.length, b.length) && lines.length < 12; i++) {
    if (a[i] === b[i]) continue;
    if (a[i] !== undefined) lines.push(`  expected ${i + 1}: ${a[i]}`);
    if (b[i] !== undefined) lines.push(`  got      ${i + 1}: ${b[i]}`);
  }
  return Buffer.from(lines.join('\n'), 'latin1').toString('utf8');
}

function runCase(directory: string, kind: Kind, file: string): Outcome {
  const name = basename(file, '.nix');
  const result = run(directory, kind, file);
  const base = join(directory, name);
  if (result.crash !== undefined) {
    const shown = result.crash instanceof Error ? result.crash.stack : String(result.crash);
    return { name, passed: false, exact: false, detail: `  crashed: ${shown}` };
  }
  const stderr = postprocess(directory, name, result.stderr);
  const expectedStderr = expectedText(`${base}.err.exp`);
  if (kind.endsWith('fail')) {
    if (result.ok) return { name, passed: false, exact: false, detail: '  should fail, but does not' };
    const exact = stderr === expectedStderr;
    const passed = kind === 'parse-fail' ? exact : finalErrorLine(stderr) === finalErrorLine(expectedStderr);
    return { name, passed, exact, detail: difference(expectedStderr, stderr) };
  }
  if (!result.ok)
    return { name, passed: false, exact: false, detail: Buffer.from(stderr, 'latin1').toString() };
  const isXml = existsSync(`${base}.exp.xml`);
  const expectedStdout = expectedText(isXml ? `${base}.exp.xml` : `${base}.exp`);
  const passed = result.stdout === expectedStdout && (isXml || stderr === expectedStderr);
  const detail = [difference(expectedStdout, result.stdout), difference(expectedStderr, stderr)].join('\n');
  return { name, passed, exact: passed, detail };
}

function runAll(directory: string, only: string | undefined): Record<Kind, Outcome[]> {
  const outcomes: Record<Kind, Outcome[]> = {
    'parse-okay': [],
    'parse-fail': [],
    'eval-okay': [],
    'eval-fail': [],
  };
  const files = readdirSync(directory).sort();
  for (const kind of kinds) {
    for (const file of files) {
      if (!file.startsWith(`${kind}-`) || !file.endsWith('.nix')) continue;
      if (only !== undefined && !file.includes(only)) continue;
      const base = join(directory, basename(file, '.nix'));
      if (existsSync(`${base}.exp-disabled`)) continue;
      outcomes[kind].push(runCase(directory, kind, file));
    }
  }
  return outcomes;
}

function report(outcomes: Record<Kind, Outcome[]>, verbose: boolean): boolean {
  const known: Readonly<Record<string, string>> = knownFailures.cases;
  let passedAll = 0;
  let failedAll = 0;
  let bad = 0;
  for (const kind of kinds) {
    const list = outcomes[kind];
    const failed = list.filter((outcome) => !outcome.passed);
    const passed = list.length - failed.length;
    passedAll += passed;
    failedAll += failed.length;
    const exact = list.filter((outcome) => outcome.exact).length;
    const note = kind === 'eval-fail' ? `, ${exact} with the whole error text equal` : '';
    console.log(`${kind}: ${passed} passed, ${failed.length} failed${note}`);
    for (const outcome of list) {
      const reason = known[outcome.name];
      if (outcome.passed && reason !== undefined) {
        bad++;
        console.log(`  ${outcome.name}: passes, but is listed as a known failure; remove it from the list`);
      } else if (!outcome.passed && reason !== undefined)
        console.log(`  ${outcome.name}: known failure: ${reason}`);
      else if (!outcome.passed) {
        bad++;
        console.log(`  ${outcome.name}: FAILED\n${outcome.detail}`);
      } else if (verbose && !outcome.exact) console.log(`  ${outcome.name}: text differs\n${outcome.detail}`);
    }
  }
  console.log(`${passedAll} passed, ${failedAll} failed`);
  return bad === 0;
}

if (isMainThread) {
  const [given, ...rest] = process.argv.slice(2);
  if (given === undefined) {
    console.error('usage: npm run conformance:nix -- DIR [--only PATTERN] [--verbose]');
    process.exit(2);
  }
  const onlyIndex = rest.indexOf('--only');
  const worker = new Worker(fileURLToPath(import.meta.url), {
    workerData: { directory: resolve(given), only: onlyIndex < 0 ? undefined : rest[onlyIndex + 1] },
    resourceLimits: { stackSizeMb: 900 },
  });
  worker.on('message', (outcomes: Record<Kind, Outcome[]>) => {
    process.exitCode = report(outcomes, rest.includes('--verbose')) ? 0 : 1;
  });
  worker.on('error', (error) => {
    console.error(error);
    process.exitCode = 1;
  });
} else {
  const { directory, only } = workerData as { directory: string; only: string | undefined };
  parentPort!.postMessage(runAll(directory, only));
}
