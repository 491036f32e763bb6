// biome-ignore-all lint/suspicious/noTemplateCurlyInString: recipes have variables
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ImageFacts } from '../../compose/check-overrides.ts';
import { loadComposeProject } from '../../compose/load.ts';
import { emptyLockFile, type LockFile } from '../../sets/lock-file.ts';
import { type AuditReport, auditPaths, auditProject } from './audit.ts';
import { renderAuditJson, renderAuditSarif, renderAuditText } from './render.ts';
import { auditRules, type RuleName } from './rules.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'audit-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

function write(files: Iterable<readonly [string, string]>): void {
  for (const [name, text] of files) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), text);
  }
}
const audit = (lock?: LockFile): Promise<AuditReport> =>
  auditPaths(['.'], { directory, environment: {}, ...(lock === undefined ? {} : { lock }) });
const rulesOf = (report: AuditReport) => report.findings.map((found) => found.rule);

/** A project in the shape of the one that Trimaran was made for. */
const project: readonly (readonly [string, string])[] = [
  [
    'docker-compose.yml',
    `version: '2.2'
services:
  db:
    build: dbdir
    volumes:
      - data:/var/lib/postgresql/data/
  api:
    build: server
    volumes:
      - ./server/tmp:/app/tmp
    ports:
      - 8000:80
    working_dir: /app
volumes:
  data:
`,
  ],
  [
    'dbdir/Dockerfile',
    `FROM postgis/postgis:15-3.3-alpine

ENV POSTGRES_PASSWORD \${POSTGRES_PASSWORD:-pass}
ENV POSTGRES_USER \${POSTGRES_USER:-user}
ENV POSTGRES_DB \${POSTGRES_DB:-areas}

ADD --chown=postgres https://example.org/app/blob/master/schema.sql /docker-entrypoint-initdb.d/
`,
  ],
  [
    'server/Dockerfile',
    `FROM python:3.11

RUN git clone \\
    --depth=1 \\
    -b v0.30.0 \\
    https://example.org/app /app
WORKDIR /app
RUN pip install --upgrade pip
RUN pip install -r /app/requirements.txt
`,
  ],
  [
    'flake.nix',
    `{
  inputs.app = { url = "git+https://example.org/app"; flake = false; };
  outputs = { self, nixpkgs, app }: {
    docker = nixpkgs.lib.id { name = "areas_api"; WorkingDir = app; };
  };
}
`,
  ],
  [
    'flake.lock',
    JSON.stringify({
      nodes: {
        app: {
          flake: false,
          locked: { narHash: 'sha256-x', rev: 'a'.repeat(40), type: 'git', url: 'https://example.org/app' },
          original: { type: 'git', url: 'https://example.org/app' },
        },
        nixpkgs: {
          locked: {
            narHash: 'sha256-y',
            owner: 'NixOS',
            repo: 'nixpkgs',
            rev: 'b'.repeat(40),
            type: 'github',
          },
          original: { id: 'nixpkgs', type: 'indirect' },
        },
        root: { inputs: { app: 'app', nixpkgs: 'nixpkgs' } },
      },
      root: 'root',
      version: 7,
    }),
  ],
  [
    'manifest.scm',
    '(define app (package (name "app") (version "master")\n (source (origin (method git-fetch) (uri (git-reference (url "https://example.org/app")\n (commit version)))))))\n(packages->manifest (list app))\n',
  ],
  ['channels.scm', '(list (channel (name \'guix) (url "https://example.org/guix") (commit "c0ffee")))\n'],
];

describe('audit', () => {
  it('finds what drifts in a whole project, and nothing in a locked flake', async () => {
    write(project);
    const report = await audit();
    const told = report.findings.map(
      (found) => `${found.span.file}:${found.span.line}:${found.span.column} ${found.rule}`,
    );
    expect(told).toEqual([
      'dbdir/Dockerfile:1:6 image-moving-tag',
      'dbdir/Dockerfile:3:5 secret-in-image',
      'dbdir/Dockerfile:3:23 env-not-expanded',
      'dbdir/Dockerfile:4:19 env-not-expanded',
      'dbdir/Dockerfile:5:17 env-not-expanded',
      'dbdir/Dockerfile:7:22 add-without-checksum',
      'docker-compose.yml:10:9 compose-volume-over-nothing',
      'docker-compose.yml:13:18 compose-working-dir-missing',
      'manifest.scm:1:44 origin-at-branch',
      'server/Dockerfile:1:6 image-moving-tag',
      'server/Dockerfile:6:5 git-tag',
      'server/Dockerfile:8:27 pip-upgrade',
      'server/Dockerfile:9:20 pip-requirements-without-hashes',
    ]);
    expect([report.pinned, report.total]).toEqual([4, 11]);
    expect(report.files).toEqual(project.map(([name]) => name).sort());
  });

  it('counts a Debian channel as pinned by a lock that has its release, and no other', async () => {
    write([['channels.scm', '(list (channel (name \'guix) (url "debian:bookworm")))\n']]);
    const lock = (suite: string): LockFile => {
      const release = { timestamp: '20261101T000000Z', releaseSha256: 'a'.repeat(64), components: ['main'] };
      return { ...emptyLockFile, debian: new Map([[suite, { ...release, architectures: new Map() }]]) };
    };
    expect(rulesOf(await audit(lock('bookworm')))).toEqual([]);
    expect(rulesOf(await audit(lock('trixie')))).toEqual(['channel-without-commit']);
    expect(rulesOf(await audit())).toEqual(['channel-without-commit']);
  });

  it('lets a lock pin what it has', async () => {
    write([...project, ['server/requirements.txt', 'starlette>=0.14  # the server\n']]);
    const hex = 'a'.repeat(64);
    const lock: LockFile = {
      ...emptyLockFile,
      images: new Map([['python:3.11', { digest: `sha256:${hex}`, platforms: new Map() }]]),
      urls: new Map([['https://example.org/app/blob/master/schema.sql', hex]]),
      git: new Map([['https://example.org/app', new Map([['v0.30.0', 'b'.repeat(40)]])]]),
      pip: new Map([
        [
          'server/Dockerfile',
          new Map([
            ['pip', { version: '24.0', hashes: [] }],
            ['starlette>=0.14', { version: '0.15', hashes: [] }],
          ]),
        ],
      ]),
    };
    const report = await audit(lock);
    expect(rulesOf(report).filter((rule) => !rule.startsWith('compose-'))).toEqual([
      'image-moving-tag',
      'secret-in-image',
      'env-not-expanded',
      'env-not-expanded',
      'env-not-expanded',
      'origin-at-branch',
    ]);
    expect(report.inputs.filter((input) => input.pinnedBy === 'lock')).toHaveLength(5);
    expect([report.pinned, report.total]).toEqual([9, 11]);
  });

  it('reads trimaran.lock of the directory, and refuses nonsense in it', async () => {
    write([
      ['Dockerfile', 'FROM a:1\n'],
      ['trimaran.lock', `version: 1\nimages:\n  a:1:\n    digest: sha256:${'a'.repeat(64)}\n`],
    ]);
    expect(await audit()).toMatchObject({ findings: [], score: 1 });
    write([['trimaran.lock', 'version: 9\n']]);
    await expect(audit()).rejects.toMatchObject({ code: 'lock/newer-version' });
  });

  it('takes a Debian input as fixed by its release', async () => {
    const nodes = {
      nixpkgs: {
        locked: { release: 'a'.repeat(64), suite: 'bookworm', timestamp: '20260711T101637Z', type: 'debian' },
        original: { suite: 'bookworm', type: 'debian' },
      },
      root: { inputs: { nixpkgs: 'nixpkgs' } },
    };
    write([
      ['flake.nix', '{ inputs.nixpkgs.url = "debian:bookworm"; outputs = { self, nixpkgs }: { }; }'],
      ['flake.lock', JSON.stringify({ nodes, root: 'root', version: 7 })],
    ]);
    expect(await audit()).toMatchObject({ findings: [], pinned: 1, total: 1 });
  });

  it('tells the packages of a command together, and counts each', async () => {
    write([
      [
        'Dockerfile',
        'FROM scratch\nRUN apt-get update && apt-get install -y a b=1 c \\\n  d e f && apt-get install g\n',
      ],
    ]);
    const report = await audit();
    expect(report.findings.map((found) => [found.subject, found.span.line])).toEqual([
      ['apt-get install a c d e f', 2],
      ['apt-get install g', 3],
    ]);
    expect([report.pinned, report.total]).toEqual([1, 7]);
  });

  it('looks for hashes in a requirements file of the context, and never outside it', async () => {
    write([
      ['app/Dockerfile', 'FROM scratch\nRUN pip install -r /src/req.txt -r ../../other.txt\n'],
      ['app/req.txt', '# c\na==1 \\\n  --hash=sha256:00\n--index-url x\n'],
      ['other.txt', 'a==1 --hash=sha256:00\n'],
    ]);
    expect((await audit()).findings.map((found) => found.subject)).toEqual([
      'pip install -r ../../other.txt',
    ]);
  });

  it('takes inputs of a flake without a lock as fixed where their addresses fix them', async () => {
    const commit = '0123456789abcdef0123456789abcdef01234567';
    const text = `{
  inputs.a.url = "github:o/r/${commit}";
  inputs.b.url = "git+https://example.org/b?ref=main&rev=${commit}";
  inputs.c.url = "https://example.org/c.tar.gz?narHash=sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
  inputs.d.url = "path:./sub";
  inputs.e = { type = "github"; owner = "o"; repo = "r"; rev = "${commit}"; };
  inputs.f.url = "debian:bookworm/20260711T101637Z";
  inputs.g.url = "github:o/r/0123456";
  inputs.h.url = "path:/elsewhere";
  inputs.i.url = "debian:bookworm";
  outputs = inputs: { };
}`;
    write([['flake.nix', text]]);
    const report = await audit();
    expect(report.findings.map(({ subject }) => subject[0])).toEqual(['g', 'h', 'i']);
    expect(report.pinned).toBe(6);
  });

  it('finds sources of a manifest that no hash holds', async () => {
    const text = `(define x (package (inherit y) (source (git-checkout (url "https://example.org/x") (branch "main")))))
(define z (package (inherit y) (source (git-checkout (url "https://example.org/z") (commit "0123456789abcdef0123456789abcdef01234567")))))
(define w (options->transformation '((with-branch . "hello=devel") (with-git-url . "a=https://example.org/a") (with-git-url . "b=https://example.org/b") (with-commit . "b=0123456"))))
`;
    write([
      ['manifest.scm', text],
      [
        'channels.scm',
        '(list (channel (name \'guix) (url "https://example.org/guix") (commit "0123456789abcdef0123456789abcdef01234567")))',
      ],
    ]);
    expect((await audit()).findings.map(({ rule, subject }) => `${rule} ${subject}`)).toEqual([
      'origin-at-branch https://example.org/x',
      'origin-at-branch with-branch hello=devel',
      'origin-at-branch with-git-url a=https://example.org/a',
    ]);
  });

  it('reads on where only a build argument names the image', async () => {
    write([
      [
        'Dockerfile',
        'ARG BASE\nARG PY=3.11\nFROM $BASE\nENV DB_PASSWORD=x\nRUN apt-get install -y curl\nFROM python:$PY\n',
      ],
    ]);
    expect(rulesOf(await audit())).toEqual(['secret-in-image', 'apt-unpinned', 'image-moving-tag']);
  });

  it('takes what other files fix as fixed, or as worth a note', async () => {
    const text = `FROM scratch
RUN npm install && npx tsc && npx --yes cowsay@1
RUN pip install -c constraints.txt My_Package other
`;
    write([['Dockerfile', text]]);
    const severities = async () => (await audit()).findings.map((found) => `${found.rule} ${found.severity}`);
    expect(await severities()).toEqual([
      'npm-unpinned warning',
      'npm-unpinned note',
      'npm-unpinned note',
      'pip-unpinned note',
    ]);
    write([
      ['package-lock.json', '{}'],
      ['constraints.txt', 'my-package==1.2\nother>=1\n'],
    ]);
    const report = await audit();
    expect(report.findings.map((found) => `${found.subject} ${found.severity}`)).toEqual([
      'npm install note',
      'npx tsc note',
      'npx cowsay@1 note',
      'pip install other note',
    ]);
  });

  it('tells of variables that Docker does not expand, and of no others', async () => {
    write([
      [
        'Dockerfile',
        `FROM scratch
ENV A=\${B:-x} C='$D/x' E=$HOME/y F="it's $PATH" G=$PATH:/z H=\${LIBRARIES:+\${LIBRARIES}:}/x I='plain'
ARG HOME=/root
ENV J=$HOME/y K=\${L:+x}
`,
      ],
    ]);
    const found = (await audit()).findings.filter(({ rule }) => rule === 'env-not-expanded');
    expect(found.map(({ subject }) => subject.slice(0, 5))).toEqual(['ENV A', 'ENV C', 'ENV E', 'ENV K']);
  });

  it('takes the compose files that are named, merged, and the recipes beside them', async () => {
    write([
      ['compose.yaml', 'services: { other: { image: "other:1" } }\n'],
      ['a.yaml', 'services: { s: { image: "x:1" }, t: { image: "t:1" } }\n'],
      ['b.yaml', 'services: { s: { image: "y:2" } }\n'],
      ['channels.scm', '(list (channel (name \'guix) (url "https://e.org/g")))\n'],
      ['sub/Dockerfile', 'FROM z:1\n'],
    ]);
    const report = await auditPaths([], { directory, environment: {}, composeFiles: ['a.yaml', 'b.yaml'] });
    expect(report.inputs.map(({ subject }) => subject).sort()).toEqual(['https://e.org/g', 't:1', 'y:2']);
  });

  it('reads every stage unless one is asked for', async () => {
    write([['Dockerfile', 'FROM a AS test\nRUN pip install x\nFROM scratch\n']]);
    expect(rulesOf(await audit())).toEqual(['image-latest', 'pip-unpinned']);
    write([['compose.yaml', 'services:\n  s:\n    build: { context: ., target: "1" }\n']]);
    expect(rulesOf(await audit())).not.toContain('pip-unpinned');
  });

  it('keeps credentials out of every report', async () => {
    write([
      [
        'Dockerfile',
        'FROM scratch\nADD https://me:hunter2@example.org/x /x\nENV API_TOKEN=hunter2\nENV DB_PASSWORD ${DB_PASSWORD:-hunter2}\n',
      ],
    ]);
    const report = await audit();
    expect(rulesOf(report)).toContain('secret-in-image');
    const rendered = [
      renderAuditText(report),
      renderAuditJson(report),
      renderAuditSarif(report, { version: '0' }),
    ];
    for (const text of rendered) expect(text).not.toContain('hunter2');
  });

  it('names bad paths', async () => {
    write([['notes.txt', '']]);
    const options = { directory, environment: {} };
    await expect(auditPaths(['none'], options)).rejects.toMatchObject({ code: 'audit/no-file' });
    await expect(auditPaths(['notes.txt'], options)).rejects.toMatchObject({ code: 'audit/unknown-file' });
  });

  it('tells of a Dockerfile that is not there, and of everything else all the same', async () => {
    write([['compose.yaml', 'services:\n  a: { build: sub }\n  b: { image: b }\n']]);
    const report = await audit();
    expect(report.findings.map(({ rule, span }) => [rule, span.line, span.column])).toEqual([
      ['dockerfile-missing', 2, 15],
      ['image-latest', 3, 15],
    ]);
  });

  it('takes a file that is named for what it looks like', async () => {
    const options = { directory, environment: {} };
    write([
      ['app.yml', 'services:\n  a: { image: a }\n'],
      ['Dockerfile-slim', '# slim\nARG X=1\nFROM a\n'],
      ['my-channels.scm', '(list (channel (name \'guix) (url "https://x.example/guix")))'],
    ]);
    const report = await auditPaths(['app.yml', 'Dockerfile-slim', 'my-channels.scm'], options);
    expect(report.findings.map(({ rule }) => rule).sort()).toEqual([
      'channel-without-commit',
      'image-latest',
      'image-latest',
    ]);
  });

  it('goes by the lock of the folder that a recipe lies in', async () => {
    write([
      ['one/Dockerfile', 'FROM a:1\nRUN pip install b\n'],
      [
        'one/trimaran.lock',
        `version: 1\nimages:\n  a:1:\n    digest: sha256:${'a'.repeat(64)}\npip:\n  Dockerfile:\n    b:\n      version: "1"\n      hashes: []\n`,
      ],
      ['two/Dockerfile', 'FROM a:1\n'],
    ]);
    expect((await audit()).findings.map(({ span }) => span.file)).toEqual(['two/Dockerfile']);
  });
});

describe('compose files', () => {
  const places = async () =>
    (await audit()).findings.map(({ rule, span }) => `${span.file}:${span.line}:${span.column} ${rule}`);

  it('have the lines of a Dockerfile that stands in them', async () => {
    write([
      [
        'compose.yaml',
        `services:
  a:
    build:
      dockerfile_inline: |

        FROM debian:bookworm
        RUN true \\
          && apt-get install curl
  b:
    build: { dockerfile_inline: "FROM alpine:3\\nRUN apk add x" }
`,
      ],
    ]);
    expect(await places()).toEqual([
      'compose.yaml:6:14 image-moving-tag',
      'compose.yaml:8:30 apt-unpinned',
      'compose.yaml:10:33 apk-unpinned',
      'compose.yaml:10:33 image-moving-tag',
    ]);
    write([
      [
        'compose.yaml',
        'services:\n  a:\n    build:\n      dockerfile_inline: |\n        FROM x\n        RUNN y\n',
      ],
    ]);
    await expect(audit()).rejects.toMatchObject({
      code: 'dockerfile/unknown-instruction',
      span: { file: 'compose.yaml', line: 6, column: 9 },
    });
  });

  it('name further contexts, whose names are no images', async () => {
    write([
      [
        'compose.yaml',
        `services:
  a:
    build:
      context: .
      additional_contexts:
        base: docker-image://alpine:3.20
        other: https://e.org/a/b.git#main
        fixed: https://e.org/a/b.git#${'1'.repeat(40)}
        near: ./near
        built: service:b
`,
      ],
      ['Dockerfile', 'FROM base\nCOPY --from=near a b\nCOPY --from=busybox:1 a b\n'],
    ]);
    expect(await places()).toEqual([
      'Dockerfile:3:13 image-moving-tag',
      'compose.yaml:6:15 image-moving-tag',
      'compose.yaml:7:16 context-moving-ref',
    ]);
  });

  it('name images that are none', async () => {
    write([
      ['compose.yaml', 'services:\n  a:\n    image: Foo:1\n  b:\n    image: ${NOTHING}/x:1\n'],
      ['Dockerfile', 'FROM Bar:1\n'],
    ]);
    expect(await places()).toEqual([
      'Dockerfile:1:6 image-invalid',
      'compose.yaml:3:12 image-invalid',
      'compose.yaml:5:12 image-invalid',
    ]);
  });

  it('and recipes with errors below a folder do not keep others from being read', async () => {
    write([
      ['a/Dockerfile', 'RUNN x\n'],
      ['b/Dockerfile', 'FROM x\n'],
      ['c/compose.yaml', 'services: [\n'],
      ['d/Dockerfile.tmpl', '{{ x }}\n'],
      ['e/compose.yaml', 'services: { s: { image: x } }\n'],
    ]);
    expect(await places()).toEqual([
      'a/Dockerfile:1:1 recipe-unreadable',
      'b/Dockerfile:1:6 image-latest',
      'c/compose.yaml:2:1 recipe-unreadable',
      'e/compose.yaml:1:25 image-latest',
    ]);
    await expect(auditPaths(['a/Dockerfile'], { directory, environment: {} })).rejects.toMatchObject({
      code: 'dockerfile/unknown-instruction',
    });
  });
});

describe('project locks', () => {
  const found = async (line: string) =>
    (await audit()).findings
      .filter(({ subject }) => subject.startsWith(line))
      .map(({ rule, severity }) => `${rule} ${severity}`);

  it.each([
    ['poetry install', 'poetry.lock', ['pip-unpinned note'], []],
    ['uv sync --locked', 'uv.lock', ['pip-unpinned note'], []],
    ['uv sync', 'uv.lock', ['pip-unpinned warning'], ['pip-unpinned note']],
    ['bundle install', 'Gemfile.lock', ['gem-unpinned warning'], ['gem-unpinned note']],
    ['composer install', 'composer.lock', ['other-unpinned note'], []],
    ['npm install', 'package-lock.json', ['npm-unpinned warning'], ['npm-unpinned note']],
  ])('%s looks for %s beside what is copied', async (line, lock, without, having) => {
    write([['Dockerfile', `FROM scratch\nCOPY ui/*.json app /x/\nRUN ${line}\n`]]);
    const subject = line.replace(/ --.*$/, '');
    expect(await found(subject)).toEqual(without);
    write([[`ui/${lock}`, '']]);
    expect(await found(subject)).toEqual(having);
  });
});

describe('the rules’ pages', () => {
  /** What the pages of the rules about built images say of the image. */
  const facts: ImageFacts = {
    env: ['PATH=/bin'],
    exposedPorts: ['80/tcp'],
    users: ['root', 'web'],
    kindOf: (path) =>
      (({ '/': 'directory', '/bin': 'directory', '/app': 'directory', '/bin/serve': 'file' }) as const)[path],
    isEmpty: () => false,
  };

  function examples(rule: string, section: 'Bad' | 'Good'): [string, string][] {
    const page = readFileSync(`docs/audit/${rule}.md`, 'utf8');
    const text = page.split(/^## /m).find((part) => part.startsWith(section)) ?? '';
    const blocks = text.matchAll(/^`([^`]+)`:\n\n```\w+\n(.*?)^```$/gms);
    return [...blocks].map(([, name, body]) => [name!, body!]);
  }

  async function rulesFor(files: [string, string][], hasImage: boolean): Promise<RuleName[]> {
    rmSync(directory, { recursive: true });
    mkdirSync(directory);
    write(files);
    const found = rulesOf(await audit());
    if (!hasImage) return found;
    const loaded = await loadComposeProject({ directory, environment: {} });
    return [...found, ...rulesOf(auditProject(loaded, { directory, imageFacts: () => facts }))];
  }

  it('are there for every rule, and for nothing else', () => {
    const pages = readdirSync('docs/audit').filter((name) => name !== 'README.md');
    expect(pages.sort()).toEqual(
      Object.keys(auditRules)
        .map((rule) => `${rule}.md`)
        .sort(),
    );
    const index = readFileSync('docs/audit/README.md', 'utf8');
    for (const [rule, { severity, summary }] of Object.entries(auditRules)) {
      const page = readFileSync(`docs/audit/${rule}.md`, 'utf8').replaceAll('\n', ' ');
      expect(page).toContain(`# ${rule}  ${summary}. Severity: ${severity}. `);
      expect(index).toContain(`| [${rule}](${rule}.md) | ${severity} | ${summary} |`);
    }
  });

  it.each(Object.keys(auditRules))('%s: the bad example has it, the good one has not', async (rule) => {
    const bad = examples(rule, 'Bad');
    const good = examples(rule, 'Good');
    expect(bad.length).toBeGreaterThan(0);
    expect(good.length).toBeGreaterThan(0);
    const hasImage = readFileSync(`docs/audit/${rule}.md`, 'utf8').includes('The image of both examples');
    expect(await rulesFor(bad, hasImage)).toContain(rule);
    expect(await rulesFor(good, hasImage)).toEqual([]);
  });
});

describe('renderers', () => {
  it('write text with reason and remedy', async () => {
    write([['Dockerfile', 'FROM a\n']]);
    expect(renderAuditText(await audit())).toMatchInlineSnapshot(`
      "Dockerfile:1:6: error: a [image-latest]
          latest is whatever was pushed last
          pinned by: a digest: \`image:tag@sha256:…\`, or run \`trimaran lock\`

      0 of 1 inputs are pinned (0 %); 1 error, 0 warnings, 0 notes
      "
    `);
  });

  it('write SARIF 2.1.0', async () => {
    write([...project, ['a b/Dockerfile', 'FROM a\n']]);
    const report = await audit();
    const log = JSON.parse(
      renderAuditSarif(report, { version: '1.2.3', documentation: 'https://example.org/audit/' }),
    );
    expect(log).toMatchObject({
      version: '2.1.0',
      runs: [{ tool: { driver: { name: 'trimaran', semanticVersion: '1.2.3' } } }],
    });
    const [{ results, tool }] = log.runs;
    expect(results).toHaveLength(report.findings.length);
    for (const result of results) {
      const rule = tool.driver.rules[result.ruleIndex];
      expect(rule.id).toBe(result.ruleId);
      expect(rule.helpUri).toBe(`https://example.org/audit/${rule.id}.md`);
      expect(['error', 'warning', 'note']).toContain(result.level);
      const { artifactLocation, region } = result.locations[0].physicalLocation;
      expect(artifactLocation.uri).toMatch(/^[^ :]+$/);
      expect(region.startLine).toBeGreaterThan(0);
      expect(region.startColumn).toBeGreaterThan(0);
      if (region.endLine === region.startLine)
        expect(region.endColumn).toBeGreaterThanOrEqual(region.startColumn);
    }
    expect(
      results.map(
        (result: { locations: [{ physicalLocation: { artifactLocation: { uri: string } } }] }) =>
          result.locations[0].physicalLocation.artifactLocation.uri,
      ),
    ).toContain('a%20b/Dockerfile');
  });

  it('write JSON with every input', async () => {
    write([['Dockerfile', `FROM a@sha256:${'0'.repeat(64)}\nRUN pip install b\n`]]);
    expect(JSON.parse(renderAuditJson(await audit()))).toMatchObject({
      score: 0.5,
      pinned: 1,
      total: 2,
      files: ['Dockerfile'],
      findings: [{ rule: 'pip-unpinned', severity: 'warning', span: { line: 2, column: 17 } }],
      inputs: [{ pinned: true, pinnedBy: 'recipe' }, { pinned: false }],
    });
  });
});
