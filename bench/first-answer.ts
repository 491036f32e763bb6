// How soon the example's image answers: from `docker run` to the first 200 from /docs, against the image that mmdebstrap
// makes of the same packages with maintainer scripts run.
//
//   DOCKER_HOST=… npm run bench -- first-answer [RUNS]
//
// Needs an engine with its docker client, and mmdebstrap. Every run starts containers of both in turn.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { apiPackages, project, scriptTools } from './parts/example.ts';
import { median } from './parts/median.ts';

const runs = Number(process.argv[2] ?? 15);
const server = join(project, 'examples/areas/server');
const docker = process.env.TRIMARAN_BENCH_DOCKER ?? 'docker';
const theirs = 'trimaran-bench-mmdebstrap';
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
  if (run(docker, 'images', '--quiet', theirs) !== '') return;
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
  run(docker, 'import', archive, theirs);
}

function answers(port: string): Promise<boolean> {
  return new Promise((settle) => {
    get(`http://127.0.0.1:${port}/docs`, (response) => {
      response.resume();
      settle(response.statusCode === 200);
    }).on('error', () => settle(false));
  });
}

/** Milliseconds from `docker run` to the first 200. */
async function firstAnswer(...args: string[]): Promise<number> {
  const started = process.hrtime.bigint();
  const container = run(docker, 'run', '--detach', '--publish', '127.0.0.1::80', ...args);
  try {
    const port = run(docker, 'port', container, '80/tcp').split(':').at(-1)!;
    for (let tries = 0; tries < 3000; tries++) {
      if (await answers(port)) return Number(process.hrtime.bigint() - started) / 1e6;
      await new Promise((settle) => setTimeout(settle, 10));
    }
    throw new Error(`no answer: ${run(docker, 'logs', container)}`);
  } finally {
    run(docker, 'rm', '--force', container);
  }
}

try {
  prepare();
  const pairs: [number, number][] = [];
  for (let i = 0; i < runs; i++) {
    pairs.push([
      await firstAnswer('areas_api'),
      await firstAnswer(
        '-w',
        '/app',
        '-v',
        `${server}:/app:ro`,
        theirs,
        'uvicorn',
        'areas.api:app',
        '--host',
        '0.0.0.0',
        '--port',
        '80',
      ),
    ]);
  }
  const ours = median(pairs.map(([a]) => a));
  const other = median(pairs.map(([, b]) => b));
  const ratio = median(pairs.map(([a, b]) => a / b));
  console.log(
    `first 200 : mmdebstrap custom  ${ours.toFixed(0)} ms  ${other.toFixed(0)} ms  ${ratio.toFixed(2)}  at most 1`,
  );
} finally {
  rmSync(work, { recursive: true, force: true });
}
