// The certificates that NODE_EXTRA_CA_CERTS names. Node reads and parses them at each start, whatever it goes on to do; a
// distribution's own take longer than a whole command. So bin/trimaran hides the variable from it, and they are read here
// when a connection is about to be made. See docs/decisions/extra-certificates.md.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

type Tls = typeof import('node:tls');

/** What bin/trimaran calls the variable. */
const hidden = 'TRIMARAN_EXTRA_CA_CERTS';

let pending = process.env[hidden];
if (pending !== undefined) {
  // For the programs that are started from here.
  process.env.NODE_EXTRA_CA_CERTS = pending;
  delete process.env[hidden];
}

/** Makes TLS connections trust these certificates as well, from the first call on. `note` is told when they cannot be read. */
export function trustExtraCertificates(note: (message: string) => void): void {
  const file = pending;
  pending = undefined;
  if (file === undefined) return;
  let text: string;
  try {
    text = readFileSync(file, 'latin1');
  } catch (error) {
    note(`NODE_EXTRA_CA_CERTS names ${file}, which cannot be read: ${(error as Error).message}`);
    return;
  }
  // Not imported: every command would wait for it, and few make connections. The one object that `https` uses, besides.
  const tls: Tls = createRequire(import.meta.url)('node:tls');
  const certificates = text.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  if ('setDefaultCACertificates' in tls) setDefaults(tls as Tls & DefaultCertificates, certificates);
  else addToContexts(tls, certificates);
}

/** Of Node 22.19 and later. */
interface DefaultCertificates {
  getCACertificates(type: 'default'): string[];
  setDefaultCACertificates(certificates: readonly string[]): void;
}

function setDefaults(defaults: DefaultCertificates, certificates: readonly string[]): void {
  defaults.setDefaultCACertificates([...defaults.getCACertificates('default'), ...certificates]);
}

/** For earlier versions, where each connection gets its certificates when its context is made. */
function addToContexts(tls: Tls, certificates: readonly string[]): void {
  const { createSecureContext } = tls;
  let shared: ReturnType<Tls['createSecureContext']> | undefined;
  tls.createSecureContext = (options = {}) => {
    // Who names certificates trusts those alone, and who shows a certificate has a context of his own.
    if ((options.ca ?? options.cert ?? options.pfx) !== undefined) return createSecureContext(options);
    if (shared === undefined) {
      shared = createSecureContext(options);
      for (const certificate of certificates) shared.context.addCACert(certificate);
    }
    return shared;
  };
}
