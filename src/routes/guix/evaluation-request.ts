// What the main thread asks of the thread that evaluates Scheme, and what that answers: plain data, since it is sent.

import type { StorePath } from '../../formats/store-path.ts';
import type { Span } from '../../foundation/error.ts';
import type { LockFile } from '../../sets/lock-file.ts';
import type { UsedRelease } from '../../sets/project-lock.ts';
import type { CopiedSources } from '../../sets/replayed-derivations.ts';

/** Where the things to build or pack are written. */
export interface GuixSources {
  /** Absolute paths of manifests. */
  readonly manifests: readonly string[];
  /** Scheme expressions that give packages or file-like objects. */
  readonly expressions: readonly string[];
  /** Absolute paths of files that give packages. */
  readonly files: readonly string[];
  /** Package specifications: `python-uvicorn@0.17`. */
  readonly specifications: readonly string[];
}

/** The image or archive to make of a profile, as options give it. */
export interface PackSettings {
  readonly format: 'docker' | 'tarball';
  readonly compression: 'none' | 'gzip' | 'zstd';
  /** As given: `areas_api` or `areas_api:1.0`; from the manifest when undefined. */
  readonly imageTag: string | undefined;
  readonly maxLayers: number;
  /** Relative to the profile. */
  readonly entryPoint: string | undefined;
  readonly entryPointArguments: readonly string[];
  /** Absolute source, target relative to the profile. */
  readonly symlinks: readonly { readonly source: string; readonly target: string }[];
  readonly saveProvenance: boolean;
  readonly workingDirectory: string | undefined;
  /** `NAME=VALUE` */
  readonly environment: readonly string[];
  /** `80` or `80/tcp` */
  readonly exposedPorts: readonly string[];
  readonly user: string | undefined;
  /** `KEY=VALUE` */
  readonly labels: readonly string[];
}

export type GuixAction =
  | { readonly kind: 'pack'; readonly sources: GuixSources; readonly settings: PackSettings }
  | { readonly kind: 'build'; readonly sources: GuixSources; readonly wantSources: boolean }
  | { readonly kind: 'describe' }
  | { readonly kind: 'show'; readonly specifications: readonly string[] }
  | { readonly kind: 'search'; readonly patterns: readonly string[] };

export interface GuixRequest {
  /** The physical root of stores. */
  readonly root: string;
  readonly storeDirectory: string;
  /** Tells this build of the program from others: what is kept between runs belongs to one. */
  readonly build: string;
  /** `x86_64-linux` */
  readonly system: string;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Absolute path of a channels file; the default channel when undefined. */
  readonly channelsFile: string | undefined;
  /** Absolute folders where modules are looked for first. */
  readonly loadPath: readonly string[];
  /** What the project's lock says of repositories: URL, then branch or tag, to a commit. */
  readonly lockedCommits: LockFile['git'];
  /** Suite of the default channel. */
  readonly defaultSuite: string;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Milliseconds that Scheme may run. */
  readonly timeLimit: number;
  readonly action: GuixAction;
}

/** A channel with its commit as used. */
export interface GuixChannel {
  readonly name: string;
  readonly url: string;
  readonly branch: string;
  readonly commit: string;
}

/** A package as `guix show` prints it. */
export interface ShownPackage {
  readonly name: string;
  readonly version: string;
  readonly dependencies: readonly string[];
  readonly homePage: string;
  readonly synopsis: string;
  readonly description: string;
  /** Of a search: higher is nearer. */
  readonly relevance?: number;
}

export type GuixResult =
  | { readonly kind: 'derivations'; readonly derivations: readonly EvaluatedDerivation[] }
  | { readonly kind: 'channels'; readonly channels: readonly GuixChannel[] }
  | { readonly kind: 'packages'; readonly packages: readonly ShownPackage[] };

interface EvaluatedDerivation {
  readonly drvPath: StorePath;
  readonly outputs: readonly string[];
}

export interface GuixAnswer {
  readonly result: GuixResult;
  readonly used: readonly UsedRelease[];
  readonly read: ReadState;
  /** Whether the same files and variables give the same again: not when the recipe looks at the clock. */
  readonly isMemorable: boolean;
  /** Where the packages stand that derivations were made for. */
  readonly places: ReadonlyMap<StorePath, Span>;
  /** How derivations came from copied files, where other files would give the same with other paths. */
  readonly recording?: GuixRecording | undefined;
}

/** Paths of copies are absolute. */
export interface GuixRecording extends CopiedSources {
  /** Files and folders that were copied and not read. */
  readonly copiedOnly: readonly string[];
  readonly derivations: readonly EvaluatedDerivation[];
}

/** Files and folders of this machine that a result depends on, by absolute path, with their states when first read. */
export interface ReadState {
  readonly files: Readonly<Record<string, string>>;
  readonly folders: Readonly<Record<string, string>>;
  /** Variables of the environment that the recipe asked for; null where there is none. */
  readonly variables: Readonly<Record<string, string | null>>;
}
