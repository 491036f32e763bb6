// Whatever changes in a flake's folder, a build gives what evaluating anew gives; and where only copied files change,
// nothing is evaluated.
import { chmodSync, existsSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { Host } from '../../foundation/host.ts';
import { lstatOnce } from '../../sets/source-state.ts';
import { buildNix, type NixBuildResult } from './build.ts';
import { recallRecording } from './build-memo.ts';
import { commitAll, git, temporaryFolder, testHost, writeFiles } from './flakes/test-world.ts';
import { replayBuild } from './replay.ts';
import { defaultNixSettings as settings } from './settings.ts';

/** A derivation that writes a text; `what` is the Nix expression of the text. */
const writes = (what: string, rest = '') => `{
  outputs = { self }: let
    file = name: text: derivation { inherit name text; system = "builtin"; builder = "builtin:write-file"; };
    ${rest}
  in { it = file "it" ${what}; };
}`;

interface World {
  readonly folder: string;
  readonly host: Host;
  /** As a user who has never built it before. */
  readonly stranger: () => Host;
}

function flake(files: Readonly<Record<string, string>>): World {
  const folder = writeFiles(temporaryFolder(), files);
  const hostOf = () => {
    const home = temporaryFolder();
    return { ...testHost(home, { XDG_CACHE_HOME: home }), cwd: folder };
  };
  return { folder, host: hostOf(), stranger: hostOf };
}

const request = (host: Host) => ({ host, installables: ['.#it'], settings });

async function build(host: Host): Promise<NixBuildResult> {
  const [result] = await buildNix(request(host));
  return result!;
}

function textOf(result: NixBuildResult): string {
  return readFileSync(result.outputs.get('out')!.physicalPath, 'utf8');
}

/** Whether the state that the folder is in now is one that an earlier evaluation answers for. */
async function isReplayed({ host }: World): Promise<boolean> {
  const kept = recallRecording({ host, installable: '.#it', settings });
  return (
    kept !== undefined &&
    (await replayBuild(request(host), '.#it', { kept, lstat: lstatOnce() })) !== undefined
  );
}

/** Builds after a change, checks the result against evaluating anew, and says whether it was replayed. */
async function buildsAlike(world: World): Promise<boolean> {
  const replayed = await isReplayed(world);
  const ours = await build(world.host);
  const theirs = await build(world.stranger());
  expect(ours.drvPath).toBe(theirs.drvPath);
  expect(textOf(ours)).toBe(textOf(theirs));
  return replayed;
}

const files = { 'data/a': '1', 'data/b': '2', other: 'x', 'lib.nix': '"lib"' };

it.each([
  ['a copied folder', '"${./data}"'],
  ['a copied file', '"${./data/a}"'],
  ['a path inside the source', '"${self}/data/a"'],
  ['a path inside the source, uncopied', '(builtins.unsafeDiscardStringContext (toString ./data/a))'],
  ['another derivation on the way', '"${file "inner" "${./data}"} and ${file "plain" "y"}"'],
  ['a file that is read as well', '(import ./lib.nix + "${./data}")'],
  ['names told apart by equality', '(if "${./data}" == "${./data/a}" then "same" else "${./data/b}")'],
  ['the whole as a copy of a copy', '"${./.}"'],
  ['what builtins.path names', '"${builtins.path { path = ./data; name = "renamed"; }}"'],
  ['a list of what is there', '"${./data}${builtins.toJSON (builtins.attrNames (builtins.readDir ./.))}"'],
])('%s is replayed when a file changes', async (_, expression) => {
  const world = flake({ ...files, 'flake.nix': writes(expression) });
  await build(world.host);
  writeFileSync(join(world.folder, 'data/a'), 'changed');
  expect(await buildsAlike(world)).toBe(true);
  chmodSync(join(world.folder, 'data/b'), 0o755);
  writeFileSync(join(world.folder, 'other'), 'y');
  expect(await buildsAlike(world)).toBe(true);
  writeFileSync(join(world.folder, 'data/new'), '3');
  symlinkSync('new', join(world.folder, 'data/link'));
  expect(await buildsAlike(world)).toBe(true);
});

it.each([
  ['reads the file', '(builtins.readFile ./data/a)'],
  ['cuts a path', '(builtins.substring 11 4 "${./data}")'],
  ['hashes a path', '(builtins.hashString "sha256" "${./data}")'],
  ['hashes a derivation', '(builtins.hashString "md5" "${file "inner" "${./data}"}")'],
  ['matches a path', '(toString (builtins.match ".*/(.).*" "${./data}"))'],
  ['replaces in a path', '(builtins.replaceStrings [ "a" ] [ "b" ] (toString ./.))'],
  ['orders paths', '(if "${./data}" < "${./other}" then "a" else "b")'],
  ['sorts paths', '(toString (builtins.sort builtins.lessThan [ "${./data}" "${./other}" ]))'],
  ['names an attribute', '(builtins.toJSON { ${builtins.unsafeDiscardStringContext "${./data}"} = 1; })'],
  [
    'groups by path',
    '(builtins.toJSON (builtins.groupBy (x: builtins.unsafeDiscardStringContext "${x}") [ ./data ]))',
  ],
  ['makes a text of it', '"${builtins.toFile "text" (toString ./data)}"'],
  ['asks what it depends on', '(builtins.toJSON (builtins.getContext "${./data}"))'],
  ['asks for the hash', 'self.narHash'],
  ['asks for the time', '(toString self.lastModified)'],
  ['asks for a commit', '(self.rev or self.dirtyRev or "none")'],
  ['walks over what the source says', '(toString (builtins.attrNames self.sourceInfo))'],
  ['filters', '"${builtins.filterSource (path: _: baseNameOf path != "b") ./data}"'],
  ['lists the folder that changes', '(toString (builtins.attrNames (builtins.readDir ./data)))'],
  ['says something', '(builtins.trace "hello" "${./data}")'],
  ['copies what a link leads to', '"${./link}"'],
  ['reads through a link', '(builtins.readFile ./link/a)'],
  ['reads what it copied', '(builtins.readFile "${./data}/a")'],
  ['hashes the file', '(builtins.hashFile "sha256" ./data/a)'],
  ['looks for a file', '(if builtins.pathExists ./data/c then "there" else "${./data}")'],
  ['looks for a file in a copy', '(if builtins.pathExists "${./data}/c" then "there" else "${./data}")'],
  ['builds a path of a path', '"${builtins.path { path = "${./data}" + "/a"; name = "n"; }}"'],
  ['names a text after a path', '"${builtins.toFile (baseNameOf ./.) "text"}"'],
])('an evaluation that %s is done again', async (_, expression) => {
  const world = flake({ ...files, 'flake.nix': writes(expression) });
  symlinkSync('data', join(world.folder, 'link'));
  await build(world.host);
  writeFileSync(join(world.folder, 'data/a'), 'changed');
  writeFileSync(join(world.folder, 'data/c'), 'new');
  expect(await buildsAlike(world)).toBe(false);
});

it('evaluates again when flake.nix, an imported file, or a lock changes', async () => {
  const world = flake({ ...files, 'flake.nix': writes('(import ./lib.nix + "${./data}")') });
  await build(world.host);
  writeFileSync(join(world.folder, 'lib.nix'), '"other"');
  expect(await buildsAlike(world)).toBe(false);
  writeFileSync(join(world.folder, 'data/a'), 'changed');
  expect(await buildsAlike(world)).toBe(true);
  writeFileSync(join(world.folder, 'flake.nix'), writes('(import ./lib.nix + "${./data}" + "!")'));
  expect(await buildsAlike(world)).toBe(false);
  rmSync(join(world.folder, 'lib.nix'));
  await expect(build(world.host)).rejects.toThrow(/lib\.nix/);
});

it('tells copies apart that were alike and are no longer, and the other way round', async () => {
  const world = flake({
    'a/x': '1',
    'b/x': '1',
    'flake.nix': writes(
      '"${builtins.path { path = ./a; name = "n"; }} ${builtins.path { path = ./b; name = "n"; }}"',
    ),
  });
  await build(world.host);
  writeFileSync(join(world.folder, 'a/x'), '2');
  expect(await buildsAlike(world)).toBe(false);
  writeFileSync(join(world.folder, 'a/x'), '3');
  expect(await buildsAlike(world)).toBe(true);
  writeFileSync(join(world.folder, 'a/x'), '1');
  expect(await buildsAlike(world)).toBe(false);
});

it('counts the tracked files of a repository, from the first change on', async () => {
  const world = flake({ ...files, 'flake.nix': writes('"${./data} ${self}"') });
  commitAll(world.folder);
  await build(world.host);
  writeFileSync(join(world.folder, 'untracked'), 'x');
  writeFileSync(join(world.folder, 'data/untracked'), 'x');
  writeFileSync(join(world.folder, 'data/a'), 'changed');
  expect(await buildsAlike(world)).toBe(true);
  git(world.folder, 'status');
  writeFileSync(join(world.folder, 'data/b'), 'changed');
  expect(await buildsAlike(world)).toBe(true);
  git(world.folder, 'add', 'data/untracked');
  expect(await buildsAlike(world)).toBe(true);
  rmSync(join(world.folder, 'other'));
  expect(await buildsAlike(world)).toBe(false);
  commitAll(world.folder);
  expect(await buildsAlike(world)).toBe(false);
});

it('evaluates a flake anew whose reference says more than where it lies', async () => {
  const world = flake({
    ...files,
    '.gitattributes': 'data/b export-ignore\n',
    'flake.nix': writes('"${./data}"'),
  });
  commitAll(world.folder);
  const installable = `git+file://${world.folder}?exportIgnore=1#it`;
  const buildIt = async (host: Host) =>
    (await buildNix({ ...request(host), installables: [installable] }))[0]!;
  await buildIt(world.host);
  writeFileSync(join(world.folder, 'data/a'), 'changed');
  expect((await buildIt(world.host)).drvPath).toBe((await buildIt(world.stranger())).drvPath);
});

it('builds a second working tree of a repository, and again when its commit changes', async () => {
  const first = flake({ ...files, 'flake.nix': writes('"${./data}"') });
  commitAll(first.folder);
  const folder = join(temporaryFolder(), 'second');
  git(first.folder, 'worktree', 'add', '--quiet', folder);
  const world = {
    ...first,
    folder,
    host: { ...first.host, cwd: folder },
    stranger: () => ({ ...first.stranger(), cwd: folder }),
  };
  await build(world.host);
  writeFileSync(join(folder, 'data/a'), 'changed');
  await buildsAlike(world);
  git(folder, 'commit', '--quiet', '--all', '--message', 'y');
  await buildsAlike(world);
});

it('builds anew what the store has lost', async () => {
  const world = flake({ ...files, 'flake.nix': writes('"${file "inner" "x"} ${./data}"') });
  await build(world.host);
  rmSync(join(world.host.env.XDG_CACHE_HOME!, 'trimaran/info'), { recursive: true });
  rmSync(join(world.host.env.XDG_CACHE_HOME!, 'trimaran/nix'), { recursive: true, force: true });
  writeFileSync(join(world.folder, 'data/a'), 'changed');
  const result = await build(world.host);
  expect(existsSync(result.outputs.get('out')!.physicalPath)).toBe(true);
  expect(await buildsAlike(world)).toBe(true);
});
