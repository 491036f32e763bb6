// The programs that can build a Dockerfile: docker with BuildKit, docker without, podman, buildah. One function for
// each does the build and leaves the result as an archive; all else is the same for all.
import { mkdirSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeTarHeader, tarPadding, tarTrailer } from '../../formats/tar-write.ts';
import { isTrimaranError, systemErrorCode, TrimaranError } from '../../foundation/error.ts';
import { contentLength, type FileTree } from '../../foundation/file-tree.ts';
import type { Host } from '../../foundation/host.ts';
import { writeArchive } from '../../oci/archive-write.ts';
import { readContents } from '../../oci/content-stream.ts';
import {
  connectEngine,
  type Engine,
  loadImages,
  removeEngineImage,
  saveEngineImages,
} from '../../oci/engine.ts';
import { callEngine, engineGone } from '../../oci/engine-transport.ts';
import type { Image } from '../../oci/image.ts';
import { writeDiskTree } from '../../store/disk-tree.ts';
import { lackedFeature, type NeededFeature, needsAnotherBuilder } from './builder-features.ts';

export type BuilderKind = 'buildkit' | 'docker' | 'podman' | 'buildah';
export const builderKinds: readonly BuilderKind[] = ['buildkit', 'docker', 'podman', 'buildah'];

interface EngineBuild {
  readonly host: Host;
  /** The context, the Dockerfile in it under `dockerfile`. */
  readonly context: FileTree;
  readonly dockerfile: string;
  /** A folder of this build alone, which its owner removes. */
  readonly scratch: string;
  /** Images that FROM needs, under the names that the Dockerfile has. */
  readonly bases: readonly Image[];
  readonly buildArgs: ReadonlyMap<string, string>;
  readonly labels: ReadonlyMap<string, string>;
  readonly target: string | undefined;
  /** `linux/amd64` */
  readonly platform: string;
  /** Asks the engine to take nothing from its cache. */
  readonly noCache: boolean;
  /** Address of the proxy on loopback. */
  readonly proxy: string;
  /** A line of the engine's output. */
  readonly onLine: (line: string) => void;
}

export interface ImageBuilder {
  readonly kind: BuilderKind;
  /** As shown to people: `docker 20.10 (classic)`. */
  readonly name: string;
  /** Builds, and writes the image's archive to `archive`. Rejects with `dockerfile/build-failed`. */
  build(build: EngineBuild, archive: string): Promise<void>;
}

/**
 * The first that is here and knows what is needed, in the order of {@link builderKinds}, or the one asked for. Rejects with
 * `dockerfile/no-builder` and `dockerfile/builder-lacks`.
 */
export async function findBuilder(
  host: Host,
  { wanted, needed }: { readonly wanted: BuilderKind | undefined; readonly needed: readonly NeededFeature[] },
): Promise<ImageBuilder> {
  const reasons: string[] = [];
  let lacking: TrimaranError | undefined;
  for (const kind of wanted === undefined ? builderKinds : [wanted]) {
    const found = await tryBuilder(host, { kind, isAsked: kind === wanted });
    if (typeof found === 'string') {
      reasons.push(`${kind}: ${found}`);
      continue;
    }
    const lacked = lackedFeature(kind, needed);
    if (lacked === undefined) return found;
    lacking ??= needsAnotherBuilder(found.name, lacked);
  }
  if (lacking !== undefined) throw lacking;
  throw new TrimaranError({
    code: 'dockerfile/no-builder',
    message: `nothing here can build a Dockerfile (${reasons.join('; ')})`,
    hint: 'start docker, or install podman or buildah; or build another recipe: `trimaran build --recipe nix`',
    exitCode: 4,
  });
}

/** A builder, or why it cannot be had. */
async function tryBuilder(
  host: Host,
  { kind, isAsked }: { readonly kind: BuilderKind; readonly isAsked: boolean },
): Promise<ImageBuilder | string> {
  if (kind === 'podman' || kind === 'buildah') {
    const command = host.which(kind);
    return command === undefined ? 'not installed' : commandBuilder(kind, command);
  }
  try {
    const engine = await connectEngine(host);
    if (engine.product !== 'docker') return `${engine.product} answers instead`;
    if (engine.endpoint.kind !== 'unix') return 'it runs on another machine, which cannot reach our proxy';
    if (kind === 'docker') return classicBuilder(engine);
    const command = host.which('docker');
    if (command === undefined) return 'the docker command is not installed';
    if (Number(/^\d+/.exec(engine.version)?.[0] ?? 0) < 23) {
      // Before 23, BuildKit was an experiment that had to be asked for.
      if (!isAsked && host.env.DOCKER_BUILDKIT !== '1')
        return `docker ${engine.version} uses it only on demand`;
    }
    const lacking = await lacksBuildx(host, command);
    return lacking ?? buildkitBuilder(engine, command);
  } catch (error) {
    if (isTrimaranError(error)) return error.message;
    throw error;
  }
}

/** From 23 on the command builds by its plugin alone; why it cannot, if so. */
async function lacksBuildx(host: Host, command: string): Promise<string | undefined> {
  const ask = (args: readonly string[]) =>
    host.run({ command, args, env: ownEnvironment(host), timeout: 30_000 });
  const version = /\b(\d+)\.\d+/.exec((await ask(['--version'])).stdout.toString('utf8'))?.[1];
  if (version !== undefined && Number(version) < 23) return undefined;
  const { exitCode } = await ask(['buildx', 'version']);
  return exitCode === 0 ? undefined : `${command} has no buildx plugin`;
}

function classicBuilder(engine: Engine): ImageBuilder {
  return {
    kind: 'docker',
    name: `docker ${engine.version}`,
    async build(build, archive) {
      await loadImages(engine, build.bases, { progress: build.host.progress });
      const query = new URLSearchParams({
        dockerfile: build.dockerfile,
        buildargs: JSON.stringify(Object.fromEntries(allArgs(build))),
        labels: JSON.stringify(Object.fromEntries(build.labels)),
        networkmode: 'host',
        rm: '1',
        forcerm: '1',
        ...(build.noCache ? { nocache: '1' } : {}),
        ...(build.target === undefined ? {} : { target: build.target }),
      });
      const response = await callEngine(engine.endpoint, {
        method: 'POST',
        path: `/build?${query}`,
        headers: { 'content-type': 'application/x-tar' },
        body: tarOf(build.context),
      });
      let id: string | undefined;
      let failure: string | undefined;
      const tail = new Tail(build.onLine);
      let pending = '';
      for await (const chunk of whileItAnswers(engine, response)) {
        pending += chunk.toString('utf8');
        const lines = pending.split('\n');
        pending = lines.pop()!;
        for (const line of lines) {
          if (line.trim() === '') continue;
          const message = JSON.parse(line) as { stream?: string; error?: string; aux?: { ID?: string } };
          if (message.stream !== undefined) tail.push(message.stream);
          if (message.aux?.ID !== undefined) id = message.aux.ID;
          failure ??= message.error;
        }
      }
      if (failure !== undefined || id === undefined) throw failed(failure ?? 'it gave no image', tail.text());
      await saveEngineImages(engine, { names: [id], file: archive });
      // The image has no name there; what the cache needs stays.
      if (build.noCache) await removeEngineImage(engine, id).catch(() => {});
    },
  };
}

/** The chunks of an answer; a connection that breaks is an engine that went away. */
async function* whileItAnswers({ endpoint }: Engine, response: IncomingMessage): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of response) yield chunk as Buffer;
  } catch (error) {
    throw engineGone(endpoint, systemErrorCode(error) ?? 'it broke off its answer', error);
  }
}

function buildkitBuilder(engine: Engine, command: string): ImageBuilder {
  return {
    kind: 'buildkit',
    name: `docker ${engine.version} with BuildKit`,
    async build(build, archive) {
      await loadImages(engine, build.bases, { progress: build.host.progress });
      const directory = writeContext(build);
      const idFile = join(build.scratch, 'id');
      const args = [
        'build',
        '--network',
        'host',
        '--progress',
        'plain',
        '--iidfile',
        idFile,
        ...commonArgs(build),
      ];
      await runBuild(build, {
        command,
        args: [...args, '-f', join(directory, build.dockerfile), directory],
        env: { DOCKER_BUILDKIT: '1' },
      });
      const id = (await readFile(idFile, 'utf8')).trim();
      await saveEngineImages(engine, { names: [id], file: archive });
      if (build.noCache) await removeEngineImage(engine, id).catch(() => {});
    },
  };
}

function commandBuilder(kind: 'podman' | 'buildah', command: string): ImageBuilder {
  return {
    kind,
    name: kind,
    async build(build, archive) {
      // Storage of its own: what is in the user's does not count, and what is made here goes away. Podman refuses
      // longer paths than this one's for its second folder.
      const running = await mkdtemp(join(tmpdir(), 'tri-'));
      const driver = await storageDriver({ ...build, running, command });
      const storage = ['--root', join(build.scratch, 'storage'), '--runroot', running];
      const words = [...inOwnMounts(build.host, command), ...storage];
      const runs = (args: readonly string[]) =>
        runBuild(build, {
          command: words[0]!,
          args: [...words.slice(1), '--storage-driver', driver, ...args],
        });
      try {
        await runCommands(kind, { build, archive, runs });
      } finally {
        await rm(running, { recursive: true, force: true });
      }
    },
  };
}

async function runCommands(
  kind: 'podman' | 'buildah',
  {
    build,
    archive,
    runs,
  }: {
    readonly build: EngineBuild;
    readonly archive: string;
    readonly runs: (args: readonly string[]) => Promise<void>;
  },
): Promise<void> {
  const directory = writeContext(build);
  for (const [index, base] of build.bases.entries()) {
    const file = join(build.scratch, `base-${index}.tar`);
    await writeArchive([base], file);
    if (kind === 'podman') await runs(['load', '--input', file]);
    else await runs(['pull', `docker-archive:${file}`]);
    await rm(file);
  }
  const name = 'localhost/trimaran-result:latest';
  const isolation = ['--isolation', 'chroot', '--network', 'host'];
  const form = ['--layers', '--format', 'docker', '--pull=false', '--tag', name];
  const file = ['-f', join(directory, build.dockerfile), directory];
  await runs([kind === 'podman' ? 'build' : 'bud', ...isolation, ...form, ...commonArgs(build), ...file]);
  if (kind === 'podman') await runs(['save', '--format', 'docker-archive', '--output', archive, name]);
  else await runs(['push', '--disable-compression', name, `docker-archive:${archive}:${name}`]);
}

/** What the program mounts goes away with it, also when it is killed; without root it makes such a namespace itself. */
function inOwnMounts(host: Host, command: string): string[] {
  const unshare = process.getuid?.() === 0 ? host.which('unshare') : undefined;
  return unshare === undefined ? [command] : [unshare, '--mount', command];
}

/** The caller's choice, else overlay where it works: vfs copies the whole file system for each step. */
async function storageDriver({
  host,
  scratch,
  running,
  command,
}: EngineBuild & { readonly running: string; readonly command: string }): Promise<string> {
  if (host.env.STORAGE_DRIVER !== undefined) return host.env.STORAGE_DRIVER;
  const folders = ['--root', join(scratch, 'trial'), '--runroot', join(running, 'trial')];
  const words = [...inOwnMounts(host, command), ...folders, '--storage-driver', 'overlay', 'info'];
  const { exitCode } = await host.run({
    command: words[0]!,
    args: words.slice(1),
    env: ownEnvironment(host),
  });
  return exitCode === 0 ? 'overlay' : 'vfs';
}

function ownEnvironment(host: Host): Record<string, string> {
  return Object.fromEntries(
    Object.entries(host.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}

function allArgs(build: EngineBuild): Map<string, string> {
  const proxies = ['http_proxy', 'HTTP_PROXY', 'https_proxy', 'HTTPS_PROXY'].map(
    (name) => [name, build.proxy] as const,
  );
  return new Map([...build.buildArgs, ...proxies]);
}

function commonArgs(build: EngineBuild): string[] {
  return [
    ...[...allArgs(build)].flatMap(([name, value]) => ['--build-arg', `${name}=${value}`]),
    ...[...build.labels].flatMap(([name, value]) => ['--label', `${name}=${value}`]),
    ...(build.noCache ? ['--no-cache'] : []),
    ...(build.target === undefined ? [] : ['--target', build.target]),
  ];
}

function writeContext({ context, scratch }: EngineBuild): string {
  const directory = join(scratch, 'context');
  mkdirSync(scratch, { recursive: true });
  const root = { kind: 'directory', path: '', mode: 0o755, uid: 0, gid: 0, mtime: 1 } as const;
  writeDiskTree({ tree: [root, ...context], path: directory, owners: 'ignore' });
  return directory;
}

async function runBuild(
  { host, onLine }: EngineBuild,
  run: {
    readonly command: string;
    readonly args: readonly string[];
    readonly env?: Readonly<Record<string, string>>;
  },
): Promise<void> {
  const tail = new Tail(onLine);
  const { exitCode } = await host.run({
    command: run.command,
    args: run.args,
    env: { ...ownEnvironment(host), ...run.env },
    onStdout: (chunk) => tail.push(chunk.toString('utf8')),
    onStderr: (chunk) => tail.push(chunk.toString('utf8')),
  });
  if (exitCode !== 0) throw failed(`it ended with code ${exitCode}`, tail.text());
}

function failed(why: string, output: string): TrimaranError {
  return new TrimaranError({
    code: 'dockerfile/build-failed',
    message: `the engine could not build the Dockerfile: ${why}\n${output}`,
    hint: 'correct the step that failed',
    exitCode: 4,
  });
}

/** The last lines of an output; hands each line on. */
class Tail {
  readonly #onLine: (line: string) => void;
  readonly #lines: string[] = [];
  #pending = '';

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  push(text: string): void {
    const lines = (this.#pending + text).split(/\r?\n/);
    this.#pending = lines.pop()!;
    for (const line of lines) {
      this.#onLine(line);
      this.#lines.push(line);
      if (this.#lines.length > 30) this.#lines.shift();
    }
  }

  text(): string {
    return [...this.#lines, this.#pending].filter((line) => line !== '').join('\n');
  }
}

async function* tarOf(tree: FileTree): AsyncGenerator<Buffer> {
  for (const entry of tree) {
    yield encodeTarHeader(entry);
    if (entry.kind !== 'file') continue;
    yield* readContents([entry.content]);
    const padding = tarPadding(contentLength(entry.content));
    if (padding > 0) yield Buffer.alloc(padding);
  }
  yield Buffer.from(tarTrailer);
}
