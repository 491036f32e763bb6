// What has moved since a lock was written: each entry is asked for again, where it comes from, and set against what the
// lock has; branches behind flake.lock's and channels.scm's commits too. Each question ends within a set time, and what
// could not be asked is told with its reason. Nothing is written down.
import { readFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { findChannels } from '../../compose/guix-sources.ts';
import { readSchemeForms } from '../../compose/scheme-forms.ts';
import { compareBytes } from '../../foundation/byte-string.ts';
import { mapConcurrently } from '../../foundation/concurrency.ts';
import { redactCredentials } from '../../foundation/credentials.ts';
import { redactUrl } from '../../foundation/download.ts';
import { isTrimaranError } from '../../foundation/error.ts';
import type { Host } from '../../foundation/host.ts';
import { parsePythonRequirement } from '../../languages/dockerfile/python-version.ts';
import { openRegistries } from '../../oci/registry-settings.ts';
import { pythonOfText } from '../../routes/dockerfile/debian-suite.ts';
import {
  type Found,
  findCommit,
  findImageDigest,
  findUrlDigest,
  notFound,
} from '../../routes/dockerfile/lock-entry.ts';
import { lockPython } from '../../routes/dockerfile/lock-python.ts';
import { openRelease } from '../../sets/debian/prepared-release.ts';
import {
  emptyLockFile,
  type LockedRequirement,
  type LockedSuite,
  type LockFile,
} from '../../sets/lock-file.ts';

/** One locked input, then and now. */
export interface LockedState {
  readonly kind: 'image' | 'url' | 'git' | 'debian' | 'pip' | 'flake' | 'channel';
  /** As its lock calls it, without credentials: `python:3.11`, `https://example.org/app v1`. */
  readonly name: string;
  /** The file that locks it. */
  readonly where: string;
  readonly locked: string;
  /** What it is now; absent when that could not be learnt. */
  readonly now?: string;
  readonly moved: boolean;
  /** The command that takes what is there now. */
  readonly update: string;
  /** Why it could not be asked for. */
  readonly failure?: { readonly code: string; readonly reason: string };
}

export interface OnlineReport {
  /** By file and name. */
  readonly states: readonly LockedState[];
  readonly moved: number;
  readonly unreachable: number;
}

export interface OnlineOptions {
  readonly host: Host;
  /** Trimaran's cache. */
  readonly cacheDirectory: string;
  /** Folder that the lock's recipes are named from. */
  readonly directory: string;
  /** None where there is none. */
  readonly lock: LockFile | undefined;
  /** What else was audited, absolute or from `directory`: flake.lock and channels.scm count. */
  readonly files: readonly string[];
}

/** Questions under way at once. */
const lanes = 6;
/** Milliseconds until an answer begins, and for all that is said to one question: of few bytes, or a download. */
const patience = { answer: 15_000, question: 60_000, download: 180_000 };

/** One question: what the lock has, and how to learn what is there now. */
interface Question extends Pick<LockedState, 'kind' | 'name' | 'where' | 'locked' | 'update'> {
  readonly ask: () => Promise<Found<string>>;
}

/** Asks for everything that is locked. Throws nothing for what is out of reach. */
export async function findMoved(options: OnlineOptions): Promise<OnlineReport> {
  const questions = [
    ...lockQuestions(options),
    ...options.files.flatMap((file) => fileQuestions(options, file)),
  ];
  const task = options.host.progress.start({
    label: 'asking what has moved',
    total: questions.length,
    unit: 'items',
  });
  try {
    const asked = await mapConcurrently(questions, lanes, async (question) => {
      const state = stateOf(question, await question.ask());
      task.advance(1);
      return [state];
    });
    const states = [...asked.flat(), ...(await pythonStates(options))];
    states.sort(
      (a, b) =>
        compareBytes(a.where, b.where) || compareBytes(a.kind, b.kind) || compareBytes(a.name, b.name),
    );
    return {
      states,
      moved: states.filter(({ moved }) => moved).length,
      unreachable: states.filter(({ failure }) => failure !== undefined).length,
    };
  } finally {
    task.done();
  }
}

function stateOf({ ask: _, ...question }: Question, found: Found<string>): LockedState {
  const name = redactCredentials(question.name);
  if (found.found === undefined) {
    const { code, reason } = found;
    return { ...question, name, moved: false, failure: { code, reason: redactCredentials(reason) } };
  }
  return { ...question, name, now: found.found, moved: found.found !== question.locked };
}

/** The caller's `fetch`, given up when no answer begins, and after `total` milliseconds from now whatever happens. */
function impatient(host: Host, total: number): Host {
  const end = AbortSignal.timeout(total);
  return {
    ...host,
    read: undefined,
    fetch: async (input, init) => {
      const silence = new AbortController();
      const timer = setTimeout(
        () => silence.abort(new DOMException('no answer', 'TimeoutError')),
        patience.answer,
      );
      try {
        const signals = [end, silence.signal, ...(init?.signal == null ? [] : [init.signal])];
        return await host.fetch(input, { ...init, signal: AbortSignal.any(signals) });
      } finally {
        clearTimeout(timer);
      }
    },
  };
}

function lockQuestions(options: OnlineOptions): Question[] {
  const { lock = emptyLockFile, cacheDirectory } = options;
  const where = 'trimaran.lock';
  const { host } = options;
  // Tokens are shared, and so is the time for all of them.
  const registryHost = impatient(host, patience.download);
  const session = openRegistries({ host: registryHost, attempts: 2, longestWait: 5000 });
  const updateOf = (name: string) => `trimaran lock --update ${redactCredentials(name)}`;
  const images = [...lock.images].map(
    ([name, { digest }]): Question => ({
      kind: 'image',
      name,
      where,
      locked: digest,
      update: updateOf(name),
      ask: async () => {
        const found = await findImageDigest({ host: registryHost, session }, name);
        return found.found === undefined ? found : { found: found.found.digest };
      },
    }),
  );
  const urls = [...lock.urls].map(
    ([name, sha256]): Question => ({
      kind: 'url',
      name,
      where,
      locked: `sha256:${sha256}`,
      update: updateOf(name),
      ask: async () => {
        const patient = impatient(host, patience.download);
        const found = await findUrlDigest({ host: patient, cacheDirectory }, name);
        return found.found === undefined ? found : { found: `sha256:${found.found}` };
      },
    }),
  );
  const refs = [...lock.git].flatMap(([url, commits]) =>
    [...commits].map(
      ([ref, locked]): Question => ({
        kind: 'git',
        name: `${url} ${ref}`,
        where,
        locked,
        update: updateOf(url),
        ask: () => findCommit(host, { url, ref }),
      }),
    ),
  );
  const suites = [...lock.debian].map(
    ([suite, locked]): Question => ({
      kind: 'debian',
      name: suite,
      where,
      locked: releaseName(locked.timestamp, locked.releaseSha256),
      update: updateOf(suite),
      ask: () => askRelease(options, { suite, ...locked }),
    }),
  );
  return [...images, ...urls, ...refs, ...suites];
}

function releaseName(timestamp: string, sha256: string): string {
  return `${timestamp} sha256:${sha256}`;
}

async function askRelease(
  options: OnlineOptions,
  { suite, mirror, architectures }: { readonly suite: string } & Partial<LockedSuite>,
): Promise<Found<string>> {
  const host = impatient(options.host, patience.question);
  // What the caller names comes before the lock's own.
  const env = mirror === undefined ? host.env : { TRIMARAN_DEBIAN_MIRROR: mirror, ...host.env };
  const architecture = [...(architectures?.keys() ?? [])][0] ?? 'amd64';
  const source = { host: { ...host, env }, cacheDirectory: options.cacheDirectory, lock: undefined };
  try {
    const { release } = await openRelease(source, { suite }, architecture);
    return { found: releaseName(release.timestamp, release.sha256) };
  } catch (error) {
    return notFound(error);
  }
}

/** Requirements of each recipe, locked anew as if there were no lock. */
async function pythonStates({
  host,
  cacheDirectory,
  directory,
  lock = emptyLockFile,
}: OnlineOptions): Promise<LockedState[]> {
  const states: LockedState[] = [];
  for (const [recipe, requirements] of lock.pip) {
    const python = pythonOf(join(directory, recipe), recipe);
    // What others depend on is kept as `name==version`, and no more fixed than what depends on it.
    const isFixed = (requirement: string) => /^[a-z0-9-]+==/.test(requirement);
    const ask = (wanted: readonly string[]) =>
      lockPython({
        host: impatient(host, patience.download),
        cacheDirectory,
        requirements: wanted,
        python,
        architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
        preferred: new Map(),
      });
    const open = await ask([...requirements.keys()].filter((requirement) => !isFixed(requirement)));
    const byName = new Map(open.indirect);
    for (const [requirement, locked] of open.direct) byName.set(nameOf(requirement), locked);
    const rest = [...requirements.keys()].filter(
      (requirement) => isFixed(requirement) && !byName.has(nameOf(requirement)),
    );
    const fixed = await ask(rest);
    for (const [requirement, locked] of fixed.direct) byName.set(nameOf(requirement), locked);
    const missed = new Map(
      [...open.missed, ...fixed.missed].map((miss) => [miss.requirement, miss] as const),
    );
    for (const [requirement, locked] of requirements) {
      const now = byName.get(nameOf(requirement));
      const miss = missed.get(requirement) ?? missed.get(nameOf(requirement));
      const state = {
        kind: 'pip',
        name: `${recipe} ${requirement}`,
        where: 'trimaran.lock',
        locked: locked.version,
        update: `trimaran lock --update ${nameOf(requirement)}`,
      } as const;
      if (now !== undefined) states.push({ ...state, ...compareRequirement(locked, now) });
      else {
        const { code, reason } = miss ?? { code: 'lock/no-version', reason: 'nothing asks for it any more' };
        states.push({ ...state, moved: false, failure: { code, reason } });
      }
    }
  }
  return states;
}

function nameOf(requirement: string): string {
  return parsePythonRequirement(requirement)?.name ?? requirement;
}

/** Further files of a version do no harm; other files under the same version do. */
function compareRequirement(
  locked: LockedRequirement,
  now: LockedRequirement,
): { now: string; moved: boolean } {
  if (locked.version !== now.version) return { now: now.version, moved: true };
  const gone = locked.hashes.filter((hash) => !now.hashes.includes(hash)).length;
  const files = gone === 1 ? 'a file of it' : `${gone} files of it`;
  return gone === 0
    ? { now: now.version, moved: false }
    : { now: `${now.version}, without ${files}`, moved: true };
}

function pythonOf(file: string, recipe: string): string | undefined {
  const text = readIfThere(file);
  if (text === undefined) return undefined;
  try {
    return pythonOfText(text, recipe);
  } catch (error) {
    if (isTrimaranError(error)) return undefined;
    throw error;
  }
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

function fileQuestions(options: OnlineOptions, file: string): Question[] {
  const name = basename(file);
  if (name !== 'flake.lock' && name !== 'channels.scm') return [];
  const text = readIfThere(resolve(options.directory, file));
  if (text === undefined) return [];
  return name === 'flake.lock'
    ? flakeQuestions(options, { file, text })
    : channelQuestions(options, { file, text });
}

interface FlakeNode {
  readonly locked?: Readonly<Record<string, unknown>>;
  readonly original?: Readonly<Record<string, unknown>>;
}

const forges: Readonly<Record<string, string>> = {
  github: 'github.com',
  gitlab: 'gitlab.com',
  sourcehut: 'git.sr.ht',
};

/** Inputs that name a branch, or none: what the branch is at now. */
function flakeQuestions(
  options: OnlineOptions,
  { file, text }: { readonly file: string; readonly text: string },
): Question[] {
  let nodes: Readonly<Record<string, FlakeNode>>;
  try {
    nodes = (JSON.parse(text) as { nodes?: Readonly<Record<string, FlakeNode>> }).nodes ?? {};
  } catch {
    // The audit itself has told that it is none.
    return [];
  }
  const { host } = options;
  return Object.entries(nodes).flatMap(([node, { locked = {}, original = {} }]): Question[] => {
    const shared = {
      kind: 'flake',
      where: basename(file),
      update: `trimaran nix flake update ${node}`,
    } as const;
    const { rev, type } = locked;
    if (type === 'debian' && typeof locked.suite === 'string' && original.timestamp === undefined) {
      const suite = locked.suite;
      const release = releaseName(String(locked.timestamp), String(locked.release));
      return [
        {
          ...shared,
          name: `${node}: debian:${suite}`,
          locked: release,
          ask: () => askRelease(options, { suite }),
        },
      ];
    }
    if (typeof rev !== 'string' || original.rev !== undefined) return [];
    const url = gitUrlOf(locked);
    if (url === undefined) return [];
    const ref =
      typeof original.ref === 'string' ? original.ref.replace(/^refs\/(?:heads|tags)\//, '') : 'HEAD';
    const name = `${node}: ${redactUrl(url)} ${ref}`;
    return [{ ...shared, name, locked: rev, ask: () => findCommit(host, { url, ref }) }];
  });
}

function gitUrlOf({ type, owner, repo, host, url }: Readonly<Record<string, unknown>>): string | undefined {
  if (type === 'git' && typeof url === 'string') return url;
  const forge = forges[String(type)];
  if (forge === undefined || typeof owner !== 'string' || typeof repo !== 'string') return undefined;
  return `https://${typeof host === 'string' ? host : forge}/${owner}/${repo}`;
}

/** Channels with a commit: what their branch is at now. */
function channelQuestions(
  options: OnlineOptions,
  { file, text }: { readonly file: string; readonly text: string },
): Question[] {
  const { host } = options;
  return findChannels(readSchemeForms(text, file)).flatMap(({ url, branch: ref, commit }): Question[] => {
    if (url === undefined || commit?.kind !== 'string' || !/^[0-9a-f]{40}$/.test(commit.text)) return [];
    return [
      {
        kind: 'channel',
        name: `${redactUrl(url)} ${ref}`,
        where: basename(file),
        locked: commit.text,
        update: `write the new commit into ${basename(file)}`,
        ask: () => findCommit(host, { url, ref }),
      },
    ];
  });
}
