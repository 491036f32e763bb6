// update-alternatives(1), as far as an image needs it: the best of each group gets its links, through /etc/alternatives.
// The database in /var/lib/dpkg/alternatives is left out, since nothing changes a choice later.
import type { ScriptCommand } from './script-reader.ts';

/** One link of a group: `/usr/bin/awk` → `/etc/alternatives/awk` → `/usr/bin/mawk`. Absolute paths. */
export interface AlternativeLink {
  readonly link: string;
  readonly name: string;
  readonly path: string;
}

/** What a package offers for a group: its own link, and those that follow it. */
export interface Alternative extends AlternativeLink {
  readonly priority: number;
  readonly slaves: readonly AlternativeLink[];
}

/** The alternative that a command installs, or undefined for any other command. */
export function readAlternative(command: ScriptCommand): Alternative | undefined {
  if (!/(?:^|\/)update-alternatives$/.test(command[0] ?? '')) return undefined;
  let main: (AlternativeLink & { priority: number }) | undefined;
  const slaves: AlternativeLink[] = [];
  for (let i = 1; i < command.length; i++) {
    const [option, link, name, path, priority] = command.slice(i, i + 5);
    const isMain = option === '--install';
    if (!isMain && option !== '--slave') continue;
    if (link === undefined || name === undefined || path === undefined) return undefined;
    if (!link.startsWith('/') || !path.startsWith('/') || !/^[^/\s]+$/.test(name)) return undefined;
    if (isMain) {
      if (!/^-?\d{1,9}$/.test(priority ?? '')) return undefined;
      main = { link, name, path, priority: Number(priority) };
    } else {
      slaves.push({ link, name, path });
    }
    i += isMain ? 4 : 3;
  }
  return main === undefined ? undefined : { ...main, slaves };
}

/**
 * The links to make: of each group the alternative of highest priority whose path exists, the first of several, with those
 * of its slaves whose paths exist; sorted by link.
 */
export function chooseAlternatives(
  alternatives: readonly Alternative[],
  exists: (path: string) => boolean,
): AlternativeLink[] {
  const best = new Map<string, Alternative>();
  for (const alternative of alternatives) {
    if (!exists(alternative.path)) continue;
    const present = best.get(alternative.name);
    if (present === undefined || alternative.priority > present.priority)
      best.set(alternative.name, alternative);
  }
  const links = new Map<string, AlternativeLink>();
  for (const { slaves, link, name, path } of best.values()) {
    links.set(link, { link, name, path });
    for (const slave of slaves)
      if (exists(slave.path) && !links.has(slave.link)) links.set(slave.link, slave);
  }
  return [...links.values()].sort((a, b) => (a.link < b.link ? -1 : 1));
}
