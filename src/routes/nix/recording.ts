// What an evaluation of a local flake came to, as far as it depends on the flake's files: enough to say what it comes to
// when files have changed that were copied and not read. Kept beside the memo of the build.
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { DerivationHash } from '../../formats/derivation-hash.ts';
import type { StorePath } from '../../formats/store-path.ts';
import { temporaryNameFor } from '../../foundation/atomic-file.ts';
import type { ByteString } from '../../foundation/byte-string.ts';

/** Something of the flake's tree that evaluation looked at. `path` is relative to the tree; '' is the tree itself. */
export interface Observation {
  readonly path: ByteString;
  /** `type`: what kind of file lies there. `text`: SHA-256 of a file. `names`: what a folder holds. `target`: of a link. */
  readonly kind: 'type' | 'text' | 'names' | 'target';
  /** As {@link observed} writes it. */
  readonly state: ByteString;
}

/** A part of the flake's tree that evaluation copied into the store. */
export interface CopiedPath {
  readonly path: ByteString;
  readonly name: ByteString;
  readonly method: 'nar' | 'flat';
  readonly storePath: StorePath;
}

/** A derivation whose text names the tree, a copy, or another such derivation. */
export interface DependentDerivation {
  readonly path: StorePath;
  /** ATerm. */
  readonly text: ByteString;
}

export interface Recording {
  /** The tree itself. */
  readonly tree: StorePath;
  readonly observations: readonly Observation[];
  readonly copies: readonly CopiedPath[];
  /** Inputs first. */
  readonly dependents: readonly DependentDerivation[];
  /** What the other inputs of the dependents count for, by path. */
  readonly inputHashes: readonly (readonly [StorePath, DerivationHash])[];
  readonly drvPath: StorePath;
  readonly outputs: readonly string[];
}

/** What lies at a path, as an observation's state; undefined type means nothing. */
export function observed(
  kind: Observation['kind'],
  value: string | readonly string[] | undefined,
): ByteString {
  if (value === undefined) return '-';
  return kind === 'names' ? JSON.stringify([...(value as readonly string[])].sort()) : (value as string);
}

/** Keeps a recording, or forgets the one that was there. */
export function saveRecording<Kept>(file: string, kept: Kept | undefined): void {
  if (kept === undefined) {
    rmSync(file, { force: true });
    return;
  }
  mkdirSync(dirname(file), { recursive: true });
  const temporary = temporaryNameFor(file);
  writeFileSync(temporary, JSON.stringify(kept, writeMaps));
  renameSync(temporary, file);
}

/** What {@link saveRecording} kept; undefined when there is none that can be read. */
export function loadRecording<Kept>(file: string): Kept | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8'), readMaps) as Kept;
  } catch {
    return undefined;
  }
}

function writeMaps(_key: string, value: unknown): unknown {
  return value instanceof Map ? { $map: [...value] } : value;
}

function readMaps(_key: string, value: unknown): unknown {
  return typeof value === 'object' && value !== null && '$map' in value
    ? new Map(value.$map as [unknown, unknown][])
    : value;
}
