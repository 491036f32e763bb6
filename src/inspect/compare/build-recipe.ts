// Builds one recipe of a service, and remembers what came of it while nothing in the project changes, so that comparing
// again only looks.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildProject, type RecipeKind } from '../../compose/build-project.ts';
import type { ComposeProject } from '../../compose/load.ts';
import type { Service } from '../../compose/service.ts';
import { writeCacheFile } from '../../foundation/atomic-file.ts';
import { sha256Hex } from '../../foundation/digest.ts';
import { isTrimaranError, systemErrorCode } from '../../foundation/error.ts';
import type { Host } from '../../foundation/host.ts';
import type { Image } from '../../oci/image.ts';
import { defaultNixSettings } from '../../routes/nix/settings.ts';
import { trimaranRoot } from '../../sets/cache-root.ts';
import { stateOf } from '../../sets/source-state.ts';
import { openImage } from '../open-image.ts';
import { examineImage, type ImageFacts, keptFacts } from './image-facts.ts';
import { packedSize } from './packed-size.ts';

/** Raised whenever building the same project may give something else. */
const memoFormat = 3;

export interface BuiltRecipe {
  readonly command: string;
  readonly archive: string;
  readonly facts: ImageFacts;
  /** Bytes of its layers, each with gzip as a registry has them. */
  readonly packed: number;
  /** The image itself, for those who run it. */
  open(): Promise<Image>;
}

export interface BuildProblem {
  readonly code: string;
  readonly message: string;
  readonly hint: string | undefined;
  readonly exitCode: number;
}

interface Memo {
  readonly state: string;
  readonly command: string;
  readonly archive: string;
  readonly configDigest: string;
  readonly packed: number;
}

export interface RecipeChoice {
  readonly project: ComposeProject;
  readonly service: Service;
  readonly kind: RecipeKind;
  /** In place of the flake's own `nixpkgs`: `debian:trixie`. */
  readonly set?: string | undefined;
  /** Asks the route even when nothing in the project has changed: Trimaran itself may have. */
  readonly afresh?: boolean;
}

/** Builds a recipe, or says why that cannot be done here. */
export async function buildRecipe(
  host: Host,
  { project, service, kind, set, afresh }: RecipeChoice,
): Promise<BuiltRecipe | BuildProblem> {
  const file = memoFile(host, { project, service, kind, set });
  const known = afresh === true ? undefined : recall(host, file, project);
  if (known !== undefined) return known;
  try {
    const [built] = await buildProject({
      host,
      project,
      services: [service.name],
      kind,
      settings:
        set === undefined
          ? defaultNixSettings
          : { ...defaultNixSettings, overrideInputs: new Map([['nixpkgs', set]]) },
    });
    const { image, archive, recipe } = built!;
    const { facts } = await examineImage(host, image);
    const packed = await packedSize(host, image);
    const command = set === undefined ? recipe.command : `${recipe.command} --override-input nixpkgs ${set}`;
    const memo: Memo = {
      // After the build, since that may have written locks.
      state: stateOfProject(project),
      command,
      archive,
      configDigest: image.configDigest,
      packed,
    };
    writeCacheFile(file, JSON.stringify(memo));
    return { command, archive, facts, packed, open: () => Promise.resolve(image) };
  } catch (error) {
    return problemOf(error);
  }
}

/** What went wrong, for a column: errors of Trimaran, and of the system. Bugs are thrown on. */
export function problemOf(error: unknown): BuildProblem {
  if (isTrimaranError(error)) {
    const { code, message, hint, exitCode } = error;
    return { code, message: withoutEscapes(message), hint, exitCode };
  }
  const code = systemErrorCode(error);
  if (code === undefined) throw error;
  return {
    code: 'compare/system',
    message: (error as Error).message,
    hint: 'run the command again; if it stays, run `trimaran doctor`',
    exitCode: 4,
  };
}

/** What builders print for terminals, without colours and other orders to them. */
function withoutEscapes(message: string): string {
  return message.replace(
    /\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|.)|[\0-\x08\x0b-\x1f\x7f]/g,
    '',
  );
}

function memoFile(host: Host, { project, service, kind, set }: RecipeChoice): string {
  const key = JSON.stringify([memoFormat, project.directory, project.files, service.name, kind, set ?? '']);
  return join(trimaranRoot(host), 'facts', 'recipes', `${sha256Hex(Buffer.from(key))}.json`);
}

function recall(host: Host, file: string, project: ComposeProject): BuiltRecipe | undefined {
  let memo: Memo;
  try {
    memo = JSON.parse(readFileSync(file, 'utf8')) as Memo;
  } catch {
    return undefined;
  }
  const { archive, command, packed } = memo;
  const facts = keptFacts(host, memo.configDigest);
  if (facts === undefined || !existsSync(archive) || memo.state !== stateOfProject(project)) return undefined;
  return { command, archive, packed, facts, open: () => openImage(host, archive) };
}

/** Every file in the project's folder and in build contexts outside it counts; links to results do not. */
function stateOfProject(project: ComposeProject): string {
  const lines = project.files.map((file) => stateOf(file));
  const folders = [project.directory];
  for (const { build } of project.services) {
    const context = build?.context.value;
    if (context !== undefined && existsSync(context) && !context.startsWith(`${project.directory}/`))
      folders.push(context);
  }
  for (const folder of new Set(folders)) walk(folder, lines);
  return sha256Hex(Buffer.from(lines.join('\n')));
}

function walk(folder: string, lines: string[]): void {
  const entries = readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (entry.name === '.git' || (entry.isSymbolicLink() && entry.name.startsWith('result'))) continue;
    // A folder counts by its name alone: its times change with files that do not.
    lines.push(entry.isDirectory() ? path : stateOf(path));
    if (entry.isDirectory()) walk(path, lines);
  }
}
