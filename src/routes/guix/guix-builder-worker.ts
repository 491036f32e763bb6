// The thread that runs one builder written in Scheme.
import { parentPort, workerData } from 'node:worker_threads';
import { sendError } from '../../sets/blocking-calls.ts';
import type { BuilderRequest } from './builder-request.ts';
import { runBuilder } from './run-builder.ts';

try {
  runBuilder(workerData as BuilderRequest, (line) => parentPort?.postMessage({ line }));
  parentPort?.postMessage({ done: true });
} catch (error) {
  parentPort?.postMessage({ error: sendError(error) });
}
