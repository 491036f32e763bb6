// The small model of what an image needs, whichever recipe says it. Every value keeps its place in the recipe.
import type { RecipeKind } from '../../compose/build-project.ts';
import type { Placed } from '../../compose/service.ts';

/** Files that come into the image whole: a repository at a reference, or a folder or file beside the recipe. */
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

export interface ImageNeeds {
  readonly kind: RecipeKind;
  /** The recipe's file, as the user would name it. */
  readonly file: string;
  readonly imageName: string | undefined;
  readonly base: Placed<string> | undefined;
  readonly sources: readonly Placed<Source>[];
  readonly requirements: readonly Placed<Requirement>[];
  /** `NAME` and value. */
  readonly environment: readonly Placed<readonly [string, string]>[];
  readonly workingDirectory: Placed<WorkingDirectory> | undefined;
  readonly entrypoint: Placed<readonly string[]> | undefined;
  readonly command: Placed<readonly string[]> | undefined;
  readonly user: Placed<string> | undefined;
  /** `80/tcp` */
  readonly ports: readonly Placed<string>[];
  readonly volumes: readonly Placed<string>[];
  /** What the recipe says and the model cannot hold, in words. */
  readonly remarks: readonly Placed<string>[];
}

/** The source's name in a flake or a manifest: `damn-server`, `server`. */
export function sourceName(source: Source): string {
  const last = (source.kind === 'git' ? source.url : source.path).replace(/\/+$/, '').replace(/^.*\//, '');
  const name = last.replace(/\.git$/, '').replace(/[^A-Za-z0-9_-]+/g, '-');
  return /^[A-Za-z_]/.test(name) ? name : `source-${name}`;
}
