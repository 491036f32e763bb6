// Many .debs to canonical tars, in worker threads. The largest go first, so that no thread ends long after the others.
import { existsSync, mkdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { TrimaranError } from '../foundation/error.ts';
import type { Host } from '../foundation/host.ts';
import { type UnpackedDeb, type UnpackJob, unpackDeb } from './unpack-deb.ts';

export interface UnpackOptions {
  readonly host: Pick<Host, 'progress'>;
  readonly jobs: readonly UnpackJob[];
  /** Worker threads; 0 unpacks in process. As many as there are cores, at most 4, unless given. */
  readonly threads?: number;
  /** The worker's bundled file; `unpack-worker.cjs` beside this one unless given. Without it all is done in process. */
  readonly worker?: string;
}

/** A job on its way to a worker thread. */
export interface WorkerRequest {
  readonly index: number;
  readonly job: UnpackJob;
}

/** What a worker thread answers: the result, a refusal meant for the user, or the trace of a bug. */
export type WorkerAnswer =
  | { readonly index: number; readonly result: UnpackedDeb }
  | {
      readonly index: number;
      readonly refusal: {
        readonly code: string;
        readonly message: string;
        readonly hint: string | undefined;
        readonly exitCode: 2 | 3 | 4;
      };
    }
  | { readonly index: number; readonly failure: string };

/**
 * Unpacks .debs to the tars their jobs name; results in the jobs' order. Rejects with the first refusal of
 * {@link unpackDeb}, after which nothing new is begun.
 *
 * @example
 * const [bash] = await unpackDebs({ host, jobs: [{ file, expected: record, target: '/tmp/bash.tar' }] });
 */
export async function unpackDebs(options: UnpackOptions): Promise<UnpackedDeb[]> {
  const { jobs, host } = options;
  for (const directory of new Set(jobs.map((job) => dirname(job.target))))
    mkdirSync(directory, { recursive: true });
  const task = host.progress.start({
    label: 'unpacking',
    total: jobs.reduce((sum, job) => sum + job.expected.size, 0),
    unit: 'bytes',
  });
  try {
    const order = jobs
      .map((job, index) => ({ job, index }))
      .sort((a, b) => b.job.expected.size - a.job.expected.size || a.index - b.index);
    const worker = options.worker ?? join(import.meta.dirname, 'unpack-worker.cjs');
    const wanted = Math.min(options.threads ?? Math.min(availableParallelism(), 4), jobs.length);
    // A thread takes longer to start than two or three small packages take to unpack.
    const threads = jobs.length < 3 && options.threads === undefined ? 0 : wanted;
    const results: UnpackedDeb[] = new Array(jobs.length);
    const done = (index: number, result: UnpackedDeb) => {
      results[index] = result;
      task.advance(jobs[index]!.expected.size);
    };
    if (threads === 0 || !existsSync(worker)) {
      for (const { job, index } of order) done(index, await unpackDeb(job));
    } else {
      await inThreads({ order, threads, worker, done });
    }
    return results;
  } finally {
    task.done();
  }
}

async function inThreads(options: {
  readonly order: readonly WorkerRequest[];
  readonly threads: number;
  readonly worker: string;
  readonly done: (index: number, result: UnpackedDeb) => void;
}): Promise<void> {
  let next = 0;
  let failure: { readonly error: unknown } | undefined;
  const lane = async () => {
    // The garbage of one package is freed before the next makes its own.
    const worker = new Worker(options.worker, { resourceLimits: { maxYoungGenerationSizeMb: 16 } });
    try {
      while (next < options.order.length && failure === undefined) {
        const request = options.order[next++]!;
        const answer = await ask(worker, request);
        if ('result' in answer) options.done(answer.index, answer.result);
        else if ('refusal' in answer) throw new TrimaranError(answer.refusal);
        else throw new Error(answer.failure);
      }
    } catch (error) {
      failure ??= { error };
    } finally {
      await worker.terminate();
    }
  };
  await Promise.all(Array.from({ length: options.threads }, lane));
  if (failure !== undefined) throw failure.error;
}

function ask(worker: Worker, request: WorkerRequest): Promise<WorkerAnswer> {
  return new Promise((resolve, reject) => {
    const settle = (act: () => void) => {
      worker.off('message', onMessage).off('error', onError).off('exit', onExit);
      act();
    };
    const onMessage = (answer: WorkerAnswer) => settle(() => resolve(answer));
    const onError = (error: unknown) => settle(() => reject(error));
    const onExit = (code: number) =>
      settle(() => reject(new Error(`an unpacking thread ended with code ${code}`)));
    worker.on('message', onMessage).on('error', onError).on('exit', onExit);
    worker.postMessage(request);
  });
}
