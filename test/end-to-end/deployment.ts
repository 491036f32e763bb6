// The example in a real engine, run by docker-compose, as people run it who have built its images.
import { spawnSync } from 'node:child_process';
import { openSync } from 'node:fs';
import { expect } from 'vitest';
import { answerOf, dockerHost, type Ended, run, Workspace } from './workspace.ts';

/** `remove` it when done. */
export class Deployment {
  readonly workspace = new Workspace();
  /** Environment that leads clients to the engine. */
  readonly engine = { DOCKER_HOST: dockerHost ?? '' };

  /** `docker load < FILE`. */
  load(file: string): void {
    const loaded = spawnSync('/usr/bin/docker', ['load'], {
      stdio: [openSync(file, 'r'), 'pipe', 'pipe'],
      env: { ...process.env, ...this.engine },
    });
    expect(loaded.status, loaded.stderr.toString()).toBe(0);
  }

  /** Starts what was loaded, and checks that both addresses of the README answer with what they should. */
  async startAndAsk(): Promise<void> {
    const up = await this.#compose('up', '-d', '--no-build');
    expect(up.exitCode, up.stderr).toBe(0);
    expect(await answerOf('http://localhost:8000/docs')).toContain('swagger-ui');
    const areas = JSON.parse(await answerOf('http://localhost:8000/areas')) as {
      type: string;
      features: unknown[];
    };
    expect(areas).toMatchObject({ type: 'FeatureCollection' });
    expect(areas.features).toHaveLength(3);
  }

  async remove(): Promise<void> {
    await this.#compose('down', '--volumes', '--timeout', '2');
    this.workspace.remove();
  }

  #compose(...args: string[]): Promise<Ended> {
    return run('docker-compose', ['-p', 'areas', ...args], {
      cwd: this.workspace.example,
      env: { ...this.engine, PATH: `/usr/bin:${process.env.PATH}` },
    });
  }
}
