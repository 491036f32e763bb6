// From options to evaluated derivations: opens a session for the project that the current folder belongs to, evaluates,
// and keeps trimaran.lock up to date.
import { dirname, resolve } from 'node:path';
import type { Host } from '../../foundation/host.ts';
import { findProjectLock, recordUsedPackages } from '../../sets/project-lock.ts';
import type { GuixAction, GuixAnswer } from './evaluation-request.ts';
import { GuixSession, startGuixThread } from './guix-session.ts';

/** What every guix command may be told. */
export interface GuixSettings {
  /** `-C` of time-machine, as typed. */
  readonly channelsFile?: string | undefined;
  /** `-s`: `x86_64-linux`. */
  readonly system?: string | undefined;
  /** `-L`: absolute folders of Scheme modules. */
  readonly loadPath?: readonly string[] | undefined;
}

/** Evaluates and hands the answer to `use`. Rejects with the errors of both. */
export async function withEvaluated<Result>(
  request: {
    readonly host: Host;
    readonly settings: GuixSettings;
    readonly action: GuixAction;
    readonly log?: ((line: string) => void) | undefined;
    /** An archive that the one to be packed may begin like. */
    readonly earlier?: string | undefined;
  },
  use: (session: GuixSession, answer: GuixAnswer) => Promise<Result>,
): Promise<Result> {
  const { host, settings, action } = request;
  const thread = startGuixThread(host);
  try {
    const place = findProjectLock(projectDirectory(host, action));
    const session = new GuixSession({
      host,
      lock: place.lock,
      channelsFile:
        settings.channelsFile === undefined ? undefined : resolve(host.cwd, settings.channelsFile),
      system: settings.system,
      loadPath: settings.loadPath,
      log: request.log,
      earlier: request.earlier,
    });
    try {
      const answer = await session.evaluate(thread, action);
      recordUsedPackages(host, place, answer.used);
      return await use(session, answer);
    } finally {
      await session.close();
    }
  } finally {
    thread.close();
  }
}

/** The folder whose trimaran.lock counts: that of the first manifest or file, else the current one. */
function projectDirectory(host: Pick<Host, 'cwd'>, action: GuixAction): string {
  if (action.kind !== 'pack' && action.kind !== 'build') return host.cwd;
  const [file] = [...action.sources.manifests, ...action.sources.files];
  return file === undefined ? host.cwd : dirname(file);
}
