// The reference registry (Debian's docker-registry) on a loopback port, for tests and benchmarks.
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/** Starts `command` with its data below `directory`. Stop it when done. */
export async function startRegistryProcess(
  command: string,
  directory: string,
): Promise<{ readonly address: string; stop(): Promise<void> }> {
  const address = `127.0.0.1:${await freePort()}`;
  mkdirSync(directory, { recursive: true });
  const config = join(directory, 'config.yml');
  writeFileSync(
    config,
    JSON.stringify({
      version: 0.1,
      log: { level: 'error', accesslog: { disabled: true } },
      storage: { filesystem: { rootdirectory: join(directory, 'data') } },
      http: { addr: address },
    }),
  );
  const child = spawn(command, ['serve', config], { stdio: ['ignore', 'ignore', 'pipe'] });
  let errors = '';
  child.stderr.on('data', (chunk) => {
    errors = `${errors}${chunk}`.slice(-4000);
  });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  for (let attempt = 0; ; attempt++) {
    try {
      const response = await fetch(`http://${address}/v2/`);
      await response.body?.cancel();
      break;
    } catch (error) {
      if (attempt > 100 || child.exitCode !== null) {
        child.kill();
        throw new Error(`${command} does not answer at ${address}: ${errors}`, { cause: error });
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  return {
    address,
    async stop() {
      child.kill();
      await ended;
    },
  };
}
