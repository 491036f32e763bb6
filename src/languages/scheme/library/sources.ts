// Library modules written in Scheme: several to a file, each under a line `;;; (its name)`.
import ice9Text from '../modules/ice-9.scm';
import rnrsText from '../modules/rnrs.scm';
import rnrsRecordsText from '../modules/rnrs-records.scm';
import schemeText from '../modules/scheme.scm';
import srfi42Text from '../modules/srfi-42.scm';
import srfiText from '../modules/srfi-small.scm';
import sxmlSimpleText from '../modules/sxml-simple.scm';

function split(text: string): [string, string][] {
  return text
    .split(/^;;; (?=\()/m)
    .slice(1)
    .map((part) => {
      const end = part.indexOf('\n');
      return [part.slice(1, end).replace(/\)\s*$/, ''), part.slice(end + 1)];
    });
}

/** Module label to source text. */
export const schemeSources: Readonly<Record<string, string>> = {
  ...Object.fromEntries([ice9Text, rnrsText, rnrsRecordsText, schemeText, srfiText].flatMap(split)),
  'srfi srfi-42': srfi42Text,
  'sxml simple': sxmlSimpleText,
};
