// The builder flags of each instruction: which there are, and reading their values.
import { didYouMean } from '../../foundation/nearest.ts';
import { parseDuration } from './arguments.ts';
import type { Flag } from './instruction.ts';
import type { Located } from './mapped-text.ts';
import { dockerfileError } from './syntax-error.ts';

type FlagKind = 'boolean' | 'text' | 'list';

const transferFlags = { chown: 'text', chmod: 'text', link: 'boolean', exclude: 'list' } as const;

/** Each instruction and the flags it takes. */
export const knownFlags: Readonly<Record<string, Readonly<Record<string, FlagKind>>>> = {
  ADD: { ...transferFlags, 'keep-git-dir': 'boolean', checksum: 'text', unpack: 'boolean' },
  ARG: {},
  CMD: {},
  COPY: { ...transferFlags, from: 'text', parents: 'boolean' },
  ENTRYPOINT: {},
  ENV: {},
  EXPOSE: {},
  FROM: { platform: 'text' },
  HEALTHCHECK: {
    interval: 'text',
    timeout: 'text',
    'start-period': 'text',
    'start-interval': 'text',
    retries: 'text',
  },
  LABEL: {},
  MAINTAINER: {},
  ONBUILD: {},
  RUN: { mount: 'list', network: 'text', security: 'text', device: 'list' },
  SHELL: {},
  STOPSIGNAL: {},
  USER: {},
  VOLUME: {},
  WORKDIR: {},
};
/** Every instruction, upper case. */
export const keywords = Object.keys(knownFlags);

/** The flags of one instruction, checked against those it takes. */
export class FlagValues {
  private readonly flags: readonly Flag[];

  constructor(keyword: string, flags: readonly Flag[]) {
    const allowed = knownFlags[keyword] ?? {};
    this.flags = flags;
    const seen = new Set<string>();
    for (const flag of flags) {
      const name = flag.name.value.slice(2);
      const kind = Object.hasOwn(allowed, name) ? allowed[name] : undefined;
      if (kind === undefined) {
        const names = Object.keys(allowed).map((known) => `--${known}`);
        throw dockerfileError(
          'unknown-flag',
          `${keyword} has no flag \`${flag.name.value}\``,
          flag.name.span,
          didYouMean(flag.name.value, names) ??
            (names.length === 0 ? `${keyword} takes no flags` : `${keyword} takes ${names.join(', ')}`),
        );
      }
      if (kind !== 'list' && seen.has(name)) {
        throw dockerfileError('invalid-flag', `\`--${name}\` occurs twice`, flag.span, 'remove one of them');
      }
      seen.add(name);
      const value = flag.value?.value;
      if (kind === 'boolean') {
        if (value === undefined || /^(?:true|false)$/i.test(value)) continue;
        throw dockerfileError('invalid-flag', `\`--${name}\` is true or false, not \`${value}\``, flag.span);
      }
      if (value === undefined) {
        throw dockerfileError(
          'invalid-flag',
          `\`--${name}\` needs a value`,
          flag.span,
          `write \`--${name}=…\``,
        );
      }
    }
  }

  text(name: string): Located | undefined {
    return this.list(name)[0];
  }

  list(name: string): Located[] {
    return this.flags.filter((flag) => flag.name.value === `--${name}`).flatMap((flag) => flag.value ?? []);
  }

  boolean(name: string): boolean | undefined {
    const flag = this.flags.find((candidate) => candidate.name.value === `--${name}`);
    return flag === undefined ? undefined : flag.value?.value.toLowerCase() !== 'false';
  }

  /** One of `choices`, the first when the flag is not given. */
  choice<Choice extends string>(name: string, choices: readonly [Choice, ...Choice[]]): Choice {
    const value = this.text(name);
    if (value === undefined) return choices[0];
    const found = choices.find((candidate) => candidate === value.value);
    if (found !== undefined) return found;
    throw dockerfileError(
      'invalid-flag',
      `\`--${name}\` cannot be \`${value.value}\``,
      value.span,
      didYouMean(value.value, choices) ?? `use ${choices.join(', ')}`,
    );
  }

  /** Nanoseconds, 0 when not given. */
  duration(name: string): number {
    const value = this.text(name);
    if (value === undefined || value.value === '') return 0;
    const duration = parseDuration(value.value);
    if (duration === undefined) {
      throw dockerfileError(
        'invalid-flag',
        `\`${value.value}\` is no duration`,
        value.span,
        'write it as `30s`',
      );
    }
    if (duration !== 0 && duration < 1e6) {
      throw dockerfileError('invalid-flag', `\`--${name}\` is at least one millisecond`, value.span);
    }
    return duration;
  }
}
