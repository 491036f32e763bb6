// Commands where people run them: without a home, in a folder that is gone, with nobody who reads on, options in any
// order, results where something else lies already; and completions in real shells.
import { existsSync, mkdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  buildToolPackages,
  type CommandResult,
  flakeText,
  type ServedArchive,
  SmallProject,
  type StartOptions,
  serveArchive,
} from './small-project.ts';
import { hasTool, projectRoot, run } from './workspace.ts';

let served: ServedArchive;
let project: SmallProject;
beforeAll(async () => {
  served = await serveArchive(buildToolPackages());
  project = new SmallProject(
    { ...served.env, DOCKER_HOST: 'unix:///nonexistent/docker.sock' },
    flakeText('name = "p_api"; copyToRoot = pkgs.bash; config.Cmd = [ "/bin/bash" "-c" "exit 7" ];').replace(
      '  };\n}\n',
      `    tagged = pkgs.dockerTools.buildImage { name = "tagged"; tag = "v1"; copyToRoot = pkgs.bash; };
    stream = pkgs.dockerTools.streamLayeredImage { name = "stream"; contents = [ pkgs.bash ]; };
    hello = pkgs.hello;
    made = let image = name: pkgs.dockerTools.buildImage { inherit name; copyToRoot = pkgs.bash; }; in image "made";
  };
}
`,
    ),
  );
  project.write(
    'compose.yaml',
    'services:\n  api:\n    image: localhost:5000/team/api:1\n  web:\n    build: .\n    profiles: [web]\nx-trimaran:\n  api: { nix: nix build .#docker }\n  web: { nix: nix build .#docker }\n',
  );
  expect((await project.build()).exitCode).toBe(0);
});
afterAll(async () => {
  project?.remove();
  await served?.close();
});

function expectError(
  { exitCode, stderr }: CommandResult,
  wanted: { readonly code: string; readonly exitCode?: number },
): void {
  expect(stderr).toContain(`[${wanted.code}]`);
  expect(exitCode).toBe(wanted.exitCode ?? 4);
  expect(stderr).toMatch(/^ {2}next: \S/m);
  expect(stderr).not.toMatch(/^\s+at .*:\d+:\d+\)?$|node:internal|^bug:/m);
}

describe('a command', () => {
  const evaluate = (options: StartOptions) => project.trimaran(['nix', 'eval', '--expr', '1 + 1'], options);

  it('keeps its cache in the home of the account when HOME is empty, never where it runs', async () => {
    const result = await evaluate({ shell: 'unset XDG_CACHE_HOME; HOME= exec "$@"' });
    expect(result).toMatchObject({ exitCode: 0, stdout: '2\n' });
    expect(existsSync(project.file('.cache'))).toBe(false);
  });

  it('says that a user without a home needs a place for the cache', async () => {
    const shell = 'unset HOME XDG_CACHE_HOME; exec unshare --user --map-user=54321 --map-group=54321 -- "$@"';
    expectError(await evaluate({ shell }), { code: 'cache/unusable' });
  });

  it('says that its folder is gone', async () => {
    const shell = 'mkdir gone && cd gone && rmdir ../gone && exec "$@" 2> >(grep -v getcwd >&2)';
    expectError(await evaluate({ shell }), { code: 'system/no-folder' });
  });

  it('says that its result could not be written, and is quiet when nobody reads on', async () => {
    expectError(await evaluate({ shell: '"$@" > /dev/full' }), { code: 'cli/output' });
    const long = ['nix', 'eval', '--json', '--expr', 'builtins.genList (x: x) 200000'];
    const cut = await project.trimaran(long, { shell: '"$@" | head -c 5; exit ${PIPESTATUS[0]}' });
    expect(cut).toEqual({ exitCode: 0, stdout: '[0,1,', stderr: '' });
  });

  it('names a flake’s folder that is not there, and a file', async () => {
    expectError(await project.trimaran(['nix', 'build', 'path:./gone#x']), { code: 'flake/not-found' });
    const file = await project.trimaran(['nix', 'eval', '--file', 'gone.nix']);
    expect(file).toMatchObject({ exitCode: 3, stderr: expect.stringContaining('code: nix/no-file') });
  });
});

describe('a result', () => {
  it('is linked in folders that are made, and takes the place of links alone', async () => {
    const build = (link: string) => project.trimaran(['nix', 'build', '.#docker', '-o', link]);
    mkdirSync(project.file('folder'));
    writeFileSync(project.file('file'), 'kept');
    symlinkSync('/nonexistent', project.file('dangling'));
    const target = readlinkSync(project.file('result'));
    for (const link of ['deep/er/ü x', 'dangling']) {
      expect((await build(link)).exitCode).toBe(0);
      expect(readlinkSync(project.file(link))).toBe(target);
    }
    for (const link of ['folder', 'file']) expectError(await build(link), { code: 'result/link-exists' });
    for (const link of ['file/x', `deep/${'x'.repeat(300)}`])
      expectError(await build(link), { code: 'result/link-not-writable' });
    expect(readFileSync(project.file('file'), 'utf8')).toBe('kept');
  });

  it('is an archive under the name that compose looks for', async () => {
    const build = (file: string) => project.trimaran(['build', 'api', '--output', file]);
    expect((await build('out/api.tar')).exitCode).toBe(0);
    const manifest = await run('tar', ['-xOf', project.file('out/api.tar'), 'manifest.json'], {
      cwd: project.directory,
    });
    expect(JSON.parse(manifest.stdout)).toMatchObject([{ RepoTags: ['localhost:5000/team/api:1'] }]);
    for (const file of ['out', 'compose.yaml/x', '/dev/null'])
      expectError(await build(file), { code: 'cli/output' });
    const loaded = await project.trimaran(['build']);
    expect(loaded.stderr).toContain('trimaran build api -o api.tar; docker load < api.tar');
  });
});

describe('a recipe of a compose file', () => {
  const file = (image: string, recipe: string) =>
    `services:\n  api: { image: "${image}", command: /bin/bash }\nx-trimaran:\n  api: ${recipe}\n`;
  const build = (text: string) => {
    project.write('recipes.yaml', text);
    return project.trimaran(['build', '-f', 'recipes.yaml', '--no-load', '--json']);
  };

  it.each([
    ['{ nix: "nix run .#docker" }', 'nix/bad-recipe'],
    ['{ nix: "nix build \\".#docker" }', 'nix/bad-recipe'],
    ['{ nix: "" }', 'nix/bad-recipe'],
    ['{ guix: "guix build hello" }', 'guix/bad-recipe'],
    ['{ dockerfile: docker build . }', 'compose/no-recipe'],
    ['{ nix: nix build .#hello }', 'compose/not-an-image'],
    ['{ nix: nix build .#stream }', 'compose/not-an-image'],
    ['{ nick: nix build .#docker }', 'compose/invalid'],
  ])('%s is refused where it stands', async (recipe, code) => {
    const { exitCode, stdout } = await build(file('x', recipe));
    expect(JSON.parse(stdout)).toMatchObject({
      error: { code, hint: expect.any(String), span: { file: 'recipes.yaml', line: 4 } },
    });
    expect(exitCode).toBe(3);
  });

  it.each([
    ['{ nix: "nix build -o out --override-input nixpkgs debian:bookworm .#docker && docker load < out" }'],
    ['{ nix: .#docker }'],
  ])('%s is built', async (recipe) => {
    const { exitCode, stdout, stderr } = await build(file('x', recipe));
    expect(exitCode, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject([{ service: 'api', names: ['x'] }]);
  });

  it('is found by the name of its image, where the tags agree or it has none', async () => {
    const services = ['p_api', 'p_api:3', 'tagged:v1', 'tagged', 'tagged:v2', 'host:5000/p_api'];
    const text = services.map((image, index) => `  s${index}: { image: "${image}", command: /bin/bash }\n`);
    const { stdout } = await build(`services:\n${text.join('')}`);
    expect((JSON.parse(stdout) as { names: string[] }[]).flatMap(({ names }) => names)).toEqual(
      services.slice(0, 4),
    );
  });
});

it('compares an output that only evaluation finds', async () => {
  project.write('recipes.yaml', 'services:\n  made: { image: made }\n');
  const result = await project.trimaran(['compare', '-f', 'recipes.yaml', '--json', 'made']);
  expect(result.exitCode, result.stdout).toBe(0);
  expect(result.stdout).toContain('nix build .#made');
});

describe('options', () => {
  const services = async (args: readonly string[]) => {
    const { exitCode, stdout, stderr } = await project.trimaran([...args]);
    expect(exitCode, stderr).toBe(0);
    return (JSON.parse(stdout) as { service: string }[]).map(({ service }) => service);
  };

  it('stand before the command and between its arguments, each with one value', async () => {
    const [file, json] = [
      ['-f', 'compose.yaml'],
      ['--no-load', '--json'],
    ] as const;
    expect(await services([...file, 'build', ...json])).toEqual(['api']);
    expect(await services(['--json', 'build', '--no-load', ...file, 'web'])).toEqual(['web']);
    expect(await services(['build', ...json, ...file, 'api', 'web'])).toEqual(['api', 'web']);
    expect(await services(['--profile', 'web', 'build', ...json])).toEqual(['api', 'web']);
    const features = ['--extra-experimental-features', 'nix-command flakes'];
    expect(await project.trimaran(['nix', ...features, 'eval', '--expr', '1'])).toMatchObject({
      stdout: '1\n',
    });
  });

  it('of `run` end at the image', async () => {
    const command = (...args: string[]) => project.trimaran(['run', '--runtime', 'unshare', ...args]);
    expect((await command('result')).exitCode).toBe(7);
    for (const dashes of [[], ['--']]) {
      const result = await command('-e', 'A=1', 'result', ...dashes, 'bash', '-c', 'echo $A $1', '-', '-e');
      expect(result).toMatchObject({ exitCode: 0, stdout: '1 -e\n' });
    }
  });
});

describe('completions', () => {
  const script = (shell: string) => {
    const words = (line: string) => line.split(' ').map((word) => `'${word}'`);
    return {
      bash: (line: string) =>
        `eval "$("${join(projectRoot, 'bin/trimaran')}" completions bash)"; complete -p trimaran >/dev/null || exit 9; COMP_WORDS=(${words(line).join(' ')}); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); _trimaran; echo "\${COMPREPLY[*]}"`,
      zsh: (line: string) =>
        `eval "$("${join(projectRoot, 'bin/trimaran')}" completions zsh)"; (( $+_comps[trimaran] )) || exit 9; compadd() { shift; print -r -- $@ }; _files() { }; words=(${words(line).join(' ')}); CURRENT=$#words; _trimaran`,
    }[shell]!;
  };

  it.each(['bash', 'zsh'].filter(hasTool))('offer commands and options in %s', async (shell) => {
    const offered = async (line: string) => {
      const args = shell === 'zsh' ? ['-f', '-c'] : ['--norc', '-c'];
      const env = { HOME: project.root };
      const result = await run(shell, [...args, script(shell)(line)], { cwd: project.directory, env });
      expect(result, result.stderr).toMatchObject({ exitCode: 0 });
      return result.stdout.trim().split(' ');
    };
    expect(await offered('trimaran ')).toEqual(expect.arrayContaining(['build', 'nix', 'doctor']));
    expect(await offered('trimaran nix ')).toContain('eval');
    for (const before of ['build', 'build api', 'build -f compose.yaml api', '-f compose.yaml build'])
      expect(await offered(`trimaran ${before} --rec`)).toContain('--recipe');
    expect(await offered('trimaran nix build .#docker --imp')).toContain('--impure');
    // Files, which the shell knows itself.
    expect(await offered('trimaran inspect ')).toEqual(['']);
  });
});
