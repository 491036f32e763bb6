// Calls from the evaluator, which runs synchronously in a worker, to work that is asynchronous on the main thread:
// the worker sends a request and sleeps until the answer is there.
import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import { isTrimaranError, TrimaranError, type TrimaranErrorOptions } from '../foundation/error.ts';

/** An error that survives being sent to another thread. */
export type SentError =
  | { readonly kind: 'trimaran'; readonly options: TrimaranErrorOptions }
  | { readonly kind: 'bug'; readonly message: string; readonly stack: string };

/** Turns an error into data. Causes are dropped. */
export function sendError(error: unknown): SentError {
  if (isTrimaranError(error)) {
    const { code, message, span, related, hint, report, exitCode } = error;
    return { kind: 'trimaran', options: { code, message, span, related, hint, report, exitCode } };
  }
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  return { kind: 'bug', message, stack: stack ?? '' };
}

/** Turns data back into an error. */
export function receiveError(sent: SentError): Error {
  if (sent.kind === 'trimaran') return new TrimaranError(sent.options);
  const error = new Error(sent.message);
  error.stack = sent.stack;
  return error;
}

interface Request {
  readonly method: string;
  readonly argument: unknown;
}
type Answer = { readonly result: unknown } | { readonly error: SentError };

/** What the main thread does for the worker, by method. */
export type CallHandlers = Readonly<Record<string, (argument: never) => Promise<unknown>>>;

/** The main thread's side: answers every call. `signal` is shared with the worker. */
export function answerCalls(port: MessagePort, signal: Int32Array, handlers: CallHandlers): void {
  port.on('message', async ({ method, argument }: Request) => {
    let answer: Answer;
    try {
      const handler = handlers[method];
      if (handler === undefined) throw new Error(`no such call: ${method}`);
      answer = { result: await handler(argument as never) };
    } catch (error) {
      answer = { error: sendError(error) };
    }
    port.postMessage(answer);
    Atomics.store(signal, 0, 1);
    Atomics.notify(signal, 0);
  });
}

/** The worker's side: a function that blocks until the main thread has answered, and throws what it threw. */
export function blockingCaller(
  port: MessagePort,
  signal: Int32Array,
): (method: string, argument: unknown) => unknown {
  return (method, argument) => {
    Atomics.store(signal, 0, 0);
    port.postMessage({ method, argument } satisfies Request);
    for (;;) {
      Atomics.wait(signal, 0, 0);
      const received = receiveMessageOnPort(port) as { message: Answer } | undefined;
      if (received === undefined) continue;
      if ('error' in received.message) throw receiveError(received.message.error);
      return received.message.result;
    }
  };
}
