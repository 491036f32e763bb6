// What flakes ask of nixpkgs, asked of the Debian set: functions of lib, files and scripts, overlays, environments and
// images made on others. On a tiny archive of our own, with this machine's shell and tools as its packages.
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testDirectory, testFile } from '../../src/debian/test-archive.ts';
import { readArchive } from '../../src/oci/archive-read.ts';
import type { Image } from '../../src/oci/image.ts';
import { mergeImage } from '../../src/oci/layer-merge.ts';
import { startRegistry } from '../../src/oci/registry-server.ts';
import { readContent } from '../../src/store/disk-tree.ts';
import {
  buildToolPackages,
  flakeText,
  type ServedArchive,
  SmallProject,
  serveArchive,
} from './small-project.ts';

let served: ServedArchive;
beforeAll(async () => {
  served = await serveArchive([
    ...buildToolPackages(),
    { name: 'python3-minimal' },
    { name: 'python3', version: '3.11.2-1', fields: { Depends: 'python3-minimal' } },
    { name: 'nodejs', version: '18.20.4+dfsg-1' },
    { name: 'passwd' },
    {
      name: 'greeter',
      files: [testDirectory('usr'), testDirectory('usr/share'), testFile('usr/share/greeting', 'hi\n')],
    },
    { name: 'fd-find' },
    {
      name: 'served',
      files: [
        testDirectory('usr'),
        testDirectory('usr/sbin'),
        testFile('usr/sbin/served', '#!/bin/sh\n', 0o755),
      ],
    },
    { name: 'fonts-dejavu' },
    ...['gcc', 'g++', 'make', 'libc6-dev', 'libc6', 'libgcc-s1', 'libstdc++6', 'zlib1g'].map((name) => ({
      name,
    })),
    { name: 'zlib1g-dev', fields: { Depends: 'zlib1g, libc6-dev' } },
    { name: 'libgreet2' },
    { name: 'libgreet-dev', fields: { Depends: 'libgreet2, zlib1g-dev' } },
    { name: 'python3-dateutil', fields: { Depends: 'python3' } },
    { name: 'php-cli', version: '2:8.2+93' },
    ...['php-common', 'php-fpm', 'php-mysql', 'php-redis'].map((name) => ({ name, version: '2:8.2+93' })),
    { name: 'postgresql', version: '15+248' },
    ...['postgresql-15', 'postgresql-15-cron', 'postgresql-15-plpgsql-check', 'postgresql-15-postgis-3'].map(
      (name) => ({ name }),
    ),
    { name: 'postgresql-plpython3-15' },
    { name: 'libgreets7' },
    { name: 'libcairo2' },
    { name: 'libcairo2-dev', fields: { Depends: 'libcairo2 (= 1.0-1), libgreet-dev' } },
    { name: 'gosu' },
    ...['perl', 'libjson-xs-perl', 'libdbd-sqlite3-perl', 'ruby-nokogiri', 'puma'].map((name) => ({ name })),
    { name: 'ruby', version: '1:3.1' },
    { name: 'nginx', version: '1.22.1-9' },
  ]);
});
afterAll(() => served?.close());

async function inProject<T>(flake: string, work: (project: SmallProject) => Promise<T>): Promise<T> {
  const project = new SmallProject(served.env, flake);
  try {
    return await work(project);
  } finally {
    project.remove();
  }
}

const flakeOf = (docker: string, more = '') =>
  flakeText().replace(/docker = .*\n/, `docker = ${docker};\n    ${more}\n`);

const imageOf = (arguments_: string) => flakeOf(`pkgs.dockerTools.buildImage { name = "x"; ${arguments_} }`);

/** The image that a project's `result` is, and its files by path: text, `-> target`, or the kind. */
async function readResult(project: SmallProject, link = 'result') {
  const [image] = await readArchive(project.file(link), { cacheDirectory: `${project.root}/read` });
  return { image: image as Image, ...(await filesOf(image as Image)) };
}

async function filesOf(image: Image) {
  const { tree } = await mergeImage(image);
  const entries = new Map(tree.map((entry) => [entry.path, entry]));
  const text = (path: string) => {
    const entry = entries.get(path);
    if (entry?.kind === 'symlink') return `-> ${entry.target}`;
    return entry?.kind === 'file' ? readContent(entry.content).toString() : entry?.kind;
  };
  return { entries, text };
}

/** Builds a flake beside `files` and reads its image. */
async function built(flake: string, files: Readonly<Record<string, string>> = {}) {
  return inProject(flake, async (project) => {
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(dirname(project.file(name)), { recursive: true });
      project.write(name, content);
    }
    const result = await project.build();
    expect(result.exitCode, result.stderr).toBe(0);
    const read = await readResult(project);
    // What is read lies in the project, which goes away.
    const texts = new Map([...read.entries.keys()].map((path) => [path, read.text(path)]));
    return { ...read, text: (path: string) => texts.get(path) };
  });
}

describe.concurrent('lib', () => {
  it('has what nixpkgs’ has', () =>
    inProject(
      flakeOf(
        'null',
        `v = let lib = pkgs.lib; in {
          a = lib.strings.concatLines [ "x" "y" ];
          b = lib.lists.sublist 1 2 [ 1 2 3 4 ];
          c = [ (lib.toInt "012") (lib.versionAtLeast "1.10" "1.9") (lib.mod 7 3) (lib.hasInfix "b.d" "ab.d") (lib.trim " a b ") ];
          d = lib.generators.toINI { } { s = { k = "v"; on = true; }; };
          e = lib.cartesianProduct { a = [ 1 2 ]; b = [ 3 ]; };
          f = lib.mapAttrsRecursive (path: value: lib.concatStringsSep "." path + value) { a.b = "!"; };
          g = lib.foldr (a: b: a + b) "" [ "1" "2" ] + lib.foldl (a: b: a + b) "" [ "1" "2" ];
          h = lib.fix (self: { a = 1; b = self.a + 1; });
          i = (lib.extends (final: prev: { a = prev.a + final.b; }) (final: { a = 1; b = 2; })) { b = 10; };
          j = lib.toShellVars { x = "a b"; y = [ 1 "2 3" ]; };
          k = lib.licenses.mit.spdxId;
          l = lib.recursiveUpdateUntil (path: _: _: path == [ "a" "b" ]) { a.b = { c = 1; }; a.d = 1; } { a.b = { e = 2; }; };
          m = (lib.makeExtensible (final: { a = 1; })).extend (final: prev: { b = final.a; });
        };`,
      ),
      async (project) => {
        const json = await project.trimaran([
          'nix',
          'eval',
          '--json',
          '.#v',
          '--apply',
          'v: v // { m = v.m.b; }',
        ]);
        expect(json.exitCode, json.stderr).toBe(0);
        expect(JSON.parse(json.stdout)).toEqual({
          a: 'x\ny\n',
          b: [2, 3],
          c: [12, true, 1, true, 'a b'],
          d: '[s]\nk=v\non=true\n',
          e: [
            { a: 1, b: 3 },
            { a: 2, b: 3 },
          ],
          f: { a: { b: 'a.b!' } },
          g: '1212',
          h: { a: 1, b: 2 },
          i: { a: 11, b: 2 },
          j: "x='a b'\ndeclare -a y=(1 '2 3')",
          k: 'MIT',
          l: { a: { b: { e: 2 }, d: 1 } },
          m: 1,
        });
      },
    ));

  it('has what recipes use of it now and then, and refuses the module system by name', () =>
    inProject(
      flakeOf(
        'null',
        `v = let lib = pkgs.lib.extend (final: prev: { mine = final.forEach [ 1 ] (x: prev.add x 1); }); in {
          a = [ lib.mine (lib.getAttrs [ "a" ] { a = 1; b = 2; }) (lib.path.append ./. "a/b" == ./a/b) (lib.path.subpath.join [ "a" "./b/" "c" ]) ];
          b = lib.cli.toGNUCommandLineShell { } { verbose = true; quiet = false; x = [ 1 "a b" ]; name = "n"; nope = null; };
          c = [ (lib.toposort (a: b: a < b) [ 3 1 2 ]) (lib.toBaseDigits 2 6) (lib.fromHexString "0xfF") (lib.toIntBase10 "007") ];
          d = [ (lib.escapeURL "a b/?~") (lib.versions.pad 3 "1.2") (lib.cmakeBool "A" true) (lib.enableFeature false "x") ];
          e = [ (lib.findFirstIndex (x: x == 2) null [ 1 2 ]) (lib.uniqueStrings [ "b" "a" "b" ]) (lib.overrideExisting { a = 1; } { a = 2; b = 3; }) ];
          f = map baseNameOf (lib.filesystem.listFilesRecursive ./folder);
        };
        w = pkgs.lib.mkIf true { };`,
      ),
      async (project) => {
        mkdirSync(project.file('folder/deep'), { recursive: true });
        project.write('folder/deep/x', '');
        project.write('folder/y', '');
        const json = await project.trimaran(['nix', 'eval', '--json', '.#v']);
        expect(json.exitCode, json.stderr).toBe(0);
        expect(JSON.parse(json.stdout)).toEqual({
          a: [[2], { a: 1 }, true, './a/b/c'],
          b: "--name n --verbose -x 1 -x 'a b'",
          c: [{ result: [1, 2, 3] }, [1, 1, 0], 255, 7],
          d: ['a%20b%2F%3F~', '1.2.0', '-DA:BOOL=TRUE', '--disable-x'],
          e: [1, ['a', 'b'], { a: 2 }],
          f: ['x', 'y'],
        });
        const refused = await project.trimaran(['nix', 'eval', '.#w']);
        expect(refused.exitCode).toBe(3);
        expect(refused.stderr).toContain('lib.mkIf: the Debian package set has no module system');
      },
    ));

  it('gives compilers the headers of libraries, and programs the libraries alone', () =>
    inProject(
      flakeOf(
        'null',
        'v = pkgs.stdenv.mkDerivation { name = "c"; buildInputs = [ pkgs.zlib pkgs.libgreet-dev ]; };',
      ),
      async (project) => {
        const json = await project.trimaran([
          'nix',
          'eval',
          '--json',
          '.#v',
          '--apply',
          'v: [ v.tools.debianPackages v.debianRuntime.debianPackages ]',
        ]);
        expect(json.exitCode, json.stderr).toBe(0);
        const [tools, runtime] = JSON.parse(json.stdout) as string[][];
        expect(tools).toEqual(expect.arrayContaining(['gcc', 'zlib1g', 'zlib1g-dev', 'libgreet-dev']));
        expect(runtime).toEqual(['libc6', 'libgcc-s1', 'libstdc++6', 'zlib1g', 'libgreet2']);
      },
    ));

  it('chooses files as lib.fileset and lib.sources do', async () => {
    const names = ['app/a.py', 'app/b.py', 'notes.txt', 'secret', 'old~', 'empty/x.md'];
    const { entries } = await built(
      imageOf(`copyToRoot = pkgs.runCommand "files" { } ''
        mkdir -p $out/srv; cd $out/srv
        cp -r \${pkgs.lib.fileset.toSource { root = ./.; fileset = pkgs.lib.fileset.unions [ ./app (pkgs.lib.fileset.fileFilter (file: file.hasExt "txt") ./.) ]; }} set
        cp -r \${pkgs.lib.fileset.toSource { root = ./.; fileset = pkgs.lib.fileset.difference ./app ./app/b.py; }} less
        cp -r \${pkgs.lib.sourceByRegex ./. [ "app" "app/.*" ]} regex
        cp -r \${pkgs.lib.cleanSourceWith { src = pkgs.lib.cleanSource ./.; filter = path: type: baseNameOf path != "secret"; }} clean
      '';`),
      Object.fromEntries(names.map((name) => [name, name])),
    );
    const below = (folder: string) =>
      [...entries.values()]
        .filter(({ kind, path }) => kind === 'file' && path.startsWith(`srv/${folder}/`))
        .map(({ path }) => path.slice(`srv/${folder}/`.length));
    expect(below('set')).toEqual(['app/a.py', 'app/b.py', 'notes.txt']);
    expect(below('less')).toEqual(['app/a.py']);
    expect(below('regex')).toEqual(['app/a.py', 'app/b.py']);
    expect(below('clean')).toEqual(['app/a.py', 'app/b.py', 'empty/x.md', 'flake.nix', 'notes.txt']);
  });
});

describe.concurrent('files and commands', () => {
  it('are written, formatted, substituted and checked', async () => {
    const { text } = await built(
      imageOf(`copyToRoot = pkgs.runCommand "files" { } ''
        mkdir -p $out/srv; cd $out/srv
        cp \${(pkgs.formats.toml { }).generate "a" { a = 1; s = { k = "v"; list = [ 1 2 ]; }; t = [ { n = 1; } { n = 2; } ]; }} toml
        cp \${(pkgs.formats.yaml { }).generate "a" { a = [ true null ]; }} yaml
        cp \${pkgs.writers.writeJSON "a" { a = 1; }} json
        cp \${pkgs.replaceVars ./template { name = "N&\\\\"; }} vars
        cp \${pkgs.substituteAll { src = ./template; name = "M"; }} all
        cp \${pkgs.writeTextFile { name = "t"; text = "echo hi\\n"; checkPhase = "bash -n $target"; }} checked
        cp \${pkgs.writeShellApplication { name = "greet"; runtimeInputs = [ pkgs.hello ]; runtimeEnv.A = "b c"; text = "hello"; }}/bin/greet greet
        substitute \${./template} here --replace-fail @name@ "a b" --replace-quiet nosuch x
      '';`),
      { template: 'I am @name@.\n' },
    );
    expect(text('srv/toml')).toBe('a = 1\n\n[s]\nk = "v"\nlist = [1, 2]\n\n[[t]]\nn = 1\n\n[[t]]\nn = 2\n');
    expect(text('srv/yaml')).toBe('{"a":[true,null]}\n');
    expect(text('srv/json')).toBe('{"a":1}\n');
    expect(text('srv/vars')).toBe('I am N&\\.\n');
    expect(text('srv/all')).toBe('I am M.\n');
    expect(text('srv/here')).toBe('I am a b.\n');
    expect(text('srv/checked')).toBe('echo hi\n');
    expect(text('srv/greet')).toMatch(
      /^#!.*\/bin\/bash\nset -o errexit\nset -o nounset\nset -o pipefail\nA='b c'\nexport A\nexport PATH="\/nix\/store\/.*-hello-1\.0-1\/bin:\$PATH"\n\nhello\n$/,
    );
  });

  it('has extensions of PostgreSQL, libraries and small tools by the names of nixpkgs', () =>
    inProject(
      flakeOf(
        'null',
        `v = {
          postgresql = (pkgs.postgresql_15.withPackages (p: with p; [ pg_cron plpgsql_check postgis plpython3 ])).debianPackages;
          cairo = pkgs.cairo.debianPackages;
          su-exec = pkgs.su-exec.debianPackages;
          perl = (pkgs.perl.withPackages (p: with p; [ JSONXS DBDSQLite ])).debianPackages;
          ruby = (pkgs.ruby_3_1.withPackages (p: [ p.nokogiri pkgs.rubyPackages.puma ])).debianPackages;
          other = builtins.tryEval pkgs.ruby_3_3.name;
        };`,
      ),
      async (project) => {
        const json = await project.trimaran(['nix', 'eval', '--json', '.#v']);
        expect(json.exitCode, json.stderr).toBe(0);
        expect(JSON.parse(json.stdout)).toEqual({
          postgresql: [
            'postgresql-15',
            'postgresql-15-cron',
            'postgresql-15-plpgsql-check',
            'postgresql-15-postgis-3',
            'postgresql-plpython3-15',
          ],
          cairo: ['libcairo2'],
          'su-exec': ['gosu'],
          perl: ['perl', 'libjson-xs-perl', 'libdbd-sqlite3-perl'],
          ruby: ['ruby', 'ruby-nokogiri', 'puma'],
          other: { success: false, value: false },
        });
      },
    ));

  it('lets commands of root make what a Debian root has already', async () => {
    const { text } = await built(
      imageOf(`copyToRoot = [ pkgs.hello ]; runAsRoot = ''
        mkdir /tmp
        mkdir -m 711 /var/lib /made
        groupadd -r -g 100 users
        groupadd staff
        useradd -u 2 -g bin bin
        useradd -r nobody -g nogroup -d /dev/null
        ln -s \${pkgs.hello}/bin/hello /usr/bin/hello
        ln -s \${pkgs.goodbye}/bin/goodbye /usr/bin/hello
        \${pkgs.coreutils}/bin/mkdir /tmp
        stat -c '%n %a' /tmp /var/lib /made > /modes
      '';`),
    );
    expect(text('modes')).toBe('/tmp 1777\n/var/lib 711\n/made 711\n');
    expect(text('usr/bin/hello')).toMatch(/^-> \/nix\/store\/.*-goodbye-1\.0-1\/bin\/goodbye$/);
    expect(text('etc/passwd')).toMatch(/^nobody:.*:\/dev\/null:/m);
  });

  it.each(['extraCommands', 'fakeRootCommands'])(
    'lets %s use any package, and brings what they leave words of',
    async (commands) => {
      const { text, entries } = await built(
        flakeOf(`pkgs.dockerTools.buildLayeredImage { name = "x"; contents = [ pkgs.hello ]; ${commands} = ''
          \${pkgs.libhello}/bin/nosuch || [ $? = 127 ]
          cat \${pkgs.greeter}/share/greeting > said
          mkdir etc
          ln -s \${pkgs.goodbye}/bin/goodbye bin/bye
          ln -s \${pkgs.hello}/bin/hello bin/hello
          mkdir -p usr/lib; ln -s /lib/libhello.so.2 usr/lib/libhello.so.2
          echo \${pkgs.writeText "named" "n"} > named
          ln -s round1 round2; ln -s round2 round1
        ''; }`),
      );
      expect(text('said')).toBe('hi\n');
      expect(text('usr/bin/bye')).toMatch(/^-> \/nix\/store\/.*-goodbye-1\.0-1\/bin\/goodbye$/);
      expect(text('usr/bin/goodbye')).toBe('#!/bin/sh\n');
      // What lies at its place already would have become a link to itself.
      expect(text('usr/bin/hello')).toBe('#!/bin/sh\n');
      expect(entries.get('usr/lib/libhello.so.2')?.kind).toBe('file');
      expect(text(text('named')!.slice(1, -1))).toBe('n');
      expect(text(text('usr/bin/bye')!.split('/').slice(1, 4).join('/'))).toBe('-> /');
      expect(entries.has('usr/share/greeting')).toBe(false);
      expect(entries.has('round1')).toBe(false);
    },
  );

  it('keeps links into store paths that an image is to leave out', async () => {
    const { text, entries } = await built(
      flakeOf(
        `pkgs.dockerTools.buildLayeredImage { name = "x"; contents = [ pkgs.hello ]; includeStorePaths = false; extraCommands = "ln -s \${pkgs.hello}/bin/hello hi"; }`,
      ),
    );
    expect(text('hi')).toMatch(/^-> \/nix\/store\/.*\/bin\/hello$/);
    expect(entries.has('nix/store')).toBe(false);
  });

  it('has the interpreter as python, the compiler’s libraries, fonts and programs by nixpkgs’ names', async () => {
    const { text } = await built(
      imageOf(`copyToRoot = pkgs.buildEnv { name = "r"; paths = [ pkgs.fd pkgs.fd ] ++ pkgs.python3.linkedPaths ++ (pkgs.python3.withPackages (p: [ ])).linkedPaths; };
        config.Env = [ "LD_LIBRARY_PATH=\${pkgs.lib.makeLibraryPath [ pkgs.stdenv.cc.cc.lib pkgs.gcc.cc ]}" "FONTCONFIG_FILE=\${pkgs.makeFontsConf { fontDirectories = [ pkgs.dejavu_fonts ./fonts ]; }}" ];`),
      { 'fonts/a.ttf': '' },
    );
    const stored = (path: string) => text(text(path)!.replace(/^-> \//, ''));
    expect(stored('usr/bin/python')).toBe('-> /usr/bin/python3');
    expect(stored('usr/bin/fd')).toBe('-> /usr/bin/fdfind');
  });

  it('keeps no books of the sandbox in an image, and says what a folder of commands takes the place of', async () => {
    const base = `fromImage = pkgs.dockerTools.buildImage { name = "b"; extraCommands = "mkdir -p kept gone; echo a > gone/a"; };`;
    const { entries } = await built(
      imageOf(`${base} copyToRoot = [ pkgs.hello ]; runAsRoot = ''
        rm -r /etc/ssl 2>/dev/null || true
        rm -r /var/lib; mkdir /var/lib
        echo x > /usr/local-file
      '';`),
    );
    expect([...entries.values()].filter(({ xattrs }) => xattrs !== undefined)).toEqual([]);
    expect(entries.get('var/lib')?.kind).toBe('directory');
    expect([...entries.keys()].filter((path) => path.startsWith('var/lib/'))).toEqual([]);
  });

  it('has PHP with extensions by the names of nixpkgs, and what configurations include of nginx', () =>
    inProject(
      imageOf(`copyToRoot = pkgs.buildEnv { name = "r"; paths = [
        (pkgs.php82.buildEnv { extensions = { all, ... }: with all; [ ctype pdo_mysql mysqli redis ]; extraConfig = "memory_limit=1G\\n"; })
        pkgs.nginx pkgs.dockerTools.fakeNss
      ]; };`),
      async (project) => {
        const built = await project.build();
        expect(built.exitCode, built.stderr).toBe(0);
        const { text } = await readResult(project);
        const stored = (path: string) => text(text(path)!.replace(/^-> \//, ''));
        expect(stored('etc/php/8.2/cli/conf.d/99-extra.ini')).toBe('memory_limit=1G\n');
        expect(stored('etc/group')).toMatch(/^nogroup:x:65534:$/m);
        expect(text('conf/mime.types')).toMatch(/^-> .*\/(?:conf|etc\/nginx)\/mime\.types$/);
        const lock = project.read('trimaran.lock');
        expect(text('usr/bin/php-fpm')).toMatch(/^-> .*\/php-fpm(?:8\.2)?$/);
        for (const name of ['php-cli', 'php-common', 'php-fpm', 'php-mysql', 'php-redis'])
          expect(lock).toContain(`${name}:`);
      },
    ));

  it.each([
    [
      'pkgs.writeTextFile { name = "t"; text = "if then"; checkPhase = "bash -n $target"; }',
      'store/build-failed',
      /syntax error/,
    ],
    ['pkgs.writeShellApplication { name = "s"; text = "if then"; }', 'store/build-failed', /syntax error/],
    ['pkgs.replaceVars ./flake.nix { nosuch = "1"; }', 'store/build-failed', /does not contain '@nosuch@'/],
    [
      'pkgs.stdenvNoCC.mkDerivation { name = "d"; src = ./.; }',
      'store/build-failed',
      /write an installPhase/,
    ],
    [
      'pkgs.buildEnv { name = "e"; paths = [ pkgs.hello ]; postBuild = "rm $out/bin/hello"; }',
      'store/build-failed',
      /postBuild took bin\/hello away/,
    ],
    ['pkgs.python312', 'nix/throw', /has Python 3\.11, not 3\.12; use pkgs\.python3/],
    ['pkgs.nodejs_20', 'nix/throw', /has nodejs 18\.20\.4\+dfsg-1, not 20; use pkgs\.nodejs/],
    ['pkgs.php83', 'nix/throw', /has php .*8\.2.*, not 8\.3/],
    ['pkgs.hello.overrideAttrs (old: { })', 'nix/throw', /overrideAttrs cannot change it/],
    ['pkgs.buildGoModule { }', 'nix/throw', /buildGoModule: .*vendored sources/],
    ['pkgs.fetchurl { url = "http://127.0.0.1:9/x"; }', 'nix/throw', /needs the argument 'hash'/],
    ['"/etc"', 'nix/throw', /no store path/],
  ])('is refused: %s', (contents, code, text) =>
    inProject(imageOf(`copyToRoot = ${contents};`), async (project) => {
      const result = await project.build();
      expect(result.exitCode, result.stderr).toBe(3);
      expect(result.stderr).toContain(`[${code}]`);
      expect(result.stderr).toMatch(text);
      expect(result.stderr).toMatch(/^ {2}next: \S/m);
    }),
  );

  it.each([
    ['tag = "a b";', /tag is "a b"/],
    ['name = "My Image";', /name is "My Image"/],
    ['architecture = "sparc";', /architecture is "sparc", where one of amd64/],
    ['uid = -1;', /uid is -1/],
    ['config = [ ];', /config is a list, where a set is needed/],
  ])('an image is refused an argument: %s', (argument, text) =>
    inProject(
      flakeOf(`pkgs.dockerTools.buildImage ({ name = "x"; copyToRoot = pkgs.hello; } // { ${argument} })`),
      async (project) => {
        const result = await project.build();
        expect(result.exitCode, result.stderr).toBe(3);
        expect(result.stderr).toMatch(text);
        expect(result.stderr).toMatch(/\[nix\/argument\]\n {2}at flake\.nix:7:/);
      },
    ),
  );
});

describe.concurrent('arguments that belong elsewhere', () => {
  it.each([
    ['buildImage', 'entrypoint = [ "hello" ];', 'write config.Entrypoint'],
    ['buildImage', 'fakeRootCommands = "";', 'write runAsRoot, or use buildLayeredImage'],
    ['buildLayeredImage', 'copyToRoot = [ ];', 'write contents here, or use buildImage'],
    [
      'streamLayeredImage',
      'runAsRoot = "";',
      'write fakeRootCommands with enableFakechroot = true here, or use buildImage',
    ],
  ])('%s says so: %s', (name, argument, hint) =>
    inProject(flakeOf(`pkgs.dockerTools.${name} { name = "x"; ${argument} }`), async (project) => {
      const result = await project.build();
      expect(result.exitCode, result.stderr).toBe(3);
      expect(result.stderr).toMatch(/\[nix\/argument\]\n {2}at flake\.nix:7:/);
      expect(result.stderr).toContain(`next: ${hint}\n`);
    }),
  );
});

describe.concurrent('environments', () => {
  it('are gone over by postBuild: wrappers take the place of programs, what is made lies beside them', async () => {
    const { text } = await built(
      imageOf(`copyToRoot = pkgs.symlinkJoin { name = "j"; paths = [ pkgs.hello pkgs.goodbye ]; nativeBuildInputs = [ pkgs.makeWrapper ]; postBuild = ''
        wrapProgram $out/bin/hello --set A "b c" --prefix PATH : /x/bin --add-flags "-g"
        ln -s hello $out/bin/hi
        mkdir -p $out/etc $out/empty; echo made > $out/etc/made
      ''; };`),
    );
    expect(text('usr/bin/.hello-wrapped')).toBe('#!/bin/sh\n');
    expect(text('usr/bin/goodbye')).toBe('#!/bin/sh\n');
    expect(text('usr/bin/hi')).toBe('-> hello');
    expect(text('etc/made')).toBe('made\n');
    expect(text('empty')).toBe('directory');
    expect(text('usr/bin/hello')).toMatch(
      /^#!.*\/bin\/bash -e\nexport A=b\\ c\nexport PATH=\/x\/bin\$\{PATH:\+':'\$PATH\}\nexec -a "\$0" \/nix\/store\/.*-j\/bin\/\.hello-wrapped -g "\$@"\n$/,
    );
    // No link leads to itself, and the links of Debian's root stay.
    expect(text('bin')).toBe('-> usr/bin');
    expect(text('share')).toBe('-> usr/share');
  });

  it('wrap programs of sbin by their names in bin, and leave them where they are', async () => {
    const { text } = await built(
      imageOf(
        `copyToRoot = pkgs.symlinkJoin { name = "j"; paths = [ pkgs.served ]; nativeBuildInputs = [ pkgs.makeWrapper ]; postBuild = "wrapProgram $out/bin/served --set A b"; };`,
      ),
    );
    expect(text('usr/bin/served')).toMatch(/export A=b\nexec .*\/bin\/\.served-wrapped /);
    expect(text('usr/bin/.served-wrapped')).toBe('-> /usr/sbin/served');
    expect(text('usr/sbin/served')).toBe('#!/bin/sh\n');
  });

  it('are what stdenv.mkDerivation makes, phase by phase', async () => {
    const { text } = await built(
      imageOf(`copyToRoot = [ pkgs.bash (pkgs.stdenvNoCC.mkDerivation (finalAttrs: {
        pname = "app"; version = "2";
        src = ./.;
        env.GREETING = "hi";
        patches = [ ];
        postPatch = "substituteInPlace app/main --replace-fail one two";
        buildPhase = ''
          runHook preBuild
          echo "$GREETING \${finalAttrs.version}" > built
          runHook postBuild
        '';
        postBuild = "echo post >> built";
        installPhase = "install -Dm644 built $out/share/app/built; installBin app/main";
      })) ];`),
      { 'app/main': 'one\n' },
    );
    expect(text('usr/share/app/built')).toBe('hi 2\npost\n');
    expect(text('usr/bin/main')).toBe('two\n');
  });

  it('give compilers and linkers the words of NIX_CFLAGS_COMPILE and NIX_LDFLAGS', async () => {
    const { text } = await built(
      imageOf(`copyToRoot = pkgs.stdenvNoCC.mkDerivation {
        name = "flags"; dontUnpack = true;
        NIX_CFLAGS_COMPILE = "-DA=1 -O2"; NIX_LDFLAGS = "-lx -L/y -rpath /z";
        nativeBuildInputs = [ (pkgs.writeShellScriptBin "gcc" ''echo "$*"'') ];
        buildPhase = "gcc 'a b.c' -o a > linked; gcc -c a.c > compiled";
        installPhase = "install -Dm644 -t $out/srv linked compiled";
      };`),
    );
    expect(text('srv/linked')).toBe('a b.c -o a -DA=1 -O2 -lx -L/y -Wl,-rpath -Wl,/z\n');
    expect(text('srv/compiled')).toBe('-c a.c -DA=1 -O2\n');
  });

  it('see overlays, and callPackage fills in what they bring', async () => {
    const { text } = await built(
      `{
  inputs.nixpkgs.url = "debian:bookworm";
  outputs = { self, nixpkgs }: let
    pkgs = import nixpkgs { system = "x86_64-linux"; config.allowUnfree = true; overlays = [
      (final: prev: { greeting = prev.writeText "greeting" "one"; base = 1; })
      (final: prev: { base = prev.base + 1; late = final.writeText "late" final.word; word = "two"; })
    ]; };
  in {
    docker = pkgs.callPackage ./image.nix { name = "x"; };
  };
}
`,
      {
        'image.nix':
          '{ lib, dockerTools, runCommand, greeting, late, base, name, more ? "m" }:\n' +
          "dockerTools.buildLayeredImage { inherit name; contents = [ (runCommand \"d\" { } ''mkdir $out; cat ${greeting} ${late} > $out/all; echo ${toString base} ${more} >> $out/all'') ]; }\n",
      },
    );
    expect(text('all')).toBe('onetwo2 m\n');
  });
});

describe.concurrent('images', () => {
  const base = (name: string, env: string) =>
    `pkgs.dockerTools.buildImage { name = "${name}"; tag = "t"; copyToRoot = pkgs.writeTextDir "of" "${name}"; config.Env = [ ${env} ]; }`;

  it('are made on the one named of several, and keep its variables', async () => {
    const { text, image } = await built(
      imageOf(
        `fromImage = pkgs.dockerTools.mergeImages [ (${base('one', '"A=1"')}) (${base('two', '"A=2" "B=2"')}) ]; fromImageName = "two"; fromImageTag = "t"; config.Env = [ "A=3" ];`,
      ),
    );
    expect(text('of')).toBe('two');
    expect(image.config.config?.Env).toEqual(['A=3', 'B=2']);
  });

  it('are of this moment when they are to be, which is said', () =>
    inProject(imageOf('created = "now"; copyToRoot = pkgs.hello;'), async (project) => {
      const before = Math.floor(Date.now() / 1000) * 1000;
      const result = await project.build();
      expect(result.exitCode, result.stderr).toBe(0);
      expect(result.stderr).toMatch(/made `now`.*another image/);
      const { image } = await readResult(project);
      expect(image.config.created).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
      expect(Date.parse(image.config.created!)).toBeGreaterThanOrEqual(before);
    }));

  it('know Python packages by Debian’s names, too', () =>
    inProject(imageOf('copyToRoot = pkgs.python3.withPackages (p: [ p.dateutil ]);'), async (project) => {
      const result = await project.trimaran(['nix', 'eval', '--raw', '.#docker.name']);
      expect(result.exitCode, result.stderr).toBe(0);
    }));

  it('say what there is when the base is not there', () =>
    inProject(imageOf(`fromImage = ${base('one', '')}; fromImageName = "nosuch";`), async (project) => {
      const result = await project.build();
      expect(result.exitCode).toBe(3);
      expect(result.stderr).toMatch(/\[image\/no-such-base\][\s\S]*next: it has one:t/);
    }));

  it('keep what commands leave in /bin and /share, and the owner that files are to have', async () => {
    const commands = await built(
      imageOf(
        `copyToRoot = [ pkgs.hello ]; extraCommands = "mkdir -p bin share/x; echo a > bin/made; ln -s hello bin/hi; echo b > share/x/y";`,
      ),
    );
    expect(commands.text('bin')).toBe('-> usr/bin');
    expect(commands.text('usr/bin/made')).toBe('a\n');
    expect(commands.text('usr/bin/hi')).toBe('-> hello');
    expect(commands.text('usr/bin/hello')).toBe('#!/bin/sh\n');
    expect(commands.text('usr/share/x/y')).toBe('b\n');
    const owned = await built(
      imageOf('copyToRoot = [ pkgs.hello (pkgs.writeTextDir "data/f" "f") ]; uid = 1001; gid = 1002;'),
    );
    expect(owned.entries.get('data/f')).toMatchObject({ uid: 1001, gid: 1002 });
    expect(owned.entries.get('usr/bin/hello')).toMatchObject({ uid: 0, gid: 0 });
  });

  it('take users from fakeNss, with more where a recipe adds some', async () => {
    const { text } = await built(
      imageOf(
        'copyToRoot = pkgs.dockerTools.fakeNss.override { extraPasswdLines = [ "web:x:33:33::/:/bin/sh" ]; };',
      ),
    );
    expect(text(text('etc/passwd')!.slice('-> /'.length))).toBe(
      'root:x:0:0:root user:/var/empty:/bin/sh\nweb:x:33:33::/:/bin/sh\nnobody:x:65534:65534:nobody:/var/empty:/bin/sh\n',
    );
  });

  it('are pulled by digest, and by nothing else', async () => {
    const registry = await startRegistry();
    try {
      await inProject(
        imageOf('tag = "pushed"; copyToRoot = pkgs.writeTextDir "of" "registry";'),
        async (project) => {
          expect((await project.build()).exitCode).toBe(0);
          const name = `${registry.address}/team/base`;
          const pushed = await project.trimaran(['push', 'result', `${name}:1`, '--json']);
          expect(pushed.exitCode, pushed.stderr).toBe(0);
          const digest = /sha256:[0-9a-f]{64}/.exec(pushed.stdout)![0];
          const pull = (of: string) =>
            imageOf(
              `fromImage = pkgs.dockerTools.pullImage { imageName = "${name}"; imageDigest = "${of}"; hash = ""; finalImageTag = "1"; }; config.Cmd = [ "x" ];`,
            );
          project.write('flake.nix', pull(digest));
          const result = await project.build();
          expect(result.exitCode, result.stderr).toBe(0);
          expect((await readResult(project)).text('of')).toBe('registry');
          project.write('flake.nix', pull(`sha256:${'1'.repeat(64)}`));
          const failed = await project.build();
          expect(failed.exitCode, failed.stderr).toBe(4);
          expect(failed.stderr).toMatch(/\[oci\/[a-z-]+\][\s\S]*next: \S/);
        },
      );
    } finally {
      await registry.close();
    }
  });
});
