// Locks the Guix recipes of a project: they are evaluated, which fixes the release that their channels mean and the packages
// they use, and commits are looked up for origins and channels at a branch.
import { existsSync, readFileSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import { isTrimaranError } from '../foundation/error.ts';
import type { Host } from '../foundation/host.ts';
import { findCommit } from '../routes/dockerfile/lock-entry.ts';
import { buildGuix } from '../routes/guix/build.ts';
import { readPackCommand } from '../routes/guix/pack-command.ts';
import type { LockDraft } from '../sets/lock-draft.ts';
import { branchName, findChannels, findOrigins } from './guix-sources.ts';
import type { ComposeProject } from './load.ts';
import { readSchemeForms } from './scheme-forms.ts';
import { splitCommand } from './split-command.ts';

export interface UnreachableRecipe {
  readonly what: string;
  readonly where: string;
  readonly reason: string;
}

/**
 * Evaluates the services' manifests, which adds what they use to the lock on disk; gives those for which something was out
 * of reach. Rejects with the errors of evaluation.
 */
export async function evaluateManifests(
  { host, project }: { readonly host: Host; readonly project: ComposeProject },
  isOutOfReach: (code: string) => boolean,
): Promise<UnreachableRecipe[]> {
  const here = { ...host, cwd: project.directory };
  const unreachable: UnreachableRecipe[] = [];
  for (const { recipes } of project.services) {
    const recipe = recipes.get('guix');
    if (recipe === undefined) continue;
    try {
      await buildGuix({ ...readPackCommand(here, splitCommand(recipe.value) ?? []), dryRun: true });
    } catch (error) {
      if (!isTrimaranError(error) || !isOutOfReach(error.code)) throw error;
      const where = `${relative(project.directory, recipe.span.file) || recipe.span.file}:${recipe.span.line}`;
      unreachable.push({ what: recipe.value, where, reason: error.message });
    }
  }
  return unreachable;
}

/** Looks up commits for what manifests and channels name by branch. */
export async function lockGuixSources(
  { host, project }: { readonly host: Host; readonly project: ComposeProject },
  draft: LockDraft,
): Promise<void> {
  for (const file of guixFiles(project)) {
    const shown = relative(project.directory, file);
    const forms = readSchemeForms(readFileSync(file, 'utf8'), shown);
    const origins = findOrigins(forms).flatMap(({ url, commit }) =>
      url === undefined || commit === undefined || !branchName.test(commit.text)
        ? []
        : [{ url, ref: commit.text.replace(/^(?:origin|refs\/heads)\//, ''), line: commit.span.line }],
    );
    const channels = findChannels(forms).flatMap(({ url, branch, commit, span }) =>
      url === undefined || commit !== undefined || url.startsWith('debian:')
        ? []
        : [{ url, ref: branch, line: span.line }],
    );
    for (const { url, ref, line } of [...origins, ...channels]) {
      if (draft.keepCommit(url, ref)) continue;
      const found = await findCommit(host, { url, ref });
      if (found.found !== undefined) draft.setCommit(url, { ref, commit: found.found });
      else if (draft.keepOld(url)) host.progress.note(`${url} stays as it was locked: ${found.reason}`);
      else {
        const input = { what: `${url} ${ref}`, where: `${shown}:${line}`, reason: found.reason };
        draft.addUnpinned(input, { unreachable: true });
      }
    }
  }
}

/** Manifests and channels of the project's recipes: those that commands name, and those beside the compose file. */
function guixFiles({ directory, services }: ComposeProject): string[] {
  const named = services.flatMap(({ recipes }) => {
    const words = splitCommand(recipes.get('guix')?.value ?? '') ?? [];
    return words.filter((word) => word.endsWith('.scm')).map((word) => word.replace(/^--[a-z]+=/, ''));
  });
  const files = [...named, 'manifest.scm', 'channels.scm'].map((name) => resolve(directory, name));
  return [...new Set(files)].filter(
    (file) => existsSync(file) && !relative(directory, file).startsWith('..'),
  );
}
