// Builtins that fetch. What they may be given is checked here; the fetching is the host's.

import { parseHash } from '../../../formats/hash-text.ts';
import { checkStorePathName } from '../../../formats/store-path.ts';
import type { ByteString } from '../../../foundation/byte-string.ts';
import { type Digest, digestLength } from '../../../foundation/digest.ts';
import { isTrimaranError } from '../../../foundation/error.ts';
import { coerceToString } from '../coerce.ts';
import { ContextBuilder } from '../context.ts';
import type { FetchedTree, HostValue } from '../host.ts';
import { fromHostValue } from '../host-values.ts';
import { type Interpreter, showType } from '../interpreter.ts';
import { baseName } from '../paths.ts';
import type { Position } from '../positions.ts';
import { Attrs, attrsFromEntries, isInteger, isString, NixPath, type Slot, type Value } from '../values.ts';
import type { Builtin } from './builtin.ts';
import { nameProblem } from './derivation.ts';
import { storePathString } from './files.ts';

/** Attributes for a fetcher: strings, paths, Booleans and natural numbers only. */
function fetcherAttributes(
  it: Interpreter,
  attrs: Attrs,
  describeNegative: (name: ByteString, value: number | bigint) => ByteString,
  describeType: (name: ByteString, value: Value) => ByteString,
): Record<string, HostValue> {
  const result: Record<string, HostValue> = Object.create(null);
  for (let i = 0; i < attrs.names.length; i++) {
    const name = it.symbols.names[attrs.names[i]!]!;
    const position = attrs.positionAt(i);
    const value = it.force(attrs.values[i]!, position);
    if (isString(value) || value instanceof NixPath) {
      result[name] = coerceToString(it, value, new ContextBuilder(), {
        position,
        errorContext: '',
        copyToStore: false,
      });
    } else if (typeof value === 'boolean') result[name] = value;
    else if (isInteger(value)) {
      if (value < 0) throw it.error('eval', describeNegative(name, value));
      result[name] = value;
    } else throw it.error('type', describeType(name, value));
  }
  return result;
}

function treeValue(it: Interpreter, tree: FetchedTree, position: Position): Value {
  const entries: [number, Slot, Position][] = [[it.symbols.outPath, storePathString(tree.outPath), position]];
  for (const [name, value] of Object.entries(tree.attributes)) {
    entries.push([it.symbols.intern(name), fromHostValue(it, value), position]);
  }
  return attrsFromEntries(entries);
}

function fetchTree(
  it: Interpreter,
  slot: Slot,
  call: { builtin: 'fetchTree' | 'fetchGit' | 'fetchMercurial'; position: Position },
): Value {
  const { builtin, position } = call;
  const value = it.force(slot, 0);
  const implied = builtin === 'fetchGit' ? 'git' : builtin === 'fetchMercurial' ? 'hg' : undefined;
  if (!(value instanceof Attrs)) {
    const url = coerceToString(it, value, new ContextBuilder(), {
      position: 0,
      errorContext: `while evaluating the first argument passed to '${builtin}'`,
      copyToStore: false,
    });
    const tree =
      implied === undefined
        ? it.host.fetchTreeUrl({ url })
        : it.host.fetchTree({ attributes: { type: implied, url }, builtin });
    return treeValue(it, tree, position);
  }
  const attributes = fetcherAttributes(
    it,
    value,
    (name, number) => `negative value given for '${builtin}' argument '${name}': ${number}`,
    (name, other) =>
      `argument '${name}' to '${builtin}' is ${showType(other)} while a string, Boolean or integer is expected`,
  );
  if (implied !== undefined) {
    if (attributes['type'] !== undefined) throw it.error('eval', "unexpected argument 'type'");
    attributes['type'] = implied;
  } else {
    if (attributes['type'] === undefined) {
      throw it.error('eval', `argument 'type' is missing in call to '${builtin}'`);
    }
    if (attributes['name'] !== undefined) {
      throw it.error('eval', `argument 'name' isn\xe2\x80\x99t supported in call to '${builtin}'`);
    }
  }
  return treeValue(it, it.host.fetchTree({ attributes, builtin }), position);
}

function fetchFile(it: Interpreter, slot: Slot, kind: { builtin: string; unpack: boolean }): Value {
  const { builtin, unpack } = kind;
  const value = it.force(slot, 0);
  let url: ByteString | undefined;
  let name: ByteString = unpack ? 'source' : '';
  let nameGiven = false;
  let expectedHash: Digest | undefined;
  const urlContext = 'while evaluating the url we should fetch';
  if (value instanceof Attrs) {
    for (let i = 0; i < value.names.length; i++) {
      const key = it.symbols.names[value.names[i]!]!;
      const attr = value.values[i]!;
      const position = value.positionAt(i);
      if (key === 'url') url = it.forceStringNoContext(attr, position, urlContext);
      else if (key === 'sha256') {
        const text = it.forceStringNoContext(
          attr,
          position,
          'while evaluating the sha256 of the content we should fetch',
        );
        expectedHash =
          text === ''
            ? { algorithm: 'sha256', bytes: new Uint8Array(digestLength.sha256) }
            : parseHash(text, { algorithm: 'sha256' });
      } else if (key === 'name') {
        nameGiven = true;
        name = it.forceStringNoContext(
          attr,
          position,
          'while evaluating the name of the content we should fetch',
        );
      } else throw it.error('eval', `unsupported argument '${key}' to '${builtin}'`);
    }
    if (url === undefined) throw it.error('eval', "'url' argument required");
  } else url = it.forceStringNoContext(value, 0, urlContext);
  if (unpack) url = it.host.resolvePseudoUrl(url);
  if (name === '') name = baseName(url.replace(/\/$/, ''));
  try {
    checkStorePathName(name);
  } catch (error) {
    if (!isTrimaranError(error)) throw error;
    const advice = nameGiven
      ? `Please change the value for the 'name' attribute passed to '${builtin}', so that it can create a valid store path.`
      : value instanceof Attrs
        ? `Please add a valid 'name' attribute to the argument for '${builtin}', so that it can create a valid store path.`
        : `Please pass an attribute set with 'url' and 'name' attributes to '${builtin}',  so that it can create a valid store path.`;
    throw it.error(
      'eval',
      `invalid store path name when fetching URL '${url}': ${nameProblem(name)}. ${advice}`,
    );
  }
  if (it.settings.pure && expectedHash === undefined) {
    throw it.error('eval', `in pure evaluation mode, '${builtin}' requires a 'sha256' argument`);
  }
  return storePathString(it.host.fetchFile({ url, name, unpack, expectedHash }));
}

export function fetchBuiltins(it: Interpreter): Builtin[] {
  const tree = (builtin: 'fetchTree' | 'fetchGit' | 'fetchMercurial'): Builtin => ({
    name: builtin,
    arity: 1,
    call: (slot, _second, _third, position) => fetchTree(it, slot, { builtin, position }),
  });
  return [
    tree('fetchTree'),
    tree('fetchGit'),
    tree('fetchMercurial'),
    {
      name: '__fetchurl',
      arity: 1,
      call: (slot) => fetchFile(it, slot, { builtin: 'fetchurl', unpack: false }),
    },
    {
      name: 'fetchTarball',
      arity: 1,
      call: (slot) => fetchFile(it, slot, { builtin: 'fetchTarball', unpack: true }),
    },
    {
      name: '__parseFlakeRef',
      arity: 1,
      call: (slot) => {
        const text = it.forceStringNoContext(
          slot,
          0,
          'while evaluating the argument passed to builtins.parseFlakeRef',
        );
        return fromHostValue(it, it.host.parseFlakeRef(text));
      },
    },
    {
      name: '__flakeRefToString',
      arity: 1,
      call: (slot) => {
        const attrs = it.forceAttrs(
          slot,
          0,
          'while evaluating the argument passed to builtins.flakeRefToString',
        );
        return it.host.flakeRefToString(
          fetcherAttributes(
            it,
            attrs,
            (name, value) => `negative value given for flake ref attr ${name}: ${value}`,
            (name, value) =>
              `flake reference attribute sets may only contain integers, Booleans, and strings, but attribute '${name}' is ${showType(value)}`,
          ),
        );
      },
    },
    {
      name: '__fetchClosure',
      arity: 1,
      call: () => {
        throw it.error('unsupported', "'builtins.fetchClosure' is not supported by Trimaran");
      },
    },
  ];
}
