// What `nix eval` of a flake's attribute came to, kept with the state of everything it depended on: locked inputs and
// local files. Asking again with nothing changed is then a look and no more.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeCacheFile } from '../../foundation/atomic-file.ts';
import { sha256Hex } from '../../foundation/digest.ts';
import type { Host } from '../../foundation/host.ts';
import { trimaranRoot } from '../../sets/cache-root.ts';
import { sourceState } from '../../sets/source-state.ts';
import type { Dependences } from './observed-run.ts';
import type { NixSettings } from './settings.ts';

/** Raised whenever evaluation may give something else for the same input. */
const memoFormat = 11;

interface Memo extends Dependences {
  readonly notes: readonly string[];
  readonly text: string;
  /** Registrations of the store objects that the text names and that were there. */
  readonly objects: readonly string[];
}

export interface ValueKey {
  readonly host: Pick<Host, 'env' | 'cwd'>;
  readonly installable: string;
  readonly settings: NixSettings;
  readonly apply?: string | undefined;
  readonly form: 'json' | 'raw' | 'nix';
  readonly attributePaths?: readonly string[] | undefined;
}

/** What an evaluation depended on and what it gave. */
export type KnownValue = Omit<Memo, 'objects'>;

/** The text of the same value and the notes it gave, when nothing it depended on has changed. */
export function recallValue(
  key: ValueKey,
): { readonly text: string; readonly notes: readonly string[] } | undefined {
  try {
    const memo = JSON.parse(readFileSync(memoFile(key), 'utf8')) as Memo;
    if (!memo.objects.every((file) => existsSync(file))) return undefined;
    return sourceState(memo.source, memo.files) === memo.state ? memo : undefined;
  } catch {
    // Nothing is known, or the source is gone: evaluation says what is wrong.
    return undefined;
  }
}

/** Remembers a value. `source` is its flake's tree, `files` the locks beside it, `state` what they were before it. */
export function rememberValue(key: ValueKey, value: KnownValue): void {
  const info = join(trimaranRoot(key.host), 'info');
  const named = value.text.match(/(?<=\/nix\/store\/)[0-9a-z]{32}-[0-9a-zA-Z+\-._?=]+/g) ?? [];
  const objects = [...new Set(named)]
    .map((base) => join(info, `${base}.json`))
    .filter((file) => existsSync(file));
  const memo: Memo = { ...value, objects };
  const file = memoFile(key);
  writeCacheFile(file, JSON.stringify(memo));
}

function memoFile({ host, installable, settings, apply, form, attributePaths }: ValueKey): string {
  const { showTrace: _showTrace, offline: _offline, overrideInputs: _overrides, ...counted } = settings;
  const words = [
    memoFormat,
    process.arch,
    host.cwd,
    installable,
    counted,
    apply ?? null,
    form,
    ...(attributePaths ?? []),
  ];
  return join(trimaranRoot(host), 'values', `${sha256Hex(Buffer.from(JSON.stringify(words)))}.json`);
}
