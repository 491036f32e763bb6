// Installables: what `nix build` and its kin take, `REFERENCE#ATTRIBUTE^OUTPUTS`, and the attributes that Nix tries
// for each command. Source: Nix's libcmd, as of 2.34.
import { flakeError } from './flake-error.ts';
import {
  type FlakeReference,
  type ParseFlakeReferenceOptions,
  parseFlakeReferenceWithFragment,
} from './flake-reference.ts';

/** Which outputs of a derivation are meant: what its metadata says, all (`^*`), or some by name. */
export type OutputSelection =
  | { readonly kind: 'default' }
  | { readonly kind: 'all' }
  | { readonly kind: 'names'; readonly names: readonly string[] };

export interface Installable {
  readonly reference: FlakeReference;
  /** What stood after `#`, decoded; `''` when nothing did. */
  readonly fragment: string;
  readonly outputs: OutputSelection;
}

/** Commands whose default attributes differ. */
export type InstallableCommand = 'build' | 'run' | 'develop' | 'eval';

const outputName = /^[0-9a-zA-Z+\-_?=][0-9a-zA-Z+\-._?=]*$/;

/**
 * Parses an installable. Throws as `parseFlakeReference`, and `flake/bad-reference` for bad output names.
 *
 * @example
 * parseInstallable('.#docker^out,doc', { baseDirectory: '/project' }).fragment; // 'docker'
 */
export function parseInstallable(text: string, options: ParseFlakeReferenceOptions = {}): Installable {
  const caret = text.lastIndexOf('^');
  const outputs = caret < 0 ? ({ kind: 'default' } as const) : parseOutputs(text.slice(caret + 1), text);
  return {
    ...parseFlakeReferenceWithFragment(caret < 0 ? text : text.slice(0, caret), options),
    outputs,
  };
}

function parseOutputs(text: string, whole: string): OutputSelection {
  if (text === '*') return { kind: 'all' };
  const names = [...new Set(text.split(','))].sort();
  if (!names.every((name) => outputName.test(name)))
    throw flakeError('bad-reference', `invalid extended outputs specifier '${whole}'`, {
      hint: 'write the outputs after the attribute, as in .#hello^out,doc or .#hello^*',
    });
  return { kind: 'names', names };
}

/**
 * Attribute paths to try, first found wins, for a fragment and a command on `system`. A fragment that starts with a
 * dot is taken from the flake's outputs alone.
 *
 * @example
 * attributePathsFor({ fragment: 'docker', system: 'x86_64-linux', command: 'build' });
 * // ['packages.x86_64-linux.docker', 'legacyPackages.x86_64-linux.docker', 'docker']
 */
export function attributePathsFor(request: {
  readonly fragment: string;
  readonly system: string;
  readonly command: InstallableCommand;
}): string[] {
  const { fragment, system, command } = request;
  const packages = [`packages.${system}.default`, `defaultPackage.${system}`];
  if (fragment === '')
    switch (command) {
      case 'run':
        return [`apps.${system}.default`, `defaultApp.${system}`, ...packages];
      case 'develop':
        return [`devShells.${system}.default`, `devShell.${system}`, ...packages];
      default:
        return packages;
    }
  if (fragment.startsWith('.')) return [fragment.slice(1)];
  const prefixes = [`packages.${system}.`, `legacyPackages.${system}.`];
  if (command === 'run') prefixes.unshift(`apps.${system}.`);
  if (command === 'develop') prefixes.unshift(`devShells.${system}.`);
  return [...prefixes.map((prefix) => prefix + fragment), fragment];
}

/** `'a', 'b' or 'c'`, as Nix lists the attributes it tried. */
export function showAttributePaths(paths: readonly string[]): string {
  const quoted = paths.map((path) => `'${path}'`);
  const last = quoted.at(-1) ?? '';
  return quoted.length < 2 ? last : `${quoted.slice(0, -1).join(', ')} or ${last}`;
}

/**
 * Splits an attribute path at dots outside of double quotes: `packages."a.b".c`. Throws `flake/bad-reference` for a
 * missing quote.
 */
export function parseAttributePath(text: string): string[] {
  const parts: string[] = [];
  let part = '';
  for (let i = 0; i < text.length; i++) {
    const character = text[i]!;
    if (character === '.') {
      parts.push(part);
      part = '';
    } else if (character === '"') {
      const end = text.indexOf('"', i + 1);
      if (end < 0)
        throw flakeError('bad-reference', `missing closing quote in selection path '${text}'`, {
          hint: 'quote the whole installable for the shell: \'.#"a.b"\'',
        });
      part += text.slice(i + 1, end);
      i = end;
    } else part += character;
  }
  if (part !== '') parts.push(part);
  return parts;
}
