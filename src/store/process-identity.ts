// Who owns a lock or a temporary place: a process, named so that another process can tell whether it still runs.
// A pid alone will not do, because pids come round again and containers that share a cache folder each count
// their own; so the name holds the process's start time, the boot and the pid namespace as well (proc(5)).
import { readFileSync, readlinkSync, statSync } from 'node:fs';

/** A foreign owner that has not touched its file for this long is taken for dead, in milliseconds. */
const foreignPatience = 10 * 60_000;

/** How often an owner should touch its file so that other pid namespaces see it alive, in milliseconds. */
export const heartbeatInterval = 60_000;

interface Surroundings {
  /** Boot and pid namespace: processes with the same value can look each other up. */
  readonly place: string;
  readonly startTime: string;
}

function readOrEmpty(read: () => string): string {
  try {
    return read();
  } catch {
    return '';
  }
}

/** Start time in clock ticks since boot, or undefined when no such process runs (a zombie runs no more). */
function startTimeOf(pid: number | 'self'): string | undefined {
  const stat = readOrEmpty(() => readFileSync(`/proc/${pid}/stat`, 'latin1'));
  // The second field is the command in parentheses and may itself hold spaces and parentheses.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (fields.length < 20 || fields[0] === 'Z' || fields[0] === 'X') return undefined;
  return fields[19];
}

let surroundings: Surroundings | undefined;

function ownSurroundings(): Surroundings {
  if (surroundings !== undefined) return surroundings;
  const boot = readOrEmpty(() => readFileSync('/proc/sys/kernel/random/boot_id', 'latin1'))
    .replaceAll('-', '')
    .slice(0, 12);
  const namespace = /\d+/.exec(readOrEmpty(() => readlinkSync('/proc/self/ns/pid')))?.[0] ?? '';
  // A /proc of another pid namespace would tell lies about our pids.
  const usable = readOrEmpty(() => readlinkSync('/proc/self')) === String(process.pid);
  surroundings = {
    place: boot !== '' && namespace !== '' && usable ? `${boot}_${namespace}` : '',
    startTime: startTimeOf('self') ?? '0',
  };
  return surroundings;
}

let counter = 0;

/** A name, unique for ever, that says which process made it: use it for a lock entry or a temporary folder. */
export function nameOwnedByThisProcess(): string {
  const { place, startTime } = ownSurroundings();
  const unique = `${Date.now().toString(36)}${(counter++).toString(36)}${Math.floor(Math.random() * 2 ** 40).toString(36)}`;
  return `${process.pid}-${startTime}-${place}-${unique}`;
}

/**
 * Whether the owner of a file made under {@link nameOwnedByThisProcess} is alive. Owners of another pid namespace
 * or machine cannot be looked up; they count as alive while they touch the file. A name of any other form is dead.
 */
export function isOwnerAlive(name: string, file: string): boolean {
  const match = /^(\d+)-(\d+)-([0-9a-f_]*)-[0-9a-z]+$/.exec(name);
  if (match === null) return false;
  const { place } = ownSurroundings();
  if (place !== '' && match[3] === place) return startTimeOf(Number(match[1])) === match[2];
  try {
    return Date.now() - statSync(file).mtimeMs < foreignPatience;
  } catch {
    return false;
  }
}
