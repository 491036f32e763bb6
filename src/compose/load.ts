// Loads a compose project: finds its files, reads `.env`, puts variables in, follows `extends` and `include`, merges,
// checks against the schema. docker-compose 1.29 (`version: '2.2'`) and Compose 2 alike.
import { isUtf8 } from 'node:buffer';
import { readFile } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, relative, resolve } from 'node:path';
import { type Span, TrimaranError } from '../foundation/error.ts';
import { didYouMean } from '../foundation/nearest.ts';
import { checkReferences } from './check-references.ts';
import {
  type ConfigEntry,
  type ConfigMap,
  type ConfigNode,
  childOf,
  parseConfig,
  scalarText,
  withoutResets,
} from './config-node.ts';
import { fromFormat1 } from './format-1.ts';
import { interpolateConfig, type UnsetVariable, type VariableLookup } from './interpolate.ts';
import { buildMap, mergeConfig, mergeService } from './merge.ts';
import { findProjectFiles, type ProjectPlace, unreadable } from './project-files.ts';
import { projectName } from './project-name.ts';
import { readService, type Service } from './service.ts';
import { validateConfig } from './validate.ts';

export interface LoadComposeOptions extends ProjectPlace {
  /** `-p`. */
  readonly projectName?: string;
  /** `--profile`. */
  readonly profiles?: readonly string[];
}

export interface ComposeProject {
  readonly name: string;
  /** Absolute path of the folder that relative paths start from. */
  readonly directory: string;
  /** The files that were named or found, absolute, in the order they were merged. */
  readonly composeFiles: readonly string[];
  /** Every file read: those, and what they extend and include. */
  readonly files: readonly string[];
  /** In the order of the files. */
  readonly services: readonly Service[];
  /** Variables that a file uses, has no default for, and that nothing sets: they are empty. */
  readonly unsetVariables: readonly UnsetVariable[];
}

const mostFiles = 1000;

/**
 * Loads a project.
 *
 * Throws `compose/no-file` when there is none, `compose/yaml`, `compose/invalid`, `compose/variable`,
 * `compose/env-file`, `compose/merge`, `compose/too-large`, and for `extends` and `include`
 * `compose/unknown-service` and `compose/cycle`; all but the first with their place.
 */
export async function loadComposeProject(options: LoadComposeOptions): Promise<ComposeProject> {
  const directory = resolve(options.directory);
  const { paths, projectDirectory, variables } = await findProjectFiles(options);
  const lookUp: VariableLookup = (name) => options.environment[name] ?? variables.get(name);
  const loader = new Loader(directory, lookUp);
  const root = await loader.loadMerged(paths, projectDirectory);
  checkReferences(root);
  const named = scalarText(childOf(root, 'name'));
  const name = projectName(
    [options.projectName, lookUp('COMPOSE_PROJECT_NAME'), named],
    basename(projectDirectory),
  );
  const profiles = new Set([...(options.profiles ?? []), ...(lookUp('COMPOSE_PROFILES')?.split(',') ?? [])]);
  const recipes = childOf(root, 'x-trimaran');
  const services = childOf(root, 'services');
  const serviceEntries = services?.kind === 'map' ? [...services.entries] : [];
  checkRecipeNames(
    recipes,
    serviceEntries.map(([service]) => service),
  );
  const environment = { ...Object.fromEntries(variables), ...options.environment };
  return {
    name,
    directory: projectDirectory,
    composeFiles: paths,
    files: loader.files,
    services: serviceEntries.map(([service, entry]) =>
      readService(service, entry.value as ConfigMap, {
        projectName: name,
        recipes: childOf(recipes, service),
        profiles,
        environment,
      }),
    ),
    unsetVariables: loader.unset,
  };
}

/** Recipes name services that exist. Throws `compose/unknown-service`. */
function checkRecipeNames(recipes: ConfigNode | undefined, services: readonly string[]): void {
  if (recipes?.kind !== 'map') return;
  for (const [name, entry] of recipes.entries) {
    if (!services.includes(name) && !name.startsWith('x-'))
      throw unknownService(name, entry.keySpan, services);
  }
}

function unknownService(name: string, span: Span, services: readonly string[]): TrimaranError {
  return new TrimaranError({
    code: 'compose/unknown-service',
    message: `there is no service \`${name}\``,
    span,
    hint: didYouMean(name, services) ?? `there are ${services.join(', ') || 'none'}`,
  });
}

class Loader {
  readonly files: string[] = [];
  readonly unset: UnsetVariable[] = [];
  private readonly directory: string;
  private readonly lookUp: VariableLookup;
  private readonly parsed = new Map<string, ConfigMap>();

  constructor(directory: string, lookUp: VariableLookup) {
    this.directory = directory;
    this.lookUp = lookUp;
  }

  /** Files merged in their order, relative paths of the result made absolute. */
  async loadMerged(
    paths: readonly string[],
    base: string,
    including: readonly string[] = [],
  ): Promise<ConfigMap> {
    let merged: ConfigMap | undefined;
    for (const path of paths) {
      const file = await this.loadFile(path, undefined);
      const extended = await this.resolveExtends(file, path, base);
      merged = merged === undefined ? extended : mergeConfig(merged, extended);
    }
    if (merged === undefined) throw new Error('no compose files');
    const whole = withDefaultContexts(withoutResets(merged) as ConfigMap, base);
    const included = await this.resolveIncludes(whole, base, [...including, ...paths]);
    validateConfig(included);
    return included;
  }

  private async loadFile(path: string, span: Span | undefined): Promise<ConfigMap> {
    const known = this.parsed.get(path);
    if (known !== undefined) return known;
    if (this.files.length >= mostFiles) {
      throw new TrimaranError({ code: 'compose/too-large', message: `more than ${mostFiles} files`, span });
    }
    let bytes: Buffer;
    try {
      bytes = await readFile(path);
    } catch (error) {
      throw unreadable(path, error, span);
    }
    this.files.push(path);
    const relativePath = relative(this.directory, path);
    const shown = relativePath === '' || relativePath.startsWith('..') ? path : relativePath;
    const parsed = parseConfig(utf8Text(bytes, shown), shown);
    // Before files are merged, so that an error is told where it was written.
    const root = fromFormat1(interpolateConfig(parsed, this.lookUp, this.unset) as ConfigMap);
    validateConfig(root);
    this.parsed.set(path, root);
    return root;
  }

  /** Each service laid over what it extends, and its paths made absolute. */
  private async resolveExtends(root: ConfigMap, path: string, base: string): Promise<ConfigMap> {
    const services = childOf(root, 'services');
    if (services?.kind !== 'map') return root;
    const entries = new Map<string, ConfigEntry>();
    for (const [name, entry] of services.entries) {
      if (entry.value.tag === 'reset') {
        entries.set(name, entry);
        continue;
      }
      const value = await this.extendedService(root, { name, path, base, via: [] }, entry.keySpan);
      entries.set(name, { ...entry, value });
    }
    return {
      ...root,
      entries: new Map(root.entries).set('services', {
        keySpan: root.entries.get('services')!.keySpan,
        value: { ...services, entries },
      }),
    };
  }

  private async extendedService(
    root: ConfigMap,
    at: {
      readonly name: string;
      readonly path: string;
      readonly base: string;
      readonly via: readonly string[];
    },
    span: Span,
  ): Promise<ConfigMap> {
    const { name, path, base, via } = at;
    const services = childOf(root, 'services');
    const node = childOf(services, name);
    if (node?.kind !== 'map') {
      const others = services?.kind === 'map' ? [...services.entries.keys()] : [];
      throw unknownService(name, span, others);
    }
    const own = absolutePaths(node, { base, home: this.lookUp('HOME') });
    const link = childOf(node, 'extends');
    if (link === undefined) return own;
    const key = `${path}:${name}`;
    if (via.includes(key)) {
      throw new TrimaranError({
        code: 'compose/cycle',
        message: `service \`${name}\` extends itself`,
        span: link.span,
        hint: 'take one `extends` out of the circle',
      });
    }
    const file = scalarText(childOf(link, 'file'));
    const service = link.kind === 'map' ? scalarText(childOf(link, 'service'))! : scalarText(link)!;
    const otherPath = file === undefined ? path : resolve(base, file);
    const other = file === undefined ? root : await this.loadFile(otherPath, link.span);
    const extended = await this.extendedService(
      other,
      {
        name: service,
        path: otherPath,
        base: file === undefined ? base : dirname(otherPath),
        via: [...via, key],
      },
      link.span,
    );
    const merged = mergeService(extended, own);
    const entries = new Map(merged.entries);
    entries.delete('extends');
    return { ...merged, entries };
  }

  private async resolveIncludes(
    root: ConfigMap,
    base: string,
    including: readonly string[],
  ): Promise<ConfigMap> {
    const include = childOf(root, 'include');
    if (include?.kind !== 'list') return root;
    let result = root;
    for (const item of include.items) {
      const listed = item.kind === 'map' ? childOf(item, 'path') : item;
      const names = (listed?.kind === 'list' ? listed.items : [listed]).flatMap(
        (node) => scalarText(node) ?? [],
      );
      if (names.length === 0) continue;
      const remote = names.find((name) => /^(?:[a-z][a-z0-9+.-]*:\/\/|git@|oci:)/.test(name));
      if (remote !== undefined) {
        throw new TrimaranError({
          code: 'compose/remote-include',
          message: `\`${remote.replace(/\/\/[^/@]*@/, '//')}\` would be fetched from elsewhere, which is not supported`,
          span: item.span,
          hint: 'fetch it at a commit, and include the file',
        });
      }
      const paths = names.map((name) => resolve(base, name));
      if (paths.some((path) => including.includes(path))) {
        throw new TrimaranError({
          code: 'compose/cycle',
          message: 'a file includes itself',
          span: item.span,
        });
      }
      const folder = scalarText(childOf(item, 'project_directory'));
      const own = folder === undefined ? dirname(paths[0]!) : resolve(base, folder);
      result = addIncluded(await this.loadMerged(paths, own, including), result, item.span);
    }
    return result;
  }
}

/** What a file includes comes first; one name in both is an error, as in Compose 2. */
function addIncluded(included: ConfigMap, root: ConfigMap, span: Span): ConfigMap {
  const entries = new Map(root.entries);
  for (const section of ['services', 'volumes', 'networks', 'configs', 'secrets']) {
    const theirs = included.entries.get(section);
    if (theirs?.value.kind !== 'map') continue;
    const ours = entries.get(section);
    const both = new Map(theirs.value.entries);
    for (const [name, entry] of ours?.value.kind === 'map' ? ours.value.entries : []) {
      if (both.has(name) && section === 'services') {
        throw new TrimaranError({
          code: 'compose/merge',
          message: `service \`${name}\` is in this file and in one it includes`,
          span: entry.keySpan,
          related: [{ message: 'included here', span }],
          hint: 'rename one of them',
        });
      }
      both.set(name, entry);
    }
    entries.set(section, { keySpan: theirs.keySpan, value: { ...theirs.value, entries: both } });
  }
  return { ...root, entries };
}

/** A `build` that names no context has the project's folder. */
function withDefaultContexts(root: ConfigMap, base: string): ConfigMap {
  const services = root.entries.get('services');
  if (services?.value.kind !== 'map') return root;
  const entries = new Map<string, ConfigEntry>();
  for (const [name, entry] of services.value.entries) {
    const build = entry.value.kind === 'map' ? entry.value.entries.get('build') : undefined;
    const { value } = entry;
    if (value.kind !== 'map' || build?.value.kind !== 'map' || build.value.entries.has('context')) {
      entries.set(name, entry);
      continue;
    }
    const { span } = build.value;
    const context: ConfigEntry = { keySpan: span, value: { kind: 'scalar', value: base, span } };
    const whole = { ...build.value, entries: new Map(build.value.entries).set('context', context) };
    const withBuild = new Map(value.entries).set('build', { ...build, value: whole });
    entries.set(name, { ...entry, value: { ...value, entries: withBuild } });
  }
  const value = { ...services.value, entries };
  return { ...root, entries: new Map(root.entries).set('services', { ...services, value }) };
}

/** A service whose build context and bind mounts start at the root, so that files of other folders can be merged. */
function absolutePaths(service: ConfigMap, place: PathPlace): ConfigMap {
  const entries = new Map(service.entries);
  const build = entries.get('build');
  if (build !== undefined && build.value.kind !== 'list') {
    const map = buildMap(build.value);
    const context = map.entries.get('context');
    const inner = new Map(map.entries);
    const text = scalarText(context?.value);
    // Without one it is the project's folder, once all files are merged: another file may name it.
    if (context !== undefined && text !== undefined && !/^[a-z]+:\/\/|^git@|^github\.com\//.test(text)) {
      const { span } = context.value;
      inner.set('context', { ...context, value: { kind: 'scalar', value: absolute(text, place), span } });
    }
    entries.set('build', { ...build, value: { ...map, entries: inner } });
  }
  const volumes = entries.get('volumes');
  if (volumes?.value.kind === 'list') {
    const items = volumes.value.items.map((item) => absoluteVolume(item, place));
    entries.set('volumes', { ...volumes, value: { ...volumes.value, items } });
  }
  return { ...service, entries };
}

function absoluteVolume(item: ConfigNode, place: PathPlace): ConfigNode {
  if (item.kind === 'scalar') {
    // Whatever starts with a dot is a path, `.cache` too.
    const match = /^(\.[^:]*|~(?:\/[^:]*)?)(:.*)$/.exec(String(item.value));
    return match === null ? item : { ...item, value: absolute(match[1]!, place) + match[2]! };
  }
  const source = item.kind === 'map' ? item.entries.get('source') : undefined;
  const text = scalarText(source?.value);
  if (item.kind !== 'map' || source === undefined || text === undefined || !/^(?:\.|~(?:\/|$))/.test(text))
    return item;
  const value: ConfigNode = { kind: 'scalar', value: absolute(text, place), span: source.value.span };
  return { ...item, entries: new Map(item.entries).set('source', { ...source, value }) };
}

/** The text of a compose file. Throws `compose/yaml` at the line that is not UTF-8. */
function utf8Text(bytes: Buffer, file: string): string {
  if (isUtf8(bytes)) return bytes.toString('utf8');
  let line = 1;
  for (let at = 0; at < bytes.length; line++) {
    const end = bytes.indexOf(0x0a, at);
    const next = end < 0 ? bytes.length : end + 1;
    if (!isUtf8(bytes.subarray(at, next))) break;
    at = next;
  }
  throw new TrimaranError({
    code: 'compose/yaml',
    message: 'this line is not UTF-8',
    span: { file, line, column: 1 },
    hint: `convert the file: \`iconv -f latin1 -t utf-8 ${file}\``,
  });
}

/** What relative paths start from, and `~`. */
interface PathPlace {
  readonly base: string;
  readonly home: string | undefined;
}

function absolute(path: string, { base, home }: PathPlace): string {
  if (/^~(?:\/|$)/.test(path)) return home === undefined ? path : join(home, path.slice(1));
  return isAbsolute(path) ? path : resolve(base, path);
}
