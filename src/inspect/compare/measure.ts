// How long building a recipe takes with nothing, with everything, and after one file changed, and whether it gives the
// same image twice. All of it happens in a copy of the project with a cache of its own; the project is not touched.
import { appendFileSync, existsSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { buildProject } from '../../compose/build-project.ts';
import { systemErrorCode } from '../../foundation/error.ts';
import type { Host } from '../../foundation/host.ts';
import { defaultNixSettings } from '../../routes/nix/settings.ts';
import { trimaranRoot } from '../../sets/cache-root.ts';
import { removeDiskTree } from '../../store/disk-tree.ts';
import { StagingArea } from '../../store/stage.ts';
import { problemOf, type RecipeChoice } from './build-recipe.ts';
import { copyProject } from './copy-project.ts';

export interface Measurement {
  /** Milliseconds; absent when it was not asked for. */
  readonly cold?: number;
  readonly warm?: number;
  /** Absent as well when the recipe takes no file of the project. */
  readonly changed?: number;
  /** Identity of the image that the copy gave. */
  readonly configDigest: string;
}

export interface MeasureOptions extends RecipeChoice {
  /** `times` builds three times, `verify` once and with the downloads that are here. */
  readonly purpose: 'times' | 'verify';
  /** A file of the project to change, absolute. */
  readonly changes: string | undefined;
}

/** Measures; resolves to the reason when the copy cannot be built. */
export async function measureRecipe(
  host: Host,
  options: MeasureOptions,
): Promise<Measurement | { readonly reason: string }> {
  const { project, service, kind, purpose, changes } = options;
  const root = new StagingArea(join(trimaranRoot(host), 'staging')).freshPath();
  const cache = join(root, 'cache');
  try {
    const { project: copy, placeOf } = await copyProject(
      host,
      { project, service, kind },
      join(root, 'project'),
    );
    if (purpose === 'verify') {
      const downloads = join(trimaranRoot(host), 'debian');
      if (existsSync(downloads)) await cp(downloads, join(cache, 'trimaran/debian'), { recursive: true });
    }
    const inside: Host = { ...host, cwd: copy.directory, env: { ...host.env, XDG_CACHE_HOME: cache } };
    const build = async ({ cold }: { readonly cold: boolean }) => {
      const before = performance.now();
      const [built] = await buildProject({
        host: inside,
        project: copy,
        services: [service.name],
        kind,
        settings: defaultNixSettings,
        cold,
      });
      return { milliseconds: Math.round(performance.now() - before), digest: built!.image.configDigest };
    };
    const cold = await build({ cold: true });
    if (purpose === 'verify') return { configDigest: cold.digest };
    const warm = await build({ cold: false });
    const file = changes === undefined ? undefined : placeOf(changes);
    if (file === undefined || !existsSync(file))
      return { cold: cold.milliseconds, warm: warm.milliseconds, configDigest: cold.digest };
    appendFileSync(file, '\n');
    const changed = await build({ cold: false });
    return {
      cold: cold.milliseconds,
      warm: warm.milliseconds,
      changed: changed.milliseconds,
      configDigest: cold.digest,
    };
  } catch (error) {
    return { reason: problemOf(error).message };
  } finally {
    removeCopy(root);
  }
}

/** Removes the copy while a build that failed may still be tidying up in there. */
function removeCopy(root: string): void {
  for (let attempt = 1; existsSync(root); attempt++) {
    try {
      removeDiskTree(root);
    } catch (error) {
      if (systemErrorCode(error) === undefined || attempt >= 5) throw error;
    }
  }
}
