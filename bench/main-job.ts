// The main job against the tools that do the same today, as ratios of things run in turn on this machine.
//
//   npm run bench -- main-job [RUNS]
//
// Cold means: .debs and indexes on disk, store empty. mmdebstrap gets the same .debs from a repository on the same disk
// that lists nothing else, so it has no large index to read. Needs mmdebstrap for the first two rows.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { removeDiskTree } from '../src/store/disk-tree.ts';
import { apiPackages, copyExample, emptyStore, project, scriptTools } from './parts/example.ts';
import { median } from './parts/median.ts';

const runs = Number(process.argv[2] ?? 5);
const work = mkdtempSync(join(tmpdir(), 'trimaran-bench-'));
const cache = join(work, 'cache');

interface Measured {
  readonly seconds: number;
  /** MiB, of the largest process. */
  readonly peak: number;
}

/** Runs a command to its end; fails the benchmark when the command fails. */
function measure(
  command: string,
  args: readonly string[],
  options: { cwd: string; env?: Record<string, string> },
): Promise<Measured> {
  return new Promise((settle, reject) => {
    const started = process.hrtime.bigint();
    let output = '';
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    child.stderr.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    let peak = 0;
    const look = setInterval(() => {
      peak = Math.max(peak, peakOf(child.pid));
    }, 15);
    child.on('error', reject);
    child.on('close', (code) => {
      clearInterval(look);
      const seconds = Number(process.hrtime.bigint() - started) / 1e9;
      if (code === 0) settle({ seconds, peak });
      else reject(new Error(`${command} ${args.join(' ')}: exit ${code}\n${output}`));
    });
  });
}

function peakOf(pid: number | undefined): number {
  try {
    return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}

/** Two things in turn: median seconds of each, and the median of the ratios of neighbours. */
async function compare(
  ours: () => Promise<Measured>,
  theirs: () => Promise<Measured>,
): Promise<{ ours: number; theirs: number; ratio: number }> {
  const pairs: [number, number][] = [];
  for (let i = 0; i < runs; i++) pairs.push([(await ours()).seconds, (await theirs()).seconds]);
  return {
    ours: median(pairs.map(([a]) => a)),
    theirs: median(pairs.map(([, b]) => b)),
    ratio: median(pairs.map(([a, b]) => a / b)),
  };
}

const rows: string[][] = [['what', 'ours', 'theirs', 'ratio', 'at most']];

function row(what: string, figures: { ours: number; theirs: number; ratio: number }, limit: string): void {
  rows.push([
    what,
    `${figures.ours.toFixed(2)} s`,
    `${figures.theirs.toFixed(2)} s`,
    figures.ratio.toFixed(2),
    limit,
  ]);
}

const example = join(work, 'areas');
copyExample(example);
const env = { XDG_CACHE_HOME: cache };
const trimaran = (...args: string[]) => measure(join(project, 'bin/trimaran'), args, { cwd: example, env });

/** A repository of the fetched .debs, for apt. */
function makeRepository(): string {
  const repository = join(work, 'repository');
  mkdirSync(join(repository, 'pool'), { recursive: true });
  const debs = join(cache, 'trimaran/debian/debs');
  const stanzas = readdirSync(debs).map((name) => {
    linkSync(join(debs, name), join(repository, 'pool', name));
    const control = spawnSync('dpkg-deb', ['-f', join(debs, name)], { encoding: 'utf8' }).stdout.trimEnd();
    const bytes = readFileSync(join(debs, name));
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    return `${control}\nFilename: ./pool/${name}\nSize: ${bytes.length}\nSHA256: ${sha256}\n`;
  });
  writeFileSync(join(repository, 'Packages'), stanzas.join('\n'));
  return `deb [trusted=yes] copy:${repository} ./`;
}

function included(variant: string): string {
  return variant === 'custom' ? `${apiPackages},${scriptTools}` : apiPackages;
}

function mmdebstrap(variant: string, source: string): Promise<Measured> {
  const args = [
    `--variant=${variant}`,
    '--quiet',
    '--mode=root',
    `--include=${included(variant)}`,
    'bookworm',
    join(work, 'theirs.tar'),
    source,
  ];
  rmSync(join(work, 'theirs.tar'), { force: true });
  return measure('mmdebstrap', args, { cwd: work });
}

const withoutByteCode = [
  'build',
  '--impure',
  '--no-link',
  '--expr',
  `let pkgs = (builtins.getFlake "path:${example}").inputs.nixpkgs.legacyPackages.x86_64-linux;
   in pkgs.dockerTools.buildImage {
     name = "areas_api";
     copyToRoot = pkgs.python3.withPackagesNoByteCode (p: with p; [ uvicorn fastapi pyjwt requests-oauthlib itsdangerous asyncpg ]);
   }`,
];

try {
  await trimaran('nix', 'build', '.#docker');
  if (spawnSync('mmdebstrap', ['--version']).status === 0) {
    // What maintainer scripts need is not among what we fetch, but mmdebstrap wants it.
    await fetchScriptPackages();
    const source = makeRepository();
    const cold = (args: readonly string[]) => () => {
      emptyStore(cache);
      return trimaran('nix', ...args);
    };
    row(
      'cold, without byte code : mmdebstrap extract',
      await compare(cold(withoutByteCode), () => mmdebstrap('extract', source)),
      '0.75',
    );
    row(
      'cold, with byte code : mmdebstrap custom',
      await compare(cold(['build', '.#docker']), () => mmdebstrap('custom', source)),
      '0.30',
    );
  }
  await trimaran('nix', 'build', '.#docker');
  await trimaran('nix', 'build', '.#docker');
  // What mmdebstrap wrote, gigabytes by now, is on its way to the disk yet.
  spawnSync('sync');
  const node = () => measure(process.execPath, ['-e', '0'], { cwd: work });
  row(
    'nothing changed : node -e 0',
    await compare(() => trimaran('nix', 'build', '.#docker'), node),
    '0.15 s',
  );
  await trimaran('build', '--no-load', 'api');
  await trimaran('build', '--no-load', 'api');
  row(
    'nothing changed, trimaran build api : node -e 0',
    await compare(() => trimaran('build', '--no-load', 'api'), node),
    '',
  );
  let change = 0;
  const changed = () => {
    appendFileSync(join(example, 'server/areas/conf.py'), `# ${change++}\n`);
    return trimaran('nix', 'build', '.#docker');
  };
  row('one file changed : node -e 0', await compare(changed, node), '0.25 s');
  await trimaran('nix', 'build', '.#db', '--no-link');
  emptyStore(cache);
  const peak = (await trimaran('nix', 'build', '.#db', '--no-link')).peak;
  rows.push(['peak memory, PostGIS image', `${Math.max(peak, 0).toFixed(0)} MiB`, '', '', '400 MB']);
} finally {
  removeDiskTree(cache);
  rmSync(work, { recursive: true, force: true });
}

/** Lets mmdebstrap fetch what it wants, packages that only maintainer scripts need among it, into the same folder. */
async function fetchScriptPackages(): Promise<void> {
  const folder = join(work, 'script-packages');
  mkdirSync(folder);
  const args = [
    ...['--variant=custom', '--quiet', '--mode=root', `--include=${included('custom')}`],
    '--aptopt=Binary::apt-get::APT::Keep-Downloaded-Packages "true"',
    '--skip=essential/unlink,download/unlink,cleanup',
    `--customize-hook=cp "$1"/var/cache/apt/archives/*.deb ${folder}`,
  ];
  await measure('mmdebstrap', [...args, 'bookworm', join(work, 'first.tar')], { cwd: work });
  const known = new Set(readdirSync(join(cache, 'trimaran/debian/debs')));
  for (const name of readdirSync(folder)) {
    const sha256 = createHash('sha256')
      .update(readFileSync(join(folder, name)))
      .digest('hex');
    if (!known.has(`${sha256}.deb`)) linkSync(join(folder, name), join(cache, 'trimaran/debian/debs', name));
  }
}

const widths = rows[0]!.map((_, column) => Math.max(...rows.map((cells) => cells[column]!.length)));
for (const cells of rows) console.log(cells.map((cell, column) => cell.padEnd(widths[column]!)).join('  '));
