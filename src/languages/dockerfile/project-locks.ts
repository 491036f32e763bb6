// Where a project's own lock file may lie in the build context: at its root, or where COPY and ADD take files from.
import type { ResolvedDockerfile } from './resolve.ts';

/** Paths in the build context at which one of the files `names` may be. */
export function projectLockPaths(resolved: ResolvedDockerfile, names: readonly string[]): string[] {
  const folders = new Set(['.']);
  for (const { instruction, values } of resolved.stages.flatMap((stage) => stage.instructions)) {
    if (instruction.kind !== 'copy' && instruction.kind !== 'add') continue;
    if (instruction.kind === 'copy' && instruction.from !== undefined) continue;
    for (const { value } of values.slice(0, -1)) {
      if (value.includes('://')) continue;
      const path = value.replace(/^(?:\.?\/)+/, '').replace(/\/+$/, '');
      if (path !== '' && !/[*?[]/.test(path)) folders.add(path);
      // A file, or a pattern of files: its neighbours are as near as it is.
      if (path.includes('/') && !/[*?[]/.test(path.replace(/\/[^/]*$/, '')))
        folders.add(path.replace(/\/[^/]*$/, ''));
    }
  }
  return [...folders].flatMap((folder) => names.map((name) => (folder === '.' ? name : `${folder}/${name}`)));
}
