// The facts that the checks of compose's overrides ask for, read from a built image. What was asked of an image before is
// kept, so that a build with nothing changed does not look into its layers again.
import { join, posix } from 'node:path';
import { fromByteString, toByteString } from '../foundation/byte-string.ts';
import { digestHex } from '../oci/descriptor.ts';
import type { Image } from '../oci/image.ts';
import { lookInto, type MergedEntry } from '../oci/layer-merge.ts';
import { readKnownLayer } from '../sets/known-layer.ts';
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
  const facts = await factsOfImage(image, knownDirectory);
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

async function factsOfImage(
  image: Image,
  knownDirectory: string,
): Promise<ImageFacts & Required<Pick<ImageFacts, 'isEmpty'>>> {
  const layers = await Promise.all(image.layers.map((layer) => readKnownLayer(layer, knownDirectory)));
  const lookUp = lookInto(layers);
  const find = (path: string) => resolveLinks((at) => lookUp(toByteString(at)), path);
  const passwd = find('/etc/passwd')?.entry;
  return {
    ...factsOfConfig(image),
    ...(passwd?.kind === 'file'
      ? {
          users: readContent(passwd.content)
            .toString('utf8')
            .split('\n')
            .map((line) => line.split(':')[0]!),
        }
      : {}),
    kindOf: (path) => {
      const found = find(path);
      if (found === undefined) return undefined;
      if (found.entry.kind === 'directory') return 'directory';
      return found.entry.kind === 'file' || found.entry.kind === 'hardlink' ? 'file' : 'other';
    },
    isEmpty: (path) => {
      const found = find(path);
      return found?.children === undefined || found.children.size === 0;
    },
  };
}

/** What is at an absolute path, links followed; undefined when there is nothing. */
function resolveLinks(
  lookUp: (path: string) => MergedEntry | undefined,
  path: string,
): MergedEntry | undefined {
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
    const entry = lookUp(next)?.entry;
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
  return lookUp(at);
}
