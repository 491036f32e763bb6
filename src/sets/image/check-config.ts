// The `config` of a recipe, checked before an image is made of it: engines ignore what they do not know, and refuse a
// wrong type only when the image is loaded. Keys are those of https://github.com/moby/docker-image-spec and of Docker's
// own additions; engines compare them without regard to case.
import { TrimaranError } from '../../foundation/error.ts';
import { didYouMean } from '../../foundation/nearest.ts';

type Shape =
  | 'text'
  | 'texts'
  | 'switch'
  | 'number'
  | 'duration'
  | 'ports'
  | 'folders'
  | 'folder'
  | 'variables'
  | 'labels'
  | 'health';

const keys: Readonly<Record<string, Shape>> = {
  Hostname: 'text',
  Domainname: 'text',
  User: 'text',
  AttachStdin: 'switch',
  AttachStdout: 'switch',
  AttachStderr: 'switch',
  ExposedPorts: 'ports',
  Tty: 'switch',
  OpenStdin: 'switch',
  StdinOnce: 'switch',
  Env: 'variables',
  Cmd: 'texts',
  Healthcheck: 'health',
  ArgsEscaped: 'switch',
  Image: 'text',
  Volumes: 'folders',
  WorkingDir: 'folder',
  Entrypoint: 'texts',
  NetworkDisabled: 'switch',
  MacAddress: 'text',
  OnBuild: 'texts',
  Labels: 'labels',
  StopSignal: 'text',
  StopTimeout: 'number',
  Shell: 'texts',
  Memory: 'number',
  MemorySwap: 'number',
  CpuShares: 'number',
};

const healthKeys: Readonly<Record<string, Shape>> = {
  Test: 'texts',
  Interval: 'duration',
  Timeout: 'duration',
  StartPeriod: 'duration',
  StartInterval: 'duration',
  Retries: 'number',
};

const descriptions: Readonly<Record<Shape, string>> = {
  text: 'a string',
  texts: 'a list of strings',
  switch: 'true or false',
  number: 'a number',
  duration: 'a number of nanoseconds, such as 30000000000 for half a minute',
  ports: 'a set whose values are empty sets, such as { "80/tcp" = { }; }',
  folders: 'a set whose values are empty sets, such as { "/data" = { }; }',
  folder: 'an absolute path, such as "/data",',
  variables: 'a list of strings such as [ "NAME=value" ]',
  labels: 'a set of strings',
  health: 'a set such as { Test = [ "CMD" "true" ]; }',
};

/** Throws `image/unknown-config` (with the nearest key) and `image/bad-config`. */
export function checkConfig(config: Readonly<Record<string, unknown>>): void {
  checkKeys(config, keys, 'config');
}

function checkKeys(
  config: Readonly<Record<string, unknown>>,
  allowed: Readonly<Record<string, Shape>>,
  place: string,
): void {
  const known = new Map(Object.entries(allowed).map(([name, shape]) => [name.toLowerCase(), shape]));
  for (const [name, value] of Object.entries(config)) {
    const shape = known.get(name.toLowerCase());
    if (shape === undefined) {
      throw new TrimaranError({
        code: 'image/unknown-config',
        message: `an image’s ${place} has no \`${name}\``,
        hint: meant(name, Object.keys(allowed)) ?? `it has ${Object.keys(allowed).join(', ')}`,
      });
    }
    if (value !== null && !hasShape(value, shape)) {
      throw new TrimaranError({
        code: 'image/bad-config',
        message: `${place}.${name} is ${JSON.stringify(value)}, where ${descriptions[shape]} is needed`,
        hint:
          (shape === 'texts' || shape === 'variables') && typeof value === 'string'
            ? `write [ ${JSON.stringify(value)} ], a word each`
            : `write ${descriptions[shape].replace(/,$/, '')}`,
      });
    }
    if (shape === 'health' && value !== null)
      checkKeys(value as Readonly<Record<string, unknown>>, healthKeys, `${place}.${name}`);
  }
}

/** The keys that a name may stand for: the nearest, else those that it shortens or spells out (`Expose`, `Command`). */
function meant(name: string, keys: readonly string[]): string | undefined {
  const isWithin = (short: string, long: string) => {
    let at = 0;
    for (const letter of long) if (letter === short[at]) at++;
    return at === short.length && short[0] === long[0];
  };
  const wanted = name.toLowerCase();
  const related = keys.filter((key) => {
    const known = key.toLowerCase();
    return wanted.length > 2 && (isWithin(wanted, known) || isWithin(known, wanted));
  });
  return (
    didYouMean(name, keys) ?? (related.length === 0 ? undefined : `did you mean ${related.join(' or ')}?`)
  );
}

function hasShape(value: unknown, shape: Shape): boolean {
  const isText = (item: unknown) => typeof item === 'string';
  const isSet = typeof value === 'object' && value !== null && !Array.isArray(value);
  const hasEmptySets = isSet && Object.values(value).every((item) => typeof item === 'object');
  switch (shape) {
    case 'text':
      return isText(value);
    case 'texts':
      return Array.isArray(value) && value.every(isText);
    case 'switch':
      return typeof value === 'boolean';
    case 'number':
    case 'duration':
      return typeof value === 'number';
    // Engines ignore ports that are none.
    case 'ports':
      return hasEmptySets && Object.keys(value).every(isPort);
    // With these an image loads, and no container of it starts.
    case 'folders':
      return hasEmptySets && Object.keys(value).every((path) => /[^/.]/.test(path));
    case 'folder':
      return isText(value) && /^(?:\/|$)/.test(value as string);
    case 'variables':
      return Array.isArray(value) && value.every((item) => isText(item) && !item.startsWith('='));
    case 'labels':
      return isSet && Object.values(value).every(isText);
    case 'health':
      return isSet;
  }
}

/** `80`, `53/udp`, `8000-8010/tcp`. */
function isPort(text: string): boolean {
  const [, first, last = first] = /^(\d{1,5})(?:-(\d{1,5}))?(?:\/(?:tcp|udp|sctp))?$/i.exec(text) ?? [];
  return first !== undefined && Number(first) > 0 && Number(first) <= Number(last) && Number(last) < 65536;
}
