// What every writer starts from: an image's needs with names of the chosen set, and places for its sources.
import { posix } from 'node:path';
import type { Placed } from '../../compose/service.ts';
import { type ImageNeeds, type Source, sameSource, sourceName } from './image-needs.ts';
import type { ResolvedName } from './resolve-names.ts';

/** A source with its place in the image and its name in the recipe. */
export interface DraftSource {
  readonly source: Source;
  readonly name: string;
  /** Absolute path in the image. */
  readonly target: string;
  /** It is where the command starts. */
  readonly isWorkingDirectory: boolean;
}

export interface Draft {
  readonly service: string;
  readonly imageName: string;
  readonly needs: ImageNeeds;
  /** `debian:bookworm`, `nixpkgs`, `guix`, a reference to a tree of nixpkgs. */
  readonly set: string;
  readonly sources: readonly DraftSource[];
  readonly names: readonly ResolvedName[];
  /** Whether Python itself is needed. */
  readonly python: boolean;
  /** Where the command starts, as a path in the image; undefined for the default. */
  readonly workingDirectory: string | undefined;
  readonly ports: readonly string[];
  /** `x86_64-linux` */
  readonly system: string;
}

/** Words, variables and paths that name files of the image. */
export function mentions(needs: ImageNeeds): readonly string[] {
  return [
    ...(needs.entrypoint?.value ?? []),
    ...(needs.command?.value ?? []),
    ...needs.environment.map(({ value }) => value[1]),
  ];
}

/** Gives each source a name of its own and a place. */
export function placeSources(needs: ImageNeeds): DraftSource[] {
  const names = new Set<string>();
  const working = needs.workingDirectory?.value;
  return needs.sources.map(({ value: source }): DraftSource => {
    const name = freeName(sourceName(source), names);
    names.add(name);
    const isWorkingDirectory = working?.kind === 'source' && sameSource(working.source, source);
    const target = source.target ?? (isWorkingDirectory ? '/app' : `/opt/${name}`);
    return { source, name, target, isWorkingDirectory };
  });
}

/** `wanted`, or with a number where that is taken or means something else. */
export function freeName(wanted: string, taken: ReadonlySet<string>): string {
  let name = wanted;
  for (let number = 2; taken.has(name) || reservedNames.has(name); number++) name = `${wanted}-${number}`;
  return name;
}

/** Names that mean something else in a flake or manifest. */
const reservedNames: ReadonlySet<string> = new Set([
  'self',
  'nixpkgs',
  'pkgs',
  'system',
  'package',
  'list',
  'config',
  'name',
  'source',
  'version',
]);

/** The working directory as a path in the image. */
export function workingPath(
  workingDirectory: ImageNeeds['workingDirectory'],
  sources: readonly DraftSource[],
): string | undefined {
  const value = workingDirectory?.value;
  if (value === undefined) return undefined;
  if (value.kind === 'path') return value.path;
  const placed = sources.find(({ source }) => sameSource(source, value.source));
  return placed === undefined ? undefined : posix.join(placed.target, value.inside);
}

/** Remarks as comment lines of a recipe. */
export function commentLines(remarks: readonly Placed<string>[], sign: string): string[] {
  return remarks.map(
    ({ value, span }) =>
      `${sign} Not carried over (${span.file}:${span.line}): ${value.replace(/\s+/g, ' ')}`,
  );
}
