// Comparing, converting and reporting as users do it, on the example; the reports in a real Chromium.
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ExaminedImage } from '../../src/inspect/compare/image-facts.ts';
import { imageHtml } from '../../src/inspect/report/html.ts';
import { Browser } from './browser.ts';
import { flakeText, SmallProject, serveArchive } from './small-project.ts';
import { dockerHost, hasEngine, hasPackages, hasTool, projectRoot, Workspace } from './workspace.ts';

interface Column {
  kind: string;
  file: string;
  says?: Record<string, { kind: string; text?: string; lines?: number[] }>;
  image?: { facts: { configDigest: string; packages: unknown[] }; sharedLayers: number };
  problem?: { code: string };
  reproducible?: { same: boolean; detail: string };
  times?: { cold: number; warm: number; changed?: number };
  probe?: { answers: boolean; reason?: string; milliseconds?: number; memory?: number };
}
interface Comparison {
  service: string;
  columns: Column[];
}

/** An image of 250 packages that need each other, under a name that nothing breaks. */
function largeImage(): ExaminedImage {
  const packages = Array.from({ length: 250 }, (_, index) => ({
    manager: 'debian' as const,
    name: `lib${'long-name-'.repeat(index % 5)}${index}`,
    version: `1:2.${index}-1+deb12u1`,
    architecture: 'amd64',
    depends: [index * 2 + 1, index * 2 + 2, (index * 7) % 250].flatMap((need) =>
      need > index && need < 250 ? [`lib${'long-name-'.repeat(need % 5)}${need}`] : [],
    ),
    licences: ['GPL-2+', 'Expat'],
    registration: 'var/lib/dpkg/status',
    size: 1000 * (index + 1) ** 2,
    files: index,
    layers: { [index % 30]: 1000 * (index + 1) ** 2 },
  }));
  const layers = Array.from({ length: 30 }, (_, index) => ({
    diffId: `sha256:${String(index).padStart(64, '0')}`,
    size: 1e6 * (index + 1),
    label: `layer ${index} ${'x'.repeat(100)}`,
    unowned: 1000,
  }));
  return {
    names: [`registry.example.org/${'very'.repeat(20)}:${'0123456789abcdef'.repeat(4)}`],
    facts: {
      ...{ format: 0, configDigest: `sha256:${'a'.repeat(64)}`, platform: 'linux/amd64', created: undefined },
      ...{
        config: { Env: [`A=${'b'.repeat(300)}`] },
        size: 1e9,
        files: 10_000,
        distribution: undefined,
        unread: [],
      },
      ...{ layers, packages, setId: [], worldWritable: [], shells: [] },
    },
  } as unknown as ExaminedImage;
}

/** The project without an engine's part, so that nothing but packages that are here is needed. */
function composeFile(recipes: Readonly<Record<string, string>>): string {
  const lines = Object.entries(recipes).map(([kind, command]) => `    ${kind}: ${command}\n`);
  return `services:
  api:
    image: areas_api
    environment: ["DB_HOST=127.0.0.1"]
    ports: ["8000:80"]
x-trimaran:
  api:
${lines.join('')}`;
}

describe.skipIf(!hasPackages)('compare, on the example', () => {
  let workspace: Workspace;
  const json = async <Value>(args: readonly string[]) => {
    const ended = await workspace.trimaran([...args, '--json']);
    return { ...ended, value: JSON.parse(ended.stdout) as Value };
  };

  beforeAll(() => {
    workspace = new Workspace();
    const compose = readFileSync(join(workspace.example, 'docker-compose.yml'), 'utf8');
    const guix = /^ +guix: (.*)$/m.exec(compose)?.[1];
    expect(guix).toBeDefined();
    writeFileSync(
      join(workspace.example, 'docker-compose.yml'),
      composeFile({ nix: 'nix build .#docker', guix: guix! }),
    );
  });
  afterAll(() => workspace?.remove());

  it('says how each recipe says it, and shares layers between their images', async () => {
    const { value, exitCode, stderr } = await json<Comparison[]>(['compare', 'api']);
    expect(exitCode, stderr).toBe(0);
    const [nix, guix] = value[0]!.columns;
    expect([nix!.kind, guix!.kind]).toEqual(['nix', 'guix']);
    expect(nix!.says!.command).toMatchObject({
      kind: 'says',
      text: 'uvicorn areas.api:app --host 0.0.0.0 --port 80',
    });
    const source = readFileSync(join(workspace.example, nix!.file), 'utf8').split('\n');
    expect(source[nix!.says!.workdir!.lines![0]! - 1]).toContain('WorkingDir');
    expect(guix!.says!.workdir).toMatchObject({ kind: 'cannot' });
    expect(guix!.says!.port).toMatchObject({ kind: 'cannot' });
    expect(nix!.image!.sharedLayers).toBeGreaterThan(8);
    const again = await json<Comparison[]>(['compare', 'api']);
    expect(again.stdout).toBe((await json<Comparison[]>(['compare', 'api'])).stdout);
    const markdown = await workspace.trimaran(['compare', 'api', '--markdown']);
    expect(markdown.stdout).toMatch(/^\| \| Nix flake \| Guix manifest \|$/m);
  }, 300_000);

  it('keeps the column of a recipe that cannot be built, with its reason', async () => {
    const folder = join(workspace.root, 'broken');
    mkdirSync(join(folder, 'web'), { recursive: true });
    writeFileSync(join(folder, 'docker-compose.yml'), 'services:\n  web:\n    build: web\n');
    writeFileSync(join(folder, 'web/Dockerfile'), 'FROM scratch\nFETCH x\n');
    const ended = await workspace.trimaran(['compare', '--json'], { cwd: folder });
    expect(ended.exitCode).toBe(3);
    const [{ columns }] = JSON.parse(ended.stdout) as [Comparison];
    expect(columns).toMatchObject([
      { kind: 'dockerfile', problem: { code: 'dockerfile/unknown-instruction' } },
    ]);
    writeFileSync(join(folder, 'docker-compose.yml'), 'services:\n  web:\n    image: web\n');
    const none = await workspace.trimaran(['compare', 'web'], { cwd: folder });
    expect(none).toMatchObject({ exitCode: 3, stdout: '' });
    expect(none.stderr).toContain('compose/no-recipe');
    const probe = await workspace.trimaran(['compare', '--probe', 'ftp://x'], { cwd: folder });
    expect(probe).toMatchObject({ exitCode: 2, stdout: '' });
  }, 60_000);

  it('proves by digests that recipes give the same bits twice', async () => {
    const { value, exitCode, stderr } = await json<Comparison[]>(['compare', 'api', '--verify']);
    expect(exitCode, stderr).toBe(0);
    for (const { reproducible, image } of value[0]!.columns)
      expect(reproducible).toEqual({ same: true, detail: image!.facts.configDigest });
  }, 300_000);

  it('writes bills of materials that the schema takes, the same each time', async () => {
    const schemas = join(
      createRequire(import.meta.url).resolve('@cyclonedx/cyclonedx-library/package.json'),
      '../res/schema',
    );
    const schema = (name: string) => JSON.parse(readFileSync(join(schemas, name), 'utf8')) as object;
    const base = 'http://cyclonedx.org/schema/';
    const formats = { 'iri-reference': true, uri: true, 'date-time': true, 'idn-email': true } as const;
    const ajv = new Ajv({ strict: false, formats });
    for (const name of ['spdx.SNAPSHOT.schema.json', 'jsf-0.82.SNAPSHOT.schema.json'])
      ajv.addSchema(schema(name), `${base}${name}`);
    const validate = ajv.compile(schema('bom-1.6.SNAPSHOT.schema.json'));
    const sbom = (format: string) => workspace.trimaran(['sbom', 'api', '--format', format]);
    const cyclonedx = await sbom('cyclonedx');
    expect(cyclonedx.exitCode, cyclonedx.stderr).toBe(0);
    const document = JSON.parse(cyclonedx.stdout) as { components: { hashes?: unknown }[] };
    expect(validate(document), JSON.stringify(validate.errors)).toBe(true);
    expect(document.components.length).toBeGreaterThan(50);
    expect(document.components.filter(({ hashes }) => hashes === undefined)).toEqual([]);
    expect((await sbom('cyclonedx')).stdout).toBe(cyclonedx.stdout);
    expect((await sbom('spdx')).stdout).toContain('"SPDX-2.3"');
    expect((await sbom('other')).exitCode).toBe(2);
  }, 120_000);

  it('tells two images apart by package', async () => {
    for (const output of ['docker', 'db']) {
      const built = await workspace.trimaran([
        'nix',
        'build',
        `.#${output}`,
        '--out-link',
        `result-${output}`,
      ]);
      expect(built.exitCode, built.stderr).toBe(0);
    }
    expect(await workspace.trimaran(['inspect', 'result-docker', 'result-docker'])).toMatchObject({
      exitCode: 0,
    });
    const { value, exitCode } = await json<{ packages: { name: string; before?: string; after?: string }[] }>(
      [...['inspect', 'result-docker', 'result-db']],
    );
    expect(exitCode).toBe(1);
    const uvicorn = value.packages.find(({ name }) => name === 'uvicorn');
    expect(uvicorn?.after).toBeUndefined();
    expect(value.packages.find(({ name }) => name === 'postgresql-15')?.before).toBeUndefined();
    expect(value.packages.map(({ name }) => name)).not.toContain('libc6');
  }, 300_000);

  describe.skipIf(!hasTool('chromium'))('in Chromium', () => {
    let browser: Browser;
    const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
    beforeAll(async () => {
      browser = await Browser.start();
      const compared = await workspace.trimaran(['compare', 'api', '--html', 'compare.html']);
      expect(compared.exitCode, compared.stderr).toBe(0);
      const built = await workspace.trimaran(['nix', 'build', '.#db', '--out-link', 'result-db']);
      expect(built.exitCode, built.stderr).toBe(0);
      const inspected = await workspace.trimaran(['inspect', 'result-db', '--html', 'inspect.html']);
      expect(inspected.exitCode, inspected.stderr).toBe(0);
      // The test runner gives style sheets empty; the bundle has them.
      const style = readFileSync(join(projectRoot, 'src/inspect/report/report.css'), 'utf8');
      const large = imageHtml(largeImage()).replace(/<style>[^<]*<\/style>/, `<style>${style}</style>`);
      writeFileSync(join(workspace.example, 'large.html'), large);
    }, 300_000);
    afterAll(() => browser?.close());

    it.each([
      ['compare.html', 375, 'light'],
      ['compare.html', 1400, 'dark'],
      ['inspect.html', 375, 'dark'],
      ['inspect.html', 1400, 'light'],
      ['large.html', 375, 'light'],
      ['large.html', 1400, 'dark'],
    ] as const)(
      '%s at %i pixels, %s: fits, is accessible, loads nothing',
      async (file, width, colours) => {
        const page = join(workspace.example, file);
        expect(statSync(page).size).toBeLessThan(1e6);
        await browser.open(page, { width, colours });
        expect(await browser.evaluate('document.documentElement.scrollWidth')).toBe(width);
        expect(await browser.evaluate('performance.getEntriesByType("resource").length')).toBe(0);
        expect(await browser.evaluate('document.scripts.length')).toBe(0);
        await browser.evaluate(`${axe};0`);
        // What is folded away counts too.
        await browser.evaluate('document.querySelectorAll("details").forEach((one) => { one.open = true; })');
        const violations = await browser.evaluate<string[]>(
          'axe.run().then(({ violations }) => violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 200)}`)))',
        );
        expect(violations).toEqual([]);
        const dead = await browser.evaluate<string[]>(
          '[...document.querySelectorAll("a[href^=\'#\']")].map((a) => a.getAttribute("href").slice(1)).filter((id) => !document.getElementById(id))',
        );
        expect(dead).toEqual([]);
      },
      120_000,
    );

    it('shows what it has to say without scripts', async () => {
      await browser.open(join(workspace.example, 'compare.html'), { width: 1400, script: false });
      // Evaluating over the protocol needs scripts; the accessibility tree does not.
      const { nodes } = await browser.send<{ nodes: { name?: { value?: string } }[] }>(
        'Accessibility.getFullAXTree',
      );
      const names = nodes.map(({ name }) => name?.value ?? '').join('\n');
      for (const text of ['areas: recipes side by side', 'Guix manifest', 'uvicorn areas.api:app'])
        expect(names).toContain(text);
    }, 60_000);
  });
});

describe.skipIf(!hasPackages || !hasTool('unshare'))('convert, on the example', () => {
  let workspace: Workspace;
  beforeAll(() => {
    workspace = new Workspace();
  });
  afterAll(() => workspace?.remove());

  it('turns the Dockerfile into a flake and a manifest that build and answer', async () => {
    const recipes: Record<string, string> = {};
    for (const kind of ['nix', 'guix']) {
      const args = ['convert', 'api', '--from', 'dockerfile', '--to', kind, '--write'];
      const refused = await workspace.trimaran(args);
      expect(refused.exitCode).toBe(2);
      expect(refused.stderr).toContain('convert/already-there');
      const ended = await workspace.trimaran([...args, '--force', '--json']);
      expect(ended.exitCode, ended.stderr).toBe(0);
      recipes[kind] = (JSON.parse(ended.stdout) as { command: string }).command;
    }
    writeFileSync(join(workspace.example, 'docker-compose.yml'), composeFile(recipes));
    const probed = await workspace.trimaran(['compare', 'api', '--json', '--probe', 'http://:8000/docs']);
    const [{ columns }] = JSON.parse(probed.stdout) as [Comparison];
    expect(
      columns.map(({ kind, problem, probe }) => ({ kind, problem, answers: probe?.answers ?? probe })),
    ).toEqual([
      { kind: 'nix', answers: true },
      { kind: 'guix', answers: true },
    ]);
    expect(probed.exitCode, probed.stderr).toBe(0);
  }, 300_000);
});

const cache = process.env.TRIMARAN_TEST_DEBIAN_CACHE;
/** Whether what apt asks for has been fetched too: packages that only Dockerfiles install. */
const hasAptFiles = process.env.CI === 'true' || (cache !== undefined && existsSync(join(cache, 'apt')));

describe.skipIf(!hasPackages || !hasEngine || !hasAptFiles)('three recipes of the example', () => {
  it('are built, run, and answer', async () => {
    const workspace = new Workspace();
    try {
      const args = ['compare', '-p', 'areas', 'api', '--probe', 'http://:8000/docs', '--json'];
      const { exitCode, stdout, stderr } = await workspace.trimaran(args, {
        env: { DOCKER_HOST: dockerHost ?? '' },
      });
      expect(exitCode, stderr).toBe(0);
      const [{ columns }] = JSON.parse(stdout) as [Comparison];
      expect(columns.map(({ kind, problem }) => [kind, problem])).toEqual([
        ['dockerfile', undefined],
        ['nix', undefined],
        ['guix', undefined],
      ]);
      for (const { probe, image, says } of columns) {
        expect(probe).toMatchObject({ answers: true });
        expect(probe!.milliseconds).toBeGreaterThan(0);
        expect(probe!.memory).toBeGreaterThan(10e6);
        expect(image!.facts.packages.length).toBeGreaterThan(50);
        expect(says!.command).toMatchObject({ text: 'uvicorn areas.api:app --host 0.0.0.0 --port 80' });
      }
      // A base image of its own, so none of the others' layers.
      expect(columns[0]!.image!.sharedLayers).toBe(0);
    } finally {
      workspace.remove();
    }
  }, 600_000);
});

describe.skipIf(!hasEngine)('three recipes of a small project', () => {
  it('are timed and built twice, whatever else goes on in the cache', async () => {
    const served = await serveArchive();
    const project = new SmallProject(
      { ...served.env, DOCKER_HOST: dockerHost ?? '' },
      flakeText(
        'name = "web"; config.WorkingDir = ./web; copyToRoot = pkgs.buildEnv { name = "root"; paths = [ pkgs.hello ]; };',
      ),
    );
    try {
      mkdirSync(project.file('web'));
      project.write('web/hello.py', 'print(1)\n');
      project.write('web/Dockerfile', 'FROM scratch\nCOPY hello.py /\nCMD ["/hello"]\n');
      project.write('manifest.scm', '(specifications->manifest (list "hello"))\n');
      project.write('channels.scm', '(list (channel (name \'guix) (url "debian:bookworm")))\n');
      project.write(
        'docker-compose.yml',
        `services:
  web:
    image: web
    build: web
x-trimaran:
  web:
    nix: nix build .#docker
    guix: guix time-machine -C channels.scm -- pack -m manifest.scm -f docker --image-tag=web
`,
      );
      let over = false;
      const comparing = project.trimaran(['compare', '--measure', '--verify', '--json']).finally(() => {
        over = true;
      });
      // Other builds come and go meanwhile; each sweeps up after processes that died, and only after those.
      for (let round = 0; !over && round < 100; round++) {
        const text = `(builtins.getFlake "debian:bookworm").legacyPackages.x86_64-linux.writeText "x" "${round}"`;
        await project.trimaran(['nix', 'build', '--impure', '--no-link', '--expr', text]);
      }
      const { exitCode, stdout, stderr } = await comparing;
      const [{ columns }] = JSON.parse(stdout) as [Comparison];
      expect(columns.map(({ kind, problem }) => [kind, problem])).toEqual([
        ['dockerfile', undefined],
        ['nix', undefined],
        ['guix', undefined],
      ]);
      expect(exitCode, stderr).toBe(0);
      for (const { times, reproducible, image } of columns) {
        expect(times!.cold).toBeGreaterThan(0);
        expect(times!.warm).toBeGreaterThan(0);
        expect(reproducible).toEqual({ same: true, detail: image!.facts.configDigest });
      }
      // The manifest takes no file of the project; the other two do.
      expect(columns.map(({ times }) => times!.changed !== undefined)).toEqual([true, true, false]);
      const page = await project.trimaran(['compare', '--html', 'out.html']);
      expect(page.exitCode, page.stderr).toBe(0);
    } finally {
      project.remove();
      await served.close();
    }
  }, 300_000);
});
