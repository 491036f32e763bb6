// Runs an image in a container: through Docker or Podman where they are, else through crun or runc, else in
// namespaces made by util-linux's unshare. The last three need no daemon and, on most machines, no root.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isTrimaranError, TrimaranError } from '../foundation/error.ts';
import type { Host } from '../foundation/host.ts';
import type { Image } from '../oci/image.ts';
import { mergeImage } from '../oci/layer-merge.ts';
import { removeDiskTree, writeDiskTree } from '../store/disk-tree.ts';
import { canGiveFilesAway } from '../store/file-owners.ts';
import { type ContainerProcess, containerProcess } from './container-process.ts';
import { runInEngine } from './engine-run.ts';
import { guardExit } from './exit-guard.ts';
import { makeFolder } from './make-folder.ts';
import namespaceInit from './namespace-init.sh';
import { type Forwarding, forwardPort, type PublishedPort } from './port-forward.ts';
import { runtimeConfig } from './runtime-bundle.ts';

/** Everything that may run an image, in the order in which it is tried. */
export const runtimes = ['docker', 'podman', 'crun', 'runc', 'unshare'] as const;
export type Runtime = (typeof runtimes)[number];

/** The runtimes that need no daemon and no storage of their own. */
export const plainRuntimes = ['crun', 'runc', 'unshare'] as const;
type PlainRuntime = (typeof plainRuntimes)[number];

export interface RunImageOptions {
  readonly host: Host;
  readonly image: Image;
  /** Where bundles may be made. */
  readonly workDirectory: string;
  /** Which to try, in order; all unless given. */
  readonly among?: readonly Runtime[] | undefined;
  readonly command: readonly string[];
  /** `NAME=value` */
  readonly env: readonly string[];
  readonly ports: readonly PublishedPort[];
  /** Where the container's output goes; this process's own unless given. */
  readonly output?: 'inherit' | 'ignore';
}

export interface RunningContainer {
  readonly runtime: Runtime;
  /** Ports on the host, in the order asked for. */
  readonly ports: readonly number[];
  /** Exit code of the container's command. */
  readonly exited: Promise<number>;
  /** Ends the container, waits for it, and removes what it left. May be called more than once. */
  stop(): Promise<void>;
}

/** Those of the runtimes that this machine has. Throws `run/no-runtime`. */
function findRuntimes(host: Host, among: readonly Runtime[]): readonly Runtime[] {
  const found = among.filter((name) => host.which(name) !== undefined);
  if (found.length > 0) return found;
  throw new TrimaranError({
    code: 'run/no-runtime',
    message: `none of ${among.join(', ')} is installed here to run a container with`,
    hint: 'install crun, or util-linux for unshare',
    exitCode: 4,
  });
}

/**
 * Starts a container and returns once it runs and its ports are published. Rejects with `run/no-runtime`,
 * `run/no-command`, `run/unknown-user`, `run/did-not-start`, `run/port-in-use`, and system errors.
 */
export async function runImage(options: RunImageOptions): Promise<RunningContainer> {
  const candidates = findRuntimes(options.host, options.among ?? runtimes);
  for (const [index, runtime] of candidates.entries()) {
    try {
      return await runWith(runtime, options);
    } catch (error) {
      // A runtime may be installed and yet not work here; another may.
      const mayBeOther =
        isTrimaranError(error) && (error.code === 'run/did-not-start' || error.code.startsWith('oci/'));
      if (!mayBeOther || index === candidates.length - 1) throw error;
      if (error.code !== 'oci/no-engine')
        options.host.progress.note(`${error.message}; trying ${candidates[index + 1]}`);
    }
  }
  throw new Error('no runtime was tried');
}

async function runWith(runtime: Runtime, options: RunImageOptions): Promise<RunningContainer> {
  return runtime === 'docker' || runtime === 'podman'
    ? runByEngine(runtime, options)
    : runPlainly(runtime, options);
}

async function runByEngine(
  runtime: 'docker' | 'podman',
  options: RunImageOptions,
): Promise<RunningContainer> {
  const run = await runInEngine({ ...options, runtime, output: options.output ?? 'inherit' });
  const exited = new Promise<number>((resolve) => {
    run.child.once('exit', (code) => resolve(code ?? 137));
    run.child.once('error', () => resolve(127));
  });
  return { runtime, ports: run.ports, exited, stop: run.stop };
}

async function runPlainly(runtime: PlainRuntime, options: RunImageOptions): Promise<RunningContainer> {
  const { host, image } = options;
  mkdirSync(options.workDirectory, { recursive: true });
  const bundle = mkdtempSync(join(options.workDirectory, 'container-'));
  const rootless = !canGiveFilesAway();
  const forwardings: Forwarding[] = [];
  let child: ChildProcess | undefined;
  const unguard = guardExit(() => {
    if (child !== undefined) killContainer({ child, runtime, bundle });
    removeDiskTree(bundle);
  });
  const cleanUp = async () => {
    for (const forwarding of forwardings.splice(0)) forwarding.close();
    if (child !== undefined) await endContainer({ child, runtime, bundle, host });
    removeDiskTree(bundle);
    unguard();
  };
  try {
    const root = join(bundle, 'rootfs');
    await writeRoot(image, root, rootless);
    const started = startContainer({ ...options, runtime, bundle, root, rootless });
    child = started.child;
    const exited = new Promise<number>((resolve) =>
      started.child.once('exit', (code) => resolve(code ?? 137)),
    );
    const pid = await containerPid({ ...started, exited, runtime, bundle });
    const enter = [
      'nsenter',
      `--target=${pid}`,
      '--net',
      ...(rootless ? ['--user', '--preserve-credentials'] : []),
      '--',
    ];
    const ports: number[] = [];
    for (const published of options.ports) {
      const forwarding = await forwardPort({ published, directory: bundle, enter }).catch((error) =>
        // Nothing can be forwarded to a container that has done its work already; that is no failure of it.
        Promise.race([exited.then(() => undefined), delay(500).then(() => Promise.reject(error))]),
      );
      if (forwarding !== undefined) forwardings.push(forwarding);
      ports.push(forwarding?.port ?? published.host);
    }
    return { runtime, ports, exited, stop: cleanUp };
  } catch (error) {
    await cleanUp();
    throw error;
  }
}

/** The image's files, merged, in a folder. Mount points that every container needs are made where they lack. */
async function writeRoot(image: Image, root: string, rootless: boolean): Promise<void> {
  const merged = await mergeImage(image);
  writeDiskTree({ tree: merged.tree, path: root, owners: rootless ? 'ignore' : 'apply' });
  for (const folder of ['proc', 'dev', 'sys', 'run', 'tmp', image.config.config?.WorkingDir ?? ''])
    makeFolder(root, folder);
}

interface StartOptions extends RunImageOptions {
  readonly runtime: PlainRuntime;
  readonly bundle: string;
  readonly root: string;
  readonly rootless: boolean;
}

function startContainer(options: StartOptions): { child: ChildProcess } {
  const { bundle, root, rootless, runtime, output = 'inherit' } = options;
  const plan = containerProcess({
    config: options.image.config.config ?? {},
    command: options.command,
    env: options.env,
    readFile: (path) => {
      try {
        return readFileSync(join(root, path), 'utf8');
      } catch {
        return undefined;
      }
    },
  });
  const stdio = ['ignore', output, output] as const;
  if (runtime === 'unshare')
    return {
      child: spawn('unshare', namespaceArguments(plan, { root, rootless }), {
        stdio: [...stdio],
        env: environmentOf(plan),
      }),
    };
  const config = runtimeConfig({
    process: plan,
    root,
    rootless,
    hostUid: process.geteuid?.() ?? 0,
    hostGid: process.getegid?.() ?? 0,
  });
  writeFileSync(join(bundle, 'config.json'), JSON.stringify(config));
  const args = [
    // No limits are set, and on some machines crun cannot set any.
    ...(runtime === 'crun' ? ['--cgroup-manager=disabled'] : []),
    '--root',
    join(bundle, 'state'),
    'run',
    '--bundle',
    bundle,
    '--pid-file',
    join(bundle, 'pid'),
    containerName(bundle),
  ];
  return { child: spawn(runtime, args, { stdio: [...stdio] }) };
}

function namespaceArguments(
  plan: ContainerProcess,
  { root, rootless }: { root: string; rootless: boolean },
): string[] {
  return [
    ...(rootless ? ['--user', '--map-root-user'] : []),
    '--fork',
    '--kill-child',
    '--pid',
    '--mount',
    '--net',
    '--ipc',
    '--uts',
    '--',
    '/bin/sh',
    '-c',
    namespaceInit,
    'sh',
    root,
    plan.cwd,
    String(rootless ? 0 : plan.uid),
    String(rootless ? 0 : plan.gid),
    ...plan.args,
  ];
}

function environmentOf(plan: ContainerProcess): Record<string, string> {
  return Object.fromEntries(
    plan.env.map((assignment) => [
      assignment.slice(0, assignment.indexOf('=')),
      assignment.slice(assignment.indexOf('=') + 1),
    ]),
  );
}

function containerName(bundle: string): string {
  return `trimaran-${bundle.slice(bundle.lastIndexOf('-') + 1)}`;
}

/** The container's first process, as soon as it is there. Waits at most ten seconds. */
async function containerPid(options: {
  readonly child: ChildProcess;
  readonly exited: Promise<number>;
  readonly runtime: Runtime;
  readonly bundle: string;
}): Promise<number> {
  let ended: number | undefined;
  void options.exited.then((code) => {
    ended = code;
  });
  for (let attempt = 0; attempt < 500; attempt++) {
    const over = ended !== undefined;
    const pid =
      options.runtime === 'unshare' ? firstChild(options.child.pid) : pidFile(join(options.bundle, 'pid'));
    if (pid !== undefined) return pid;
    if (over) break;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new TrimaranError({
    code: 'run/did-not-start',
    message: `the container did not start with ${options.runtime}${ended === undefined ? '' : ` (exit code ${ended})`}`,
    hint: `try another runtime: --runtime ${plainRuntimes.find((name) => name !== options.runtime)}; \`trimaran doctor\` says what there is`,
    exitCode: 4,
  });
}

function pidFile(file: string): number | undefined {
  try {
    const pid = Number(readFileSync(file, 'utf8'));
    return pid > 0 ? pid : undefined;
  } catch {
    return undefined;
  }
}

/** `unshare --fork` stays outside; its child is the container's first process. */
function firstChild(pid: number | undefined): number | undefined {
  if (pid === undefined) return undefined;
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
    return children[0] === '' || children[0] === undefined ? undefined : Number(children[0]);
  } catch {
    return undefined;
  }
}

async function endContainer(options: {
  readonly child: ChildProcess;
  readonly runtime: Runtime;
  readonly bundle: string;
  readonly host: Host;
}): Promise<void> {
  const { child, runtime, bundle, host } = options;
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const pid = runtime === 'unshare' ? firstChild(child.pid) : pidFile(join(bundle, 'pid'));
  signal(pid, 'SIGTERM');
  const timer = setTimeout(() => signal(pid, 'SIGKILL'), 5000);
  const last = setTimeout(() => child.kill('SIGKILL'), 8000);
  await ended;
  clearTimeout(timer);
  clearTimeout(last);
  if (runtime !== 'unshare' && readdirSync(bundle).includes('state')) {
    await host.run({
      command: runtime,
      args: ['--root', join(bundle, 'state'), 'delete', '--force', containerName(bundle)],
    });
  }
  rmSync(join(bundle, 'state'), { recursive: true, force: true });
}

/** The same without waiting. What a killed `unshare` runs is killed by the kernel. */
function killContainer(options: {
  readonly child: ChildProcess;
  readonly runtime: Runtime;
  readonly bundle: string;
}): void {
  const { child, runtime, bundle } = options;
  if (runtime === 'unshare') signal(firstChild(child.pid), 'SIGKILL');
  else {
    // A runtime that is killed while it makes a container leaves it half-made, to be deleted all the same.
    signal(pidFile(join(bundle, 'pid')), 'SIGKILL');
    child.kill('SIGKILL');
    spawnSync(runtime, ['--root', join(bundle, 'state'), 'delete', '--force', containerName(bundle)], {
      stdio: 'ignore',
      timeout: 5000,
    });
  }
  child.kill('SIGKILL');
}

function signal(pid: number | undefined, name: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(pid, name);
  } catch {
    // Gone already.
  }
}
