// The store of certificates that Java trusts, /etc/ssl/certs/java/cacerts, as the package ca-certificates-java makes it
// with keytool: format JKS, version 2, as the class sun.security.provider.JavaKeyStore reads it. Trusted certificates
// alone, no keys.
import { createHash } from 'node:crypto';
import type { ByteString } from '../foundation/byte-string.ts';

export interface TrustedCertificate {
  /** UTF-8, such as `debian:isrg_root_x1.pem`. */
  readonly alias: ByteString;
  /** The certificate, DER. */
  readonly der: Buffer;
}

/** What every Java installation is made with; the store holds no secret. */
const password = 'changeit';
const magic = 0xfeedfeed;
const version = 2;
const trustedTag = 2;

/** A keystore of certificates, in the order given, each entered at `seconds` since 1970. */
export function writeJavaKeystore(certificates: readonly TrustedCertificate[], seconds: number): Buffer {
  const head = Buffer.alloc(12);
  head.writeUInt32BE(magic, 0);
  head.writeUInt32BE(version, 4);
  head.writeUInt32BE(certificates.length, 8);
  const entries = certificates.flatMap(({ alias, der }) => {
    const tag = Buffer.alloc(4);
    tag.writeUInt32BE(trustedTag);
    const time = Buffer.alloc(8);
    time.writeBigUInt64BE(BigInt(seconds) * 1000n);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(der.length);
    return [tag, javaText(alias), time, javaText('X.509'), length, der];
  });
  const body = Buffer.concat([head, ...entries]);
  // The digest keeps accidents out, with the password and a phrase of its own before the contents.
  const digest = createHash('sha1')
    .update(Buffer.from(password, 'utf16le').swap16())
    .update('Mighty Aphrodite')
    .update(body)
    .digest();
  return Buffer.concat([body, digest]);
}

/** `DataOutput.writeUTF`: two bytes of length, then UTF-8 (of names without NUL and emoji, which Java writes otherwise). */
function javaText(text: ByteString): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(text.length);
  return Buffer.concat([length, Buffer.from(text, 'latin1')]);
}
