// `builtin:guix-scheme`: builders written in Scheme, in a thread of their own. They see their inputs and nothing else of
// this machine, can write nothing but their outputs and a temporary folder, and start no programs.
import { Worker } from 'node:worker_threads';
import { bundledWorker } from '../../foundation/bundled-worker.ts';
import { fromByteString } from '../../foundation/byte-string.ts';
import { isTrimaranError, TrimaranError } from '../../foundation/error.ts';
import { receiveError, type SentError } from '../../sets/blocking-calls.ts';
import { threadError } from '../../sets/evaluation-thread.ts';
import type { BuildContext } from '../../store/builder.ts';
import type { BuilderRequest } from './builder-request.ts';

/** Milliseconds that a builder may run. */
const timeLimit = 15 * 60_000;

/** A {@link import('../../store/builder.ts').Builder}. Throws `store/build-failed` with what the builder threw. */
export async function buildWithScheme(context: BuildContext): Promise<void> {
  const { env, store, inputs, outputs, derivationPath, folder } = context;
  const request: BuilderRequest = {
    expression: fromByteString(env.get('builder') ?? ''),
    label: derivationPath,
    env: {
      ...Object.fromEntries(
        [...env].filter(([name]) => name !== 'builder').map(([name, value]) => [name, fromByteString(value)]),
      ),
      ...Object.fromEntries([...outputs].map(([name, { path }]) => [name, path])),
    },
    root: store.root,
    storeDirectory: store.storeDirectory,
    readable: store.closure(inputs),
    outputs: Object.fromEntries([...outputs.values()].map(({ path, plain }) => [path, plain])),
    folder,
    timeLimit,
  };
  try {
    await runInThread(request, context);
  } catch (error) {
    if (!isTrimaranError(error)) throw error;
    throw new TrimaranError({
      code: 'store/build-failed',
      message:
        error.code === 'guix/builder-exit'
          ? `builder for \`${derivationPath}' failed with ${error.message}`
          : `builder for \`${derivationPath}' failed: ${error.message}`,
      span: error.span,
      hint:
        error.code === 'scheme/unsupported'
          ? 'a builder reaches no network and starts no other programs'
          : error.hint,
      cause: error,
    });
  }
}

function runInThread(request: BuilderRequest, { log, signal }: BuildContext): Promise<void> {
  const worker = new Worker(bundledWorker('guix-builder-worker'), {
    workerData: request,
    resourceLimits: { stackSizeMb: 256, maxOldGenerationSizeMb: 4096 },
  });
  const stop = () => void worker.terminate();
  signal.addEventListener('abort', stop);
  return new Promise<void>((resolve, reject) => {
    worker.on('message', (message: { line: string } | { done: true } | { error: SentError }) => {
      if ('line' in message) log(message.line);
      else if ('done' in message) resolve();
      else reject(receiveError(message.error));
    });
    worker.once('error', (error) => reject(threadError(error)));
    worker.once('exit', (code) => reject(new Error(`the building thread ended with code ${code}`)));
  })
    .catch((error) => {
      stop();
      throw error;
    })
    .finally(() => signal.removeEventListener('abort', stop));
}
