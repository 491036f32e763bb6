// (trimaran guix): what the Scheme texts behind Guix's module names ask of the store, of Debian and of this machine.
import { compareVersions } from '../../debian/version.ts';
import { parseNixBase32, writeNixBase32 } from '../../formats/nix-base32.ts';
import { fromByteString, toByteString } from '../../foundation/byte-string.ts';
import { digestLength, digestToHex, type HashAlgorithm } from '../../foundation/digest.ts';
import { TrimaranError } from '../../foundation/error.ts';
import { type Interpreter, procedure } from '../../languages/scheme/interpreter.ts';
import { type Module, Variable } from '../../languages/scheme/module.ts';
import {
  arrayToList,
  Flonum,
  intern,
  list,
  listToArray,
  MString,
  NIL,
  Pair,
  Rec,
  RecordType,
  Sym,
  str,
  UNSPECIFIED,
  type Value,
} from '../../languages/scheme/values.ts';
import type { DebianChannel } from './debian-channel.ts';
import { storeName } from './debian-channel.ts';
import type { DerivationInput, DerivationMaker, MadeDerivation } from './derivation-maker.ts';
import buildUtils from './modules/build-utils.scm';
import scriptBuild from './modules/script-build.scm';

/** What primitives work with. */
export interface PrimitiveWorld {
  readonly interpreter: Interpreter;
  readonly maker: DerivationMaker;
  readonly system: string;
  /** Where the package stands that is being lowered, for errors: `(file line column)`, the column from 0, or #f. */
  readonly place: { current: Value };
  /** Is told of each derivation. */
  readonly made: (derivation: MadeDerivation) => void;
  /** The commit that the project's lock has for a branch or tag of a repository. */
  readonly lockedCommit: (url: string, ref: string) => string | undefined;
  /** The channel, opened when first asked for. */
  readonly debian: () => DebianChannel;
  readonly addText: (name: string, text: string) => string;
  /** Adds a file or folder; `select` is asked for each entry below it, by relative path. */
  readonly addPath: (request: {
    readonly source: string;
    readonly name: string;
    readonly recursive: boolean;
    readonly select: ((relative: string) => boolean) | undefined;
  }) => string;
  /** Files that git tracks in a folder, relative to it; undefined when it is no working tree. */
  readonly gitFiles: (directory: string) => readonly string[] | undefined;
}

const derivationType = new RecordType({
  name: intern('<derivation>'),
  fields: [intern('file-name'), intern('made')],
});

/** A derivation as a Scheme value. */
function derivationValue(made: MadeDerivation): Value {
  return new Rec(derivationType, [str(made.drvPath), made]);
}

/** The derivation behind a Scheme value, or undefined. */
export function derivationOf(value: Value): MadeDerivation | undefined {
  return value instanceof Rec && value.type === derivationType
    ? (value.fields[1] as MadeDerivation)
    : undefined;
}

/** Provides the module (trimaran guix). */
export function definePrimitives(world: PrimitiveWorld): void {
  const { interpreter, maker } = world;
  const { session } = interpreter;
  interpreter.defineModule(['trimaran', 'guix'], {
    '%fail': (code: Value, message: Value, hint: Value) => {
      throw new TrimaranError({
        code: `guix/${text(code)}`,
        message: text(message),
        ...(hint instanceof MString ? { hint: hint.text } : {}),
      });
    },
    // Where the package stands that is being lowered; gives what it was before.
    '%place!': (place: Value) => {
      const before = world.place.current;
      world.place.current = place;
      return before;
    },
    '%system': () => str(world.system),
    '%add-text': (name: Value, content: Value) => str(world.addText(text(name), text(content))),
    '%add-path': (file: Value, name: Value, recursive: Value, select: Value) =>
      str(
        world.addPath({
          source: text(file),
          name: text(name),
          recursive: recursive !== false && recursive !== undefined,
          select:
            select === false || select === undefined
              ? undefined
              : (relative) =>
                  interpreter.callProcedure(select, [str(`${text(file)}/${relative}`), str(relative)]) !==
                  false,
        }),
      ),
    '%derivation': procedure('%derivation', { min: 7, max: 7 }, (...args: Value[]) => {
      const [name, builder, env, attributes, inputs, outputs, hash] = args;
      const made = maker.make({
        name: storeName(text(name)),
        builder: text(builder),
        env: Object.fromEntries(
          listToArray(env).map((pair) => [text(pair.car), toByteString(text(pair.cdr))]),
        ),
        ...(attributes === false ? {} : { attributes: json(attributes) }),
        inputs: listToArray(inputs).map(inputOf),
        outputs: listToArray(outputs).map(text),
        ...(hash === false ? {} : { fixed: fixedOf(hash) }),
      });
      world.made(made);
      return derivationValue(made);
    }),
    'derivation?': (value: Value) => derivationOf(value) !== undefined,
    '%derivation-file': (value: Value) => str(derivationOf(value)!.drvPath),
    '%derivation-name': (value: Value) => str(derivationOf(value)!.name),
    '%derivation-output': (value: Value, output: Value) => {
      const made = derivationOf(value)!;
      const path = made.outputs.get(text(output));
      if (path !== undefined) return str(path);
      throw new TrimaranError({
        code: 'guix/no-such-output',
        message: `derivation '${made.drvPath}' has no output '${text(output)}'`,
        hint: `its outputs are ${[...made.outputs.keys()].join(', ')}`,
      });
    },
    '%debian-environment': (name: Value, names: Value) =>
      derivationValue(world.debian().environment(text(name), listToArray(names).map(text))),
    '%debian-package': (specification: Value) => {
      const found = world.debian().package(text(specification));
      const { record } = found;
      const description = fromByteString(record.description ?? '');
      return list(
        fact('key', str(found.name)),
        fact('name', str(found.name)),
        fact('version', str(found.version)),
        fact('output', str(found.output)),
        fact('packages', arrayToList(found.packages.map((name) => str(name)))),
        fact('synopsis', str(description)),
        fact('description', str(description)),
        fact('home-page', str(fromByteString(record.homepage ?? ''))),
      );
    },
    '%debian-package?': (name: Value) => world.debian().has(text(name)),
    // Variables of package modules are looked for by name when a program uses one.
    '%find-variables!': (module: Value, find: Value) => {
      (module as Module).binder = (name) => {
        if (session.core.local(name) !== undefined || !world.debian().has(name.name)) return undefined;
        const variable = new Variable(name, interpreter.callProcedure(find, [str(name.name)]));
        (module as Module).bind(name, variable);
        return variable;
      };
      return UNSPECIFIED;
    },
    '%locked-commit': (url: Value, ref: Value) => {
      const name = text(ref);
      // As the lock names branches.
      const branch = name.replace(/^(?:origin|refs\/heads)\//, '');
      return str(world.lockedCommit(text(url), branch) ?? name);
    },
    '%git-files': (directory: Value) => {
      const files = world.gitFiles(text(directory));
      return files === undefined ? false : arrayToList(files.map((file) => str(file)));
    },
    '%compare-versions': (a: Value, b: Value) => Math.sign(compareVersions(text(a), text(b))),
    // (guix build utils) for scripts: paths on a load path, and texts.
    '%script-modules': () =>
      list(
        new Pair(str('guix/build/utils.scm'), str(buildUtils)),
        new Pair(str('trimaran/build.scm'), str(scriptBuild)),
      ),
    '%base32-decode': (value: Value) => {
      const bytes = parseNixBase32(text(value));
      if (bytes !== undefined) return bytes;
      throw new TrimaranError({
        code: 'guix/bad-base32',
        message: `\`${text(value)}' is not in Nix's base 32`,
        hint: 'it has digits and lower-case letters without e, o, t and u; `trimaran guix hash` prints it',
      });
    },
    '%base32-encode': (bytes: Value) => str(writeNixBase32(bytes)),
    '%base64': (value: Value) => new Uint8Array(Buffer.from(text(value), 'base64')),
  });
}

function fact(name: string, value: Value): Value {
  return new Pair(str(name), value);
}

function text(value: Value): string {
  if (value instanceof MString) return value.text;
  throw new TrimaranError({
    code: 'guix/not-a-string',
    message: 'a string was expected, but something else was given',
    hint: 'names, versions, URLs and commits are strings',
  });
}

/** Association lists with string keys as objects, vectors as arrays. */
function json(value: Value): unknown {
  if (value instanceof MString) return value.text;
  if (value instanceof Sym) return value.name;
  if (value instanceof Flonum) return value.value;
  if (typeof value === 'number' || typeof value === 'string') return value;
  if (typeof value === 'boolean') return value;
  if (Array.isArray(value)) return value.map(json);
  if (value === NIL) return {};
  if (value instanceof Pair) {
    return Object.fromEntries(listToArray(value).map((pair) => [text(pair.car), json(pair.cdr)]));
  }
  throw new TrimaranError({
    code: 'guix/bad-argument',
    message: 'a derivation’s attribute is neither text, number, truth value, list nor vector',
  });
}

/** A lowered object: path, derivation or #f, output. */
function inputOf(value: Value): DerivationInput {
  const [path, derivation, output] = (value as Rec).fields;
  const made = derivationOf(derivation);
  return made === undefined
    ? { path: toByteString(text(path)) }
    : { path: toByteString(text(path)), drvPath: made.drvPath, output: text(output) };
}

/** `("r:" sha256 #vu8(…))` */
function fixedOf(value: Value): { readonly hashAlgorithm: string; readonly hash: string } {
  const [mode, algorithm, bytes] = listToArray(value);
  const name = (algorithm as Sym).name;
  const length = digestLength[name as HashAlgorithm];
  if (length === undefined) {
    throw new TrimaranError({
      code: 'guix/unknown-hash',
      message: `the hash algorithm \`${name}' is not supported`,
      hint: `use ${Object.keys(digestLength).join(', ')}`,
    });
  }
  if (!(bytes instanceof Uint8Array) || bytes.length !== length) {
    throw new TrimaranError({
      code: 'guix/bad-hash',
      message: `a ${name} hash has ${length} bytes, but this one has ${(bytes as Uint8Array)?.length ?? 'none'}`,
      hint: '`trimaran guix hash` prints the hash of a file or folder',
    });
  }
  return {
    hashAlgorithm: `${text(mode)}${name}`,
    hash: digestToHex({ algorithm: name as HashAlgorithm, bytes }),
  };
}
