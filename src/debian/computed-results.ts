// What maintainer scripts come to in ways that reading them does not tell: they run the package's own programs, or ask debconf,
// whose answer nobody changed. Few packages, each found by comparing with a machine where the scripts ran.
import type { RootDraft } from './root-draft.ts';
import type { AccountIds } from './script-words.ts';

interface Result {
  /** Owner and group by absolute path. */
  readonly owners?: Readonly<Record<string, readonly [string, string]>>;
  /** Targets of links by absolute path. */
  readonly links?: Readonly<Record<string, string>>;
}

/** Squid is asked whom it runs as. */
const squid: Result = {
  owners: { '/var/log/squid': ['proxy', 'proxy'], '/var/spool/squid': ['proxy', 'proxy'] },
};

const results: Readonly<Record<string, Result>> = {
  // The ways to printers that are chosen unless one answers otherwise; dnssd has two names.
  cups: {
    links: Object.fromEntries(
      ['lpd', 'socket', 'usb', 'snmp', 'dnssd', 'mdns'].map((name) => [
        `/usr/lib/cups/backend/${name}`,
        `../backend-available/${name === 'mdns' ? 'dnssd' : name}`,
      ]),
    ),
  },
  squid,
  'squid-openssl': squid,
};

/** Makes what the scripts of these packages would have made. */
export function declareComputedResults(draft: RootDraft, names: Iterable<string>, ids: AccountIds): void {
  for (const name of names) {
    if (!Object.hasOwn(results, name)) continue;
    const { owners = {}, links = {} } = results[name]!;
    for (const [path, [user, group]] of Object.entries(owners))
      draft.change(path, { uid: ids.uid(user), gid: ids.gid(group) });
    for (const [path, target] of Object.entries(links)) {
      const at = draft.pathOf(path);
      const found = at === undefined ? undefined : draft.follow(`${path.replace(/[^/]*$/, '')}${target}`);
      if (found !== undefined && draft.get(at!) === undefined) draft.putLink(at!, target);
    }
  }
}
