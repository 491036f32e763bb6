// Compares compose projects with what docker-compose 1.29 makes of them (`docker-compose config`, which needs no
// engine): images, build contexts, ports, volumes, commands, working directories.
// Usage: node scripts/run-ts.mjs test/conformance/compose.ts DIR (any folder with compose files below it)
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { parse } from 'yaml';
import { loadComposeProject } from '../../src/compose/load.ts';
import type { Service } from '../../src/compose/service.ts';
import { isTrimaranError } from '../../src/foundation/error.ts';

type Data = Readonly<Record<string, unknown>>;

const [directory] = process.argv.slice(2);
if (directory === undefined) {
  console.error('usage: node scripts/run-ts.mjs test/conformance/compose.ts DIR');
  process.exit(2);
}
const environment = { PATH: process.env.PATH, HOME: process.env.HOME };
const counts = { agree: 0, differ: 0, refusedByBoth: 0, onlyCompose2: 0 };
for (const path of readdirSync(directory, { recursive: true, encoding: 'utf8' }).sort()) {
  if (!/^(?:docker-)?compose[^/]*\.ya?ml$/.test(basename(path))) continue;
  const folder = dirname(join(directory, path));
  const file = basename(path);
  const config = spawnSync('docker-compose', ['-f', file, '-p', 'p', 'config'], {
    cwd: folder,
    encoding: 'utf8',
    env: environment,
  });
  if (config.error !== undefined) throw config.error;
  let services: readonly Service[] | undefined;
  let refusal = '';
  try {
    const options = { directory: folder, files: [file], environment, projectName: 'p' };
    services = (await loadComposeProject(options)).services;
  } catch (error) {
    if (!isTrimaranError(error)) throw error;
    refusal = `${error.span?.line}: ${error.code}: ${error.message}`;
  }
  if (services === undefined) {
    if (config.status !== 0) counts.refusedByBoth++;
    else {
      counts.differ++;
      console.log(`${path}: refused here only: ${refusal}`);
    }
    continue;
  }
  if (config.status !== 0) {
    // Keys that came with Compose 2.
    counts.onlyCompose2++;
    continue;
  }
  const theirs = (parse(config.stdout) as { services?: Readonly<Record<string, Data>> }).services ?? {};
  const differences = services
    .filter((service) => service.enabled)
    .flatMap((service) => compareService(service, theirs[service.name] ?? {}));
  if (differences.length === 0) counts.agree++;
  else counts.differ++;
  for (const difference of differences) console.log(`${path}: ${difference}`);
}
console.log(counts);
process.exitCode = counts.differ === 0 && counts.agree > 0 ? 0 : 1;

function compareService(service: Service, theirs: Data): string[] {
  const { overrides } = service;
  const build = theirs.build as string | Data | undefined;
  const volumes = (theirs.volumes ?? []) as (string | Data)[];
  const ports = (theirs.ports ?? []) as (string | number | Data)[];
  const pairs: [string, unknown, unknown][] = [
    ['image', service.image?.value, theirs.image],
    ['build', service.build?.context.value, typeof build === 'object' ? build.context : build],
    ['working_dir', overrides.workingDir?.value, theirs.working_dir],
    [
      'ports',
      overrides.ports
        .map(({ value }) => portText(value.hostIp, value.published, value.target, value.protocol))
        .sort(),
      ports
        .map((port) =>
          typeof port === 'object'
            ? portText(undefined, port.published, port.target, port.protocol ?? 'tcp')
            : String(port),
        )
        .sort(),
    ],
    [
      'volumes',
      overrides.volumes.map(({ value }) => cleanVolume(`${value.source ?? ''}:${value.target}`)).sort(),
      volumes
        .map((volume) =>
          cleanVolume(
            typeof volume === 'object'
              ? `${volume.source ?? ''}:${volume.target}`
              : volume.includes(':')
                ? volume.replace(/:r[ow](?:,.*)?$/, '')
                : `:${volume}`,
          ),
        )
        .sort(),
    ],
  ];
  if (Array.isArray(theirs.command)) {
    pairs.push([
      'command',
      overrides.command?.value,
      theirs.command.map((word) => String(word).replaceAll('$$', '$')),
    ]);
  }
  return pairs
    .filter(([, ours, other]) => JSON.stringify(ours) !== JSON.stringify(other))
    .map(
      ([what, ours, other]) =>
        `${service.name}.${what}: ${JSON.stringify(ours)} here, ${JSON.stringify(other)} there`,
    );
}

function portText(hostIp: unknown, published: unknown, target: unknown, protocol: unknown): string {
  return `${hostIp === undefined ? '' : `${hostIp}:`}${published === undefined ? '' : `${published}:`}${target}/${protocol}`;
}

/** docker-compose prints host paths with `~` expanded and without a trailing slash. */
function cleanVolume(text: string): string {
  return text.replace(/^~/, environment.HOME ?? '~').replace(/\/+(?=:|$)/g, '');
}
