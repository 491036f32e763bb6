// What a lock has to find out for a Dockerfile: its open inputs by the kind of answer they need, and those that no
// answer can fix, with the reason. Needs no network; asking is the lock's.
import type { DockerfileInput } from './inputs.ts';

export interface LockRequests {
  /** References by tag; `platform` where the FROM says one. */
  readonly images: readonly { readonly reference: string; readonly platform?: string }[];
  readonly urls: readonly string[];
  /** `ref` is `HEAD` for the default branch. */
  readonly git: readonly { readonly url: string; readonly ref: string }[];
  /** Names of Debian packages, sorted, each once. */
  readonly apt: readonly string[];
  /** Requirements, and `-r FILE` for files of them. */
  readonly pip: readonly string[];
  readonly unpinned: readonly { readonly what: string; readonly where: string; readonly reason: string }[];
}

const noLock = 'its index keeps no states that could be asked for again';

const nondeterminismReasons = {
  time: 'it uses the time of the build',
  random: 'it uses chance',
  machine: 'it tells of the machine that builds',
};

/** Sorts the inputs of the Dockerfile `file` that it does not pin itself. */
export function lockRequests(inputs: readonly DockerfileInput[], file: string): LockRequests {
  const images = new Map<string, { reference: string; platform?: string }>();
  const urls = new Set<string>();
  const git = new Map<string, { url: string; ref: string }>();
  const apt = new Set<string>();
  const pip = new Set<string>();
  const unpinned: { what: string; where: string; reason: string }[] = [];
  for (const input of inputs) {
    if (input.pinned) continue;
    const cannot = (reason: string) => {
      unpinned.push({ what: input.subject, where: `${file}:${input.span.line}`, reason });
    };
    switch (input.kind) {
      case 'image': {
        const { reference, platform } = input;
        if (input.isInvalid === true) {
          cannot('it is no image reference');
          break;
        }
        images.set(`${reference} ${platform ?? ''}`, {
          reference,
          ...(platform === undefined ? {} : { platform }),
        });
        break;
      }
      case 'url':
        if (input.toShell) cannot('it is run as it comes, and never becomes a file that could be checked');
        else if (input.by === 'program')
          cannot('neither curl nor wget fetches it, so nothing could hold it to the lock');
        else if (input.url === undefined)
          cannot('its address has variables that are known only while building');
        else urls.add(input.url);
        break;
      case 'git': {
        const { url, ref = 'HEAD' } = input;
        if (url === undefined && !input.subject.includes('$')) cannot('its address is not in the Dockerfile');
        else if (url === undefined || ref.includes('$'))
          cannot('its address has variables that are known only while building');
        else git.set(`${url} ${ref}`, { url, ref });
        break;
      }
      case 'package':
        if (/…|\{\}/.test(input.requirement)) cannot('its name comes from another command');
        else if (input.requirement.includes('$'))
          cannot('its name has variables that are known only while building');
        else if (input.manager === 'apt') apt.add(input.name);
        else if (input.manager === 'pip') pip.add(input.requirement);
        else cannot(noLock);
        break;
      case 'requirements':
        pip.add(`-r ${input.file}`);
        break;
      case 'project-dependencies':
        cannot(
          input.manager === 'npm'
            ? 'the project’s own lock file is not used: `npm ci` would use it'
            : input.locks.length > 0
              ? `${input.locks[0]} is not in the build context, or need not be kept to`
              : 'the project’s dependencies are not written down as a lock',
        );
        break;
      case 'upgrade':
        cannot('an upgrade takes whatever is newest by its nature');
        break;
      case 'nondeterminism':
        cannot(nondeterminismReasons[input.cause]);
        break;
    }
  }
  return {
    images: [...images.values()],
    urls: [...urls],
    git: [...git.values()],
    apt: [...apt].sort(),
    pip: [...pip],
    unpinned,
  };
}
