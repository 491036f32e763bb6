// Runs a command in Linux namespaces by util-linux's tools: no network, own processes, and a root that holds what the
// caller names and nothing else. There is no fallback without isolation.
//
// Who one is inside: a `builder` is user 1000 (our own user outside) without any capability over files. `root` is user 0
// with the capabilities that container engines leave it. Which other owners `root` can give to files depends on us:
// real root can give all (no user namespace is used then); an ordinary user those that /etc/subuid and newuidmap allow
// (a file of user n+1 inside belongs to the n-th subordinate id outside); without these only 0, and chown(2) fails
// inside rather than being ignored. Owners are read back from inside, see `captureTree`.
//
// Leaves out: seccomp filters, cgroups, argv[0] other than the command's path.

import { existsSync, readFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { TrimaranError } from '../foundation/error.ts';
import type { Host } from '../foundation/host.ts';
import { canGiveFilesAway } from './file-owners.ts';
import { LineSplitter } from './line-splitter.ts';
import { type MountTable, prepareRoot, type SandboxMount, type SandboxRootFolder } from './sandbox-root.ts';
import setupScript from './sandbox-setup.sh';

export type { SandboxMount } from './sandbox-root.ts';

export interface SandboxOptions {
  readonly host: Host;
  /** What becomes `/`. */
  readonly root: SandboxRootFolder;
  /** Added to the root, in this order; targets that do not exist are made. */
  readonly mounts: readonly SandboxMount[];
  /** An empty folder of the caller's, on a disk, for the sandbox's own needs. */
  readonly scratch: string;
  /** Path inside. */
  readonly command: string;
  readonly args: readonly string[];
  /** The whole environment inside. Names and values as byte strings are not possible here: they are UTF-8. */
  readonly env: Readonly<Record<string, string>>;
  /** Path inside of the folder it starts in. */
  readonly workingFolder: string;
  readonly identity: 'builder' | 'root';
  /** Numeric user and group to become, for `root` alone. */
  readonly user?: { readonly uid: number; readonly gid: number } | undefined;
  /** `none` has a loopback device alone; `host` shares the machine's network. */
  readonly network: 'none' | 'host';
  /** `i686` on a 64-bit machine; the machine's own unless given. */
  readonly architecture?: 'i686' | undefined;
  /** Milliseconds after which everything inside is killed; none unless given. */
  readonly timeout?: number | undefined;
  /** Kills everything inside when it aborts. */
  readonly signal?: AbortSignal | undefined;
  /** Whole seconds between SIGTERM and SIGKILL when it is killed; no SIGTERM unless given. */
  readonly gracePeriod?: number | undefined;
  /** Each line that the command writes to its output or error, without its end. */
  readonly onLine: (line: string) => void;
}

export interface SandboxResult {
  /** The command's exit code, 128 + number when a signal ended it. */
  readonly exitCode: number;
  /** Whether it was killed because its time was over. */
  readonly timedOut: boolean;
}

/** What a root inside may give files: any owner, those of a range, or itself alone. */
export type OwnerRange = 'all' | 'range' | 'single';

/** Owners that `root` can give to files when we run it. */
export function ownerRange(host: Host): OwnerRange {
  if (canGiveFilesAway()) return 'all';
  const hasTools = host.which('newuidmap') !== undefined && host.which('newgidmap') !== undefined;
  return hasTools && hasSubordinateIds('/etc/subuid') && hasSubordinateIds('/etc/subgid')
    ? 'range'
    : 'single';
}

/**
 * Runs a command in a sandbox to its end. Rejects with `store/no-sandbox` when this machine does not let us make one,
 * saying why and what helps; `store/unsafe-root` when a mount's target leads through a link;
 * `store/unsupported-variable` for variables that would change how the sandbox itself is made, such as LD_PRELOAD, unless
 * the command is a shell.
 */
export async function runInSandbox(options: SandboxOptions): Promise<SandboxResult> {
  const { host, scratch } = options;
  const tools = findTools(host);
  const prepared = await prepareRoot(options);
  const ready = join(scratch, 'ready');
  const table = join(scratch, 'mounts');
  await writeFile(table, prepared.table);
  const lines = new LineSplitter(options.onLine);
  // What comes before the command starts is the sandbox's own complaint, not the command's output.
  let isReady = false;
  let complaint = '';
  const onOutput = (chunk: Buffer) => {
    isReady ||= existsSync(ready);
    if (isReady) lines.write(chunk);
    else complaint += chunk.toString();
  };
  const lifeLine = new LifeLine(options);
  try {
    const result = await host.run({
      command: tools.unshare,
      args: [
        ...namespaceArguments(options, host),
        '--',
        tools.sh,
        '-c',
        setupScript,
        'sandbox',
        ...commandLine(options, tools),
      ],
      env: setupVariables(tools, prepared, { ready, table, grace: String(options.gracePeriod ?? 0) }),
      input: lifeLine.input(),
      onStdout: onOutput,
      onStderr: onOutput,
    });
    // Whoever gave up early learns nothing about the machine.
    options.signal?.throwIfAborted();
    if (!existsSync(ready) && !lifeLine.timedOut) throw noSandbox(complaint);
    // All that was said may have come in one piece with the last complaint.
    if (!isReady && existsSync(ready)) lines.write(Buffer.from(complaint));
    lines.end();
    return { exitCode: result.exitCode, timedOut: lifeLine.timedOut };
  } finally {
    lifeLine.cut();
    await rm(ready, { force: true });
  }
}

/**
 * Puts a folder that `root` wrote to into a tar, with owners as they are inside and extended attributes. Reads what we
 * could not read from outside. Sockets are left out; deletions of an overlay show as character devices 0:0.
 * Rejects with `store/no-sandbox` and `store/capture-failed`.
 */
export async function captureTree(options: {
  readonly host: Host;
  readonly folder: string;
  /** Full path of the tar to write. */
  readonly tar: string;
}): Promise<void> {
  const { host, folder, tar } = options;
  const result = await runAsOwner(host, 'tar', [
    '--create',
    '--format=posix',
    '--numeric-owner',
    '--sort=name',
    '--xattrs',
    '--xattrs-include=*',
    '--warning=no-file-ignored',
    `--file=${tar}`,
    `--directory=${folder}`,
    '.',
  ]);
  if (result.exitCode !== 0) throw failed('store/capture-failed', `cannot read ${folder}`, result.stderr);
}

/** Removes a folder that `root` wrote to, whoever owns its files. */
export async function removeSandboxTree(host: Host, folder: string): Promise<void> {
  const result = await runAsOwner(host, 'rm', ['-rf', '--', folder]);
  if (result.exitCode !== 0) throw failed('store/remove-failed', `cannot remove ${folder}`, result.stderr);
}

/** Runs a tool of the host with the users of a sandbox's root, but with the host's files. */
function runAsOwner(host: Host, tool: string, args: readonly string[]) {
  const command = requireTool(host, tool);
  const env = { LC_ALL: 'C', PATH: host.env.PATH ?? '' };
  if (ownerRange(host) === 'all') return host.run({ command, args, env });
  const namespaces = ['--user', '--map-root-user', ...(ownerRange(host) === 'range' ? ['--map-auto'] : [])];
  return host.run({
    command: requireTool(host, 'unshare'),
    args: [...namespaces, '--', command, ...args],
    env,
  });
}

interface Tools {
  readonly [name: string]: string;
  readonly unshare: string;
  readonly sh: string;
  readonly mount: string;
  readonly setpriv: string;
  readonly setarch: string;
  readonly env: string;
}

function findTools(host: Host): Tools {
  const names = [
    'unshare',
    'sh',
    'mount',
    'setpriv',
    'setarch',
    'env',
    'mkdir',
    'ln',
    'cat',
    'sleep',
  ] as const;
  const tools = Object.fromEntries(names.map((name) => [name, requireTool(host, name)]));
  const optional = ['hostname', 'ip'].map((name) => [name, host.which(name) ?? '']);
  return { ...tools, ...Object.fromEntries(optional) } as unknown as Tools;
}

function requireTool(host: Host, name: string): string {
  // Tools for administrators are not on everybody's PATH.
  const found =
    host.which(name) ?? ['/usr/sbin', '/sbin'].map((folder) => host.which(`${folder}/${name}`)).find(Boolean);
  if (found !== undefined) return found;
  throw new TrimaranError({
    code: 'store/no-sandbox',
    message: `cannot make a sandbox: the command ${name} is missing`,
    hint: 'install util-linux and coreutils: `apt-get install util-linux coreutils`',
    exitCode: 4,
  });
}

function namespaceArguments(options: SandboxOptions, host: Host): string[] {
  const args = ['--mount', '--pid', '--fork', '--kill-child', '--ipc', '--uts'];
  if (options.network === 'none') args.push('--net');
  if (options.identity === 'builder') {
    // Capabilities must outlive execve(2) of the tools, since inside nobody is user 0.
    return ['--user', '--map-user=1000', '--map-group=100', '--keep-caps', ...args];
  }
  switch (ownerRange(host)) {
    case 'all':
      return args;
    case 'range':
      return ['--user', '--map-root-user', '--map-auto', ...args];
    case 'single':
      return ['--user', '--map-root-user', ...args];
  }
}

/** The capabilities of a root inside: those of Docker's containers, without mknod, for there is no device filter. */
const rootCapabilities = [
  'chown',
  'dac_override',
  'fowner',
  'fsetid',
  'kill',
  'setgid',
  'setuid',
  'setpcap',
  'net_bind_service',
  'sys_chroot',
  'audit_write',
  'setfcap',
];

function commandLine(options: SandboxOptions, tools: Tools): string[] {
  const { command, args, env } = withSafeVariables(options);
  // A builder needs one capability for the last step, and it harms nobody: there is nothing above its root.
  const kept = options.identity === 'builder' ? ['sys_chroot'] : rootCapabilities;
  const set = ['-all', ...kept.map((name) => `+${name}`)].join(',');
  const capabilities =
    options.identity === 'builder'
      ? [`--inh-caps=${set}`, `--ambient-caps=${set}`, `--bounding-set=${set}`, '--no-new-privs']
      : ['--inh-caps=-all', `--bounding-set=${set}`];
  const user =
    options.user === undefined ? [] : [`--setgid=${options.user.gid}`, `--setuid=${options.user.uid}`];
  return [
    tools.env,
    '-i',
    ...Object.entries(env).map(([name, value]) => `${name}=${value}`),
    // Addresses of memory find their way into results; the same ones each time find the same way.
    tools.setarch,
    options.architecture === 'i686' ? 'i386' : machineName(),
    '--addr-no-randomize',
    tools.setpriv,
    ...capabilities,
    tools.unshare,
    '--root=.',
    `--wd=${options.workingFolder}`,
    ...user,
    '--',
    command,
    ...args,
  ];
}

function machineName(): string {
  return process.arch === 'arm64' ? 'aarch64' : 'x86_64';
}

function setupVariables(
  tools: Tools,
  prepared: MountTable,
  rest: { readonly ready: string; readonly table: string; readonly grace: string },
): Record<string, string> {
  const { mount, mkdir: makeFolder, ln, cat, sleep, hostname, ip } = tools;
  return {
    LC_ALL: 'C',
    mount,
    mkdir: makeFolder!,
    ln: ln!,
    cat: cat!,
    sleep: sleep!,
    hostname: hostname ?? '',
    ip: ip ?? '',
    root: prepared.root,
    overlay: prepared.overlay ?? '',
    layers: prepared.layers ?? '',
    ...rest,
  };
}

/**
 * Variables that the loader and the C library of the tools that make the sandbox would heed, before the command does
 * (the list is glibc's own, of what set-user-id programs ignore).
 */
const unsafeVariables =
  /^(LD_.*|GLIBC_TUNABLES|GCONV_PATH|GETCONF_DIR|HOSTALIASES|LOCALDOMAIN|LOCPATH|MALLOC_.*|NIS_PATH|NLSPATH|RESOLV_HOST_CONF|RES_OPTIONS|TZDIR)$/;

/**
 * The command with the variables that may be set outside. Those that may not are set by the command itself, when it is
 * a shell, before it does anything else.
 */
function withSafeVariables(
  options: Pick<SandboxOptions, 'command' | 'args' | 'env'>,
): Pick<SandboxOptions, 'command' | 'args' | 'env'> {
  const { command, args } = options;
  const names = Object.keys(options.env).filter((name) => unsafeVariables.test(name));
  if (names.length === 0) return options;
  if (!/\/(ba|da)?sh$/.test(command)) {
    throw new TrimaranError({
      code: 'store/unsupported-variable',
      message: `the variable ${names[0]} cannot be given to ${command}, since it is no shell`,
      hint: `let a shell run it: \`export ${names[0]}=…; exec ${command}\``,
    });
  }
  const exports = names.map((name) => `export ${name}='${options.env[name]!.replaceAll("'", "'\\''")}'; `);
  const env = Object.fromEntries(Object.entries(options.env).filter(([name]) => !names.includes(name)));
  return { command, args: ['-c', `${exports.join('')}exec "$0" "$@"`, command, ...args], env };
}

/** An input that stays open until the time is over, the caller gives up, or the command has ended. */
class LifeLine {
  timedOut = false;
  #cut: () => void = () => {};
  readonly #ended: Promise<void>;
  readonly #timer: NodeJS.Timeout | undefined;
  readonly #signal: AbortSignal | undefined;

  constructor({ timeout, signal }: Pick<SandboxOptions, 'timeout' | 'signal'>) {
    this.#ended = new Promise((resolve) => {
      this.#cut = resolve;
    });
    this.#signal = signal;
    signal?.addEventListener('abort', this.#cut);
    if (signal?.aborted) this.#cut();
    if (timeout !== undefined) {
      this.#timer = setTimeout(() => {
        this.timedOut = true;
        this.#cut();
      }, timeout);
    }
  }

  input(): AsyncIterable<Uint8Array> {
    const next = async () => {
      await this.#ended;
      return { done: true as const, value: undefined };
    };
    return { [Symbol.asyncIterator]: () => ({ next }) };
  }

  cut(): void {
    clearTimeout(this.#timer);
    this.#signal?.removeEventListener('abort', this.#cut);
    this.#cut();
  }
}

function hasSubordinateIds(file: string): boolean {
  try {
    // Throws for a user without a name, who has no subordinate ids either.
    const { username, uid } = userInfo();
    return readFileSync(file, 'utf8')
      .split('\n')
      .some((line) => line.startsWith(`${username}:`) || line.startsWith(`${uid}:`));
  } catch {
    return false;
  }
}

function noSandbox(complaint: string): TrimaranError {
  const reason = complaint.trim().split('\n').at(-1) ?? '';
  const isRefused = /not permitted|Permission denied|No space left/.test(reason);
  return new TrimaranError({
    code: 'store/no-sandbox',
    message: `cannot make a sandbox: ${reason === '' ? 'unshare ended without a word' : reason.replace(/No space left on device$/, 'no more user namespaces are allowed')}`,
    hint: isRefused
      ? 'allow user namespaces: `sysctl -w user.max_user_namespaces=15000`, on Ubuntu also ' +
        '`sysctl -w kernel.apparmor_restrict_unprivileged_userns=0`; in a container run it with `--privileged`'
      : 'it needs Linux 5.11 and util-linux 2.36 or newer',
    exitCode: 4,
  });
}

function failed(code: string, message: string, stderr: Buffer): TrimaranError {
  const reason = stderr.toString().trim().split('\n').at(-1) ?? '';
  return new TrimaranError({ code, message: `${message}: ${reason}`, exitCode: 4 });
}
