// How one compose file overrides another: the merge rules of the compose specification (maps deep, lists one after
// the other, the exceptions named), which for what concerns an image are those of docker-compose 1.29 too.
import { TrimaranError } from '../foundation/error.ts';
import type { ConfigEntry, ConfigList, ConfigMap, ConfigNode } from './config-node.ts';
import { portKeys, volumeTarget } from './short-forms.ts';

/** Keys of a service whose later value replaces the earlier one whole. */
const replaced = new Set(['command', 'entrypoint']);
/** Keys of a service or its build that are maps, or lists of `name=value`. */
const pairs = new Set([
  'environment',
  'labels',
  'annotations',
  'args',
  'additional_contexts',
  'extra_hosts',
  'sysctls',
  'storage_opt',
]);
/** Keys that are one text or a list. */
const textOrList = new Set(['dns', 'dns_opt', 'dns_search', 'env_file', 'label_file', 'tmpfs']);
/** Keys that are a list of names, or a map by name. */
const namesOrMap = new Set(['depends_on', 'networks', 'models']);

/** `override` laid over `base`. Throws `compose/merge` when the two are of different kinds. */
export function mergeConfig(base: ConfigMap, override: ConfigMap): ConfigMap {
  return mergeMaps(base, override, []);
}

/** A service over the one it extends. */
export function mergeService(base: ConfigMap, override: ConfigMap): ConfigMap {
  return mergeMaps(base, override, ['services', '*']);
}

function mergeMaps(base: ConfigMap, override: ConfigMap, path: readonly string[]): ConfigMap {
  const entries = new Map<string, ConfigEntry>(base.entries);
  for (const [name, entry] of override.entries) {
    if (entry.value.tag === 'reset') {
      entries.delete(name);
      continue;
    }
    const existing = entries.get(name);
    const value =
      existing === undefined ? entry.value : mergeNodes(existing.value, entry.value, [...path, name]);
    entries.set(name, { keySpan: entry.keySpan, value });
  }
  return { ...override, entries };
}

function mergeNodes(base: ConfigNode, override: ConfigNode, path: readonly string[]): ConfigNode {
  if (override.tag === 'override') return override;
  if (override.kind === 'scalar' && override.value === null) return base;
  if (base.kind === 'scalar' && base.value === null) return override;
  const key = path.at(-1)!;
  const inService = path[0] === 'services' && path.length >= 3;
  if (inService && path.length === 3) {
    if (replaced.has(key)) return override;
    if (key === 'build') return mergeMaps(buildMap(base), buildMap(override), path);
    if (namesOrMap.has(key)) return mergeMaps(mapOfNames(base), mapOfNames(override), path);
    if (textOrList.has(key)) return uniqueBy(listOf(base), listOf(override), scalarKey);
    if (key === 'ports') return uniqueBy(listOf(base), listOf(override), (node) => portKeys(node).join(' '));
    if (key === 'volumes' || key === 'devices') {
      return uniqueBy(listOf(base), listOf(override), (node) => volumeTarget(node) ?? scalarKey(node));
    }
    if (key === 'logging' && driverOf(base) !== driverOf(override)) return override;
  }
  if (inService && pairs.has(key)) return mergeMaps(mapOfPairs(base), mapOfPairs(override), path);
  if (inService && key === 'test' && path.at(-2) === 'healthcheck') return override;
  if (base.kind !== override.kind) {
    throw new TrimaranError({
      code: 'compose/merge',
      message: `${path.join('.')} is a ${kindName(override)} here and a ${kindName(base)} in what it overrides`,
      span: override.span,
      related: [{ message: 'overrides this', span: base.span }],
      hint: 'write both in one form, or mark the later one `!override`',
    });
  }
  if (base.kind === 'map' && override.kind === 'map') return mergeMaps(base, override, path);
  if (base.kind === 'list' && override.kind === 'list') {
    const isSet = inService && path.length === 3;
    if (isSet) return uniqueBy(base, override, scalarKey);
    return { ...override, items: [...base.items, ...override.items] };
  }
  return override;
}

function kindName(node: ConfigNode): string {
  return node.kind === 'map' ? 'mapping' : node.kind === 'list' ? 'list' : 'single value';
}

function driverOf(node: ConfigNode): unknown {
  const driver = node.kind === 'map' ? node.entries.get('driver')?.value : undefined;
  return driver?.kind === 'scalar' ? driver.value : undefined;
}

/** Items of both, a later one in the place of an earlier one with the same key. */
function uniqueBy(
  base: ConfigList,
  override: ConfigList,
  keyOf: (node: ConfigNode) => string | undefined,
): ConfigList {
  const items: ConfigNode[] = [];
  const places = new Map<string, number>();
  for (const item of [...base.items, ...override.items]) {
    const key = keyOf(item);
    const place = key === undefined ? undefined : places.get(key);
    if (place !== undefined) items[place] = item;
    else {
      if (key !== undefined) places.set(key, items.length);
      items.push(item);
    }
  }
  return { ...override, items };
}

function scalarKey(node: ConfigNode): string | undefined {
  return node.kind === 'scalar' ? String(node.value) : undefined;
}

function listOf(node: ConfigNode): ConfigList {
  return node.kind === 'list' ? node : { kind: 'list', items: [node], span: node.span };
}

/** `build: folder` as `build: { context: folder }`. */
export function buildMap(node: ConfigNode): ConfigMap {
  if (node.kind === 'map') return node;
  return {
    kind: 'map',
    entries: new Map([['context', { keySpan: node.span, value: node }]]),
    span: node.span,
  };
}

/** A list of names as a map from each to nothing. */
function mapOfNames(node: ConfigNode): ConfigMap {
  if (node.kind === 'map') return node;
  const entries = new Map<string, ConfigEntry>();
  for (const item of node.kind === 'list' ? node.items : []) {
    if (item.kind !== 'scalar') continue;
    entries.set(String(item.value), {
      keySpan: item.span,
      value: { kind: 'scalar', value: null, span: item.span },
    });
  }
  return { kind: 'map', entries, span: node.span };
}

/** A list of `name=value` (or `name: value` texts, as extra_hosts has them) as a map; a bare name has null. */
export function mapOfPairs(node: ConfigNode): ConfigMap {
  if (node.kind === 'map') return node;
  const entries = new Map<string, ConfigEntry>();
  for (const item of node.kind === 'list' ? node.items : []) {
    if (item.kind !== 'scalar' || item.value === null) continue;
    const text = String(item.value);
    const cut = text.search(/[=:]/);
    const equals = text.indexOf('=');
    const at = equals >= 0 ? equals : cut;
    const name = at < 0 ? text : text.slice(0, at);
    const value = at < 0 ? null : text.slice(at + 1);
    entries.set(name, { keySpan: item.span, value: { kind: 'scalar', value, span: item.span } });
  }
  return { kind: 'map', entries, span: node.span };
}
