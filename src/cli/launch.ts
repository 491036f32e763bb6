// Runs a bundle of dist/ with the byte code that V8 kept of it in an earlier run. A short command spends more time on
// compiling what it runs than on running it. What is kept is V8's code cache, see docs/decisions/kept-byte-code.md; it
// refuses one that another version or other flags made. Loads as little as it can itself.
import {
  closeSync,
  fdatasyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { isBuiltin } from 'node:module';
import { join } from 'node:path';
import { getHeapCodeStatistics, setFlagsFromString } from 'node:v8';
import { Script } from 'node:vm';
import { trimaranRoot, usableRoot } from '../index.ts';

/** Name of the bundle beside this file and the hash of its text, set by the build. */
declare const bundle: { readonly name: string; readonly hash: string };

/**
 * Bytes of byte code that a run makes when it finds all of its own kept: Node's libraries, mostly. Measured 80 to 160
 * kB; one more part of the program is at least as much again.
 */
const ordinaryGrowth = 256 * 1024;
/** Files kept: some ten commands and workers, each of a few builds. Each is about a megabyte. */
const mostFiles = 48;

// Otherwise a long run, which is often the first one of a command, would have forgotten the code of its start by its end: what
// it keeps would not have what short runs need.
setFlagsFromString('--no-flush-bytecode');
// Most code runs too rarely to be worth optimising before a command is over. Flags are part of what a kept file is
// valid for, so they are set before anything else, and nowhere else. From V8 12 on, calls are counted instead.
// The other two are for workers, whose heaps are made later: evaluators keep most of what they make, so collecting garbage
// early finds none.
if (Number.parseInt(process.versions.v8, 10) < 12) {
  setFlagsFromString('--interrupt-budget=1000000');
  setFlagsFromString('--initial-old-space-size=256');
  setFlagsFromString('--min-semi-space-size=16');
}

const file = join(__dirname, `${bundle.name}.bundle.cjs`);
const folder = join(trimaranRoot(process), 'code');
const used = part();
const kept = join(folder, `${bundle.hash}-${used ?? 'none'}`);
const code = readKept();
// The text is ASCII, which is one byte a character in V8 as well.
const script = new Script(readFileSync(file, 'latin1'), { filename: file, cachedData: code });
const loadedSize = getHeapCodeStatistics().bytecode_and_metadata_size;
if (used !== undefined) process.once('exit', keep);
const module = { exports: {} };
script.runInThisContext().call(module.exports, module.exports, requireLate, module, file, __dirname);

/**
 * `require` for the bundle, which imports Node's libraries at its start and uses few of them in a run: those that Node has
 * not loaded itself by now come when something of them is first used.
 */
function requireLate(name: string): unknown {
  if (!isBuiltin(name) || /^(?:node:)?(?:fs|path|os|url|util|process|events|buffer)$/.test(name))
    return require(name);
  let library: object | undefined;
  const load = (): object => {
    library ??= require(name) as object;
    return library;
  };
  return new Proxy(
    {},
    {
      get: (_, key) => Reflect.get(load(), key),
      set: (_, key, value) => Reflect.set(load(), key, value),
      has: (_, key) => Reflect.has(load(), key),
      ownKeys: () => Reflect.ownKeys(load()),
      getOwnPropertyDescriptor: (_, key) => {
        const found = Reflect.getOwnPropertyDescriptor(load(), key);
        return found && { ...found, configurable: true };
      },
    },
  );
}

/** What of the bundle is used: commands use different parts. Undefined where no command is named. */
function part(): string | undefined {
  if (bundle.name !== 'trimaran') return bundle.name;
  const [first = '', second = ''] = process.argv.slice(2);
  const words = first === 'nix' || first === 'guix' ? [first, second] : [first];
  return words.every((word) => /^[a-z][a-z-]{1,20}$/.test(word)) ? words.join('-') : undefined;
}

/** The byte code of earlier runs, if it is this user's own: it is run as it is. */
function readKept(): Buffer | undefined {
  try {
    const { uid, mode } = statSync(kept);
    return uid === process.geteuid?.() && (mode & 0o022) === 0 ? readFileSync(kept) : undefined;
  } catch {
    return undefined;
  }
}

/** Keeps the byte code of all that has run, when much of it was not kept. Without a place to write it is made again. */
function keep(): void {
  const growth = getHeapCodeStatistics().bytecode_and_metadata_size - loadedSize;
  const accepted = code !== undefined && script.cachedDataRejected !== true;
  if (accepted && growth < ordinaryGrowth) return;
  const data = script.createCachedData();
  // A long run forgets byte code that it has not used for a while.
  if (accepted && data.length < code.length * 1.05) return;
  const temporary = `${kept}.tmp-${process.pid}-${process.hrtime.bigint()}`;
  try {
    usableRoot(process);
    mkdirSync(folder, { recursive: true });
    makeRoom();
    // V8 does not check the content, so it is on the disk before it has its name.
    const out = openSync(temporary, 'wx', 0o600);
    writeFileSync(out, data);
    fdatasyncSync(out);
    closeSync(out);
    renameSync(temporary, kept);
  } catch {
    discard(temporary);
  }
}

function discard(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // It was never there, or another process was sooner.
  }
}

/** Removes the files that were written longest ago, where there are many. */
function makeRoom(): void {
  const files = readdirSync(folder).map((name) => join(folder, name));
  if (files.length < mostFiles) return;
  const age = (path: string) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  for (const path of files.sort((a, b) => age(a) - age(b)).slice(0, files.length - mostFiles / 2)) {
    discard(path);
  }
}
