// Which dependencies only maintainer scripts need. Scripts never run here, so what they call can stay out of an image.
//
// The rule reads the archive's own data (debtags and priorities), not a list of names. A *setup tool* is a program
// of the base system that Debian wrote to configure itself: tagged `role::program` and `suite::debian`, with a facet of
// administration, and of priority standard or higher; or an essential program of booting, which other packages
// reach through its script interface alone. In bookworm these are dpkg, apt, debconf, ucf, adduser, debianutils,
// base-passwd, init-system-helpers, apt-utils, apt-listchanges and mime-support. A dependency on one is dropped, except
// where the package that has it manages packages itself (apt-file needs apt). Whoever names a setup tool gets it.
//
// So is a dependency on a program that makes directories of tmpfiles.d(5) or users of sysusers.d(5), which is systemd
// with all it needs where nothing else is asked for: both are declared.
//
// Tags cannot say that a library wants a file which only a script would put in place, so `dataEdges` names those two.
import { field, type Stanza } from './control.ts';
import type { PackageRecord } from './package-index.ts';

/** What a package is to the system: a setup tool, another program that manages packages, or neither. */
export type AdministrativeRole = 'setup' | 'package-management';

const facets = /\badmin::(?:configuring|package-management|user-management)\b|\buse::configuring\b/;
const basePriorities = new Set(['required', 'important', 'standard']);

/** The administrative role that a stanza of a `Packages` file gives its package. */
export function administrativeRole(stanza: Stanza): AdministrativeRole | undefined {
  const tags = field(stanza, 'Tag');
  if (tags === undefined || !tags.includes('role::program')) return undefined;
  const base = basePriorities.has(field(stanza, 'Priority') ?? '');
  if (base && tags.includes('suite::debian') && facets.test(tags)) return 'setup';
  if (field(stanza, 'Essential') === 'yes' && tags.includes('admin::boot')) return 'setup';
  return tags.includes('admin::package-management') ? 'package-management' : undefined;
}

/** Dependencies whose purpose is done otherwise, with the reason. */
const dataEdges: Readonly<Record<string, string>> = {
  'ca-certificates openssl': 'the certificate bundle is assembled without it',
  'libreadline8 readline-common': 'its inputrc is put in place by a script',
  'libreadline8t64 readline-common': 'its inputrc is put in place by a script',
};

/**
 * Decides whether a dependency stays out, by who has it and what could satisfy it, best first and at least one; gives the
 * reason, or undefined when it is needed.
 */
export type OmissionRule = (
  from: PackageRecord,
  candidates: readonly [PackageRecord, ...PackageRecord[]],
) => string | undefined;

/** Packages that do nothing but what the reason says. */
const declaredOtherwise: Readonly<Record<string, string>> = {
  'systemd-standalone-sysusers': 'its users are made without it',
  'systemd-standalone-tmpfiles': 'its directories are made without it',
};

/** Leaves out what only maintainer scripts need, by the rule at the head of this file. */
export const omitScriptOnly: OmissionRule = (from, candidates) => {
  const [to] = candidates;
  const standalone = candidates.find(({ name }) => Object.hasOwn(declaredOtherwise, name));
  if (standalone !== undefined && from.role === undefined) return declaredOtherwise[standalone.name];
  if (to.role === 'setup' && from.role === undefined) return 'only maintainer scripts call it';
  return dataEdges[`${from.name} ${to.name}`];
};

/** Leaves out nothing: the closure as apt would install it. */
export const omitNothing: OmissionRule = () => undefined;
