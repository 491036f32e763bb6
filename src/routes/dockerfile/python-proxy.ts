// What pip gets from a locked build's proxy: constraints that hold the locked versions, and an index whose pages offer the
// locked files alone, each checked before it is given out. Distributions that the lock does not have come from the index
// itself, and are told.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomically } from '../../foundation/atomic-file.ts';
import { sha256Hex } from '../../foundation/digest.ts';
import { download } from '../../foundation/download.ts';
import type { Host } from '../../foundation/host.ts';
import { normalPythonName, parsePythonRequirement } from '../../languages/dockerfile/python-version.ts';
import type { LockedRequirement } from '../../sets/lock-file.ts';
import { proxyName } from './download-address.ts';
import { type IndexedFile, pythonIndexUrl, readIndexPage, withIndexCredentials } from './python-index.ts';

/** What pip is told in a locked build, by the name of the variable. */
export const pythonProxyVariables: ReadonlyMap<string, string> = new Map([
  ['PIP_INDEX_URL', `http://${proxyName}/pip/simple`],
  ['PIP_TRUSTED_HOST', proxyName],
  ['PIP_CONSTRAINT', `http://${proxyName}/pip/constraints.txt`],
]);

export interface PythonProxyOptions {
  readonly host: Host;
  /** Trimaran's cache. */
  readonly cacheDirectory: string;
  /** The recipe's requirements of the lock. */
  readonly requirements: ReadonlyMap<string, LockedRequirement>;
  /** Called with the name of a distribution that nothing fixes. */
  readonly onUnlocked: (name: string) => void;
}

interface OfferedFile {
  readonly filename: string;
  readonly url: string;
  readonly sha256?: string;
  readonly requiresPython?: string;
}

export type PythonAnswer =
  | { readonly kind: 'text'; readonly text: string; readonly type: string }
  | { readonly kind: 'file'; readonly file: string };

/** Locked versions by name, as indexes have it. */
function lockedByName(requirements: ReadonlyMap<string, LockedRequirement>): Map<string, LockedRequirement> {
  const byName = new Map<string, LockedRequirement>();
  for (const [requirement, locked] of requirements) {
    const name = parsePythonRequirement(requirement)?.name;
    if (name !== undefined && !byName.has(name)) byName.set(name, locked);
  }
  return byName;
}

export class PythonProxy {
  readonly #options: PythonProxyOptions;
  readonly #locked: ReadonlyMap<string, LockedRequirement>;
  readonly #addresses = new Map<string, string>();

  constructor(options: PythonProxyOptions) {
    this.#options = options;
    this.#locked = lockedByName(options.requirements);
  }

  /** Answers `/pip/…`; undefined for what is not there. Rejects as `readIndexPage` and `download`. */
  async answer(path: string): Promise<PythonAnswer | undefined> {
    if (path === '/pip/constraints.txt') {
      const lines = [...this.#locked].map(([name, { version }]) => `${name}==${version}\n`).sort();
      return { kind: 'text', text: lines.join(''), type: 'text/plain' };
    }
    const [, page] = /^\/pip\/simple\/([A-Za-z0-9._-]+)\/?$/.exec(path) ?? [];
    if (page !== undefined) return this.#page(normalPythonName(page));
    const [, sha256] = /^\/pip\/files\/([0-9a-f]{64})\/[^/]+$/.exec(path) ?? [];
    const url = sha256 === undefined ? undefined : this.#addresses.get(sha256);
    return url === undefined ? undefined : { kind: 'file', file: await this.#file(url, sha256!) };
  }

  async #page(name: string): Promise<PythonAnswer> {
    const locked = this.#locked.get(name);
    const files =
      locked === undefined ? await this.#unlockedFiles(name) : await this.#lockedFiles(name, locked);
    const links = files.map(({ filename, url, sha256, requiresPython }) => {
      const checked = locked !== undefined && sha256 !== undefined;
      if (checked) this.#addresses.set(sha256, url);
      const href = checked ? `/pip/files/${sha256}/${encodeURIComponent(filename)}` : url;
      const python =
        requiresPython === undefined ? '' : ` data-requires-python="${escapeHtml(requiresPython)}"`;
      const hash = sha256 === undefined ? '' : `#sha256=${sha256}`;
      return `<a href="${escapeHtml(href + hash)}"${python}>${escapeHtml(filename)}</a><br>\n`;
    });
    const text = `<!DOCTYPE html><html><body>\n${links.join('')}</body></html>\n`;
    return { kind: 'text', text, type: 'text/html' };
  }

  async #unlockedFiles(name: string): Promise<readonly OfferedFile[]> {
    this.#options.onUnlocked(name);
    return this.#indexed(name);
  }

  #indexed(name: string): Promise<readonly IndexedFile[]> {
    const { host } = this.#options;
    return readIndexPage(host, { index: pythonIndexUrl(host.env), name });
  }

  /** The files of the lock, from the cache where they have been looked up before. */
  async #lockedFiles(name: string, { version, hashes }: LockedRequirement): Promise<readonly OfferedFile[]> {
    const key = sha256Hex(Buffer.from([name, version, ...hashes].join('\n')));
    const kept = join(this.#options.cacheDirectory, 'fetch', 'python', `${key}.json`);
    if (existsSync(kept)) return JSON.parse(readFileSync(kept, 'utf8')) as OfferedFile[];
    const files = (await this.#indexed(name))
      .filter(({ sha256 }) => sha256 !== undefined && hashes.includes(`sha256:${sha256}`))
      .map(
        ({ filename, url, sha256, requiresPython }): OfferedFile => ({
          filename,
          url,
          ...(sha256 === undefined ? {} : { sha256 }),
          ...(requiresPython === undefined ? {} : { requiresPython }),
        }),
      );
    if (files.length > 0) await writeFileAtomically(kept, JSON.stringify(files));
    return files;
  }

  async #file(url: string, sha256: string): Promise<string> {
    const { host, cacheDirectory } = this.#options;
    const target = join(cacheDirectory, 'fetch', 'urls', sha256);
    const digest = { algorithm: 'sha256', bytes: Buffer.from(sha256, 'hex') } as const;
    if (!existsSync(target))
      await download({ host, urls: [withIndexCredentials(url, pythonIndexUrl(host.env))], target, digest });
    return target;
  }
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (unit) => `&#${unit.charCodeAt(0)};`);
}
