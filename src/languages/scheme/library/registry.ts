// The library modules beyond (guile): which exist, and where their definitions come from.

import matchSource from '../modules/match.scm';
import srfi1Source from '../modules/srfi-1.scm';
import type { Session } from '../session.ts';
import { intern } from '../values.ts';
import { registerAbsent } from './absent.ts';
import { buildFormat } from './format.ts';
import { buildVlist } from './persistent.ts';
import { buildRecordSyntax } from './record-syntax.ts';
import { reexports } from './reexports.ts';
import { buildRegex } from './regex.ts';
import { schemeSources } from './sources.ts';
import { buildSrfi1 } from './srfi-1.ts';
import { standardNames } from './standard-names.ts';

/** Makes the library modules known to a session; each is loaded when first used. */
export function registerLibraries(session: Session): void {
  for (const [label, names] of Object.entries(reexports)) {
    session.addBuilder(label, (_, module) => {
      const symbols = names.map((name) => intern(name));
      for (const symbol of symbols) {
        const variable = session.core.local(symbol);
        if (variable === undefined) throw new Error(`(${label}) has no ${symbol.name} to pass on`);
        module.publicInterface!.bind(symbol, variable);
      }
    });
  }
  for (const [label, names] of Object.entries(standardNames)) {
    session.addBuilder(label, (_, module) => {
      for (const name of names.trim().split(/\s+/)) {
        const symbol = intern(name);
        const variable = session.core.local(symbol);
        if (variable !== undefined) module.publicInterface!.bind(symbol, variable);
      }
    });
  }
  registerAbsent(session);
  session.addBuilder('srfi srfi-1', buildSrfi1);
  session.addBuilder('srfi srfi-9', buildRecordSyntax);
  session.addBuilder('ice-9 vlist', buildVlist);
  session.addBuilder('ice-9 format', buildFormat);
  session.addBuilder('ice-9 regex', buildRegex);
  const sources: Readonly<Record<string, string>> = {
    'srfi srfi-1': srfi1Source,
    'ice-9 match': matchSource,
    ...schemeSources,
  };
  for (const [label, text] of Object.entries(sources)) {
    session.sources.set(label, { text, file: `${label.replaceAll(' ', '/')}.scm`, lazy: 'functions' });
  }
}
