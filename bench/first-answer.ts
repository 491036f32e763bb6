// How soon the example's image answers: from `docker run` to the first 200 from /docs, against the image that mmdebstrap
// makes of the same packages with maintainer scripts run. Half of the time is the engine's, and varies; so the processor
// time of the server until then is told as well.
//
//   DOCKER_HOST=… npm run bench -- first-answer [RUNS]
//
// Needs an engine on this machine with its docker client, and mmdebstrap. Runs of both take turns at being first.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { apiPackages, project, scriptTools } from './parts/example.ts';
import { median } from './parts/median.ts';

const runs = Number(process.argv[2] ?? 40);
const server = join(project, 'examples/areas/server');
const docker = process.env.TRIMARAN_BENCH_DOCKER ?? 'docker';
/** The packages alone, which take half a minute to install, and the application on top. */
const installed = 'trimaran-bench-mmdebstrap';
const theirs = 'trimaran-bench-mmdebstrap-areas';
const command = ['uvicorn', 'areas.api:app', '--host', '0.0.0.0', '--port', '80'];
const work = mkdtempSync(join(tmpdir(), 'trimaran-bench-'));

function run(command: string, ...args: string[]): string {
  return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }).trim();
}

function prepare(): void {
  run(
    process.execPath,
    join(project, 'bin/trimaran'),
    'nix',
    'build',
    `${project}/examples/areas#docker`,
    '-o',
    join(work, 'ours'),
  );
  run(docker, 'load', '--input', join(work, 'ours'));
  if (run(docker, 'images', '--quiet', installed) === '') install();
  // The application is in both images.
  const container = run(docker, 'create', installed, 'true');
  run(docker, 'cp', `${server}/.`, `${container}:/app`);
  const config = ['WORKDIR /app', `CMD ${JSON.stringify(command)}`].flatMap((line) => ['--change', line]);
  run(docker, 'commit', ...config, container, theirs);
  run(docker, 'rm', container);
}

function install(): void {
  const archive = join(work, 'theirs.tar');
  run(
    'mmdebstrap',
    '--variant=custom',
    '--quiet',
    '--mode=root',
    `--include=${apiPackages},${scriptTools}`,
    'bookworm',
    archive,
  );
  run(docker, 'import', archive, installed);
}

function answers(port: string): Promise<boolean> {
  return new Promise((settle) => {
    get(`http://127.0.0.1:${port}/docs`, (response) => {
      response.resume();
      settle(response.statusCode === 200);
    }).on('error', () => settle(false));
  });
}

/** Milliseconds. */
interface Answer {
  /** From `docker run` to the first 200. */
  readonly wall: number;
  /** That the server was running for until then. */
  readonly processor: number;
}

async function firstAnswer(...args: string[]): Promise<Answer> {
  const started = process.hrtime.bigint();
  const container = run(docker, 'run', '--detach', '--publish', '127.0.0.1::80', ...args);
  try {
    const port = run(docker, 'port', container, '80/tcp').split(':').at(-1)!;
    for (let tries = 0; tries < 3000; tries++) {
      if (await answers(port)) {
        const wall = Number(process.hrtime.bigint() - started) / 1e6;
        const pid = run(docker, 'inspect', '--format', '{{.State.Pid}}', container);
        const [nanoseconds] = readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ');
        return { wall, processor: Number(nanoseconds) / 1e6 };
      }
      await new Promise((settle) => setTimeout(settle, 5));
    }
    throw new Error(`no answer: ${run(docker, 'logs', container)}`);
  } finally {
    run(docker, 'rm', '--force', container);
  }
}

const ours = () => firstAnswer('areas_api');
const others = () => firstAnswer(theirs);

function tell(what: string, pairs: readonly (readonly [number, number])[], limit = ''): void {
  const [one, other] = [median(pairs.map(([a]) => a)), median(pairs.map(([, b]) => b))];
  const ratio = median(pairs.map(([a, b]) => a / b));
  const columns = [`${one.toFixed(0)} ms`, `${other.toFixed(0)} ms`, ratio.toFixed(2), limit];
  console.log(`${what} : mmdebstrap custom  ${columns.join('  ')}`);
}

try {
  prepare();
  const pairs: [Answer, Answer][] = [];
  for (let i = 0; i < runs; i++) {
    if (i % 2 === 0) pairs.push([await ours(), await others()]);
    else {
      const other = await others();
      pairs.push([await ours(), other]);
    }
  }
  tell(
    'first 200     ',
    pairs.map(([a, b]) => [a.wall, b.wall]),
    'at most 1',
  );
  tell(
    'processor time',
    pairs.map(([a, b]) => [a.processor, b.processor]),
  );
} finally {
  rmSync(work, { recursive: true, force: true });
}
