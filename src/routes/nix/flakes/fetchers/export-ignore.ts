// The attribute `export-ignore` of .gitattributes, by which `builtins.fetchGit` leaves files out as git archive does.
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryNameFor } from '../../../../foundation/atomic-file.ts';
import type { ByteString } from '../../../../foundation/byte-string.ts';
import type { FileTree } from '../../../../foundation/file-tree.ts';
import type { GitCommand } from './git-command.ts';

/** Whose .gitattributes count: those of the index, or those of a commit. */
export type AttributeSource =
  | { readonly kind: 'index' }
  | { readonly kind: 'commit'; readonly rev: string; readonly scratch: string };

/** A test for paths of `tree`: false for those that are export-ignored, alone or with a folder above them. */
export async function exportIgnoredFilter(
  git: GitCommand,
  tree: FileTree,
  source: AttributeSource,
): Promise<(path: ByteString) => boolean> {
  if (!tree.some((entry) => /(?:^|\/)\.gitattributes$/.test(entry.path))) return () => true;
  const ignored = new Set<ByteString>();
  const check = async (env: Readonly<Record<string, string>>) => {
    const chunks: Buffer[] = [];
    await git.text(['check-attr', '--cached', '-z', '--stdin', 'export-ignore'], {
      input: Buffer.from(
        tree
          .map((entry) => `${entry.path}\0`)
          .slice(1)
          .join(''),
        'latin1',
      ),
      onStdout: (chunk) => chunks.push(chunk),
      env,
    });
    const fields = Buffer.concat(chunks).toString('latin1').split('\0');
    for (let i = 0; i + 2 < fields.length; i += 3) if (fields[i + 2] === 'set') ignored.add(fields[i]!);
  };
  if (source.kind === 'index') await check({});
  else {
    // check-attr reads a commit's attributes only through an index.
    await mkdir(source.scratch, { recursive: true });
    const index = temporaryNameFor(join(source.scratch, 'index'));
    try {
      await git.text(['read-tree', source.rev], { env: { GIT_INDEX_FILE: index } });
      await check({ GIT_INDEX_FILE: index });
    } finally {
      await rm(index, { force: true });
    }
  }
  return (path) => {
    for (let at = path; at !== ''; at = at.slice(0, Math.max(0, at.lastIndexOf('/'))))
      if (ignored.has(at)) return false;
    return true;
  };
}
