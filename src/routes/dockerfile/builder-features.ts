// What a Dockerfile asks of the program that builds it, beyond what every one of them knows, and which of them lacks what.
// Told before the build starts: classic docker would ignore some of it, and others fail with words of their own.
import { type Span, TrimaranError } from '../../foundation/error.ts';
import { parseRemoteSource } from '../../languages/dockerfile/git-reference.ts';
import type { ResolvedDockerfile } from '../../languages/dockerfile/resolve.ts';
import type { BuilderKind } from './engine-kinds.ts';

/** One thing that not every builder knows, and where it is first asked for. */
export interface NeededFeature {
  readonly name: Feature;
  readonly span: Span;
}

type Feature =
  | 'RUN --mount'
  | 'RUN --network'
  | 'RUN --security'
  | 'RUN --device'
  | '--chmod'
  | '--exclude'
  | 'COPY --parents'
  | 'ADD --unpack'
  | 'ADD of a git repository';

/** What Buildah's library lacks, which podman builds with, too. */
const lackedByBuildah: readonly Feature[] = [
  'RUN --security',
  'RUN --device',
  '--exclude',
  'COPY --parents',
  'ADD --unpack',
  'ADD of a git repository',
];

const lackedBy: Readonly<Record<BuilderKind, readonly Feature[]>> = {
  // The frontend that is built in knows what its version knows; it says so itself.
  buildkit: [],
  docker: ['RUN --mount', 'RUN --network', '--chmod', ...lackedByBuildah],
  podman: lackedByBuildah,
  buildah: lackedByBuildah,
};

/** What the stages that the target needs ask for, each once. */
export function neededFeatures(resolved: ResolvedDockerfile): NeededFeature[] {
  const needed = new Map<Feature, Span>();
  const need = (name: Feature, span: Span) => {
    if (!needed.has(name)) needed.set(name, span);
  };
  for (const index of resolved.needed) {
    for (const { instruction, values } of resolved.stages[index]!.instructions) {
      const { span } = instruction.keyword;
      if (instruction.kind === 'run') {
        if (instruction.mounts.length > 0) need('RUN --mount', span);
        if (instruction.network !== 'default') need('RUN --network', span);
        if (instruction.security !== 'sandbox') need('RUN --security', span);
        if (instruction.devices.length > 0) need('RUN --device', span);
      }
      if (instruction.kind !== 'copy' && instruction.kind !== 'add') continue;
      if (instruction.chmod !== undefined) need('--chmod', span);
      if (instruction.exclude.length > 0) need('--exclude', span);
      if (instruction.kind === 'copy' && instruction.parents) need('COPY --parents', span);
      if (instruction.kind !== 'add') continue;
      if (instruction.unpack !== undefined) need('ADD --unpack', span);
      const isGit = ({ value }: { readonly value: string }) => parseRemoteSource(value)?.kind === 'git';
      if (values.slice(0, -1).some(isGit)) need('ADD of a git repository', span);
    }
  }
  return [...needed].map(([name, span]) => ({ name, span }));
}

/** The first of `needed` that a kind of builder lacks. */
export function lackedFeature(
  kind: BuilderKind,
  needed: readonly NeededFeature[],
): NeededFeature | undefined {
  return needed.find(({ name }) => lackedBy[kind].includes(name));
}

/** The error for a builder that was asked for and lacks something. */
export function needsAnotherBuilder(builder: string, { name, span }: NeededFeature): TrimaranError {
  return new TrimaranError({
    code: 'dockerfile/builder-lacks',
    message: `${builder} does not know ${name}`,
    span,
    hint: 'build with `--engine buildkit`, or with `--engine buildah` where that knows it',
    exitCode: 4,
  });
}
