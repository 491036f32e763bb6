// Runs a derivation's own builder in a sandbox: its inputs, its folder, its environment, and nothing else.
//
// Plain inputs lie at their logical paths. Packed inputs are made for the root of a file system: all those of the closure
// are laid over each other at `/`, and their store paths are links to `/`.
import { lstatSync, readlinkSync } from 'node:fs';
import { chmod, copyFile, mkdir, symlink, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { StorePath } from '../formats/store-path.ts';
import {
  type ByteString,
  byteStringToBuffer,
  fromByteString,
  toByteString,
} from '../foundation/byte-string.ts';
import { systemErrorCode, TrimaranError } from '../foundation/error.ts';
import { buildEnvironment, outputPathsOf, replacePlaceholders } from './build-environment.ts';
import type { BuildContext, Builder } from './builder.ts';
import type { DerivationOptions } from './derivation-options.ts';
import { moveOnDisk } from './disk-tree.ts';
import { hasFixedOutput } from './fixed-output.ts';
import type { LocalStore } from './local-store.ts';
import { runInSandbox, type SandboxMount } from './sandbox.ts';

/** Where a builder finds its folder, as in Nix. */
const buildFolder = '/build';

/** Adds layers below `/` (full paths of the host, the topmost last) and mounts to the sandbox of a build. */
export type SandboxRoot = (options: {
  readonly context: BuildContext;
  /** The inputs and all that they refer to. */
  readonly closure: readonly StorePath[];
}) => Promise<{ readonly layers?: readonly string[]; readonly mounts?: readonly SandboxMount[] }>;

/**
 * A builder that runs the derivation's command. Rejects with `store/build-failed` when that fails, `store/wrong-system`,
 * `store/no-sandbox`, `store/environment-too-large`, `store/unsupported-variable`.
 */
export function sandboxBuilder({
  options,
  root,
}: {
  readonly options: DerivationOptions;
  readonly root: SandboxRoot | undefined;
}): Builder {
  return async (context) => {
    const { derivation, derivationPath, store, folder } = context;
    const architecture = architectureFor(derivation.system);
    const paths = Object.fromEntries(
      ['root', 'build', 'scratch'].map((name) => [name, join(folder, name)]),
    ) as Record<'root' | 'build' | 'scratch', string>;
    for (const path of Object.values(paths)) await mkdir(path);
    const storeInside = join(paths.root, store.storeDirectory);
    await mkdir(storeInside, { recursive: true });

    const closure = store.closure(context.inputs);
    const added = (await root?.({ context, closure })) ?? {};
    const { layers, mounts } = await placeInputs(store, closure, storeInside);
    await writeAccounts(paths.root);
    // What a fixed output is cannot depend on where its bytes come from, so its builder may fetch them, as in Nix.
    const isFixed = hasFixedOutput(derivation);
    if (isFixed) await copyNetworkFiles(paths.root);

    const outputPaths = outputPathsOf(derivation);
    const { variables, files } = buildEnvironment({
      derivation,
      options,
      store,
      inputs: context.inputs,
      outputPaths,
      buildFolder,
      cores: availableParallelism(),
      hostEnv: context.host.env,
    });
    for (const [name, contents] of files) {
      await writeFile(join(paths.build, name), byteStringToBuffer(contents));
      await chmod(join(paths.build, name), 0o644);
    }
    const allLayers = [...layers, ...(added.layers ?? [])];
    const rewrite = replacePlaceholders(outputPaths);
    const { exitCode } = await runInSandbox({
      host: context.host,
      root:
        allLayers.length === 0
          ? { kind: 'folder', path: paths.root }
          : { kind: 'overlay', layers: allLayers, upper: paths.root },
      mounts: [
        ...mounts,
        { kind: 'bind', source: paths.build, target: buildFolder, writable: true },
        ...(added.mounts ?? []),
      ],
      scratch: paths.scratch,
      command: asText(rewrite(derivation.builder), 'builder'),
      args: derivation.args.map((arg) => asText(rewrite(arg), 'args')),
      env: Object.fromEntries(
        [...variables].map(([name, value]) => [asText(name, name), asText(value, name)]),
      ),
      workingFolder: buildFolder,
      identity: 'builder',
      network: isFixed ? 'host' : 'none',
      architecture,
      signal: context.signal,
      onLine: context.log,
    }).catch((error: unknown) => {
      throw systemErrorCode(error) === 'E2BIG' ? tooLarge(derivationPath) : error;
    });
    if (exitCode !== 0) {
      throw new TrimaranError({
        code: 'store/build-failed',
        message: `builder for '${derivationPath}' failed with exit code ${exitCode}`,
      });
    }
    for (const { path, plain } of context.outputs.values()) {
      const made = join(storeInside, path.slice(store.storeDirectory.length + 1));
      if (lstatSync(made, { throwIfNoEntry: false }) !== undefined) moveOnDisk(made, plain);
    }
  };
}

/** Inputs at their places: mounts, links for those that are links themselves, and layers for packed ones. */
async function placeInputs(
  store: LocalStore,
  closure: readonly StorePath[],
  storeInside: string,
): Promise<{ readonly layers: readonly string[]; readonly mounts: readonly SandboxMount[] }> {
  const layers: string[] = [];
  const mounts: SandboxMount[] = [];
  for (const path of closure) {
    const inside = join(storeInside, path.slice(store.storeDirectory.length + 1));
    const source = store.materialise(path);
    if (store.info(path).form === 'packed') {
      layers.push(source);
      await symlink('/', inside);
    } else if (lstatSync(source).isSymbolicLink()) {
      // A link cannot be mounted, only what it leads to.
      await symlink(readlinkSync(source, 'buffer'), inside);
    } else {
      mounts.push({ kind: 'bind', source, target: path });
    }
  }
  return { layers, mounts };
}

/** The users and hosts that a builder can look up. */
async function writeAccounts(root: string): Promise<void> {
  await mkdir(join(root, 'etc'), { recursive: true });
  const files = {
    passwd:
      `root:x:0:0:Nix build user:${buildFolder}:/noshell\n` +
      `nixbld:x:1000:100:Nix build user:${buildFolder}:/noshell\n` +
      'nobody:x:65534:65534:Nobody:/:/noshell\n',
    group: 'root:x:0:\nnixbld:!:100:\nnogroup:x:65534:\n',
    hosts: '127.0.0.1 localhost\n::1 localhost\n',
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(root, 'etc', name), text);
}

/** What name look-ups need. Links are followed: resolvers like to keep these files elsewhere. */
async function copyNetworkFiles(root: string): Promise<void> {
  for (const name of ['resolv.conf', 'services', 'hosts']) {
    try {
      await copyFile(join('/etc', name), join(root, 'etc', name));
    } catch (error) {
      if (systemErrorCode(error) !== 'ENOENT') throw error;
    }
  }
}

const systems: Readonly<Record<string, readonly string[]>> = {
  x64: ['x86_64-linux', 'i686-linux'],
  arm64: ['aarch64-linux'],
};

function architectureFor(system: ByteString): 'i686' | undefined {
  const possible = process.platform === 'linux' ? (systems[process.arch] ?? []) : [];
  if (!possible.includes(system)) {
    throw new TrimaranError({
      code: 'store/wrong-system',
      message: `a '${fromByteString(system)}' is needed to build this, and this is ${possible[0] ?? process.platform}`,
      hint: 'take it from a binary cache, or run this on such a machine',
      exitCode: 4,
    });
  }
  return system === 'i686-linux' ? 'i686' : undefined;
}

/** What goes to execve(2) through Node.js must be text. */
function asText(bytes: ByteString, name: ByteString): string {
  const text = fromByteString(bytes);
  if (toByteString(text) === bytes) return text;
  throw new TrimaranError({
    code: 'store/unsupported-variable',
    message: `${fromByteString(name)} is not UTF-8`,
    hint: 'pass it as a file: passAsFile',
  });
}

function tooLarge(derivationPath: StorePath): TrimaranError {
  return new TrimaranError({
    code: 'store/environment-too-large',
    message: `the environment of '${derivationPath}' is too large for the system`,
    hint: 'pass large attributes as files: passAsFile = [ "name" ]',
  });
}
