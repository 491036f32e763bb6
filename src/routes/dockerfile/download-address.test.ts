import { expect, it } from 'vitest';
import { downloadAddress, parseDownloadPath, restoreDownloads } from './download-address.ts';

const sha256 = 'a'.repeat(64);
const urls = new Map([['https://example.org/a.sql', sha256]]);

it('leads to the digest, and back to the address', () => {
  const address = downloadAddress(sha256, 'a.sql');
  expect(parseDownloadPath(new URL(address).pathname)).toBe(sha256);
  expect(restoreDownloads(`RUN curl -O ${address} && wget "${address}"`, { urls })).toBe(
    'RUN curl -O https://example.org/a.sql && wget "https://example.org/a.sql"',
  );
  const unknown = `RUN curl ${downloadAddress('b'.repeat(64), 'x')}`;
  expect(restoreDownloads(unknown, { urls })).toBe(unknown);
  expect(parseDownloadPath('/pip/simple/a/')).toBeUndefined();
});
