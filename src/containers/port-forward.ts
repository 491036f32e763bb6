// Publishes a port of a container that has a network namespace of its own and no network but loopback: this process
// listens on the host, a small process inside the namespace connects there, a Unix socket joins the two. Needs no root.
import { type ChildProcess, spawn } from 'node:child_process';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { systemErrorCode, TrimaranError } from '../foundation/error.ts';

export interface PublishedPort {
  /** `127.0.0.1` unless given. */
  readonly address: string;
  readonly host: number;
  readonly container: number;
}

/** Parses `HOST:CONTAINER` or `ADDRESS:HOST:CONTAINER`. Throws `run/bad-port`. */
export function parsePublishedPort(text: string): PublishedPort {
  const match = /^(?:(.+):)?(\d{1,5}):(\d{1,5})(?:\/tcp)?$/.exec(text);
  const [host, container] = [Number(match?.[2]), Number(match?.[3])];
  if (match === null || host > 65535 || container > 65535 || container === 0) {
    throw new TrimaranError({
      code: 'run/bad-port',
      message: `\`${text}\` does not publish a port`,
      hint: 'write HOST:CONTAINER, such as 8000:80',
      exitCode: 2,
    });
  }
  return { address: match[1] ?? '127.0.0.1', host, container };
}

/** Runs inside the namespace: joins each connection of a Unix socket to a port. */
const insideProgram = `
const net = require('node:net');
const [socket, port] = process.argv.slice(1);
net.createServer((outer) => {
  const inner = net.connect(Number(port), '127.0.0.1');
  outer.pipe(inner).pipe(outer);
  outer.on('error', () => inner.destroy());
  inner.on('error', () => outer.destroy());
}).listen(socket, () => process.stdout.write('ready'));
process.stdin.on('end', () => process.exit(0)).resume();
`;

export interface Forwarding {
  /** The port on the host; the one asked for, or one that was free when that was 0. */
  readonly port: number;
  close(): void;
}

export interface ForwardOptions {
  readonly published: PublishedPort;
  /** A private folder for the socket. */
  readonly directory: string;
  /** Words that run a command inside the namespace: `nsenter --net=…`. */
  readonly enter: readonly string[];
}

/** Starts forwarding. Rejects with `run/port-in-use` and `run/no-forwarding`. */
export async function forwardPort(options: ForwardOptions): Promise<Forwarding> {
  const { published } = options;
  const socket = join(options.directory, `port-${published.container}.sock`);
  const [command, ...args] = [
    ...options.enter,
    process.execPath,
    '-e',
    insideProgram,
    '--',
    socket,
    String(published.container),
  ];
  const inside = spawn(command!, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  await ready(inside);
  const server = createServer((outer) => {
    const inner = connect(socket);
    outer.pipe(inner).pipe(outer);
    outer.on('error', () => inner.destroy());
    inner.on('error', () => outer.destroy());
  });
  try {
    const port = await listen(server, published);
    return {
      port,
      close: () => {
        server.close();
        inside.stdin?.end();
        inside.kill();
      },
    };
  } catch (error) {
    inside.kill();
    throw error;
  }
}

function ready(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (cause?: unknown) =>
      reject(
        new TrimaranError({
          code: 'run/no-forwarding',
          message: 'no process can be started in the container’s network',
          cause,
          exitCode: 4,
        }),
      );
    child.stdout?.once('data', () => resolve());
    child.once('error', failed);
    child.once('exit', () => failed());
  });
}

function listen(server: Server, published: PublishedPort): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      const used = systemErrorCode(cause) === 'EADDRINUSE';
      reject(
        new TrimaranError({
          code: used ? 'run/port-in-use' : 'run/no-forwarding',
          message: used
            ? `port ${published.host} of ${published.address} is in use`
            : `cannot listen on port ${published.host} of ${published.address}`,
          hint: `publish another one: -p ${published.host + 1}:${published.container}`,
          cause,
          exitCode: 4,
        }),
      );
    });
    server.listen(published.host, published.address, () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : published.host);
    });
  });
}
