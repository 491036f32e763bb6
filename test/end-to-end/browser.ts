// Chromium for tests, spoken to over its debugging pipe: pages of this machine only, no network.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { pathToFileURL } from 'node:url';

export interface PageOptions {
  readonly width: number;
  readonly height?: number;
  readonly colours?: 'light' | 'dark';
  readonly script?: boolean;
}

export class Browser {
  readonly #child: ChildProcess;
  readonly #profile: string;
  readonly #waiting = new Map<number, (answer: { result?: unknown; error?: { message: string } }) => void>();
  readonly #events: { readonly method: string; readonly seen: () => void }[] = [];
  #next = 1;
  #session: string | undefined;

  private constructor() {
    this.#profile = mkdtempSync(join(tmpdir(), 'trimaran-browser-'));
    const flags = [
      'no-sandbox',
      'disable-gpu',
      'disable-quic',
      'no-first-run',
      'disable-background-networking',
    ];
    flags.push('disable-component-update', 'disable-sync', 'hide-scrollbars', 'remote-debugging-pipe');
    this.#child = spawn(
      'chromium',
      ['--headless', ...flags.map((flag) => `--${flag}`), `--user-data-dir=${this.#profile}`, 'about:blank'],
      { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] },
    );
    let rest = '';
    (this.#child.stdio[4] as Readable).setEncoding('utf8').on('data', (text: string) => {
      const messages = (rest + text).split('\0');
      rest = messages.pop()!;
      for (const message of messages) this.#take(JSON.parse(message));
    });
  }

  static async start(): Promise<Browser> {
    const browser = new Browser();
    const { targetId } = await browser.send<{ targetId: string }>('Target.createTarget', {
      url: 'about:blank',
    });
    const attached = await browser.send<{ sessionId: string }>('Target.attachToTarget', {
      targetId,
      flatten: true,
    });
    browser.#session = attached.sessionId;
    await browser.send('Page.enable');
    return browser;
  }

  #take(message: { id?: number; method?: string; result?: unknown; error?: { message: string } }): void {
    if (message.id !== undefined) this.#waiting.get(message.id)?.(message);
    for (const event of this.#events.splice(0)) {
      if (event.method === message.method) event.seen();
      else this.#events.push(event);
    }
  }

  /** One command of the DevTools protocol. */
  send<Result>(method: string, params: object = {}): Promise<Result> {
    const id = this.#next++;
    const session = this.#session === undefined ? {} : { sessionId: this.#session };
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, ({ result, error }) => {
        this.#waiting.delete(id);
        if (error === undefined) resolve(result as Result);
        else reject(new Error(`${method}: ${error.message}`));
      });
      (this.#child.stdio[3] as Writable).write(`${JSON.stringify({ id, method, params, ...session })}\0`);
    });
  }

  /** Opens a file of this machine. */
  async open(
    file: string,
    { width, height = 900, colours = 'light', script = true }: PageOptions,
  ): Promise<void> {
    await this.send('Emulation.setScriptExecutionDisabled', { value: !script });
    await this.send('Emulation.setDeviceMetricsOverride', {
      width,
      height,
      deviceScaleFactor: 1,
      mobile: width < 600,
    });
    await this.send('Emulation.setEmulatedMedia', {
      features: [{ name: 'prefers-color-scheme', value: colours }],
    });
    const loaded = new Promise<void>((seen) => this.#events.push({ method: 'Page.loadEventFired', seen }));
    await this.send('Page.navigate', { url: pathToFileURL(file).href });
    await loaded;
  }

  /** The value of an expression in the page; promises are awaited. */
  async evaluate<Value>(expression: string): Promise<Value> {
    const { result, exceptionDetails } = await this.send<{
      result: { value: Value };
      exceptionDetails?: { text: string; exception?: { description?: string } };
    }>('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true });
    if (exceptionDetails !== undefined)
      throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  }

  /** A PNG of a part of the page. */
  async screenshot(clip: {
    readonly y: number;
    readonly width: number;
    readonly height: number;
  }): Promise<Buffer> {
    const { data } = await this.send<{ data: string }>('Page.captureScreenshot', {
      captureBeyondViewport: true,
      clip: { x: 0, scale: 1, ...clip },
    });
    return Buffer.from(data, 'base64');
  }

  async close(): Promise<void> {
    const ended = new Promise<void>((resolve) => this.#child.once('exit', () => resolve()));
    this.#child.kill('SIGKILL');
    await ended;
    // Its helpers end a moment later, and write until then.
    for (let attempt = 1; ; attempt++) {
      try {
        rmSync(this.#profile, { recursive: true, force: true });
        return;
      } catch (error) {
        if (attempt >= 20) throw error;
        await new Promise((wake) => setTimeout(wake, 100));
      }
    }
  }
}
