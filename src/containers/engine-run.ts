// Runs an image through an engine's own command line, `docker run` or `podman run`, after giving it the image.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { TrimaranError } from '../foundation/error.ts';
import type { Host } from '../foundation/host.ts';
import { writeArchive } from '../oci/archive-write.ts';
import { connectEngine, loadImages } from '../oci/engine.ts';
import { type Image, renameImage } from '../oci/image.ts';
import { guardExit } from './exit-guard.ts';
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
  /** Ports on the host, in the order asked for: those that the engine chose where 0 was. */
  readonly ports: readonly number[];
  /** Ends the container, waits for it and removes it. */
  stop(): Promise<void>;
}

/**
 * Gives the engine the image and starts it. Rejects with `oci/…`, and `run/did-not-start` when the engine makes a container
 * and cannot run it.
 */
export async function runInEngine(options: EngineRunOptions): Promise<EngineRun> {
  const { host, runtime, ports, env, command, output } = options;
  const image = await loadInto(options);
  const ask = (args: readonly string[]) => host.run({ command: runtime, args });
  const name = `trimaran-${randomBytes(6).toString('hex')}`;
  const unguard = guardExit(() => removeByName(runtime, name));
  const created = await ask([
    ...['create', '--name', name, '--init=false', '--pull=never'],
    // An empty port is any that is free, to both engines.
    ...ports.flatMap((port) => [
      '-p',
      `${port.address}:${port.host === 0 ? '' : port.host}:${port.container}`,
    ]),
    ...env.flatMap((variable) => ['-e', variable]),
    image,
    ...command,
  ]);
  if (created.exitCode !== 0) {
    unguard();
    throw didNotStart(runtime, created.stderr.toString('utf8'));
  }
  const id = created.stdout.toString('utf8').trim();
  const child = spawn(runtime, ['start', '--attach', id], { stdio: ['ignore', output, output] });
  let isOver = false;
  const ended = new Promise<void>((resolve) => {
    for (const event of ['exit', 'error'] as const)
      child.once(event, () => {
        isOver = true;
        resolve();
      });
  });
  const stop = async () => {
    if (!isOver) await ask(['stop', '--time', '10', id]);
    await ask(['rm', '--force', id]);
    await ended;
    unguard();
  };
  try {
    // A container that ran and ended has a start, one that never ran has none.
    const hasStarted = async () => {
      const { stdout } = await ask(['inspect', '--format', '{{.State.StartedAt}}', id]);
      return !/^(?:0001|\s*$)/.test(stdout.toString('utf8'));
    };
    for (let attempt = 0; !(await hasStarted()); attempt++) {
      if (isOver && !(await hasStarted())) throw didNotStart(runtime, '');
      if (attempt === 200) throw didNotStart(runtime, 'it took longer than half a minute');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const chosen = ports.map(async ({ host: asked, container }) => {
      if (asked !== 0) return asked;
      const { stdout } = await ask(['port', id, `${container}/tcp`]);
      return Number(/:(\d+)\s*$/m.exec(stdout.toString('utf8'))?.[1] ?? 0);
    });
    return { child, ports: await Promise.all(chosen), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Removes a container that may be being made just now. */
function removeByName(runtime: 'docker' | 'podman', name: string): void {
  for (let attempt = 0; attempt < 10; attempt++) {
    const removed = spawnSync(runtime, ['rm', '--force', name], { encoding: 'utf8', timeout: 5000 });
    // Docker of some ages says that there is none with an exit code of 0.
    if (removed.status === 0 && !/no such container/i.test(removed.stderr)) return;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
  }
}

function didNotStart(runtime: string, complaint: string): TrimaranError {
  const reason = complaint.trim().split('\n').at(-1) ?? '';
  const isPortInUse = /address already in use|port is already allocated/.test(complaint);
  return new TrimaranError({
    code: isPortInUse ? 'run/port-in-use' : 'run/did-not-start',
    message: `${runtime} did not start the container${reason === '' ? '' : `: ${reason}`}`,
    hint: isPortInUse
      ? 'publish another port: -p 0:80 takes one that is free'
      : 'try another runtime: --runtime crun',
    exitCode: 4,
  });
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
    // Which registry stands before a name without one is podman's to say, and differs between its versions.
    const known = /^Loaded image(?:\(s\))?: *(\S+?),?$/m.exec(loaded.stdout.toString('utf8'))?.[1];
    if (loaded.exitCode === 0 && known !== undefined) return known;
    throw didNotStart('podman', loaded.stderr.toString('utf8'));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
