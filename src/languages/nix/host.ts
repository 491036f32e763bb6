// The world as the Nix evaluator sees it. Everything it reads, writes, fetches, builds or prints goes through a
// NixHost; all calls are synchronous, paths are logical byte strings (`/nix/store/…`, wherever the bytes lie).
// `routes/nix` implements it with the real store; in-memory-host.ts is the one for tests.

import type { Derivation } from '../../formats/derivation.ts';
import type { StorePath } from '../../formats/store-path.ts';
import type { ByteString } from '../../foundation/byte-string.ts';
import type { Digest } from '../../foundation/digest.ts';

export type NixFileType = 'regular' | 'directory' | 'symlink' | 'unknown';

/** A plain value: what fetchers take and give. Strings are byte strings; integers may be bigints. */
export type HostValue =
  | null
  | boolean
  | number
  | bigint
  | ByteString
  | readonly HostValue[]
  | { readonly [name: string]: HostValue };

/** One thing a string depends on that must exist before the string is used as a path. */
export interface RealiseRequest {
  readonly drvPath: StorePath;
  readonly output: ByteString;
}

/** A tree that a fetcher brought into the store. */
export interface FetchedTree {
  /** The store path; it gets the string context of a source. */
  readonly outPath: StorePath;
  /** What else the result set has, in Nix's names: narHash, rev, shortRev, lastModified, lastModifiedDate … */
  readonly attributes: Readonly<Record<string, HostValue>>;
}

export interface AddPathRequest {
  readonly path: ByteString;
  readonly name: ByteString;
  /** `nar` keeps trees, links and the executable bit; `flat` hashes the bytes of one file. */
  readonly method: 'nar' | 'flat';
  /** Called for every file below `path` (not for `path` itself), parents first; false leaves it out. */
  readonly filter?: (path: ByteString, type: NixFileType) => boolean;
  /** What the SHA-256 (of the NAR or the file) must be. The host throws when it is not. */
  readonly expectedHash?: Digest;
}

/**
 * What the host must offer. Methods throw TrimaranErrors; the evaluator adds Nix's trace to them.
 */
export interface NixHost {
  /** The logical store directory, `/nix/store`. */
  readonly storeDirectory: string;

  /** The type of a file, links not followed; undefined when there is none. `path` is absolute and normalised. */
  lstat(path: ByteString): { readonly type: NixFileType } | undefined;
  /** All bytes of a file. Called only after `lstat` said `regular`. */
  readFile(path: ByteString): ByteString;
  /**
   * A text that another state of a regular file would not have, or undefined when the host cannot tell states apart.
   * A file whose stamp is known need not be read. A host that watches what is read must not offer it.
   */
  stamp?(path: ByteString): string | undefined;
  /** Names in a directory, any order. */
  readDirectory(path: ByteString): readonly { readonly name: ByteString; readonly type: NixFileType }[];
  /** Target of a symbolic link. */
  readLink(path: ByteString): ByteString;
  /**
   * Undefined when the evaluator may use an absolute path, else why not, as a message without position
   * (in pure mode: everything outside the store and what was fetched).
   */
  forbidden(path: ByteString): ByteString | undefined;

  /** Adds a text with its references (`builtins.toFile`) and returns its store path. */
  addTextToStore(request: {
    readonly name: ByteString;
    readonly text: ByteString;
    readonly references: readonly StorePath[];
  }): StorePath;
  /** Copies a file or tree into the store. */
  addPathToStore(request: AddPathRequest): StorePath;
  /** Writes a derivation, whose output paths are filled in, and returns its path. `text` is its ATerm form. */
  writeDerivation(drv: Derivation, text: ByteString): StorePath;
  /** Reads a derivation of the store. */
  readDerivation(path: StorePath): Derivation;
  /** Whether a store path exists (or can be brought). */
  isValidPath(path: StorePath): boolean;
  /** Makes a store path exist, or throws. */
  ensurePath(path: StorePath): void;
  /** The references of an existing store path. */
  references(path: StorePath): readonly StorePath[];
  /** Builds or substitutes outputs: import from derivation. Returns nothing; afterwards their files can be read. */
  realise(requests: readonly RealiseRequest[]): void;

  /** Seconds since 1970, for `builtins.currentTime`. */
  currentTime(): number;
  /** `x86_64-linux` and its like, for `builtins.currentSystem`. */
  readonly currentSystem: string;
  getEnv(name: ByteString): ByteString;
  /** The user's home, for `~/…`; undefined where there is none. */
  homeDirectory(): ByteString | undefined;

  /** `fetchTree` and `fetchGit` (`type = "git"` is then set): `attributes` as given, already checked for type. */
  fetchTree(request: {
    readonly attributes: Readonly<Record<string, HostValue>>;
    readonly builtin: 'fetchTree' | 'fetchGit' | 'fetchMercurial';
  }): FetchedTree;
  /** `fetchTree "github:…"`. */
  fetchTreeUrl(request: { readonly url: ByteString }): FetchedTree;
  /** `fetchurl` (a file) and `fetchTarball` (a tree, without its top directory). */
  fetchFile(request: {
    readonly url: ByteString;
    readonly name: ByteString;
    readonly unpack: boolean;
    readonly expectedHash: Digest | undefined;
  }): StorePath;
  /** Replaces `channel:…` and its like by the URL they stand for. */
  resolvePseudoUrl(url: ByteString): ByteString;
  /** `parseFlakeRef` and `flakeRefToString`. */
  parseFlakeRef(text: ByteString): Readonly<Record<string, HostValue>>;
  flakeRefToString(attributes: Readonly<Record<string, HostValue>>): ByteString;

  /** One whole line for the user: `trace: …`, `warning: …`, without line end. */
  message(text: ByteString): void;
}

/** Parsed programs kept between runs, by the hash of their text. Both methods may do nothing. */
export interface ParseCache {
  get(key: string): Uint8Array | undefined;
  put(key: string, program: Uint8Array): void;
  /** Programs by file and its state (`NixHost.stamp`), where the file need not even be read. */
  readonly byState?: {
    /** `variant` tells programs of one text apart. */
    program(variant: string, path: ByteString, stamp: string): Uint8Array | undefined;
    noteProgram(variant: string, path: ByteString, stamp: string, program: Uint8Array): void;
  };
}
