import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { indexTarFileSync } from '../formats/tar-read.ts';
import { removeDiskTree } from './disk-tree.ts';
import { captureTree, ownerRange, removeSandboxTree, runInSandbox, type SandboxOptions } from './sandbox.ts';
import { testHost } from './test-host.ts';

let folder: string;
let lines: string[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'trimaran sandbox,'));
  mkdirSync(join(folder, 'root/bin'), { recursive: true });
  mkdirSync(join(folder, 'scratch'));
  mkdirSync(join(folder, 'build'));
  lines = [];
});
afterEach(() => removeDiskTree(folder));

/** A root with the host's own programs. */
const hostPrograms: SandboxOptions['mounts'] = ['/usr', '/lib', '/lib64'].flatMap((target) => {
  return [{ kind: 'bind' as const, source: target === '/usr' ? target : `/usr${target}`, target }];
});

function run(script: string, options: Partial<SandboxOptions> = {}) {
  return runInSandbox({
    host: testHost(folder),
    root: { kind: 'folder', path: join(folder, 'root') },
    mounts: [
      ...hostPrograms,
      { kind: 'bind', source: join(folder, 'build'), target: '/build', writable: true },
    ],
    scratch: join(folder, 'scratch'),
    command: '/usr/bin/sh',
    args: ['-c', script],
    env: { PATH: '/usr/bin', WORD: 'a b' },
    workingFolder: '/build',
    identity: 'builder',
    network: 'none',
    onLine: (line) => lines.push(line),
    ...options,
  });
}

describe('a builder', () => {
  it('runs as an ordinary user with exactly its environment', async () => {
    const { exitCode } = await run(
      'id; pwd; echo "$WORD"; umask; uname -n; cat /proc/$$/comm; env | sort; exit 7',
    );
    expect(exitCode).toBe(7);
    expect(lines).toEqual([
      'uid=1000 gid=100 groups=100',
      '/build',
      'a b',
      '0022',
      'localhost',
      'sh',
      'PATH=/usr/bin',
      'PWD=/build',
      'WORD=a b',
    ]);
  });

  it('sees its inputs, cannot change them, and writes where it may', async () => {
    mkdirSync(join(folder, 'input'));
    writeFileSync(join(folder, 'input/file'), 'x');
    const input = { kind: 'bind' as const, source: join(folder, 'input'), target: '/nix/store/input' };
    const mounts = [
      ...hostPrograms,
      input,
      { kind: 'bind' as const, source: join(folder, 'build'), target: '/build', writable: true },
    ];
    const script = `
      cat /nix/store/input/file; echo
      touch /nix/store/input/new 2>/dev/null || echo read-only
      mount -o remount,rw,bind /nix/store/input 2>/dev/null || echo still
      echo made > made; echo out > /nix/store/out
      ls /; ls /dev`;
    const { exitCode } = await run(script, { mounts });
    expect(exitCode).toBe(0);
    expect(lines.slice(0, 3)).toEqual(['x', 'read-only', 'still']);
    expect(lines).not.toContain('home');
    expect(lines.slice(3)).toEqual([
      ...['bin', 'build', 'dev', 'lib', 'lib64', 'nix', 'proc', 'tmp', 'usr'],
      ...[
        'fd',
        'full',
        'null',
        'ptmx',
        'pts',
        'random',
        'shm',
        'stderr',
        'stdin',
        'stdout',
        'tty',
        'urandom',
        'zero',
      ],
    ]);
    expect(readFileSync(join(folder, 'build/made'), 'utf8')).toBe('made\n');
    expect(readFileSync(join(folder, 'root/nix/store/out'), 'utf8')).toBe('out\n');
    expect(readdirSync(join(folder, 'input'))).toEqual(['file']);
  });

  it('cannot leave its root, reach the network or another process', async () => {
    writeFileSync(join(folder, 'secret'), 'secret');
    const climb = `
      mkdir "/build/jail";
      chroot("/build/jail") or print "no chroot\\n"; chdir("..") for 1..60; chroot(".");
      print -e "${folder}/secret" ? "outside\\n" : "inside\\n";
      print -e "/proc/1/root/etc" ? "outside\\n" : "inside\\n";
      use Socket; socket(my $s, PF_INET, SOCK_STREAM, 0);
      print connect($s, pack_sockaddr_in(53, inet_aton("192.0.2.1"))) ? "net\\n" : "$!\\n";
      opendir(my $d, "/proc"); print scalar(grep /^\\d+$/, readdir $d), " processes\\n";
      open(my $f, ">", "/proc/sys/kernel/core_pattern") or print "$!\\n";`;
    const { exitCode } = await run(`perl -e '${climb}'`);
    expect(exitCode).toBe(0);
    expect(lines.slice(0, 3)).toEqual(['inside', 'inside', 'Network is unreachable']);
    // The first process, its watcher with a cat, and perl below its shell.
    expect(Number.parseInt(lines[3]!, 10)).toBeLessThanOrEqual(5);
    expect(lines[4]).toMatch(/Read-only file system|Permission denied/);
  });

  it('dies with all its children when its time is over or it is given up', async () => {
    const start = Date.now();
    const script = '(sleep 60; touch /build/late) & echo begun; sleep 60';
    // Over before it can begin, and over on the way.
    for (const timeout of [1, 400]) {
      expect(await run(script, { timeout })).toEqual({ exitCode: 137, timedOut: true });
    }
    const controller = new AbortController();
    const onLine = () => controller.abort(new Error('given up'));
    await expect(run(script, { signal: controller.signal, onLine })).rejects.toThrow('given up');
    await expect(run(script, { signal: AbortSignal.abort(new Error('never')) })).rejects.toThrow('never');
    expect(Date.now() - start).toBeLessThan(20_000);
  });

  it('gives lines as they come, whole', async () => {
    await run("printf 'a\\nb'; sleep 0.1; printf 'c\\n\\303'; printf '\\244' >&2");
    expect(lines).toEqual(['a', 'bc', 'ä']);
  });

  it('gets variables that the loader heeds only once it is inside', async () => {
    const env = { LD_PRELOAD: '/build/none.so', WORD: "it's" };
    const { exitCode } = await run('echo "$LD_PRELOAD" "$WORD" "$1"; exit 3', {
      env,
      args: ['-c', 'echo "$LD_PRELOAD" "$WORD" "$1"; exit 3', 'zero', 'one two'],
    });
    expect(exitCode).toBe(3);
    // The loader complains about the missing library once a program is started inside, and not before.
    expect(lines.at(-1)).toBe("/build/none.so it's one two");
    expect(lines.slice(0, -1).every((line) => line.includes("object '/build/none.so' from LD_PRELOAD"))).toBe(
      true,
    );
    expect(lines).toHaveLength(2);
    await expect(run('', { env, command: '/usr/bin/true', args: [] })).rejects.toMatchObject({
      code: 'store/unsupported-variable',
    });
  });

  it('may be asked to end before it is killed', async () => {
    const script =
      'trap "echo ending > /build/ending; exit 5" TERM; echo begun; while :; do sleep 0.05; done';
    const controller = new AbortController();
    const onLine = () => controller.abort(new Error('enough'));
    await expect(run(script, { signal: controller.signal, gracePeriod: 20, onLine })).rejects.toThrow(
      'enough',
    );
    expect(readFileSync(join(folder, 'build/ending'), 'utf8')).toBe('ending\n');
  });

  it('gets no mount through a link', async () => {
    symlinkSync('/', join(folder, 'root/link'));
    const mounts = [{ kind: 'bind' as const, source: '/usr', target: '/link/tmp/trimaran-escaped' }];
    await expect(run('true', { mounts })).rejects.toMatchObject({ code: 'store/unsafe-root' });
    await expect(
      run('true', { mounts: [{ kind: 'bind', source: '/usr', target: '/a/../b' }] }),
    ).rejects.toMatchObject({ code: 'store/unsafe-root' });
  });

  it('says that the command is not there', async () => {
    expect(await run('', { command: '/no/such' })).toEqual({ exitCode: 127, timedOut: false });
    expect(lines[0]).toContain('/no/such');
  });
});

describe('a root', () => {
  const layered = () => {
    mkdirSync(join(folder, 'low/etc'), { recursive: true });
    mkdirSync(join(folder, 'high/etc'), { recursive: true });
    mkdirSync(join(folder, 'upper'));
    writeFileSync(join(folder, 'low/etc/gone'), 'low');
    writeFileSync(join(folder, 'low/etc/both'), 'low');
    writeFileSync(join(folder, 'high/etc/both'), 'high');
    return {
      identity: 'root' as const,
      workingFolder: '/',
      mounts: hostPrograms,
      root: {
        kind: 'overlay' as const,
        layers: [join(folder, 'low'), join(folder, 'high')],
        upper: join(folder, 'upper'),
      },
    };
  };

  it('changes layers, and what it changed is captured with its owners', async () => {
    const script = `
      id -u; cat /etc/both; echo; rm /etc/gone; mkdir -p /data/new; echo x > /data/new/file
      chmod 4755 /data/new/file; chown 70:71 /data/new/file; chmod 700 /data/new; chown 999 /data/new`;
    const { exitCode } = await run(script, layered());
    const owners = ownerRange(testHost(folder));
    expect(exitCode).toBe(owners === 'single' ? 1 : 0);
    expect(lines.slice(0, 2)).toEqual(['0', 'high']);
    const tar = join(folder, 'captured.tar');
    await captureTree({ host: testHost(folder), folder: join(folder, 'upper'), tar });
    const tree = new Map(indexTarFileSync(tar).map((entry) => [entry.path, entry]));
    expect(tree.get('etc/gone')).toMatchObject({ kind: 'character-device', major: 0, minor: 0 });
    if (owners === 'single') return;
    expect(tree.get('data/new')).toMatchObject({ uid: 999, gid: 0, mode: 0o700 });
    // Changing the owner takes the set-id bits away.
    expect(tree.get('data/new/file')).toMatchObject({ uid: 70, gid: 71, mode: 0o755 });
    expect(readFileSync(join(folder, 'low/etc/gone'), 'utf8')).toBe('low');
    await removeSandboxTree(testHost(folder), join(folder, 'upper'));
    expect(readdirSync(folder)).not.toContain('upper');
  });

  it('has no power over the machine', async () => {
    const script = `
      mount -t tmpfs none /usr 2>/dev/null || echo no-mount
      mknod /disk b 254 0 2>/dev/null || echo no-mknod
      echo x 2>/dev/null > /proc/sys/kernel/core_pattern || echo no-sysctl
      ls /proc/1/root/ >/dev/null 2>&1 || echo no-escape`;
    await run(script, layered());
    expect(lines).toEqual(['no-mount', 'no-mknod', 'no-sysctl', 'no-escape']);
  });

  it('may become another user', async () => {
    if (ownerRange(testHost(folder)) === 'single') return;
    await run('id', { ...layered(), user: { uid: 70, gid: 71 } });
    expect(lines[0]).toBe('uid=70 gid=71 groups=71');
  });
});

// The same once more as nobody in particular, since root's rights hide mistakes.
// Needs the package uidmap.
describe.runIf(process.geteuid?.() === 0)('an ordinary user', () => {
  it('has the same sandbox', async () => {
    const bundle = join(folder, 'sandbox.mjs');
    await build({
      entryPoints: [fileURLToPath(new URL('./sandbox-as-user.ts', import.meta.url))],
      outfile: bundle,
      bundle: true,
      format: 'esm',
      platform: 'node',
      loader: { '.sh': 'text' },
      logLevel: 'error',
    });
    chmodSync(folder, 0o777);
    const user = ['--reuid=54321', '--regid=54321', '--clear-groups'];
    const output = execFileSync('setpriv', [...user, process.execPath, bundle, join(folder, 'own')], {
      encoding: 'utf8',
    });
    const outcome = {
      builder: { exitCode: 0, lines: ['1000', 'made'] },
      root: { exitCode: 0, lines: ['0', 'layer'] },
      captured: ['', 'etc', 'etc/made'],
      left: [],
    };
    expect(JSON.parse(output)).toEqual({
      ...outcome,
      // Without subordinate ids nobody but 0 is there to be given a file.
      chown: { exitCode: 1, lines: [expect.stringContaining('Invalid argument')] },
      owners: [0],
      ownerRange: 'single',
    });
    // With them, given in a mount namespace of their own, other owners are kept.
    const accounts = join(folder, 'accounts');
    mkdirSync(accounts);
    for (const [name, line] of Object.entries({
      passwd: 'tester:x:54321:54321::/tmp:/bin/sh',
      group: 'tester:x:54321:',
      subuid: 'tester:300000:65536',
      subgid: 'tester:300000:65536',
    })) {
      writeFileSync(join(accounts, name), `${readFileSync(join('/etc', name), 'utf8')}${line}\n`);
    }
    const script =
      'for f in passwd group subuid subgid; do mount --bind "$0/$f" "/etc/$f"; done; exec setpriv "$@"';
    const ranged = execFileSync(
      'unshare',
      ['--mount', 'sh', '-c', script, accounts, ...user, process.execPath, bundle, join(folder, 'own2')],
      { encoding: 'utf8' },
    );
    expect(JSON.parse(ranged)).toEqual({
      ...outcome,
      chown: { exitCode: 0, lines: [] },
      owners: [0, 70],
      ownerRange: 'range',
    });
  });
});
