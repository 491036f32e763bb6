// Every recipe of a service side by side: how each says what it says, what it takes from outside, what comes of it.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { isAbsolute, join, relative, resolve } from 'node:path';
import { type RecipeKind, selectRecipes } from '../../compose/build-project.ts';
import type { ComposeProject } from '../../compose/load.ts';
import type { Service } from '../../compose/service.ts';
import { isTrimaranError, type Span, TrimaranError } from '../../foundation/error.ts';
import type { Host } from '../../foundation/host.ts';
import { defaultNixSettings } from '../../routes/nix/settings.ts';
import { auditProject } from '../audit/audit.ts';
import type { Finding, Input } from '../audit/finding.ts';
import type { ImageNeeds } from '../convert/image-needs.ts';
import { readRecipe, recipeFile, recipesOf } from '../convert/read-recipe.ts';
import { type BuildProblem, type BuiltRecipe, buildRecipe, problemOf } from './build-recipe.ts';
import {
  type ConfigRow,
  compareConfigs,
  comparePackages,
  type FilesOnlyIn,
  filesOnlyIn,
  type PackageRow,
  sharedLayers,
} from './differences.ts';
import { type ImageFacts, imagePaths } from './image-facts.ts';
import { measureRecipe } from './measure.ts';
import { type ProbeResult, type ProbeTarget, probeImage } from './probe.ts';
import { recipeStatements, type Statements } from './recipe-statements.ts';

export interface ColumnImage {
  readonly facts: ImageFacts;
  readonly archive: string;
  readonly packed: number;
  readonly sharedLayers: number;
  readonly onlyHere: FilesOnlyIn | undefined;
}

export interface Column {
  readonly kind: RecipeKind;
  /** The package set that it was built over, where that is what is compared. */
  readonly set: string | undefined;
  /** As the user would name it. */
  readonly file: string;
  /** Files of the recipe with their texts, the first the recipe itself. */
  readonly texts: readonly { readonly file: string; readonly text: string }[];
  /** Undefined when the recipe cannot be read as text. */
  readonly says: Statements | undefined;
  /** What one types to get the image and run it. */
  readonly commands: readonly string[];
  readonly inputs: {
    readonly pinned: number;
    readonly total: number;
    /** Files that hold the pins. */
    readonly pinsIn: readonly string[];
    readonly drifts: readonly { readonly subject: string; readonly why: string; readonly place: string }[];
  };
  /** Undefined when there is a `problem`. */
  readonly image: ColumnImage | undefined;
  readonly problem: BuildProblem | undefined;
  readonly times:
    | { readonly cold: number; readonly warm: number; readonly changed: number | undefined }
    | undefined;
  readonly reproducible: { readonly same: boolean; readonly detail: string } | undefined;
  readonly probe: ProbeResult | undefined;
}

export interface ServiceComparison {
  readonly service: string;
  /** Empty where there is a `problem`. */
  readonly columns: readonly Column[];
  /** Why there is nothing to compare. */
  readonly problem: BuildProblem | undefined;
  /** What a reader should know before the tables. */
  readonly note: string | undefined;
  readonly packages: readonly PackageRow[];
  readonly config: readonly ConfigRow[];
}

export interface CompareRequest {
  readonly host: Host;
  readonly project: ComposeProject;
  /** All that have a recipe when empty. */
  readonly services: readonly string[];
  readonly measure: boolean;
  readonly verify: boolean;
  readonly probe: ProbeTarget | undefined;
  /** The longest that an image may take to answer the probe, in milliseconds. */
  readonly patience?: number | undefined;
  /** Package sets to build the flake over, in place of comparing recipes; none by default. */
  readonly sets: readonly string[];
}

/**
 * Compares. What cannot be built, measured or started is in its column. Rejects with `compose/unknown-service` and
 * `compose/no-recipe`.
 */
export async function compareRecipes(request: CompareRequest): Promise<ServiceComparison[]> {
  const { project } = request;
  for (const name of request.services) {
    if (project.services.some((service) => service.name === name)) continue;
    throw new TrimaranError({
      code: 'compose/unknown-service',
      message: `the project has no service \`${name}\``,
      hint: `it has ${project.services.map((service) => service.name).join(', ')}`,
      exitCode: 2,
    });
  }
  const audit = auditOf(project);
  const comparisons: ServiceComparison[] = [];
  for (const service of project.services) {
    if (request.services.length === 0 ? !service.enabled : !request.services.includes(service.name)) continue;
    const recipes = await usableKinds(request, service);
    const kinds =
      request.sets.length === 0
        ? recipes
        : recipes
            .filter(({ kind }) => kind === 'nix')
            .flatMap((recipe) => request.sets.map((set) => ({ ...recipe, set })));
    if (kinds.length > 0) comparisons.push(await compareService(request, { service, kinds, audit }));
    else if (request.services.length > 0)
      comparisons.push({
        ...{ service: service.name, columns: [], packages: [], config: [], note: undefined },
        problem: problemOf(noRecipe(service, request.sets)),
      });
  }
  const first = project.services.find(
    ({ name }) => request.services.length === 0 || request.services.includes(name),
  );
  if (comparisons.every(({ problem }) => problem !== undefined)) throw noRecipe(first, request.sets);
  return comparisons;
}

function noRecipe(service: Service | undefined, sets: readonly string[]): TrimaranError {
  if (service !== undefined && sets.length > 0) {
    return new TrimaranError({
      code: 'compose/no-recipe',
      message: `the service \`${service.name}\` has no flake, which is what sets are compared by`,
      span: service.span,
      hint: `write one: \`trimaran convert ${service.name} --to nix --write\``,
    });
  }
  return new TrimaranError({
    code: 'compose/no-recipe',
    message:
      service === undefined ? 'the project has no service' : `the service \`${service.name}\` has no recipe`,
    span: service?.span,
    hint: 'write a Dockerfile, a flake.nix or a manifest.scm, or name one in x-trimaran',
  });
}

interface UsableRecipe {
  readonly kind: RecipeKind;
  readonly set?: string;
  readonly needs: ImageNeeds | undefined;
}

/** Recipes that are for this service: a flake or manifest beside the compose file may be for another one. */
async function usableKinds({ host, project }: CompareRequest, service: Service): Promise<UsableRecipe[]> {
  const usable: UsableRecipe[] = [];
  for (const kind of recipesOf(project, service)) {
    let needs: ImageNeeds | undefined;
    try {
      needs = await readRecipe({ host, project, service, kind });
    } catch (error) {
      if (!isTrimaranError(error)) throw error;
    }
    const named = service.recipes.has(kind);
    const isOwn =
      kind === 'dockerfile' ||
      named ||
      (kind === 'nix' && (needs !== undefined || (await isMadeByFlake(host, project, service))));
    if (isOwn) usable.push({ kind, needs });
  }
  return usable;
}

/** Whether an output of the flake is the service's, where reading its text alone does not tell. */
async function isMadeByFlake(host: Host, project: ComposeProject, { name }: Service): Promise<boolean> {
  try {
    const settings = defaultNixSettings;
    return (await selectRecipes({ host, project, services: [name], kind: 'nix', settings })).length > 0;
  } catch (error) {
    if (isTrimaranError(error)) return false;
    throw error;
  }
}

function auditOf(project: ComposeProject): {
  readonly inputs: readonly Input[];
  readonly findings: readonly Finding[];
} {
  try {
    return auditProject(project, { directory: project.directory });
  } catch (error) {
    // A recipe that does not parse has its say in its column.
    if (isTrimaranError(error)) return { inputs: [], findings: [] };
    throw error;
  }
}

async function compareService(
  request: CompareRequest,
  given: {
    readonly service: Service;
    readonly kinds: readonly UsableRecipe[];
    readonly audit: ReturnType<typeof auditOf>;
  },
): Promise<ServiceComparison> {
  const { host, project } = request;
  const { service, kinds, audit } = given;
  const results = new Map<UsableRecipe, BuiltRecipe | BuildProblem>();
  // Flakes and manifests may write the lock, whose release also dates what a Dockerfile gives: so that one comes last.
  for (const recipe of kinds.toSorted(
    (a, b) => Number(a.kind === 'dockerfile') - Number(b.kind === 'dockerfile'),
  ))
    results.set(recipe, await buildRecipe(host, { project, service, ...recipe, afresh: request.verify }));
  const built = kinds.map((recipe) => results.get(recipe)!);
  const facts = built.map((one) => ('facts' in one ? one.facts : undefined));
  const shared = sharedLayers(facts);
  const only = filesOnlyIn(
    facts.map((one) => (one === undefined ? undefined : imagePaths(host, one.configDigest))),
  );
  const columns: Column[] = [];
  for (const [index, { kind, needs, set }] of kinds.entries()) {
    const one = built[index]!;
    const texts = recipeTexts(project, service, kind);
    const linesOf = (file: string) => (texts.find((text) => text.file === file)?.text ?? '').split('\n');
    const image: ColumnImage | undefined =
      'facts' in one
        ? {
            facts: one.facts,
            archive: one.archive,
            packed: one.packed,
            sharedLayers: shared[index]!,
            onlyHere: only[index],
          }
        : undefined;
    columns.push({
      kind,
      set,
      file: texts[0]?.file ?? kind,
      texts,
      says: needs === undefined ? undefined : recipeStatements(needs, linesOf),
      commands: commandsOf(kind, 'facts' in one ? one.command : service.recipes.get(kind)?.value),
      inputs: inputsOf(project, { kind, files: texts.map((text) => text.file), audit }),
      image,
      problem: 'facts' in one ? undefined : one,
      ...(await extras(request, { service, kind, needs, built: one })),
    });
  }
  return {
    service: service.name,
    columns,
    problem: undefined,
    note: columns.length === 1 && request.sets.length === 0 ? onlyOne(service, columns[0]!.kind) : undefined,
    packages: comparePackages(facts),
    config: compareConfigs(facts),
  };
}

function onlyOne(service: Service, kind: RecipeKind): string {
  const other = kind === 'nix' ? 'dockerfile' : 'nix';
  return `one recipe only, so nothing stands beside it; \`trimaran convert ${service.name} --to ${other}\` writes another`;
}

/** What takes time and is done only when asked for. */
async function extras(
  { host, project, measure, verify, probe, patience }: CompareRequest,
  {
    service,
    kind,
    needs,
    built,
  }: {
    readonly service: Service;
    readonly kind: RecipeKind;
    readonly needs: ImageNeeds | undefined;
    readonly built: BuiltRecipe | BuildProblem;
  },
): Promise<Pick<Column, 'times' | 'reproducible' | 'probe'>> {
  if (!('facts' in built)) return { times: undefined, reproducible: undefined, probe: undefined };
  const choice = { project, service, kind };
  const measured =
    measure || verify
      ? await measureRecipe(host, {
          ...choice,
          purpose: measure ? 'times' : 'verify',
          changes: needs === undefined ? undefined : fileToChange(needs),
        })
      : undefined;
  return {
    times:
      measured !== undefined && 'cold' in measured
        ? { cold: measured.cold!, warm: measured.warm!, changed: measured.changed }
        : undefined,
    reproducible: !verify || measured === undefined ? undefined : verdict(built.facts.configDigest, measured),
    probe:
      probe === undefined
        ? undefined
        : await probeImage(host, { open: () => built.open(), service, target: probe, patience }),
  };
}

function verdict(
  digest: string,
  measured: { readonly configDigest: string } | { readonly reason: string },
): NonNullable<Column['reproducible']> {
  if ('reason' in measured) return { same: false, detail: `a second build failed: ${measured.reason}` };
  const same = measured.configDigest === digest;
  return { same, detail: same ? digest : `${digest} and then ${measured.configDigest}` };
}

/** A source file that the image takes from the project; code rather than a lock or recipe. */
function fileToChange(needs: ImageNeeds): string | undefined {
  for (const { value } of needs.sources) {
    if (value.kind !== 'local' || !existsSync(value.path)) continue;
    const found = statSync(value.path).isFile() ? value.path : firstCode(value.path, 0);
    if (found !== undefined) return found;
  }
  return undefined;
}

function firstCode(folder: string, depth: number): string | undefined {
  const entries = readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  const file = entries.find(
    (entry) => entry.isFile() && /\.(?:py|js|ts|rb|go|rs|php|txt|html|sql|sh)$/.test(entry.name),
  );
  if (depth > 0 && file !== undefined) return join(folder, file.name);
  for (const entry of entries) {
    if (!entry.isDirectory() || entry.name.startsWith('.') || depth > 4) continue;
    const inside = firstCode(join(folder, entry.name), depth + 1);
    if (inside !== undefined) return inside;
  }
  return file === undefined ? undefined : join(folder, file.name);
}

/** The recipe's files: itself first, then those that belong to it, and the compose file where that has its command. */
function recipeTexts(project: ComposeProject, service: Service, kind: RecipeKind): Column['texts'] {
  const found = recipeFile(project, service, kind);
  if (found === undefined) return [];
  const beside = { nix: [], guix: ['channels.scm'], dockerfile: [] }[kind];
  const command = service.recipes.get(kind)?.span.file;
  const paths = [
    ...beside.map((name) => join(project.directory, name)),
    ...(kind === 'guix' && command !== undefined ? [command] : []),
  ];
  const shown = (path: string) => shownPath(project.directory, path);
  return [
    ...(found.inline === ''
      ? []
      : [{ file: shown(found.path), text: found.inline ?? readFileSync(found.path, 'utf8') }]),
    ...paths.flatMap((path) => {
      const full = isAbsolute(path) ? path : resolve(project.directory, path);
      // As spans name it, so that links find their lines.
      return existsSync(full)
        ? [{ file: path === command ? path : shown(path), text: readFileSync(full, 'utf8') }]
        : [];
    }),
  ];
}

function shownPath(directory: string, path: string): string {
  const inside = relative(directory, path);
  return inside === '' || inside.startsWith('..') ? path : inside;
}

function commandsOf(kind: RecipeKind, command: string | undefined): string[] {
  switch (kind) {
    case 'nix':
      return [`trimaran ${command ?? 'nix build'}`, 'docker load < result', 'docker-compose up'];
    case 'guix':
      return [
        `docker load < $(trimaran ${command ?? 'guix pack -m manifest.scm -f docker'})`,
        'docker-compose up',
      ];
    default:
      return ['docker-compose up'];
  }
}

function inputsOf(
  project: ComposeProject,
  {
    kind,
    files,
    audit,
  }: {
    readonly kind: RecipeKind;
    readonly files: readonly string[];
    readonly audit: ReturnType<typeof auditOf>;
  },
): Column['inputs'] {
  const own = new Set(
    kind === 'nix' ? [...files, 'flake.lock'] : files.filter((file) => !/\.ya?ml$/.test(file)),
  );
  const inputs = audit.inputs.filter(({ span }) => own.has(span.file));
  const pinsIn = new Set<string>();
  for (const { pinnedBy, span } of inputs) {
    if (pinnedBy === 'lock') pinsIn.add('trimaran.lock');
    else if (pinnedBy === 'recipe')
      pinsIn.add(kind === 'nix' ? 'flake.lock' : kind === 'guix' ? 'channels.scm' : span.file);
  }
  const usesDebian = kind !== 'dockerfile' && existsSync(join(project.directory, 'trimaran.lock'));
  if (usesDebian) pinsIn.add('trimaran.lock');
  const drifts = audit.findings
    .filter(({ span }) => own.has(span.file))
    .map(({ subject, why, span }) => ({ subject, why, place: placeOf(span) }));
  const pinned = inputs.filter(({ pinnedBy }) => pinnedBy !== undefined).length;
  return { pinned, total: inputs.length, pinsIn: [...pinsIn].sort(), drifts };
}

function placeOf(span: Span): string {
  return `${span.file}:${span.line}`;
}
