// Image references as Docker reads them (distribution's reference grammar): registry, repository, tag, digest.

export interface ImageReference {
  /** `docker.io` when none is written. */
  readonly registry: string;
  /** With `library/` for Docker Hub's own images. */
  readonly repository: string;
  readonly tag?: string;
  /** `sha256:…` */
  readonly digest?: string;
}

const component = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*';
const host =
  '(?:\\[[0-9a-fA-F:]+\\]|[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*)(?::[0-9]+)?';
const pattern = new RegExp(
  `^(?:(${host})/)?(${component}(?:/${component})*)(?::([A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?(?:@([a-z0-9]+(?:[.+_-][a-z0-9]+)*:[0-9a-fA-F]{32,}))?$`,
);

/**
 * Reads a reference, or undefined when it is none.
 *
 * @example
 * parseImageReference('python:3.11'); // { registry: 'docker.io', repository: 'library/python', tag: '3.11' }
 */
export function parseImageReference(text: string): ImageReference | undefined {
  if (text.length > 1024) return undefined;
  const slash = text.indexOf('/');
  const first = slash < 0 ? '' : text.slice(0, slash);
  // A first component is a host only when it cannot be a folder of Docker Hub.
  const hasHost = first === 'localhost' || /[.:[]/.test(first) || first !== first.toLowerCase();
  const match = pattern.exec(hasHost ? text : `docker.io/${text}`);
  if (match === null) return undefined;
  const [, registry, path, tag, digest] = match;
  const official = registry === 'docker.io' && !path!.includes('/');
  return {
    registry: registry === 'index.docker.io' ? 'docker.io' : registry!,
    repository: official ? `library/${path}` : path!,
    ...(tag === undefined ? {} : { tag }),
    ...(digest === undefined ? {} : { digest }),
  };
}
