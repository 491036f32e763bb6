// Requirements files of pip, as far as they name packages.
// https://pip.pypa.io/en/stable/reference/requirements-file-format/, names and versions after PEP 508.
import type { Requirement } from './image-needs.ts';

/** One requirement, or undefined for a line that is none (an URL, a path, an option). */
export function parseRequirementLine(line: string): Requirement | undefined {
  const match =
    /^([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(?:\[[^\]]*\])?\s*((?:[=<>!~]=?=?[^;,\s]+\s*,?\s*)*)(?:;.*)?$/.exec(
      line.trim(),
    );
  if (match === null) return undefined;
  return { from: 'python', name: match[1]!, version: match[2]!.trim() };
}

/** Requirements of a file, each once, and the lines that name none. */
export function parseRequirements(text: string): {
  /** `written` has extras and conditions too. */
  readonly requirements: readonly { readonly requirement: Requirement; readonly written: string }[];
  readonly rest: readonly string[];
} {
  const requirements = new Map<string, { requirement: Requirement; written: string }>();
  const rest: string[] = [];
  for (const line of text.replace(/\\\r?\n/g, ' ').split(/\r?\n/)) {
    const bare = line
      .replace(/(?:^|\s)#.*$/, '')
      .replace(/\s--hash=\S+/g, '')
      .trim();
    if (bare === '') continue;
    const requirement = parseRequirementLine(bare);
    if (requirement === undefined) rest.push(bare);
    else if (!requirements.has(requirement.name.toLowerCase()))
      requirements.set(requirement.name.toLowerCase(), { requirement, written: bare });
  }
  return { requirements: [...requirements.values()], rest };
}
