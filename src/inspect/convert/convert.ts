// From any recipe of a service to another: reads what the image needs, resolves names in the chosen package set, writes
// the other recipe. What cannot be carried over is a comment in the result and a remark of the report.

import { existsSync, readFileSync } from 'node:fs';
import { join, posix, relative } from 'node:path';
import type { RecipeKind } from '../../compose/build-project.ts';
import type { ComposeProject } from '../../compose/load.ts';
import type { Placed, Service } from '../../compose/service.ts';
import { releaseOfSuite } from '../../debian/archive-roots.ts';
import { TrimaranError } from '../../foundation/error.ts';
import type { Host } from '../../foundation/host.ts';
import {
  flakeReferenceFromAttributes,
  parseFlakeReference,
  writeFlakeReference,
} from '../../routes/nix/flakes/flake-reference.ts';
import { findProjectLock } from '../../sets/project-lock.ts';
import { Clones } from './clones.ts';
import { type Draft, type DraftSource, placeSources, workingPath } from './draft.ts';
import { type ImageNeeds, type Requirement, sameSource, sourceName } from './image-needs.ts';
import { readRecipe, recipesOf } from './read-recipe.ts';
import { type ResolvedNames, resolveNames } from './resolve-names.ts';
import { versionFits } from './version-fits.ts';
import { writeDockerfile } from './write-dockerfile.ts';
import { flakeRemarks, writeFlake } from './write-flake.ts';
import { manifestRemarks, workingEntries, writeManifest } from './write-manifest.ts';

export interface ConvertRequest {
  readonly host: Host;
  readonly project: ComposeProject;
  readonly service: string;
  readonly to: RecipeKind;
  /** The recipe to start from; the first there is of another kind when undefined. */
  readonly from?: RecipeKind | undefined;
  /** `debian:bookworm`, `nixpkgs`, `guix`, a reference to a tree of nixpkgs; told from the project when undefined. */
  readonly set?: string | undefined;
}

export interface Conversion {
  readonly from: RecipeKind;
  readonly set: string;
  /** Absolute paths and texts. */
  readonly files: readonly { readonly path: string; readonly text: string }[];
  /** What one types to build it, or puts into `x-trimaran`. */
  readonly command: string;
  /** What was not carried over, where the first recipe says it. */
  readonly remarks: readonly Placed<string>[];
  /** Versions that the recipe asks for and the set has otherwise. */
  readonly versions: readonly { readonly name: string; readonly asked: string; readonly has: string }[];
}

/** Converts. Rejects with `convert/no-recipe`, `compose/unknown-service`, and what reading the recipe throws. */
export async function convertRecipe(request: ConvertRequest): Promise<Conversion> {
  const { host, project, to } = request;
  const service = serviceNamed(project, request.service);
  const clones = new Clones(host);
  try {
    const needs = withProgram(
      outsideMounts(startingInSource(await readNeeds(request, service, clones)), service),
    );
    const set = request.set === undefined ? chooseSet(project, { needs, to }) : givenSet(request.set, to);
    const system = service.platform?.value.includes('arm64') === true ? 'aarch64-linux' : 'x86_64-linux';
    const wanted = [...needs.requirements.map(({ value }) => value), ...baseRequirements(needs, set)];
    const reference =
      set === 'nixpkgs' ? lockedPackages(project.directory) : set === 'guix' ? undefined : set;
    const resolved = await resolveNames(
      { ...host, cwd: project.directory },
      { set, reference, system },
      wanted,
    );
    const sources = placeSources(needs);
    const ports = portsOf(needs, service);
    const draft: Draft = {
      service: service.name,
      imageName: needs.imageName ?? service.imageNames[0]!,
      needs,
      set,
      sources,
      names: uniqueNames(resolved),
      python: needsPython(needs, resolved),
      workingDirectory: workingPath(needs.workingDirectory, sources),
      ports,
      system,
    };
    const remarks = [...needs.remarks, ...remarksOf(draft, resolved, service, to)];
    const versions = versionsOf(needs, resolved);
    for (const { name, asked, has } of versions)
      remarks.push({ value: `${name}: the recipe asks for ${asked}, ${set} has ${has}`, span: start(needs) });
    return { from: needs.kind, set, versions, ...(await write(request, draft, remarks, clones)) };
  } finally {
    clones.remove();
  }
}

/** A command that starts in a root which looks like a source starts as well in that source. */
function startingInSource(needs: ImageNeeds): ImageNeeds {
  const { rootSource, rootFolder, workingDirectory } = needs;
  if (workingDirectory !== undefined) return needs;
  if (rootFolder !== undefined) {
    const { value: path, span } = rootFolder;
    return { ...needs, workingDirectory: { value: { kind: 'path', path }, span } };
  }
  if (rootSource === undefined) return needs;
  return {
    ...needs,
    workingDirectory: {
      value: { kind: 'source', source: rootSource.value, inside: '' },
      span: rootSource.span,
    },
  };
}

/** Where compose mounts something over the whole source, the command starts in that, not in a store's copy. */
function outsideMounts(needs: ImageNeeds, service: Service): ImageNeeds {
  const working = needs.workingDirectory?.value;
  if (working?.kind !== 'source' || working.source.target === undefined) return needs;
  const { target } = working.source;
  const isMounted = service.overrides.volumes.some(
    ({ value }) => value.target !== '/' && `${target}/`.startsWith(`${posix.normalize(value.target)}/`),
  );
  if (!isMounted) return needs;
  const path = posix.join(target, working.inside);
  return {
    ...needs,
    workingDirectory: { value: { kind: 'path', path }, span: needs.workingDirectory!.span },
  };
}

/** Of requirements that nobody could read, the program that starts is at least one. */
function withProgram(needs: ImageNeeds): ImageNeeds {
  const { unreadRequirements = [], entrypoint, command, requirements } = needs;
  const [program] = [...(entrypoint?.value ?? []), ...(command?.value ?? [])];
  const isKnown = requirements.some(({ value }) => value.name.toLowerCase() === program);
  if (unreadRequirements.length === 0 || program === undefined || isKnown) return needs;
  if (!/^[a-z][a-z0-9-]*$/.test(program) || /^(?:python\d*|sh|bash)$/.test(program)) return needs;
  const { span } = (entrypoint ?? command)!;
  return {
    ...needs,
    requirements: [...requirements, { value: { from: 'python', name: program, version: '' }, span }],
  };
}

function serviceNamed(project: ComposeProject, name: string): Service {
  const service = project.services.find((one) => one.name === name);
  if (service !== undefined) return service;
  throw new TrimaranError({
    code: 'compose/unknown-service',
    message: `the project has no service \`${name}\``,
    hint: `it has ${project.services.map((one) => one.name).join(', ')}`,
    exitCode: 2,
  });
}

async function readNeeds(request: ConvertRequest, service: Service, clones: Clones): Promise<ImageNeeds> {
  const { project, to, from, host } = request;
  const kinds = recipesOf(project, service).filter((kind) =>
    from === undefined ? kind !== to : kind === from,
  );
  for (const kind of kinds) {
    const needs = await readRecipe({ host, project, service, kind }, (source, path) =>
      clones.read(source, path),
    );
    if (needs !== undefined) return needs;
  }
  throw new TrimaranError({
    code: 'convert/no-recipe',
    message: `the service \`${service.name}\` has no ${from ?? 'other'} recipe to convert to ${to}`,
    span: service.span,
    hint: `write one, or name another with --from; it has ${recipesOf(project, service).join(', ') || 'none'}`,
  });
}

/** Throws `convert/wrong-set` and `flake/bad-reference` for what is none, or not for that kind of recipe. */
function givenSet(set: string, to: RecipeKind): string {
  const isDebian = set.startsWith('debian:');
  if (to === 'guix' ? !isDebian && set !== 'guix' : to === 'nix' && set === 'guix')
    throw new TrimaranError({
      code: 'convert/wrong-set',
      message: `a ${to === 'guix' ? 'manifest' : 'flake'} takes no packages from \`${set}\``,
      hint: `name a set that it can: --set debian:bookworm, or --set ${to === 'guix' ? 'guix' : 'nixpkgs'}`,
      exitCode: 2,
    });
  if (!isDebian && set !== 'guix') parseFlakeReference(set);
  return set;
}

/** The tree of nixpkgs that the project's flake has pinned; undefined when it has none. */
function lockedPackages(directory: string): string | undefined {
  const path = join(directory, 'flake.lock');
  if (!existsSync(path)) return undefined;
  try {
    const { nodes, root } = JSON.parse(readFileSync(path, 'utf8'));
    const { locked } = nodes[nodes[root].inputs.nixpkgs];
    return writeFlakeReference(flakeReferenceFromAttributes(locked));
  } catch {
    // No lock of a flake that has such an input, or none at all: whoever builds the flake is told.
    return undefined;
  }
}

/** The set that the project uses already: its lock's release, the base image's, or else the recipe's own set. */
function chooseSet(
  project: ComposeProject,
  { needs, to }: { readonly needs: ImageNeeds; readonly to: RecipeKind },
): string {
  const suites = [...(findProjectLock(project.directory).lock?.debian.keys() ?? [])];
  const locked = suites.find((suite) => releaseOfSuite(suite) === suite);
  if (locked !== undefined) return `debian:${locked}`;
  const [, suite] =
    /^(?:docker\.io\/)?(?:library\/)?debian:([a-z]+)(?:-|$|@)/.exec(needs.base?.value ?? '') ?? [];
  if (suite !== undefined && suite !== 'stable' && suite !== 'latest') return `debian:${suite}`;
  for (const file of ['flake.nix', 'channels.scm']) {
    const path = join(project.directory, file);
    const [, named] = existsSync(path)
      ? (/"(debian:[a-z]+[^"]*)"/.exec(readFileSync(path, 'utf8')) ?? [])
      : [];
    if (named !== undefined) return named;
  }
  return to === 'guix' ? 'guix' : 'nixpkgs';
}

/** What a base image is for, where its name says so. */
const baseNames: Readonly<Record<string, string>> = {
  golang: 'go',
  httpd: 'apache2',
  nginx: 'nginx',
  node: 'nodejs',
  php: 'php',
  postgres: 'postgresql',
  redis: 'redis-server',
  ruby: 'ruby',
};
/** Where other sets call it otherwise than Debian does. */
const otherNames: Readonly<Record<string, string>> = { apache2: 'apacheHttpd', 'redis-server': 'redis' };
const plainBases = /^(?:alpine|debian|fedora|scratch|ubuntu|busybox|rockylinux|almalinux)$/;

function baseName(needs: ImageNeeds): string | undefined {
  return needs.base?.value
    .replace(/@.*$/, '')
    .replace(/:[^/:]*$/, '')
    .replace(/^.*\//, '');
}

/** Commands that a base image has and a package set brings only by name. */
function baseRequirements(needs: ImageNeeds, set: string): Requirement[] {
  const name = baseName(needs);
  const debian = name === undefined ? undefined : baseNames[name];
  const known = set.startsWith('debian:') ? debian : (otherNames[debian ?? ''] ?? debian);
  const from = set.startsWith('debian:') ? 'debian' : 'other';
  const tools = usesShell(needs) ? ['bash', 'coreutils', 'util-linux'] : [];
  const [, tag] = /:(\d+(?:\.\d+)*)(?:[-.@]|$)/.exec(needs.base?.value ?? '') ?? [];
  const version = tag === undefined ? '' : `==${tag}.*`;
  return [
    ...(known === undefined ? [] : [{ from, name: known, version } as const]),
    ...tools.map((tool) => ({ from, name: tool, version: '' }) as const),
  ];
}

/** A script starts the image, or a line for the shell. */
function usesShell(needs: ImageNeeds): boolean {
  if (needs.kind === 'nix') return false;
  const [program] = [...(needs.entrypoint?.value ?? []), ...(needs.command?.value ?? [])];
  return program !== undefined && (/\.sh$/.test(program) || /(?:^|\/)(?:ba|da)?sh$/.test(program));
}

function needsPython(needs: ImageNeeds, resolved: ResolvedNames): boolean {
  return (
    baseName(needs) === 'python' ||
    resolved.names.some((name) => name.python !== undefined || name.plain === 'python3')
  );
}

function uniqueNames({ names }: ResolvedNames): ResolvedNames['names'] {
  const seen = new Set<string>();
  return names.filter((name) => {
    const key = name.python === undefined ? `plain ${name.plain}` : `python ${name.python}`;
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

function portsOf(needs: ImageNeeds, service: Service): string[] {
  const published = service.overrides.ports.map(({ value }) => `${value.target}/${value.protocol}`);
  return [...new Set([...needs.ports.map(({ value }) => value), ...published])];
}

function start(needs: ImageNeeds) {
  return { file: needs.file, line: 1, column: 1 };
}

function remarksOf(
  draft: Draft,
  resolved: ResolvedNames,
  service: Service,
  to: RecipeKind,
): Placed<string>[] {
  const { needs, set } = draft;
  const remarks: Placed<string>[] = [];
  const name = baseName(needs);
  if (needs.base !== undefined && name !== undefined && !plainBases.test(name) && name !== 'python') {
    const known = baseNames[name];
    remarks.push({
      value: `what ${needs.base.value} holds beside ${known ?? 'its system'}: variables, entry point and files of the base image`,
      span: needs.base.span,
    });
  }
  if (needs.kind === 'dockerfile' && needs.command === undefined && needs.entrypoint === undefined)
    remarks.push({
      value: 'the command of the base image; the recipe has none of its own',
      span: start(needs),
    });
  const user = needs.user?.value.split(':', 1)[0] ?? '';
  if (needs.user !== undefined && !/^(?:\d+|root|nobody|www-data|)$/.test(user))
    remarks.push({
      value: `the user ${user} itself; a number needs no entry in /etc/passwd`,
      span: needs.user.span,
    });
  if (to === 'nix') {
    for (const { source, target } of draft.sources) {
      const outer = draft.sources.find((one) => target.startsWith(`${one.target}/`));
      const placed = needs.sources.find(({ value }) => sameSource(value, source));
      if (outer !== undefined)
        remarks.push({
          value: `${sourceName(source)} at ${target}: it lies inside ${sourceName(outer.source)}, which comes whole; put it in there`,
          span: placed?.span ?? start(needs),
        });
    }
  }
  const program = unknownProgram(draft, resolved);
  if (program !== undefined && to !== 'dockerfile')
    remarks.push({
      value: `the program ${program}: no package that is asked for is called like it; add the one that has it`,
      span: (needs.entrypoint ?? needs.command)!.span,
    });
  if (usesShell(needs) && to !== 'dockerfile')
    remarks.push({
      value: 'tools of the base image but bash, coreutils and util-linux; add the packages that scripts use',
      span: (needs.entrypoint ?? needs.command)!.span,
    });
  for (const requirement of resolved.missing) {
    const placed = needs.requirements.find(({ value }) => value === requirement);
    remarks.push({ value: `${set} has no ${requirement.name}`, span: placed?.span ?? start(needs) });
  }
  const asked = needs.requirements.filter(({ value }) => value.version !== '');
  if (resolved.unchecked !== undefined && asked.length > 0)
    remarks.push({
      value: `versions, which were not compared: ${asked.map(({ value }) => `${value.name} ${value.version}`).join(', ')}`,
      span: asked[0]!.span,
    });
  if (resolved.unchecked !== undefined && resolved.names.length > 0) {
    const value =
      to === 'dockerfile' && !set.startsWith('debian:')
        ? 'names of packages are as the recipe has them and were not looked up in Debian; `--set debian:bookworm` does that'
        : resolved.unchecked;
    remarks.push({ value, span: start(needs) });
  }
  const { workingDir } = service.overrides;
  if (workingDir !== undefined && to === 'nix' && needs.workingDirectory?.value.kind === 'source')
    remarks.push({
      value: `compose sets \`working_dir: ${workingDir.value}\`; remove it, the image's own is the source`,
      span: workingDir.span,
    });
  const ignored = draft.sources.flatMap(({ source }) =>
    source.kind === 'local' && existsSync(join(source.path, '.dockerignore')) ? [source.path] : [],
  );
  if (to !== 'dockerfile' && ignored.length > 0 && needs.kind === 'dockerfile')
    remarks.push({ value: 'what .dockerignore leaves out comes along', span: start(needs) });
  return remarks;
}

/** The program that starts, where no package that was asked for has a name like it. */
function unknownProgram({ needs, python }: Draft, resolved: ResolvedNames): string | undefined {
  const [program] = [...(needs.entrypoint?.value ?? []), ...(needs.command?.value ?? [])];
  if (needs.kind === 'nix' || program === undefined || program.includes('/') || usesShell(needs))
    return undefined;
  if (python && /^python[\d.]*$/.test(program)) return undefined;
  const isLike = resolved.names.some(({ requirement, plain, python: distribution }) =>
    [requirement.name, plain, distribution].some((name) => {
      const known = name?.toLowerCase().replace(/[\d.-]+$/, '') ?? '';
      return known !== '' && (program.startsWith(known) || known.startsWith(program));
    }),
  );
  return isLike ? undefined : program;
}

function versionsOf(needs: ImageNeeds, resolved: ResolvedNames): Conversion['versions'] {
  const versions = resolved.names.flatMap(({ requirement, version }) =>
    requirement.version === '' || version === undefined || versionFits(version, requirement.version)
      ? []
      : [{ name: requirement.name, asked: requirement.version, has: version }],
  );
  const [, python] = /(?:^|\/)python:(\d[\d.]*)/.exec(needs.base?.value ?? '') ?? [];
  if (python === undefined || resolved.python === undefined) return versions;
  if (versionFits(resolved.python, `==${python}.*`) || versionFits(resolved.python, `==${python}`))
    return versions;
  return [{ name: 'python', asked: python, has: resolved.python }, ...versions];
}

async function write(
  request: ConvertRequest,
  draft: Draft,
  remarks: Placed<string>[],
  clones: Clones,
): Promise<Pick<Conversion, 'files' | 'command' | 'remarks'>> {
  const { project, to } = request;
  const { directory } = project;
  const shown = (list: readonly Placed<string>[]) =>
    list.map(({ value, span }) => ({ value, span: { ...span, file: shownPath(directory, span.file) } }));
  switch (to) {
    case 'nix': {
      const all = [...remarks, ...flakeRemarks(draft, directory)];
      const text = writeFlake(draft, { directory, remarks: shown(all) });
      return {
        files: [{ path: join(directory, 'flake.nix'), text }],
        command: `nix build .#${draft.service}`,
        remarks: all,
      };
    }
    case 'guix': {
      const hashes = new Map<DraftSource, string>();
      for (const source of draft.sources) {
        const hash = source.source.kind === 'git' ? await clones.hash(source.source) : undefined;
        if (hash !== undefined) hashes.set(source, hash);
      }
      const entries = new Map<DraftSource, readonly string[]>();
      for (const source of draft.sources) {
        const found = await clones.entries(source.source);
        if (found !== undefined) entries.set(source, found);
      }
      const facts = {
        entriesOf: (source: DraftSource) => entries.get(source),
        hashOf: (source: DraftSource) => hashes.get(source),
        workingEntries: await workingEntries(draft, ({ source }, inside) => clones.entries(source, inside)),
      };
      const all = [...remarks, ...manifestRemarks(draft, facts)];
      const { manifest, channels, command } = writeManifest(draft, {
        directory,
        remarks: shown(all),
        ...facts,
      });
      return {
        files: [
          { path: join(directory, 'manifest.scm'), text: manifest },
          ...(channels === undefined ? [] : [{ path: join(directory, 'channels.scm'), text: channels }]),
        ],
        command,
        remarks: all,
      };
    }
    default: {
      const service = serviceNamed(project, request.service);
      const context = contextOf(service, draft) ?? directory;
      const text = writeDockerfile(draft, { context, remarks: shown(remarks) });
      const path = service.build?.dockerfile?.value ?? join(context, 'Dockerfile');
      return { files: [{ path, text }], command: `docker-compose build ${draft.service}`, remarks };
    }
  }
}

/** The build context: compose's own, or the folder that holds every local source. */
function contextOf(service: Service, draft: Draft): string | undefined {
  const context = service.build?.context.value;
  if (context === undefined) return undefined;
  const outside = draft.sources.some(
    ({ source }) => source.kind === 'local' && relative(context, source.path).startsWith('..'),
  );
  return outside ? undefined : context;
}

function shownPath(directory: string, file: string): string {
  if (!file.startsWith('/')) return file;
  const path = relative(directory, file);
  return path.startsWith('..') ? file : path;
}
