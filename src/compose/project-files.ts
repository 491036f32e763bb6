// Which compose files a project has, what folder it is, and its `.env`: from flags, the environment, `.env` itself, and
// the names that are looked for in the folder and then above it.
import { readFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { type Span, systemErrorCode, TrimaranError } from '../foundation/error.ts';
import { parseEnvFile } from './env-file.ts';

export interface ProjectPlace {
  /** Where to look for the compose file; the files' own paths are relative to it. */
  readonly directory: string;
  /** `-f`, in order; found by name when absent. */
  readonly files?: readonly string[];
  /** `--env-file`; `.env` of the project folder when absent. */
  readonly envFile?: string;
  /** `--project-directory`; the folder of the first compose file when absent. */
  readonly projectDirectory?: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

export interface ProjectFiles {
  /** Compose files, absolute, in the order of merging. */
  readonly paths: readonly string[];
  /** Absolute path of the folder that relative paths start from. */
  readonly projectDirectory: string;
  /** What `.env` sets. */
  readonly variables: ReadonlyMap<string, string>;
}

/** Names looked for, in this order. */
const fileNames = ['compose.yaml', 'compose.yml', 'docker-compose.yml', 'docker-compose.yaml'];

/** Finds a project's files. Throws `compose/no-file`, and `compose/env-file` for a `.env` that is none. */
export async function findProjectFiles(place: ProjectPlace): Promise<ProjectFiles> {
  const directory = resolve(place.directory);
  const given = place.files ?? splitList(place.environment, new Map());
  const folderOf = (files: readonly string[]) =>
    resolve(directory, place.projectDirectory ?? dirname(files[0]!));
  const envFolder = given === undefined ? resolve(directory, place.projectDirectory ?? '.') : folderOf(given);
  const nearby = await readEnvironment(place, envFolder);
  const files = given ?? splitList(place.environment, nearby);
  if (files !== undefined) {
    refuseStandardInput(files);
    const paths = files.map((file) => resolve(directory, file));
    return { paths, projectDirectory: folderOf(files), variables: nearby };
  }
  const paths = await findFiles(directory);
  const projectDirectory = folderOf(paths);
  if (place.envFile !== undefined || projectDirectory === envFolder)
    return { paths, projectDirectory, variables: nearby };
  // From a folder inside the project, its own `.env` comes before the project's.
  const outer = await readEnvironment(place, projectDirectory);
  return { paths, projectDirectory, variables: new Map([...outer, ...nearby]) };
}

/** `COMPOSE_FILE`, which may stand in `.env` too. */
function splitList(
  environment: ProjectPlace['environment'],
  variables: ReadonlyMap<string, string>,
): string[] | undefined {
  const lookUp = (name: string) => environment[name] ?? variables.get(name);
  const separator = lookUp('COMPOSE_PATH_SEPARATOR') || ':';
  const files = (lookUp('COMPOSE_FILE') ?? '').split(separator).filter((file) => file !== '');
  return files.length === 0 ? undefined : files;
}

function refuseStandardInput(files: readonly string[]): void {
  if (!files.includes('-')) return;
  throw new TrimaranError({
    code: 'compose/no-file',
    message: 'a compose file from standard input (`-f -`) is not supported',
    hint: 'write it into a file: `… > compose.yaml`, and name that',
    exitCode: 2,
  });
}

async function findFiles(directory: string): Promise<string[]> {
  for (let folder = directory; ; folder = dirname(folder)) {
    for (const name of fileNames) {
      const file = join(folder, name);
      if ((await readOptional(file)) === undefined) continue;
      const extension = name.slice(name.lastIndexOf('.'));
      const stem = name.slice(0, name.lastIndexOf('.'));
      for (const other of [extension, extension === '.yml' ? '.yaml' : '.yml']) {
        const override = join(folder, `${stem}.override${other}`);
        if ((await readOptional(override)) !== undefined) return [file, override];
      }
      return [file];
    }
    if (dirname(folder) === folder) break;
  }
  const hasFlake = (await readOptional(join(directory, 'flake.nix'))) !== undefined;
  throw new TrimaranError({
    code: 'compose/no-file',
    message: `no compose file in ${directory} or above it`,
    hint: hasFlake
      ? 'build what the flake has: `trimaran nix build .#NAME`, or name a compose file: `-f FILE`'
      : `name it: \`-f FILE\`, or make one of ${fileNames.join(', ')}`,
  });
}

/** The text of a file that may be missing. Throws `compose/no-file` when it is there and cannot be read. */
async function readOptional(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === 'ENOENT' || code === 'EISDIR' || code === 'ENOTDIR') return undefined;
    throw unreadable(path, error);
  }
}

/** What to tell about a file that cannot be read; whatever is no error of the system comes back as it is. */
export function unreadable(path: string, cause: unknown, span?: Span): TrimaranError {
  const code = systemErrorCode(cause);
  if (code === undefined) throw cause;
  const reasons: Readonly<Record<string, readonly [message: string, hint: string]>> = {
    ENOENT: [`there is no file ${path}`, `correct its name, or make it`],
    ENOTDIR: [`there is no file ${path}`, `correct its name, or make it`],
    EISDIR: [`${path} is a folder`, 'name the file in it'],
    EACCES: [`${path} may not be read`, `make it readable: \`chmod +r ${path}\``],
  };
  const [message, hint] = reasons[code] ?? [`cannot read ${path} (${code})`, 'check the file and its disk'];
  return new TrimaranError({ code: 'compose/no-file', message, span, hint, cause });
}

async function readEnvironment(place: ProjectPlace, folder: string): Promise<Map<string, string>> {
  const directory = resolve(place.directory);
  const path = place.envFile === undefined ? join(folder, '.env') : resolve(directory, place.envFile);
  const text = await readOptional(path);
  if (text === undefined) {
    if (place.envFile === undefined) return new Map();
    throw new TrimaranError({
      code: 'compose/no-file',
      message: `there is no env file ${path}`,
      hint: 'correct `--env-file`',
    });
  }
  return parseEnvFile(text, relative(directory, path) || path, (name) => place.environment[name]);
}
