// What engines write before a step in an image's history: values of build arguments, and the shell.
import type { ResolvedDockerfile } from '../../languages/dockerfile/resolve.ts';
import { aptConfigPath } from './apt-settings.ts';

/** What each SHELL says, as one line. */
export function shellsOf(resolved: ResolvedDockerfile): string[] {
  return resolved.stages
    .flatMap((stage) => stage.instructions)
    .flatMap(({ instruction }) =>
      instruction.kind === 'shell' ? [instruction.shell.map(({ value }) => value).join(' ')] : [],
    );
}

/** Values that variables have anywhere in the Dockerfile, those of the build itself among them. */
export function argumentValues(
  { stages }: ResolvedDockerfile,
  given: { readonly epoch: number; readonly variables: ReadonlyMap<string, string> },
): Map<string, string[]> {
  const values = new Map<string, Set<string>>();
  const add = (name: string, value: string) => {
    const known = values.get(name);
    if (known === undefined) values.set(name, new Set([value]));
    else known.add(value);
  };
  add('SOURCE_DATE_EPOCH', String(given.epoch));
  add('APT_CONFIG', aptConfigPath);
  for (const [name, value] of given.variables) add(name, value);
  for (const stage of stages) {
    for (const scope of [...stage.instructions.map(({ variables }) => variables), stage.variables])
      for (const [name, value] of scope) add(name, value);
  }
  return new Map([...values].map(([name, known]) => [name, [...known]]));
}
