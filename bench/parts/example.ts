// The example as benchmarks use it: copied, so that they may change it, and its packages as other tools name them.
import { cpSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { removeDiskTree } from '../../src/store/disk-tree.ts';

/** The project's folder, from which benchmarks are run. */
export const project = resolve(process.cwd());

/** Debian packages of the api image, as `--include` of mmdebstrap takes them. */
export const apiPackages =
  'python3,python3-uvicorn,uvicorn,python3-fastapi,python3-jwt,python3-requests-oauthlib,python3-itsdangerous,python3-asyncpg';

/** What maintainer scripts run: without these `mmdebstrap --variant=custom` cannot install the packages above. */
export const scriptTools =
  'base-files,base-passwd,bash,bsdutils,coreutils,dash,debianutils,diffutils,dpkg,findutils,grep,gzip,hostname,libc-bin,login,mawk,ncurses-bin,perl-base,sed,sysvinit-utils,tar,util-linux,init-system-helpers';

/** Copies the example into `folder`, without links to results. */
export function copyExample(folder: string): void {
  cpSync(join(project, 'examples/areas'), folder, {
    recursive: true,
    filter: (path) => !/\/result[^/]*$/.test(path),
  });
}

/** Forgets all that a cache (`XDG_CACHE_HOME`) holds but what was fetched. */
export function emptyStore(cache: string): void {
  const root = join(cache, 'trimaran');
  for (const name of readdirSync(root)) if (name !== 'debian') removeDiskTree(join(root, name));
}
