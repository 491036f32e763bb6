// What `trimaran audit --online` asks of the network; loaded only for that.
import { resolve } from 'node:path';
import { type AuditReport, findMoved, type OnlineReport, trimaranRoot } from '../index.ts';
import type { CommandContext } from './context.ts';

/** What has moved since the locks that an audit found. */
export async function askOnline({ host }: CommandContext, report: AuditReport): Promise<OnlineReport> {
  const reports: OnlineReport[] = [];
  // Of several locks each answers for itself; what has no lock of ours is asked for with the first.
  const locks = report.locks.length === 0 ? [undefined] : report.locks;
  for (const [at, found] of locks.entries()) {
    reports.push(
      await findMoved({
        host,
        cacheDirectory: trimaranRoot(host),
        directory: found?.directory ?? host.cwd,
        lock: found?.lock,
        files: at === 0 ? report.files.map((file) => resolve(host.cwd, file)) : [],
      }),
    );
  }
  return {
    states: reports.flatMap(({ states }) => states),
    moved: reports.reduce((sum, { moved }) => sum + moved, 0),
    unreachable: reports.reduce((sum, { unreachable }) => sum + unreachable, 0),
  };
}
