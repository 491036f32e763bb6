// The environment and the extra files that a builder finds: variables as Nix sets them, attributes passed as files,
// structured attributes, reference graphs. Source: the Nix reference manual, "Advanced attributes", "Derivation builder".
import { createHash } from 'node:crypto';
import type { Derivation } from '../formats/derivation.ts';
import { writeNixBase32 } from '../formats/nix-base32.ts';
import { isStorePath, outputPlaceholder, type StorePath, splitStorePath } from '../formats/store-path.ts';
import { type ByteString, fromByteString, toByteString } from '../foundation/byte-string.ts';
import { TrimaranError } from '../foundation/error.ts';
import type { DerivationOptions } from './derivation-options.ts';
import { hasFixedOutput } from './fixed-output.ts';
import type { LocalStore } from './local-store.ts';

export interface BuildEnvironment {
  readonly variables: ReadonlyMap<ByteString, ByteString>;
  /** Files to be put into the build folder, by name. */
  readonly files: ReadonlyMap<string, ByteString>;
}

/** Replaces placeholders (`builtins.placeholder "out"`) by the outputs' paths. */
export function replacePlaceholders(
  outputPaths: ReadonlyMap<ByteString, StorePath>,
): (text: ByteString) => ByteString {
  const pairs = [...outputPaths].map(([output, path]) => [outputPlaceholder(output), path] as const);
  return (text) => {
    let result = text;
    for (const [placeholder, path] of pairs) {
      if (result.includes(placeholder)) result = result.replaceAll(placeholder, path);
    }
    return result;
  };
}

/**
 * What the builder of a derivation finds when its folder is seen as `buildFolder`. `inputs` are its input paths, all
 * valid. Throws `store/bad-attribute` for a reference graph of something that is no input.
 */
export function buildEnvironment(options: {
  readonly derivation: Derivation;
  readonly options: DerivationOptions;
  readonly store: LocalStore;
  readonly inputs: readonly StorePath[];
  readonly outputPaths: ReadonlyMap<ByteString, StorePath>;
  readonly buildFolder: string;
  readonly cores: number;
  /** The host's environment, for what a fixed output may see of it. */
  readonly hostEnv: Readonly<Record<string, string | undefined>>;
}): BuildEnvironment {
  const { derivation, store, buildFolder } = options;
  const { passAsFile, attributes, exportReferencesGraph } = options.options;
  const rewrite = replacePlaceholders(options.outputPaths);
  const variables = new Map<ByteString, ByteString>([
    // A shell would make up a PATH of its own, and look up a home, if these were not set.
    ['PATH', '/path-not-set'],
    ['HOME', '/homeless-shelter'],
    ['NIX_STORE', store.storeDirectory],
    ['NIX_BUILD_CORES', String(options.cores)],
  ]);
  const files = new Map<string, ByteString>();
  const graphs = () =>
    [...exportReferencesGraph].map(([name, paths]) => {
      return [name, exportedPaths(store, paths.map(rewrite), options.inputs)] as const;
    });
  if (attributes === undefined) {
    for (const [name, value] of derivation.env) {
      if (passAsFile.has(name)) {
        const file = `.attr-${writeNixBase32(createHash('sha256').update(name, 'latin1').digest())}`;
        files.set(file, rewrite(value));
        variables.set(`${name}Path`, `${buildFolder}/${file}`);
      } else {
        variables.set(name, rewrite(value));
      }
    }
    for (const [name, paths] of graphs()) files.set(name, referenceGraphText(store, paths));
  } else {
    const members = jsonMembers(fromByteString(derivation.env.get('__json') ?? '{}'));
    members.set('outputs', JSON.stringify(Object.fromEntries([...options.outputPaths].sort())));
    for (const [name, paths] of graphs()) members.set(name, referenceGraphJson(store, paths));
    const sorted = [...members].sort(([a], [b]) => (toByteString(a) < toByteString(b) ? -1 : 1));
    const json = `{${sorted.map(([name, value]) => `${JSON.stringify(name)}:${value}`).join(',')}}`;
    files.set('.attrs.json', rewrite(toByteString(json)));
    files.set('.attrs.sh', rewrite(toByteString(attributesAsShell(sorted))));
    variables.set('NIX_ATTRS_JSON_FILE', `${buildFolder}/.attrs.json`);
    variables.set('NIX_ATTRS_SH_FILE', `${buildFolder}/.attrs.sh`);
  }
  for (const name of ['NIX_BUILD_TOP', 'TMPDIR', 'TEMPDIR', 'TMP', 'TEMP', 'PWD']) {
    variables.set(name, buildFolder);
  }
  if (hasFixedOutput(derivation)) {
    variables.set('NIX_OUTPUT_CHECKED', '1');
    for (const name of options.options.impureEnvVars) {
      variables.set(name, toByteString(options.hostEnv[fromByteString(name)] ?? ''));
    }
  }
  variables.set('NIX_LOG_FD', '2');
  variables.set('TERM', 'xterm-256color');
  return { variables, files };
}

/** The closure of paths that lie in the inputs' closure; of derivations among it, their outputs' closures too. */
function exportedPaths(
  store: LocalStore,
  named: readonly ByteString[],
  inputs: readonly StorePath[],
): readonly StorePath[] {
  const allowed = new Set(store.closure(inputs));
  const roots = named.map((text) => {
    const path = splitStorePath(text, store.storeDirectory)?.storePath;
    if (path === undefined || !allowed.has(path)) {
      throw new TrimaranError({
        code: 'store/bad-attribute',
        message: `exportReferencesGraph names ${fromByteString(text)}, which is not in the input closure`,
        hint: 'name a path that the derivation depends on',
      });
    }
    return path;
  });
  const paths = new Set(store.closure(roots));
  for (const path of [...paths]) {
    if (!path.endsWith('.drv')) continue;
    for (const output of store.readDerivation(path).outputs.values()) {
      if (output.path === '' || !store.isValid(output.path)) continue;
      for (const reached of store.closure([output.path])) paths.add(reached);
    }
  }
  return [...paths].sort();
}

/** For each path: itself, an empty line for the deriver, the number of references, and these. */
function referenceGraphText(store: LocalStore, paths: readonly StorePath[]): ByteString {
  return paths
    .map((path) => {
      const { references } = store.info(path);
      return `${[path, '', references.length, ...references].join('\n')}\n`;
    })
    .join('');
}

function referenceGraphJson(store: LocalStore, paths: readonly StorePath[]): string {
  const records = paths.map((path) => {
    const { references, contentAddress } = store.info(path);
    const closureSize = store.closure([path]).reduce((sum, reached) => sum + store.narOf(reached).narSize, 0);
    const { narHash, narSize } = store.narOf(path);
    // Members in order of their names, as in Nix's own output.
    return {
      ...(contentAddress === undefined ? {} : { ca: contentAddress }),
      closureSize,
      narHash,
      narSize,
      path,
      references,
      valid: true,
    };
  });
  return JSON.stringify(records);
}

/**
 * The members of a JSON object with their values as they are written: numbers keep every digit and form that way.
 * Takes JSON that is known to be sound.
 */
function jsonMembers(json: string): Map<string, string> {
  const members = new Map<string, string>();
  let at = json.indexOf('{') + 1;
  const skipSpace = () => {
    while (/\s/.test(json[at] ?? '')) at++;
  };
  const skipString = () => {
    for (at++; json[at] !== '"'; at++) if (json[at] === '\\') at++;
    at++;
  };
  for (skipSpace(); json[at] === '"'; skipSpace()) {
    const keyStart = at;
    skipString();
    const key = JSON.parse(json.slice(keyStart, at)) as string;
    skipSpace();
    at++;
    skipSpace();
    const valueStart = at;
    for (let depth = 0; at < json.length; ) {
      const character = json[at]!;
      if (character === '"') {
        skipString();
        continue;
      }
      if (depth === 0 && (character === ',' || character === '}')) break;
      if (character === '{' || character === '[') depth++;
      if (character === '}' || character === ']') depth--;
      at++;
    }
    members.set(key, json.slice(valueStart, at).trim());
    if (json[at] === ',') at++;
  }
  return members;
}

/**
 * `declare` lines for bash: strings, whole numbers, booleans and null, and flat lists and objects of these. Numbers come
 * out as Nix's conversions to `float` and `int` leave them, which is what builders that read them are used to.
 */
function attributesAsShell(members: readonly (readonly [name: string, json: string])[]): string {
  let script = '';
  for (const [name, json] of members) {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) continue;
    const value: unknown = JSON.parse(markNumbers(json));
    const simple = shellValue(value);
    if (simple !== undefined) {
      script += `declare ${name}=${simple}\n`;
    } else if (Array.isArray(value)) {
      const items = value.map(shellValue);
      if (items.includes(undefined)) continue;
      script += `declare -a ${name}=(${items.map((item) => `${item} `).join('')})\n`;
    } else if (typeof value === 'object' && value !== null) {
      const items = Object.entries(value)
        .sort(([a], [b]) => (toByteString(a) < toByteString(b) ? -1 : 1))
        .map(([key, item]) => [key, shellValue(item)] as const);
      if (items.some(([, item]) => item === undefined)) continue;
      script += `declare -A ${name}=(${items.map(([key, item]) => `[${shellQuote(key)}]=${item} `).join('')})\n`;
    }
  }
  return script;
}

/** Puts numbers into strings that begin with NUL, which no string of Nix can hold, so that no digit is lost. */
function markNumbers(json: string): string {
  return json.replace(/"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g, (token) =>
    token.startsWith('"') ? token : `"\\u0000${token}"`,
  );
}

function shellValue(value: unknown): string | undefined {
  switch (typeof value) {
    case 'string':
      return value.startsWith('\0') ? shellNumber(value.slice(1)) : shellQuote(value);
    case 'boolean':
      return value ? '1' : '';
    default:
      return value === null ? "''" : undefined;
  }
}

function shellNumber(token: string): string | undefined {
  if (!Number.isInteger(Math.fround(Number(token)))) return undefined;
  if (/^-?\d+$/.test(token)) return String(BigInt.asIntN(32, BigInt(token)));
  const whole = Math.trunc(Number(token));
  return String(whole === (whole | 0) ? whole : -(2 ** 31));
}

function shellQuote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** The outputs' paths by name. Throws a plain Error for an output without one; those are refused before. */
export function outputPathsOf(derivation: Derivation): ReadonlyMap<ByteString, StorePath> {
  return new Map(
    [...derivation.outputs].map(([name, { path }]) => {
      if (!isStorePath(path)) throw new Error(`output ${name} of ${derivation.name} has no path`);
      return [name, path];
    }),
  );
}
