// The thread that evaluates a recipe: it has a large stack, and blocks where the main thread works for it. It is started
// before there is anything to evaluate, so that its start costs nothing while flakes are found and locked.
import { MessageChannel, type MessagePort, parentPort, Worker, workerData } from 'node:worker_threads';
import { bundledWorker } from '../foundation/bundled-worker.ts';
import { systemErrorCode, TrimaranError } from '../foundation/error.ts';
import {
  answerCalls,
  blockingCaller,
  type CallHandlers,
  receiveError,
  type SentError,
  sendError,
} from './blocking-calls.ts';

/** Megabytes of stack: deep recursion is ordinary in functional languages. */
const stackSizeMb = 900;
/**
 * Much of what evaluation makes is short-lived; with room for it, little is copied by the garbage collector. More room
 * costs more than it spares, for memory that is used for the first time is slow.
 */
const maxYoungGenerationSizeMb = 48;

type Message<Answer> =
  | { readonly note: string }
  | { readonly answer: Answer }
  | { readonly error: SentError };

/** In place of a request: the thread ends by itself, as a process does, with what it does at its end. */
const end = 'end';

/** The main thread's side. `close` it when done. */
export class EvaluationThread<Request, Answer> {
  readonly #worker: Worker;
  readonly #port: MessagePort;
  readonly #signal: Int32Array;
  readonly #note: (text: string) => void;
  /** Whether it has done what it was last asked for. */
  #idle = false;

  /**
   * `name` is the bundled file without `.cjs`; `note` takes its lines for the user.
   * Throws `cli/not-built` when there is no bundle.
   */
  constructor(options: {
    readonly name: string;
    readonly note: (text: string) => void;
  }) {
    const { port1, port2 } = new MessageChannel();
    const signal = new Int32Array(new SharedArrayBuffer(4));
    this.#port = port1;
    this.#signal = signal;
    this.#note = options.note;
    this.#worker = new Worker(bundledWorker(options.name), {
      workerData: { port: port2, signal },
      transferList: [port2],
      resourceLimits: { stackSizeMb, maxYoungGenerationSizeMb, maxOldGenerationSizeMb: 8192 },
    });
  }

  /** Says who does what the thread asks for; once, before the first request. */
  answerWith(handlers: CallHandlers): void {
    answerCalls(this.#port, this.#signal, handlers);
  }

  /** Has one request carried out. Rejects with what the thread throws. One at a time. */
  ask(request: Request): Promise<Answer> {
    const worker = this.#worker;
    this.#idle = false;
    return new Promise((resolve, reject) => {
      const onExit = (code: number) => reject(new Error(`the evaluating thread ended with code ${code}`));
      const onError = (error: Error) => reject(threadError(error));
      const onMessage = (message: Message<Answer>) => {
        if ('note' in message) {
          this.#note(message.note);
          return;
        }
        this.#idle = true;
        worker.off('message', onMessage).off('error', onError).off('exit', onExit);
        if ('answer' in message) resolve(message.answer);
        else reject(receiveError(message.error));
      };
      worker.on('message', onMessage).once('error', onError).once('exit', onExit);
      worker.postMessage(request);
    });
  }

  close(): void {
    this.#port.close();
    if (this.#idle) this.#worker.postMessage(end);
    else void this.#worker.terminate();
  }
}

/** What ended a thread, as the user is told of it. */
export function threadError(error: Error): Error {
  if (systemErrorCode(error) !== 'ERR_WORKER_OUT_OF_MEMORY') return error;
  return new TrimaranError({
    code: 'evaluation/out-of-memory',
    message: 'evaluating took more memory than there may be',
    hint: 'look for a list or a string that grows without end',
  });
}

/** The thread's own side: carries out each request with `evaluate`. Called once, by the thread's entry file. */
export function serveEvaluation<Request, Answer>(
  evaluate: (
    request: Request,
    world: {
      readonly call: (method: string, argument: unknown) => unknown;
      readonly note: (text: string) => void;
    },
  ) => Answer,
): void {
  const { port, signal } = workerData as { readonly port: MessagePort; readonly signal: Int32Array };
  const world = {
    call: blockingCaller(port, signal),
    note: (note: string) => parentPort?.postMessage({ note }),
  };
  parentPort?.on('message', (request: Request | typeof end) => {
    if (request === end) return parentPort?.close();
    try {
      parentPort?.postMessage({ answer: evaluate(request, world) });
    } catch (error) {
      parentPort?.postMessage({ error: sendError(error) });
    }
  });
}
