// What `nix flake metadata` says of a flake, as JSON and as text. Source: Nix's nix/flake.cc, as of 2.34.
import { sha256Hex } from '../../../foundation/digest.ts';
import { flakeReferenceToAttributes, showFlakeReference, writeFlakeReference } from './flake-reference.ts';
import type { LockOutcome } from './flake-session.ts';
import { type InputAttributes, isLocked, normalizedNarHash } from './input.ts';
import { type JsonValue, writeJson } from './json.ts';
import { type LockNode, lockFileToJson, sortedInputs, unlockedInput, writeInputPath } from './lock-file.ts';
import { sourceInfo } from './source-info.ts';

/** The JSON of `nix flake metadata --json`, keys sorted; write it with `writeJson`. */
export function flakeMetadata(locked: LockOutcome): Readonly<Record<string, JsonValue>> {
  const { flake } = locked;
  const { input } = flake.locked;
  const fingerprint = flakeFingerprint(locked);
  return {
    ...(flake.source.description === undefined ? {} : { description: flake.source.description }),
    originalUrl: writeFlakeReference(flake.original),
    original: flakeReferenceToAttributes(flake.original),
    resolvedUrl: writeFlakeReference(flake.resolved),
    resolved: flakeReferenceToAttributes(flake.resolved),
    url: writeFlakeReference(flake.locked),
    locked: { ...flakeReferenceToAttributes(flake.locked), __final: true },
    ...(typeof input.rev === 'string' ? { revision: input.rev } : {}),
    ...(typeof input.dirtyRev === 'string' ? { dirtyRevision: input.dirtyRev } : {}),
    ...(typeof input.revCount === 'number' ? { revCount: input.revCount } : {}),
    ...(typeof input.lastModified === 'number' ? { lastModified: input.lastModified } : {}),
    ...(flake.location === undefined ? {} : { path: flake.location.tree.storePath }),
    locks: lockFileToJson(locked.lock).json,
    ...(fingerprint === undefined ? {} : { fingerprint }),
  };
}

/**
 * A key of everything that a flake's evaluation depends on, in lower-case hexadecimal: Nix's fingerprint, for
 * evaluation caches. Undefined for a dirty tree or a lock with unlocked inputs.
 */
export function flakeFingerprint(locked: LockOutcome): string | undefined {
  const { input, subdir } = locked.flake.locked;
  const source = inputFingerprint(input);
  if (source === undefined || unlockedInput(locked.lock) !== undefined) return undefined;
  const lock = writeJson(lockFileToJson(locked.lock).json, { indent: true });
  let text = `${source};${subdir};${lock}`;
  if (typeof input.revCount === 'number') text += `;revCount=${input.revCount}`;
  if (typeof input.lastModified === 'number') text += `;lastModified=${input.lastModified}`;
  return sha256Hex(Buffer.from(text, 'utf8'));
}

function inputFingerprint(input: InputAttributes): string | undefined {
  const rev = typeof input.rev === 'string' ? input.rev.toLowerCase() : undefined;
  switch (input.type) {
    case 'git': {
      const options = `${input.submodules === true ? ';s' : ''}${input.exportIgnore === true ? ';e' : ''}`;
      return rev === undefined ? undefined : rev + options;
    }
    case 'github':
    case 'gitlab':
    case 'sourcehut':
      return rev;
    case 'path':
      return `path:${normalizedNarHash(input)}`;
    case 'tarball':
      return normalizedNarHash(input);
    default:
      return undefined;
  }
}

/**
 * A key of everything that evaluating the flake depends on besides the evaluator: its content, its lock, what it sees
 * of itself. Unlike the fingerprint it exists for dirty trees too. Lower-case hexadecimal.
 */
export function evaluationKey(locked: LockOutcome): string {
  const { input, subdir } = locked.flake.locked;
  const info = sourceInfo(input, { forceDirty: locked.forceDirty });
  return sha256Hex(Buffer.from(writeJson([input, subdir, info, lockFileToJson(locked.lock).json]), 'utf8'));
}

/** The text of `nix flake metadata`, without colours. Times are in UTC. */
export function showFlakeMetadata(locked: LockOutcome): string {
  const { flake } = locked;
  const { input } = flake.locked;
  const lines = [`Resolved URL:  ${showFlakeReference(flake.resolved)}`];
  if (isLocked(input)) lines.push(`Locked URL:    ${showFlakeReference(flake.locked)}`);
  if (flake.source.description !== undefined) lines.push(`Description:   ${flake.source.description}`);
  if (flake.location !== undefined) lines.push(`Path:          ${flake.location.tree.storePath}`);
  const revision = input.rev ?? input.dirtyRev;
  if (typeof revision === 'string') lines.push(`Revision:      ${revision}`);
  if (typeof input.revCount === 'number') lines.push(`Revisions:     ${input.revCount}`);
  if (typeof input.lastModified === 'number') lines.push(`Last modified: ${showTime(input.lastModified)}`);
  const fingerprint = flakeFingerprint(locked);
  if (fingerprint !== undefined) lines.push(`Fingerprint:   ${fingerprint}`);
  if (locked.lock.root.inputs.size > 0) lines.push('Inputs:', ...inputTree(locked.lock.root));
  return lines.join('\n');
}

function inputTree(root: LockNode): string[] {
  const lines: string[] = [];
  const visited = new Set<LockNode>([root]);
  const visit = (node: LockNode, prefix: string) => {
    const inputs = sortedInputs(node);
    for (const [index, [name, edge]] of inputs.entries()) {
      const isLast = index === inputs.length - 1;
      const branch = prefix + (isLast ? '└───' : '├───');
      if (edge.kind === 'follows') {
        lines.push(`${branch}${name} follows input '${writeInputPath(edge.path)}'`);
        continue;
      }
      const { lastModified } = edge.node.locked.input;
      const time = typeof lastModified === 'number' ? ` (${showTime(lastModified)})` : '';
      lines.push(`${branch}${name}: ${showFlakeReference(edge.node.locked)}${time}`);
      if (visited.has(edge.node)) continue;
      visited.add(edge.node);
      visit(edge.node, prefix + (isLast ? '    ' : '│   '));
    }
  };
  visit(root, '');
  return lines;
}

function showTime(seconds: number): string {
  return new Date(seconds * 1000).toISOString().slice(0, 19).replace('T', ' ');
}
