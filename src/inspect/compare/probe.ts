// Does an image start, and does it answer? Runs it without an engine and asks until it says 200, or until the time
// is over.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { Service } from '../../compose/service.ts';
import { plainRuntimes, runImage } from '../../containers/run-image.ts';
import { TrimaranError } from '../../foundation/error.ts';
import type { Host } from '../../foundation/host.ts';
import type { Image } from '../../oci/image.ts';
import { trimaranRoot } from '../../sets/cache-root.ts';
import { problemOf } from './build-recipe.ts';

export type ProbeResult =
  | {
      readonly answers: true;
      readonly milliseconds: number /** Bytes, of all its processes. */;
      readonly memory: number | undefined;
    }
  | {
      readonly answers: false;
      /** `compare/no-answer`, `compare/ended`, or what kept it from starting: `run/…`, `oci/…`. */
      readonly code: string;
      readonly reason: string;
    };

export interface ProbeTarget {
  /** As published by compose. */
  readonly port: number;
  /** With its query. */
  readonly path: string;
}

/** Reads `http://:8000/docs`. Throws `compare/bad-probe`. */
export function parseProbe(text: string): ProbeTarget {
  const match = /^http:\/\/(?:localhost|127\.0\.0\.1)?:(\d{1,5})(\/\S*)?$/.exec(text);
  const port = Number(match?.[1]);
  if (match === null || port < 1 || port > 65535) {
    throw new TrimaranError({
      code: 'compare/bad-probe',
      message: `\`${text}\` is nothing to probe`,
      hint: 'write http://:PORT/PATH, with the port that compose publishes: http://:8000/docs',
      exitCode: 2,
    });
  }
  return { port, path: match[2] ?? '/' };
}

/** The longest that an image may take to answer, in milliseconds. */
const patience = 60_000;

/** Probes an image as compose would run it. What fails is in the result; only bugs reject. */
export async function probeImage(
  host: Host,
  options: {
    readonly open: () => Promise<Image>;
    readonly service: Service;
    readonly target: ProbeTarget;
    readonly patience?: number | undefined;
  },
): Promise<ProbeResult> {
  const { service, target } = options;
  const limit = options.patience ?? patience;
  const { overrides } = service;
  const published = overrides.ports.find(({ value }) => value.published === String(target.port));
  const container = published?.value.target ?? target.port;
  let stop: (() => Promise<void>) | undefined;
  try {
    const running = await runImage({
      host,
      // Without a daemon nothing is loaded, and the processes are ours to measure.
      among: plainRuntimes,
      image: withOverrides(await options.open(), service),
      workDirectory: join(trimaranRoot(host), 'containers'),
      command: overrides.command?.value ?? [],
      env: [...overrides.environment].flatMap(([name, { value }]) =>
        value === null ? [] : [`${name}=${value}`],
      ),
      ports: [{ address: '127.0.0.1', host: 0, container }],
      output: 'ignore',
    });
    stop = () => running.stop();
    // Unpacking the image is no part of starting it.
    const started = performance.now();
    let exitCode: number | undefined;
    void running.exited.then((code) => {
      exitCode = code;
    });
    let last = 'nothing listens';
    while (performance.now() - started < limit) {
      if (exitCode !== undefined)
        return { answers: false, code: 'compare/ended', reason: `it ended with exit code ${exitCode}` };
      try {
        const response = await host.fetch(`http://127.0.0.1:${running.ports[0]}${target.path}`, {
          signal: AbortSignal.timeout(5000),
          redirect: 'follow',
        });
        await response.arrayBuffer();
        if (response.status === 200)
          return {
            answers: true,
            milliseconds: Math.round(performance.now() - started),
            memory: memoryOfContainers(),
          };
        last = `it answers ${response.status}`;
      } catch {
        // Not yet.
      }
      await new Promise((wake) => setTimeout(wake, 50));
    }
    return {
      answers: false,
      code: 'compare/no-answer',
      reason: `no 200 within ${Math.round(limit / 1000)} s: ${last}`,
    };
  } catch (error) {
    const { code, message } = problemOf(error);
    return { answers: false, code, reason: message };
  } finally {
    await stop?.();
  }
}

function withOverrides(image: Image, service: Service): Image {
  const { workingDir, entrypoint } = service.overrides;
  if (workingDir === undefined && entrypoint === undefined) return image;
  const config = {
    ...image.config.config,
    ...(workingDir === undefined ? {} : { WorkingDir: workingDir.value }),
    ...(entrypoint === undefined ? {} : { Entrypoint: entrypoint.value, Cmd: null }),
  };
  return { ...image, config: { ...image.config, config } };
}

/** Bytes that descendants of this process hold in mount namespaces of their own; undefined where that cannot be read. */
function memoryOfContainers(): number | undefined {
  try {
    const parents = new Map<number, number>();
    for (const name of readdirSync('/proc')) {
      if (!/^\d+$/.test(name)) continue;
      const stat = readWhole(`/proc/${name}/stat`);
      if (stat !== undefined)
        parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]));
    }
    const own = readlinkSync('/proc/self/ns/mnt');
    let total = 0;
    for (const pid of parents.keys()) {
      let at: number | undefined = pid;
      for (let depth = 0; at !== undefined && at !== process.pid && depth < 50; depth++) at = parents.get(at);
      if (at !== process.pid || pid === process.pid) continue;
      const status = readWhole(`/proc/${pid}/status`);
      const resident = /^VmRSS:\s+(\d+) kB/m.exec(status ?? '');
      if (resident !== null && readLink(`/proc/${pid}/ns/mnt`) !== own) total += Number(resident[1]) * 1024;
    }
    return total === 0 ? undefined : total;
  } catch {
    return undefined;
  }
}

function readWhole(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

function readLink(file: string): string | undefined {
  try {
    return readlinkSync(file);
  } catch {
    return undefined;
  }
}
