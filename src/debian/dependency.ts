// Relationship fields (Depends, Breaks, Provides …): deb-control(5), section 7.1 of Debian Policy.
// Build profiles (`<!nocheck>`) occur in source packages only and are refused.
import { TrimaranError } from '../foundation/error.ts';
import { type VersionOperator, versionSatisfies } from './version.ts';

/** One package as a relationship names it: `libc6:any (>= 2.36) [amd64]`. */
export interface Relation {
  readonly name: string;
  /** `any`, `native` or an architecture after the colon. */
  readonly qualifier?: string;
  readonly constraint?: { readonly operator: VersionOperator; readonly version: string };
}

/** Alternatives in the order of preference: `exim4 | mail-transport-agent`. Never empty. */
export type Dependency = readonly Relation[];

const relationPattern =
  /^([a-zA-Z0-9][a-zA-Z0-9+.-]*)(?::([a-z0-9][a-z0-9-]*))?\s*(?:\(\s*(<<|<=|=|>=|>>|<|>)\s*([^\s()]+)\s*\))?\s*(?:\[([^\]]*)\])?$/;

/**
 * Parses a relationship field into its dependencies, leaving out alternatives restricted to other architectures.
 * The old operators `<` and `>` mean `<=` and `>=`. Throws `debian/bad-dependency` naming the faulty part.
 *
 * @example
 * parseDependencies('debconf (>= 0.5) | debconf-2.0, libc6', 'amd64').length; // 2
 */
export function parseDependencies(text: string | undefined, architecture: string): Dependency[] {
  const dependencies: Dependency[] = [];
  if (text === undefined) return dependencies;
  for (const clause of text.split(',')) {
    if (clause.trim() === '') continue;
    const alternatives: Relation[] = [];
    for (const part of clause.split('|')) {
      const match = relationPattern.exec(part.trim());
      if (match === null) {
        throw new TrimaranError({
          code: 'debian/bad-dependency',
          message: `\`${part.trim()}\` is not a package relationship`,
          hint: 'write it like `name`, `name:any` or `name (>= 1.2)`',
        });
      }
      const [, name, qualifier, operator, version, restriction] = match;
      if (restriction !== undefined && !allowsArchitecture(restriction, architecture)) continue;
      alternatives.push({
        name: name!,
        ...(qualifier === undefined ? {} : { qualifier }),
        ...(operator === undefined ? {} : { constraint: { operator: modern(operator), version: version! } }),
      });
    }
    if (alternatives.length > 0) dependencies.push(alternatives);
  }
  return dependencies;
}

function modern(operator: string): VersionOperator {
  return operator === '<' ? '<=' : operator === '>' ? '>=' : (operator as VersionOperator);
}

/** `[amd64 arm64]` or `[!i386]`; wildcards such as `linux-any` match as far as Linux packages need. */
function allowsArchitecture(restriction: string, architecture: string): boolean {
  const words = restriction.trim().split(/\s+/);
  const matches = (word: string) =>
    word === architecture || word === 'any' || word === 'linux-any' || word === `any-${architecture}`;
  return words.every((word) => word.startsWith('!'))
    ? !words.some((word) => matches(word.slice(1)))
    : words.some(matches);
}

/** Whether a version meets a relation's constraint; every version does where there is none. */
export function meetsConstraint(version: string, relation: Relation): boolean {
  const constraint = relation.constraint;
  return constraint === undefined || versionSatisfies(version, constraint.operator, constraint.version);
}

/** A relation as one would write it: `libc6:any (>= 2.36)`. */
export function formatRelation(relation: Relation): string {
  const qualifier = relation.qualifier === undefined ? '' : `:${relation.qualifier}`;
  const constraint =
    relation.constraint === undefined
      ? ''
      : ` (${relation.constraint.operator} ${relation.constraint.version})`;
  return `${relation.name}${qualifier}${constraint}`;
}

/** A dependency as one would write it, alternatives separated by ` | `. */
export function formatDependency(dependency: Dependency): string {
  return dependency.map(formatRelation).join(' | ');
}
