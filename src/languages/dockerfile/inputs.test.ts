// biome-ignore-all lint/suspicious/noTemplateCurlyInString: Dockerfile texts
import { describe, expect, it } from 'vitest';
import { findInputs } from './inputs.ts';
import { lockRequests } from './lock-requests.ts';
import { parseDockerfile } from './parse.ts';
import { resolveDockerfile } from './resolve.ts';

/** Inputs of lines after a pinned FROM: `!` where nothing pins them. */
function inputs(...lines: string[]): string[] {
  const text = `FROM x@sha256:${'a'.repeat(64)}\n${lines.join('\n')}\n`;
  return findInputs(resolveDockerfile(parseDockerfile(text, 'D')))
    .slice(1)
    .map((input) => `${input.pinned ? '' : '!'}${input.kind}: ${input.subject}`);
}

describe('findInputs', () => {
  it.each<[string, string[]]>([
    ['ADD https://e.org/x /x', ['!url: ADD https://e.org/x']],
    ['ADD --checksum=sha256:aa https://e.org/x /x', ['url: ADD https://e.org/x']],
    ['ADD https://e.org/x.git#main /x', ['!git: ADD https://e.org/x.git#main']],
    ['ADD a b /x', []],
    ['COPY --from=alpine:3 /a /b', ['!image: alpine:3']],
    ['RUN --mount=type=bind,from=alpine:3,target=/x y', ['!image: alpine:3']],
    [
      'RUN apt-get update && apt-get -y install --no-install-recommends -t sid a b=1.2 c=1.* ./d.deb e-',
      ['!package: apt-get install a', 'package: apt-get install b=1.2', '!package: apt-get install c=1.*'],
    ],
    ['RUN sudo DEBIAN_FRONTEND=x apt-get dist-upgrade -y', ['!upgrade: apt-get dist-upgrade']],
    [
      'RUN apk add --no-cache --virtual .deps a=1-r0 b~1 c',
      ['package: apk add a=1-r0', '!package: apk add b~1', '!package: apk add c'],
    ],
    [
      'RUN pip install -r r.txt --no-cache-dir a==1 "b>=1" c[x]==1.2',
      [
        '!requirements: pip install -r r.txt',
        'package: pip install a==1',
        '!package: pip install b>=1',
        'package: pip install c[x]==1.2',
      ],
    ],
    ['RUN python3 -m pip install --require-hashes -r r.txt', ['requirements: pip install -r r.txt']],
    [
      'RUN pip install . git+https://e.org/x@main',
      ['!project-dependencies: pip install .', '!git: pip install git+https://e.org/x@main'],
    ],
    [
      'RUN npm ci && npm install -g a@1.2.3 @s/b c@^1',
      ['package: npm install a@1.2.3', '!package: npm install @s/b', '!package: npm install c@^1'],
    ],
    ['RUN pip install --no-index --find-links=/w a && pip wheel a==1', ['package: pip wheel a==1']],
    [
      `RUN pip install 'a @ https://e.org/a.whl#sha256=${'0'.repeat(64)}' 'b @ https://e.org/b.whl'`,
      [
        `url: pip install a @ https://e.org/a.whl#sha256=${'0'.repeat(64)}`,
        '!url: pip install b @ https://e.org/b.whl',
      ],
    ],
    ['RUN go install e.org/x@0123456789ab', ['package: go install e.org/x@0123456789ab']],
    ['RUN apk add a=~1.0 b~=2', ['!package: apk add a=~1.0', '!package: apk add b~=2']],
    ['RUN apt-get -s upgrade && apt-get install --dry-run x', []],
    [
      'RUN dnf install -y a-1.20.1 dotnet-sdk-8.0 b-2-3.el9',
      [
        'package: dnf install a-1.20.1',
        '!package: dnf install dotnet-sdk-8.0',
        'package: dnf install b-2-3.el9',
      ],
    ],
    [
      'RUN corepack enable && corepack prepare pnpm@latest --activate && corepack prepare yarn@4.1.0 --activate',
      ['!package: corepack prepare pnpm@latest', 'package: corepack prepare yarn@4.1.0'],
    ],
    [
      `RUN git clone --no-checkout https://e.org/x /x && cd /x && git fetch origin ${'1'.repeat(40)} && git checkout FETCH_HEAD`,
      ['git: git clone https://e.org/x'],
    ],
    ['RUN git clone /src /x', []],
    [
      `RUN git clone https://e.org/x /x\nWORKDIR /x\nRUN git pull && git checkout ${'1'.repeat(40)}`,
      ['git: git clone https://e.org/x', 'git: git pull'],
    ],
    ['RUN git clone https://e.org/x /x\nRUN git checkout v1', ['!git: git clone https://e.org/x']],
    [
      'RUN curl -X POST https://e.org/hook -d done && curl -d q https://e.org/x -o /x',
      ['!url: curl https://e.org/x'],
    ],
    ['RUN npm install --production', ['!project-dependencies: npm install']],
    ['RUN yarn --frozen-lockfile && yarn', ['!project-dependencies: yarn']],
    [
      'RUN gem install a:1.2 b && gem install c -v 1.0',
      ['package: gem install a:1.2', '!package: gem install b', 'package: gem install c'],
    ],
    [
      'RUN go install e.org/x@latest e.org/y@v1.2.3 && go install ./z',
      ['!package: go install e.org/x@latest', 'package: go install e.org/y@v1.2.3'],
    ],
    [
      'RUN cargo install a --version 1.2.3 --locked && cargo install b@1.2.3 && cargo install --path .',
      ['package: cargo install a', '!package: cargo install b@1.2.3'],
    ],
    [
      'RUN dnf install -y a b-1.2-3.el9 && yum update -y',
      ['!package: dnf install a', 'package: dnf install b-1.2-3.el9', '!upgrade: yum update'],
    ],
    ['RUN git clone --depth 1 -b v1 https://e.org/x /x', ['!git: git clone -b v1 https://e.org/x']],
    [
      `RUN git clone https://e.org/x && cd x && git checkout ${'b'.repeat(40)}`,
      ['git: git clone https://e.org/x'],
    ],
    ['RUN git -c a=b clone ./local /x', []],
    ['RUN curl -fsSL https://e.org/i | sudo bash -s -- -y', ['!url: curl https://e.org/i']],
    ['RUN wget -qO x https://e.org/x && echo "aa  x" | sha256sum -c -', ['url: wget https://e.org/x']],
    ['RUN curl -f http://localhost:80/ && curl -I https://e.org/', []],
    [
      'RUN date > /built && date -d @0 && echo $RANDOM',
      ['!nondeterminism: date', '!nondeterminism: $RANDOM'],
    ],
    ['RUN sh -c "apt-get install a"', ['!package: apt-get install a']],
    ['RUN ["apt-get", "install", "a"]', ['!package: apt-get install a']],
    ['RUN if true; then for x in a; do apt-get install $x; done; fi', ['!package: apt-get install $x']],
    ['RUN <<EOF\nV=1.2\npip install a==$V\nEOF', ['package: pip install a==1.2']],
    ['RUN bash <<EOF\npip install a\nEOF', ['!package: pip install a']],
    ['RUN cat <<EOF > /x\npip install a\nEOF', []],
    ['SHELL ["powershell", "-c"]\nRUN pip install a', []],
    [
      'RUN echo "deb http://snapshot.debian.org/archive/debian/20240101T000000Z bookworm main" > /l && apt-get install a',
      ['package: apt-get install a'],
    ],
    ['ARG V=1.2\nENV P=a==$V\nRUN pip install $P', ['package: pip install a==1.2']],
  ])('%s', (line, expected) => {
    expect(inputs(line)).toEqual(expected);
  });

  it('tells what is handed to a shell', () => {
    const toShell = (line: string) => {
      const text = `FROM scratch\nRUN ${line}\n`;
      const found = findInputs(resolveDockerfile(parseDockerfile(text, 'D')));
      return found.map((input) => input.kind === 'url' && input.toShell);
    };
    expect(toShell('curl https://e.org/i | sh')).toEqual([true]);
    expect(toShell('sh -c "$(curl https://e.org/i)"')).toEqual([true]);
    expect(toShell('. <(curl https://e.org/i)')).toEqual([true]);
    expect(toShell('curl https://e.org/i | tar x && sh x')).toEqual([false]);
    expect(toShell('curl https://e.org/i | python3 -c "import sys"')).toEqual([false]);
    expect(toShell('X=$(curl https://e.org/i) && sh -c "echo $X"')).toEqual([false]);
  });

  it('leaves out stages that the target does not need, and places words', () => {
    const text = 'FROM a:1 AS unused\nFROM b:1\nRUN x \\\n && pip install y\n';
    const found = findInputs(resolveDockerfile(parseDockerfile(text, 'D')));
    expect(found.map((input) => [input.subject, input.span.line, input.span.column])).toEqual([
      ['b:1', 2, 6],
      ['pip install y', 4, 17],
    ]);
  });
});

describe('what else takes something from outside', () => {
  const subjects = (line: string) =>
    findInputs(resolveDockerfile(parseDockerfile(`FROM scratch\nRUN ${line}\n`, 'D')))
      .filter((input) => !input.pinned)
      .map((input) => `${input.kind} ${input.subject}`);

  it.each([
    ['cd x && git pull', 'git git pull'],
    ['git pull origin main', 'git git pull origin main'],
    ['npx create-react-app foo', 'package npx create-react-app'],
    ['pnpm dlx x', 'package pnpm dlx x'],
    ['npm exec -- y@1', 'package npm exec y@1'],
    ['bun add z', 'package bun add z'],
    ['uvx ruff', 'package uvx ruff'],
    ['poetry add q', 'package poetry install q'],
    ['easy_install w', 'package easy_install install w'],
    ['gem update --system', 'upgrade gem update'],
    ['cargo update', 'upgrade cargo update'],
    ['npm update -g', 'upgrade npm update'],
    ['go get -u ./...', 'upgrade go get -u'],
    ['cat names | xargs apt-get install -y', 'package apt-get install …'],
    ['chroot /x apt-get install -y n', 'package apt-get install n'],
    ['aria2c https://e.org/l', 'url aria2c https://e.org/l'],
    ['uname -a > /u', 'nondeterminism uname -a'],
    ['hostname > /h', 'nondeterminism hostname'],
    ['echo $HOSTNAME', 'nondeterminism $HOSTNAME'],
    ['cat /proc/sys/kernel/random/uuid', 'nondeterminism /proc/sys/kernel/random/uuid'],
    ["awk 'BEGIN{srand(); print rand()}'", 'nondeterminism awk srand()'],
    ["printf '%(%s)T' -1", 'nondeterminism printf %(%s)T -1'],
  ])('%s', (line, subject) => {
    expect(subjects(line)).toEqual([subject]);
  });

  it.each([
    'npx --no-install tsc',
    'npm exec x@1.2.3',
    'uvx ruff@0.4.1',
    'bundle config set path x && bundle --version',
    'uname -m && uname -s',
    'shuf --random-source=seed names',
    'git pull origin 0123456789abcdef0123456789abcdef01234567',
    'printf "%s(T)" x',
    'bun install --frozen-lockfile',
  ])('but not %s', (line) => {
    expect(subjects(line)).toEqual([]);
  });

  it('has all stages where they are asked for', () => {
    const text = 'FROM a:1 AS unused\nRUN pip install x\nFROM b:1\n';
    const found = findInputs(resolveDockerfile(parseDockerfile(text, 'D')), 'all');
    expect(found.map(({ subject }) => subject)).toEqual(['a:1', 'pip install x', 'b:1']);
  });
});

describe('lockRequests', () => {
  it('sorts what is open by the answer it needs, and says what has none', () => {
    const text = `FROM --platform=linux/arm64 a:1
ADD https://e.org/x /x
RUN git clone -b v1 https://e.org/r && git clone https://e.org/s
RUN apt-get install b a && pip install "c>1" -r r.txt && npm install d && curl https://e.org/i | sh && date > /d
RUN curl -O https://e.org/$VERSION
RUN git pull && cat names | xargs apt-get install && uname -r
`;
    const inputs = findInputs(resolveDockerfile(parseDockerfile(text, 'D')));
    const { unpinned, ...requests } = lockRequests(inputs, 'D');
    expect(requests).toEqual({
      images: [{ reference: 'a:1', platform: 'linux/arm64' }],
      urls: ['https://e.org/x'],
      git: [
        { url: 'https://e.org/r', ref: 'v1' },
        { url: 'https://e.org/s', ref: 'HEAD' },
      ],
      apt: ['a', 'b'],
      pip: ['c>1', '-r r.txt'],
    });
    expect(unpinned.map(({ what, where }) => `${where} ${what}`)).toEqual([
      'D:4 npm install d',
      'D:4 curl https://e.org/i',
      'D:4 date',
      'D:5 curl https://e.org/$VERSION',
      'D:6 git pull',
      'D:6 apt-get install …',
      'D:6 uname -r',
    ]);
    for (const { reason } of unpinned) expect(reason).not.toBe('');
  });
});
