// What a Scheme program can reach outside of itself. An interpreter has no files, clock or environment of its own.

/** The outside world of an interpreter; all calls are synchronous. Paths are absolute or relative to `cwd`. */
export interface SchemeHost {
  /** Bytes of a file, or undefined when there is none. May throw a TrimaranError of its own. */
  readFile(path: string): Uint8Array | undefined;
  /** Writes a whole file; absent when programs may not write. */
  writeFile?(path: string, data: Uint8Array): void;
  /** What kind of thing a path is, links not followed; undefined when there is nothing. */
  stat?(path: string): FileStatus | undefined;
  /** Names in a directory, without `.` and `..`. */
  listDirectory?(path: string): readonly string[] | undefined;
  readLink?(path: string): string | undefined;
  makeDirectory?(path: string): void;
  /** Removes a file, link or empty directory. */
  remove?(path: string): void;
  /** Makes a symbolic link at `path`. */
  symlink?(target: string, path: string): void;
  /** Sets the permission bits. */
  changeMode?(path: string, mode: number): void;
  rename?(from: string, to: string): void;
  /** Sets the time of the last change, links not followed; seconds since 1970. */
  changeTime?(path: string, mtime: number): void;
  /** Opens a stream to the Unix socket at a path, undefined where nobody listens; absent when programs may not. */
  connect?(path: string): SchemeStream | undefined;
  /** Bytes kept under a key by an earlier run; absent when nothing is kept. */
  readExpansion?(key: string): Uint8Array | undefined;
  /** Keeps bytes under a key, hexadecimal digits that tell their content's origin, for later runs. */
  keepExpansion?(key: string, data: Uint8Array): void;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Is told of each variable of `env` that a program asks for; of undefined when it asks for all. */
  sawVariable?(name: string | undefined): void;
  /** Milliseconds since 1970, as programs see them. */
  now(): number;
  /** Milliseconds since whenever, that count against a program's time; `now` when absent. */
  elapsed?(): number;
  /** Directories that are searched for modules, in order. */
  readonly loadPath: readonly string[];
  /** What the program writes to its ports. */
  stdout(text: string): void;
  stderr(text: string): void;
}

/** A connection to some service. */
export interface SchemeStream {
  /** At most `count` bytes, waiting for some; none at the end. */
  read(count: number): Uint8Array;
  write(data: Uint8Array): void;
}

export interface FileStatus {
  readonly kind: 'file' | 'directory' | 'symlink' | 'other';
  readonly size: number;
  readonly mode: number;
  /** Seconds since 1970. */
  readonly mtime: number;
  readonly device?: number;
  readonly inode?: number;
}

/** A host that lives in memory: files by path, and what was printed. */
export function memoryHost(
  files: Readonly<Record<string, string>> = {},
  options: { loadPath?: readonly string[]; env?: Readonly<Record<string, string>> } = {},
): SchemeHost & { readonly output: () => string; readonly errors: () => string } {
  const store = new Map(
    Object.entries(files).map(([path, text]) => [path, Buffer.from(text, 'utf8') as Uint8Array]),
  );
  let output = '';
  let errors = '';
  return {
    readFile: (path) => store.get(path),
    writeFile: (path, data) => {
      store.set(path, data);
    },
    stat: (path) => {
      const data = store.get(path);
      if (data !== undefined) return { kind: 'file', size: data.length, mode: 0o644, mtime: 0 };
      const isDirectory = [...store.keys()].some((name) => name.startsWith(`${path.replace(/\/$/, '')}/`));
      return isDirectory ? { kind: 'directory', size: 0, mode: 0o755, mtime: 0 } : undefined;
    },
    listDirectory: (path) => {
      const prefix = `${path.replace(/\/$/, '')}/`;
      const names = new Set<string>();
      for (const name of store.keys()) {
        if (name.startsWith(prefix)) names.add(name.slice(prefix.length).split('/')[0]!);
      }
      return names.size === 0 ? undefined : [...names].sort();
    },
    remove: (path) => {
      store.delete(path);
    },
    env: options.env ?? {},
    cwd: '/',
    now: () => 0,
    loadPath: options.loadPath ?? [],
    stdout: (text) => {
      output += text;
    },
    stderr: (text) => {
      errors += text;
    },
    output: () => output,
    errors: () => errors,
  };
}
