// What a bill of materials says of one package, whatever its format: package URL, licences as SPDX knows them.
// https://github.com/package-url/purl-spec, https://spdx.org/licenses/
import type { ImageFacts, PackageFacts } from '../compare/image-facts.ts';

/** SPDX identifiers of the short names that DEP-5 files use and SPDX spells otherwise, in lower case. */
const spdxNames: Readonly<Record<string, string>> = {
  'apache-2.0': 'Apache-2.0',
  'apache-2': 'Apache-2.0',
  'artistic-1.0': 'Artistic-1.0',
  'artistic-2.0': 'Artistic-2.0',
  'bsd-2-clause': 'BSD-2-Clause',
  'bsd-3-clause': 'BSD-3-Clause',
  'bsd-4-clause': 'BSD-4-Clause',
  'bsl-1.0': 'BSL-1.0',
  'cc0-1.0': 'CC0-1.0',
  cc0: 'CC0-1.0',
  expat: 'MIT',
  mit: 'MIT',
  isc: 'ISC',
  zlib: 'Zlib',
  openssl: 'OpenSSL',
  postgresql: 'PostgreSQL',
  'mpl-1.1': 'MPL-1.1',
  'mpl-2.0': 'MPL-2.0',
  unlicense: 'Unlicense',
  curl: 'curl',
  'psf-2': 'PSF-2.0',
  'psf-2.0': 'PSF-2.0',
  'python-2.0': 'Python-2.0',
};

const gnuLicence = /^(A?GPL|LGPL|GFDL)-?v?(\d)(?:\.(\d))?(?:\.0)?(\+|-only|-or-later)?$/i;
const gnuVersions: Readonly<Record<string, readonly string[]>> = {
  AGPL: ['1.0', '3.0'],
  GFDL: ['1.1', '1.2', '1.3'],
  GPL: ['1.0', '2.0', '3.0'],
  LGPL: ['2.0', '2.1', '3.0'],
};

/** The SPDX identifier of a licence's short name, or undefined when it has none. */
export function spdxIdentifier(name: string): string | undefined {
  const known = spdxNames[name.toLowerCase()];
  if (known !== undefined) return known;
  const match = gnuLicence.exec(name);
  if (match === null) return undefined;
  const family = match[1]!.toUpperCase();
  const version = `${match[2]}.${match[3] ?? '0'}`;
  if (gnuVersions[family]?.includes(version) !== true) return undefined;
  return `${family}-${version}-${match[4] === '+' || match[4] === '-or-later' ? 'or-later' : 'only'}`;
}

/**
 * A licence as people write it (`GPL-2+ or Artistic, and Expat`, `(MIT OR Apache-2.0)`) as an expression of SPDX; `unknown`
 * gives the word for a name that has no identifier. As Debian has it, a comma before `and` binds the least.
 */
export function licenceExpression(licence: string, unknown: (name: string) => string): string {
  const known = spdxIdentifier(licence);
  if (known !== undefined) return known;
  const inner = /^\(([^()]*)\)$/.exec(licence)?.[1];
  if (inner !== undefined) {
    const whole = licenceExpression(inner, unknown);
    return whole.startsWith('(') ? whole : `(${whole})`;
  }
  if (/[()]/.test(licence)) return bracketed(licence) ?? unknown(licence);
  for (const [separator, operator] of [
    [/,\s+and\s+/i, 'AND'],
    [/,?\s+or\s+/i, 'OR'],
    [/\s+and\s+/i, 'AND'],
  ] as const) {
    const parts = licence.split(separator);
    if (parts.length < 2) continue;
    return `(${[...new Set(parts.map((part) => licenceExpression(part, unknown)))].join(` ${operator} `)})`;
  }
  return unknown(licence);
}

/** An expression of SPDX already: each of its words is known, and its brackets close. */
function bracketed(text: string): string | undefined {
  let depth = 0;
  const words: string[] = [];
  for (const [token] of text.matchAll(/[()]|[^\s()]+/g)) {
    if (token === '(') depth++;
    if (token === ')' && --depth < 0) return undefined;
    const isSign = /^(?:[()]|AND|OR)$/i.test(token);
    const word = isSign ? token.toUpperCase() : spdxIdentifier(token);
    if (word === undefined) return undefined;
    words.push(word);
  }
  return depth === 0 ? words.join(' ').replaceAll('( ', '(').replaceAll(' )', ')') : undefined;
}

/** The package's URL: `pkg:deb/debian/libc6@2.36-9?arch=amd64&distro=debian-12`. */
export function packageUrl(item: PackageFacts, facts: Pick<ImageFacts, 'distribution'>): string {
  const name = encode(item.name);
  const version = encode(item.version);
  switch (item.manager) {
    case 'debian':
    case 'alpine': {
      const type = item.manager === 'debian' ? 'deb' : 'apk';
      const namespace = facts.distribution?.split('-')[0] ?? item.manager;
      const qualifiers = [
        ...(item.architecture === '' ? [] : [`arch=${encode(item.architecture)}`]),
        ...(facts.distribution === undefined ? [] : [`distro=${encode(facts.distribution)}`]),
      ];
      return `pkg:${type}/${namespace}/${name}@${version}${qualifiers.length === 0 ? '' : `?${qualifiers.join('&')}`}`;
    }
    case 'rpm': {
      const [, epoch, rest] = /^(?:(\d+):)?(.*)$/.exec(item.version)!;
      const qualifiers = [
        ...(item.architecture === '' ? [] : [`arch=${encode(item.architecture)}`]),
        ...(facts.distribution === undefined ? [] : [`distro=${encode(facts.distribution)}`]),
        ...(epoch === undefined ? [] : [`epoch=${epoch}`]),
      ];
      const namespace = facts.distribution?.split('-')[0] ?? 'rpm';
      return `pkg:rpm/${namespace}/${name}@${encode(rest!)}${qualifiers.length === 0 ? '' : `?${qualifiers.join('&')}`}`;
    }
    case 'npm':
      return `pkg:npm/${name.replace('%2F', '/')}@${version}`;
    case 'python':
      return `pkg:pypi/${encode(item.name.toLowerCase().replaceAll('_', '-'))}@${version}`;
    case 'nix':
    case 'guix':
      // Their stores have no type of their own among package URLs.
      return `pkg:generic/${name}@${version}`;
  }
}

/** Percent-encoding as package URLs want it: the colon stays. */
function encode(text: string): string {
  return encodeURIComponent(text)
    .replace(/[!'()*]/g, (unit) => `%${unit.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('%3A', ':');
}
