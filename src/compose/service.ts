// A service of a compose project as Trimaran uses it: what builds its image, what the image is called, and what
// compose lays over it. Read from a merged, validated tree; every value keeps its place.
import { isAbsolute, join } from 'node:path';
import { type Span, TrimaranError } from '../foundation/error.ts';
import type { InlinePlace } from '../routes/dockerfile/inline-place.ts';
import { type ConfigMap, type ConfigNode, childOf, scalarText } from './config-node.ts';
import { buildMap, mapOfPairs } from './merge.ts';
import { type PortMapping, parsePort, parseVolume, type VolumeMount } from './short-forms.ts';
import { splitCommand } from './split-command.ts';

/** A value and where the compose file has it. */
export interface Placed<Value> {
  readonly value: Value;
  readonly span: Span;
}

export interface BuildSection {
  /** Absolute path, or a URL as written. */
  readonly context: Placed<string>;
  /** Absolute path of the Dockerfile; absent when it is `inline`, or when the context is remote. */
  readonly dockerfile?: Placed<string>;
  /** A Dockerfile in the compose file itself, and where its first character stands. */
  readonly inline?: Placed<string> & { readonly place: InlinePlace };
  /** Names that stand for what is elsewhere in `FROM` and `--from`: folders, `docker-image://…`, git, other services. */
  readonly additionalContexts: ReadonlyMap<string, Placed<string>>;
  readonly args: ReadonlyMap<string, Placed<string>>;
  readonly target?: Placed<string>;
  readonly labels: ReadonlyMap<string, string>;
  /** Keys that decide about the image and that Trimaran does not know how to follow. */
  readonly unsupported: readonly Placed<string>[];
  readonly span: Span;
}

export interface ServiceOverrides {
  readonly workingDir?: Placed<string>;
  readonly command?: Placed<readonly string[]>;
  readonly entrypoint?: Placed<readonly string[]>;
  readonly user?: Placed<string>;
  readonly ports: readonly Placed<PortMapping>[];
  readonly volumes: readonly Placed<VolumeMount>[];
  /** Null where compose takes the value from the shell and the shell has none. */
  readonly environment: ReadonlyMap<string, Placed<string | null>>;
}

export interface Service {
  readonly name: string;
  readonly span: Span;
  readonly build?: BuildSection;
  readonly image?: Placed<string>;
  /** What the image is called: by docker-compose 1.29, then by Compose 2; one name where `image:` is given. */
  readonly imageNames: readonly string[];
  /** Commands of `x-trimaran`, by kind of recipe. */
  readonly recipes: ReadonlyMap<'nix' | 'guix' | 'dockerfile', Placed<string>>;
  readonly profiles: readonly string[];
  /** Whether its profiles are on, or it has none. */
  readonly enabled: boolean;
  readonly platform?: Placed<string>;
  readonly overrides: ServiceOverrides;
}

/** Reads one service. Throws `compose/invalid` for a port, volume or command that is none. */
export function readService(
  name: string,
  node: ConfigMap,
  context: {
    readonly projectName: string;
    readonly recipes: ConfigNode | undefined;
    readonly profiles: ReadonlySet<string>;
    readonly environment: Readonly<Record<string, string | undefined>>;
  },
): Service {
  const image = placedText(childOf(node, 'image'));
  const build = childOf(node, 'build');
  const profiles = itemsOf(childOf(node, 'profiles')).flatMap((item) => scalarText(item) ?? []);
  const platform = placedText(childOf(node, 'platform'));
  const recipes = new Map<'nix' | 'guix' | 'dockerfile', Placed<string>>();
  for (const kind of ['nix', 'guix', 'dockerfile'] as const) {
    const recipe = placedText(childOf(context.recipes, kind));
    if (recipe !== undefined) recipes.set(kind, recipe);
  }
  const { projectName } = context;
  if (image === undefined && build === undefined && childOf(node, 'provider') === undefined) {
    throw new TrimaranError({
      code: 'compose/invalid',
      message: `service \`${name}\` has neither \`image\` nor \`build\``,
      span: node.span,
      hint: `name its image: \`image: ${projectName}_${name}\``,
    });
  }
  return {
    name,
    span: node.span,
    imageNames: image === undefined ? [`${projectName}_${name}`, `${projectName}-${name}`] : [image.value],
    recipes,
    profiles,
    enabled:
      profiles.length === 0 ||
      profiles.some((profile) => context.profiles.has(profile) || context.profiles.has('*')),
    overrides: readOverrides(node, context.environment),
    ...(build === undefined ? {} : { build: readBuild(buildMap(build), context.environment) }),
    ...(image === undefined ? {} : { image }),
    ...(platform === undefined ? {} : { platform }),
  };
}

const unsupportedKeys = ['additional_contexts', 'secrets', 'ssh', 'entitlements', 'privileged'];

function readBuild(node: ConfigMap, shell: Readonly<Record<string, string | undefined>>): BuildSection {
  const context = placedText(childOf(node, 'context')) ?? { value: '.', span: node.span };
  const dockerfile = placedText(childOf(node, 'dockerfile'));
  const inlineNode = childOf(node, 'dockerfile_inline');
  const inline = placedText(inlineNode);
  const contexts = childOf(node, 'additional_contexts');
  const additionalContexts = new Map<string, Placed<string>>();
  for (const [name, { value }] of contexts === undefined ? [] : mapOfPairs(contexts).entries) {
    additionalContexts.set(name, { value: scalarText(value) ?? '', span: value.span });
  }
  const target = placedText(childOf(node, 'target'));
  const args = new Map<string, Placed<string>>();
  const written = childOf(node, 'args');
  for (const [arg, entry] of written === undefined ? [] : mapOfPairs(written).entries) {
    // Without a value it is taken from where compose runs, and left out when it is not there either.
    const value = scalarText(entry.value) ?? shell[arg];
    if (value !== undefined) args.set(arg, { value, span: entry.value.span });
  }
  const labels = childOf(node, 'labels');
  const labelled = labels === undefined ? [] : [...mapOfPairs(labels).entries];
  const isLocal = !/^[a-z]+:\/\/|^git@|^github\.com\//.test(context.value);
  const name = dockerfile?.value ?? 'Dockerfile';
  const path = isAbsolute(name) ? name : join(context.value, name);
  return {
    context,
    args,
    labels: new Map(labelled.map(([name, { value }]) => [name, scalarText(value) ?? ''])),
    unsupported: unsupportedKeys.flatMap((key) => {
      const entry = node.entries.get(key);
      return entry === undefined ? [] : [{ value: key, span: entry.keySpan }];
    }),
    span: node.span,
    ...(isLocal && inline === undefined
      ? { dockerfile: { value: path, span: dockerfile?.span ?? context.span } }
      : {}),
    additionalContexts,
    ...(inline === undefined ? {} : { inline: { ...inline, place: inlinePlace(inline.span, inlineNode) } }),
    ...(target === undefined ? {} : { target }),
  };
}

function readOverrides(
  node: ConfigMap,
  shell: Readonly<Record<string, string | undefined>>,
): ServiceOverrides {
  const workingDir = placedText(childOf(node, 'working_dir'));
  const user = placedText(childOf(node, 'user'));
  const command = readCommand(childOf(node, 'command'));
  const entrypoint = readCommand(childOf(node, 'entrypoint'));
  const ports = itemsOf(childOf(node, 'ports')).flatMap((item) => {
    const mappings = parsePort(item);
    if (mappings === undefined) throw invalid(item, 'a port', '`8000:80`, `127.0.0.1:8000:80/tcp`');
    return mappings.map((value) => ({ value, span: item.span }));
  });
  const volumes = itemsOf(childOf(node, 'volumes')).map((item) => {
    const value = parseVolume(item);
    if (value === undefined) throw invalid(item, 'a volume', '`./data:/data`, `name:/data:ro`');
    return { value, span: item.span };
  });
  const environment = new Map<string, Placed<string | null>>();
  const variables = childOf(node, 'environment');
  for (const [variable, entry] of variables === undefined ? [] : mapOfPairs(variables).entries) {
    const value = scalarText(entry.value) ?? shell[variable] ?? null;
    environment.set(variable, { value, span: entry.value.span });
  }
  return {
    ports,
    volumes,
    environment,
    ...(workingDir === undefined ? {} : { workingDir }),
    ...(user === undefined ? {} : { user }),
    ...(command === undefined ? {} : { command }),
    ...(entrypoint === undefined ? {} : { entrypoint }),
  };
}

function readCommand(node: ConfigNode | undefined): Placed<readonly string[]> | undefined {
  if (node === undefined || (node.kind === 'scalar' && node.value === null)) return undefined;
  if (node.kind === 'list') {
    return { value: node.items.flatMap((item) => scalarText(item) ?? []), span: node.span };
  }
  const words = splitCommand(scalarText(node) ?? '');
  if (words === undefined)
    throw invalid(node, 'a command', 'a list, `["a", "b c"]`, or a line with its quotes closed');
  return { value: words, span: node.span };
}

function invalid(node: ConfigNode, what: string, example: string): TrimaranError {
  return new TrimaranError({
    code: 'compose/invalid',
    message: `\`${scalarText(node) ?? '…'}\` is not ${what}`,
    span: node.span,
    hint: `write it as ${example}`,
  });
}

function inlinePlace({ file, line, column }: Span, node: ConfigNode | undefined): InlinePlace {
  const content = node?.kind === 'scalar' ? node.contentAt : undefined;
  return { file, ...(content ?? { line, column }), isVerbatim: content !== undefined };
}

function placedText(node: ConfigNode | undefined): Placed<string> | undefined {
  const value = scalarText(node);
  return node === undefined || value === undefined ? undefined : { value, span: node.span };
}

function itemsOf(node: ConfigNode | undefined): readonly ConfigNode[] {
  return node?.kind === 'list' ? node.items : [];
}
