// /etc/ssl/certs as update-ca-certificates(8) makes it: a link for each certificate of the system, the bundle of all of
// them, and the links by subject hash by which OpenSSL finds one in the directory.
import { createHash } from 'node:crypto';
import type { ByteString } from '../foundation/byte-string.ts';
import { bufferToByteString, byteStringToBuffer } from '../foundation/byte-string.ts';

export interface Certificate {
  /** Absolute path of the `.crt` file. */
  readonly path: ByteString;
  /** Its contents, PEM. */
  readonly pem: Buffer;
}

export interface CertificateStore {
  /** Links below `/etc/ssl/certs` by name, with their targets: absolute, or a name in the same directory. */
  readonly links: ReadonlyMap<ByteString, ByteString>;
  /** The text of `ca-certificates.crt`. */
  readonly bundle: Buffer;
}

/** Lays out certificates, in the order of their paths by byte. A file that is no certificate gets no link by hash. */
export function layOutCertificates(certificates: readonly Certificate[]): CertificateStore {
  const sorted = [...certificates].sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
  const links = new Map<ByteString, ByteString>();
  const parts: Buffer[] = [];
  for (const { path, pem } of sorted) {
    const base = path.slice(path.lastIndexOf('/') + 1).replace(/\.crt$/, '');
    links.set(`${base.replace(/ /g, '_').replace(/[()]/g, '=').replace(/,/g, '_')}.pem`, path);
    parts.push(pem);
    if (pem.length > 0 && pem[pem.length - 1] !== 10) parts.push(Buffer.from('\n'));
  }
  const byHash = new Map<ByteString, ByteString>();
  const pemOf = new Map(sorted.map(({ path, pem }) => [path, pem]));
  for (const name of [...links.keys()].sort()) {
    const hash = subjectHash(pemOf.get(links.get(name)!)!);
    if (hash === undefined) continue;
    // Certificates with one subject are numbered.
    let number = 0;
    while (byHash.has(`${hash}.${number}`)) number++;
    byHash.set(`${hash}.${number}`, name);
  }
  return { links: new Map([...links, ...byHash]), bundle: Buffer.concat(parts) };
}

/** The first certificate of a PEM file, DER; undefined when there is none. */
export function certificateBytes(pem: Buffer): Buffer | undefined {
  const match = /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END/.exec(
    pem.toString('latin1'),
  );
  return match === null ? undefined : Buffer.from(match[1]!, 'base64');
}

/** A DER value: its tag, where its contents begin and end. */
interface Der {
  readonly tag: number;
  readonly start: number;
  readonly end: number;
}

/**
 * OpenSSL's `X509_NAME_hash` of a certificate's subject: eight hexadecimal digits of the SHA-1 of the name in its
 * canonical form (strings as UTF-8, ASCII in lower case, blanks collapsed; X509_NAME_ENTRY in crypto/x509/x_name.c).
 * Undefined for what is no certificate.
 */
export function subjectHash(pem: Buffer): string | undefined {
  const der = certificateBytes(pem);
  if (der === undefined) return undefined;
  try {
    const certificate = readDer(der, 0);
    const toBeSigned = readDer(der, certificate.start);
    // version (tag 0xa0, optional), serial, algorithm, issuer, validity, subject
    let field = readDer(der, toBeSigned.start);
    if (field.tag === 0xa0) field = readDer(der, field.end);
    for (let i = 0; i < 4; i++) field = readDer(der, field.end);
    const canonical = Buffer.concat(childrenOf(der, field).map((set) => canonicalSet(der, set)));
    const digest = createHash('sha1').update(canonical).digest();
    return digest.readUInt32LE(0).toString(16).padStart(8, '0');
  } catch (error) {
    if (error instanceof RangeError || error instanceof DerError) return undefined;
    throw error;
  }
}

class DerError extends Error {}

function readDer(der: Buffer, at: number): Der {
  const tag = der.readUInt8(at);
  let length = der.readUInt8(at + 1);
  let start = at + 2;
  if (length >= 0x80) {
    const count = length & 0x7f;
    if (count === 0 || count > 4) throw new DerError('length');
    length = der.readUIntBE(start, count);
    start += count;
  }
  if (start + length > der.length) throw new DerError('truncated');
  return { tag, start, end: start + length };
}

function childrenOf(der: Buffer, parent: Der): Der[] {
  const children: Der[] = [];
  for (let at = parent.start; at < parent.end; at = children.at(-1)!.end) children.push(readDer(der, at));
  return children;
}

function encodeDer(tag: number, contents: Buffer): Buffer {
  const length =
    contents.length < 0x80
      ? [contents.length]
      : contents.length < 0x100
        ? [0x81, contents.length]
        : [0x82, contents.length >> 8, contents.length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...length]), contents]);
}

function canonicalSet(der: Buffer, set: Der): Buffer {
  const attributes = childrenOf(der, set).map((sequence) => {
    const [type, value] = childrenOf(der, sequence);
    if (type === undefined || value === undefined) throw new DerError('attribute');
    const oid = encodeDer(type.tag, der.subarray(type.start, type.end));
    return encodeDer(0x30, Buffer.concat([oid, canonicalValue(der, value)]));
  });
  return encodeDer(0x31, Buffer.concat(attributes.sort(Buffer.compare)));
}

const utf8String = 0x0c;
/** String types that are converted; others are hashed as they are. */
const singleByteStrings = new Set([utf8String, 0x13, 0x14, 0x16, 0x1a]);
const bmpString = 0x1e;
const universalString = 0x1c;

function canonicalValue(der: Buffer, value: Der): Buffer {
  const bytes = der.subarray(value.start, value.end);
  let text: ByteString;
  if (value.tag === utf8String || value.tag === 0x13 || value.tag === 0x16 || value.tag === 0x1a) {
    text = bufferToByteString(bytes);
  } else if (singleByteStrings.has(value.tag)) {
    text = Buffer.from(bufferToByteString(bytes), 'utf8').toString('latin1');
  } else if (value.tag === bmpString) {
    text = Buffer.from(Buffer.from(bytes).swap16().toString('utf16le'), 'utf8').toString('latin1');
  } else if (value.tag === universalString) {
    const points: string[] = [];
    for (let i = 0; i + 4 <= bytes.length; i += 4) points.push(String.fromCodePoint(bytes.readUInt32BE(i)));
    text = Buffer.from(points.join(''), 'utf8').toString('latin1');
  } else {
    return encodeDer(value.tag, bytes);
  }
  const collapsed = text
    .replace(/^[ \t\n\v\f\r]+|[ \t\n\v\f\r]+$/g, '')
    .replace(/[ \t\n\v\f\r]+/g, ' ')
    .replace(/[A-Z]/g, (letter) => letter.toLowerCase());
  return encodeDer(utf8String, byteStringToBuffer(collapsed));
}
