// Whether a Debian or PyPI version meets a requirement such as `>=1.2,<2` or `=1.2-1`: release numbers are compared, as
// far as PEP 440 and Debian agree on them. What cannot be compared fits only when it is the same text.

/** Upstream's part of a Debian version: without epoch, revision and repackaging mark. */
function upstream(version: string): string {
  return version
    .replace(/^\d+:/, '')
    .replace(/-[^-]*$/, '')
    .replace(/[+~](?:ds|dfsg|repack|really|git).*$/, '');
}

function compareReleases(a: readonly number[], b: readonly number[]): number {
  for (let index = 0; index < Math.max(a.length, b.length); index++) {
    const difference = (a[index] ?? 0) - (b[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

function release(version: string): number[] | undefined {
  const match = /^v?(\d+(?:\.\d+)*)/.exec(version);
  return match === null ? undefined : match[1]!.split('.').map(Number);
}

/** @example versionFits('0.92.0-1', '>=0.90,<1'); // true */
export function versionFits(version: string, requirement: string): boolean {
  const has = release(upstream(version));
  return requirement.split(',').every((clause) => {
    const [, operator = '==', wanted = ''] = /^\s*(===?|~=|!=|[<>]=?|=)?\s*(.*?)\s*$/.exec(clause) ?? [];
    if (wanted === version || wanted === '') return operator !== '!=';
    const prefix = wanted.endsWith('.*');
    const asked = release(prefix ? wanted.slice(0, -2) : upstream(wanted));
    if (has === undefined || asked === undefined) return operator === '!=';
    const order = compareReleases(has, asked);
    const sameStart = compareReleases(has.slice(0, asked.length), asked) === 0;
    switch (operator) {
      case '!=':
        return prefix ? !sameStart : order !== 0;
      case '>=':
        return order >= 0;
      case '<=':
        return order <= 0;
      case '>':
        return order > 0;
      case '<':
        return order < 0;
      case '~=':
        return order >= 0 && compareReleases(has.slice(0, asked.length - 1), asked.slice(0, -1)) === 0;
      default:
        return prefix ? sameStart : order === 0;
    }
  });
}
