// What a derivation asks of whoever builds it, beside its command: which attributes go into files, what its outputs may
// refer to, whether it may be substituted. Source: the Nix reference manual, "Advanced attributes". Read from the
// environment, or from `__json` when the derivation has structured attributes, as Nix reads them.

import type { Derivation } from '../formats/derivation.ts';
import { type ByteString, fromByteString, toByteString } from '../foundation/byte-string.ts';
import { TrimaranError } from '../foundation/error.ts';

/** What an output may refer to. Entries are store paths or names of outputs. */
export interface OutputCheck {
  readonly allowedReferences?: readonly ByteString[] | undefined;
  readonly disallowedReferences?: readonly ByteString[] | undefined;
  readonly allowedRequisites?: readonly ByteString[] | undefined;
  readonly disallowedRequisites?: readonly ByteString[] | undefined;
  /** Bytes of the output's NAR, and of its closure's. */
  readonly maxSize?: number | undefined;
  readonly maxClosureSize?: number | undefined;
  /** Whether an output counts among its own requisites. */
  readonly ignoreSelf: boolean;
}

export interface DerivationOptions {
  /** `__json`, parsed; undefined without structured attributes. */
  readonly attributes: Readonly<Record<string, unknown>> | undefined;
  /** The check for an output. */
  readonly checkFor: (output: ByteString) => OutputCheck | undefined;
  readonly passAsFile: ReadonlySet<ByteString>;
  /** File name (or attribute) to the store paths whose closure is described there. */
  readonly exportReferencesGraph: ReadonlyMap<string, readonly ByteString[]>;
  /** Outputs in which references are not looked for. */
  readonly discardReferences: ReadonlySet<string>;
  readonly allowSubstitutes: boolean;
  /** Variables of the host that the builder of a fixed output may see. */
  readonly impureEnvVars: readonly ByteString[];
}

/** Features of a builder that derivations ask for and any machine has, since they only tell schedulers something. */
const harmlessFeatures = new Set(['big-parallel', 'benchmark', 'local']);

/**
 * Reads a derivation's options. Throws `store/bad-attribute` for one that is malformed, and
 * `store/unsupported-derivation`, naming the attribute, for what this store cannot do.
 */
export function derivationOptionsOf(derivation: Derivation): DerivationOptions {
  const attributes = structuredAttributesOf(derivation);
  const reader = attributes === undefined ? fromEnvironment(derivation) : fromJson(attributes);
  for (const name of ['__noChroot', '__impure', '__contentAddressed'] as const) {
    if (reader.flag(name)) throw unsupported(derivation, `the attribute ${name}`);
  }
  for (const feature of reader.list('requiredSystemFeatures') ?? []) {
    if (!harmlessFeatures.has(feature)) {
      throw unsupported(derivation, `the system feature '${fromByteString(feature)}'`);
    }
  }
  for (const { hash, hashAlgorithm } of derivation.outputs.values()) {
    if (hashAlgorithm !== '' && hash === '') {
      throw unsupported(derivation, 'an output whose path is known only after the build');
    }
    if (hash === 'impure') throw unsupported(derivation, 'an impure output');
  }
  const shared = attributes === undefined ? checkOf(reader, true) : undefined;
  return {
    attributes,
    checkFor: (output) => {
      if (attributes === undefined) return shared;
      const check = objectOf(attributes.outputChecks)?.[fromByteString(output)];
      const fields = objectOf(check);
      return fields === undefined ? undefined : checkOf(fromJson(fields), false);
    },
    passAsFile: new Set(attributes === undefined ? reader.list('passAsFile') : undefined),
    exportReferencesGraph: attributes === undefined ? classicGraph(derivation) : structuredGraph(attributes),
    discardReferences: new Set(
      Object.entries(objectOf(attributes?.unsafeDiscardReferences) ?? {})
        .filter(([, discard]) => discard === true)
        .map(([output]) => output),
    ),
    allowSubstitutes: reader.flag('allowSubstitutes') ?? true,
    impureEnvVars: reader.list('impureEnvVars') ?? [],
  };
}

function structuredAttributesOf(derivation: Derivation): Record<string, unknown> | undefined {
  const text = derivation.env.get('__json');
  if (text === undefined) return undefined;
  try {
    const attributes: unknown = JSON.parse(fromByteString(text));
    const fields = objectOf(attributes);
    if (fields !== undefined) return fields;
  } catch {
    // Said below.
  }
  throw badAttribute(derivation.name, '__json', 'is no JSON object');
}

/** Where attributes come from, in one shape. */
interface AttributeReader {
  flag(name: string): boolean | undefined;
  list(name: string): readonly ByteString[] | undefined;
  number(name: string): number | undefined;
}

function fromEnvironment(derivation: Derivation): AttributeReader {
  const { env } = derivation;
  return {
    flag: (name) => (env.has(name) ? env.get(name) === '1' : undefined),
    list: (name) => {
      const text = env.get(name);
      return text === undefined ? undefined : words(text);
    },
    // Limits of size exist in structured attributes alone.
    number: () => undefined,
  };
}

function fromJson(fields: Readonly<Record<string, unknown>>): AttributeReader {
  return {
    flag: (name) => {
      const value = fields[name];
      if (value === undefined) return undefined;
      if (typeof value === 'boolean') return value;
      throw badAttribute('', name, 'is no boolean');
    },
    list: (name) => {
      const value = fields[name];
      if (value === undefined) return undefined;
      if (Array.isArray(value) && value.every((item) => typeof item === 'string'))
        return value.map(toByteString);
      throw badAttribute('', name, 'is no list of strings');
    },
    number: (name) => {
      const value = fields[name];
      if (value === undefined || value === null) return undefined;
      if (typeof value === 'number') return value;
      throw badAttribute('', name, 'is no number');
    },
  };
}

function checkOf(reader: AttributeReader, ignoreSelf: boolean): OutputCheck {
  return {
    allowedReferences: reader.list('allowedReferences'),
    disallowedReferences: reader.list('disallowedReferences'),
    allowedRequisites: reader.list('allowedRequisites'),
    disallowedRequisites: reader.list('disallowedRequisites'),
    maxSize: reader.number('maxSize'),
    maxClosureSize: reader.number('maxClosureSize'),
    ignoreSelf,
  };
}

function classicGraph(derivation: Derivation): ReadonlyMap<string, readonly ByteString[]> {
  const graph = new Map<string, readonly ByteString[]>();
  const list = words(derivation.env.get('exportReferencesGraph') ?? '');
  if (list.length % 2 !== 0) {
    throw badAttribute(derivation.name, 'exportReferencesGraph', 'has an odd number of words');
  }
  for (let i = 0; i < list.length; i += 2) {
    if (!/^[A-Za-z_][A-Za-z0-9_.-]*$/.test(list[i]!)) {
      throw badAttribute(derivation.name, 'exportReferencesGraph', `has the bad file name '${list[i]}'`);
    }
    graph.set(list[i]!, [list[i + 1]!]);
  }
  return graph;
}

function structuredGraph(
  attributes: Readonly<Record<string, unknown>>,
): ReadonlyMap<string, readonly ByteString[]> {
  const graph = new Map<string, readonly ByteString[]>();
  for (const [key, value] of Object.entries(objectOf(attributes.exportReferencesGraph) ?? {})) {
    const paths = [value].flat(Number.POSITIVE_INFINITY);
    if (!paths.every((path) => typeof path === 'string')) {
      throw badAttribute('', 'exportReferencesGraph', 'has a value that is neither string nor list');
    }
    graph.set(key, paths.map(toByteString));
  }
  return graph;
}

function objectOf(value: unknown): Record<string, unknown> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
}

function words(text: ByteString): ByteString[] {
  return text.split(/[ \t\n\r]+/).filter((word) => word !== '');
}

function badAttribute(name: ByteString, attribute: string, problem: string): TrimaranError {
  const owner = name === '' ? '' : ` of derivation '${fromByteString(name)}'`;
  return new TrimaranError({
    code: 'store/bad-attribute',
    message: `the attribute ${attribute}${owner} ${problem}`,
  });
}

function unsupported(derivation: Derivation, what: string): TrimaranError {
  return new TrimaranError({
    code: 'store/unsupported-derivation',
    message: `derivation '${fromByteString(derivation.name)}' needs ${what}, which is not supported`,
    hint: 'build it with Nix itself, or take it from a binary cache',
  });
}
