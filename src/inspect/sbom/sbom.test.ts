import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import { emptyLockFile } from '../../sets/lock-file.ts';
import type { ExaminedImage, ImageFacts, PackageFacts } from '../compare/image-facts.ts';
import { licenceExpression, packageUrl, spdxIdentifier } from './component.ts';
import { type SbomFormat, toolVersion, writeSbom } from './sbom.ts';

const manifest = createRequire(import.meta.url).resolve('@cyclonedx/cyclonedx-library/package.json');
const schema = (name: string) =>
  JSON.parse(readFileSync(join(dirname(manifest), 'res/schema', name), 'utf8')) as object;

function deb(name: string, more: Partial<PackageFacts> = {}): PackageFacts {
  return {
    manager: 'debian',
    name,
    version: '1:2.0-1+b1',
    architecture: 'amd64',
    depends: [],
    licences: [],
    registration: `var/lib/dpkg/status.d/${name}`,
    size: 10,
    files: 1,
    layers: { 0: 10 },
    ...more,
  };
}

const facts: ImageFacts = {
  format: 1,
  configDigest: `sha256:${'0123456789abcdef'.repeat(4)}`,
  platform: 'linux/amd64',
  created: '1970-01-01T00:00:01Z',
  config: {},
  unread: [],
  size: 20,
  layers: [{ diffId: `sha256:${'a'.repeat(64)}`, size: 20, label: 'all', unowned: 0 }],
  files: 2,
  distribution: 'debian-12',
  packages: [
    deb('libstdc++6', {
      source: 'gcc-12',
      supplier: 'Debian GCC Maintainers <debian-gcc@lists.debian.org>',
      licences: ['Expat', 'GPL-2+ or Artistic', 'GPL-3+', 'Odd licence', 'Odd-licence'],
      homepage: 'http://gcc.gnu.org/',
    }),
    deb('libstdc--6', { depends: ['libstdc++6'] }),
    deb('typing_extensions', { manager: 'python', version: '4.9.0', architecture: '' }),
  ],
  setId: [],
  worldWritable: [],
  shells: [],
};
const locked = (letter: string) => ({
  version: '1:2.0-1+b1',
  architecture: 'amd64',
  path: `pool/${letter}.deb`,
  size: 1,
  sha256: letter.repeat(64),
});
const lock = {
  ...emptyLockFile,
  debian: new Map([
    [
      'bookworm',
      {
        timestamp: '20261101T000000Z',
        releaseSha256: 'd'.repeat(64),
        components: ['main'],
        architectures: new Map([
          ['amd64', { packages: new Map([['libstdc++6', locked('b')]]), python: new Map() }],
        ]),
      },
    ],
  ]),
};
const examined = { names: ['areas_api:latest'], facts } as unknown as ExaminedImage;

function sbom(format: SbomFormat): Record<string, unknown> {
  return JSON.parse(writeSbom({ examined, format, recipe: 'nix build .#docker', lock })) as Record<
    string,
    unknown
  >;
}

describe('writeSbom', () => {
  it('writes CycloneDX that its published schema takes', () => {
    const ajv = new Ajv({
      strict: false,
      formats: { 'iri-reference': true, uri: true, 'date-time': true, 'idn-email': true },
    });
    ajv.addSchema(
      schema('spdx.SNAPSHOT.schema.json'),
      'http://cyclonedx.org/schema/spdx.SNAPSHOT.schema.json',
    );
    ajv.addSchema(
      schema('jsf-0.82.SNAPSHOT.schema.json'),
      'http://cyclonedx.org/schema/jsf-0.82.SNAPSHOT.schema.json',
    );
    const validate = ajv.compile(schema('bom-1.6.SNAPSHOT.schema.json'));
    const document = sbom('cyclonedx');
    expect(validate(document), JSON.stringify(validate.errors)).toBe(true);
    // The schema is really asked.
    expect(validate({ ...document, components: [{ type: 'thing', name: 'x' }] })).toBe(false);
    const [first] = document.components as { hashes: unknown; licenses: unknown; purl: string }[];
    expect(first).toMatchObject({
      purl: 'pkg:deb/debian/libstdc%2B%2B6@1:2.0-1%2Bb1?arch=amd64&distro=debian-12',
      hashes: [{ alg: 'SHA-256', content: 'b'.repeat(64) }],
    });
    expect(first!.licenses).toContainEqual({ license: { id: 'MIT' } });
    expect(first!.licenses).toContainEqual({ license: { name: 'Odd licence' } });
    const references = new Set([
      facts.configDigest,
      ...(document.components as { 'bom-ref': string }[]).map((item) => item['bom-ref']),
    ]);
    for (const { ref, dependsOn } of document.dependencies as { ref: string; dependsOn: string[] }[])
      for (const name of [ref, ...dependsOn]) expect(references).toContain(name);
  });

  it('writes SPDX whose identifiers are unique, and known wherever they are used', () => {
    const document = sbom('spdx');
    expect(document).toMatchObject({
      spdxVersion: 'SPDX-2.3',
      dataLicense: 'CC0-1.0',
      SPDXID: 'SPDXRef-DOCUMENT',
    });
    expect((document.creationInfo as { created: string }).created).toBe('1970-01-01T00:00:01Z');
    const packages = document.packages as { SPDXID: string; licenseDeclared: string }[];
    const identifiers = packages.map((item) => item.SPDXID);
    expect(new Set(identifiers).size).toBe(identifiers.length);
    for (const identifier of identifiers) expect(identifier).toMatch(/^SPDXRef-[A-Za-z0-9.-]+$/);
    for (const { spdxElementId, relatedSpdxElement } of document.relationships as Record<string, string>[])
      for (const name of [spdxElementId, relatedSpdxElement])
        expect(['SPDXRef-DOCUMENT', ...identifiers]).toContain(name);
    expect(packages[1]!.licenseDeclared).toBe(
      'MIT AND (GPL-2.0-or-later OR LicenseRef-Artistic) AND GPL-3.0-or-later AND LicenseRef-Odd-licence AND LicenseRef-Odd-licence-2',
    );
    const extracted = (document.hasExtractedLicensingInfos as { licenseId: string }[]).map(
      (one) => one.licenseId,
    );
    for (const [reference] of packages[1]!.licenseDeclared.matchAll(/LicenseRef-[A-Za-z0-9.-]+/g))
      expect(extracted).toContain(reference);
  });

  it('keeps SPDX to its shape: required fields, forms of values', () => {
    // From the text of SPDX 2.3, as far as these documents go.
    const text = { type: 'string', minLength: 1 };
    const identifier = { type: 'string', pattern: '^SPDXRef-[A-Za-z0-9.-]+$' };
    const checksum = {
      type: 'object',
      required: ['algorithm', 'checksumValue'],
      properties: { algorithm: { const: 'SHA256' }, checksumValue: { pattern: '^[0-9a-f]{64}$' } },
      additionalProperties: false,
    };
    const validate = new Ajv({ strict: false }).compile({
      type: 'object',
      required: [
        'spdxVersion',
        'dataLicense',
        'SPDXID',
        'name',
        'documentNamespace',
        'creationInfo',
        'packages',
      ],
      properties: {
        dataLicense: { const: 'CC0-1.0' },
        SPDXID: { const: 'SPDXRef-DOCUMENT' },
        documentNamespace: { type: 'string', pattern: '^https://[^#]+$' },
        creationInfo: {
          type: 'object',
          required: ['created', 'creators'],
          properties: {
            created: { type: 'string', pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\dZ$' },
            creators: { type: 'array', items: { pattern: '^(?:Tool|Organization|Person): ' } },
          },
        },
        packages: {
          type: 'array',
          items: {
            type: 'object',
            required: ['SPDXID', 'name', 'downloadLocation'],
            properties: {
              SPDXID: identifier,
              name: text,
              versionInfo: text,
              supplier: { type: 'string', pattern: '^(?:(?:Person|Organization): .+|NOASSERTION)$' },
              checksums: { type: 'array', items: checksum },
              licenseDeclared: text,
              externalRefs: {
                type: 'array',
                items: {
                  type: 'object',
                  required: ['referenceCategory', 'referenceType', 'referenceLocator'],
                  properties: {
                    referenceCategory: { const: 'PACKAGE-MANAGER' },
                    referenceLocator: { type: 'string', pattern: '^pkg:' },
                  },
                },
              },
            },
          },
        },
        hasExtractedLicensingInfos: {
          type: 'array',
          items: { type: 'object', required: ['licenseId', 'extractedText'] },
        },
        relationships: {
          type: 'array',
          items: {
            type: 'object',
            required: ['spdxElementId', 'relationshipType', 'relatedSpdxElement'],
            properties: { relationshipType: { enum: ['DESCRIBES', 'CONTAINS', 'DEPENDS_ON'] } },
          },
        },
      },
    });
    const document = sbom('spdx');
    expect(validate(document), JSON.stringify(validate.errors)).toBe(true);
    expect(validate({ ...document, packages: [{ SPDXID: 'x', name: '' }] })).toBe(false);
  });

  it('gives two objects of one name a reference each', () => {
    const object = (hash: string) =>
      deb('python3', {
        manager: 'nix',
        version: '3.11',
        architecture: '',
        registration: `nix/store/${hash}`,
      });
    const twice = { ...facts, packages: [object('a'), object('b')] };
    const document = JSON.parse(
      writeSbom({ examined: { names: [], facts: twice } as unknown as ExaminedImage, format: 'cyclonedx' }),
    ) as { components: { 'bom-ref': string; purl: string }[] };
    expect(document.components.map((item) => [item['bom-ref'], item.purl])).toEqual([
      ['pkg:generic/python3@3.11', 'pkg:generic/python3@3.11'],
      ['pkg:generic/python3@3.11#2', 'pkg:generic/python3@3.11'],
    ]);
  });

  it('gives the same bytes each time', () => {
    for (const format of ['cyclonedx', 'spdx'] as const) {
      const text = writeSbom({ examined, format, lock });
      expect(writeSbom({ examined, format, lock })).toBe(text);
    }
  });

  it('says the same of an image wherever its files could be told apart by package', () => {
    const elsewhere = {
      ...facts,
      packages: facts.packages.map((item) => ({ ...item, size: 1, files: 0, layers: {} })),
    };
    for (const format of ['cyclonedx', 'spdx'] as const)
      expect(writeSbom({ examined: { ...examined, facts: elsewhere }, format, lock })).toBe(
        writeSbom({ examined, format, lock }),
      );
  });

  it('says nothing of a hash where the lock has another version', () => {
    const other = { ...lock, debian: new Map() };
    expect(writeSbom({ examined, format: 'cyclonedx', lock: other })).not.toContain('hashes');
    expect(writeSbom({ examined, format: 'spdx', lock })).toContain('b'.repeat(64));
  });

  it('names the version of this program', () => {
    const own = JSON.parse(readFileSync(join(import.meta.dirname, '../../../package.json'), 'utf8')) as {
      version: string;
    };
    expect(toolVersion).toBe(own.version);
  });
});

describe('spdxIdentifier', () => {
  it.each([
    ['GPL-2', 'GPL-2.0-only'],
    ['GPL-2+', 'GPL-2.0-or-later'],
    ['LGPL-2.1+', 'LGPL-2.1-or-later'],
    ['GFDL-1.3', 'GFDL-1.3-only'],
    ['Expat', 'MIT'],
    ['BSD-3-Clause', 'BSD-3-Clause'],
    ['GPL-9', undefined],
    ['public-domain', undefined],
  ])('knows %s as %s', (name, identifier) => {
    expect(spdxIdentifier(name)).toBe(identifier);
  });
});

describe('licenceExpression', () => {
  const expression = (text: string) =>
    licenceExpression(text, (name) => `LicenseRef-${name.replace(/\W+/g, '-')}`);
  it.each([
    ['GPL-2+', 'GPL-2.0-or-later'],
    ['GPL-2+ or Artistic, and Expat', '((GPL-2.0-or-later OR LicenseRef-Artistic) AND MIT)'],
    ['Expat or ISC and Zlib', '(MIT OR (ISC AND Zlib))'],
    ['(MIT OR Apache-2.0) AND ISC', '(MIT OR Apache-2.0) AND ISC'],
    ['(MIT OR Odd)', '(MIT OR LicenseRef-Odd)'],
    ['(MIT', 'LicenseRef--MIT'],
  ])('reads %s', (text, wanted) => {
    expect(expression(text)).toBe(wanted);
  });
});

describe('packageUrl', () => {
  it('follows the types of the package managers', () => {
    expect(packageUrl(facts.packages[2]!, facts)).toBe('pkg:pypi/typing-extensions@4.9.0');
    const alpine = deb('musl', { manager: 'alpine', version: '1.2.5-r0', architecture: 'x86_64' });
    expect(packageUrl(alpine, { distribution: 'alpine-3.20.1' })).toBe(
      'pkg:apk/alpine/musl@1.2.5-r0?arch=x86_64&distro=alpine-3.20.1',
    );
    const rpm = deb('bash', { manager: 'rpm', version: '1:5.2.26-3.fc40', architecture: 'x86_64' });
    expect(packageUrl(rpm, { distribution: 'fedora-40' })).toBe(
      'pkg:rpm/fedora/bash@5.2.26-3.fc40?arch=x86_64&distro=fedora-40&epoch=1',
    );
    const scoped = deb('@scope/one', { manager: 'npm', version: '1.0.0', architecture: '' });
    expect(packageUrl(scoped, facts)).toBe('pkg:npm/%40scope/one@1.0.0');
  });
});
