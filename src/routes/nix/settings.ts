// What the nix commands let one choose, whatever they do.

export interface NixSettings {
  /** `--override-input NAME REFERENCE`, in order. */
  readonly overrideInputs: ReadonlyMap<string, string>;
  readonly impure: boolean;
  readonly writeLockFile: boolean;
  readonly updateLockFile: boolean;
  /** Asks every source again. */
  readonly refresh: boolean;
  /** Uses nothing but what is here already. */
  readonly offline: boolean;
  /** Names every call in the trace of an error. */
  readonly showTrace: boolean;
}

/** What the commands do without options. */
export const defaultNixSettings: NixSettings = {
  overrideInputs: new Map(),
  impure: false,
  writeLockFile: true,
  updateLockFile: true,
  refresh: false,
  offline: false,
  showTrace: false,
};
