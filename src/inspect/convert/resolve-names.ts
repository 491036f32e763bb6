// From a recipe's names to those of a package set. A set that can be evaluated here is asked, version by version; others
// have rules for names only, and what follows from a rule is said to be unchecked.
import { isTrimaranError } from '../../foundation/error.ts';
import type { Host } from '../../foundation/host.ts';
import { evaluateNix } from '../../routes/nix/evaluate.ts';
import { defaultNixSettings } from '../../routes/nix/settings.ts';
import type { Requirement } from './image-needs.ts';

export interface ResolvedName {
  readonly requirement: Requirement;
  /** Name of a Python distribution; the set has it among its Python packages. */
  readonly python: string | undefined;
  /** Name among the set's other packages. */
  readonly plain: string | undefined;
  /** Debian packages, for sets that are Debian. */
  readonly debian: readonly string[];
  /** Of the set; undefined where it was not asked. */
  readonly version: string | undefined;
}

export interface ResolvedNames {
  readonly names: readonly ResolvedName[];
  /** Version of the set's Python. */
  readonly python: string | undefined;
  /** Those that the set has not. */
  readonly missing: readonly Requirement[];
  /** Why names could not be checked; undefined when they were. */
  readonly unchecked: string | undefined;
}

interface Answer {
  readonly python?: string;
  readonly plain?: string;
  readonly debian?: readonly string[];
  readonly version?: string;
}

/** Asked in order; each gives the Python package or the plain one. */
const question = `
{ reference, system, asked }:
let
  pkgs = (builtins.getFlake reference).legacyPackages.\${system};
  py = pkgs.python3Packages;
  python = name: { python = name; version = py.\${name}.version or ""; debian = py.\${name}.debianPackages or [ ]; };
  plain = name: { plain = name; version = pkgs.\${name}.version or ""; debian = pkgs.\${name}.debianPackages or [ ]; };
  extension = set: name:
    let value = pkgs.\${set}.pkgs.\${name} or pkgs."\${set}Packages".\${name};
    in { plain = builtins.head value.debianPackages; version = value.version or ""; debian = value.debianPackages; };
  first = candidates:
    if candidates == [ ] then { }
    else let found = builtins.tryEval (let value = builtins.head candidates; in builtins.deepSeq value value);
      in if found.success && found.value != null then found.value else first (builtins.tail candidates);
  whenPython = name: if py ? \${name} then python name else null;
  whenPlain = name: if pkgs ? \${name} then plain name else null;
  answer = { names, pythonNames, onlyAs, extensionOf }:
    first (
      (if extensionOf == "" then [ ] else map (extension extensionOf) names)
      ++ (map (name: if py ? \${name} && (onlyAs == "" || builtins.elem onlyAs (py.\${name}.debianPackages or [ onlyAs ])) then python name else null) pythonNames)
      ++ map whenPlain names);
in
{ answers = map answer asked; python = pkgs.python3.version; }
`;

export interface NamedSet {
  /** `debian:bookworm`, `nixpkgs`, `guix`, or a reference to a flake like nixpkgs. */
  readonly set: string;
  /** The flake to ask; undefined where there is none. */
  readonly reference: string | undefined;
  /** `x86_64-linux` */
  readonly system: string;
}

/** Resolves names for a set. */
export async function resolveNames(
  host: Host,
  { set, reference, system }: NamedSet,
  requirements: readonly Requirement[],
): Promise<ResolvedNames> {
  if (reference === undefined) {
    const hint =
      set === 'guix'
        ? 'only a `debian:` set can be asked here'
        : 'a tree of it is asked when flake.lock has one or `--set` names one';
    return {
      names: requirements.map((requirement) => byRule(requirement, set)),
      python: undefined,
      missing: [],
      unchecked: `names follow ${set}'s rules and were not looked up; ${hint}`,
    };
  }
  const asked = requirements.map(candidates);
  try {
    const expression = `(${question}) { reference = ${nixText(reference)}; system = ${nixText(system)}; asked = builtins.fromJSON ${nixText(JSON.stringify(asked))}; }`;
    const text = await evaluateNix({
      host,
      expression,
      settings: { ...defaultNixSettings, impure: true, writeLockFile: false },
      form: 'json',
    });
    const { answers, python } = JSON.parse(text) as { answers: readonly Answer[]; python: string };
    const names: ResolvedName[] = [];
    const missing: Requirement[] = [];
    for (const [index, requirement] of requirements.entries()) {
      const { python: distribution, plain, debian = [], version } = answers[index]!;
      if (distribution === undefined && plain === undefined) missing.push(requirement);
      else names.push({ requirement, python: distribution, plain, debian, version });
    }
    return { names, python, missing, unchecked: undefined };
  } catch (error) {
    if (!isTrimaranError(error)) throw error;
    return {
      names: requirements.map((requirement) => byRule(requirement, set)),
      python: undefined,
      missing: [],
      unchecked: `${set} could not be asked (${error.message.split('\n')[0]}); names follow rules`,
    };
  }
}

function normalise(name: string): string {
  return name.toLowerCase().replace(/[-_.]+/g, '-');
}

/** Names under which the Debian set may have a requirement. */
function candidates({ from, name }: Requirement) {
  const none = { names: [] as string[], pythonNames: [] as string[], onlyAs: '', extensionOf: '' };
  switch (from) {
    case 'python':
      return { ...none, pythonNames: [normalise(name)] };
    case 'debian': {
      const [, python] = /^python3-(.+)$/.exec(name) ?? [];
      return python === undefined
        ? { ...none, names: [name] }
        : { ...none, names: [name], pythonNames: [python], onlyAs: name };
    }
    case 'guix': {
      const [, python] = /^python-(.+)$/.exec(name) ?? [];
      if (python !== undefined) return { ...none, pythonNames: [normalise(python)] };
      return { ...none, names: name === 'python' ? ['python3'] : [name] };
    }
    default: {
      const [first = '', extension] = name.split(' ', 2);
      if (extension !== undefined) return { ...none, names: [extension], extensionOf: first };
      return { ...none, names: [first === 'python' ? 'python3' : first, first.replaceAll('_', '-')] };
    }
  }
}

/** What nixpkgs and Guix mostly call it. */
function byRule(requirement: Requirement, set: string): ResolvedName {
  const { from, name } = requirement;
  if (from === 'debian' && set.startsWith('debian:'))
    return { requirement, python: undefined, plain: name, debian: [name], version: undefined };
  const [, debianPython] = from === 'debian' ? (/^python3-(.+)$/.exec(name) ?? []) : [];
  const [, guixPython] = from === 'guix' ? (/^python-(.+)$/.exec(name) ?? []) : [];
  const python = debianPython ?? guixPython ?? (from === 'python' ? name : undefined);
  return {
    requirement,
    python: python === undefined ? undefined : normalise(python),
    plain:
      python === undefined ? (/^python\d*$/.test(name) ? 'python3' : name.replace(/ .*$/, '')) : undefined,
    debian: from === 'debian' ? [name] : [],
    version: undefined,
  };
}

function nixText(text: string): string {
  return JSON.stringify(text).replaceAll('${', '\\${');
}
