// Files of the repositories that recipes name: cloned for a conversion, and removed after it.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import type { Host } from '../../foundation/host.ts';
import { hashFiles } from '../../routes/nix/hash-command.ts';
import { trimaranRoot } from '../../sets/cache-root.ts';
import { StagingArea } from '../../store/stage.ts';
import type { Source } from './image-needs.ts';

/** Repositories that sources name, cloned when somebody asks for a file of theirs; bounded in time. */
export class Clones {
  private readonly host: Host;
  private readonly folders = new Map<string, Promise<string | undefined>>();
  private root: string | undefined;

  constructor(host: Host) {
    this.host = host;
  }

  async read(source: Source, path: string): Promise<string | undefined> {
    const folder = await this.folder(source);
    const file = folder === undefined ? undefined : resolve(folder, path);
    if (file === undefined || relative(folder!, file).startsWith('..')) return undefined;
    return existsSync(file) && statSync(file).isFile() ? readFileSync(file, 'utf8') : undefined;
  }

  /** Names in a source's folder, or in one below it, sorted; undefined for a file, and where it cannot be had. */
  async entries(source: Source, inside = ''): Promise<readonly string[] | undefined> {
    const whole = await this.folder(source);
    const folder = whole === undefined ? undefined : join(whole, inside);
    if (folder === undefined || !existsSync(folder) || !statSync(folder).isDirectory()) return undefined;
    return readdirSync(folder)
      .filter((name) => !name.startsWith('.'))
      .sort();
  }

  /** The hash that Guix wants for a repository: of its files without `.git`, in base 32. */
  async hash(source: Source): Promise<string | undefined> {
    const folder = await this.folder(source);
    if (folder === undefined) return undefined;
    rmSync(join(folder, '.git'), { recursive: true, force: true });
    const request = {
      directory: folder,
      paths: ['.'],
      kind: 'path',
      algorithm: 'sha256',
      format: 'nix32',
    } as const;
    return hashFiles(request)[0];
  }

  private folder(source: Source): Promise<string | undefined> {
    if (source.kind === 'local') return Promise.resolve(source.path);
    if (source.kind === 'text') return Promise.resolve(undefined);
    const key = `${source.url} ${source.ref ?? ''}`;
    let folder = this.folders.get(key);
    if (folder === undefined) {
      folder = this.clone(source.url, source.ref);
      this.folders.set(key, folder);
    }
    return folder;
  }

  private async clone(url: string, ref: string | undefined): Promise<string | undefined> {
    const git = this.host.which('git');
    if (git === undefined || url.startsWith('-') || ref?.startsWith('-') === true) return undefined;
    this.root ??= new StagingArea(join(trimaranRoot(this.host), 'staging')).freshPath();
    mkdirSync(this.root, { recursive: true });
    const folder = join(this.root, String(this.folders.size));
    const { exitCode } = await this.host.run({
      command: git,
      args: ['clone', '--quiet', '--depth=1', ...(ref === undefined ? [] : ['-b', ref]), '--', url, folder],
      env: { PATH: this.host.env.PATH ?? '', HOME: this.root, GIT_TERMINAL_PROMPT: '0' },
      timeout: 60_000,
    });
    return exitCode === 0 ? folder : undefined;
  }

  remove(): void {
    if (this.root !== undefined) rmSync(this.root, { recursive: true, force: true });
  }
}
