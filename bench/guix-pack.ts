// The Guix route against the flake route, the same packages into the same kind of archive, as ratios of things run in turn.
//
//   npm run bench -- guix-pack [RUNS]
//
// Cold means: .debs and indexes on disk, store empty. Warm means: all
// built once, then the recipe changed, so that both evaluate it and write another archive.
import { spawnSync } from 'node:child_process';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { copyExample, emptyStore, project } from './parts/example.ts';
import { median } from './parts/median.ts';

const runs = Number(process.argv[2] ?? 5);
const work = mkdtempSync(join(tmpdir(), 'trimaran-bench-'));
const cache = join(work, 'cache');
const example = join(work, 'areas');
copyExample(example);

const routes = {
  guix: [
    ...['guix', 'time-machine', '-C', 'channels.scm', '--', 'pack', '-m', 'manifest.scm', '-f', 'docker'],
    ...['--image-tag=areas_api', '--entry-point=bin/uvicorn', '-S', '/areas=areas', '-A', 'areas.api:app'],
  ],
  nix: ['nix', 'build', '.#docker'],
} as const;

interface Seconds {
  readonly wall: number;
  /** User and system time of the command and what it started. */
  readonly processor: number;
}

function run(route: keyof typeof routes): Seconds {
  const started = process.hrtime.bigint();
  const ended = spawnSync(
    '/bin/sh',
    ['-c', '"$@" >&2; times', 'sh', join(project, 'bin/trimaran'), ...routes[route]],
    { cwd: example, env: { ...process.env, XDG_CACHE_HOME: cache }, encoding: 'utf8' },
  );
  const wall = Number(process.hrtime.bigint() - started) / 1e9;
  if (ended.status !== 0 || /^error/m.test(ended.stderr)) throw new Error(ended.stderr);
  const processor = [
    ...ended.stdout
      .trim()
      .split('\n')
      .at(-1)!
      .matchAll(/(\d+)m([\d.]+)s/g),
  ]
    .map(([, minutes, seconds]) => Number(minutes) * 60 + Number(seconds))
    .reduce((sum, part) => sum + part, 0);
  return { wall, processor };
}

function compare(prepare: () => void): { guix: Seconds[]; nix: Seconds[] } {
  const measured = { guix: [] as Seconds[], nix: [] as Seconds[] };
  for (let i = 0; i < runs; i++) {
    // Each goes first half of the time: the second finds warmer disk caches.
    const order = i % 2 === 0 ? (['guix', 'nix'] as const) : (['nix', 'guix'] as const);
    for (const route of order) {
      prepare();
      measured[route].push(run(route));
    }
  }
  return measured;
}

function print(what: string, measured: { guix: Seconds[]; nix: Seconds[] }, limit?: string): void {
  const of = (key: keyof Seconds) => ({
    guix: median(measured.guix.map((one) => one[key])),
    nix: median(measured.nix.map((one) => one[key])),
    ratio: median(measured.guix.map((one, i) => one[key] / measured.nix[i]![key])),
  });
  const wall = of('wall');
  const processor = of('processor');
  console.log(
    `${what}: guix ${wall.guix.toFixed(2)} s, flake ${wall.nix.toFixed(2)} s, ratio ${wall.ratio.toFixed(2)}` +
      ` (processor time ${processor.ratio.toFixed(2)})${limit === undefined ? '' : `, at most ${limit}`}`,
  );
}

try {
  run('nix');
  run('guix');
  print(
    'cold',
    compare(() => emptyStore(cache)),
    '1.20',
  );
  run('nix');
  run('guix');
  let changes = 0;
  const change = (file: string, from: RegExp, to: string) => {
    const place = join(example, file);
    writeFileSync(place, readFileSync(place, 'utf8').replace(from, to));
  };
  print(
    'warm, the recipe changed',
    compare(() => {
      changes++;
      change('manifest.scm', /\(version "[^"]*"\)/, `(version "1.${changes}")`);
      change(
        'flake.nix',
        /config = \{( Labels\.change = "\d+";)?/,
        `config = { Labels.change = "${changes}";`,
      );
    }),
  );
  print(
    'warm, one file of the project changed (the flake route evaluates nothing)',
    compare(() => appendFileSync(join(example, 'server/areas/__init__.py'), `# ${++changes}\n`)),
  );
  run('guix');
  const unchanged = Array.from({ length: runs }, () => run('guix').wall);
  const nothing = Array.from({ length: runs }, () => {
    const started = process.hrtime.bigint();
    spawnSync(process.execPath, ['-e', '0']);
    return Number(process.hrtime.bigint() - started) / 1e9;
  });
  console.log(
    `nothing changed: ${(median(unchanged) * 1000).toFixed(0)} ms, at most 200; ` +
      `${(median(unchanged) / median(nothing)).toFixed(1)} × node -e 0`,
  );
} finally {
  rmSync(work, { recursive: true, force: true });
}
