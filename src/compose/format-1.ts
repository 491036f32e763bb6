// The first format of compose files, which docker-compose 1.29 still reads: services at the top of the file, without
// `version` and `services`. Put into the present one.

import { type ConfigEntry, type ConfigMap, childOf } from './config-node.ts';
import { buildMap } from './merge.ts';

/** Keys of the top of every later format. */
const laterKeys = /^(?:version|services|volumes|networks|configs|secrets|include|name|models|x-.*)$/;

/** The file in the present format; the same when it is not of the first. */
export function fromFormat1(root: ConfigMap): ConfigMap {
  const entries = [...root.entries];
  const isFormat1 =
    entries.length > 0 &&
    entries.every(([name]) => !laterKeys.test(name)) &&
    entries.every(
      ([, { value }]) =>
        value.kind === 'map' && ['image', 'build', 'extends'].some((key) => value.entries.has(key)),
    );
  if (!isFormat1) return root;
  const services = new Map(entries.map(([name, entry]) => [name, serviceEntry(entry)] as const));
  return {
    ...root,
    entries: new Map<string, ConfigEntry>([
      ['version', { keySpan: root.span, value: { kind: 'scalar', value: '1', span: root.span } }],
      ['services', { keySpan: root.span, value: { kind: 'map', entries: services, span: root.span } }],
    ]),
  };
}

/** Keys that have another name today. */
const renamed: Readonly<Record<string, string>> = { net: 'network_mode' };

function serviceEntry(entry: ConfigEntry): ConfigEntry {
  if (entry.value.kind !== 'map') return entry;
  const entries = new Map<string, ConfigEntry>();
  for (const [name, inner] of entry.value.entries) {
    if (name !== 'dockerfile' && name !== 'log_driver' && name !== 'log_opt')
      entries.set(renamed[name] ?? name, inner);
  }
  const [build, dockerfile] = [entries.get('build'), entry.value.entries.get('dockerfile')];
  if (build !== undefined && dockerfile !== undefined) {
    const map = buildMap(build.value);
    const value = { ...map, entries: new Map(map.entries).set('dockerfile', dockerfile) };
    entries.set('build', { ...build, value });
  }
  const [driver, options] = [childOf(entry.value, 'log_driver'), childOf(entry.value, 'log_opt')];
  const logging = new Map<string, ConfigEntry>();
  if (driver !== undefined) logging.set('driver', { keySpan: driver.span, value: driver });
  if (options !== undefined) logging.set('options', { keySpan: options.span, value: options });
  const first = driver ?? options;
  if (first !== undefined) {
    const value = { kind: 'map', entries: logging, span: first.span } as const;
    entries.set('logging', { keySpan: first.span, value });
  }
  return { ...entry, value: { ...entry.value, entries } };
}
