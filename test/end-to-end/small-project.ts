// A project of a few tiny packages in an archive of its own, signed on the spot and served from loopback: what the
// tests of bad input and of survival build, in a second instead of half a minute.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import {
  makeTestArchive,
  makeTestKey,
  type TestArchive,
  type TestArchiveOptions,
  type TestKey,
  type TestPackage,
  testDirectory,
  testFile,
} from '../../src/debian/test-archive.ts';
import type { TreeEntry } from '../../src/foundation/file-tree.ts';
import { removeDiskTree } from '../../src/store/disk-tree.ts';
import { projectRoot } from './workspace.ts';

/** Packages that every archive here has: an application, its library, and a second application. */
export const smallPackages: readonly TestPackage[] = [
  {
    name: 'hello',
    fields: { Depends: 'libhello' },
    files: [testDirectory('usr'), testDirectory('usr/bin'), testFile('usr/bin/hello', '#!/bin/sh\n', 0o755)],
  },
  {
    name: 'libhello',
    version: '2.1-3',
    files: [
      testDirectory('usr'),
      testDirectory('usr/lib'),
      testFile('usr/lib/libhello.so.2', 'x'.repeat(1 << 20)),
    ],
  },
  {
    name: 'goodbye',
    fields: { Depends: 'libhello' },
    files: [
      testDirectory('usr'),
      testDirectory('usr/bin'),
      testFile('usr/bin/goodbye', '#!/bin/sh\n', 0o755),
    ],
  },
];

/** Programs of this machine and the libraries they load, as one package. */
export function hostPrograms(name: string, programs: readonly string[]): TestPackage {
  const files = new Map<string, TreeEntry>();
  const add = (path: string, source: string) => {
    for (let folder = dirname(path); folder !== '.'; folder = dirname(folder))
      files.set(folder, testDirectory(folder));
    files.set(path, {
      ...testFile(path, '', 0o755),
      content: { kind: 'bytes', bytes: readFileSync(source) },
    } as TreeEntry);
  };
  for (const program of programs) {
    add(`usr/bin/${program}`, `/usr/bin/${program}`);
    const { stdout } = spawnSync('ldd', [`/usr/bin/${program}`], { encoding: 'utf8' });
    for (const [library] of stdout.matchAll(/\/\S+/g))
      add(library.replace(/^\/(?:usr\/)?/, 'usr/'), realpathSync(library));
  }
  return { name, files: [...files.values()].sort((a, b) => (a.path < b.path ? -1 : 1)) };
}

/** What commands of recipes need: this machine's shell and tools as one package, since they share libraries. */
export function buildToolPackages(): TestPackage[] {
  const programs =
    'bash cat chmod cp dirname basename cut find grep install ln ls mkdir mv readlink rm sed sleep stat touch';
  const named =
    'coreutils findutils diffutils sed grep gawk tar gzip bzip2 xz-utils patch file passwd login util-linux';
  return [hostPrograms('bash', programs.split(' ')), ...named.split(' ').map((name) => ({ name }))];
}

/** An archive that listens; `archive.files` may be changed while it does. */
export interface ServedArchive {
  readonly archive: TestArchive;
  readonly env: Readonly<Record<string, string>>;
  /** Ends listening; the network is gone then. */
  disconnect(): Promise<void>;
  close(): Promise<void>;
}

let sharedKey: Promise<TestKey> | undefined;

/** Serves an archive of `bookworm` with {@link smallPackages} and `packages` from loopback. */
export async function serveArchive(
  packages: readonly TestPackage[] = [],
  options: Partial<TestArchiveOptions> & {
    /** Keys that the client believes in, if not the archive's. */
    readonly trusted?: TestKey;
  } = {},
): Promise<ServedArchive> {
  sharedKey ??= makeTestKey();
  const key = options.key ?? (await sharedKey);
  const replaced = new Set(packages.map(({ name }) => name));
  const archive = await makeTestArchive({
    suite: 'bookworm',
    ...options,
    key,
    packages: [...smallPackages.filter(({ name }) => !replaced.has(name)), ...packages],
  });
  const server: Server = createServer((request, response) => {
    const path = decodeURIComponent(request.url ?? '/').replace(/^\/debian\//, '');
    archive.requests.push(path);
    const file = archive.files.get(path);
    if (file === undefined) {
      response.writeHead(404).end('gone');
      return;
    }
    const start = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
    response.writeHead(start > 0 ? 206 : 200, { 'content-length': file.length - start });
    response.end(file.subarray(start));
  });
  await new Promise<void>((settle) => server.listen(0, '127.0.0.1', settle));
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const folder = mkdtempSync(join(tmpdir(), 'trimaran-keys-'));
  chmodSync(folder, 0o755);
  const keys = join(folder, 'keys.asc');
  writeFileSync(keys, (options.trusted ?? key).publicKey);
  const disconnect = async () => {
    server.closeAllConnections();
    await new Promise((settle) => server.close(settle));
  };
  return {
    archive,
    disconnect,
    env: {
      TRIMARAN_DEBIAN_MIRROR: `${base}/debian`,
      TRIMARAN_DEBIAN_SNAPSHOT: `${base}/snapshot`,
      TRIMARAN_DEBIAN_KEYS: keys,
    },
    close: async () => {
      rmSync(folder, { recursive: true, force: true });
      await disconnect();
    },
  };
}

/** The flake of a project: an image of `hello`, with `body` in place of its arguments when given. */
export function flakeText(
  image = 'name = "small"; copyToRoot = pkgs.buildEnv { name = "root"; paths = [ pkgs.hello ]; };',
): string {
  return `{
  inputs.nixpkgs.url = "debian:bookworm";

  outputs = { self, nixpkgs }: let
    pkgs = nixpkgs.legacyPackages.x86_64-linux;
  in {
    docker = pkgs.dockerTools.buildImage { ${image} };
  };
}
`;
}

export interface CommandResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A folder with a flake, and a cache of its own. */
export class SmallProject {
  readonly root: string;
  readonly directory: string;
  readonly cache: string;
  readonly env: Readonly<Record<string, string>>;

  constructor(env: Readonly<Record<string, string>>, flake = flakeText()) {
    this.root = realpathSync(mkdtempSync(join(tmpdir(), 'trimaran-small-')));
    this.directory = join(this.root, 'project');
    this.cache = join(this.root, 'cache');
    mkdirSync(this.directory);
    this.env = { ...env, XDG_CACHE_HOME: this.cache };
    this.write('flake.nix', flake);
  }

  file(name: string): string {
    return join(this.directory, name);
  }

  write(name: string, text: string): void {
    writeFileSync(this.file(name), text);
  }

  read(name: string): string {
    return readFileSync(this.file(name), 'utf8');
  }

  /** Makes the folder a repository whose files are all added. */
  initGit(): void {
    for (const args of [
      ['init', '-q'],
      ['add', '.'],
    ])
      spawnSync('git', args, { cwd: this.directory });
  }

  /** Starts `trimaran ARGS`; `shell` may wrap it: `ulimit -f 100; exec "$@"`. */
  start(args: readonly string[], options: StartOptions = {}) {
    const command = [process.execPath, join(projectRoot, 'bin/trimaran'), ...args];
    const [program, ...words] =
      options.shell === undefined ? command : ['/bin/bash', '-c', options.shell, 'trimaran', ...command];
    return spawn(program!, words, {
      cwd: options.cwd ?? this.directory,
      env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: '', ...this.env, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: options.detached ?? false,
    });
  }

  /** Runs `trimaran ARGS` to its end. */
  trimaran(args: readonly string[], options: StartOptions = {}): Promise<CommandResult> {
    return new Promise((settle, reject) => {
      const child = this.start(args, options);
      let stdout = '';
      let stderr = '';
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        stdout += text;
      });
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        stderr += text;
      });
      child.on('error', reject);
      child.on('close', (code) => settle({ exitCode: code ?? 137, stdout, stderr }));
    });
  }

  /** `nix build .#docker`. */
  build(options: StartOptions = {}): Promise<CommandResult> {
    return this.trimaran(['nix', 'build', '.#docker'], options);
  }

  /** SHA-256 of what `result` names. */
  resultHash(link = 'result'): string {
    return createHash('sha256')
      .update(readFileSync(this.file(link)))
      .digest('hex');
  }

  remove(): void {
    removeDiskTree(this.cache);
    rmSync(this.root, { recursive: true, force: true });
  }
}

export interface StartOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly shell?: string;
  readonly detached?: boolean;
}
