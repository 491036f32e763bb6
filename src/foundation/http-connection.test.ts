import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { HttpConnections } from './http-connection.ts';

const servers: { readonly server: Server; readonly sockets: Set<Socket> }[] = [];

async function listen(server: Server): Promise<URL> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
  });
  servers.push({ server, sockets });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/a?b=c`);
}

afterEach(() => {
  for (const { server, sockets } of servers.splice(0)) {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
});

/** A server that sends these pieces once a request has come, and then closes if it is to. */
function serving(pieces: readonly (string | Uint8Array)[], { closes = false } = {}): Promise<URL> {
  return listen(
    createTcpServer((socket) => {
      socket.once('data', async () => {
        for (const piece of pieces) {
          socket.write(piece);
          await new Promise((settle) => setImmediate(settle));
        }
        if (closes) socket.end();
      });
    }),
  );
}

const get = { method: 'GET', headers: {} } as const;

async function textOf(url: URL, request: Parameters<HttpConnections['ask']>[1] = get): Promise<string> {
  const { body } = await new HttpConnections().ask(url, request);
  const chunks: Buffer[] = [];
  await body.forEachChunk((chunk) => chunks.push(Buffer.from(chunk)));
  return Buffer.concat(chunks).toString('latin1');
}

async function iteratedTextOf(url: URL): Promise<string> {
  const { body } = await new HttpConnections().ask(url, get);
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks).toString('latin1');
}

const sized = 'HTTP/1.1 200 OK\r\nContent-Length: 11\r\nX-Two: a\r\nx-two: b\r\n\r\nhello world';
const chunked =
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n6\r\n world\r\n0\r\nLater: x\r\n\r\n';

describe('HttpConnections', () => {
  it('sends the request as it is given', async () => {
    const url = await listen(
      createServer(({ method, url: path, headers }, response) =>
        response.end(JSON.stringify({ method, path, headers })),
      ),
    );
    expect(JSON.parse(await textOf(url, { method: 'GET', headers: { range: 'bytes=3-' } }))).toEqual({
      method: 'GET',
      path: '/a?b=c',
      headers: { host: url.host, connection: 'keep-alive', range: 'bytes=3-' },
    });
  });

  it.each([
    ['with a length', sized, false],
    ['in chunks', chunked, false],
    ['until the end', 'HTTP/1.0 200 OK\r\n\r\nhello world', true],
    ['after an informational one', `HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n${sized}`, false],
  ])('reads a body %s, wherever it is cut', async (_, answer, closes) => {
    const cuts = fc.array(fc.nat({ max: answer.length }), { maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(cuts, fc.boolean(), async (places, isIterated) => {
        const ends = [...places.sort((a, b) => a - b), answer.length];
        const pieces = ends.map((end, i) => answer.slice(i === 0 ? 0 : ends[i - 1], end));
        const url = await serving(
          pieces.filter((piece) => piece !== ''),
          { closes },
        );
        expect(await (isIterated ? iteratedTextOf(url) : textOf(url))).toBe('hello world');
      }),
      { numRuns: 30 },
    );
  });

  it('joins headers and gives them in lower case', async () => {
    const { headers } = await new HttpConnections().ask(await serving([sized]), get);
    expect(Object.fromEntries(headers)).toEqual({ 'content-length': '11', 'x-two': 'a, b' });
  });

  it('expects no body where there is none', async () => {
    const head = 'HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n';
    expect(await textOf(await serving([head]), { method: 'HEAD', headers: {} })).toBe('');
    expect(await textOf(await serving(['HTTP/1.1 204 No Content\r\n\r\n']))).toBe('');
  });

  it('gives a large body in order, through one buffer and by iteration', async () => {
    const large = Buffer.from(Array.from({ length: 400_000 }, (_, i) => `${i}`).join(','));
    const url = await listen(createServer((_, response) => response.end(large)));
    expect(await textOf(url)).toBe(large.toString());
    expect(await iteratedTextOf(url)).toBe(large.toString());
  });

  it('uses a connection again, and a new one when the server has closed it', async () => {
    let connections = 0;
    const server = createServer((_, response) => response.end('x')).on('connection', () => {
      connections++;
    });
    server.keepAliveTimeout = 60_000;
    const url = await listen(server);
    const reader = new HttpConnections();
    const ask = async () => {
      const { body } = await reader.ask(url, get);
      await body.forEachChunk(() => {});
    };
    for (let i = 0; i < 3; i++) await ask();
    expect(connections).toBe(1);
    server.closeAllConnections();
    await ask();
    expect(connections).toBe(2);
  });

  it('uses no connection again whose body was given up', async () => {
    const large = Buffer.alloc(3_000_000);
    const url = await listen(createServer((_, response) => response.end(large)));
    const reader = new HttpConnections();
    const { body } = await reader.ask(url, get);
    await body.cancel();
    const again = await reader.ask(url, get);
    let size = 0;
    for await (const chunk of again.body) {
      size += chunk.length;
      if (size > 100_000) break;
    }
    const whole = await reader.ask(url, get);
    size = 0;
    await whole.body.forEachChunk((chunk) => {
      size += chunk.length;
    });
    expect(size).toBe(large.length);
  });

  it.each([
    ['a body that breaks off', sized.slice(0, -3)],
    ['chunks that break off', chunked.slice(0, -20)],
    ['a chunk of less than nothing', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n'],
    ['a chunk without a size', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloo\r\n'],
    ['another coding', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n'],
    ['a length that is none', 'HTTP/1.1 200 OK\r\nContent-Length: 0x10\r\n\r\nhello'],
    ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nhello'],
    ['another protocol', 'HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n'],
    ['TLS', '\x15\x03\x01\x00\x02\x02F'],
    ['a head without end', `HTTP/1.1 200 OK\r\n${'X: y\r\n'.repeat(30_000)}`],
    ['nothing', ''],
  ])('rejects %s', async (_, answer) => {
    const pieces = answer === '' ? [] : [Buffer.from(answer, 'latin1')];
    const error = await textOf(await serving(pieces, { closes: true })).then(
      (text) => expect.fail(`gave ${JSON.stringify(text)}`),
      (reason: unknown) => reason,
    );
    expect(error).toMatchObject({ code: expect.stringMatching(/^(ECONNRESET|HPE_INVALID_CONSTANT)$/) });
  });

  it('ends with random bytes', async () => {
    const prefixes = ['', 'HTTP/1.1 200 OK\r\n', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'];
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...prefixes),
        fc.uint8Array({ maxLength: 200 }),
        async (prefix, bytes) => {
          const url = await serving(
            [Buffer.from(prefix), bytes].filter(({ length }) => length > 0),
            {
              closes: true,
            },
          );
          await textOf(url).catch(() => {});
        },
      ),
      { numRuns: 60 },
    );
  });

  it('rejects with what the taker throws', async () => {
    const url = await serving([sized]);
    const { body } = await new HttpConnections().ask(url, get);
    const failing = body.forEachChunk(() => {
      throw new Error('full');
    });
    await expect(failing).rejects.toThrowError('full');
  });

  it('gives up when told to, before and within an answer', async () => {
    const silent = await serving([]);
    const early = new AbortController();
    const asked = new HttpConnections().ask(silent, { ...get, signal: early.signal });
    setTimeout(() => early.abort(), 20);
    await expect(asked).rejects.toMatchObject({ name: 'AbortError' });

    const late = new AbortController();
    const halting = await serving([sized.slice(0, -3)]);
    const { body } = await new HttpConnections().ask(halting, { ...get, signal: late.signal });
    setTimeout(() => late.abort(), 20);
    await expect(body.forEachChunk(() => {})).rejects.toMatchObject({ name: 'AbortError' });
  });

  it('rejects with the system error where nobody listens', async () => {
    const url = await serving([]);
    const { server } = servers.pop()!;
    server.close();
    await once(server, 'close');
    await expect(textOf(url)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('sends no header that would be two', async () => {
    const url = await serving([sized]);
    const headers = { authorization: 'Bearer x\r\nHost: other' };
    await expect(textOf(url, { method: 'GET', headers })).rejects.toMatchObject({ code: 'ERR_INVALID_CHAR' });
  });
});
