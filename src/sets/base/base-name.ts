// Names of bases that are made from Debian packages: `debian:SUITE[-slim][/TIMESTAMP]`.

/** Suite, `-slim` or nothing, and timestamp of a base's name. */
export const baseNameShape = /^debian:([a-z][a-z0-9]*)(-slim)?(?:\/(\d{8}T\d{6}Z))?$/;

/** Whether `buildBaseImage` knows how to make an image of that name. */
export function isBaseName(name: string): boolean {
  return baseNameShape.test(name);
}
