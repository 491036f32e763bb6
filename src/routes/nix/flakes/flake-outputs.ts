// A locked flake as data for the evaluator: the nodes that call-flake.nix turns into flakes, and how each one's tree
// is found when it is asked for. Source: Nix's call-flake.nix and callFlake, as of 2.34.
import callFlakeText from './call-flake.nix';
import type { FetchedTree } from './fetchers/fetched-tree.ts';
import { flakeError } from './flake-error.ts';
import type { LockOutcome } from './flake-session.ts';
import { type InputAttributes, relativePathOf } from './input.ts';
import { showInput } from './input-url.ts';
import { withTrace } from './load-flake.ts';
import {
  allInputs,
  findInput,
  type LockEdge,
  type LockedNode,
  type LockFile,
  type LockNode,
  lockFileToJson,
  sortedInputs,
  writeInputPath,
} from './lock-file.ts';
import { type SourceInfo, sourceInfo } from './source-info.ts';

/**
 * A Nix function of `{ nodes, root, fetchNode, debianFlake }` that gives the root flake with its `outputs`; `nodes`
 * and `root` come from {@link flakeNodes}.
 */
export const callFlakeExpression: string = callFlakeText;

/** One node for call-flake.nix. */
interface FlakeNode {
  /** Keys of the nodes that its inputs are, `follows` resolved. */
  readonly inputs: Readonly<Record<string, string>>;
  readonly flake: boolean;
  /** Folder of flake.nix below the tree's root or below `path`. */
  readonly dir: string;
  /** A `debian:` set: its attributes; there is no tree. */
  readonly debian?: InputAttributes;
  /** A relative input: the key of the node whose tree holds it, and the path from there. */
  readonly parent?: string;
  readonly path?: string;
}

/** All nodes of a flake, by key. */
export interface FlakeNodes {
  readonly root: string;
  readonly nodes: Readonly<Record<string, FlakeNode>>;
}

/** A node's tree: the logical store path for `outPath` (it needs string context), and the attributes beside it. */
export interface NodeSource {
  readonly storePath: string;
  readonly info: SourceInfo;
}

/** The nodes of a locked flake. Throws `flake/follows-nothing`, `flake/follows-cycle`. */
export function flakeNodes(locked: LockOutcome): FlakeNodes {
  const { nodeKeys } = lockFileToJson(locked.lock);
  const nodes: [string, FlakeNode][] = [];
  for (const [node, key] of nodeKeys) {
    const inputs = Object.fromEntries(
      sortedInputs(node).map(([name, edge]) => [name, keyOf(nodeKeys, inputTarget(locked.lock, key, edge))]),
    );
    nodes.push([key, { inputs, ...describeNode(locked, node, nodeKeys) }]);
  }
  return { root: nodeKeys.get(locked.lock.root)!, nodes: Object.fromEntries(nodes) };
}

function keyOf(nodeKeys: ReadonlyMap<LockNode, string>, node: LockNode): string {
  return nodeKeys.get(node)!;
}

function inputTarget(lock: LockFile, key: string, edge: LockEdge): LockNode {
  if (edge.kind === 'node') return edge.node;
  const target = findInput(lock, edge.path);
  if (target === undefined)
    throw flakeError(
      'follows-nothing',
      `an input of '${key}' follows a non-existent input '${writeInputPath(edge.path)}'`,
    );
  return target;
}

function describeNode(
  locked: LockOutcome,
  node: LockNode,
  nodeKeys: ReadonlyMap<LockNode, string>,
): Omit<FlakeNode, 'inputs'> {
  const location = locked.nodeLocations.get(node);
  const reference = 'locked' in node ? (node as LockedNode).locked : locked.flake.locked;
  const flake = 'isFlake' in node ? (node as LockedNode).isFlake : true;
  if (reference.input.type === 'debian') return { flake, dir: '', debian: reference.input };
  // What was fetched for the lock knows its folder; anything else says it itself.
  if (location !== undefined) return { flake, dir: location.directory };
  const path = relativePathOf(reference.input);
  if (path === undefined) return { flake, dir: reference.subdir };
  const parent = findInput(locked.lock, (node as LockedNode).parent ?? []) ?? locked.lock.root;
  return { flake, dir: reference.subdir, parent: nodeKeys.get(parent)!, path };
}

/** Finds trees of a locked flake's nodes, fetching those that were not needed for the lock. */
export interface NodeSources {
  /** The node's tree if it is at hand without fetching. */
  present(key: string): NodeSource | undefined;
  /**
   * The node's tree, fetched when it has to be. Rejects as `Fetcher.fetchTree` throws, naming the input, its URL, and
   * `--override-input` as a way out.
   */
  fetch(key: string): Promise<NodeSource>;
}

/** {@link NodeSources} over a fetcher. */
export function nodeSources(
  locked: LockOutcome,
  fetcher: {
    fetchTree(input: InputAttributes, options: { readonly final: boolean }): Promise<FetchedTree>;
    storedTree(input: InputAttributes): FetchedTree | undefined;
  },
): NodeSources {
  const { nodeKeys } = lockFileToJson(locked.lock);
  const byKey = new Map([...nodeKeys].map(([node, key]) => [key, node]));
  const nodeAt = (key: string): LockNode => {
    const node = byKey.get(key);
    if (node === undefined) throw new Error(`no such node in the lock: ${key}`);
    return node;
  };
  const asSource = (tree: FetchedTree, input: InputAttributes, isRoot: boolean): NodeSource => ({
    storePath: tree.storePath,
    info: sourceInfo(input, { forceDirty: isRoot && locked.forceDirty }),
  });
  const present = (key: string): NodeSource | undefined => {
    const node = nodeAt(key);
    const location = locked.nodeLocations.get(node);
    const isRoot = !('locked' in node);
    const { input } = isRoot ? locked.flake.locked : (node as LockedNode).locked;
    if (location !== undefined) return asSource(location.tree, input, isRoot);
    const stored = fetcher.storedTree(input);
    return stored === undefined ? undefined : asSource(stored, input, isRoot);
  };
  return {
    present,
    async fetch(key) {
      const known = present(key);
      if (known !== undefined) return known;
      const { input } = (nodeAt(key) as LockedNode).locked;
      try {
        return asSource(await fetcher.fetchTree(input, { final: true }), input, false);
      } catch (error) {
        const name = inputPathOf(locked.lock, nodeAt(key)) ?? key;
        throw withTrace(
          error,
          `while fetching the input '${name}' ('${showInput(input)}')`,
          `use another source for this run: --override-input ${name} REFERENCE`,
        );
      }
    },
  };
}

function inputPathOf(lock: LockFile, node: LockNode): string | undefined {
  const found = allInputs(lock).find(({ edge }) => edge.kind === 'node' && edge.node === node);
  return found === undefined ? undefined : writeInputPath(found.path);
}
