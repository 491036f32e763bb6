// The same machines as Nix, Debian and Node.js name them.
import { TrimaranError } from '../foundation/error.ts';

const systems = [
  { nix: 'x86_64-linux', debian: 'amd64', node: 'x64' },
  { nix: 'aarch64-linux', debian: 'arm64', node: 'arm64' },
] as const;

/** Nix's name of the machine that Node.js calls `arch`; x86_64-linux for others, whose images can still be made. */
export function nixSystem(arch: string): string {
  return systems.find((system) => system.node === arch)?.nix ?? 'x86_64-linux';
}

/** Debian's name of a Nix system. Throws `nix/unsupported-system`. */
export function debianArchitecture(system: string): string {
  const found = systems.find((candidate) => candidate.nix === system);
  if (found !== undefined) return found.debian;
  throw new TrimaranError({
    code: 'nix/unsupported-system',
    message: `the Debian set has no packages for ${system}`,
    hint: `it has them for ${systems.map((candidate) => candidate.nix).join(' and ')}`,
  });
}
