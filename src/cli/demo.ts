// `trimaran demo`: the main job on the example, told step by step. With a Docker engine and docker-compose the whole
// project comes up; without them the api runs by itself.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import pc from 'picocolors';
import {
  buildNix,
  buildProject,
  connectEngine,
  defaultNixSettings,
  type Engine,
  isTrimaranError,
  linkResults,
  loadComposeProject,
  loadImages,
  openImage,
  plainRuntimes,
  runImage,
  TrimaranError,
  trimaranRoot,
} from '../index.ts';
import type { CommandContext } from './context.ts';

/** How long an answer may take, in milliseconds. */
const patience = 60_000;

export async function run(context: CommandContext): Promise<number> {
  const example = exampleDirectory();
  const host = { ...context.host, cwd: example };
  const started = host.now();
  context.print(
    `${pc.bold('The example')}: a map service that today is built by Dockerfiles. ${pc.dim(example)}`,
  );
  const engine = await engineOrNone(context);
  const compose = host.which('docker-compose');
  const images = engine !== undefined && compose !== undefined ? ['.#docker', '.#db'] : ['.#docker'];
  step(context, `trimaran nix build ${images.join(' ')}`);
  const results = await buildNix({ host, installables: images, settings: defaultNixSettings });
  linkResults(results, host, 'result');
  const archives = results.map((result) => result.outputs.get('out')!.physicalPath);
  for (const archive of archives) {
    const image = await openImage(host, archive);
    const size = image.layers.reduce((sum, layer) => sum + layer.size, 0);
    context.print(
      `  ${image.names.map((name) => name.path).join(', ')}  ${(size / 1e6).toFixed(1)} MB in ${image.layers.length} layers, ${image.configDigest}`,
    );
  }
  await showGuix({ ...context, host });
  const ok =
    engine !== undefined && compose !== undefined
      ? await demoWithEngine(context, { engine, compose, archives, example })
      : await demoAlone({ ...context, host }, archives[0]!);
  if (!ok) return 1;
  context.print(`${pc.green('done')} in ${((host.now() - started) / 1000).toFixed(1)} s. Next:`);
  for (const line of [
    'cd examples/areas',
    '../../bin/trimaran nix build .#docker',
    'docker load < result',
    'docker-compose up',
  ]) {
    context.print(`  ${line}`);
  }
  return 0;
}

/** The same service from the other recipe that needs no engine. */
async function showGuix(context: CommandContext): Promise<void> {
  const { host } = context;
  step(context, 'trimaran guix time-machine -C channels.scm -- pack -m manifest.scm -f docker …');
  const project = await loadComposeProject({ directory: host.cwd, environment: host.env });
  const [built] = await buildProject({
    host,
    project,
    services: ['api'],
    kind: 'guix',
    settings: defaultNixSettings,
  });
  const { image } = built!;
  const size = image.layers.reduce((sum, layer) => sum + layer.size, 0);
  context.print(`  ${(size / 1e6).toFixed(1)} MB in ${image.layers.length} layers, ${image.configDigest}`);
}

function exampleDirectory(): string {
  const directory = join(import.meta.dirname, '../examples/areas');
  if (existsSync(join(directory, 'flake.nix'))) return directory;
  throw new TrimaranError({
    code: 'demo/no-example',
    message: 'the example is not here',
    hint: 'run the demo in a clone of Trimaran: npm run demo',
    exitCode: 4,
  });
}

function step(context: CommandContext, command: string): void {
  context.print(`${pc.cyan('$')} ${command}`);
}

async function engineOrNone(context: CommandContext): Promise<Engine | undefined> {
  try {
    return await connectEngine(context.host);
  } catch (error) {
    if (isTrimaranError(error)) return undefined;
    throw error;
  }
}

async function demoAlone(context: CommandContext, archive: string): Promise<boolean> {
  context.print(
    pc.dim('No Docker engine with docker-compose here: the api runs by itself, without its database.'),
  );
  step(context, 'trimaran run result -p 8000:80');
  const container = await runImage({
    host: context.host,
    image: await openImage(context.host, archive),
    workDirectory: join(trimaranRoot(context.host), 'containers'),
    among: plainRuntimes,
    command: [],
    env: [],
    ports: [{ address: '127.0.0.1', host: 8000, container: 80 }],
    output: 'ignore',
  });
  try {
    context.print(`  runs with ${container.runtime}`);
    return await showAnswer(context, 'http://localhost:8000/docs');
  } finally {
    await container.stop();
  }
}

async function demoWithEngine(
  context: CommandContext,
  demo: {
    readonly engine: Engine;
    readonly compose: string;
    readonly archives: readonly string[];
    readonly example: string;
  },
): Promise<boolean> {
  for (const archive of demo.archives) {
    step(context, `docker load < ${archive.endsWith('areas_db.tar') ? 'result-1' : 'result'}`);
    await loadImages(demo.engine, [await openImage(context.host, archive)], {
      progress: context.host.progress,
    });
  }
  const docker = async (...args: string[]) => {
    step(context, `docker-compose ${args.join(' ')}`);
    const result = await context.host.run({
      command: demo.compose,
      args: ['-p', 'areas', ...args],
      cwd: demo.example,
      timeout: 300_000,
    });
    if (result.exitCode !== 0) {
      throw new TrimaranError({
        code: 'demo/compose-failed',
        message: `docker-compose ${args[0]} failed: ${result.stderr.toString('utf8').trim().split('\n').at(-1)}`,
        exitCode: 4,
      });
    }
  };
  try {
    await docker('up', '-d', '--no-build');
    const docs = await showAnswer(context, 'http://localhost:8000/docs');
    return (await showAnswer(context, 'http://localhost:8000/areas')) && docs;
  } finally {
    await docker('down', '--volumes', '--timeout', '5');
  }
}

/** Asks until there is a 200, and shows what came. */
async function showAnswer(context: CommandContext, url: string): Promise<boolean> {
  const { host } = context;
  const started = host.now();
  let last = 'no answer';
  while (host.now() - started < patience) {
    try {
      const response = await host.fetch(url, { signal: AbortSignal.timeout(5000) });
      const body = await response.text();
      last = String(response.status);
      if (response.status === 200) {
        const seconds = ((host.now() - started) / 1000).toFixed(2);
        context.print(`  GET ${url}  ${pc.green('200')}  after ${seconds} s, ${body.length} bytes`);
        if (response.headers.get('content-type')?.includes('json') === true)
          context.print(pc.dim(`  ${body.slice(0, 160)} …`));
        return true;
      }
    } catch {
      // Not up yet.
    }
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  context.print(`  GET ${url}  ${pc.red(last)}  after ${patience / 1000} s`);
  return false;
}
