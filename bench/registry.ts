// Push and pull against skopeo, on one machine, in one run: the reference registry on loopback, the same image of about
// 90 MB of shared libraries in six layers. Every trial has a registry of its own, so that nobody finds anything there.
// Prints the median times and their ratio; the aim is at most 1.2. Needs docker-registry and skopeo, and
// `npm run build` before.
// Usage: node scripts/run-ts.mjs bench/registry.ts [TRIALS]
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileTree, type TreeEntry } from '../src/foundation/file-tree.ts';
import { silentProgress } from '../src/foundation/host.ts';
import { writeArchive } from '../src/oci/archive-write.ts';
import { createImage, type Image } from '../src/oci/image.ts';
import { writeLayer } from '../src/oci/layer-write.ts';
import { parseReference } from '../src/oci/reference.ts';
import { copyToLayout } from '../src/oci/registry-copy.ts';
import { startRegistryProcess } from '../src/oci/registry-process.ts';
import { pullImage } from '../src/oci/registry-pull.ts';
import { pushImage } from '../src/oci/registry-push.ts';
import { RegistrySession } from '../src/oci/registry-session.ts';
import { project } from './parts/example.ts';

const trials = Number(process.argv[2] ?? 5);
const imageSize = 90e6;
const layerCount = 6;
const directory = mkdtempSync(join(tmpdir(), 'trimaran-bench-registry-'));
const home = join(directory, 'home');
const platform = { os: 'linux', architecture: 'amd64' };

async function benchImage(): Promise<Image> {
  const folder = ['/usr/lib/x86_64-linux-gnu', '/usr/lib/aarch64-linux-gnu', '/usr/lib'].find((path) => {
    try {
      return statSync(path).isDirectory();
    } catch {
      return false;
    }
  });
  if (folder === undefined) throw new Error('no shared libraries here to make an image of');
  const layers: TreeEntry[][] = Array.from({ length: layerCount }, () => []);
  const seen = new Set<string>();
  let total = 0;
  for (const name of readdirSync(folder).sort()) {
    const file = realpathSync(join(folder, name));
    const { size } = statSync(file);
    if (!name.includes('.so') || seen.has(file) || size > 6e6 || total > imageSize) continue;
    seen.add(file);
    const content = { kind: 'bytes' as const, bytes: readFileSync(file) };
    const layer = layers[Math.floor((total / imageSize) * layerCount)] ?? layers.at(-1)!;
    layer.push({ kind: 'file', path: name, mode: 0o644, uid: 0, gid: 0, mtime: 1, content });
    total += size;
  }
  const made = [];
  for (const entries of layers)
    made.push(await writeLayer(fileTree(entries), { directory: join(directory, 'layers') }));
  return createImage({ platform, layers: made, names: ['bench:1'] });
}

const session = () =>
  new RegistrySession({
    host: {
      fetch,
      env: { DOCKER_CONFIG: directory },
      run: async () => ({ exitCode: 1, stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) }),
      progress: silentProgress,
    },
  });

const times = new Map<string, number[]>();
async function timed(label: string, work: () => unknown): Promise<void> {
  const start = performance.now();
  await work();
  times.set(label, [...(times.get(label) ?? []), performance.now() - start]);
}

function skopeo(...args: string[]): void {
  execFileSync('skopeo', ['--insecure-policy', 'copy', ...args], { stdio: ['ignore', 'ignore', 'inherit'] });
}

/** In a mount namespace of its own, since storage leaves something mounted. */
function skopeoAlone(...args: string[]): void {
  const words = ['--mount', 'skopeo', '--insecure-policy', 'copy', ...args];
  execFileSync('unshare', words, { stdio: ['ignore', 'ignore', 'inherit'] });
}

function median(label: string): number {
  const sorted = [...(times.get(label) ?? [])].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

try {
  const image = await benchImage();
  const archive = join(directory, 'image.tar');
  await writeArchive([image], archive);
  for (let trial = 0; trial < trials; trial++) {
    const folder = join(directory, `trial-${trial}`);
    const ours = await startRegistryProcess('docker-registry', join(folder, 'ours'));
    const theirs = await startRegistryProcess('docker-registry', join(folder, 'theirs'));
    try {
      const reference = parseReference(`${ours.address}/bench:1`);
      const cacheDirectory = join(folder, 'gzip');
      await timed('push ours', () => pushImage(session(), { image, reference, cacheDirectory }));
      await timed('push skopeo', () =>
        skopeo('--dest-tls-verify=false', `docker-archive:${archive}`, `docker://${theirs.address}/bench:1`),
      );
      await timed('push again ours', () => pushImage(session(), { image, reference, cacheDirectory }));
      await timed('push again skopeo', () =>
        skopeo('--dest-tls-verify=false', `docker-archive:${archive}`, `docker://${theirs.address}/bench:1`),
      );
      // Both pull what we pushed: the same blobs from the same registry.
      const source = `docker://${ours.address}/bench:1`;
      await timed('pull to an archive ours', async () => {
        const pulled = await pullImage(session(), {
          reference,
          platform,
          cacheDirectory: join(folder, 'one'),
        });
        await writeArchive([pulled.image], join(folder, 'ours.tar'));
      });
      await timed('pull to an archive skopeo', () =>
        skopeo('--src-tls-verify=false', source, `docker-archive:${join(folder, 'skopeo.tar')}:bench:1`),
      );
      await timed('pull ours', () =>
        pullImage(session(), { reference, platform, cacheDirectory: join(folder, 'two') }),
      );
      // Storage that containers can start from: layers unpacked, their diffIDs checked, as ours are.
      const storage = `[overlay@${join(folder, 'storage')}+${join(folder, 'run')}]`;
      await timed('pull skopeo', () =>
        skopeoAlone('--src-tls-verify=false', source, `containers-storage:${storage}localhost/bench:1`),
      );
      // The command itself, its start included: blobs into the cache, to be unpacked when somebody wants their files. What
      // an earlier run has left is its byte code alone; the first trial has one before it for that.
      const pull = () =>
        execFileSync(join(project, 'bin/trimaran'), ['pull', `${ours.address}/bench:1`], {
          env: { ...process.env, DOCKER_CONFIG: directory, XDG_CACHE_HOME: home },
          stdio: 'ignore',
        });
      if (trial === 0) pull();
      rmSync(join(home, 'trimaran/layers'), { recursive: true, force: true });
      await timed('trimaran pull ours', pull);
      await timed('trimaran pull skopeo', () =>
        skopeo('--src-tls-verify=false', source, `oci:${join(folder, 'oci')}`),
      );
      await timed('copy of blobs ours', () =>
        copyToLayout(session(), { reference, platform, folder: join(folder, 'layout') }),
      );
      await timed('copy of blobs skopeo', () =>
        skopeo('--src-tls-verify=false', source, `dir:${join(folder, 'dir')}`),
      );
    } finally {
      await ours.stop();
      await theirs.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  }
  console.log(`image of ${(statSync(archive).size / 1e6).toFixed(1)} MB, ${trials} trials, medians`);
  console.log('| what | trimaran | skopeo | ratio |\n|---|---|---|---|');
  const row = (what: string) => {
    const [mine, other] = [median(`${what} ours`), median(`${what} skopeo`)];
    console.log(
      `| ${what} | ${mine.toFixed(0)} ms | ${other.toFixed(0)} ms | ${(mine / other).toFixed(2)} |`,
    );
  };
  for (const what of ['push', 'push again', 'pull to an archive', 'pull', 'trimaran pull', 'copy of blobs'])
    row(what);
  console.log('`pull`: layers unpacked and checked by both, into our cache and into containers-storage.');
  console.log(
    '`trimaran pull`: the command, its start included, against `skopeo copy` into oci:; neither unpacks.',
  );
  console.log('`copy of blobs`: neither unpacks anything; ours into an OCI layout, skopeo into dir:.');
} finally {
  rmSync(directory, { recursive: true, force: true });
}
