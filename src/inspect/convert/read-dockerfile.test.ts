import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ImageNeeds } from './image-needs.ts';
import { readDockerfile } from './read-dockerfile.ts';

let context: string;
beforeAll(() => {
  context = mkdtempSync(join(tmpdir(), 'trimaran-read-dockerfile-'));
  const files = {
    'requirements.txt': 'Flask==3.0.*\n-r more.txt\n',
    'more.txt': 'redis ; python_version > "3.8"\n',
    'package.json': '{}',
    'package-lock.json': '{}',
    'src/a.js': '1',
    'public/index.html': '<p>',
    'static/logo.svg': '<svg/>',
    'extra/config.yml': 'a: 1',
  };
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(context, name)), { recursive: true });
    writeFileSync(join(context, name), text);
  }
});
afterAll(() => rmSync(context, { recursive: true, force: true }));

function read(text: string): Promise<ImageNeeds> {
  return readDockerfile({
    text,
    file: 'Dockerfile',
    context,
    readSourceFile: (source, path) => {
      try {
        const file = source.kind === 'local' ? join(source.path, path) : '';
        return Promise.resolve(readFileSync(file, 'utf8'));
      } catch {
        return Promise.resolve(undefined);
      }
    },
  });
}

const requirements = ({ requirements: list }: ImageNeeds) =>
  list.map(({ value }) => `${value.from} ${value.name}${value.version}`);
const remarks = ({ remarks: list }: ImageNeeds) => list.map(({ value, span }) => `${span.line} ${value}`);
const places = ({ sources }: ImageNeeds) =>
  Object.fromEntries(
    sources.map(({ value }) => [
      value.target,
      value.kind === 'local' ? value.path.slice(context.length + 1) : value.kind,
    ]),
  );

describe('packages of a RUN', () => {
  it.each([
    [
      'apt-get install -y -t bookworm-backports -o A::B=c curl libpq5=15.*',
      ['debian curl', 'debian libpq5=15.*'],
    ],
    ['apk add --no-cache --virtual .build gcc=12 musl-dev', ['other gcc=12', 'other musl-dev']],
    ['sudo -E dnf -y install httpd && dnf clean all', ['other httpd']],
    ['pip3 install --no-cache-dir "uvicorn>=0.20" fastapi', ['python uvicorn>=0.20', 'python fastapi']],
    ['python3 -m pip install --upgrade pip', []],
    ['if true; then apt-get update && apt-get install -y git; fi', ['debian git']],
    ['TOOL=jq; apt-get install -y $TOOL', ['debian jq']],
    ['conda install -c conda-forge numpy=1.26', ['other numpy=1.26']],
  ])('%s', async (script, wanted) => {
    const needs = await read(`FROM debian\nRUN ${script}\n`);
    expect(requirements(needs)).toEqual(wanted);
    expect(remarks(needs)).toEqual([]);
  });

  it.each([
    ['npm ci', /^2 RUN npm ci$/],
    ['npm install -g pm2@5.1.0', /npm install pm2@5\.1\.0: .*node/],
    ['gem install rails', /Ruby/],
    ['go install example.org/x@v1.2.3', /Go/],
    ['curl -fsSL https://x.example/install | sh', /RUN curl/],
    ['useradd app', /RUN useradd app/],
    ['echo a > /etc/a', /RUN echo a >\/etc\/a/],
    ['{ echo a; echo b; } > /etc/a', /RUN \{ … \} > \/etc\/a/],
    ['mkdir -p /srv/empty', /the empty folder \/srv\/empty/],
    ['pip install --extra-index-url=https://x.example/simple a', /--extra-index-url https:\/\/x\.example/],
    ['pip install -e .', /pip install \./],
    ['pip install "a[b]"', /a\[b\]: extras/],
    ['git clone --recurse-submodules https://x.example/a', /submodules/],
    ['--mount=type=secret,id=a true', /--mount=type=secret/],
    ["apt-get install -y 'a", /could not be read/],
  ])('says that %s is not carried over', async (script, wanted) => {
    expect(remarks(await read(`FROM debian\nRUN ${script}\n`)).join('\n')).toMatch(wanted);
  });

  it('passes over what leaves nothing behind', async () => {
    const script =
      'set -eux; export A=b; apt-get update; apt-get upgrade -y; rm -rf /var/lib/apt/lists/* /tmp/x; apk update; cd /tmp; true; pip cache purge; python -m venv /venv; echo done';
    expect(
      remarks(await read(`FROM debian\nRUN ${script}\nRUN mkdir -p /srv/app\nWORKDIR /srv/app\n`)),
    ).toEqual([]);
  });

  it('reads requirements files, those that they name, and those that are mounted', async () => {
    const copied = await read(
      'FROM python\nWORKDIR /a\nCOPY *.txt ./\nRUN pip install -r requirements.txt\n',
    );
    expect(requirements(copied)).toEqual(['python Flask==3.0.*', 'python redis']);
    expect(remarks(copied)).toEqual(['4 redis: taken whether or not python_version > "3.8"']);
    const mounted = await read(
      'FROM python\nRUN --mount=type=bind,source=requirements.txt,target=/r.txt --mount=type=cache,target=/c pip install -r /r.txt\n',
    );
    expect(requirements(mounted)).toEqual(['python Flask==3.0.*']);
    expect(remarks(mounted).join()).toMatch(/more\.txt could not be read/);
  });
});

describe('files', () => {
  it('expands patterns, and takes folders apart that others are copied into', async () => {
    const needs = await read(
      'FROM node\nWORKDIR /app\nCOPY package*.json ./\nCOPY src/ .\nCOPY public .\nCOPY extra/config.yml /app/conf/\n',
    );
    expect(places(needs)).toEqual({
      '/app/package.json': 'package.json',
      '/app/package-lock.json': 'package-lock.json',
      '/app/a.js': 'src/a.js',
      '/app/index.html': 'public/index.html',
      '/app/conf/config.yml': 'extra/config.yml',
    });
    expect(needs.workingDirectory?.value).toEqual({ kind: 'path', path: '/app' });
  });

  it('forgets a file that comes again with the whole folder', async () => {
    const needs = await read('FROM node\nWORKDIR /app\nCOPY package.json .\nRUN npm ci\nCOPY . .\n');
    expect(places(needs)).toEqual({ '/app': '' });
    expect(needs.workingDirectory?.value).toMatchObject({ kind: 'source', inside: '' });
  });

  it('keeps texts in place, repositories that ADD names, and says what it cannot have', async () => {
    const needs = await read(
      'FROM debian\nCOPY <<-EOF /etc/motd\n\tWelcome\n\tEOF\nADD https://x.example/a/b.git#v1 /b\nADD https://x.example/c.tgz /\nCOPY no-*.txt /\nCOPY --chown=1 src /s\n',
    );
    expect(needs.sources.map(({ value }) => value)).toMatchObject([
      { kind: 'text', text: 'Welcome\n', target: '/etc/motd' },
      { kind: 'git', url: 'https://x.example/a/b.git', ref: 'v1', target: '/b' },
      { kind: 'local', target: '/s' },
    ]);
    expect(remarks(needs).join('\n')).toMatch(
      /^6 ADD .*hash[\s\S]*^7 .*matches[\s\S]*^8 the owner 1 of copied files/m,
    );
  });

  it('takes from other stages what can be told, and names the rest', async () => {
    const needs = await read(
      `FROM python:3.12 AS builder
COPY requirements.txt more.txt /
RUN python -m venv /venv && pip install -r /requirements.txt 'gunicorn[gevent]'
FROM golang AS build
WORKDIR /src
COPY static ./static
RUN go build -o /out/app ./...
FROM python:3.12-slim
COPY --from=builder /venv /venv
COPY --from=build /src/static /static
COPY --from=build /out/app /usr/bin/
COPY --from=nginx:1 /etc/nginx/mime.types /etc/
`,
    );
    expect(requirements(needs)).toEqual(['python Flask==3.0.*', 'python redis', 'python gunicorn']);
    expect(places(needs)).toEqual({ '/static': 'static' });
    const told = remarks(needs).join('\n');
    for (const pattern of [
      /gunicorn\[gevent\]/,
      /--from=build \/out\/app: .*go build/,
      /--from=nginx:1 .*another image/,
    ])
      expect(told).toMatch(pattern);
  });
});

describe('modes, users and commits', () => {
  it('lets texts run that COPY or chmod make executable, and says which files of the project do not', async () => {
    const needs = await read(
      `FROM a
COPY --chmod=0755 <<E /a.sh
#!/bin/sh
E
COPY <<E /b.sh
#!/bin/sh
E
COPY src /s
RUN chmod +x /b.sh /s/a.js && chmod 644 /b.sh && chmod a+rx /other
COPY --chmod=755 static/logo.svg /l/
`,
    );
    const texts = needs.sources.filter(({ value }) => value.kind === 'text');
    expect(texts.map(({ value }) => value)).toMatchObject([
      { target: '/a.sh', isExecutable: true },
      { target: '/b.sh', isExecutable: true },
    ]);
    const told = remarks(needs);
    expect(told).toHaveLength(4);
    for (const pattern of [
      /\/s\/a\.js: .*`chmod \+x src\/a\.js`/,
      /RUN chmod 644 \/b\.sh$/m,
      /RUN chmod a\+rx \/other$/m,
      /`chmod \+x static\/logo\.svg`/,
    ])
      expect(told.join('\n')).toMatch(pattern);
  });

  it('puts variables into texts whose end word asks for it', async () => {
    const needs = await read("FROM a\nENV P=80\nCOPY <<E /c\n$P \\$P $Q '$P'\nE\nCOPY <<'E' /d\n$P\nE\n");
    expect(needs.sources.map(({ value }) => value.kind === 'text' && value.text)).toEqual([
      "80 $P  '80'\n",
      '$P\n',
    ]);
    expect(remarks(needs)).toEqual(['3 $Q in the text of E, which has no value here']);
  });

  it.each([
    ['useradd -m -u 1234 app', 'app', '1234'],
    ['groupadd --gid 77 web && useradd --no-create-home -g web --uid=70 app', 'app', '70:77'],
    ['addgroup -g 9 -S web && adduser -S -D -H -u 8 -G web app', 'app', '8:9'],
    ['adduser --disabled-password --gecos "" app', 'app', '1000'],
    ['useradd -r one && useradd --system two', 'two', '998'],
    ['useradd one && useradd two', 'two:one', '1001:1000'],
  ])('%s: USER %s is %s', async (command, user, number) => {
    const needs = await read(`FROM a\nRUN ${command}\nUSER ${user}\n`);
    expect(needs.user?.value).toBe(number);
    expect(remarks(needs).at(-1)).toMatch(`the image runs as ${number}`);
  });

  it('keeps a user that nobody makes, and speaks of one that nothing runs as', async () => {
    const needs = await read('FROM a\nRUN useradd -m app\nRUN adduser app www-data\nUSER node\n');
    expect(needs.user?.value).toBe('node');
    expect(remarks(needs)).toEqual(['2 RUN useradd -m app', '3 RUN adduser app www-data']);
  });

  it('takes a clone at the commit that is checked out', async () => {
    const refs = async (run: string) =>
      (await read(`FROM a\nWORKDIR /w\nRUN ${run}\n`)).sources.map(
        ({ value }) => value.kind === 'git' && `${value.target} ${value.ref}`,
      );
    const clone = 'git clone https://x.example/r';
    expect(await refs(`${clone}.git . && git checkout v1`)).toEqual(['/w v1']);
    expect(await refs(`${clone} && cd r && git reset --hard abc`)).toEqual(['/w/r abc']);
    expect(await refs(`${clone} && git -C r switch -q dev`)).toEqual(['/w/r dev']);
    expect(await refs(`${clone} && git -C r checkout -b new`)).toEqual(['/w/r undefined']);
  });

  it('reads a command given as words', async () => {
    const needs = await read('FROM a\nRUN ["apt-get", "install", "-y", "curl"]\nRUN ["make", "it\'s"]\n');
    expect(requirements(needs)).toEqual(['debian curl']);
    expect(remarks(needs)).toEqual(["3 RUN make it's"]);
  });
});

describe('configuration', () => {
  it('lets an entry point take the command of the stage below away, and not its own', async () => {
    const below = await read('FROM a AS one\nCMD ["x"]\nFROM one\nENTRYPOINT ["y"]\n');
    expect([below.entrypoint?.value, below.command?.value]).toEqual([['y'], undefined]);
    const own = await read('FROM a\nCMD ["x"]\nENTRYPOINT ["y"]\n');
    expect([own.entrypoint?.value, own.command?.value]).toEqual([['y'], ['x']]);
  });

  it('runs lines by the shell that SHELL names', async () => {
    const needs = await read('FROM a\nSHELL ["/bin/bash", "-c"]\nCMD exec run $X\n');
    expect(needs.command?.value).toEqual(['/bin/bash', '-c', 'exec run $X']);
  });

  it('says where a variable of the base image is used, and not where a default is', async () => {
    const needs = await read('FROM a\nENV B=${C:-d} E=$F/x PATH=/y:$PATH\n');
    expect(needs.environment.map(({ value }) => value.join('='))).toEqual([
      'B=d',
      'E=/x',
      'PATH=/y:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    ]);
    expect(remarks(needs)).toEqual(['2 `$F/x`: $F has no value here; the base image may set it']);
  });

  it('reads ranges of ports', async () => {
    const { ports } = await read('FROM a\nEXPOSE 80 53/UDP 8000-8002\nEXPOSE 80/tcp\n');
    expect(ports.map(({ value }) => value)).toEqual(['80/tcp', '53/udp', '8000/tcp', '8001/tcp', '8002/tcp']);
  });
});

describe('every instruction', () => {
  it('is carried over or spoken of', async () => {
    const instructions = [
      'RUN make it',
      'RUN ["make", "it"]',
      'COPY src /s',
      'ADD static /t',
      'ENV A=b',
      'LABEL a=b',
      'EXPOSE 1',
      'VOLUME /v',
      'USER app',
      'WORKDIR /w',
      'CMD ["c"]',
      'ENTRYPOINT e',
      'HEALTHCHECK NONE',
      'STOPSIGNAL SIGINT',
      'ONBUILD RUN x',
    ];
    const needs = await read(`FROM debian\n${instructions.join('\n')}\n`);
    const { base, workingDirectory, entrypoint, command, user, healthcheck, stopSignal, ...lists } = needs;
    const spans = [
      ...[base, workingDirectory, entrypoint, command, user, healthcheck, stopSignal],
      ...Object.values(lists).flatMap((list) => (Array.isArray(list) ? list : [])),
    ].flatMap((place) => (place as { span: { line: number } } | undefined)?.span.line ?? []);
    expect([...new Set(spans)].sort((a, b) => a - b)).toEqual(
      [...instructions.keys(), instructions.length].map((at) => at + 1),
    );
  });
});
