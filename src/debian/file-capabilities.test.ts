import { describe, expect, it } from 'vitest';
import { writeFileCapabilities } from './file-capabilities.ts';

const hex = (text: string) => {
  const bytes = writeFileCapabilities(text);
  return bytes === undefined ? undefined : Buffer.from(bytes).toString('hex');
};

// Expected values are what setcap(8) of libcap 2.66 leaves on a file.
describe('writeFileCapabilities', () => {
  it.each([
    ['cap_net_raw+ep', '0100000200200000000000000000000000000000'],
    ['cap_net_bind_service=+ep', undefined],
    ['cap_net_raw,cap_net_admin=eip', '0100000200300000003000000000000000000000'],
    ['cap_setuid+p cap_setgid+p', '00000002c0000000000000000000000000000000'],
    ['cap_bpf=ep', '0100000200000000000000008000000000000000'],
    ['cap_nothing+ep', undefined],
    ['cap_net_raw-e', undefined],
    ['', undefined],
  ])('%s', (text, expected) => {
    expect(hex(text)).toBe(expected);
  });
});
