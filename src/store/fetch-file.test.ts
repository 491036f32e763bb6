import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { digestOf } from '../foundation/digest.ts';
import type { Host } from '../foundation/host.ts';
import { fetchFile, UnexpectedBytes } from './fetch-file.ts';

const body = Buffer.alloc(200_000, 'trimaran ');
const digest = digestOf('sha512', body);

let server: Server;
let base: string;
let folder: string;
let target: string;
let requests: { method: string; range: string | undefined }[];
let answer: (request: IncomingMessage, response: ServerResponse) => void;
let bytes: number;
let labels: string[];

beforeAll(async () => {
  server = createServer((request, response) => {
    requests.push({ method: request.method!, range: request.headers.range });
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => new Promise((resolve) => server.close(resolve)));
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'trimaran-fetch-'));
  target = join(folder, 'new/file');
  requests = [];
  bytes = 0;
  labels = [];
  answer = serve;
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const host: Pick<Host, 'fetch' | 'progress'> = {
  fetch: (...args) => fetch(...args),
  progress: {
    note: () => {},
    start: ({ label }) => {
      labels.push(label);
      return {
        advance: (count) => {
          bytes += count;
        },
        done: () => labels.push('done'),
      };
    },
  },
};

/** Serves the body, in parts when asked. */
function serve(request: IncomingMessage, response: ServerResponse): void {
  const start = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
  response.writeHead(start > 0 ? 206 : 200, { 'content-length': body.length - start });
  response.end(request.method === 'HEAD' ? undefined : body.subarray(start));
}

describe('fetching a file', () => {
  it('checks its hash and reports progress', async () => {
    expect(await fetchFile({ host, urls: [`${base}/some/file.bin`], target, digest })).toEqual({
      url: `${base}/some/file.bin`,
      size: body.length,
    });
    expect(readFileSync(target).equals(body)).toBe(true);
    expect(bytes).toBe(body.length);
    expect(labels).toEqual(['file.bin', 'done']);
  });

  it('continues what an earlier run left', async () => {
    answer = (request, response) => {
      serve(request, response);
    };
    await fetchFile({ host, urls: [`${base}/x`], target, digest });
    rmSync(target);
    writeFileSync(`${target}.partial`, body.subarray(0, 150_000));
    requests = [];
    await fetchFile({ host, urls: [`${base}/x`], target, digest });
    expect(requests).toEqual([
      { method: 'HEAD', range: undefined },
      { method: 'GET', range: 'bytes=150000-' },
    ]);
    expect(readFileSync(target).equals(body)).toBe(true);
  });

  it('starts again when what was left is of another file', async () => {
    await fetchFile({ host, urls: [`${base}/x`], target, digest });
    rmSync(target);
    writeFileSync(`${target}.partial`, Buffer.alloc(1000, 'other'));
    await fetchFile({ host, urls: [`${base}/x`], target, digest });
    expect(readFileSync(target).equals(body)).toBe(true);
    expect(bytes).toBe(2 * body.length);
  });

  it('goes on to the next address after wrong bytes, and says so if there is none', async () => {
    let first = true;
    answer = (request, response) => {
      if (!first) return serve(request, response);
      first = false;
      response.end('wrong');
    };
    await fetchFile({ host, urls: [`${base}/a`, `${base}/b`], target, digest });
    answer = (_, response) => void response.end('wrong');
    const error = await fetchFile({
      host,
      urls: [base.replace('//', '//user:secret@'), `${base}/none`],
      target: `${target}2`,
      digest,
    }).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(UnexpectedBytes);
    expect((error as UnexpectedBytes).got).toEqual(digestOf('sha512', Buffer.from('wrong')));
    expect((error as UnexpectedBytes).message).not.toContain('secret');
    expect(existsSync(`${target}2`)).toBe(false);
  });

  it('keeps what came of a connection that broke', async () => {
    answer = (_, response) => {
      response.writeHead(200, { 'content-length': body.length });
      response.write(body.subarray(0, 100_000), () => response.destroy());
    };
    await expect(fetchFile({ host, urls: [`${base}/x`], target, digest })).rejects.toMatchObject({
      code: 'download/unreachable',
      exitCode: 4,
    });
    expect(existsSync(target)).toBe(false);
    answer = serve;
    await fetchFile({ host, urls: [`${base}/x`], target, digest });
    expect(requests.at(-1)!.range).toMatch(/^bytes=[1-9]/);
    expect(readdirSync(join(folder, 'new'))).toEqual(['file']);
  });

  it('refuses more bytes than allowed', async () => {
    await expect(fetchFile({ host, urls: [`${base}/x`], target, maximumSize: 1000 })).rejects.toMatchObject({
      code: 'download/too-large',
    });
  });

  it('copies files, and names what it cannot do', async () => {
    writeFileSync(join(folder, 'a b'), body);
    await fetchFile({ host, urls: [`file://${folder}/a%20b`], target, digest });
    expect(readFileSync(target).equals(body)).toBe(true);
    await expect(fetchFile({ host, urls: [`file://${folder}/none`], target })).rejects.toMatchObject({
      code: 'store/no-such-file',
    });
    await expect(fetchFile({ host, urls: ['s3://bucket/x'], target })).rejects.toMatchObject({
      code: 'store/unsupported-url',
    });
    await expect(fetchFile({ host, urls: [], target })).rejects.toMatchObject({ code: 'store/no-url' });
  });
});
