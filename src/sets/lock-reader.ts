// Checks the nodes of a lock's text and turns them into the model of lock-file.ts; every error has its place.
import { parseTimestamp } from '../debian/release.ts';
import { type Span, TrimaranError } from '../foundation/error.ts';
import { didYouMean } from '../foundation/nearest.ts';
import type {
  LockedImage,
  LockedPackage,
  LockedRequirement,
  LockedSuite,
  LockFile,
  UnpinnedInput,
} from './lock-file.ts';
import { type LockEntry, type LockMapping, type LockNode, readLockText } from './lock-text.ts';

/** Field of the text and of the model, in the order they are written. */
export const relationshipFields = [
  ['pre-depends', 'preDepends'],
  ['depends', 'depends'],
  ['provides', 'provides'],
  ['conflicts', 'conflicts'],
  ['breaks', 'breaks'],
  ['replaces', 'replaces'],
  ['multi-arch', 'multiArch'],
] as const;

const sections = ['version', 'debian', 'images', 'urls', 'git', 'pip', 'unpinned'];

/** The lock in `text`, of a format not newer than `newest`. Throws as `parseLockFile` says. */
export function readLockNodes(text: string, file: string, newest: number): LockFile {
  const root = readLockText(text, file);
  const reader = new LockReader(file);
  reader.checkVersion(root, newest);
  reader.checkKeys(root, sections, 'a lock file');
  return {
    debian: reader.mapping(root, 'debian', suiteName, (node, name) => reader.suite(node, name)),
    images: reader.mapping(root, 'images', anyName, (node, name) => reader.image(node, name)),
    urls: reader.mapping(root, 'urls', anyName, (node) => {
      return reader.text(node, /^sha256:[0-9a-f]{64}$/, '`sha256:` and 64 hexadecimal digits').slice(7);
    }),
    git: reader.mapping(root, 'git', anyName, (node) =>
      reader.map(reader.expectMapping(node), anyName, (commit) =>
        reader.text(commit, /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/, 'a commit of 40 or 64 hexadecimal digits'),
      ),
    ),
    pip: reader.mapping(root, 'pip', anyName, (node) =>
      reader.map(reader.expectMapping(node), anyName, (requirement) => reader.requirement(requirement)),
    ),
    unpinned: reader.unpinned(root),
  };
}

const anyName = /./s;
const suiteName = /^[A-Za-z0-9][A-Za-z0-9.+/:-]*$/;
const packageName = /^[a-z0-9][a-z0-9+.-]*$/;
const architectureName = /^[a-z0-9][a-z0-9-]*$/;
const debianVersion = /^[A-Za-z0-9.+:~-]+$/;
const poolPath = /^(?!\/)(?!(?:.*\/)?\.\.(?:\/|$))[\x21-\x7e]+$/;
const sha256Pattern = /^[0-9a-f]{64}$/;
const digestPattern = /^sha256:[0-9a-f]{64}$/;
const packageKeys = [
  'version',
  'path',
  'size',
  'sha256',
  'architecture',
  'essential',
  ...relationshipFields.map(([field]) => field),
];

class LockReader {
  private readonly file: string;

  constructor(file: string) {
    this.file = file;
  }

  checkVersion(root: LockMapping, newest: number): void {
    const node = root.entries.get('version')?.value;
    if (node === undefined) throw this.invalid(root, 'a lock file starts with `version: 1`');
    const version = Number(this.text(node, /^[1-9][0-9]{0,8}$/, 'a version number'));
    if (version > newest) {
      throw new TrimaranError({
        code: 'lock/newer-version',
        message: `${this.file} has version ${version}; this Trimaran reads versions up to ${newest}`,
        span: this.span(node),
        hint: 'use the Trimaran that wrote it, or a newer one; `trimaran --version` shows this one',
      });
    }
  }

  checkKeys(node: LockMapping, allowed: readonly string[], what: string): void {
    for (const { key: entryKey } of node.entries.values()) {
      if (allowed.includes(entryKey.value)) continue;
      throw new TrimaranError({
        code: 'lock/unknown-key',
        message: `\`${entryKey.value}\` means nothing in ${what}`,
        span: this.span(entryKey),
        hint: didYouMean(entryKey.value, allowed) ?? `it may have ${allowed.join(', ')}`,
      });
    }
  }

  /** The mapping at key `name` of `node`, an absent one being empty. */
  mapping<Value>(
    node: LockMapping,
    name: string,
    pattern: RegExp,
    read: (node: LockNode, key: string) => Value,
  ): Map<string, Value> {
    const entry = node.entries.get(name);
    return entry === undefined ? new Map() : this.map(this.expectMapping(entry.value, name), pattern, read);
  }

  map<Value>(
    node: LockMapping,
    pattern: RegExp,
    read: (node: LockNode, key: string) => Value,
  ): Map<string, Value> {
    const result = new Map<string, Value>();
    for (const [name, entry] of node.entries) {
      if (!pattern.test(name)) throw this.invalid(entry.key, `\`${name}\` is not a name that can stand here`);
      result.set(name, read(entry.value, name));
    }
    return result;
  }

  expectMapping(node: LockNode, name?: string): LockMapping {
    if (node.kind === 'mapping') return node;
    if (node.kind === 'scalar' && node.value === '') return { ...node, kind: 'mapping', entries: new Map() };
    throw this.invalid(
      node,
      `expected \`key: value\` lines${name === undefined ? '' : ` below \`${name}\``}`,
    );
  }

  text(node: LockNode, pattern: RegExp, what: string): string {
    if (node.kind === 'scalar' && pattern.test(node.value)) return node.value;
    throw this.invalid(node, `expected ${what}`);
  }

  /** A moment that there is: no month 13. */
  timestamp(node: LockNode): string {
    const text = this.text(node, /^[0-9]{8}T[0-9]{6}Z$/, 'a timestamp such as 20261101T000000Z');
    if (parseTimestamp(text) === undefined) throw this.invalid(node, `there is no moment \`${text}\``);
    return text;
  }

  suite(node: LockNode, name: string): LockedSuite {
    const suite = this.expectMapping(node, name);
    this.checkKeys(
      suite,
      ['timestamp', 'release-sha256', 'components', 'mirror', 'architectures'],
      `suite \`${name}\``,
    );
    const mirror = suite.entries.get('mirror');
    return {
      timestamp: this.timestamp(this.required(suite, 'timestamp')),
      releaseSha256: this.text(
        this.required(suite, 'release-sha256'),
        sha256Pattern,
        '64 hexadecimal digits',
      ),
      components: this.list(this.required(suite, 'components')).map((item) =>
        this.text(item, /^[A-Za-z][A-Za-z0-9./+-]*$/, 'a component such as main'),
      ),
      ...(mirror === undefined ? {} : { mirror: this.text(mirror.value, /^[a-z]+:\S+$/, 'a URL') }),
      architectures: this.mapping(suite, 'architectures', architectureName, (architecture, label) => {
        const used = this.expectMapping(architecture, label);
        this.checkKeys(used, ['packages', 'python'], `architecture \`${label}\``);
        return {
          packages: this.mapping(used, 'packages', packageName, (pkg, pkgName) =>
            this.package(pkg, pkgName, label),
          ),
          python: this.mapping(used, 'python', anyName, (pkg) =>
            this.text(pkg, packageName, 'a package name'),
          ),
        };
      }),
    };
  }

  private package(node: LockNode, name: string, architecture: string): LockedPackage {
    const pkg = this.expectMapping(node, name);
    this.checkKeys(pkg, packageKeys, `package \`${name}\``);
    const size = this.required(pkg, 'size');
    const result: { -readonly [Field in keyof LockedPackage]: LockedPackage[Field] } = {
      version: this.text(this.required(pkg, 'version'), debianVersion, 'a Debian version'),
      architecture: this.optional(pkg, 'architecture', architectureName, 'an architecture') ?? architecture,
      path: this.text(this.required(pkg, 'path'), poolPath, 'a path below the archive’s root, without `..`'),
      size: Number(this.text(size, /^(?:0|[1-9][0-9]{0,14})$/, 'a number of bytes')),
      sha256: this.text(this.required(pkg, 'sha256'), sha256Pattern, '64 hexadecimal digits'),
    };
    for (const [field, property] of relationshipFields) {
      const value = this.optional(pkg, field, /^[^\n]+$/, 'a value');
      if (value !== undefined) result[property] = value;
    }
    if (this.optional(pkg, 'essential', /^true$/, '`true`') !== undefined) result.essential = true;
    return result;
  }

  image(node: LockNode, name: string): LockedImage {
    const image = this.expectMapping(node, name);
    const digest = this.text(this.required(image, 'digest'), digestPattern, 'a digest such as sha256:…');
    const platforms = new Map<string, string>();
    for (const [platform, entry] of image.entries) {
      if (platform === 'digest') continue;
      if (!/^[a-z0-9]+\/[a-z0-9_]+(?:\/[a-z0-9.]+)?$/.test(platform)) {
        throw this.invalid(entry.key, `\`${platform}\` is not a platform such as linux/amd64`);
      }
      platforms.set(platform, this.text(entry.value, digestPattern, 'a digest such as sha256:…'));
    }
    return { digest, platforms };
  }

  requirement(node: LockNode): LockedRequirement {
    const requirement = this.expectMapping(node);
    this.checkKeys(requirement, ['version', 'hashes'], 'a pip requirement');
    return {
      version: this.text(this.required(requirement, 'version'), /^[A-Za-z0-9.+!_-]+$/, 'a version'),
      hashes: this.list(this.required(requirement, 'hashes')).map((item) =>
        this.text(item, digestPattern, 'a digest such as sha256:…'),
      ),
    };
  }

  unpinned(root: LockMapping): UnpinnedInput[] {
    const entry = root.entries.get('unpinned');
    if (entry === undefined) return [];
    return this.list(entry.value).map((item) => {
      const input = this.expectMapping(item);
      this.checkKeys(input, ['what', 'where', 'reason'], 'an unpinned input');
      const read = (name: string) => this.text(this.required(input, name), anyName, 'some text');
      return { what: read('what'), where: read('where'), reason: read('reason') };
    });
  }

  private list(node: LockNode): readonly LockNode[] {
    if (node.kind === 'list') return node.items;
    throw this.invalid(node, 'expected a list');
  }

  private required(node: LockMapping, name: string): LockNode {
    const entry = node.entries.get(name);
    if (entry === undefined) throw this.invalid(node, `\`${name}\` is missing here`);
    return entry.value;
  }

  private optional(node: LockMapping, name: string, pattern: RegExp, what: string): string | undefined {
    const entry: LockEntry | undefined = node.entries.get(name);
    return entry === undefined ? undefined : this.text(entry.value, pattern, what);
  }

  private span(node: LockNode): Span {
    return { file: this.file, line: node.line, column: node.column };
  }

  private invalid(node: LockNode, message: string): TrimaranError {
    return new TrimaranError({
      code: 'lock/invalid',
      message,
      span: this.span(node),
      hint: 'restore the file from version control, or delete it and run `trimaran lock`',
    });
  }
}
