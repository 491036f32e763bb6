// Evaluation against real Nix, as ratios of processes run in turn on one tree.
//
//   npm run bench -- nix NIXPKGS [RUNS]      (needs nix-instantiate and GNU time)
//
// NIXPKGS is a checkout of nixpkgs 20.09 or near. What is evaluated is an image like the example's, to its drvPath. Files
// are read once before, so the disk is warm; every process is cold. Both sides' drvPaths must be equal.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { removeDiskTree } from '../src/store/disk-tree.ts';
import { median } from './parts/median.ts';

const [nixpkgsArgument, runsArgument] = process.argv.slice(2);
if (nixpkgsArgument === undefined) {
  console.log('left out: it needs a checkout of nixpkgs (`npm run bench -- nix NIXPKGS [RUNS]`)');
  process.exit(0);
}
const nixpkgs = resolve(nixpkgsArgument);
const runs = Number(runsArgument ?? 5);
const work = mkdtempSync(join(tmpdir(), 'trimaran-bench-nix-'));
const cache = join(work, 'cache');
// A copy, so that a build meanwhile changes nothing.
const trimaran = join(work, 'trimaran/bin/trimaran');

const image = `
  { nixpkgs }:
  let pkgs = import nixpkgs { system = "x86_64-linux"; config = { }; overlays = [ ]; };
  in pkgs.dockerTools.buildImage {
    name = "damn-docker-nix-guix_api";
    tag = "latest";
    config = {
      Cmd = [ "uvicorn" "damn_server.api:app" "--host" "0.0.0.0" "--port" "80" ];
      WorkingDir = "/app";
      ExposedPorts = { "80/tcp" = { }; };
    };
    contents = pkgs.buildEnv {
      name = "run-damn-server";
      paths = [
        (pkgs.python3.withPackages (p: with p; [ uvicorn fastapi pyjwt requests_oauthlib itsdangerous asyncpg ]))
      ];
    };
  }`;

interface Measured {
  /** Seconds. */
  readonly wall: number;
  /** Seconds of all processors: user and system. */
  readonly processor: number;
  /** MiB. */
  readonly peak: number;
  readonly output: string;
}

/** Runs a command to its end; fails the benchmark when the command fails. */
function measure(command: string, args: readonly string[], directory = work): Measured {
  const started = process.hrtime.bigint();
  // GNU time writes its figures last.
  const run = spawnSync('/usr/bin/time', ['-f', '%U %S %M', command, ...args], {
    cwd: directory,
    encoding: 'utf8',
    env: { ...process.env, XDG_CACHE_HOME: cache },
  });
  const wall = Number(process.hrtime.bigint() - started) / 1e9;
  if (run.error !== undefined) throw run.error;
  if (run.status !== 0) throw new Error(`${command} ${args.join(' ')} failed:\n${run.stderr}`);
  const [user, system, peak] = run.stderr.trim().split('\n').at(-1)!.split(' ').map(Number);
  return {
    wall,
    processor: user! + system!,
    peak: peak! / 1024,
    output: run.stdout.trim().replaceAll('"', ''),
  };
}

interface Contender {
  readonly name: string;
  /** Called before each run, outside the measurement. */
  readonly prepare: () => void;
  readonly run: () => Measured;
}

const expression = `(import ${join(work, 'image.nix')} { nixpkgs = ${nixpkgs}; }).drvPath`;
const evaluate = () => measure(trimaran, ['nix', 'eval', '--impure', '--raw', '--expr', expression]);
const forget = (folder: string) => rmSync(join(cache, 'trimaran', folder), { recursive: true, force: true });
const contenders: readonly Contender[] = [
  {
    name: 'nix-instantiate --eval',
    prepare: () => {},
    run: () => measure('nix-instantiate', ['--eval', '-E', expression]),
  },
  { name: 'trimaran, parsed files kept', prepare: () => {}, run: evaluate },
  { name: 'trimaran, nothing parsed', prepare: () => forget('parsed'), run: evaluate },
  {
    name: 'trimaran, nothing kept at all',
    prepare: () => {
      removeDiskTree(join(cache, 'trimaran'));
    },
    run: evaluate,
  },
];

function row(name: string, cells: readonly string[]): void {
  console.log(`${name.padEnd(34)}${cells.map((cell) => cell.padStart(10)).join('')}`);
}

function compare(): void {
  for (const { run } of contenders.slice(0, 2)) run();
  const results = contenders.map((): Measured[] => []);
  for (let i = 0; i < runs; i++) {
    for (const [index, { prepare, run }] of contenders.entries()) {
      prepare();
      results[index]!.push(run());
    }
  }
  const wanted = results[0]![0]!.output;
  for (const { output } of results.flat()) {
    if (output !== wanted) throw new Error(`two answers: ${wanted} and ${output}`);
  }
  console.log(`${wanted}\nmedians of ${runs} runs in turn; ratios to the first line, run by run\n`);
  row('', ['wall s', 'CPU s', 'peak MiB', 'wall ×', 'CPU ×', 'peak ×']);
  for (const [index, { name }] of contenders.entries()) {
    const own = results[index]!;
    const ratio = (what: 'wall' | 'processor' | 'peak') =>
      median(own.map((measured, i) => measured[what] / results[0]![i]![what])).toFixed(1);
    row(name, [
      median(own.map(({ wall }) => wall)).toFixed(2),
      median(own.map(({ processor }) => processor)).toFixed(2),
      median(own.map(({ peak }) => peak)).toFixed(0),
      ratio('wall'),
      ratio('processor'),
      ratio('peak'),
    ]);
  }
}

/** The same flake again, with nothing changed. */
function again(): void {
  const flake = join(work, 'flake');
  mkdirSync(flake);
  cpSync(join(work, 'image.nix'), join(flake, 'image.nix'));
  writeFileSync(
    join(flake, 'flake.nix'),
    `{
  inputs.nixpkgs = { url = "path:${nixpkgs}"; flake = false; };
  outputs = { nixpkgs, ... }: { image = import ./image.nix { inherit nixpkgs; }; };
}
`,
  );
  const run = () => measure(trimaran, ['nix', 'eval', '--raw', '.#image.drvPath'], flake);
  // The first writes the lock, the second finds it written.
  const first = run();
  run();
  const known = Array.from({ length: runs }, run);
  console.log('\nthe same flake evaluated again');
  row('first, copying nixpkgs', [first.wall.toFixed(2), first.processor.toFixed(2)]);
  row('with nothing changed', [
    median(known.map(({ wall }) => wall)).toFixed(2),
    median(known.map(({ processor }) => processor)).toFixed(2),
  ]);
}

try {
  for (const part of ['bin', 'dist', 'package.json'])
    cpSync(part, join(work, 'trimaran', part), { recursive: true });
  writeFileSync(join(work, 'image.nix'), image);
  compare();
  again();
} finally {
  removeDiskTree(work);
}
