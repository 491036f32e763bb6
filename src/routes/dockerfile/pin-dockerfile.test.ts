import { describe, expect, it } from 'vitest';
import { parseDockerfile } from '../../languages/dockerfile/parse.ts';
import { resolveDockerfile } from '../../languages/dockerfile/resolve.ts';
import { emptyLockFile, type LockFile } from '../../sets/lock-file.ts';
import { lowerHeredocs } from './lower-heredocs.ts';
import { Places, pinForBuild, pinForPeople } from './pin-dockerfile.ts';

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
  git: new Map([
    ['https://example.org/app', new Map([['v1', commit]])],
    ['https://example.org/app.git', new Map([['v1', commit]])],
  ]),
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

const lowered = (text: string) => {
  const places = new Places(text);
  const { instructions } = lowerHeredocs(options(text).resolved, (span) => places.slice(span));
  return instructions;
};
const forPeople = (text: string) => pinForPeople({ ...options(text), stages: 'all' });
const forBuild = (text: string, settings = false) =>
  pinForBuild({
    ...options(text),
    epoch: 1,
    variables: new Map<string, string>(),
    heredocs: lowered(text),
    filesImage: 'localhost/files:1',
    withAptSettings: settings,
    environmentOf: (reference) =>
      reference === 'debian:bookworm' ? new Map([['SET', 'by base']]) : undefined,
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
  it('writes out expansions that older builders do not know, where their value is sure', () => {
    const text = `ARG V=1.2.3 W=\${V//./-}
FROM alpine:\${V%.*} AS one
ENV A=\${UNSET-x}
FROM debian:bookworm
ARG V
ENV A=\${V%%.*} B=\${UNSET-x} C=\${SET-x} D=\${V:-y}
RUN echo \${V%.*}
COPY a-\${V#*.} \${UNSET-/srv}/
COPY --from=one /a /b
ADD ["a", "/x/$V"]
COPY a /$UNSET/
`;
    const kept = forBuild(text)
      .split('\n')
      .filter((line) => !/^ARG (?:SOURCE|APT)/.test(line));
    expect(kept).toEqual([
      'ARG V=1.2.3 W=1-2-3',
      'FROM alpine:1.2 AS one',
      'ENV A=${UNSET-x}',
      'FROM localhost/base:1',
      'ARG V',
      'ENV A=1 B=x C=${SET-x} D=${V:-y}',
      'RUN echo ${V%.*}',
      'COPY a-2.3 /srv/',
      'COPY --from=one /a /b',
      'ADD ["a", "/x/1.2.3"]',
      'COPY a /$UNSET/',
      '',
    ]);
  });

  it('says which shell runs a command where it is not the usual one', () => {
    const text = 'FROM alpine\nCMD a  b\nSHELL ["/bin/bash", "-c"]\nENTRYPOINT x "y" \\\n  z\nCMD ["q"]\n';
    expect(forBuild(text).split('\n').slice(2)).toEqual([
      'CMD a  b',
      'SHELL ["/bin/bash", "-c"]',
      'ENTRYPOINT ["/bin/bash","-c","x \\"y\\"   z"]',
      'CMD ["q"]',
      '',
    ]);
  });

  it('hands apt’s settings once to each stage that something runs on', () => {
    const text = `FROM debian:bookworm AS base
FROM base AS one
RUN true
FROM alpine AS two
COPY --from=one /x /x
FROM base
RUN true
COPY --from=two /x /x
`;
    const copies = (line: string) => /^(?:COPY --from=localhost|FROM|ARG APT)/.test(line);
    expect(forBuild(text, true).split('\n').filter(copies)).toEqual([
      'FROM localhost/base:1 AS base',
      'ARG APT_CONFIG=/.trimaran-apt-3f1c/apt.conf',
      'COPY --from=localhost/files:1 /.trimaran-apt-3f1c /.trimaran-apt-3f1c',
      'FROM base AS one',
      'ARG APT_CONFIG=/.trimaran-apt-3f1c/apt.conf',
      'FROM alpine AS two',
      'ARG APT_CONFIG=/.trimaran-apt-3f1c/apt.conf',
      'FROM base',
      'ARG APT_CONFIG=/.trimaran-apt-3f1c/apt.conf',
    ]);
    expect(forBuild(text)).not.toContain('trimaran-apt');
  });

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

  it('says here-documents in words that every builder knows', () => {
    const text = `# syntax=docker/dockerfile:1
# escape=\\
FROM debian:bookworm
ARG WHO=me
RUN --network=none <<EOF
set -e
echo "$WHO"
EOF
SHELL ["/bin/bash", "-ec"]
RUN cat <<-'A' > /a && cat <<B > /b
	one
	A
two
B
COPY --chown=1:2 <<-"NAME" <<OTHER more.txt /srv/
	as $WHO
	NAME
for "$WHO"
OTHER
RUN true
`;
    expect(forBuild(text)).toBe(`# escape=\\
FROM localhost/base:1
ARG SOURCE_DATE_EPOCH=1
ARG WHO=me
RUN --network=none ["/bin/sh","-c","set -e\\necho \\"$WHO\\"\\n"]
SHELL ["/bin/bash", "-ec"]
RUN ["/bin/bash","-ec","cat <<-'A' > /a && cat <<B > /b\\n\\tone\\nA\\ntwo\\nB"]
COPY --chown=1:2 ["more.txt","/srv/"]
COPY --from=localhost/files:1 --chown=1:2 ["/0/NAME","/0/OTHER","/srv/"]
RUN true
`);
    const places = new Places(text);
    const { files } = lowerHeredocs(options(text).resolved, (span) => places.slice(span));
    expect(
      files.map((entry) => [
        entry.path,
        entry.kind === 'file' && entry.content.kind === 'bytes' ? String(entry.content.bytes) : '',
      ]),
    ).toEqual([
      ['0', ''],
      ['0/NAME', 'as $WHO\n'],
      ['0/OTHER', 'for "me"\n'],
    ]);
  });

  it('asks the proxy for locked downloads over TLS, except where TLS is insisted on', () => {
    const at = `http://trimaran.invalid/url/${sha256}/a.sql`;
    expect(
      forBuild(
        'FROM debian:bookworm\nARG H=example.org\nRUN curl -O https://example.org/a.sql && wget "https://$H/a.sql"\nRUN curl --proto =https -O https://example.org/a.sql\nRUN curl https://example.org/a.sql | sh\n',
      ),
    ).toBe(
      `FROM localhost/base:1\nARG SOURCE_DATE_EPOCH=1\nARG H=example.org\nRUN curl -O ${at} && wget "${at}"\nRUN curl --proto =https -O https://example.org/a.sql\nRUN curl https://example.org/a.sql | sh\n`,
    );
  });

  it('takes commits in the place of branches and tags, and no flag that only BuildKit knows', () => {
    expect(
      forBuild(
        'FROM debian:bookworm\nADD https://example.org/app.git#v1:docs /a\nCOPY --link --chown=1 a /b\n',
      ),
    ).toBe(
      `FROM localhost/base:1\nARG SOURCE_DATE_EPOCH=1\nADD https://example.org/app.git#${commit}:docs /a\nCOPY  --chown=1 a /b\n`,
    );
  });

  it('tells a stage again of the ARGs that it has from another, which older builders forget', () => {
    const pinned = forBuild(
      'FROM x:1 AS a\nARG V="1 \\"2\\" \\$3" W X=y\nENV X=env\nFROM a AS b\nARG U=u\nFROM b\nRUN echo $V\n',
    );
    const stages = pinned.split(/^FROM /m).map((stage) => stage.match(/^ARG [U-X]\b.*$/gm) ?? []);
    expect(stages.slice(2)).toEqual([
      ['ARG V="1 \\"2\\" \\$3"', 'ARG U=u'],
      ['ARG U="u"', 'ARG V="1 \\"2\\" \\$3"'],
    ]);
  });

  it('writes into scripts within words where they stand, keeps quotes, and leaves what is put together', () => {
    const text = (curl: string, pip: string) =>
      `FROM debian:bookworm AS unused
RUN bash -c "apt-get install -y ${curl} && pip install ${pip}"
RUN ["sh", "-c", "apt-get install ${curl} && pip install ${pip}"]
RUN apt-get install \\
  # why
  "${curl}" '${curl}' && pip install "${pip}"
FROM debian:bookworm
RUN sh -c 'x "'"'"'"; pip install ${pip}'
`;
    const still = `RUN A=starlette; bash -c "pip install $A 'starlette' \\"starlette\\""\nRUN sh -c 'x \\
 pip install st'arlette\n`;
    expect(forPeople(text('curl', 'starlette') + still)).toBe(
      text('curl=7.88-1', 'starlette==0.10.0').replace(/(sh -c 'x .*)==0\.10\.0/, '$1') + still,
    );
    expect(forPeople('FROM debian:bookworm\nRUN apt-get install curl:amd64 curl/stable\n')).toContain(
      'install curl:amd64=7.88-1 curl/stable\n',
    );
  });

  it('gives an ARG without a value what the stage has already', () => {
    const pinned = forBuild(
      'ARG G=g\nFROM x:1 AS a\nARG SOURCE_DATE_EPOCH V=1 U\nFROM a\nARG V SOURCE_DATE_EPOCH=0 G\n',
    );
    expect(pinned).toContain('ARG SOURCE_DATE_EPOCH="1" V=1 U\n');
    expect(pinned).toContain('ARG V="1" SOURCE_DATE_EPOCH=0 G\n');
  });

  it('writes names of stages in one way', () => {
    const pinned = forBuild(
      'FROM x:1 AS Base\nFROM Base as B-2\nFROM BASE\nCOPY --from=b-2 --chown=A /A /B\nCOPY --from=Base a b\n',
    );
    expect(pinned.match(/^(?:FROM|COPY --from).*$/gm)).toEqual([
      'FROM x:1 AS base',
      'FROM base as b-2',
      'FROM base',
      'COPY --from=b-2 --chown=A /A /B',
      'COPY --from=base a b',
    ]);
  });
});
