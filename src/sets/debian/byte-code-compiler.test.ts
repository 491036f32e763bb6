// Interpreters that do not work: each request is answered all the same.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { testHost } from '../../store/test-host.ts';
import { ByteCodeCompiler } from './byte-code-compiler.ts';

describe('an interpreter that ends at once', () => {
  it('fails every request, those that come after its end too', async () => {
    const root = mkdtempSync(join(tmpdir(), 'trimaran-interpreter-'));
    try {
      mkdirSync(join(root, 'usr/lib/x86_64-linux-gnu'), { recursive: true });
      mkdirSync(join(root, 'usr/bin'));
      writeFileSync(join(root, 'usr/bin/python3.9'), '');
      symlinkSync('/bin/false', join(root, 'usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2'));
      const compiler = new ByteCodeCompiler({ host: testHost(root), root, processes: 2 });
      const file = { path: '/a.py', bytes: Buffer.from('x = 1\n'.repeat(100_000)) };
      const failed = {
        code: 'python/interpreter-failed',
        hint: expect.stringContaining('withPackagesNoByteCode'),
      };
      for (let round = 0; round < 5; round++) {
        const requests = [compiler.compile([file]), compiler.compile([file]), compiler.compile([file])];
        for (const result of await Promise.allSettled(requests))
          expect(result).toMatchObject({ status: 'rejected', reason: failed });
        // Interpreters that wait for work meet their end here.
        await new Promise((wake) => setTimeout(wake, 20));
      }
      compiler.close();
    } finally {
      rmSync(root, { recursive: true, force: true });
    }
  });
});
