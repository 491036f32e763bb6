// The thread that evaluates Scheme: gets a request, answers with what it made. What must wait for something is done by
// the main thread.
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { blockingCaller, sendError } from '../../sets/blocking-calls.ts';
import { evaluateGuix } from './evaluate-request.ts';
import type { GuixRequest } from './evaluation-request.ts';

const { request, port, signal } = workerData as {
  readonly request: GuixRequest;
  readonly port: MessagePort;
  readonly signal: Int32Array;
};
try {
  const answer = evaluateGuix(request, {
    call: blockingCaller(port, signal),
    note: (note) => parentPort?.postMessage({ note }),
  });
  parentPort?.postMessage({ answer });
} catch (error) {
  parentPort?.postMessage({ error: sendError(error) });
}
