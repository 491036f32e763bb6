// What an earlier evaluation comes to now that files of the flake have changed, without evaluating. It holds when all
// that evaluation looked at is as it was, and other files went into store objects whose paths were only passed on (see
// source-trace.ts): then the derivations are the same but for those paths, and for what follows from them.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromByteString } from '../../foundation/byte-string.ts';
import { sha256Hex } from '../../foundation/digest.ts';
import type { Host } from '../../foundation/host.ts';
import { ArchiveDraft } from '../../oci/archive-draft.ts';
import { usableRoot } from '../../sets/cache-root.ts';
import {
  type CopiedPath,
  DigestRenaming,
  digestOf,
  hasInputs,
  replayDerivations,
} from '../../sets/replayed-derivations.ts';
import { type Lstat, sourceState } from '../../sets/source-state.ts';
import { LocalStore } from '../../store/local-store.ts';
import type { NixBuildRequest } from './build.ts';
import type { Built } from './build-installable.ts';
import { showFlakeReference } from './flakes/flake-reference.ts';
import { parseInstallable } from './flakes/installable.ts';
import { readFlakeSettings } from './flakes/settings.ts';
import type { Recording } from './recording.ts';
import { StoreBuilds } from './store-builds.ts';
import { folderTree, modifiedGitTree, type WorkingTree } from './working-tree.ts';

/** A recording, and what besides the flake's tree it depends on. */
export interface KeptRecording {
  readonly recording: Recording;
  /** The flake's reference as the installable gave it. */
  readonly reference: string;
  readonly kind: 'folder' | 'git';
  readonly directory: string;
  /** Where the result lies that the recording is of. */
  readonly physicalPath: string;
  /** Lock files and the SHA-256 of each; '-' for one that is not there. */
  readonly locks: readonly (readonly [string, string])[];
}

/** The lock files of a kept recording as they are. */
export function stateOfLocks(files: readonly string[]): KeptRecording['locks'] {
  return files.map((file) => {
    try {
      return [file, sha256Hex(readFileSync(file))] as const;
    } catch {
      return [file, '-'] as const;
    }
  });
}

/**
 * Builds what an earlier evaluation of the same installable comes to now. Undefined when that cannot be told, or when
 * more than what depends on the changed files would have to be built. Rejects as `StoreBuilds.realise`.
 */
export async function replayBuild(
  request: NixBuildRequest,
  installable: string,
  { kept, lstat }: { readonly kept: KeptRecording; readonly lstat: Lstat },
): Promise<(Built & { readonly kept: KeptRecording }) | undefined> {
  const { host } = request;
  const { directory } = kept;
  if (plainReference(host, installable) !== kept.reference) return undefined;
  const files = kept.locks.map(([file]) => file);
  if (JSON.stringify(stateOfLocks(files)) !== JSON.stringify(kept.locks)) return undefined;
  const tracked = kept.kind === 'git' ? modifiedGitTree(directory, lstat) : undefined;
  const tree = kept.kind === 'git' ? tracked?.tree : folderTree(directory);
  if (tree === undefined) return undefined;
  const source = { directory, tracked: tracked?.files.map(fromByteString) };
  const state = sourceState(source, files, lstat);
  if (!isAsObserved(tree, kept.recording)) return undefined;
  const notes: string[] = [];
  if (kept.kind === 'git') {
    const settings = readFlakeSettings(host, () => {});
    if (!settings.allowDirty) return undefined;
    if (settings.warnDirty) notes.push(`warning: Git tree '${directory}' is dirty`);
  }
  const store = new LocalStore({ root: usableRoot(host), storeDirectory: '/nix/store' });
  const draft = ArchiveDraft.begin(kept.physicalPath, store.temporaryPath());
  const log = request.showLogs === true ? (line: string) => host.progress.note(line) : undefined;
  const builds = new StoreBuilds({ host, store, lock: undefined, log, draft });
  try {
    // Before anything is written: a derivation that is in the store has its inputs there.
    if (!hasInputs(kept.recording, store)) return undefined;
    const recording = applied(kept.recording, tree, store);
    if (recording === undefined) return undefined;
    for (const note of notes) host.progress.note(note);
    const built = await builds.realise(recording.drvPath, recording.outputs);
    const outputs = [...built].map(
      ([name, path]) => [name, { path, physicalPath: store.materialise(path) }] as const,
    );
    const result = { installable, drvPath: recording.drvPath, outputs: new Map(outputs) };
    const physicalPath = outputs[0]?.[1].physicalPath ?? kept.physicalPath;
    return { source, files, state, notes, result, kept: { ...kept, recording, physicalPath } };
  } finally {
    builds.close();
    await draft?.discard();
  }
}

/** What a reference says when it only says where a flake lies. */
const placeAttributes = new Set(['type', 'path', 'url']);

/**
 * A flake's reference as a kept recording has it; undefined when it says more than where the flake lies, such as what
 * its tree is to have or to leave out. Throws as `parseInstallable`.
 */
export function plainReference(host: Pick<Host, 'cwd'>, installable: string): string | undefined {
  const { reference } = parseInstallable(installable, { baseDirectory: host.cwd });
  const isPlain = Object.keys(reference.input).every((name) => placeAttributes.has(name));
  return isPlain ? showFlakeReference(reference) : undefined;
}

function isAsObserved(tree: WorkingTree, { observations }: Recording): boolean {
  try {
    return observations.every(({ kind, path, state }) => tree.state(kind, path) === state);
  } catch {
    // What was read is gone.
    return false;
  }
}

/** The recording for a tree as it is now. */
function applied(recording: Recording, tree: WorkingTree, store: LocalStore): Recording | undefined {
  const renaming = new DigestRenaming(store.storeDirectory);
  const copy = ({ path, name, method }: Pick<CopiedPath, 'path' | 'name' | 'method'>) =>
    store.addPath({
      source: join(tree.directory, fromByteString(path)),
      name,
      method,
      filter: tree.filter(path),
    });
  const digest = digestOf(store.storeDirectory, recording.tree);
  const texts = [
    ...recording.dependents.map(({ text }) => text),
    ...recording.copies.map(({ name }) => name),
  ];
  if (texts.some((text) => text.includes(digest))) {
    renaming.set(recording.tree, copy({ path: '', name: 'source', method: 'nar' }));
  }
  const replayed = replayDerivations(recording, { store, renaming, copy });
  return (
    replayed && {
      ...replayed,
      tree: renaming.apply(recording.tree),
      drvPath: renaming.apply(recording.drvPath),
    }
  );
}
