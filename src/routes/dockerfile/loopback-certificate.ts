// A certificate for TLS on loopback, signed by itself (X.509 v3, RFC 5280), in the few forms of DER that it takes: Node
// reads certificates and writes none. It stands for no name; who trusts it was handed its file.
import { createPrivateKey, generateKeyPairSync, sign, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { writeFileAtomically } from '../../foundation/atomic-file.ts';

export interface LoopbackCertificate {
  /** PEM */
  readonly key: string;
  /** PEM */
  readonly certificate: string;
}

/**
 * The certificate that is kept in a file, which nobody else may read; a new one where there is none, or a damaged one. The same
 * each time, so that engines know a step again that was handed it. Rejects with the system error.
 */
export async function openLoopbackCertificate(file: string): Promise<LoopbackCertificate> {
  const known = readCertificate(file);
  if (known !== undefined) return known;
  const made = makeCertificate();
  await writeFileAtomically(file, JSON.stringify(made), 0o600);
  return made;
}

function readCertificate(file: string): LoopbackCertificate | undefined {
  try {
    const { key, certificate } = JSON.parse(readFileSync(file, 'utf8')) as LoopbackCertificate;
    const fits = new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key));
    return fits ? { key, certificate } : undefined;
  } catch {
    // Not there, or not whole: it is made anew.
    return undefined;
  }
}

function makeCertificate(): LoopbackCertificate {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const ecdsaWithSha256 = sequence(objectIdentifier('2a8648ce3d040302'));
  const commonName = sequence(objectIdentifier('550403'), der(0x0c, Buffer.from('loopback of Trimaran')));
  const name = sequence(der(0x31, commonName));
  const isTrue = der(0x01, Buffer.from([0xff]));
  const basicConstraints = sequence(objectIdentifier('551d13'), isTrue, der(0x04, sequence(isTrue)));
  const signed = sequence(
    der(0xa0, integer(2)),
    integer(1),
    ecdsaWithSha256,
    name,
    // Steps may run with any clock.
    sequence(der(0x17, Buffer.from('700101000000Z')), der(0x18, Buffer.from('99991231235959Z'))),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(basicConstraints)),
  );
  const signature = sign('sha256', signed, privateKey);
  const whole = sequence(signed, ecdsaWithSha256, der(0x03, Buffer.from([0]), signature));
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    certificate: new X509Certificate(whole).toString(),
  };
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return der(0x30, ...parts);
}

function objectIdentifier(hex: string): Buffer {
  return der(0x06, Buffer.from(hex, 'hex'));
}

function integer(small: number): Buffer {
  return der(0x02, Buffer.from([small]));
}

/** Tag, length, contents (X.690, 8.1). */
function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const contents = Buffer.concat(parts);
  const { length } = contents;
  const size =
    length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), contents]);
}
