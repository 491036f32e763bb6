// What this machine has for building, loading and running images. Looks, and changes nothing.
import { existsSync } from 'node:fs';
import { runtimes } from '../containers/run-image.ts';
import { findMirrors } from '../debian/archive.ts';
import { isTrimaranError } from '../foundation/error.ts';
import type { Host } from '../foundation/host.ts';
import { connectEngine } from '../oci/engine.ts';

export interface MachineFinding {
  /** What was looked for. */
  readonly what: string;
  readonly there: boolean;
  /** Version or place, or what is missing without it. */
  readonly detail: string;
}

/** Everything `trimaran doctor` reports, in its order. */
export async function examineMachine(host: Host): Promise<MachineFinding[]> {
  const mirrors = await findMirrors({ env: host.env, suite: 'bookworm' });
  return [
    { what: 'Node.js', there: true, detail: process.version },
    await engine(host),
    command(
      host,
      ['docker-compose', 'docker'],
      'docker-compose',
      'needed to run projects, not to build images',
    ),
    ...runtimes
      .slice(1)
      .map((name) => command(host, [name], name, 'one way less to run images without an engine')),
    userNamespaces(),
    command(host, ['git'], 'git', 'flakes in git repositories and git inputs cannot be read'),
    {
      what: 'Debian mirror',
      there: mirrors.length > 0,
      detail:
        mirrors.length > 0
          ? `${mirrors.length} known from flag, environment or apt`
          : 'set TRIMARAN_DEBIAN_MIRROR',
    },
    command(host, ['nix'], 'Nix', 'not needed'),
    command(host, ['guix'], 'Guix', 'not needed'),
  ];
}

async function engine(host: Host): Promise<MachineFinding> {
  const what = 'container engine';
  try {
    const found = await connectEngine(host);
    return { what, there: true, detail: `${found.product} ${found.version}` };
  } catch (error) {
    if (!isTrimaranError(error)) throw error;
    return { what, there: false, detail: `${error.message}; images are written to files` };
  }
}

function command(host: Host, names: readonly string[], what: string, without: string): MachineFinding {
  const found = names.map((name) => host.which(name)).find((path) => path !== undefined);
  return { what, there: found !== undefined, detail: found ?? without };
}

function userNamespaces(): MachineFinding {
  const there = existsSync('/proc/self/ns/user');
  return {
    what: 'user namespaces',
    there,
    detail: there ? 'builds can run in a sandbox' : 'runCommand and its like need root',
  };
}
