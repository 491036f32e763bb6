// CycloneDX 1.6 as JSON. https://cyclonedx.org/docs/1.6/json/
import { licenceExpression, packageUrl, spdxIdentifier } from './component.ts';
import { type SbomPackage, type SbomSource, toolVersion } from './sbom.ts';

/** The document as an object; key order is the order of the text. */
export function cyclonedxDocument(source: SbomSource): object {
  const { facts, name } = source;
  const digest = facts.configDigest.slice(7);
  const references = uniqueReferences(source);
  // Of two objects of a store with one name, what is needed is the first.
  const byName = new Map([...references].reverse().map(([item, reference]) => [keyOf(item), reference]));
  const wanted = new Set(
    facts.packages.flatMap((item) => item.depends.map((need) => `${item.manager} ${need}`)),
  );
  const root = facts.configDigest;
  return {
    $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    serialNumber: `urn:uuid:${uuidOf(digest)}`,
    version: 1,
    metadata: {
      ...(facts.created === undefined ? {} : { timestamp: facts.created }),
      tools: { components: [{ type: 'application', name: 'trimaran', version: toolVersion }] },
      component: {
        'bom-ref': root,
        type: 'container',
        name,
        version: facts.configDigest,
        properties: [
          ...(source.recipe === undefined ? [] : [{ name: 'trimaran:recipe', value: source.recipe }]),
          { name: 'trimaran:platform', value: facts.platform },
          ...facts.layers.map((layer) => ({ name: 'trimaran:layer', value: layer.diffId })),
        ],
      },
    },
    components: facts.packages.map((item) => component(item, references.get(item)!, facts)),
    dependencies: [
      {
        ref: root,
        dependsOn: facts.packages
          .filter((item) => !wanted.has(keyOf(item)))
          .map((item) => references.get(item)!),
      },
      ...facts.packages.map((item) => ({
        ref: references.get(item)!,
        dependsOn: item.depends.flatMap((need) => byName.get(`${item.manager} ${need}`) ?? []),
      })),
    ],
  };
}

/** Package URLs, with a number behind those that come again. */
function uniqueReferences({ facts }: SbomSource): ReadonlyMap<SbomPackage, string> {
  const used = new Set<string>();
  return new Map(
    facts.packages.map((item) => {
      const url = packageUrl(item, facts);
      let reference = url;
      for (let number = 2; used.has(reference); number++) reference = `${url}#${number}`;
      used.add(reference);
      return [item, reference];
    }),
  );
}

/** Licences one by one, or the one expression that the package has. */
function licencesOf({ licences }: SbomPackage): object[] {
  const [only] = licences;
  if (licences.length === 1 && /\s(?:and|or)\s/i.test(only!)) {
    let isKnown = true;
    const expression = licenceExpression(only!, (name) => {
      isKnown = false;
      return name;
    });
    if (isKnown) return [{ expression: expression.replace(/^\(([^()]*)\)$/, '$1') }];
  }
  return licences.map((name) => {
    const id = spdxIdentifier(name);
    return { license: id === undefined ? { name } : { id } };
  });
}

function keyOf(item: SbomPackage): string {
  return `${item.manager} ${item.name}`;
}

function component(item: SbomPackage, reference: string, facts: SbomSource['facts']): object {
  const licences = licencesOf(item);
  return {
    'bom-ref': reference,
    type: 'library',
    ...(item.supplier === undefined ? {} : { supplier: { name: item.supplier } }),
    name: item.name,
    version: item.version,
    ...(item.description === undefined ? {} : { description: item.description }),
    ...(item.archive === undefined ? {} : { hashes: [{ alg: 'SHA-256', content: item.archive.sha256 }] }),
    ...(licences.length === 0 ? {} : { licenses: licences }),
    purl: packageUrl(item, facts),
    ...(isWebAddress(item.homepage) ? { externalReferences: [{ type: 'website', url: item.homepage }] } : {}),
    properties: [
      ...(item.source === undefined ? [] : [{ name: 'trimaran:source', value: item.source }]),
      ...(item.archive === undefined ? [] : [{ name: 'trimaran:archive', value: item.archive.path }]),
      // What the package says, not what was found: whose each file is, the machine that built the image knows best.
      ...(item.installedSize === undefined
        ? []
        : [{ name: 'trimaran:installed-size', value: String(item.installedSize) }]),
    ],
  };
}

function isWebAddress(text: string | undefined): boolean {
  return text !== undefined && /^https?:\/\/[!-~]+$/.test(text) && URL.canParse(text);
}

/** A version 8 UUID (RFC 9562) of a digest's first bits. */
function uuidOf(digest: string): string {
  const variant = ((Number.parseInt(digest[16]!, 16) & 3) | 8).toString(16);
  return [
    digest.slice(0, 8),
    digest.slice(8, 12),
    `8${digest.slice(13, 16)}`,
    `${variant}${digest.slice(17, 20)}`,
    digest.slice(20, 32),
  ].join('-');
}
