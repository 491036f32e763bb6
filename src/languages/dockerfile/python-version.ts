// Versions of Python distributions and what requirements ask of them: PEP 440's order and specifiers, PEP 508's
// requirements without markers' evaluation. https://packaging.python.org/specifications/version-specifiers/

/** A version taken apart, in the order in which its parts decide. */
export interface PythonVersion {
  readonly text: string;
  readonly epoch: number;
  readonly release: readonly number[];
  readonly pre?: readonly [phase: 'a' | 'b' | 'rc', number: number];
  readonly post?: number;
  readonly dev?: number;
  readonly local?: string;
}

const versionForm =
  /^v?(?:(\d+)!)?(\d+(?:\.\d+)*)(?:[-_.]?(alpha|a|beta|b|preview|pre|c|rc)[-_.]?(\d*))?(?:-(\d+)|[-_.]?(post|rev|r)[-_.]?(\d*))?(?:[-_.]?(dev)[-_.]?(\d*))?(?:\+([a-z0-9]+(?:[-_.][a-z0-9]+)*))?$/;

/** Reads a version in any of the spellings that PEP 440 allows; undefined for what is none. */
export function parsePythonVersion(text: string): PythonVersion | undefined {
  const match = versionForm.exec(text.trim().toLowerCase());
  if (match === null) return undefined;
  const [, epoch, release, pre, preNumber, dashPost, post, postNumber, dev, devNumber, local] = match;
  const phase = pre === undefined ? undefined : pre[0] === 'a' ? 'a' : pre[0] === 'b' ? 'b' : 'rc';
  return {
    text: text.trim(),
    epoch: Number(epoch ?? 0),
    release: release!.split('.').map(Number),
    ...(phase === undefined ? {} : { pre: [phase, Number(preNumber || 0)] as const }),
    ...(dashPost !== undefined
      ? { post: Number(dashPost) }
      : post === undefined
        ? {}
        : { post: Number(postNumber || 0) }),
    ...(dev === undefined ? {} : { dev: Number(devNumber || 0) }),
    ...(local === undefined ? {} : { local: local.replace(/[-_]/g, '.') }),
  };
}

/** Whether it is no final release: of a phase before, or of development. */
export function isPrerelease(version: PythonVersion): boolean {
  return version.pre !== undefined || version.dev !== undefined;
}

/** Negative when `a` comes before `b`. */
export function comparePythonVersions(a: PythonVersion, b: PythonVersion): number {
  return comparePublic(a, b) || compareLocal(a.local, b.local);
}

function comparePublic(a: PythonVersion, b: PythonVersion): number {
  return (
    a.epoch - b.epoch ||
    compareRelease(a.release, b.release) ||
    comparePhase(phaseOf(a), phaseOf(b)) ||
    (a.post ?? -1) - (b.post ?? -1) ||
    difference(a.dev ?? Number.POSITIVE_INFINITY, b.dev ?? Number.POSITIVE_INFINITY)
  );
}

function compareRelease(a: readonly number[], b: readonly number[]): number {
  for (let at = 0; at < Math.max(a.length, b.length); at++) {
    const found = (a[at] ?? 0) - (b[at] ?? 0);
    if (found !== 0) return found;
  }
  return 0;
}

/** A development release of nothing else comes before every phase, a final one after them. */
function phaseOf({ pre, post, dev }: PythonVersion): readonly [number, number] {
  if (pre !== undefined) return [['a', 'b', 'rc'].indexOf(pre[0]), pre[1]];
  return [dev !== undefined && post === undefined ? -1 : 3, 0];
}

function comparePhase(a: readonly [number, number], b: readonly [number, number]): number {
  return a[0] - b[0] || a[1] - b[1];
}

/** Both may be infinite. */
function difference(a: number, b: number): number {
  return a === b ? 0 : a < b ? -1 : 1;
}

function compareLocal(a: string | undefined, b: string | undefined): number {
  if (a === b) return 0;
  if (a === undefined) return -1;
  if (b === undefined) return 1;
  const [left, right] = [a.split('.'), b.split('.')];
  for (let at = 0; at < Math.max(left.length, right.length); at++) {
    const [x, y] = [left[at], right[at]];
    if (x === undefined) return -1;
    if (y === undefined) return 1;
    const [isNumber, other] = [/^\d+$/.test(x), /^\d+$/.test(y)];
    if (isNumber !== other) return isNumber ? 1 : -1;
    const found = isNumber ? Number(x) - Number(y) : x < y ? -1 : x > y ? 1 : 0;
    if (found !== 0) return found;
  }
  return 0;
}

/** One clause of a specifier: `>=1.2`. */
export interface VersionClause {
  readonly operator: '==' | '!=' | '<' | '<=' | '>' | '>=' | '~=' | '===';
  readonly version: string;
}

/** Reads `>=1.2,<2`; undefined for what is no specifier. */
export function parseVersionClauses(text: string): readonly VersionClause[] | undefined {
  const clauses: VersionClause[] = [];
  for (const part of text.split(',').map((item) => item.trim())) {
    if (part === '') continue;
    const match = /^(===|==|!=|<=|>=|~=|<|>)\s*(\S+)$/.exec(part);
    if (match === null) return undefined;
    const [, operator, version] = match as unknown as [string, VersionClause['operator'], string];
    const isPrefix = (operator === '==' || operator === '!=') && version.endsWith('.*');
    const plain = isPrefix ? version.slice(0, -2) : version;
    const parsed = parsePythonVersion(plain);
    if (operator !== '===' && parsed === undefined) return undefined;
    if (operator === '~=' && parsed!.release.length < 2) return undefined;
    clauses.push({ operator, version });
  }
  return clauses;
}

/** Whether a version meets every clause. Phases before a release are the caller's to leave out. */
export function meetsClauses(version: PythonVersion, clauses: readonly VersionClause[]): boolean {
  return clauses.every((clause) => meets(version, clause));
}

function meets(version: PythonVersion, { operator, version: wanted }: VersionClause): boolean {
  if (operator === '===') return version.text.toLowerCase() === wanted.toLowerCase();
  if (wanted.endsWith('.*')) {
    const prefix = parsePythonVersion(wanted.slice(0, -2))!;
    return isWithin(version, prefix) === (operator === '==');
  }
  const other = parsePythonVersion(wanted)!;
  // A local version counts only where the clause names one.
  const order =
    other.local === undefined ? comparePublic(version, other) : comparePythonVersions(version, other);
  switch (operator) {
    case '==':
      return order === 0;
    case '!=':
      return order !== 0;
    case '<=':
      return comparePublic(version, other) <= 0;
    case '>=':
      return comparePublic(version, other) >= 0;
    case '<':
      if (isPrerelease(version) && !isPrerelease(other) && sameRelease(version, other)) return false;
      return comparePublic(version, other) < 0;
    case '>':
      if (version.post !== undefined && other.post === undefined && sameRelease(version, other)) return false;
      return comparePublic(version, other) > 0;
    case '~=':
      return (
        comparePublic(version, other) >= 0 &&
        isWithin(version, { ...other, release: other.release.slice(0, -1) })
      );
  }
}

function sameRelease(a: PythonVersion, b: PythonVersion): boolean {
  return a.epoch === b.epoch && compareRelease(a.release, b.release) === 0;
}

function isWithin(version: PythonVersion, prefix: PythonVersion): boolean {
  return (
    version.epoch === prefix.epoch && prefix.release.every((part, at) => (version.release[at] ?? 0) === part)
  );
}

/** A requirement of the form `name[extra]>=1,<2; marker`. */
export interface PythonRequirement {
  /** As indexes have it: lower case, `-` between words. */
  readonly name: string;
  readonly extras: readonly string[];
  readonly clauses: readonly VersionClause[];
  /** What follows `;`. */
  readonly marker?: string;
}

/** The name of a distribution as indexes and tools compare it (PEP 503). */
export function normalPythonName(name: string): string {
  return name.toLowerCase().replace(/[-_.]+/g, '-');
}

/** Reads a requirement; undefined for URLs, paths and what is none. */
export function parsePythonRequirement(text: string): PythonRequirement | undefined {
  const match =
    /^([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(?:\[([^\]]*)\])?\s*(?:\(([^)]*)\)|([^;@]*?))\s*(?:;\s*(.*))?$/s.exec(
      text.trim(),
    );
  if (match === null) return undefined;
  const [, name, extras, inside, outside, marker] = match;
  const clauses = parseVersionClauses(inside ?? outside ?? '');
  if (clauses === undefined) return undefined;
  return {
    name: normalPythonName(name!),
    extras: (extras ?? '')
      .split(',')
      .map((extra) => normalPythonName(extra.trim()))
      .filter((extra) => extra !== ''),
    clauses,
    ...(marker === undefined ? {} : { marker: marker.trim() }),
  };
}

/** What markers may ask of an interpreter on Linux. */
export interface MarkerEnvironment {
  /** `3.11`, when it is known. */
  readonly python?: string | undefined;
  /** Debian's name of the architecture. */
  readonly architecture: string;
  readonly extras: readonly string[];
}

/**
 * Whether a requirement with this marker counts. What cannot be known counts: to fix a version that nobody installs
 * harms nothing.
 */
export function markerApplies(marker: string, environment: MarkerEnvironment): boolean {
  const tokens = marker.match(/"[^"]*"|'[^']*'|[()]|===|==|!=|<=|>=|~=|<|>|[A-Za-z_][A-Za-z0-9_.]*/g);
  if (tokens === null) return true;
  let at = 0;
  const or = (): boolean | undefined => {
    let value = and();
    while (tokens[at] === 'or') {
      at++;
      const right = and();
      value =
        value === true || right === true ? true : value === false && right === false ? false : undefined;
    }
    return value;
  };
  const and = (): boolean | undefined => {
    let value = atom();
    while (tokens[at] === 'and') {
      at++;
      const right = atom();
      value =
        value === false || right === false ? false : value === true && right === true ? true : undefined;
    }
    return value;
  };
  let depth = 0;
  const atom = (): boolean | undefined => {
    if (tokens[at] === '(' && depth < 50) {
      at++;
      depth++;
      const value = or();
      depth--;
      if (tokens[at] === ')') at++;
      return value;
    }
    const left = tokens[at++];
    let operator = tokens[at++];
    if (operator === 'not') operator = `not ${tokens[at++]}`;
    const right = tokens[at++];
    if (left === undefined || operator === undefined || right === undefined) return undefined;
    return compareMarker(left, operator, right, environment);
  };
  return or() !== false;
}

function compareMarker(
  left: string,
  operator: string,
  right: string,
  environment: MarkerEnvironment,
): boolean | undefined {
  const isText = (token: string) => /^["']/.test(token);
  const variable = isText(left) ? right : left;
  const literal = (isText(left) ? left : right).slice(1, -1);
  if (variable === 'extra') return environment.extras.includes(normalPythonName(literal));
  const value = markerValue(variable, environment);
  if (value === undefined) return undefined;
  const [a, b] = isText(left) ? [literal, value] : [value, literal];
  if (operator === 'in') return b.includes(a);
  if (operator === 'not in') return !b.includes(a);
  const version = /version$/.test(variable) ? parsePythonVersion(a) : undefined;
  const clauses = version === undefined ? undefined : parseVersionClauses(operator + b);
  if (version !== undefined && clauses !== undefined) return meetsClauses(version, clauses);
  if (operator === '==' || operator === '===') return a === b;
  return operator === '!=' ? a !== b : undefined;
}

function markerValue(name: string, { python, architecture }: MarkerEnvironment): string | undefined {
  switch (name) {
    case 'python_version':
      return python;
    case 'sys_platform':
      return 'linux';
    case 'platform_system':
      return 'Linux';
    case 'os_name':
      return 'posix';
    case 'platform_machine':
      return architecture === 'arm64' ? 'aarch64' : 'x86_64';
    case 'implementation_name':
      return 'cpython';
    case 'platform_python_implementation':
      return 'CPython';
    default:
      return undefined;
  }
}
