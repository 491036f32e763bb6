// Builds a service in a process of its own, with a store of its own and surroundings of its own: what must make no
// difference. Fetched packages are shared, as what is fetched is checked by its hash anyway.
import {
  chownSync,
  copyFileSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  statSync,
} from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { systemErrorCode, TrimaranError } from '../../foundation/error.ts';
import type { Host } from '../../foundation/host.ts';
import { readArchive } from '../../oci/archive-read.ts';
import type { Image } from '../../oci/image.ts';

/** What surrounds one build. */
export interface Surroundings {
  readonly timeZone: string;
  readonly locale: string;
  readonly umask: string;
  readonly hostName?: string;
  /** Numeric id; the caller's own when absent. */
  readonly user?: number;
  /** Further group of that user: the one that may speak to the engine. */
  readonly group?: number;
  /** How many cores may be used; all when absent. */
  readonly cores?: number;
  /** Milliseconds since 1970; the true time when absent. */
  readonly clock?: number;
}

export interface VariedBuildOptions {
  readonly host: Host;
  /** Our own program and what goes before its arguments. */
  readonly program: readonly string[];
  readonly projectDirectory: string;
  /** Arguments of `build`, the service included. */
  readonly args: readonly string[];
  readonly surroundings: Surroundings;
  /** Folder for this build alone. */
  readonly directory: string;
  /** Trimaran's cache that packages are taken from. */
  readonly sharedCache: string;
}

/** Makes the image. Rejects with `verify/build-failed`. */
export async function buildVaried(options: VariedBuildOptions): Promise<Image> {
  const { host, directory, surroundings, sharedCache } = options;
  const cache = join(directory, 'cache');
  const root = join(cache, 'trimaran');
  mkdirSync(root, { recursive: true, mode: 0o755 });
  shareFiles(join(sharedCache, 'debian'), join(root, 'debian'), surroundings.user);
  shareFiles(join(sharedCache, 'fetch'), join(root, 'fetch'), surroundings.user);
  if (surroundings.user !== undefined) {
    for (const folder of [directory, cache, root]) chownSync(folder, surroundings.user, surroundings.user);
  }
  const { command, args } = commandLine(options);
  const environment = Object.fromEntries(
    Object.entries(host.env).flatMap(([name, value]) =>
      value === undefined || /^LC_|^LANG/.test(name) ? [] : [[name, value]],
    ),
  );
  const { exitCode, stdout, stderr } = await host.run({
    command,
    args,
    cwd: options.projectDirectory,
    env: {
      ...environment,
      XDG_CACHE_HOME: cache,
      TZ: surroundings.timeZone,
      LC_ALL: surroundings.locale,
      LANG: surroundings.locale,
      ...(surroundings.user === undefined ? {} : foreignUser(directory)),
    },
  });
  if (exitCode !== 0) {
    throw new TrimaranError({
      code: 'verify/build-failed',
      message: `a build did not succeed:\n${lastLines(`${stdout.toString('utf8')}\n${stderr.toString('utf8')}`)}`,
      hint: 'see that `trimaran build` works',
      exitCode: 4,
    });
  }
  const [built] = JSON.parse(stdout.toString('utf8')) as { archive: string }[];
  const [image] = await readArchive(built!.archive, { cacheDirectory: join(root, 'layers') });
  return image!;
}

/** Another user has no home here, and git must not mind whose the project is. */
function foreignUser(directory: string): Record<string, string> {
  return {
    HOME: directory,
    GIT_CONFIG_COUNT: '1',
    GIT_CONFIG_KEY_0: 'safe.directory',
    GIT_CONFIG_VALUE_0: '*',
  };
}

function lastLines(text: string): string {
  return text.trim().split('\n').slice(-30).join('\n');
}

/** The build behind the programs that make its surroundings, as far as they are there. */
function commandLine({ host, program, args, surroundings }: VariedBuildOptions): {
  command: string;
  args: string[];
} {
  const { umask, hostName, user, group, cores, clock } = surroundings;
  const [node, ...script] = program;
  const fixed =
    clock === undefined
      ? []
      : ['--import', `data:text/javascript,const{now}=Date,s=now();Date.now=()=>${clock}+now()-s`];
  const words = [node!, ...fixed, ...script, 'build', '--json', '--no-load', '--no-cache', ...args];
  const before: string[] = [];
  if (hostName !== undefined)
    before.push('unshare', '--uts', 'sh', '-c', `hostname ${hostName} && exec "$@"`, 'sh');
  if (cores !== undefined && host.which('taskset') !== undefined)
    before.push('taskset', '-c', cores === 1 ? '0' : `0-${cores - 1}`);
  if (user !== undefined)
    before.push(
      'setpriv',
      `--reuid=${user}`,
      `--regid=${user}`,
      group === undefined ? '--clear-groups' : `--groups=${group}`,
      '--',
    );
  const line = [...before, 'sh', '-c', `umask ${umask} && exec "$@"`, 'sh', ...words];
  return { command: line[0]!, args: line.slice(1) };
}

/** Hard links to every file below a folder: no copy, and nothing that the build makes gets into the shared one. */
function shareFiles(from: string, to: string, owner: number | undefined): void {
  if (!existsSync(from)) return;
  mkdirSync(to, { recursive: true });
  if (owner !== undefined) chownSync(to, owner, owner);
  for (const name of readdirSync(from)) {
    const [source, target] = [join(from, name), join(to, name)];
    const found = lstatSync(source, { throwIfNoEntry: false });
    if (found?.isDirectory()) shareFiles(source, target, owner);
    else if (found?.isFile()) shareFile(source, { target, owner, mode: found.mode });
  }
}

/** A link, or a copy where the other user could not read that, or where it would cross to another disk. */
function shareFile(
  source: string,
  {
    target,
    owner,
    mode,
  }: { readonly target: string; readonly owner: number | undefined; readonly mode: number },
): void {
  try {
    if (owner === undefined || (mode & 0o004) !== 0) {
      linkSync(source, target);
      return;
    }
  } catch (error) {
    // It went away just now: it is fetched again.
    const code = systemErrorCode(error) ?? '';
    if (code === 'ENOENT' || code === 'EEXIST') return;
    if (code !== 'EXDEV' && code !== 'EPERM') throw error;
  }
  copyFileSync(source, target);
  if (owner !== undefined) chownSync(target, owner, owner);
}

/** Whether anybody may go into a folder, and through all that are around it. */
export function isOpenToOthers(folder: string): boolean {
  for (let at = folder; ; at = dirname(at)) {
    const found = statSync(at, { throwIfNoEntry: false });
    if (found !== undefined && (found.mode & 0o001) === 0) return false;
    if (dirname(at) === at) return true;
  }
}

/** Two surroundings that differ in all that this machine lets us vary, and what it does not. */
export function chooseSurroundings(
  host: Host,
  options: { readonly mayChangeUser: boolean; readonly group?: number | undefined },
): { readonly pair: readonly [Surroundings, Surroundings]; readonly notVaried: readonly string[] } {
  const isRoot = process.getuid?.() === 0;
  const notVaried: string[] = [];
  const can = (what: string, possible: boolean) => {
    if (!possible) notVaried.push(what);
    return possible;
  };
  const canHostName = can('host name', isRoot && host.which('unshare') !== undefined);
  const canUser = can('user', isRoot && options.mayChangeUser && host.which('setpriv') !== undefined);
  const canCores = can('cores', host.which('taskset') !== undefined && availableParallelism() > 1);
  return {
    pair: [
      { timeZone: 'UTC', locale: 'C.UTF-8', umask: '022', ...(canHostName ? { hostName: 'one' } : {}) },
      {
        timeZone: 'Pacific/Kiritimati',
        locale: 'tr_TR.UTF-8',
        umask: '077',
        ...(canHostName ? { hostName: 'another-host' } : {}),
        ...(canUser ? { user: 65534 } : {}),
        ...(canUser && options.group !== undefined ? { group: options.group } : {}),
        ...(canCores ? { cores: 1 } : {}),
        // Some days ahead: certificates and releases are still valid.
        clock: host.now() + 3 * 86_400_000,
      },
    ],
    notVaried,
  };
}
