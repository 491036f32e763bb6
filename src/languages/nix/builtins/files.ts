// Builtins that read files and add them to the store.

import { parseHash } from '../../../formats/hash-text.ts';
import { type StorePath, splitStorePath, storePathHash } from '../../../formats/store-path.ts';
import type { ByteString } from '../../../foundation/byte-string.ts';
import type { Digest } from '../../../foundation/digest.ts';
import { coerceToPath, coerceToString } from '../coerce.ts';
import { ContextBuilder, sortedContext } from '../context.ts';
import { NixError, toNixError } from '../errors.ts';
import { readDirectory, readRegularFile, resolveAncestors, resolveSymlinks } from '../files.ts';
import type { NixFileType } from '../host.ts';
import type { Interpreter } from '../interpreter.ts';
import { valueToJson } from '../json.ts';
import { valueFromJson } from '../json-reader.ts';
import { baseName, parentPath } from '../paths.ts';
import { realiseContext, realisePath } from '../realise.ts';
import { findFile, type SearchPathEntry } from '../search-path.ts';
import {
  attrsFromEntries,
  findAttr,
  isString,
  makeString,
  NixPath,
  NixString,
  type Slot,
  textOf,
  type Value,
} from '../values.ts';
import { valueToXml } from '../xml.ts';
import type { Builtin } from './builtin.ts';

/** A store path with the context of a source. */
export function storePathString(path: StorePath): Value {
  return makeString(path, new Set([path]));
}

interface AddPath {
  readonly path: ByteString;
  readonly name: ByteString;
  readonly filter: Value | undefined;
  readonly method: 'nar' | 'flat';
  readonly expectedHash: Digest | undefined;
  readonly context: ContextBuilder;
}

function addPath(it: Interpreter, request: AddPath): Value {
  const { name, filter, method, expectedHash } = request;
  let { path } = request;
  try {
    const context = request.context.context;
    if (context !== undefined) path = realiseContext(it, context, path);
    const source = resolveSymlinks(it, path);
    it.checkAccess(source);
    if (it.lstat(source) === undefined) throw it.error('eval', `path '${path}' does not exist`);
    const accepts =
      filter === undefined
        ? undefined
        : (file: ByteString, type: NixFileType): boolean => {
            // The filter sees the path it was given, even where that is a link.
            const shown = source === path ? file : path + file.slice(source.length);
            return it.forceBool(
              it.call2(filter, shown, type, 0),
              0,
              'while evaluating the return value of the path filter function',
            );
          };
    return storePathString(
      it.host.addPathToStore({
        path: source,
        name,
        method,
        ...(accepts === undefined ? {} : { filter: accepts }),
        ...(expectedHash === undefined ? {} : { expectedHash }),
      }),
    );
  } catch (thrown) {
    throw toNixError(thrown).addTrace(0, `while adding path '${path}'`);
  }
}

function path(it: Interpreter, slot: Slot): Value {
  const attrs = it.forceAttrs(slot, 0, "while evaluating the argument passed to 'builtins.path'");
  const context = new ContextBuilder();
  let source: ByteString | undefined;
  let name = '';
  let filter: Value | undefined;
  let method: 'nar' | 'flat' = 'nar';
  let expectedHash: Digest | undefined;
  for (let i = 0; i < attrs.names.length; i++) {
    const key = it.symbols.names[attrs.names[i]!]!;
    const value = attrs.values[i]!;
    const position = attrs.positionAt(i);
    switch (key) {
      case 'path':
        source = coerceToPath(it, value, context, {
          position,
          errorContext: "while evaluating the 'path' attribute passed to 'builtins.path'",
        });
        break;
      case 'name':
        name = it.forceStringNoContext(
          value,
          position,
          'while evaluating the `name` attribute passed to builtins.path',
        );
        break;
      case 'filter':
        filter = it.forceFunction(
          value,
          position,
          'while evaluating the `filter` parameter passed to builtins.path',
        );
        break;
      case 'recursive':
        method = it.forceBool(
          value,
          position,
          'while evaluating the `recursive` attribute passed to builtins.path',
        )
          ? 'nar'
          : 'flat';
        break;
      case 'sha256': {
        const text = it.forceStringNoContext(
          value,
          position,
          'while evaluating the `sha256` attribute passed to builtins.path',
        );
        expectedHash =
          text === ''
            ? { algorithm: 'sha256', bytes: new Uint8Array(32) }
            : parseHash(text, { algorithm: 'sha256' });
        break;
      }
      default:
        throw it.error('eval', `unsupported argument '${key}' to 'builtins.path'`, position);
    }
  }
  if (source === undefined) {
    throw it.error('eval', "missing required 'path' attribute in the first argument to 'builtins.path'");
  }
  return addPath(it, {
    path: source,
    name: name === '' ? baseName(source) : name,
    filter,
    method,
    expectedHash,
    context,
  });
}

/** Of the references of the store path a file lies in, those whose hash its text contains. */
function referencesIn(it: Interpreter, file: ByteString, text: ByteString): Set<ByteString> {
  const split = splitStorePath(file, it.host.storeDirectory);
  if (split === undefined) return new Set();
  return new Set(
    it.host.references(split.storePath).filter((reference) => text.includes(storePathHash(reference))),
  );
}

function toFile(it: Interpreter, nameSlot: Slot, textSlot: Slot): Value {
  const name = it.forceStringNoContext(
    nameSlot,
    0,
    'while evaluating the first argument passed to builtins.toFile',
  );
  const value = it.forceStringValue(
    textSlot,
    0,
    'while evaluating the second argument passed to builtins.toFile',
  );
  const references: StorePath[] = [];
  for (const element of value instanceof NixString ? sortedContext(value.context) : []) {
    if (element.kind === 'path') references.push(element.path);
    else {
      const base = baseName(element.path);
      const shown = element.kind === 'closure' ? `=${base}` : `!${element.output}!${base}`;
      throw it.error(
        'eval',
        `files created by builtins.toFile may not reference derivations, but ${name} references ${shown}`,
      );
    }
  }
  return storePathString(it.host.addTextToStore({ name, text: textOf(value), references }));
}

function searchPathOf(it: Interpreter, slot: Slot): SearchPathEntry[] {
  const list = it.forceList(slot, 0, 'while evaluating the first argument passed to builtins.findFile');
  return list.map((element) => {
    const attrs = it.forceAttrs(
      element,
      0,
      'while evaluating an element of the list passed to builtins.findFile',
    );
    const prefixIndex = findAttr(attrs.names, it.symbols.find('prefix'));
    const prefix =
      prefixIndex < 0
        ? ''
        : it.forceStringNoContext(
            attrs.values[prefixIndex]!,
            0,
            'while evaluating the `prefix` attribute of an element of the list passed to builtins.findFile',
          );
    const pathIndex = it.requireAttr(attrs, it.symbols.intern('path'), 'in an element of the __nixPath');
    const context = new ContextBuilder();
    const text = coerceToString(it, attrs.values[pathIndex]!, context, {
      position: 0,
      errorContext:
        'while evaluating the `path` attribute of an element of the list passed to builtins.findFile',
      copyToStore: false,
    });
    return { prefix, path: context.context === undefined ? text : realiseContext(it, context.context, text) };
  });
}

function legacyBaseName(text: ByteString): ByteString {
  if (text === '') return '';
  const end = text.endsWith('/') && text.length > 1 ? text.length - 1 : text.length;
  const slash = text.lastIndexOf('/', end - 1);
  return text.slice(slash + 1, end);
}

function dirOf(it: Interpreter, slot: Slot): Value {
  const value = it.force(slot, 0);
  if (value instanceof NixPath) return new NixPath(parentPath(value.path));
  const context = new ContextBuilder();
  const text = coerceToString(it, value, context, {
    position: 0,
    errorContext: "while evaluating the first argument passed to 'builtins.dirOf'",
    copyToStore: false,
  });
  const slash = text.lastIndexOf('/');
  return makeString(slash < 0 ? '.' : slash === 0 ? '/' : text.slice(0, slash), context.context);
}

function pathExists(it: Interpreter, slot: Slot): Value {
  const { depth } = it;
  try {
    const value = it.force(slot, 0);
    const mustBeDirectory = isString(value) && /\/\.?$/.test(textOf(value));
    const given = realisePath(it, value);
    const resolved = mustBeDirectory ? resolveSymlinks(it, given) : resolveAncestors(it, given);
    it.checkAccess(resolved);
    const stat = it.lstat(resolved);
    return stat !== undefined && (!mustBeDirectory || stat.type === 'directory');
  } catch (thrown) {
    if (thrown instanceof NixError && thrown.kind === 'restricted-path') {
      it.depth = depth;
      return false;
    }
    throw thrown;
  }
}

export function fileBuiltins(it: Interpreter): Builtin[] {
  return [
    {
      name: '__toPath',
      arity: 1,
      call: (slot) => {
        const context = new ContextBuilder();
        const text = coerceToPath(it, slot, context, {
          position: 0,
          errorContext: 'while evaluating the first argument passed to builtins.toPath',
        });
        return makeString(text, context.context);
      },
    },
    {
      name: '__storePath',
      arity: 1,
      call: (slot) => {
        if (it.settings.pure) {
          throw it.error('eval', "'builtins.storePath' is not allowed in pure evaluation mode");
        }
        const context = new ContextBuilder();
        let text = coerceToPath(it, slot, context, {
          position: 0,
          errorContext: "while evaluating the first argument passed to 'builtins.storePath'",
        });
        let split = splitStorePath(text, it.host.storeDirectory);
        if (split?.rest !== '') {
          text = resolveSymlinks(it, text);
          split = splitStorePath(text, it.host.storeDirectory);
        }
        if (split === undefined) throw it.error('eval', `path '${text}' is not in the Nix store`);
        it.host.ensurePath(split.storePath);
        context.add(split.storePath);
        return makeString(text, context.context);
      },
    },
    { name: '__pathExists', arity: 1, call: (slot) => pathExists(it, slot) },
    {
      name: 'baseNameOf',
      arity: 1,
      call: (slot) => {
        const context = new ContextBuilder();
        const text = coerceToString(it, slot, context, {
          position: 0,
          errorContext: 'while evaluating the first argument passed to builtins.baseNameOf',
          copyToStore: false,
        });
        return makeString(legacyBaseName(text), context.context);
      },
    },
    { name: 'dirOf', arity: 1, call: (slot) => dirOf(it, slot) },
    {
      name: '__readFile',
      arity: 1,
      call: (slot) => {
        const file = resolveSymlinks(it, realisePath(it, slot));
        const text = readRegularFile(it, file);
        if (text.includes('\0')) {
          throw it.error('eval', `the contents of the file '${file}' cannot be represented as a Nix string`);
        }
        return makeString(text, referencesIn(it, file, text));
      },
    },
    {
      name: '__findFile',
      arity: 2,
      call: (list, name) => {
        const entries = searchPathOf(it, list);
        const wanted = it.forceStringNoContext(
          name,
          0,
          'while evaluating the second argument passed to builtins.findFile',
        );
        return new NixPath(findFile(it, entries, wanted));
      },
    },
    {
      name: '__readFileType',
      arity: 1,
      call: (slot) => {
        const given = realisePath(it, slot);
        return it.requireFile(resolveAncestors(it, given), given).type;
      },
    },
    {
      name: '__readDir',
      arity: 1,
      call: (slot) => {
        const directory = resolveSymlinks(it, realisePath(it, slot));
        return attrsFromEntries(
          readDirectory(it, directory).map(({ name, type }) => [it.symbols.intern(name), type] as const),
        );
      },
    },
    {
      name: '__filterSource',
      arity: 2,
      call: (filter, source) => {
        const context = new ContextBuilder();
        const given = coerceToPath(it, source, context, {
          position: 0,
          errorContext:
            "while evaluating the second argument (the path to filter) passed to 'builtins.filterSource'",
        });
        const fn = it.forceFunction(
          filter,
          0,
          'while evaluating the first argument passed to builtins.filterSource',
        );
        return addPath(it, {
          path: given,
          name: baseName(given),
          filter: fn,
          method: 'nar',
          expectedHash: undefined,
          context,
        });
      },
    },
    { name: '__path', arity: 1, call: (slot) => path(it, slot) },
    { name: '__toFile', arity: 2, call: (name, text) => toFile(it, name, text) },
  ];
}

export function documentBuiltins(it: Interpreter): Builtin[] {
  return [
    {
      name: '__toXML',
      arity: 1,
      call: (slot) => {
        const context = new ContextBuilder();
        const text = valueToXml(it, slot, context, { strict: true, location: false });
        return makeString(text, context.context);
      },
    },
    {
      name: '__toJSON',
      arity: 1,
      call: (slot) => {
        const context = new ContextBuilder();
        const text = valueToJson(it, slot, context, { position: 0, copyToStore: true });
        return makeString(text, context.context);
      },
    },
    {
      name: '__fromJSON',
      arity: 1,
      call: (slot) =>
        valueFromJson(
          it,
          it.forceStringNoContext(slot, 0, 'while evaluating the first argument passed to builtins.fromJSON'),
        ),
    },
  ];
}
