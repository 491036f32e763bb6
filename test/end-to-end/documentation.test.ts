// Every command that README and docs show is run, in the order of the page, in one shell as a reader would have it; what a
// page shows as output is looked for in what came. Commands that are not run as they stand are in a table, with the test
// that runs them.
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dockerHost, hasEngine, hasPackages, projectRoot, run, Workspace } from './workspace.ts';

const pages = [
  'README.md',
  'CONTRIBUTING.md',
  ...readdirSync(join(projectRoot, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
  ...readdirSync(join(projectRoot, 'examples')).map((name) => `examples/${name}/README.md`),
]
  .filter((name) => existsSync(join(projectRoot, name)))
  .sort();

interface Elsewhere {
  readonly command: RegExp;
  readonly why: string;
  /** The file that runs it, and a text that it has. */
  readonly test: readonly [file: string, text: string];
}

/** Commands that are not run here. Each must be on some page, and the test that is named must be there. */
const elsewhere: readonly Elsewhere[] = [
  {
    command: /^npm test\b/,
    why: 'it runs this test',
    test: ['.ci/run', 'npm test'],
  },
  {
    command: /^trimaran compare api --verify --probe /,
    why: 'it builds three recipes once more, which takes minutes',
    test: ['test/end-to-end/compare.test.ts', "'--probe', 'http://:8000/docs', '--json'"],
  },
  {
    command: /^npm run conformance:guile -- DIR/,
    why: 'it needs a checkout of Guix; the cases that need none are run',
    test: ['test/conformance/guile.test.ts', 'compareFile(import.meta.dirname, file)'],
  },
  {
    command: /--sets debian:bookworm,debian:trixie$/,
    why: 'packages of trixie are not fetched for tests',
    test: ['test/end-to-end/compare-failures.test.ts', "'--sets', 'debian:bookworm,debian:trixie'"],
  },
];

/** Exit codes of commands that answer no. */
const answers: readonly (readonly [command: RegExp, exitCode: number])[] = [
  [/^trimaran audit$/, 1],
  [/^trimaran inspect result result-1\b/, 1],
];

/** Shell's part of a page: its commands, and the output that is shown behind them. */
interface Step {
  readonly line: number;
  readonly command: string;
  readonly output: readonly string[];
}

function stepsOf(page: string): Step[] {
  const steps: Step[] = [];
  const lines = readFileSync(join(projectRoot, page), 'utf8').split('\n');
  for (let at = 0; at < lines.length; at++) {
    const [, kind] = /^```(\w+)/.exec(lines[at]!) ?? [];
    if (kind === undefined) continue;
    const start = at + 1;
    while (lines[++at] !== '```') if (at >= lines.length) throw new Error(`${page}: a block has no end`);
    const block = lines.slice(start, at);
    if (kind === 'text') {
      const last = steps.at(-1);
      if (last === undefined) throw new Error(`${page}:${start}: output of no command`);
      steps[steps.length - 1] = { ...last, output: block };
    }
    if (kind !== 'sh') continue;
    let command = '';
    for (const [index, line] of block.entries()) {
      command += command === '' ? line : `\n${line}`;
      if (line.endsWith('\\') && !line.endsWith('\\\\')) continue;
      if (command.trim() !== '' && !command.startsWith('#'))
        steps.push({ line: start + index, command: command.replace(/ +# .*$/, ''), output: [] });
      command = '';
    }
  }
  return steps;
}

/**
 * What a reader does by hand: looks at the pages that docker-compose publishes, and ends it. The demo is told of no engine, so
 * that it needs no port that the compose project has.
 */
const prelude = `
docker-compose() {
  if [ "$1" != up ]; then command docker-compose -p areas "$@"; return; fi
  command docker-compose -p areas up -d --no-build || return
  node -e '
    (async () => {
      for (const url of ["http://localhost:8000/docs", "http://localhost:8000/areas"]) {
        let last;
        for (let attempt = 0; last !== 200 && attempt < 240; attempt++) {
          last = await fetch(url).then((answer) => answer.status, () => 0);
          if (last !== 200) await new Promise((wake) => setTimeout(wake, 250));
        }
        if (last !== 200) throw new Error(url + " answers " + last);
      }
    })().catch((error) => { console.error(error.message); process.exit(1); });
  '
  local answered=$?
  command docker-compose -p areas down --volumes --timeout 2 && return $answered
}
npm() { DOCKER_HOST=unix:///nowhere command npm "$@"; }
`;

describe('the pages', () => {
  it('have commands, and every exception is one of them', () => {
    const commands = pages.flatMap((page) => stepsOf(page).map(({ command }) => command));
    expect(commands.length).toBeGreaterThan(20);
    for (const { command, test } of elsewhere) {
      expect(commands.filter((one) => command.test(one)).length, String(command)).toBeGreaterThan(0);
      expect(readFileSync(join(projectRoot, test[0]), 'utf8'), test[0]).toContain(test[1]);
    }
    for (const [command] of answers)
      expect(commands.filter((one) => command.test(one)).length, String(command)).toBeGreaterThan(0);
  });

  it('name commands that there are', async () => {
    const { stdout } = await run(process.execPath, [join(projectRoot, 'bin/trimaran'), '--help'], {
      cwd: projectRoot,
    });
    const known = new Set([...stdout.matchAll(/^ {2}([a-z]+) /gm)].map((match) => match[1]));
    expect(known).toContain('compare');
    for (const page of pages) {
      const text = readFileSync(join(projectRoot, page), 'utf8');
      for (const [code, name] of text.matchAll(/`trimaran ([a-z][a-z-]*)[^`]*`/g))
        expect(known, `${page}: ${code}`).toContain(name);
    }
  });

  it('link to files and headings that are there', () => {
    const headings = (text: string) =>
      [...text.matchAll(/^#+ (.*)$/gm)].map((match) =>
        match[1]!
          .toLowerCase()
          .replace(/[^\w -]/g, '')
          .replaceAll(' ', '-'),
      );
    for (const page of pages) {
      const text = readFileSync(join(projectRoot, page), 'utf8').replace(/^```[\s\S]*?^```$/gm, '');
      for (const [, target] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
        if (/^[a-z]+:/.test(target!)) continue;
        const [file = '', heading] = target!.split('#', 2);
        const path = file === '' ? join(projectRoot, page) : join(projectRoot, page, '..', file);
        expect(existsSync(path), `${page}: ${target}`).toBe(true);
        if (heading !== undefined)
          expect(headings(readFileSync(path, 'utf8')), `${page}: ${target}`).toContain(heading);
      }
    }
  });
});

const cache = process.env.TRIMARAN_TEST_DEBIAN_CACHE;
/** Whether what apt asks for has been fetched too, since the pages build Dockerfiles. */
const hasAptFiles = process.env.CI === 'true' || (cache !== undefined && existsSync(join(cache, 'apt')));

describe.skipIf(!hasPackages || !hasEngine || !hasAptFiles)('the commands of', () => {
  let workspace: Workspace;
  beforeAll(() => {
    workspace = new Workspace();
    // The clone that a reader has: the example is a copy, all else is looked at only.
    const clone = join(workspace.root, 'clone');
    mkdirSync(join(clone, 'examples'), { recursive: true });
    cpSync(workspace.example, join(clone, 'examples/areas'), { recursive: true });
    for (const name of ['bin', 'scripts', 'package.json', 'node_modules'])
      symlinkSync(join(projectRoot, name), join(clone, name));
  });
  afterAll(() => workspace?.remove());

  it.each(pages.filter((page) => stepsOf(page).length > 0))(
    '%s',
    async (page) => {
      const steps = stepsOf(page).filter(
        ({ command }) => !elsewhere.some((one) => one.command.test(command)),
      );
      const mark = '\u001e';
      const script = steps.map(({ command }) => `${command}\nprintf '${mark}%s${mark}' "$?"\n`);
      const folder = page.startsWith('examples/') ? page.replace(/\/[^/]*$/, '') : '.';
      const ended = await run('/bin/bash', ['-c', `${prelude}\n${script.join('')}`], {
        cwd: join(workspace.root, 'clone', folder),
        env: { ...workspace.env, DOCKER_HOST: dockerHost ?? '', NO_COLOR: '1', COLUMNS: '120' },
      });
      const parts = ended.stdout.split(mark);
      for (const [index, { command, line, output }] of steps.entries()) {
        const [printed = '', exitCode] = parts.slice(index * 2, index * 2 + 2);
        const wanted = answers.find(([pattern]) => pattern.test(command))?.[1] ?? 0;
        const where = `${page}:${line} ${command}\n${printed.slice(-2000)}\n${ended.stderr.slice(-4000)}`;
        expect(exitCode, where).toBe(String(wanted));
        const lines = printed.split('\n').map((one) => one.trim());
        for (const shown of output) {
          if (shown.trim() === '…') continue;
          const pattern = shown.trim().split('…').map(quoted).join('.*');
          const found = lines.some((one) => new RegExp(`^${pattern}$`).test(one));
          expect(found, `${page}: \`${shown}\` is not in the output of ${command}:\n${printed}`).toBe(true);
        }
      }
    },
    900_000,
  );
});

function quoted(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
