/** The platform of this machine, as engines write it. */
export function hostPlatform(): string {
  return process.arch === 'arm64' ? 'linux/arm64' : 'linux/amd64';
}
