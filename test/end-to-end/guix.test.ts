// The Guix route as users meet it: the example's manifest packed, loaded into a real engine and run by docker-compose;
// and what it says of recipes that are wrong.

import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Deployment } from './deployment.ts';
import { hasEngine, hasPackages, run, sha256Of, Workspace } from './workspace.ts';

const pack = [
  ...['guix', 'time-machine', '-C', 'channels.scm', '--', 'pack', '-m', 'manifest.scm', '-f', 'docker'],
  ...['--image-tag=areas_api', '--entry-point=bin/uvicorn', '-A', 'areas.api:app'],
  ...['-A', '--host', '-A', '0.0.0.0', '-A', '--port', '-A', '80', '-S', '/areas=areas'],
];

describe.skipIf(!hasPackages)('the example, packed from its manifest', () => {
  let workspace: Workspace;
  let archive: string;

  beforeAll(async () => {
    workspace = new Workspace();
    const packed = await workspace.trimaran(pack);
    expect(packed.exitCode, packed.stderr).toBe(0);
    archive = packed.stdout.trim();
  }, 300_000);
  afterAll(() => workspace?.remove());

  const inspect = async (file: string) => {
    const { stdout, stderr, exitCode } = await workspace.trimaran(['inspect', '--json', file]);
    expect(exitCode, stderr).toBe(0);
    return JSON.parse(stdout) as { configDigest: string; layers: { diffId: string }[]; size: number };
  };

  it('is an image as Guix makes one', async () => {
    const manifest = spawnSync('tar', ['-xOf', archive, 'manifest.json']).stdout.toString();
    const [{ Config, RepoTags }] = JSON.parse(manifest) as [{ Config: string; RepoTags: string[] }];
    expect(RepoTags).toEqual(['areas_api:latest']);
    const config = JSON.parse(spawnSync('tar', ['-xOf', archive, Config]).stdout.toString()) as {
      created: string;
      config: { Entrypoint: string[]; Env: string[]; WorkingDir?: string };
    };
    expect(config.created).toBe('1970-01-01T00:00:01Z');
    const [program, ...words] = config.config.Entrypoint;
    expect(program).toMatch(/^\/gnu\/store\/[0-9a-z]{32}-profile\/bin\/uvicorn$/);
    expect(words).toEqual(['areas.api:app', '--host', '0.0.0.0', '--port', '80']);
    const profile = program!.slice(0, -'/bin/uvicorn'.length);
    expect(config.config.Env).toEqual([`PATH=${profile}/bin:${profile}/sbin`]);
    expect(config.config.WorkingDir).toBeUndefined();
  });

  it('is the same bytes in another folder, with another cache, clock, zone, locale and umask', async () => {
    const other = new Workspace();
    try {
      const script = `umask 077; exec ${process.execPath} --import "data:text/javascript,Date.now=()=>4102444800000" ${join(import.meta.dirname, '../../bin/trimaran')} "$@"`;
      const packed = await run('sh', ['-c', script, 'trimaran', ...pack], {
        cwd: other.example,
        env: { ...other.env, HOME: other.root, TZ: 'Pacific/Kiritimati', LC_ALL: 'tr_TR.UTF-8' },
      });
      expect(packed.exitCode, packed.stderr).toBe(0);
      expect(packed.stdout.trim()).not.toBe(archive);
      expect(sha256Of(packed.stdout.trim())).toBe(sha256Of(archive));
    } finally {
      other.remove();
    }
  }, 300_000);

  it('shares every layer of packages with the image of the flake', async () => {
    const built = await workspace.trimaran(['nix', 'build', '.#docker']);
    expect(built.exitCode, built.stderr).toBe(0);
    const nix = (await inspect(join(workspace.example, 'result'))).layers.map((layer) => layer.diffId);
    const guix = (await inspect(archive)).layers.map((layer) => layer.diffId);
    // What differs is the application and the links at the root.
    expect(guix.filter((layer) => !nix.includes(layer)).length).toBeLessThanOrEqual(2);
  }, 300_000);

  it('makes only the application’s layers anew when one of its files changes', async () => {
    const before = (await inspect(archive)).layers.map((layer) => layer.diffId);
    writeFileSync(join(workspace.example, 'server/areas/conf.py'), '# changed\n', { flag: 'a' });
    const packed = await workspace.trimaran(pack);
    expect(packed.exitCode, packed.stderr).toBe(0);
    const after = (await inspect(packed.stdout.trim())).layers.map((layer) => layer.diffId);
    expect(after).toHaveLength(before.length);
    expect(after.filter((layer) => !before.includes(layer)).length).toBeLessThanOrEqual(2);
    expect(after).not.toEqual(before);
  }, 120_000);

  it('describes its channel as a file that gives the same pack', async () => {
    const described = await workspace.trimaran([
      ...['guix', 'time-machine', '-C', 'channels.scm', '--', 'describe', '-f', 'channels'],
    ]);
    expect(described.stdout).toMatch(/\(url "debian:bookworm"\)[\s\S]*\(commit\s+"\d{8}T\d{6}Z"\)/);
    writeFileSync(join(workspace.example, 'pinned.scm'), described.stdout);
    const derivation = async (channels: string) => {
      const words = pack.map((word) => (word === 'channels.scm' ? channels : word));
      const printed = await workspace.trimaran([...words, '-d']);
      expect(printed.exitCode, printed.stderr).toBe(0);
      return printed.stdout;
    };
    expect(await derivation('pinned.scm')).toBe(await derivation('channels.scm'));
  }, 60_000);

  it.each([
    ['(list 1 2', 'scheme/read-error', 'this list is not closed'],
    ['(packages->manifest (list areas-servre))', 'scheme/unbound-variable', 'Unbound variable: areas-servre'],
    ['(specifications->manifest "python")', 'guix/bad-specification', 'takes a list of strings'],
    ['(specifications->manifest (list "python-uvicornn"))', 'guix/unknown-package', 'python-uvicorn'],
    ['(specifications->manifest (list "python-uvicorn@9"))', 'guix/unknown-version', '0.17.6'],
    ['(list 1 2)', 'guix/not-a-manifest', 'instead of a manifest'],
    ['(error "no luck:" 7)', 'scheme/error', 'no luck: 7'],
    ['(define-syntax m (syntax-rules () ((_ x) (m x)))) (m 1)', 'scheme/syntax-error', 'does not end'],
  ])('says what is wrong with the manifest %s', async (text, code, message) => {
    const file = join(workspace.example, 'wrong.scm');
    writeFileSync(file, `${text}\n`);
    const packed = await workspace.trimaran(['guix', 'pack', '-m', file, '-f', 'docker']);
    expect(packed.stderr).toContain(`[${code}]`);
    expect(packed.stderr).toContain(message);
    expect(packed.stderr).not.toMatch(/^\s+at .*\.js:\d+/m);
    expect(packed.exitCode).toBe(3);
  });

  it('says where a recipe was when it failed', async () => {
    const file = join(workspace.example, 'failing.scm');
    writeFileSync(
      file,
      '(define (first-name names)\n  (car names))\n(specifications->manifest (list (first-name 5)))\n',
    );
    // The second run takes expansions from the first.
    for (let i = 0; i < 2; i++) {
      const packed = await workspace.trimaran(['guix', 'pack', '-m', file, '-f', 'docker']);
      expect(packed.exitCode).toBe(3);
      expect(packed.stderr).toContain(
        'In procedure car: Wrong type argument in position 1 (expecting pair): 5 [scheme/wrong-type]',
      );
      expect(packed.stderr).toMatch(/at \S*failing\.scm:2:3\n\s*2 \| {3}\(car names\)\)/);
    }
  });

  it('fetches git origins, and says both hashes where they differ', async () => {
    const repository = join(workspace.root, 'repository');
    const script = `git init -q ${repository} && cd ${repository} && echo hi > file && git add . &&
      git -c user.name=a -c user.email=a@example.org commit -qm first && git tag v1`;
    expect(spawnSync('sh', ['-c', script]).status).toBe(0);
    const hashed = await workspace.trimaran(['guix', 'hash', '-rx', repository]);
    const hash = hashed.stdout.trim();
    const packageFile = (digest: string) => {
      const file = join(workspace.root, 'fetched.scm');
      writeFileSync(
        file,
        `(use-modules (guix packages) (guix git-download) (guix build-system copy) (guix licenses))
         (package (name "fetched") (version "1")
           (source (origin (method git-fetch)
                     (uri (git-reference (url "file://${repository}") (commit (string-append "v" version))))
                     (sha256 (base32 "${digest}"))))
           (build-system copy-build-system) (arguments '(#:install-plan '(("file" "share/"))))
           (synopsis "") (description "") (home-page "") (license agpl3))`,
      );
      return file;
    };
    const built = await workspace.trimaran(['guix', 'build', '--file', packageFile(hash)]);
    expect(built.exitCode, built.stderr).toBe(0);
    expect(readFileSync(join(built.stdout.trim(), 'share/file'), 'utf8')).toBe('hi\n');
    const other = `${hash.slice(0, -1)}${hash.endsWith('0') ? '1' : '0'}`;
    const differing = await workspace.trimaran(['guix', 'build', '--file', packageFile(other)]);
    expect(differing.exitCode).toBe(3);
    expect(differing.stderr).toContain('sha256 hash mismatch for /gnu/store/');
    expect(differing.stderr).toContain(`expected hash: ${other}`);
    expect(differing.stderr).toContain(`actual hash:   ${hash}`);
  }, 60_000);

  it.each([
    ['(call-with-output-file "/etc/trimaran" (lambda (port) (display 1 port)))', 'Permission denied'],
    ['(open-input-file "/etc/hostname")', 'No such file or directory'],
    ['(socket AF_INET SOCK_STREAM 0)', 'not supported: the procedure socket'],
    ['(system* "true")', 'not supported: the procedure system*'],
    ['(begin (mkdir #$output) (exit 3))', 'failed with exit code 3'],
    ['(begin (display "before") (newline) (error "no luck:" 7))', 'no luck: 7'],
  ])('lets a builder reach nothing but its inputs and outputs: %s', async (builder, message) => {
    const built = await workspace.trimaran(['guix', 'build', '-e', `(computed-file "x" #~${builder})`]);
    expect(built.exitCode).toBe(3);
    expect(built.stderr).toContain('[store/build-failed]');
    expect(built.stderr).toContain(message);
  });

  it('changes sources by patches, snippets and phases', async () => {
    const file = (name: string, text: string) => writeFileSync(join(workspace.example, name), text);
    file('words', 'one\ntwo\nthree\n');
    file('two.patch', '--- a/words\n+++ b/words\n@@ -1,3 +1,3 @@\n one\n-two\n+zwei\n three\n');
    const hash = (await workspace.trimaran(['guix', 'hash', 'words'])).stdout.trim();
    const recipe = (clauses: string, phases: string) => `
      (use-modules (guix packages) (guix gexp) (guix download) (guix build-system copy))
      (package (name "words") (version "1") (build-system copy-build-system)
        (source (origin (method url-fetch) (uri "file://${join(workspace.example, 'words')}")
                        (sha256 (base32 "${hash}")) ${clauses}))
        (arguments (list #:install-plan #~'(("words" "share/")) #:phases #~(modify-phases %standard-phases ${phases})))
        (synopsis #f) (description #f) (home-page #f) (license #f))`;
    const build = (clauses: string, phases: string) => {
      file('changed.scm', recipe(clauses, phases));
      return workspace.trimaran(['guix', 'build', '-f', 'changed.scm']);
    };
    const built = await build(
      `(patches (list (local-file "two.patch")))
       (modules '((guix build utils)))
       (snippet '(substitute* "words" (("three") "drei")))`,
      `(add-after 'unpack 'first (lambda* (#:key inputs #:allow-other-keys)
         (substitute* "words" (("one") (if (assoc-ref inputs "source") "eins" "none")))))
       (delete 'strip)
       (add-after 'install 'wrap (lambda* (#:key outputs #:allow-other-keys)
         (wrap-program (search-input-file outputs "share/words") '("LANG" = ("C")))))`,
    );
    expect(built.exitCode, built.stderr).toBe(0);
    const share = join(built.stdout.trim(), 'share');
    expect(readFileSync(join(share, '.words-real'), 'utf8')).toBe('eins\nzwei\ndrei\n');
    expect(readFileSync(join(share, 'words'), 'utf8')).toMatch(
      /^#!\/bin\/sh\nexport LANG="C"\nexec "\/gnu\/store\/[^"]*\/share\/.words-real" "\$@"\n$/,
    );
    for (const [clauses, phases, message] of [
      ['(patches (list (plain-file "x.patch" "none")))', '', 'x.patch: there is no patch in it'],
      [
        '(patches (list (local-file "two.patch"))) (patch-flags (list "-p0"))',
        '',
        'the source has no file a/words',
      ],
      ['(snippet \'(delete-file "nothing"))', '', 'No such file or directory'],
      ['', "(add-after 'compile 'x (const #t))", 'there is no such phase: compile'],
      ['', '(add-after \'unpack \'x (lambda _ (invoke "make")))', 'start no programs: "make"'],
    ] as const) {
      const refused = await build(clauses, phases);
      expect(refused.exitCode, message).toBe(3);
      expect(refused.stderr).toContain(message);
    }
  }, 60_000);

  it('takes install plans that are lists, quoted, and evaluated when the package is built', async () => {
    mkdirSync(join(workspace.example, 'planned/d'), { recursive: true });
    writeFileSync(join(workspace.example, 'planned/a.txt'), 'a');
    writeFileSync(join(workspace.example, 'planned/d/b.txt'), 'b');
    for (const [plan, files] of [
      [`'(("a.txt" "x/"))`, ['x/a.txt']],
      [`#~'(("d" "x/"))`, ['x/d/b.txt']],
      [`#~(list (list "d/" "x"))`, ['x/b.txt']],
      ['#~`(("." ,(string-append "x/" #$(package-name this-package)) #:include ("b.txt")))', ['x/p/d/b.txt']],
      ['#~(append (list (list "a.txt" "y")) (quote (("a.txt" "z"))))', ['y', 'z']],
    ] as const) {
      writeFileSync(
        join(workspace.example, 'plan.scm'),
        `(use-modules (guix packages) (guix gexp) (guix build-system copy))
         (package (name "p") (version "1") (build-system copy-build-system)
           (source (local-file "planned" #:recursive? #t)) (arguments (list #:install-plan ${plan}))
           (synopsis #f) (description #f) (home-page #f) (license #f))`,
      );
      const built = await workspace.trimaran(['guix', 'build', '-f', 'plan.scm']);
      expect(built.exitCode, built.stderr).toBe(0);
      const listed = spawnSync('find', ['.', '-type', 'f'], { cwd: built.stdout.trim() }).stdout.toString();
      expect(listed.trim().split('\n').sort(), plan).toEqual(files.map((file) => `./${file}`));
    }
  }, 60_000);

  it('gives builders and programs the modules that they import, and joins folders', async () => {
    mkdirSync(join(workspace.example, 'mods/my'), { recursive: true });
    writeFileSync(
      join(workspace.example, 'mods/my/greeting.scm'),
      '(define-module (my greeting) #:export (greeting))\n(define (greeting name) (string-append "hello " name))\n',
    );
    const build = (expression: string) =>
      workspace.trimaran(['guix', 'build', '-L', 'mods', '-e', expression]);
    const gexp = '#~(call-with-output-file #$output (lambda (port) (display (greeting "x") port)))';
    const made = await build(
      `(begin (use-modules (guix modules) (guix gexp)) (computed-file "x"
         (with-imported-modules (source-module-closure '((my greeting)))
           #~(begin (use-modules (my greeting)) #$${gexp}))))`,
    );
    expect(made.exitCode, made.stderr).toBe(0);
    expect(readFileSync(made.stdout.trim(), 'utf8')).toBe('hello x');
    const program = await build(
      `(program-file "x" (with-imported-modules '((my greeting) (guix build utils)) #~(display (greeting "x")))
         #:guile (plain-file "guile" "stands for it"))`,
    );
    expect(program.exitCode, program.stderr).toBe(0);
    expect(readFileSync(program.stdout.trim(), 'utf8')).toMatch(
      /^#!\/gnu\/store\/\S+\/bin\/guile --no-auto-compile\n!#\n\(eval-when .*-module-import" %load-path\)\)\)\n/,
    );
    const union = await build(
      `(directory-union "u" (list (file-union "a" \`(("d/x" ,(plain-file "x" "1")) ("e" ,(plain-file "e" "a"))))
                                  (file-union "b" \`(("d/y" ,(plain-file "y" "2")) ("e" ,(plain-file "e" "b")))))
                        #:copy? #t)`,
    );
    expect(union.exitCode, union.stderr).toBe(0);
    const read = (name: string) => readFileSync(join(union.stdout.trim(), name), 'utf8');
    expect([read('d/x'), read('d/y'), read('e')]).toEqual(['1', '2', 'a']);
    const text = await build('(mixed-text-file "t" "A=" #~(string-append "b" "c"))');
    expect(readFileSync(text.stdout.trim(), 'utf8')).toBe('A=bc');
    for (const [expression, message] of [
      [`(computed-file "x" (with-imported-modules '((no such)) #~1))`, 'nowhere on the load path'],
      [`(program-file "x" (with-imported-modules '((guix build union)) #~1))`, 'programs cannot import'],
    ] as const) {
      const refused = await build(expression);
      expect(refused.exitCode).toBe(3);
      expect(refused.stderr).toContain(message);
    }
  }, 60_000);

  it('refuses an entry point that the profile has not, with the nearest', async () => {
    const pack = (program: string) =>
      workspace.trimaran(['guix', 'pack', 'python', '-f', 'docker', `--entry-point=${program}`]);
    const packed = await pack('bin/pyhton3');
    expect(packed.exitCode).toBe(3);
    expect(packed.stderr).toContain('the profile has no `bin/pyhton3');
    expect(packed.stderr).toContain('did you mean bin/python3');
    expect((await pack('bin/python3')).exitCode).toBe(0);
  }, 60_000);

  it('refuses channels that are not of Debian, and says what to write', async () => {
    writeFileSync(
      join(workspace.example, 'guix.scm'),
      '(list (channel (name \'guix) (url "https://git.savannah.gnu.org/git/guix.git") (commit "287aec56")))',
    );
    const packed = await workspace.trimaran([
      ...['guix', 'time-machine', '-C', 'guix.scm', '--', 'pack', 'python', '-f', 'docker'],
    ]);
    expect(packed.exitCode).toBe(3);
    expect(packed.stderr).toContain("channel `guix' is at https://git.savannah.gnu.org/git/guix.git");
    expect(packed.stderr).toContain('(url "debian:bookworm")');
  });

  it.each(['squashfs', 'deb', 'rpm', 'appimage'])('refuses the pack format %s by name', async (format) => {
    const packed = await workspace.trimaran(['guix', 'pack', 'python', '-f', format]);
    expect(packed).toMatchObject({ exitCode: 2, stdout: '' });
    expect(packed.stderr).toContain(`the pack format \`${format}' is not supported`);
  });
});

describe.skipIf(!hasPackages || !hasEngine)('the example’s pack, run by docker-compose', () => {
  let deployment: Deployment;
  beforeAll(() => {
    deployment = new Deployment();
  });
  afterAll(() => deployment?.remove(), 60_000);

  it('answers /docs and /areas after `guix pack`, `docker load` and `docker-compose up`', async () => {
    const { workspace } = deployment;
    const packed = await workspace.trimaran(pack);
    expect(packed.exitCode, packed.stderr).toBe(0);
    deployment.load(packed.stdout.trim());
    const built = await workspace.trimaran(['nix', 'build', '.#db']);
    expect(built.exitCode, built.stderr).toBe(0);
    deployment.load(join(workspace.example, 'result'));
    await deployment.startAndAsk();
  }, 600_000);
});
