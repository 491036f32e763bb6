// Runs an image through an engine's own command line, `docker run` or `podman run`, after giving it the image.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { TrimaranError } from '../foundation/error.ts';
import type { Host } from '../foundation/host.ts';
import { writeArchive } from '../oci/archive-write.ts';
import { connectEngine, loadImages } from '../oci/engine.ts';
import { type Image, renameImage } from '../oci/image.ts';
import type { PublishedPort } from './port-forward.ts';

export interface EngineRunOptions {
  readonly host: Host;
  readonly image: Image;
  readonly runtime: 'docker' | 'podman';
  readonly workDirectory: string;
  readonly command: readonly string[];
  /** `NAME=value` */
  readonly env: readonly string[];
  readonly ports: readonly PublishedPort[];
  readonly output: 'inherit' | 'ignore';
}

/** A container that an engine's command line runs in the foreground. */
export interface EngineRun {
  readonly child: ChildProcess;
  /** Ends the container and waits for it. */
  stop(): Promise<void>;
}

/** Gives the engine the image and starts it. Rejects with `oci/…` and `run/did-not-start`. */
export async function runInEngine(options: EngineRunOptions): Promise<EngineRun> {
  const { runtime, ports, env, command, output } = options;
  const image = await loadInto(options);
  const args = [
    ...['run', '--rm', '--init=false'],
    ...ports.flatMap(({ address, host, container }) => ['-p', `${address}:${host}:${container}`]),
    ...env.flatMap((variable) => ['-e', variable]),
    image,
    ...command,
  ];
  const child = spawn(runtime, args, { stdio: ['ignore', output, output] });
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
  return {
    child,
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGTERM');
      const last = setTimeout(() => child.kill('SIGKILL'), 12_000);
      await ended;
      clearTimeout(last);
    },
  };
}

/** The name under which the engine then knows the image. */
async function loadInto(options: EngineRunOptions): Promise<string> {
  const { host, runtime, workDirectory } = options;
  const name = `trimaran-run:${options.image.configDigest.slice(7, 19)}`;
  const image = renameImage(options.image, [name]);
  if (runtime === 'docker') {
    await loadImages(await connectEngine(host), [image], { progress: host.progress });
    return name;
  }
  mkdirSync(workDirectory, { recursive: true });
  const folder = mkdtempSync(join(workDirectory, 'archive-'));
  try {
    const archive = join(folder, 'image.tar');
    await writeArchive([image], archive);
    const loaded = await host.run({ command: 'podman', args: ['load', '--quiet', '--input', archive] });
    if (loaded.exitCode === 0) return `localhost/${name}`;
    throw new TrimaranError({
      code: 'run/did-not-start',
      message: `podman did not take the image: ${loaded.stderr.toString('utf8').trim().split('\n').at(-1) ?? ''}`,
      hint: 'try another runtime: --runtime crun',
      exitCode: 4,
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
