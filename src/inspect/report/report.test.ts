import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TrimaranError } from '../../foundation/error.ts';
import { problemOf } from '../compare/build-recipe.ts';
import type { Column, ServiceComparison } from '../compare/compare.ts';
import { compareConfigs, comparePackages, filesOnlyIn, sharedLayers } from '../compare/differences.ts';
import type { ImageFacts, PackageFacts } from '../compare/image-facts.ts';
import { parseProbe } from '../compare/probe.ts';
import { recipeStatements } from '../compare/recipe-statements.ts';
import { readDockerfile } from '../convert/read-dockerfile.ts';
import { readFlake } from '../convert/read-flake.ts';
import { closureOf, wayTo } from './closure.ts';
import { comparisonHtml, imageHtml } from './html.ts';
import { comparisonMarkdown } from './markdown.ts';
import { escapeHtml, slug } from './markup.ts';
import { squarify } from './treemap.ts';

const deb = (name: string, depends: readonly string[] = [], version = '1.0-1'): PackageFacts => ({
  manager: 'debian',
  name,
  version,
  architecture: 'amd64',
  depends,
  licences: [],
  registration: '',
  size: 1000,
  files: 1,
  layers: { 0: 1000 },
});

const image = (
  letter: string,
  packages: readonly PackageFacts[],
  config: ImageFacts['config'] = {},
): ImageFacts => ({
  format: 1,
  configDigest: `sha256:${letter.repeat(64)}`,
  platform: 'linux/amd64',
  created: undefined,
  config,
  size: 3000,
  layers: [
    { diffId: `sha256:${'0'.repeat(64)}`, size: 2000, label: '<all>', unowned: 10 },
    { diffId: `sha256:${letter.repeat(64)}`, size: 1000, label: 'own', unowned: 0 },
  ],
  files: 2,
  distribution: undefined,
  unread: [],
  packages,
  setId: [],
  worldWritable: [],
  shells: [],
});

describe('squarify', () => {
  it('fills the area in proportion, without overlaps', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 1e6 }), { minLength: 1, maxLength: 60 }), (sizes) => {
        const items = sizes.sort((a, b) => b - a).map((size) => ({ size }));
        const boxes = squarify(items, { x: 0, y: 0, width: 200, height: 100 });
        const total = sizes.reduce((sum, size) => sum + size, 0);
        expect(boxes).toHaveLength(items.length);
        let inside = 0;
        for (const { item, box } of boxes) {
          const area = box.width * box.height;
          expect(area).toBeCloseTo((item.size / total) * 20000, 4);
          expect(box.x).toBeGreaterThanOrEqual(-1e-6);
          expect(box.x + box.width).toBeLessThanOrEqual(200 + 1e-6);
          expect(box.y + box.height).toBeLessThanOrEqual(100 + 1e-6);
          inside += area;
        }
        expect(inside).toBeCloseTo(20000, 4);
      }),
    );
  });
});

describe('closureOf', () => {
  it('finds the shortest way from what nothing else needs, circles included', () => {
    const packages = [
      deb('app', ['lib', 'tool']),
      deb('lib', ['libc']),
      deb('libc', ['libgcc']),
      deb('libgcc', ['libc']),
      deb('tool', ['libc']),
      deb('ring-a', ['ring-b']),
      deb('ring-b', ['ring-a']),
    ];
    const nodes = closureOf({ packages });
    expect(nodes.size).toBe(packages.length);
    expect(wayTo(nodes, 'debian libgcc')).toEqual(['app', 'lib', 'libc', 'libgcc']);
    expect(wayTo(nodes, 'debian ring-b')).toEqual(['ring-a', 'ring-b']);
    expect(nodes.get('debian libc')!.neededBy).toEqual(['debian lib', 'debian libgcc', 'debian tool']);
  });
});

describe('differences', () => {
  const a = image('a', [deb('x'), deb('y')], { Cmd: ['run'], Env: [] });
  const b = image('b', [deb('x', [], '2.0-1'), deb('y')], { Cmd: ['run'], User: '1' });

  it('puts packages that differ first, and does not count columns without an image', () => {
    expect(comparePackages([a, undefined, b])).toEqual([
      { name: 'x', versions: ['1.0-1', undefined, '2.0-1'], differs: true },
      { name: 'y', versions: ['1.0-1', undefined, '1.0-1'], differs: false },
    ]);
  });

  it('compares configurations, layers and files', () => {
    expect(compareConfigs([a, b])).toEqual([
      { field: 'Cmd', values: ['["run"]', '["run"]'], differs: false },
      { field: 'User', values: [undefined, '"1"'], differs: true },
    ]);
    expect(sharedLayers([a, b, undefined])).toEqual([1, 1, 0]);
    expect(filesOnlyIn([['etc/a', 'usr/lib/x/y/z'], undefined, ['etc/a']])).toEqual([
      { count: 1, folders: [['/usr/lib/x', 1]] },
      undefined,
      { count: 0, folders: [] },
    ]);
    expect(filesOnlyIn([['etc/a'], undefined])).toEqual([undefined, undefined]);
  });
});

describe('recipeStatements', () => {
  it('names every line that says something', () => {
    const text = `{
  outputs = { nixpkgs, ... }: {
    x = nixpkgs.dockerTools.buildImage {
      name = "x";
      config = {
        Cmd = [
          "run"
        ];
        ExposedPorts = { "80/tcp" = {}; };
      };
    };
  };
}`;
    const needs = readFlake({ text, file: 'flake.nix', directory: '/p', isWanted: () => true });
    const says = recipeStatements(needs!, () => text.split('\n'));
    expect(says.command).toMatchObject({ kind: 'says', text: 'run', lines: [6, 7, 8] });
    expect(says.port).toMatchObject({ kind: 'says', text: '80/tcp', lines: [9] });
    expect(says.workdir).toEqual({ kind: 'silent' });
    const span = { file: 'f', line: 1, column: 1 };
    const linked = { ...needs!, kind: 'guix' as const, rootFolder: { value: '/app', span } };
    expect(recipeStatements(linked, () => []).workdir).toMatchObject({ kind: 'cannot' });
    expect(recipeStatements({ ...needs!, kind: 'guix', ports: [] }, () => []).port).toMatchObject({
      kind: 'cannot',
    });
  });
});

describe('requirements that cannot be read', () => {
  it('are said by their files', async () => {
    const text =
      'FROM python\nRUN git clone https://x.example/a /app\nRUN pip install -r /app/a.txt\nRUN pip install -r /app/b.txt\nCMD ["uvicorn"]\n';
    const readSourceFile = () => Promise.resolve(undefined);
    const needs = await readDockerfile({ text, file: 'Dockerfile', context: '/p', readSourceFile });
    expect(recipeStatements(needs, () => text.split('\n')).install).toEqual({
      kind: 'says',
      text: 'what /app/a.txt and /app/b.txt name',
      file: 'Dockerfile',
      lines: [3, 4],
    });
  });
});

describe('problemOf', () => {
  it('takes colours and other orders to terminals out', () => {
    const message = 'it failed:\n\x1b[91mE\x1b[0m\x1b[0;1m: no\x1b]8;;http://x\x07 link\r\n\tnext';
    const { message: shown } = problemOf(new TrimaranError({ code: 'a/b', message }));
    expect(shown).toBe('it failed:\nE: no link\n\tnext');
  });
});

describe('parseProbe', () => {
  it('takes the port that compose publishes, on this machine only', () => {
    expect(parseProbe('http://:8000/docs?x=1')).toEqual({ port: 8000, path: '/docs?x=1' });
    expect(parseProbe('http://localhost:80')).toEqual({ port: 80, path: '/' });
    for (const text of ['http://example.org:80/', 'https://:1/', 'http://:0/', 'http://:70000/', '8000'])
      expect(() => parseProbe(text)).toThrow(/nothing to probe/);
  });
});

describe('reports', () => {
  const column = (kind: Column['kind'], facts: ImageFacts | undefined): Column => ({
    kind,
    set: undefined,
    file: 'web/<Dockerfile>',
    texts: [{ file: 'web/<Dockerfile>', text: 'FROM "a" & <b>\nCMD x\n' }],
    says: {
      clone: { kind: 'silent' },
      install: { kind: 'silent' },
      workdir: { kind: 'cannot', why: 'no | option' },
      command: { kind: 'says', text: '<script>', file: 'web/<Dockerfile>', lines: [2] },
      port: { kind: 'silent' },
    },
    commands: ['docker-compose up'],
    inputs: { pinned: 0, total: 1, pinsIn: [], drifts: [{ subject: '`a`', why: 'it moves', place: 'x:1' }] },
    image:
      facts === undefined
        ? undefined
        : { facts, archive: '/x', packed: 10, sharedLayers: 0, onlyHere: undefined },
    problem:
      facts === undefined ? { code: 'x/y', message: 'no engine', hint: undefined, exitCode: 4 } : undefined,
    times: { cold: 2000, warm: 30, changed: undefined },
    reproducible: { same: false, detail: 'a and then b' },
    probe: { answers: false, code: 'compare/ended', reason: 'it ended with exit code 1' },
  });
  const facts = image('a', [deb('app<i>', ['libc']), deb('libc')], { Cmd: ['</style>'] });
  const comparison: ServiceComparison = {
    service: 'we&b',
    columns: [column('dockerfile', undefined), column('nix', facts)],
    packages: comparePackages([undefined, facts]),
    config: compareConfigs([undefined, facts]),
    problem: undefined,
    note: undefined,
  };

  it('escape whatever recipes and images say, and link to lines that are there', () => {
    for (const html of [
      comparisonHtml([comparison], 'p<q>'),
      imageHtml({ names: ['x<y>'], facts } as never),
    ]) {
      expect(html).not.toMatch(/<script|<i>|<\/style>[\s\S]*<\/style>|<b>(?!app|libc|&#60;all|own)/);
      expect(html).not.toMatch(/(?:src|href)="(?!#|data:,)/);
      const ids = [...html.matchAll(/ id="([^"]*)"/g)].map((match) => match[1]!);
      expect(new Set(ids).size).toBe(ids.length);
      for (const [, target] of html.matchAll(/href="#([^"]*)"/g)) expect(ids).toContain(target);
    }
    expect(comparisonHtml([comparison], 'p')).toContain('no engine [x/y]');
    const nothing: ServiceComparison = {
      ...{ service: 'n', columns: [], packages: [], config: [], note: undefined },
      problem: { code: 'compose/no-recipe', message: 'no <recipe>', hint: 'write one', exitCode: 3 },
    };
    expect(comparisonHtml([comparison, nothing], 'p')).toContain('no &#60;recipe&#62;; write one');
    expect(comparisonMarkdown([nothing])).toBe('# n\n\nno \\<recipe\\>; write one\n');
  });

  it('fold what is too long to read, and keep all of it', () => {
    const long = `${'a'.repeat(2000)}<b>end`;
    const folded = image('b', [], { Env: [`LONG=${long}`] });
    const html = comparisonHtml(
      [{ ...comparison, columns: [column('nix', folded)], packages: [], config: compareConfigs([folded]) }],
      'p',
    );
    expect(html).toContain(
      `<details class="long"><summary>LONG=${'a'.repeat(235)} … ${'a'.repeat(234)}&#60;b&#62;end</summary>`,
    );
    expect(html).toContain(`LONG=${'a'.repeat(2000)}&#60;b&#62;end</details>`);
  });

  it('make Markdown tables that hold together', () => {
    const lines = comparisonMarkdown([comparison])
      .split('\n')
      .filter((line) => line.startsWith('|'));
    for (const line of lines) expect(line.replace(/\\\|/g, '').split('|')).toHaveLength(5);
    expect(lines.join('\n')).toContain('cannot say: no \\| option');
    expect(lines.join('\n')).toContain('\\<script\\>');
  });

  it('escape text and names', () => {
    fc.assert(
      fc.property(fc.string(), (value) => {
        expect(escapeHtml(value)).not.toMatch(/[<>"']/);
        expect(slug(value)).toMatch(/^[A-Za-z0-9_.-]*$/);
      }),
    );
  });
});
