// SPDX 2.3 as JSON. https://spdx.github.io/spdx-spec/v2.3/
import { licenceExpression, packageUrl } from './component.ts';
import { type SbomPackage, type SbomSource, toolVersion } from './sbom.ts';

/** The document as an object; key order is the order of the text. */
export function spdxDocument(source: SbomSource): object {
  const { facts, name } = source;
  const digest = facts.configDigest.slice(7);
  const identifiers = uniqueIdentifiers(facts.packages);
  const extracted = new Map<string, string>();
  const referenceTo = (licence: string): string => {
    const reference = `LicenseRef-${licence.replace(/[^A-Za-z0-9.]+/g, '-').replace(/^-+|-+$/g, '') || 'unnamed'}`;
    const names = extracted.get(reference);
    // Two names that differ only in signs that an identifier cannot have are told by their number.
    if (names === undefined || names === licence) {
      extracted.set(reference, licence);
      return reference;
    }
    for (let number = 2; ; number++) {
      const numbered = `${reference}-${number}`;
      if ((extracted.get(numbered) ?? licence) !== licence) continue;
      extracted.set(numbered, licence);
      return numbered;
    }
  };
  const packages = facts.packages.map((item) => ({
    SPDXID: identifiers.get(item)!,
    name: item.name,
    versionInfo: item.version,
    ...(item.supplier === undefined ? {} : { supplier: supplierOf(item.supplier) }),
    ...(item.archive === undefined ? {} : { packageFileName: item.archive.path }),
    downloadLocation: 'NOASSERTION',
    filesAnalyzed: false,
    ...(item.archive === undefined
      ? {}
      : { checksums: [{ algorithm: 'SHA256', checksumValue: item.archive.sha256 }] }),
    ...(item.homepage === undefined || !URL.canParse(item.homepage) ? {} : { homepage: item.homepage }),
    ...(item.source === undefined ? {} : { sourceInfo: `built from the source package ${item.source}` }),
    licenseConcluded: 'NOASSERTION',
    licenseDeclared:
      item.licences.length === 0
        ? 'NOASSERTION'
        : [...new Set(item.licences.map((one) => licenceExpression(one, referenceTo)))].join(' AND '),
    copyrightText: 'NOASSERTION',
    ...(item.description === undefined ? {} : { summary: item.description }),
    externalRefs: [
      {
        referenceCategory: 'PACKAGE-MANAGER',
        referenceType: 'purl',
        referenceLocator: packageUrl(item, facts),
      },
    ],
  }));
  const image = 'SPDXRef-Image';
  return {
    spdxVersion: 'SPDX-2.3',
    dataLicense: 'CC0-1.0',
    SPDXID: 'SPDXRef-DOCUMENT',
    name,
    documentNamespace: `https://spdx.org/spdxdocs/trimaran-${digest}`,
    creationInfo: {
      created: wholeSeconds(facts.created),
      creators: [`Tool: trimaran-${toolVersion}`],
    },
    packages: [
      {
        SPDXID: image,
        name,
        versionInfo: facts.configDigest,
        downloadLocation: 'NOASSERTION',
        filesAnalyzed: false,
        checksums: [{ algorithm: 'SHA256', checksumValue: digest }],
        ...(source.recipe === undefined ? {} : { sourceInfo: `built by \`${source.recipe}\`` }),
        licenseConcluded: 'NOASSERTION',
        licenseDeclared: 'NOASSERTION',
        copyrightText: 'NOASSERTION',
        primaryPackagePurpose: 'CONTAINER',
      },
      ...packages,
    ],
    ...(extracted.size === 0
      ? {}
      : {
          hasExtractedLicensingInfos: [...extracted].sort().map(([licenseId, licence]) => ({
            licenseId,
            name: licence,
            extractedText: `The package's copyright file calls it “${licence}” and has its text.`,
          })),
        }),
    relationships: [
      relationship('SPDXRef-DOCUMENT', 'DESCRIBES', image),
      ...facts.packages.map((item) => relationship(image, 'CONTAINS', identifiers.get(item)!)),
      ...facts.packages.flatMap((item) =>
        item.depends.flatMap((need) => {
          const other = facts.packages.find((one) => one.manager === item.manager && one.name === need);
          return other === undefined
            ? []
            : [relationship(identifiers.get(item)!, 'DEPENDS_ON', identifiers.get(other)!)];
        }),
      ),
    ],
  };
}

function relationship(spdxElementId: string, relationshipType: string, relatedSpdxElement: string) {
  return { spdxElementId, relationshipType, relatedSpdxElement };
}

/** Letters, digits, `.` and `-` are all an identifier may have; each package gets its own. */
function uniqueIdentifiers(packages: readonly SbomPackage[]): ReadonlyMap<SbomPackage, string> {
  const used = new Set<string>();
  return new Map(
    packages.map((item) => {
      const base = `SPDXRef-${item.manager}-${item.name.replace(/\+/g, '-plus').replace(/[^A-Za-z0-9.]+/g, '-')}`;
      let identifier = base;
      for (let number = 2; used.has(identifier); number++) identifier = `${base}-${number}`;
      used.add(identifier);
      return [item, identifier];
    }),
  );
}

/** `Name <address>` as SPDX has it; Debian's teams are organisations, and nobody can tell them from persons. */
function supplierOf(maintainer: string): string {
  const [, name, address] = /^(.*?)\s*<([^<>]*)>\s*$/.exec(maintainer) ?? [];
  const shown = (name ?? maintainer).replace(/^"|"$/g, '').trim();
  return `Organization: ${shown}${address === undefined ? '' : ` (${address})`}`;
}

/** SPDX wants seconds and `Z`; an image without a time was made at none. */
function wholeSeconds(created: string | undefined): string {
  const time = created === undefined ? Number.NaN : Date.parse(created);
  return new Date(Number.isNaN(time) ? 0 : time).toISOString().replace(/\.\d+Z$/, 'Z');
}
