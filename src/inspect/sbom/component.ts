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

/** The package's URL: `pkg:deb/debian/libc6@2.36-9?arch=amd64&distro=debian-12`. */
export function packageUrl(item: PackageFacts, facts: Pick<ImageFacts, 'distribution'>): string {
  const name = encode(item.name);
  const version = encode(item.version);
  switch (item.manager) {
    case 'debian': {
      const namespace = facts.distribution?.split('-')[0] ?? 'debian';
      const qualifiers = [
        ...(item.architecture === '' ? [] : [`arch=${encode(item.architecture)}`]),
        ...(facts.distribution === undefined ? [] : [`distro=${encode(facts.distribution)}`]),
      ];
      return `pkg:deb/${namespace}/${name}@${version}${qualifiers.length === 0 ? '' : `?${qualifiers.join('&')}`}`;
    }
    case 'python':
      return `pkg:pypi/${encode(item.name.toLowerCase().replaceAll('_', '-'))}@${version}`;
    default:
      return `pkg:${item.manager}/${name}@${version}`;
  }
}

/** Percent-encoding as package URLs want it: the colon stays. */
function encode(text: string): string {
  return encodeURIComponent(text)
    .replace(/[!'()*]/g, (unit) => `%${unit.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('%3A', ':');
}
