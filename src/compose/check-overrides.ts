// What compose lays over an image, checked against what the image has: a working directory that is not there, a
// command that cannot be found, ports nobody listens on, volumes over nothing or over files.
import { posix } from 'node:path';
import type { Span } from '../foundation/error.ts';
import type { Service } from './service.ts';

/** What the checks ask of an image; paths are absolute, symlinks followed by whoever answers. */
export interface ImageFacts {
  readonly workingDir?: string;
  readonly entrypoint?: readonly string[];
  readonly cmd?: readonly string[];
  /** `NAME=value`. */
  readonly env?: readonly string[];
  /** `80/tcp`. */
  readonly exposedPorts?: readonly string[];
  /** Names of users, where `/etc/passwd` could be read. */
  readonly users?: readonly string[];
  /** Kind of the file at a path, or undefined where there is none. */
  readonly kindOf: (path: string) => 'file' | 'directory' | 'other' | undefined;
  /** Whether a directory has no entries. */
  readonly isEmpty?: (path: string) => boolean;
}

export interface OverrideFinding {
  readonly rule:
    | 'compose-command-missing'
    | 'compose-no-command'
    | 'compose-port-not-exposed'
    | 'compose-user-missing'
    | 'compose-volume-hides-files'
    | 'compose-volume-over-nothing'
    | 'compose-working-dir-missing';
  readonly severity: 'error' | 'warning' | 'note';
  readonly message: string;
  readonly span: Span;
  readonly hint: string;
}

/** Checks one service against its image; findings in the order of the compose file. */
export function checkOverrides(service: Service, image: ImageFacts): OverrideFinding[] {
  const findings = [
    ...checkWorkingDir(service, image),
    ...checkCommand(service, image),
    ...checkUser(service, image),
    ...checkPorts(service, image),
    ...checkVolumes(service, image),
  ];
  return findings.sort((a, b) => a.span.line - b.span.line || a.span.column - b.span.column);
}

function checkWorkingDir(service: Service, image: ImageFacts): OverrideFinding[] {
  const placed = service.overrides.workingDir;
  if (placed === undefined || image.kindOf(placed.value) === 'directory') return [];
  const mounted = service.overrides.volumes.some((volume) => isWithin(placed.value, volume.value.target));
  if (mounted) return [];
  const own = image.workingDir;
  return [
    {
      rule: 'compose-working-dir-missing',
      severity: 'error',
      message: `the image has no directory ${placed.value}; the command would start in an empty one`,
      span: placed.span,
      hint:
        own === undefined || own === ''
          ? 'remove `working_dir`, or make the directory in the image'
          : `remove \`working_dir\`: the image's own is ${own}`,
    },
  ];
}

function checkCommand(service: Service, image: ImageFacts): OverrideFinding[] {
  const { command, entrypoint } = service.overrides;
  // An entrypoint given by compose takes the image's command away.
  const words = [
    ...(entrypoint?.value ?? image.entrypoint ?? []),
    ...(command?.value ?? (entrypoint === undefined ? (image.cmd ?? []) : [])),
  ];
  const span = (entrypoint ?? command)?.span ?? service.span;
  const [program] = words;
  if (program === undefined) {
    return [
      {
        rule: 'compose-no-command',
        severity: 'error',
        message: 'neither the image nor the service says what to run',
        span,
        hint: 'give the image a command, or the service `command:`',
      },
    ];
  }
  if (entrypoint === undefined && (command === undefined || (image.entrypoint ?? []).length > 0)) return [];
  const environment = new Map(
    (image.env ?? []).map((entry) => [entry.split('=', 1)[0]!, entry.slice(entry.indexOf('=') + 1)]),
  );
  const path =
    service.overrides.environment.get('PATH')?.value ??
    environment.get('PATH') ??
    '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
  const workingDir = service.overrides.workingDir?.value ?? image.workingDir ?? '/';
  const candidates = program.includes('/')
    ? [posix.resolve('/', workingDir, program)]
    : path.split(':').map((folder) => posix.join(folder, program));
  const isMounted = candidates.some((candidate) =>
    service.overrides.volumes.some((volume) => isWithin(candidate, volume.value.target)),
  );
  if (isMounted || candidates.some((candidate) => image.kindOf(candidate) !== undefined)) return [];
  return [
    {
      rule: 'compose-command-missing',
      severity: 'error',
      message: `the image has no \`${program}\`${program.includes('/') ? '' : ' on its PATH'}`,
      span,
      hint: `add the package that has \`${program}\` to the recipe, or correct the command`,
    },
  ];
}

function checkUser(service: Service, image: ImageFacts): OverrideFinding[] {
  const placed = service.overrides.user;
  const name = placed?.value.split(':', 1)[0];
  if (placed === undefined || name === undefined || /^\d+$/.test(name)) return [];
  if (image.users === undefined || image.users.includes(name)) return [];
  return [
    {
      rule: 'compose-user-missing',
      severity: 'error',
      message: `the image has no user ${name}`,
      span: placed.span,
      hint: 'give the number of a user, or add the user to the image',
    },
  ];
}

function checkPorts(service: Service, image: ImageFacts): OverrideFinding[] {
  const exposed = new Set((image.exposedPorts ?? []).flatMap(expandPorts));
  if (exposed.size === 0) return [];
  return service.overrides.ports
    .filter(({ value }) => !exposed.has(`${value.target}/${value.protocol}`))
    .map(({ value, span }) => ({
      rule: 'compose-port-not-exposed' as const,
      severity: 'note' as const,
      message: `the image does not expose port ${value.target}/${value.protocol}; it exposes ${[...exposed].join(', ')}`,
      span,
      hint: 'check that the service listens on that port',
    }));
}

/** `8000-8002/tcp` as its ports. */
function expandPorts(text: string): string[] {
  const match = /^(\d+)(?:-(\d+))?(?:\/([a-z]+))?$/.exec(text);
  if (match === null) return [];
  const from = Number(match[1]);
  const to = Math.min(Number(match[2] ?? from), from + 65535);
  return Array.from(
    { length: Math.max(0, to - from + 1) },
    (_, offset) => `${from + offset}/${match[3] ?? 'tcp'}`,
  );
}

function checkVolumes(service: Service, image: ImageFacts): OverrideFinding[] {
  const findings: OverrideFinding[] = [];
  for (const { value, span } of service.overrides.volumes) {
    if (value.type !== 'bind' && value.type !== 'volume') continue;
    const { target } = value;
    const kind = image.kindOf(target);
    const parent = posix.dirname(target);
    const what = value.type === 'bind' ? 'bind mount' : 'volume';
    if (kind === undefined && image.kindOf(parent) === undefined) {
      findings.push({
        rule: 'compose-volume-over-nothing',
        severity: 'warning',
        message: `the image has neither ${target} nor ${parent}; the ${what} makes them, owned by root`,
        span,
        hint: 'check the path: an image made by another recipe may keep its files elsewhere',
      });
    } else if (value.type === 'bind' && kind === 'directory' && image.isEmpty?.(target) === false) {
      findings.push({
        rule: 'compose-volume-hides-files',
        severity: 'note',
        message: `the bind mount hides what the image has in ${target}`,
        span,
        hint: 'leave it out to run what is in the image',
      });
    }
  }
  return findings;
}

function isWithin(path: string, folder: string): boolean {
  const clean = posix.normalize(folder).replace(/(.)\/+$/, '$1');
  const full = posix.normalize(path);
  return full === clean || full.startsWith(clean === '/' ? '/' : `${clean}/`);
}
