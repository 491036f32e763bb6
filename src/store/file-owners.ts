// Whether files can be given to anybody. Being user 0 does not tell: in a user namespace there may be no other user, and
// in a container the capability may be missing (user_namespaces(7), capabilities(7)).
import { readFileSync } from 'node:fs';

/** Numbers that packages' files and nobody have. */
const wantedIds = 65_535;
/** Bit of CAP_CHOWN in a set of capabilities. */
const chownBit = 1n << 0n;

/** Whether chown(2) lets this process give a file to any user and group below 65535. */
export function canGiveFilesAway(): boolean {
  if (process.geteuid?.() !== 0) return false;
  const capabilities = /^CapEff:\s*([0-9a-f]+)$/m.exec(textOf('/proc/self/status'))?.[1];
  if (capabilities !== undefined && (BigInt(`0x${capabilities}`) & chownBit) === 0n) return false;
  return ['/proc/self/uid_map', '/proc/self/gid_map'].every((file) => {
    const text = textOf(file);
    return text === '' || mappedIds(text) >= wantedIds;
  });
}

/** How many ids the lines `INSIDE OUTSIDE COUNT` map. */
function mappedIds(map: string): number {
  return map
    .trim()
    .split('\n')
    .reduce((sum, line) => sum + Number(line.trim().split(/\s+/)[2] ?? 0), 0);
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    // Without /proc nothing is known; then being user 0 must do.
    return '';
  }
}
