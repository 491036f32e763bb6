import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { digestOf } from './digest.ts';
import { download, redactUrl } from './download.ts';

const body = Buffer.alloc(300_000, 'trimaran ');
const digest = digestOf('sha256', body);

let server: Server;
let base: string;
let directory: string;
let target: string;
let requests: IncomingMessage[] = [];
let answer: (request: IncomingMessage, response: ServerResponse) => void;

beforeAll(async () => {
  server = createServer((request, response) => {
    requests.push(request);
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => new Promise((resolve) => server.close(resolve)));
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'download-'));
  target = join(directory, 'file');
  requests = [];
});
afterEach(() => rmSync(directory, { recursive: true }));

const host = { fetch };

function serveWithRanges(request: IncomingMessage, response: ServerResponse): void {
  const start = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
  response.writeHead(start > 0 ? 206 : 200);
  response.end(body.subarray(start));
}

describe('download', () => {
  it('writes the file once its digest is right', async () => {
    answer = serveWithRanges;
    let counted = 0;
    const result = await download({
      host,
      urls: [`${base}/file`],
      target,
      digest,
      size: body.length,
      onBytes: (count) => {
        counted += count;
      },
    });
    expect(readFileSync(target).equals(body)).toBe(true);
    expect(result.sha256).toBe(createHash('sha256').update(body).digest('hex'));
    expect(counted).toBe(body.length);
    expect(readdirSync(directory)).toEqual(['file']);
  });

  it('continues after a broken connection', async () => {
    answer = (request, response) => {
      if (requests.length > 1) return serveWithRanges(request, response);
      response.writeHead(200, { 'content-length': body.length });
      response.write(body.subarray(0, 100_000), () => setTimeout(() => response.destroy(), 50));
    };
    await download({ host, urls: [`${base}/file`], target, digest, size: body.length });
    expect(readFileSync(target).equals(body)).toBe(true);
    expect(requests[1]!.headers.range).toMatch(/^bytes=\d+-$/);
  });

  it('continues the partial file of a process that died', async () => {
    answer = serveWithRanges;
    writeFileSync(`${target}.tmp-999999999-abc`, body.subarray(0, 1000));
    await download({ host, urls: [`${base}/file`], target, digest, size: body.length });
    expect(requests[0]!.headers.range).toBe('bytes=1000-');
    expect(readdirSync(directory)).toEqual(['file']);
  });

  it('starts over where the server knows no ranges', async () => {
    answer = (_, response) => response.end(body);
    writeFileSync(`${target}.partial`, 'something else');
    await download({ host, urls: [`${base}/file`], target, digest, size: body.length });
    expect(readFileSync(target).equals(body)).toBe(true);
  });

  it('starts over once when what it continued was wrong', async () => {
    answer = serveWithRanges;
    writeFileSync(`${target}.partial`, 'something else');
    await download({ host, urls: [`${base}/file`], target, digest, size: body.length });
    expect(requests.map((request) => request.headers.range)).toEqual(['bytes=14-', undefined]);
    expect(readdirSync(directory)).toEqual(['file']);
  });

  it('refuses bytes that differ, and leaves nothing', async () => {
    answer = (_, response) => response.end(Buffer.from(body).fill('x', 5, 6));
    await expect(
      download({ host, urls: [`${base}/file`], target, digest, size: body.length }),
    ).rejects.toMatchObject({ code: 'download/mismatch', exitCode: 4 });
    expect(readdirSync(directory)).toEqual([]);
  });

  it('refuses more bytes than announced', async () => {
    answer = (_, response) => response.end(body);
    await expect(download({ host, urls: [`${base}/file`], target, maximumSize: 1000 })).rejects.toMatchObject(
      { code: 'download/too-large' },
    );
  });

  it('tries the next address, and says not-found when none has it', async () => {
    answer = (request, response) => {
      if (request.url === '/b') return serveWithRanges(request, response);
      response.writeHead(404).end();
    };
    const result = await download({ host, urls: [`${base}/a`, `${base}/b`], target, digest });
    expect(result.url).toBe(`${base}/b`);
    await expect(download({ host, urls: [`${base}/a`, `${base}/c`], target, digest })).rejects.toMatchObject({
      code: 'download/not-found',
    });
  });

  it('says unreachable when nothing listens', async () => {
    await expect(
      download({ host, urls: ['http://127.0.0.1:1/x'], target, attempts: 1 }),
    ).rejects.toMatchObject({ code: 'download/unreachable', exitCode: 4 });
  });

  it('gives up on a silent connection', async () => {
    answer = (_, response) => response.writeHead(200).write('a');
    await expect(
      download({ host, urls: [`${base}/file`], target, attempts: 1, idleTimeout: 100 }),
    ).rejects.toMatchObject({ code: 'download/unreachable', message: expect.stringContaining('silent') });
  });

  it('sends credentials in a header and never shows them', async () => {
    answer = (request, response) => {
      response.writeHead(request.headers.authorization === undefined ? 401 : 404).end();
    };
    const url = base.replace('//', '//user:secret@');
    const failed = await download({ host, urls: [`${url}/x?token=abc`], target }).catch((error) => error);
    expect(failed.code).toBe('download/not-found');
    expect(failed.message).not.toMatch(/secret|abc/);
    expect(redactUrl('https://u:p@example.org/a?key=v')).toBe('https://***:***@example.org/a?key=***');
  });
});
