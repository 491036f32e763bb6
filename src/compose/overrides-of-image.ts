// The facts that the checks of compose's overrides ask for, read from a built image. What was asked of an image before is
// kept, so that a build with nothing changed does not read all of its layers again.
import { join, posix } from 'node:path';
import { fromByteString } from '../foundation/byte-string.ts';
import type { TreeEntry } from '../foundation/file-tree.ts';
import { digestHex } from '../oci/descriptor.ts';
import type { Image } from '../oci/image.ts';
import { mergeImage } from '../oci/layer-merge.ts';
import { keepRecording, loadRecording } from '../sets/recording-file.ts';
import { readContent } from '../store/disk-tree.ts';
import { checkOverrides, type ImageFacts, type OverrideFinding } from './check-overrides.ts';
import type { Service } from './service.ts';

/** More links than this on the way to a file are a loop. */
const mostLinks = 40;

/** What is kept of an image: the answers to what was asked. */
interface KnownFacts {
  readonly users: readonly string[] | null;
  readonly kinds: Record<string, ReturnType<ImageFacts['kindOf']> | null>;
  readonly empty: Record<string, boolean>;
}

/** Raised whenever an answer changes for the same image. */
const factsFormat = 1;

/**
 * What compose lays over a service's image, checked against the image. Reads its layers, unless `knownDirectory` has all
 * answers of an earlier run. Rejects with `oci/…`.
 */
export async function checkServiceImage(
  service: Service,
  image: Image,
  knownDirectory: string,
): Promise<OverrideFinding[]> {
  const file = join(knownDirectory, `${digestHex(image.configDigest)}-facts-${factsFormat}.json`);
  const known = loadRecording<KnownFacts>(file);
  if (known !== undefined) {
    const { users, kinds, empty } = known;
    let isMissing = false;
    const answer = <Value>(answers: Record<string, Value>, path: string): Value | undefined => {
      isMissing ||= !Object.hasOwn(answers, path);
      return answers[path];
    };
    const findings = checkOverrides(service, {
      ...factsOfConfig(image),
      ...(users === null ? {} : { users }),
      kindOf: (path) => answer(kinds, path) ?? undefined,
      isEmpty: (path) => answer(empty, path) ?? true,
    });
    if (!isMissing) return findings;
  }
  const facts = await factsOfImage(image);
  const kinds: KnownFacts['kinds'] = { ...known?.kinds };
  const empty: KnownFacts['empty'] = { ...known?.empty };
  const findings = checkOverrides(service, {
    ...facts,
    kindOf: (path) => {
      const kind = facts.kindOf(path);
      kinds[path] = kind ?? null;
      return kind;
    },
    isEmpty: (path) => {
      empty[path] = facts.isEmpty(path);
      return empty[path];
    },
  });
  keepRecording(file, { users: facts.users ?? null, kinds, empty } satisfies KnownFacts);
  return findings;
}

function factsOfConfig({ config: { config = {} } }: Image): Omit<ImageFacts, 'kindOf' | 'isEmpty' | 'users'> {
  return {
    ...(config.WorkingDir === undefined ? {} : { workingDir: config.WorkingDir }),
    ...(config.Entrypoint == null ? {} : { entrypoint: config.Entrypoint }),
    ...(config.Cmd == null ? {} : { cmd: config.Cmd }),
    ...(config.Env === undefined ? {} : { env: config.Env }),
    exposedPorts: Object.keys(config.ExposedPorts ?? {}),
  };
}

async function factsOfImage(image: Image): Promise<ImageFacts & Required<Pick<ImageFacts, 'isEmpty'>>> {
  const { tree } = await mergeImage(image);
  const entries = new Map<string, TreeEntry>();
  const parents = new Set<string>(['']);
  for (const entry of tree) {
    const path = fromByteString(entry.path);
    entries.set(path, entry);
    parents.add(path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : '');
  }
  const find = (path: string) => resolveLinks(entries, path);
  const passwd = find('/etc/passwd');
  return {
    ...factsOfConfig(image),
    ...(passwd?.entry?.kind === 'file'
      ? {
          users: readContent(passwd.entry.content)
            .toString('utf8')
            .split('\n')
            .map((line) => line.split(':')[0]!),
        }
      : {}),
    kindOf: (path) => {
      const found = find(path);
      if (found === undefined) return undefined;
      if (found.entry === undefined || found.entry.kind === 'directory') return 'directory';
      return found.entry.kind === 'file' || found.entry.kind === 'hardlink' ? 'file' : 'other';
    },
    isEmpty: (path) => {
      const found = find(path);
      return found === undefined || !parents.has(found.path);
    },
  };
}

/** The entry at an absolute path, links followed; `entry` is undefined for the root. Undefined when there is none. */
function resolveLinks(
  entries: ReadonlyMap<string, TreeEntry>,
  path: string,
): { readonly path: string; readonly entry: TreeEntry | undefined } | undefined {
  let rest = posix
    .normalize(path)
    .split('/')
    .filter((name) => name !== '' && name !== '.');
  let at = '';
  for (let links = 0; rest.length > 0; ) {
    const [name, ...more] = rest as [string, ...string[]];
    rest = more;
    if (name === '..') {
      at = at.includes('/') ? at.slice(0, at.lastIndexOf('/')) : '';
      continue;
    }
    const next = at === '' ? name : `${at}/${name}`;
    const entry = entries.get(next);
    if (entry === undefined) return undefined;
    if (entry.kind !== 'symlink') {
      at = next;
      continue;
    }
    if (++links > mostLinks) return undefined;
    const target = fromByteString(entry.target);
    if (target.startsWith('/')) at = '';
    rest = [...target.split('/').filter((part) => part !== '' && part !== '.'), ...rest];
  }
  return { path: at, entry: entries.get(at) };
}
