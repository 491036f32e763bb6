// The worker thread of unpack.ts: takes jobs, answers with results or with errors in a form that crosses threads.
import { parentPort } from 'node:worker_threads';
import { isTrimaranError } from '../foundation/error.ts';
import type { WorkerAnswer, WorkerRequest } from './unpack.ts';
import { unpackDeb } from './unpack-deb.ts';

parentPort?.on('message', async ({ index, job }: WorkerRequest) => {
  let answer: WorkerAnswer;
  try {
    answer = { index, result: await unpackDeb(job) };
  } catch (error) {
    answer = isTrimaranError(error)
      ? {
          index,
          refusal: { code: error.code, message: error.message, hint: error.hint, exitCode: error.exitCode },
        }
      : { index, failure: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
  parentPort?.postMessage(answer);
});
