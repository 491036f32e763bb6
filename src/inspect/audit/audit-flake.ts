// Audits flake.nix with its flake.lock, without evaluating it: inputs are read off the syntax tree, which is where
// Nix itself insists that they be written plainly.
import { fromByteString, toByteString } from '../../foundation/byte-string.ts';
import type { Span } from '../../foundation/error.ts';
import { type AttrsNode, Kind, type Node } from '../../languages/nix/ast.ts';
import { NixError } from '../../languages/nix/errors.ts';
import { parse } from '../../languages/nix/parser.ts';
import { finding, type Input } from './finding.ts';

/** An input as flake.nix declares it. */
interface DeclaredInput {
  readonly name: string;
  readonly span: Span;
  readonly url?: string;
  /** Declared by attributes: `{ type = "git"; … }`. */
  readonly type?: string;
  readonly follows: boolean;
  /** By a commit or a hash among its attributes. */
  readonly fixed: boolean;
}

interface LockNode {
  readonly inputs?: Readonly<Record<string, string | readonly string[]>>;
  readonly locked?: Readonly<Record<string, unknown>>;
  readonly original?: Readonly<Record<string, unknown>>;
}

export interface FlakeFiles {
  readonly file: string;
  readonly text: string;
  /** Absent where there is no flake.lock. */
  readonly lock?: { readonly file: string; readonly text: string } | undefined;
}

/** Inputs of a flake. A flake.nix that does not parse has none: building it says why. */
export function auditFlake(flake: FlakeFiles): Input[] {
  const tree = parsedFlake(flake);
  if (tree === undefined) return [];
  return [...auditInputs(flake, declaredInputs(tree)), ...imagesOfNow(tree)];
}

function auditInputs(flake: FlakeFiles, declared: readonly DeclaredInput[]): Input[] {
  const direct = declared.filter((input) => !input.follows);
  if (flake.lock === undefined) {
    return direct.map((input) => {
      if (isFixedByItself(input)) return { subject: subjectOf(input), span: input.span, pinnedBy: 'recipe' };
      const rule = isIndirect(input) ? 'flake-input-indirect' : 'flake-lock-missing';
      return {
        subject: subjectOf(input),
        span: input.span,
        finding: finding(rule, { span: input.span, subject: subjectOf(input) }),
      };
    });
  }
  const nodes = readLock(flake.lock.text);
  if (nodes === undefined) {
    const span = { file: flake.lock.file, line: 1, column: 1 };
    const subject = 'flake.lock';
    const detail = 'it is not a lock file of version 5 to 7';
    return [{ subject, span, finding: finding('flake-input-unlocked', { span, subject, detail }) }];
  }
  const rootInputs = nodes.all[nodes.root]?.inputs ?? {};
  const inputs: Input[] = direct.map((input) => {
    const { span } = input;
    const subject = subjectOf(input);
    const key = rootInputs[input.name];
    if (key === undefined)
      return {
        subject,
        span,
        finding: finding('flake-input-unlocked', { span, subject, detail: 'flake.lock has no such input' }),
      };
    const node = typeof key === 'string' ? nodes.all[key] : undefined;
    const detail = node === undefined ? undefined : differs(input, node.original ?? {});
    if (detail !== undefined)
      return { subject, span, finding: finding('flake-input-unlocked', { span, subject, detail }) };
    return { subject, span, pinnedBy: 'recipe' };
  });
  return [...inputs, ...dirtyNodes(nodes, flake.lock)];
}

function subjectOf(input: DeclaredInput): string {
  return input.url === undefined ? input.name : `${input.name} (${input.url})`;
}

/** Resolved by a registry: `nixpkgs`, `flake:nixpkgs/nixos-24.05`, or an argument of `outputs` alone. */
function isIndirect(input: DeclaredInput): boolean {
  if (input.type !== undefined) return input.type === 'indirect';
  return input.url === undefined || /^(?:flake:)?[A-Za-z][A-Za-z0-9_-]*(?:\/[^:]*)?$/.test(input.url);
}

/** An address that gives the same every time: a commit, a hash, a moment of Debian's archive, a folder of the project. */
function isFixedByItself({ url, fixed }: DeclaredInput): boolean {
  if (fixed || url === undefined) return fixed;
  if (/[?&](?:rev=[0-9a-f]{40}|narHash=sha256-)/.test(url)) return true;
  if (/^(?:github|gitlab|sourcehut):[^/?#]+\/[^/?#]+\/[0-9a-f]{40}(?:[?#]|$)/.test(url)) return true;
  if (/^debian:[a-z-]+\/\d{8}T\d{6}Z(?:[?#]|$)/.test(url)) return true;
  return /^(?:path:)?\.{1,2}(?:\/|$)/.test(url);
}

/** A flake's syntax tree, an attribute set. */
interface ParsedFlake {
  readonly root: AttrsNode;
  readonly spanAt: (position: number) => Span;
}

function parsedFlake({ file, text }: FlakeFiles): ParsedFlake | undefined {
  let tree: Node;
  const bytes = toByteString(text);
  try {
    tree = parse(bytes, { base: 1, pipeOperators: true, showPosition: () => '' });
  } catch (error) {
    if (error instanceof NixError) return undefined;
    throw error;
  }
  if (tree.kind !== Kind.attrs) return undefined;
  const spanAt = (position: number): Span => {
    const before = bytes.slice(0, Math.max(0, position - 1));
    const lineStart = before.lastIndexOf('\n') + 1;
    const column = fromByteString(before.slice(lineStart)).length + 1;
    return { file, line: before.split('\n').length, column };
  };
  return { root: tree, spanAt };
}

/** `created = "now"`, wherever it stands: nothing else than images is told so. */
function imagesOfNow({ root, spanAt }: ParsedFlake): Input[] {
  const found: Input[] = [];
  const left: unknown[] = [root];
  while (left.length > 0) {
    const part = left.pop();
    if (typeof part !== 'object' || part === null) continue;
    if ((part as Node).kind === Kind.attrs) {
      const { attrs } = part as AttrsNode;
      const created = attrs.get(toByteString('created'));
      if (created?.value.kind === Kind.string && created.value.text === toByteString('now')) {
        const span = spanAt(created.position);
        const subject = 'created = "now"';
        found.push({ subject, span, finding: finding('image-created-now', { span, subject }) });
      }
    }
    left.push(...(part instanceof Map ? part.values() : Object.values(part)));
  }
  return found.sort((a, b) => a.span.line - b.span.line);
}

function declaredInputs({ root: tree, spanAt }: ParsedFlake): DeclaredInput[] {
  const declared: DeclaredInput[] = [];
  const inputs = tree.attrs.get('inputs')?.value;
  if (inputs?.kind === Kind.attrs) {
    for (const [name, definition] of inputs.attrs) {
      const { value } = definition;
      const attribute = (key: string) => (value.kind === Kind.attrs ? stringOf(value, key) : undefined);
      const url = attribute('url');
      const type = attribute('type');
      declared.push({
        name: fromByteString(name),
        span: spanAt(definition.position),
        follows: value.kind === Kind.attrs && value.attrs.has('follows'),
        fixed: /^[0-9a-f]{40}$/.test(attribute('rev') ?? '') || attribute('narHash') !== undefined,
        ...(url === undefined ? {} : { url }),
        ...(type === undefined ? {} : { type }),
      });
    }
  }
  const outputs = tree.attrs.get('outputs')?.value;
  for (const formal of outputs?.kind === Kind.lambda ? (outputs.formals ?? []) : []) {
    const name = fromByteString(formal.name);
    if (name === 'self' || formal.fallback !== undefined || declared.some((input) => input.name === name))
      continue;
    declared.push({ name, span: spanAt(formal.position), follows: false, fixed: false });
  }
  return declared;
}

function stringOf(node: AttrsNode, key: string): string | undefined {
  const value = node.attrs.get(key)?.value;
  return value?.kind === Kind.string ? fromByteString(value.text) : undefined;
}

interface LockNodes {
  readonly root: string;
  readonly all: Readonly<Record<string, LockNode>>;
}

function readLock(text: string): LockNodes | undefined {
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof data !== 'object' || data === null) return undefined;
  const { version, root, nodes } = data as Record<string, unknown>;
  const known = typeof version === 'number' && version >= 5 && version <= 7;
  if (!known || typeof root !== 'string' || typeof nodes !== 'object' || nodes === null) return undefined;
  const isNode = (node: unknown) => typeof node === 'object' && node !== null;
  if (!Object.values(nodes).every(isNode)) return undefined;
  return { root, all: nodes as Record<string, LockNode> };
}

/** How the lock's record of an input differs from what flake.nix says now; undefined when it does not. */
function differs(input: DeclaredInput, original: Readonly<Record<string, unknown>>): string | undefined {
  const { url } = input;
  if (url === undefined) return undefined;
  const wasIndirect = original.type === 'indirect';
  if (isIndirect(input)) {
    const name = url.replace(/^flake:/, '').split('/')[0];
    return wasIndirect && original.id === name ? undefined : 'flake.lock locked another reference';
  }
  if (wasIndirect) return 'flake.lock locked another reference';
  const forge = /^(github|gitlab|sourcehut):([^/?#]+)\/([^/?#]+)(?:\/([^?#]+))?/.exec(url);
  if (forge !== null) {
    const [, type, owner, repo, ref] = forge;
    const same =
      original.type === type &&
      String(original.owner).toLowerCase() === decodeURIComponent(owner!).toLowerCase() &&
      String(original.repo).toLowerCase() === decodeURIComponent(repo!).toLowerCase() &&
      (ref === undefined || original.ref === ref || original.rev === ref);
    return same ? undefined : 'flake.lock locked another reference';
  }
  const git = /^git\+([^?#]+)/.exec(url)?.[1];
  if (git !== undefined) {
    return original.type === 'git' && original.url === git
      ? undefined
      : 'flake.lock locked another reference';
  }
  return undefined;
}

/** Locked nodes without content: a dirty work tree, a path without a hash. */
function dirtyNodes(nodes: LockNodes, lock: { readonly file: string; readonly text: string }): Input[] {
  const inputs: Input[] = [];
  for (const [name, node] of Object.entries(nodes.all)) {
    const { locked } = node;
    if (name === nodes.root || locked === undefined) continue;
    const isRelative =
      locked.type === 'path' && typeof locked.path === 'string' && !locked.path.startsWith('/');
    // A Debian input is fixed by the hash of its signed release.
    const isFixed = ['narHash', 'rev', 'release'].some((key) => typeof locked[key] === 'string');
    const dirty = 'dirtyRev' in locked || (!isFixed && !isRelative);
    if (!dirty) continue;
    const at = lock.text.indexOf(JSON.stringify(name));
    const before = lock.text.slice(0, Math.max(0, at));
    const span = { file: lock.file, line: before.split('\n').length, column: at - before.lastIndexOf('\n') };
    inputs.push({ subject: name, span, finding: finding('flake-lock-dirty', { span, subject: name }) });
  }
  return inputs;
}
