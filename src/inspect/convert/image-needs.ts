// The small model of what an image needs, whichever recipe says it. Every value keeps its place in the recipe.
import type { RecipeKind } from '../../compose/build-project.ts';
import type { Placed } from '../../compose/service.ts';

/** Files that come into the image whole: a repository at a reference, a folder or file beside the recipe, or a text in it. */
export type Source =
  | {
      readonly kind: 'git';
      readonly url: string;
      /** Branch, tag or commit; absent for the default branch. */
      readonly ref?: string;
      /** Where it lies in the image; absent where the recipe leaves that to a store. */
      readonly target?: string;
    }
  | {
      readonly kind: 'local';
      /** Absolute. */
      readonly path: string;
      readonly target?: string;
    }
  | {
      readonly kind: 'text';
      readonly text: string;
      readonly target: string;
      readonly isExecutable?: boolean;
    };

export interface Requirement {
  /** Whose name it is: Debian's, PyPI's, or that of a package set. */
  readonly from: 'debian' | 'python' | 'nixpkgs' | 'guix' | 'other';
  readonly name: string;
  /** As the recipe restricts it: `==1.2`, `>=3`; empty when it does not. */
  readonly version: string;
}

export type WorkingDirectory =
  | { readonly kind: 'path'; readonly path: string }
  /** `inside` is a path below the source, empty for the source itself. */
  | { readonly kind: 'source'; readonly source: Source; readonly inside: string };

/** How an engine asks whether a container is well. */
export interface Healthcheck {
  /** As the configuration has it: `CMD` and words, `CMD-SHELL` and a line, or `NONE`. */
  readonly test: readonly string[];
  /** Nanoseconds, and a number of failures; 0 for the engine's own. */
  readonly interval: number;
  readonly timeout: number;
  readonly startPeriod: number;
  readonly startInterval: number;
  readonly retries: number;
}

export interface ImageNeeds {
  readonly kind: RecipeKind;
  /** The recipe's file, as the user would name it. */
  readonly file: string;
  readonly imageName: string | undefined;
  readonly base: Placed<string> | undefined;
  readonly sources: readonly Placed<Source>[];
  readonly requirements: readonly Placed<Requirement>[];
  /** Requirements files that could not be had, by their paths in the image. */
  readonly unreadRequirements?: readonly Placed<string>[];
  /** `NAME` and value. */
  readonly environment: readonly Placed<readonly [string, string]>[];
  readonly workingDirectory: Placed<WorkingDirectory> | undefined;
  /** A source whose files lie in the root, where a recipe that cannot name a working directory starts its command. */
  readonly rootSource?: Placed<Source> | undefined;
  /** A folder of the image whose entries links in the root stand for; a command starts there as well as in the root. */
  readonly rootFolder?: Placed<string> | undefined;
  readonly entrypoint: Placed<readonly string[]> | undefined;
  readonly command: Placed<readonly string[]> | undefined;
  readonly user: Placed<string> | undefined;
  /** `80/tcp` */
  readonly ports: readonly Placed<string>[];
  readonly volumes: readonly Placed<string>[];
  /** Name and value. */
  readonly labels: readonly Placed<readonly [string, string]>[];
  readonly healthcheck: Placed<Healthcheck> | undefined;
  /** `SIGTERM` */
  readonly stopSignal: Placed<string> | undefined;
  /** What the recipe says and the model cannot hold, in words. */
  readonly remarks: readonly Placed<string>[];
}

/** The source's name in a flake or a manifest: `damn-server`, `server`. */
export function sourceName(source: Source): string {
  const whole = source.kind === 'git' ? source.url : source.kind === 'local' ? source.path : source.target;
  const last = whole.replace(/\/+$/, '').replace(/^.*\//, '');
  const name = last.replace(/\.git$/, '').replace(/[^A-Za-z0-9_-]+/g, '-');
  return /^[A-Za-z_]/.test(name) ? name : `source-${name}`;
}

/** Whether both are the same files, wherever they lie in the image. */
export function sameSource(a: Source, b: Source): boolean {
  switch (a.kind) {
    case 'git':
      return b.kind === 'git' && a.url === b.url && a.ref === b.ref;
    case 'local':
      return b.kind === 'local' && a.path === b.path;
    case 'text':
      return b.kind === 'text' && a.text === b.text && a.target === b.target;
  }
}
