// Builtins that hash and that rewrite hashes.

import { type HashFormat, parseHash, writeHash } from '../../../formats/hash-text.ts';
import { outputPlaceholder } from '../../../formats/store-path.ts';
import type { ByteString } from '../../../foundation/byte-string.ts';
import { digestOf, type HashAlgorithm } from '../../../foundation/digest.ts';
import { readRegularFile } from '../files.ts';
import type { Interpreter } from '../interpreter.ts';
import { realisePath } from '../realise.ts';
import { findAttr, type Slot, textOf } from '../values.ts';
import type { Builtin } from './builtin.ts';

/** The algorithm of a name, refused as Nix refuses it. */
function requireHashAlgorithm(it: Interpreter, name: ByteString): HashAlgorithm {
  if (name === 'md5' || name === 'sha1' || name === 'sha256' || name === 'sha512') return name;
  if (name === 'blake3') {
    throw it.error(
      'unsupported',
      "experimental Nix feature 'blake3-hashes' is disabled; add '--extra-experimental-features blake3-hashes' to enable it",
    );
  }
  throw it.error(
    'usage',
    `unknown hash algorithm '${name}', expect 'blake3', 'md5', 'sha1', 'sha256', or 'sha512'`,
  );
}

function convertHash(it: Interpreter, slot: Slot): ByteString {
  const attrs = it.forceAttrs(slot, 0, 'while evaluating the first argument passed to builtins.convertHash');
  const required = (name: string) =>
    it.forceStringNoContext(
      attrs.values[it.requireAttr(attrs, it.symbols.intern(name), `while locating the attribute '${name}'`)]!,
      0,
      `while evaluating the attribute '${name}'`,
    );
  const hash = required('hash');
  const algorithmIndex = findAttr(attrs.names, it.symbols.find('hashAlgo'));
  const algorithm =
    algorithmIndex < 0
      ? undefined
      : requireHashAlgorithm(
          it,
          it.forceStringNoContext(
            attrs.values[algorithmIndex]!,
            0,
            "while evaluating the attribute 'hashAlgo'",
          ),
        );
  const name = required('toHashFormat');
  const formats: Readonly<Record<string, HashFormat>> = {
    base16: 'base16',
    nix32: 'nix32',
    base32: 'nix32',
    base64: 'base64',
    sri: 'sri',
  };
  const format = Object.hasOwn(formats, name) ? formats[name] : undefined;
  if (format === undefined) {
    throw it.error('usage', `unknown hash format '${name}', expect 'base16', 'base32', 'base64', or 'sri'`);
  }
  if (name === 'base32') {
    it.warn('"base32" is a deprecated alias for hash format "nix32".');
  }
  return writeHash(parseHash(hash, { algorithm }), format);
}

export function hashBuiltins(it: Interpreter): Builtin[] {
  const algorithmArg = (slot: Slot, builtin: string) =>
    requireHashAlgorithm(
      it,
      it.forceStringNoContext(slot, 0, `while evaluating the first argument passed to builtins.${builtin}`),
    );
  return [
    {
      name: '__hashString',
      arity: 2,
      call: (type, text) => {
        const algorithm = algorithmArg(type, 'hashString');
        const value = it.forceStringValue(
          text,
          0,
          'while evaluating the second argument passed to builtins.hashString',
        );
        return writeHash(digestOf(algorithm, textOf(value)), 'base16');
      },
    },
    {
      name: '__hashFile',
      arity: 2,
      call: (type, path) => {
        const algorithm = algorithmArg(type, 'hashFile');
        return writeHash(digestOf(algorithm, readRegularFile(it, realisePath(it, path))), 'base16');
      },
    },
    { name: '__convertHash', arity: 1, call: (slot) => convertHash(it, slot) },
    {
      name: 'placeholder',
      arity: 1,
      call: (slot) =>
        outputPlaceholder(
          it.forceStringNoContext(
            slot,
            0,
            'while evaluating the first argument passed to builtins.placeholder',
          ),
        ),
    },
  ];
}
