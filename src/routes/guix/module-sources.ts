// Guix's module names and the Scheme texts behind them: the part of Guix that manifests use.
import base32 from './modules/base32.scm';
import buildSystem from './modules/build-system.scm';
import channels from './modules/channels.scm';
import copy from './modules/copy.scm';
import derivations from './modules/derivations.scm';
import download from './modules/download.scm';
import gexp from './modules/gexp.scm';
import gitDownload from './modules/git-download.scm';
import gnu from './modules/gnu.scm';
import gnuPackages from './modules/gnu-packages.scm';
import guix from './modules/guix.scm';
import i18n from './modules/i18n.scm';
import licenses from './modules/licenses.scm';
import modules from './modules/modules.scm';
import packages from './modules/packages.scm';
import profiles from './modules/profiles.scm';
import records from './modules/records.scm';
import searchPaths from './modules/search-paths.scm';
import trivial from './modules/trivial.scm';
import utils from './modules/utils.scm';

/** Scheme texts by module name, its parts separated by spaces. */
export const moduleSources: Readonly<Record<string, string>> = {
  'guix records': records,
  'guix gexp': gexp,
  'guix build-system': buildSystem,
  'guix build-system copy': copy,
  'guix build-system trivial': trivial,
  'guix packages': packages,
  'guix base32': base32,
  'guix git-download': gitDownload,
  'guix download': download,
  'guix search-paths': searchPaths,
  'guix profiles': profiles,
  'gnu packages': gnuPackages,
  gnu: gnu,
  guix: guix,
  'guix channels': channels,
  'guix utils': utils,
  'guix derivations': derivations,
  'guix i18n': i18n,
  'guix licenses': licenses,
  'guix modules': modules,
};

/** The names that modules export, each with the first that does: `copy-build-system` with `guix build-system copy`. */
export function exportedNames(): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  for (const [label, text] of Object.entries(moduleSources)) {
    for (const name of /#:export\s*\(([^)]*)\)/.exec(text)?.[1]?.split(/\s+/) ?? []) {
      if (!names.has(name)) names.set(name, label);
    }
  }
  return names;
}
