// `guix pack` and `guix build`: derivations, and what they make.
import type { StorePath } from '../../formats/store-path.ts';
import { isTrimaranError } from '../../foundation/error.ts';
import type { Host } from '../../foundation/host.ts';
import { builderLabel } from './builder-request.ts';
import type { GuixSettings } from './evaluate.ts';
import type { GuixAction, GuixAnswer, GuixSources } from './evaluation-request.ts';
import type { GuixSession } from './guix-session.ts';
import {
  earlierOutput,
  isMemorable,
  lockStates,
  recallRecording,
  recallResult,
  rememberResult,
} from './result-memo.ts';

export interface GuixBuildRequest {
  readonly host: Host;
  readonly settings: GuixSettings;
  readonly action: Extract<GuixAction, { kind: 'pack' | 'build' }>;
  /** Evaluates only. */
  readonly dryRun?: boolean;
  readonly log?: ((line: string) => void) | undefined;
}

interface GuixOutput {
  readonly name: string;
  /** `/gnu/store/…` */
  readonly path: StorePath;
  /** Where its bytes lie on this machine; empty when nothing was built. */
  readonly physicalPath: string;
}

export interface GuixBuildResult {
  readonly drvPath: StorePath;
  /** Where the derivation's text lies on this machine. */
  readonly physicalDrvPath: string;
  readonly outputs: readonly GuixOutput[];
  /** Whether all outputs were there before; of a dry run. */
  readonly wasThere: boolean;
}

export type { GuixSources };

/**
 * Evaluates and builds; what was built before and depends on nothing that changed is only looked up. Rejects with the
 * errors of evaluation and realisation.
 */
export async function buildGuix(request: GuixBuildRequest): Promise<readonly GuixBuildResult[]> {
  const memorable = isMemorable(request);
  const known = memorable ? recallResult(request) : undefined;
  if (known !== undefined) return known;
  const earlier = memorable && request.action.kind === 'pack' ? earlierOutput(request) : undefined;
  const kept = memorable ? recallRecording(request) : undefined;
  // Loaded only now: most of Trimaran hangs on it.
  if (kept !== undefined) {
    const { replayGuix } = await import('./replay.ts');
    const replayed = await replayGuix(request, { ...kept, earlier });
    if (replayed !== undefined) {
      rememberResult(request, replayed);
      return replayed.results;
    }
  }
  const { withEvaluated } = await import('./evaluate.ts');
  return withEvaluated({ ...request, earlier }, async (session, answer) => {
    // The lock has just been brought up to date.
    const read = { ...answer.read, files: { ...answer.read.files, ...lockStates(request) } };
    if (answer.result.kind !== 'derivations')
      throw new Error('something else than derivations was evaluated');
    const results: GuixBuildResult[] = [];
    try {
      for (const { drvPath } of answer.result.derivations)
        results.push(await realiseDerivation(session, drvPath, request));
    } catch (error) {
      throw withPlace(error, answer.places);
    }
    if (memorable && answer.isMemorable)
      rememberResult(request, { read, results, recording: answer.recording });
    return results;
  });
}

/** What went wrong with a derivation, with the place of the package that it was made for. */
function withPlace(error: unknown, places: GuixAnswer['places']): unknown {
  if (!isTrimaranError(error)) return error;
  // The text of a builder is nothing that anybody has written as it is.
  if (error.span !== undefined && error.span.file !== builderLabel) return error;
  const path = /\/[^\s'"`]+\.drv\b/.exec(error.message)?.[0];
  const span = path === undefined ? undefined : places.get(path as StorePath);
  return span === undefined ? error : error.with({ span });
}

/** Makes a derivation's outputs exist, unless it is a dry run, and says where. Rejects as `GuixSession.realise`. */
export async function realiseDerivation(
  session: GuixSession,
  drvPath: StorePath,
  { dryRun }: Pick<GuixBuildRequest, 'dryRun'>,
): Promise<GuixBuildResult> {
  const { store } = session;
  const { outputs } = store.readDerivation(drvPath);
  const paths = [...outputs].map(([name, { path }]) => [name, path as StorePath] as const);
  const wasThere = paths.every(([, path]) => store.isValid(path));
  if (dryRun !== true) await session.realise(drvPath);
  return {
    drvPath,
    physicalDrvPath: store.physicalPath(drvPath),
    outputs: paths.map(([name, path]) => ({
      name,
      path,
      physicalPath: dryRun === true ? '' : store.materialise(path),
    })),
    wasThere,
  };
}
