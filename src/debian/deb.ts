// Binary packages: deb(5), deb-control(5). An ar archive of `debian-binary`, `control.tar` and `data.tar`, the latter two
// compressed with xz, zstd or gzip. Nothing is parsed before size and SHA-256 are right. Signatures inside a .deb
// (debsigs) are not read: the release vouches for it.
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { type ArMember, readAr } from '../formats/ar.ts';
import { decompress } from '../formats/compression.ts';
import { readTar } from '../formats/tar-read.ts';
import { type ByteString, fromByteString } from '../foundation/byte-string.ts';
import { sha256Hex } from '../foundation/digest.ts';
import { TrimaranError } from '../foundation/error.ts';
import type { TreeEntry } from '../foundation/file-tree.ts';
import { parseControl } from './control.ts';

/** What a .deb must be: what the index or a lock says of it. */
export interface ExpectedDeb {
  /** Bytes. */
  readonly size: number;
  /** Lower-case hexadecimal. */
  readonly sha256: string;
}

/** What a package says of itself, besides its files; plain JSON. */
export interface DebControl {
  /** Fields of the control file by lower-case name. */
  readonly fields: Readonly<Record<string, string>>;
  /** Maintainer scripts (`preinst`, `postinst`, `prerm`, `postrm`, `config`) by name. They are read, never run. */
  readonly scripts: Readonly<Record<string, string>>;
  /** Absolute paths of its configuration files. */
  readonly conffiles: readonly string[];
}

/** A verified .deb, opened; `data` is still compressed. */
export interface OpenedDeb {
  readonly control: DebControl;
  readonly data: ArMember;
}

const scriptNames = ['preinst', 'postinst', 'prerm', 'postrm', 'config'];
/** Control archives are a few kilobytes, with the odd list of checksums; 32 MiB is far past any. */
const controlLimit = 32 << 20;

/**
 * Reads a .deb from disk and checks it. Throws `debian/bad-deb` when size or SHA-256 are not as expected, and the
 * system error when it cannot be read.
 */
export function readVerifiedDeb(file: string, expected: ExpectedDeb): Buffer {
  const descriptor = openSync(file, 'r');
  let bytes: Buffer;
  try {
    // Before anything is read: a file of the wrong size may be a very large one.
    const { size } = fstatSync(descriptor);
    if (size !== expected.size) throw badDeb(file, `has ${size} bytes, but ${expected.size} are expected`);
    bytes = Buffer.allocUnsafeSlow(size);
    for (let filled = 0; filled < size; ) {
      const got = readSync(descriptor, bytes, filled, size - filled, filled);
      if (got === 0) throw badDeb(file, 'became shorter while it was read');
      filled += got;
    }
  } finally {
    closeSync(descriptor);
  }
  const sha256 = sha256Hex(bytes);
  if (sha256 !== expected.sha256) {
    throw badDeb(file, `has SHA-256 ${sha256}, but ${expected.sha256} is expected`);
  }
  return bytes;
}

/**
 * Opens the verified bytes of a .deb. Rejects with `debian/malformed-deb` when it is none, and with the codes of the
 * formats it is made of (`ar/…`, `tar/…`, `compression/…`, `debian/bad-control`).
 */
export async function openDeb(bytes: Buffer, file: string): Promise<OpenedDeb> {
  const members = readAr(bytes, file);
  const [version, controlMember, dataMember] = members.filter(({ name }) => !name.startsWith('_'));
  if (version?.name !== 'debian-binary' || !/^2\.\d+\n/.test(version.data.toString('latin1', 0, 16))) {
    throw malformed(file, 'is no binary package of format 2');
  }
  if (controlMember === undefined || !/^control\.tar(?:\.\w+)?$/.test(controlMember.name)) {
    throw malformed(file, 'has no control archive in second place');
  }
  if (dataMember === undefined || !/^data\.tar(?:\.\w+)?$/.test(dataMember.name)) {
    throw malformed(file, 'has no data archive in third place');
  }
  const archive = `${file}(${controlMember.name})`;
  const entries = readTar(await decompress(controlMember.data, { limit: controlLimit, name: archive }), {
    archive,
  });
  const text = (name: ByteString): string | undefined => {
    const entry = entries.find((candidate) => candidate.path === name && candidate.kind === 'file');
    return entry === undefined ? undefined : textOf(entry);
  };
  const control = text('control');
  if (control === undefined) throw malformed(file, 'has no control file');
  const stanza = parseControl(control, `${archive}/control`)[0];
  const scripts: Record<string, string> = {};
  for (const name of scriptNames) {
    const script = text(name);
    if (script !== undefined) scripts[name] = script;
  }
  return {
    control: {
      fields: Object.fromEntries(stanza?.fields ?? []),
      scripts,
      // `remove-on-upgrade /path` marks files that a newer version dropped.
      conffiles: (text('conffiles') ?? '').split('\n').filter((line) => line.startsWith('/')),
    },
    data: dataMember,
  };
}

/** Reads what a .deb on disk says of itself, verified; its files are not unpacked. Rejects as the two functions it joins. */
export async function readDebControl(file: string, expected: ExpectedDeb): Promise<DebControl> {
  return (await openDeb(readVerifiedDeb(file, expected), file)).control;
}

function textOf(entry: TreeEntry): string {
  if (entry.kind !== 'file' || entry.content.kind !== 'bytes') return '';
  return Buffer.from(entry.content.bytes).toString('utf8');
}

function badDeb(file: string, what: string): TrimaranError {
  return new TrimaranError({
    code: 'debian/bad-deb',
    message: `${file} ${what}`,
    hint: `remove it and run the same command again; it is fetched anew`,
    exitCode: 4,
  });
}

function malformed(file: string, what: string): TrimaranError {
  return new TrimaranError({
    code: 'debian/malformed-deb',
    message: `${fromByteString(file)} ${what}, though its hash is right`,
    hint: 'do without the package, or pin a release with another version of it: `debian:SUITE/TIMESTAMP`',
    exitCode: 4,
  });
}
