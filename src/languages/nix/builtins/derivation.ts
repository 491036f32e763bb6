// `derivationStrict`: from attributes to a derivation in the store, with the paths real Nix gives it. Floating
// content-addressed and impure derivations are refused by name; so are text- and git-hashed outputs.

import type { Derivation, DerivationOutput } from '../../../formats/derivation.ts';
import { instantiateDerivation } from '../../../formats/derivation-hash.ts';
import { parseHash, writeHash } from '../../../formats/hash-text.ts';
import { sortedOnce } from '../../../formats/sorted-once.ts';
import { SortedVariables, setVariable } from '../../../formats/sorted-variables.ts';
import { checkStorePathName, type StorePath, writeMethodAndAlgorithm } from '../../../formats/store-path.ts';
import type { ByteString } from '../../../foundation/byte-string.ts';
import type { HashAlgorithm } from '../../../foundation/digest.ts';
import { isTrimaranError } from '../../../foundation/error.ts';
import { type CoerceOptions, coerceToString } from '../coerce.ts';
import { ContextBuilder, parseContextElement } from '../context.ts';
import { toNixError } from '../errors.ts';
import type { Interpreter } from '../interpreter.ts';
import { jsonString, valueToJson } from '../json.ts';
import { showPosition } from '../positions.ts';
import {
  type Attrs,
  attrsFromEntries,
  findAttr,
  lexicographicOrder,
  makeString,
  NixString,
  type Slot,
  textOf,
  type Value,
} from '../values.ts';
import type { Builtin } from './builtin.ts';

/** What is collected about a derivation while its attributes are gone through. */
interface Draft {
  readonly name: ByteString;
  /** Names and texts of the environment's variables, sorted by name. */
  readonly variables: ByteString[];
  readonly texts: ByteString[];
  readonly args: ByteString[];
  readonly context: ContextBuilder;
  builder: ByteString;
  system: ByteString;
  outputs: ByteString[];
  outputHash: ByteString | undefined;
  outputHashAlgorithm: HashAlgorithm | undefined;
  method: 'flat' | 'nar' | undefined;
  /** Members of `__json`, when structured attributes were asked for. */
  json: ByteString[] | undefined;
}

function derivationStrict(it: Interpreter, slot: Slot): Value {
  const attrs = it.forceAttrs(slot, 0, 'while evaluating the argument passed to builtins.derivationStrict');
  const nameIndex = it.requireAttr(
    attrs,
    it.symbols.name,
    'in the attrset passed as argument to builtins.derivationStrict',
  );
  let name: ByteString;
  try {
    name = it.forceStringNoContext(
      attrs.values[nameIndex]!,
      0,
      'while evaluating the `name` attribute passed to builtins.derivationStrict',
    );
  } catch (thrown) {
    throw toNixError(thrown).addTrace(
      attrs.positionAt(nameIndex),
      "while evaluating the derivation attribute 'name'",
    );
  }
  try {
    return makeDerivation(it, name, attrs);
  } catch (thrown) {
    const place = showPosition(it.positions.resolve(attrs.positionAt(nameIndex)));
    throw toNixError(thrown).addTraceAlways(
      0,
      `while evaluating derivation '${name}'\n  whose name attribute is located at ${place}`,
    );
  }
}

function flag(it: Interpreter, attrs: Attrs, name: string): boolean {
  const index = findAttr(attrs.names, it.symbols.find(name));
  if (index < 0) return false;
  return it.forceBool(
    attrs.values[index]!,
    0,
    `while evaluating the \`${name}\` attribute passed to builtins.derivationStrict`,
  );
}

function makeDerivation(it: Interpreter, name: ByteString, attrs: Attrs): Value {
  try {
    checkStorePathName(name);
  } catch (error) {
    if (!isTrimaranError(error)) throw error;
    throw it.error('eval', `invalid derivation name: ${nameProblem(name)}. Please pass a different 'name'.`);
  }
  const structured = flag(it, attrs, '__structuredAttrs');
  const ignoreNulls = flag(it, attrs, '__ignoreNulls');
  const draft: Draft = {
    name,
    variables: [],
    texts: [],
    args: [],
    context: new ContextBuilder(),
    builder: '',
    system: '',
    outputs: ['out'],
    outputHash: undefined,
    outputHashAlgorithm: undefined,
    method: undefined,
    json: structured ? [] : undefined,
  };
  const names = it.symbols.names;
  const order = lexicographicOrder(attrs, names);
  for (let i = 0; i < order.length; i++) {
    const index = order[i]!;
    const key = names[attrs.names[index]!]!;
    if (key === '__ignoreNulls') continue;
    const value = attrs.values[index]!;
    try {
      if (ignoreNulls && it.force(value, 0) === null) continue;
      addAttribute(it, draft, { key, value, attrs, index });
    } catch (thrown) {
      throw toNixError(thrown).addTrace(
        attrs.positionAt(index),
        `while evaluating attribute '${key}' of derivation '${name}'`,
      );
    }
  }
  return instantiate(it, draft);
}

/** Why a name cannot be part of a store path, in Nix's words. */
export function nameProblem(name: ByteString): ByteString {
  if (name === '') return 'name must not be empty';
  if (name.length > 211) return `name '${name}' must be no longer than 211 characters`;
  if (name === '.' || name === '..') return `name '${name}' is not valid`;
  const dotted = /^(\.\.?)-/.exec(name);
  if (dotted !== null) {
    return `name '${name}' is not valid: first dash-separated component must not be '${dotted[1]}'`;
  }
  const bad = /[^0-9a-zA-Z+\-._?=]/.exec(name);
  return `name '${name}' contains illegal character '${bad?.[0] ?? ''}'`;
}

interface Attribute {
  readonly key: ByteString;
  readonly value: Slot;
  /** Where it comes from, for warnings. */
  readonly attrs: Attrs;
  readonly index: number;
}

/** How values become environment variables. */
const asVariable: CoerceOptions = { position: 0, errorContext: '', more: true };

const asArgument: CoerceOptions = {
  position: 0,
  errorContext: 'while evaluating an element of the argument list',
  more: true,
};

function addAttribute(it: Interpreter, draft: Draft, attribute: Attribute): void {
  const { key, value } = attribute;
  if (key === '__contentAddressed' || key === '__impure') {
    if (it.forceBool(value, 0, '')) {
      const feature = key === '__impure' ? 'impure-derivations' : 'ca-derivations';
      throw it.error(
        'unsupported',
        `experimental Nix feature '${feature}' is disabled; add '--extra-experimental-features ${feature}' to enable it`,
      );
    }
    // Nix leaves them out of the environment when they are false, too.
    return;
  }
  if (key === 'args') {
    for (const element of it.forceList(value, 0, '')) {
      draft.args.push(coerceToString(it, element, draft.context, asArgument));
    }
    return;
  }
  if (draft.json !== undefined) {
    addStructured(it, draft, attribute);
    return;
  }
  const text = coerceToString(it, value, draft.context, asVariable);
  if (key === '__json') {
    it.warn(
      "setting structured attributes via '__json' is deprecated, and may be disallowed in future versions of Nix. Set '__structuredAttrs = true' instead.",
    );
  }
  // They come sorted.
  draft.variables.push(key);
  draft.texts.push(text);
  switch (key) {
    case 'builder':
      draft.builder = text;
      break;
    case 'system':
      draft.system = text;
      break;
    case 'outputHash':
      draft.outputHash = text;
      break;
    case 'outputHashAlgo':
      draft.outputHashAlgorithm = optionalAlgorithm(text);
      break;
    case 'outputHashMode':
      draft.method = parseMethod(it, draft, text);
      break;
    case 'outputs':
      draft.outputs = checkOutputs(
        it,
        text.split(/[ \t\n\r]+/).filter((output) => output !== ''),
      );
      break;
  }
}

const ignoredWithStructuredAttrs = new Set([
  'allowedReferences',
  'allowedRequisites',
  'disallowedReferences',
  'disallowedRequisites',
  'maxSize',
  'maxClosureSize',
]);

function addStructured(it: Interpreter, draft: Draft, { key, value, attrs, index }: Attribute): void {
  if (key === '__structuredAttrs') return;
  const json = valueToJson(it, value, draft.context, { position: 0, copyToStore: true });
  draft.json!.push(`${jsonString(key)}:${json}`);
  switch (key) {
    case 'builder': {
      const builder = it.forceStringValue(value, 0, '');
      if (builder instanceof NixString) draft.context.addAll(builder.context);
      draft.builder = textOf(builder);
      break;
    }
    case 'system':
      draft.system = it.forceStringNoContext(value, 0, '');
      break;
    case 'outputHash':
      draft.outputHash = it.forceStringNoContext(value, 0, '');
      break;
    case 'outputHashAlgo':
      draft.outputHashAlgorithm = optionalAlgorithm(it.forceStringNoContext(value, 0, ''));
      break;
    case 'outputHashMode':
      draft.method = parseMethod(it, draft, it.forceStringNoContext(value, 0, ''));
      break;
    case 'outputs':
      draft.outputs = checkOutputs(
        it,
        it.forceList(value, 0, '').map((output) => it.forceStringNoContext(output, 0, '')),
      );
      break;
  }
  if (ignoredWithStructuredAttrs.has(key)) {
    it.warnAt(
      `'structuredAttrs' disables the effect of the derivation attribute '${key}'; use 'outputChecks.<output>.${key}' instead`,
      attrs.positionAt(index),
      { trace: `while evaluating derivation '${draft.name}'` },
    );
  }
}

function optionalAlgorithm(name: ByteString): HashAlgorithm | undefined {
  return name === 'md5' || name === 'sha1' || name === 'sha256' || name === 'sha512' ? name : undefined;
}

function parseMethod(it: Interpreter, draft: Draft, mode: ByteString): 'flat' | 'nar' {
  if (mode === 'recursive' || mode === 'nar') return 'nar';
  if (mode === 'flat') return 'flat';
  if (mode === 'text') {
    throw it.error(
      'unsupported',
      `experimental Nix feature 'dynamic-derivations' is disabled (text-hashed derivation '${draft.name}', outputHashMode = "text"); add '--extra-experimental-features dynamic-derivations' to enable it`,
    );
  }
  if (mode === 'git') {
    throw it.error(
      'unsupported',
      "experimental Nix feature 'git-hashing' is disabled; add '--extra-experimental-features git-hashing' to enable it",
    );
  }
  throw it.error('eval', `invalid value '${mode}' for 'outputHashMode' attribute`);
}

function checkOutputs(it: Interpreter, outputs: readonly ByteString[]): ByteString[] {
  const seen = new Set<ByteString>();
  for (const output of outputs) {
    if (seen.has(output)) throw it.error('eval', `duplicate derivation output '${output}'`);
    if (output === 'drvPath') throw it.error('eval', "invalid derivation output name 'drvPath'");
    seen.add(output);
  }
  if (seen.size === 0) throw it.error('eval', 'derivation cannot have an empty set of outputs');
  return [...seen].sort();
}

/** The inputs that strings of the derivation refer to. */
function inputsOf(it: Interpreter, context: ContextBuilder): Pick<Derivation, 'inputDrvs' | 'inputSrcs'> {
  const inputDrvs = new Map<StorePath, ByteString[]>();
  const inputSrcs: StorePath[] = [];
  const addOutput = (path: StorePath, output: ByteString) => {
    const outputs = inputDrvs.get(path);
    if (outputs === undefined) inputDrvs.set(path, [output]);
    else if (!outputs.includes(output)) outputs.push(output);
  };
  context.context?.forEach((text) => {
    const element = parseContextElement(text);
    if (element.kind === 'path') inputSrcs.push(element.path);
    else if (element.kind === 'output') addOutput(element.path, element.output);
    else {
      // The whole closure of the derivation, and all outputs of every derivation in it.
      for (const path of closureOf(it, element.path)) {
        inputSrcs.push(path);
        if (!path.endsWith('.drv')) continue;
        for (const output of it.host.readDerivation(path).outputs.keys()) addOutput(path, output);
      }
    }
  });
  const sorted = new Map<StorePath, readonly ByteString[]>();
  for (const path of sortedOnce(inputDrvs.keys())) sorted.set(path, sortedOnce(inputDrvs.get(path)!));
  return { inputDrvs: sorted, inputSrcs: sortedOnce(inputSrcs) };
}

function closureOf(it: Interpreter, start: StorePath): Set<StorePath> {
  const closure = new Set([start]);
  const work = [start];
  for (let path = work.pop(); path !== undefined; path = work.pop()) {
    for (const reference of it.host.references(path)) {
      if (!closure.has(reference)) {
        closure.add(reference);
        work.push(reference);
      }
    }
  }
  return closure;
}

function instantiate(it: Interpreter, draft: Draft): Value {
  const { name, variables, texts } = draft;
  if (draft.json !== undefined) setVariable(variables, texts, '__json', `{${draft.json.join(',')}}`);
  const { inputDrvs, inputSrcs } = inputsOf(it, draft.context);
  if (draft.builder === '') throw it.error('eval', "required attribute 'builder' missing");
  if (draft.system === '') throw it.error('eval', "required attribute 'system' missing");
  if (name.endsWith('.drv')) {
    throw it.error(
      'eval',
      "derivation names are allowed to end in '.drv' only if they produce a single derivation file",
    );
  }
  const outputs = new Map<ByteString, DerivationOutput>();
  if (draft.outputHash !== undefined) {
    if (draft.outputs.length !== 1 || draft.outputs[0] !== 'out') {
      throw it.error('eval', 'multiple outputs are not supported in fixed-output derivations');
    }
    outputs.set('out', fixedOutput(it, draft, draft.outputHash));
    setVariable(variables, texts, 'out', '');
  } else {
    for (const output of draft.outputs) {
      setVariable(variables, texts, output, '');
      outputs.set(output, { path: '', hashAlgorithm: '', hash: '' });
    }
  }
  const hashing = {
    memo: it.derivationHashes,
    readDerivation: (path: StorePath) => it.host.readDerivation(path),
    storeDirectory: it.host.storeDirectory,
  };
  const masked: Derivation = {
    name,
    outputs,
    inputDrvs,
    inputSrcs,
    system: draft.system,
    builder: draft.builder,
    args: draft.args,
    env: new SortedVariables(variables, texts),
  };
  const { derivation: drv, text, hash } = instantiateDerivation(masked, hashing);
  const drvPath = it.host.writeDerivation(drv, text);
  it.derivationHashes.set(drvPath, hash);
  const result: [number, Slot][] = [[it.symbols.drvPath, makeString(drvPath, new Set([`=${drvPath}`]))]];
  for (const [output, { path }] of drv.outputs) {
    result.push([it.symbols.intern(output), makeString(path, new Set([`!${output}!${drvPath}`]))]);
  }
  return attrsFromEntries(result);
}

function fixedOutput(it: Interpreter, draft: Draft, hash: ByteString): DerivationOutput {
  const algorithm = draft.outputHashAlgorithm;
  let digest: ReturnType<typeof parseHash>;
  if (hash === '') {
    if (algorithm === undefined) throw it.error('other', 'empty hash requires explicit hash algorithm');
    digest = { algorithm, bytes: new Uint8Array({ md5: 16, sha1: 20, sha256: 32, sha512: 64 }[algorithm]) };
    it.warn(`found empty hash, assuming '${writeHash(digest, 'sri')}'`);
  } else digest = parseHash(hash, { algorithm });
  const method = draft.method ?? 'flat';
  return {
    path: '',
    hashAlgorithm: writeMethodAndAlgorithm(method, digest.algorithm),
    hash: writeHash(digest, 'base16'),
  };
}

export function derivationBuiltins(it: Interpreter): Builtin[] {
  return [{ name: 'derivationStrict', arity: 1, call: (slot) => derivationStrict(it, slot) }];
}
