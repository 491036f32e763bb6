// The log of one build: every line kept in `<root>/log/`, the last ones at hand for the error that shows them.
import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type StorePath, storePathHash, storePathName } from '../formats/store-path.ts';

const linesShown = 25;

/** A log that is being written. Not for two builds of one derivation at once: hold its lock. */
export class BuildLog {
  readonly file: string;
  readonly #onLine: (line: string) => void;
  #descriptor: number | undefined;
  #tail: string[] = [];

  constructor(root: string, derivationPath: StorePath, onLine: (line: string) => void) {
    const base = `${storePathHash(derivationPath)}-${storePathName(derivationPath)}`;
    this.file = join(root, 'log', `${base}.log`);
    this.#onLine = onLine;
  }

  /** Adds a line; the file is made with the first one. */
  write(line: string): void {
    if (this.#descriptor === undefined) {
      mkdirSync(dirname(this.file), { recursive: true });
      this.#descriptor = openSync(this.file, 'w');
    }
    writeSync(this.#descriptor, `${line}\n`);
    this.#tail.push(line);
    if (this.#tail.length > 2 * linesShown) this.#tail = this.#tail.slice(-linesShown);
    this.#onLine(line);
  }

  /** The last lines, each after `> `; empty when nothing was written. */
  tail(): string {
    const lines = this.#tail.slice(-linesShown);
    if (lines.length === 0) return '';
    return `\nlast ${lines.length} log lines:\n${lines.map((line) => `> ${line}`).join('\n')}`;
  }

  /** Whether there is a file. */
  get isWritten(): boolean {
    return this.#descriptor !== undefined || this.#tail.length > 0;
  }

  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }
}
