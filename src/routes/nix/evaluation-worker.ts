// The thread that evaluates: gets a request, answers with what it made. It has a large stack, which is why it is a
// thread of its own; what must wait for something is done by the main thread.
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { blockingCaller, sendError } from '../../sets/blocking-calls.ts';
import { evaluate } from './evaluate-request.ts';
import type { EvaluationRequest } from './evaluation-request.ts';

const { request, port, signal } = workerData as {
  readonly request: EvaluationRequest;
  readonly port: MessagePort;
  readonly signal: Int32Array;
};
try {
  const answer = evaluate(request, {
    call: blockingCaller(port, signal),
    note: (note) => parentPort?.postMessage({ note }),
  });
  parentPort?.postMessage({ answer });
} catch (error) {
  parentPort?.postMessage({ error: sendError(error) });
}
