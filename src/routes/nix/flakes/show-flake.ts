// `nix flake show`: a Nix function that turns a flake into a tree of what it offers, and that tree as JSON and text.
// Source: Nix's nix/flake.cc, as of 2.34. Left out: leaving out what needs import from derivation.
import type { JsonValue } from './json.ts';
import showFlakeFunction from './show-flake.nix';
import { compareText } from './url.ts';

/** A node of the tree: what an attribute is, or its members. */
export type ShownOutput = string | { readonly [name: string]: ShownOutput };

/**
 * A Nix expression for a function from a flake to its tree, to be evaluated strictly and read as JSON.
 */
export function showFlakeExpression(options: {
  readonly system: string;
  readonly allSystems?: boolean;
  readonly legacy?: boolean;
}): string {
  const flag = (value: boolean | undefined) => (value === true ? 'true' : 'false');
  return `(${showFlakeFunction}) { system = ${JSON.stringify(options.system)}; allSystems = ${flag(options.allSystems)}; legacy = ${flag(options.legacy)}; }`;
}

/** The tree as `nix flake show --json` has it: what was left out is an empty object. */
export function shownFlakeJson(shown: ShownOutput): JsonValue {
  if (typeof shown === 'string') return shown;
  const members = Object.entries(shown).filter(([name]) => name !== '__note');
  return new Map(members.map(([name, value]) => [name, shownFlakeJson(value)]));
}

/** The tree as text, without colours; `title` is the flake's URL. */
export function showFlakeTree(title: string, shown: ShownOutput): string {
  return [title, ...branches(shown, [], '')].join('\n');
}

function branches(shown: ShownOutput, path: readonly string[], prefix: string): string[] {
  if (typeof shown === 'string') return [];
  const members = Object.entries(shown).sort(([a], [b]) => compareText(a, b));
  return members.flatMap(([name, value], index) => {
    const isLast = index === members.length - 1;
    const here = [...path, name];
    // What should be a derivation and is none is not shown, yet counted.
    if (typeof value === 'object' && value.__note === 'not a derivation') return [];
    const label = labelOf(value, here);
    const line = `${prefix}${isLast ? '└───' : '├───'}${name}`;
    if (label !== undefined) return [line + label];
    return [line, ...branches(value, here, prefix + (isLast ? '    ' : '│   '))];
  });
}

/** What stands behind a leaf's name; undefined for a set, whose members follow. */
function labelOf(value: ShownOutput, path: readonly string[]): string | undefined {
  if (typeof value === 'string') return `: ${value}`;
  const { __note, type, name, description } = value;
  if (typeof __note === 'string') return ` ${__note}`;
  if (typeof type !== 'string') return undefined;
  const [top] = path;
  switch (type) {
    case 'derivation': {
      const isShell = (top === 'devShell' && path.length === 2) || (top === 'devShells' && path.length >= 2);
      const isCheck = (top === 'checks' && path.length === 3) || top === 'hydraJobs';
      return `: ${isShell ? 'development environment' : isCheck ? 'derivation' : 'package'} '${String(name)}'`;
    }
    case 'app':
      return `: app: ${typeof description === 'string' ? description : 'no description'}`;
    case 'template':
      return `: template: ${String(description)}`;
    case 'nixpkgs-overlay':
      return ': Nixpkgs overlay';
    case 'nixos-configuration':
      return ': NixOS configuration';
    case 'nixos-module':
      return ': NixOS module';
    default:
      return ': unknown';
  }
}
