// What a project is called: the flag, the environment, the file's `name:`, the folder; cleaned as compose does it.

/**
 * The first of the names that is given, cleaned, else the cleaned name of the folder, else `default` in the root. Empty
 * when nothing is left of a name: images that are called after the project then have no name that an engine takes.
 * Compose 2 also drops leading `-` and `_`, which docker-compose 1.29 keeps; names that differ so are rare,
 * and image names that no engine takes, so Compose 2's rule is used.
 */
export function projectName(given: readonly (string | undefined)[], folder: string): string {
  const explicit = given.find((name) => name !== undefined && name !== '');
  return cleanName(explicit ?? (folder || 'default'));
}

function cleanName(name: string): string {
  return name
    .toLowerCase()
    .replace(/[^-_a-z0-9]/g, '')
    .replace(/^[-_]+/, '');
}
