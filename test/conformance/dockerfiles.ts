// Parses the real Dockerfiles that test/resources/dockerfiles.json names, out of a folder of checkouts laid out as
// OWNER/NAME/PATH, and compares the parser with BuildKit's own cases where moby/buildkit is among them, and .dockerignore
// with those of moby/patternmatcher.
// Usage: node scripts/run-ts.mjs test/conformance/dockerfiles.ts DIR
// With --list, prints the resource for the Dockerfiles that DIR has.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { isTrimaranError } from '../../src/foundation/error.ts';
import { auditDockerfile } from '../../src/inspect/audit/audit-dockerfile.ts';
import { ExpansionError, expandWord } from '../../src/languages/dockerfile/expand.ts';
import { parseIgnoreFile } from '../../src/languages/dockerfile/ignore.ts';
import type { Command, Dockerfile, Instruction } from '../../src/languages/dockerfile/instruction.ts';
import type { Located } from '../../src/languages/dockerfile/mapped-text.ts';
import { parseDockerfile } from '../../src/languages/dockerfile/parse.ts';
import { resolveDockerfile } from '../../src/languages/dockerfile/resolve.ts';
import { readShellScript } from '../../src/languages/dockerfile/shell.ts';

/** By repository: paths of Dockerfiles that must parse, and those that BuildKit refuses too, with our error. */
interface Resource {
  readonly accepted: Readonly<Record<string, readonly string[]>>;
  readonly refused: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

const [directory, option] = process.argv.slice(2);
if (directory === undefined) {
  console.error('usage: node scripts/run-ts.mjs test/conformance/dockerfiles.ts DIR [--list]');
  process.exit(2);
}

if (option === '--list') {
  console.log(JSON.stringify(listDockerfiles(directory), null, 2));
} else {
  const resource = JSON.parse(readFileSync('test/resources/dockerfiles.json', 'utf8')) as Resource;
  const failures = [...parseAll(resource), ...buildkitCases(), ...wordCases(), ...ignoreCases()];
  for (const failure of failures) console.log(failure);
  process.exitCode = failures.length === 0 ? 0 : 1;
}

function listDockerfiles(root: string): Resource {
  const accepted: Record<string, string[]> = {};
  const refused: Record<string, Record<string, string>> = {};
  const folders = (path: string) =>
    readdirSync(path).filter((name) => statSync(join(path, name)).isDirectory());
  for (const owner of folders(root)) {
    for (const name of folders(join(root, owner))) {
      const repository = `${owner}/${name}`;
      for (const path of readdirSync(join(root, repository), { recursive: true, encoding: 'utf8' }).sort()) {
        // Parser cases are compared with their trees instead.
        if (!/^(?:Dockerfile.*|.*\.dockerfile)$/i.test(basename(path)) || path.includes('/testfiles'))
          continue;
        const file = join(root, repository, path);
        if (!statSync(file).isFile()) continue;
        const outcome = outcomeOf(readFileSync(file, 'utf8'), path);
        if (outcome === 'accepted') accepted[repository] = [...(accepted[repository] ?? []), path];
        else refused[repository] = { ...refused[repository], [path]: outcome };
      }
    }
  }
  return { accepted, refused };
}

/** `accepted`, or the error's line and code. */
function outcomeOf(text: string, file: string): string {
  try {
    resolveDockerfile(parseDockerfile(text, file));
    return 'accepted';
  } catch (error) {
    if (!isTrimaranError(error)) throw error;
    // An ARG without a default is the build's to give.
    return error.code === 'dockerfile/empty-image' ? 'accepted' : `${error.span?.line}: ${error.code}`;
  }
}

function parseAll({ accepted, refused }: Resource): string[] {
  const failures: string[] = [];
  const expectations = [
    ...Object.entries(accepted).flatMap(([repository, paths]) =>
      paths.map((path) => ({ repository, path, expected: 'accepted' })),
    ),
    ...Object.entries(refused).flatMap(([repository, paths]) =>
      Object.entries(paths).map(([path, expected]) => ({ repository, path, expected })),
    ),
  ];
  const counts = { accepted: 0, refused: 0, missing: 0, scripts: 0, incomplete: 0 };
  let milliseconds = 0;
  for (const { repository, path, expected } of expectations) {
    const file = join(directory!, repository, path);
    if (!existsSync(file)) {
      counts.missing++;
      continue;
    }
    const text = readFileSync(file, 'utf8');
    const start = performance.now();
    const outcome = outcomeOf(text, path);
    milliseconds += performance.now() - start;
    if (outcome !== expected) failures.push(`${repository}/${path}: ${outcome}, expected ${expected}`);
    if (outcome !== 'accepted') {
      counts.refused++;
      continue;
    }
    counts.accepted++;
    const incomplete = scriptsOf(parseDockerfile(text, path)).filter((script) => !script.complete);
    counts.scripts += scriptsOf(parseDockerfile(text, path)).length;
    counts.incomplete += incomplete.length;
  }
  console.log(
    `${counts.accepted} Dockerfiles parsed and resolved, ${counts.refused} refused as expected, in ` +
      `${Math.round(milliseconds)} ms; ${counts.missing} are not in ${directory}`,
  );
  const texts = expectations
    .filter(({ expected }) => expected === 'accepted')
    .slice(0, 200)
    .map(({ repository, path }) => join(directory!, repository, path))
    .filter((file) => existsSync(file))
    .map((file) => readFileSync(file, 'utf8'));
  const start = performance.now();
  let inputs = 0;
  for (const text of texts) inputs += auditDockerfile(text, 'Dockerfile').inputs.length;
  const spent = Math.round(performance.now() - start);
  console.log(`${texts.length} Dockerfiles parsed and audited in ${spent} ms: ${inputs} inputs`);
  console.log(
    `${counts.scripts} RUN scripts, ${counts.incomplete} not read to their end (PowerShell is no sh)`,
  );
  return failures;
}

function scriptsOf(dockerfile: Dockerfile) {
  return dockerfile.stages
    .flatMap((stage) => stage.instructions)
    .flatMap((instruction) =>
      instruction.kind === 'run' && instruction.command.form === 'shell'
        ? [readShellScript(instruction.command.script)]
        : [],
    );
}

/** BuildKit's parser cases: a folder each, with a Dockerfile and the tree it parses to. */
function buildkitCases(): string[] {
  const root = join(directory!, 'moby/buildkit/frontend/dockerfile/parser/testfiles');
  if (!existsSync(root)) return [];
  const failures: string[] = [];
  let agreed = 0;
  let ours = 0;
  for (const name of readdirSync(root).sort()) {
    const result = join(root, name, 'result');
    if (!existsSync(result)) continue;
    const expected = readFileSync(result, 'utf8').trim().replaceAll('\\x00', '\\u0000');
    try {
      const text = readFileSync(join(root, name, 'Dockerfile'), 'utf8');
      // Their cases test lines, and some have no FROM; ours start with one.
      const hasFrom = /^\(from /m.test(expected.split('\n')[0]!);
      const dockerfile = parseDockerfile(hasFrom ? text : withFrom(text), name);
      const dumped = dump(dockerfile)
        .slice(hasFrom ? 0 : 1)
        .join('\n');
      if (dumped === expected) agreed++;
      else failures.push(`buildkit ${name}:\n--- expected\n${expected}\n--- got\n${dumped}`);
    } catch (error) {
      if (!isTrimaranError(error)) throw error;
      // BuildKit refuses these too, one step later than the tree that its case shows.
      ours++;
      console.log(`buildkit ${name}: ${error.code} at ${error.span?.line}: ${error.message}`);
    }
  }
  console.log(`${agreed} of BuildKit's parser cases give its tree, ${ours} are refused after it`);
  return failures;
}

/** A FROM behind the parser directives, which must come first. */
function withFrom(text: string): string {
  const lines = text.split('\n');
  let head = 0;
  while (/^\s*#\s*(?:syntax|escape|check)\s*=/i.test(lines[head] ?? '')) head++;
  return [...lines.slice(0, head), 'FROM x', ...lines.slice(head)].join('\n');
}

function dump(dockerfile: Dockerfile): string[] {
  const all: Instruction[] = [
    ...dockerfile.globalArgs,
    ...dockerfile.stages.flatMap((stage) => [stage.from, ...stage.instructions]),
  ];
  return all
    .sort((a, b) => a.span.line - b.span.line)
    .map((instruction) => `(${dumpInstruction(instruction)})`);
}

/** Go's `%q`, as far as it matters here. */
function quote(text: string): string {
  return JSON.stringify(text);
}

function dumpInstruction(instruction: Instruction): string {
  const flags = instruction.flags.map((flag) =>
    quote(flag.value === undefined ? flag.name.value : `${flag.name.value}=${flag.value.value}`),
  );
  const head = `${instruction.keyword.value.toLowerCase()}${flags.length === 0 ? '' : ` [${flags.join(' ')}]`}`;
  const args = dumpArguments(instruction);
  return args === '' ? head : `${head} ${args}`;
}

function dumpArguments(instruction: Instruction): string {
  const list = (values: readonly Located[]) => values.map((value) => quote(value.value)).join(' ');
  switch (instruction.kind) {
    case 'from': {
      const words = instruction.source.text.split(/\s+/).filter((word) => !word.startsWith('--'));
      return words.slice(1).map(quote).join(' ');
    }
    case 'run':
    case 'cmd':
    case 'entrypoint':
      return dumpCommand(instruction.command);
    case 'env':
    case 'label':
      return instruction.pairs
        .map((pair) => `${quote(pair.name.value)} ${quote(pair.value.value)} ${pair.legacy ? '""' : '"="'}`)
        .join(' ');
    case 'arg':
      return instruction.args
        .map((arg) =>
          quote(arg.value === undefined ? arg.name.value : `${arg.name.value}=${arg.value.value}`),
        )
        .join(' ');
    case 'add':
    case 'copy':
      return list([...instruction.sources, instruction.destination]);
    case 'expose':
    case 'volume':
      return list(instruction.values);
    case 'user':
    case 'workdir':
    case 'stopsignal':
    case 'maintainer':
      return quote(instruction.value.value);
    case 'shell':
      return list(instruction.shell);
    case 'onbuild':
      return `(${dumpInstruction(instruction.trigger)})`;
    case 'healthcheck':
      return instruction.command === undefined ? '"NONE"' : `"CMD" ${dumpCommand(instruction.command)}`;
  }
}

function dumpCommand(command: Command): string {
  if (command.form === 'exec') return command.args.map((arg) => quote(arg.value)).join(' ');
  return command.script.text === '' ? '' : quote(command.script.text);
}

/** BuildKit's cases of variable expansion. */
function wordCases(): string[] {
  const root = join(directory!, 'moby/buildkit/frontend/dockerfile/shell');
  if (!existsSync(join(root, 'envVarTest'))) return [];
  const failures: string[] = [];
  let agreed = 0;
  const check = (file: string, line: string, expected: string, run: () => string) => {
    let got: string;
    try {
      got = run();
    } catch (error) {
      if (!(error instanceof ExpansionError)) throw error;
      got = 'error';
    }
    if (got === expected) agreed++;
    else failures.push(`${file}: ${line}: got ${JSON.stringify(got)}`);
  };
  const variables = new Map([
    ['PWD', '/home'],
    ['SHELL', 'bash'],
    ['KOREAN', '한국어'],
    ['NULL', ''],
  ]);
  for (const line of readFileSync(join(root, 'envVarTest'), 'utf8').split('\n')) {
    const [platform, word, expected] = line.split('|');
    if (line.startsWith('#') || word === undefined || platform!.trim() === 'W') continue;
    check('envVarTest', line, expected!.trim(), () => expandWord(word.trimEnd(), { variables }).result);
  }
  const words = new Map<string, string>();
  for (const line of readFileSync(join(root, 'wordsTest'), 'utf8').split('\n')) {
    if (line.startsWith('#') || line === '') continue;
    if (line.startsWith('ENV ')) {
      const [name, value] = line.slice(4).split(/=(.*)/s);
      words.set(name!, value!);
      continue;
    }
    const [word, expected] = line.split('|');
    check('wordsTest', line, expected!.trimStart(), () =>
      expandWord(word!.trim(), { variables: words }).words.join(','),
    );
  }
  console.log(`${agreed} of BuildKit's expansion cases agree, ${failures.length} differ`);
  return failures;
}

/** The cases of one pattern and one path in patternmatcher's own tests. */
function ignoreCases(): string[] {
  const file = join(directory!, 'moby/patternmatcher/patternmatcher_test.go');
  if (!existsSync(file)) return [];
  const failures: string[] = [];
  let agreed = 0;
  const literal = '("(?:[^"\\\\]|\\\\.)*")';
  const cases = new RegExp(`^\\s*\\{${literal}, ${literal}, (true|false)(, filepath.ErrBadPattern)?`, 'gm');
  for (const [, pattern, path, matches, refused] of readFileSync(file, 'utf8').matchAll(cases)) {
    const expected = refused === undefined ? matches : 'refused';
    let got: string;
    try {
      got = String(parseIgnoreFile(JSON.parse(pattern!)).ignores(JSON.parse(path!).replace(/\/$/, '')));
    } catch (error) {
      if (!isTrimaranError(error)) throw error;
      got = 'refused';
    }
    if (got === expected) agreed++;
    else failures.push(`patternmatcher ${pattern} ${path}: got ${got}, expected ${expected}`);
  }
  console.log(`${agreed} of patternmatcher's cases agree, ${failures.length} differ`);
  return failures;
}
