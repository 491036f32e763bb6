// Modules that Guix's test files load and no checkout of Guix has: (guix config), which its configure writes, and the
// bindings to C libraries.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Interpreter, procedure } from '../../src/languages/scheme/interpreter.ts';
import type { Value } from '../../src/languages/scheme/values.ts';
import { defineAbsentBindings } from './guile-guix-absent.ts';
import bindings from './guile-guix-bindings.scm';

/** Values for what configure puts into guix/config.scm.in. */
const configuration: Readonly<Record<string, string>> = {
  PACKAGE_NAME: 'GNU Guix',
  PACKAGE_VERSION: '0.0',
  PACKAGE_BUGREPORT: 'bug-guix@gnu.org',
  PACKAGE_URL: 'https://guix.gnu.org',
  GUIX_CHANNEL_URL: '#f',
  GUIX_CHANNEL_COMMIT: '#f',
  GUIX_CHANNEL_INTRODUCTION: '#f',
  storedir: '/gnu/store',
  guix_localstatedir: '/var',
  guix_sysconfdir: '/etc',
  guix_system: 'x86_64-linux',
  GZIP: 'gzip',
  BZIP2: 'bzip2',
  XZ: 'xz',
};

/** Provides them to an interpreter. */
export function defineGuixModules(interpreter: Interpreter, checkout: string): void {
  const template = join(checkout, 'guix/config.scm.in');
  if (!existsSync(join(checkout, 'guix/config.scm')) && existsSync(template)) {
    interpreter.addModuleSource(
      ['guix', 'config'],
      readFileSync(template, 'utf8').replace(/@(\w+)@/g, (whole, name) => configuration[name] ?? whole),
    );
  }
  interpreter.defineModule(['trimaran', 'digest'], {
    '%digest': procedure('%digest', { min: 2, max: 2 }, (algorithm: Value, bytes: Value) => {
      const name = String(algorithm.name);
      return new Uint8Array(
        createHash(name)
          .update(bytes as Uint8Array)
          .digest(),
      );
    }),
  });
  defineAbsentBindings(interpreter);
  for (const part of bindings.split(/^;;; (?=\()/m).slice(1)) {
    const end = part.indexOf('\n');
    const name = part.slice(1, end).replace(/\)\s*$/, '');
    interpreter.addModuleSource(name.split(' '), part.slice(end + 1));
  }
}
