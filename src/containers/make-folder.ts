// Makes a folder of a container's root, its symbolic links followed as the container would: a link to `/x` means the
// root's own `/x`, never the host's.
import { lstatSync, mkdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

const mostLinks = 40;

/** Makes `path` and what is above it below `root`. Leaves alone what is no folder, and links that go round in a ring. */
export function makeFolder(root: string, path: string): void {
  let rest = path.split('/');
  let at: string[] = [];
  for (let links = 0; rest.length > 0; ) {
    const [part, ...after] = rest as [string, ...string[]];
    rest = after;
    if (part === '' || part === '.') continue;
    if (part === '..') {
      at.pop();
      continue;
    }
    const place = join(root, ...at, part);
    const found = lstatSync(place, { throwIfNoEntry: false });
    if (found?.isSymbolicLink()) {
      if (++links > mostLinks) return;
      const target = readlinkSync(place);
      if (target.startsWith('/')) at = [];
      rest = [...target.split('/'), ...rest];
      continue;
    }
    if (found === undefined) mkdirSync(place);
    else if (!found.isDirectory()) return;
    at.push(part);
  }
}
