import { describe, expect, it } from 'vitest';
import { parseDockerfile } from '../../languages/dockerfile/parse.ts';
import { resolveDockerfile } from '../../languages/dockerfile/resolve.ts';
import { emptyLockFile, type LockFile } from '../../sets/lock-file.ts';
import { pinForBuild, pinForPeople } from './pin-dockerfile.ts';

const digest = `sha256:${'a'.repeat(64)}`;
const sha256 = 'b'.repeat(64);
const commit = 'c'.repeat(40);
const lock: LockFile = {
  ...emptyLockFile,
  images: new Map([
    ['python:3.11-bookworm', { digest, platforms: new Map() }],
    ['nginx', { digest, platforms: new Map() }],
  ]),
  urls: new Map([['https://example.org/a.sql', sha256]]),
  git: new Map([['https://example.org/app', new Map([['v1', commit]])]]),
  pip: new Map([['Dockerfile', new Map([['starlette', { version: '0.10.0', hashes: [] }]])]]),
  debian: new Map([
    [
      'bookworm',
      {
        timestamp: '20260711T101637Z',
        releaseSha256: sha256,
        components: ['main'],
        architectures: new Map([
          [
            'amd64',
            {
              packages: new Map([
                ['curl', { version: '7.88-1', architecture: 'amd64', path: 'pool/c', size: 1, sha256 }],
              ]),
              python: new Map(),
            },
          ],
        ]),
      },
    ],
  ]),
};

function options(text: string) {
  const resolved = resolveDockerfile(parseDockerfile(text, 'Dockerfile'));
  return { text, resolved, lock, recipe: 'Dockerfile', architecture: 'amd64' };
}

const forPeople = (text: string) => pinForPeople(options(text));
const forBuild = (text: string) =>
  pinForBuild({
    ...options(text),
    epoch: 1,
    variables: new Map<string, string>(),
    replaceImage: (reference) => (reference === 'debian:bookworm' ? 'localhost/base:1' : undefined),
    replaceUrl: (url) => (lock.urls.has(url) ? 'http://127.0.0.1:1/a.sql' : undefined),
  });

describe('pinForPeople', () => {
  it('pins images, in COPY and in mounts too, and keeps the rest as it is written', () => {
    expect(
      forPeople(`# a comment
FROM   python:3.11-bookworm   AS app
COPY --from=nginx /etc/nginx /etc/nginx
RUN --mount=from=nginx,target=/n \\
    true # not curl
`),
    ).toBe(`# a comment
FROM   python:3.11-bookworm@${digest}   AS app
COPY --from=nginx@${digest} /etc/nginx /etc/nginx
RUN --mount=from=nginx@${digest},target=/n \\
    true # not curl
`);
  });

  it('pins the default of the variable that FROM names', () => {
    expect(forPeople('ARG BASE=python:3.11-bookworm\nFROM ${BASE}\n')).toBe(
      `ARG BASE=python:3.11-bookworm@${digest}\nFROM \${BASE}\n`,
    );
  });

  it('gives ADD its checksum, and packages their versions across continued lines', () => {
    expect(
      forPeople(`FROM python:3.11-bookworm
ADD https://example.org/a.sql /init/
RUN apt-get update && apt-get install -y \\
      curl \\
  && pip install starlette
`),
    ).toBe(`FROM python:3.11-bookworm@${digest}
ADD --checksum=sha256:${sha256} https://example.org/a.sql /init/
RUN apt-get update && apt-get install -y \\
      curl=7.88-1 \\
  && pip install starlette==0.10.0
`);
  });

  it('changes nothing the second time, nor what the lock does not have', () => {
    const once = forPeople('FROM python:3.11-bookworm\nRUN apt-get install -y curl vim\n');
    expect(forPeople(once)).toBe(once);
    const other = 'FROM alpine:3.20\nRUN apk add curl\n';
    expect(forPeople(other)).toBe(other);
  });
});

describe('pinForBuild', () => {
  it('takes bases of the Debian set, digests, checked downloads, commits and versions', () => {
    expect(
      forBuild(`ARG BASE=debian:bookworm
FROM \${BASE} AS one
FROM python:3.11-bookworm
ADD --checksum=sha256:${sha256} https://example.org/a.sql /init/
RUN git clone --depth=1 -b v1 https://example.org/app /app
RUN pip install starlette
`),
    ).toBe(`ARG BASE=debian:bookworm
FROM \${BASE} AS one
FROM python:3.11-bookworm@${digest}
ARG SOURCE_DATE_EPOCH=1
ADD  http://127.0.0.1:1/a.sql /init/
RUN git clone --depth=1 -b v1 https://example.org/app /app && git -C /app fetch --quiet --depth=1 origin ${commit} && git -C /app checkout --quiet --force ${commit}
RUN pip install starlette==0.10.0
`);
  });

  it('edits stages that the target needs', () => {
    expect(forBuild('FROM debian:bookworm AS one\nRUN true\nFROM one\nRUN true\n')).toBe(
      'FROM localhost/base:1 AS one\nARG SOURCE_DATE_EPOCH=1\nRUN true\nFROM one\nARG SOURCE_DATE_EPOCH=1\nRUN true\n',
    );
  });
});
