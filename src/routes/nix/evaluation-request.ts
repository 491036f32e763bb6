// What the main thread asks of the thread that evaluates, and what that answers: plain data, since it is sent.
import type { StorePath } from '../../formats/store-path.ts';
import type { ByteString } from '../../foundation/byte-string.ts';
import type { Span } from '../../foundation/error.ts';
import type { PreparedRelease, ReleaseRequest } from '../../sets/debian/prepared-release.ts';
import type { UsedRelease } from '../../sets/project-lock.ts';
import type { FlakeNodes, NodeSource } from './flakes/flake-outputs.ts';
import type { Recording } from './recording.ts';

/** A locked flake, to be called. */
export interface SentFlake {
  /** What the main thread knows it by when it is asked to fetch a node. */
  readonly id: number;
  readonly nodes: FlakeNodes;
  /** Trees at hand, by node. */
  readonly sources: Readonly<Record<string, NodeSource>>;
}

/** What to evaluate. */
export type EvaluationTarget =
  | {
      readonly kind: 'flake';
      readonly flake: SentFlake;
      /** Attribute paths to try in order, as people write them. */
      readonly attributePaths: readonly string[];
      /** The flake as errors name it. */
      readonly shown: string;
    }
  | {
      readonly kind: 'file' | 'expression';
      /** An absolute path, or the expression itself. */
      readonly text: string;
      /** What relative paths of an expression start from. */
      readonly directory: string;
      readonly attributePath: string;
    };

/** What to do with the value. */
export type EvaluationAction =
  | { readonly kind: 'derivation' }
  | { readonly kind: 'value'; readonly apply: string | undefined; readonly form: 'json' | 'raw' | 'nix' };

/** A release as the Debian set's files ask for it. */
export interface SystemRelease extends ReleaseRequest {
  /** Nix's name: `x86_64-linux`. */
  readonly system: string;
}

/** A release made ready before anybody asked. */
export interface AnsweredRelease {
  readonly request: SystemRelease;
  readonly prepared: PreparedRelease;
}

export interface EvaluationRequest {
  readonly releases: readonly AnsweredRelease[];
  /** The physical root of stores. */
  readonly root: string;
  readonly storeDirectory: string;
  readonly system: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Seconds since 1970. */
  readonly currentTime: number;
  readonly pure: boolean;
  readonly showTrace: boolean;
  readonly target: EvaluationTarget;
  readonly action: EvaluationAction;
  /** Whether to say how the result depends on the flake's own files. */
  readonly record: boolean;
}

export interface EvaluatedDerivation {
  readonly kind: 'derivation';
  readonly attributePath: string;
  readonly drvPath: StorePath;
  readonly outputs: readonly string[];
}

export interface EvaluatedValue {
  readonly kind: 'value';
  /** Strings of Nix are bytes, and need not be UTF-8; JSON is. */
  readonly text: ByteString;
}

export interface EvaluationAnswer {
  /** Where the wanted attribute is defined, when that is known. */
  readonly definition?: Span | undefined;
  readonly result: EvaluatedDerivation | EvaluatedValue;
  readonly used: readonly UsedRelease[];
  /** Where it was asked for, and where the evaluation allows it. */
  readonly recording?: Recording | undefined;
}
