// Progress bars. Loaded where there is a terminal to draw on, since elsewhere it would only take time.
import { SingleBar } from 'cli-progress';
import pc from 'picocolors';
import type { Progress } from '../index.ts';

/** Progress for a terminal: one bar for the work under way, notes above it. */
export function barProgress(stream: NodeJS.WriteStream): Progress {
  let bar: SingleBar | undefined;
  let tasks = 0;
  let total = 0;
  let value = 0;
  let bytes = true;
  const stop = () => {
    bar?.stop();
    bar = undefined;
    total = 0;
    value = 0;
  };
  return {
    start(task) {
      if (tasks === 0) {
        bytes = task.unit === 'bytes';
        bar = new SingleBar({
          stream,
          clearOnComplete: true,
          hideCursor: true,
          format: (_options, parameters) => barLine(task.label, parameters, bytes),
        });
        bar.start(Math.max(1, task.total ?? 1), 0);
      }
      tasks++;
      if (total > 0 || tasks === 1) total += task.total ?? 0;
      bar?.setTotal(Math.max(1, total));
      return {
        advance(amount) {
          value += amount;
          bar?.update(Math.min(value, Math.max(1, total)));
        },
        done() {
          tasks--;
          if (tasks === 0) stop();
        },
      };
    },
    note(message) {
      stop();
      stream.write(`${message}\n`);
    },
  };
}

function barLine(
  label: string,
  parameters: { value: number; total: number; progress: number },
  bytes: boolean,
): string {
  const width = 24;
  const full = Math.round(Math.min(1, parameters.progress) * width);
  const amount = bytes
    ? `${(parameters.value / 1e6).toFixed(1)} of ${(parameters.total / 1e6).toFixed(1)} MB`
    : `${parameters.value} of ${parameters.total}`;
  return `${pc.dim(label.padEnd(28))} ${pc.cyan('━'.repeat(full))}${pc.dim('━'.repeat(width - full))} ${amount}`;
}
