// Assembles (guile): core forms, procedures in TypeScript, and the derived forms in modules/guile.scm.
import { coreForms } from '../core-forms.ts';
import { Macro } from '../expand.ts';
import { Module } from '../module.ts';
import guileSource from '../modules/guile.scm';
import type { Session } from '../session.ts';
import { syntaxForms } from '../syntax-case.ts';
import { defineBytevectors } from './bytevectors.ts';
import { defineChars } from './chars.ts';
import { defineControl } from './control.ts';
import { Definer } from './define.ts';
import { defineHashTables } from './hash-tables.ts';
import { defineLists } from './lists.ts';
import { defineModules } from './modules.ts';
import { defineNumbers } from './numbers.ts';
import { definePorts } from './ports.ts';
import { definePosix } from './posix.ts';
import { defineRecords } from './records.ts';
import { buildRegex } from './regex.ts';
import { defineStrings } from './strings.ts';
import { defineSyntaxProcedures } from './syntax-procedures.ts';
import { defineSystem } from './system.ts';
import { defineVectors } from './vectors.ts';

/** Fills (guile) of a new session. */
export function defineCore(session: Session): void {
  const d = new Definer(session, session.core);
  for (const [name, form] of Object.entries({ ...coreForms, ...syntaxForms })) {
    d.value(name, new Macro({ name, kind: 'core', form }));
  }
  for (const define of [
    defineNumbers,
    defineLists,
    defineChars,
    defineStrings,
    defineVectors,
    defineBytevectors,
    defineHashTables,
    defineRecords,
    defineControl,
    definePorts,
    defineModules,
    defineSyntaxProcedures,
    definePosix,
    defineSystem,
  ]) {
    define(d);
  }
  // The regexp procedures themselves are the core's; what is built on them is (ice-9 regex)'s.
  const regex = new Module([]);
  buildRegex(session, regex);
  for (const [name, variable] of regex.table) {
    if (/regexp(\?|-exec$|\/)|^make-regexp$/.test(name.name)) session.core.bind(name, variable);
  }
  session.activate();
  session.evaluateText(guileSource, {
    file: 'guile.scm',
    module: session.core,
    lazy: 'functions',
    places: false,
  });
}
