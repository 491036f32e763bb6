// What a builder written in Scheme is given: plain data, since it is sent to the thread that runs it.

/** What errors call the text of a builder. */
export const builderLabel = 'builder';

export interface BuilderRequest {
  /** The program. */
  readonly expression: string;
  /** The derivation, as errors name it. */
  readonly label: string;
  readonly env: Readonly<Record<string, string>>;
  /** The physical root of stores. */
  readonly root: string;
  readonly storeDirectory: string;
  /** Store paths that may be read. */
  readonly readable: readonly string[];
  /** Logical path of each output to where it is to be made. */
  readonly outputs: Readonly<Record<string, string>>;
  /** An empty folder, the builder's current one. */
  readonly folder: string;
  /** Milliseconds that it may run. */
  readonly timeLimit: number;
}
