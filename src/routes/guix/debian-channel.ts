// The Debian channel: package specifications in Guix's naming to Debian packages, and those to derivations.

import { parseDependencies } from '../../debian/dependency.ts';
import { dependencyEdges } from '../../debian/dependency-edges.ts';
import type { PackageRecord } from '../../debian/package-index.ts';
import type { StorePath } from '../../formats/store-path.ts';
import { toByteString } from '../../foundation/byte-string.ts';
import { isTrimaranError, TrimaranError } from '../../foundation/error.ts';
import { didYouMean } from '../../foundation/nearest.ts';
import type { ReleaseFacts } from '../../sets/debian/release-facts.ts';
import type { DerivationInput, DerivationMaker, MadeDerivation } from './derivation-maker.ts';
import type { EnvironmentMemo } from './environment-memo.ts';

/** What a specification stands for. */
export interface ChannelPackage {
  /** Guix's name: `python-uvicorn`. */
  readonly name: string;
  /** Debian's, whole: `0.17.6-1`. */
  readonly version: string;
  /** Debian packages that it is made of; the first has the version and the description. */
  readonly packages: readonly string[];
  readonly record: PackageRecord;
  /** `out` unless the specification says otherwise. */
  readonly output: string;
}

/** Names that differ by more than a rule. */
const aliases: Readonly<Record<string, string>> = {
  python: 'python3',
  'python-wrapper': 'python-is-python3',
  'python-minimal': 'python3-minimal',
  node: 'nodejs',
  guile: 'guile-3.0',
  bash: 'bash',
  'bash-minimal': 'bash',
  'coreutils-minimal': 'coreutils',
  'nss-certs': 'ca-certificates',
  'gcc-toolchain': 'build-essential',
  'gnu-make': 'make',
  'glibc-locales': 'locales-all',
  shadow: 'passwd',
  sqlite: 'sqlite3',
  'openssh-sans-x': 'openssh-client',
  glibc: 'libc6',
  xz: 'xz-utils',
  zlib: 'zlib1g',
  libxml2: 'libxml2',
  openjdk: 'default-jdk-headless',
  icedtea: 'default-jdk-headless',
  gnupg: 'gnupg',
  pkg: 'pkgconf',
  'pkg-config': 'pkgconf',
};

/** Families of names: Guix's prefix, and where Debian keeps them. */
const families: readonly { readonly prefix: string; readonly debian: (rest: string) => readonly string[] }[] =
  [
    { prefix: 'python-', debian: (rest) => [`python3-${rest}`] },
    { prefix: 'perl-', debian: (rest) => [`lib${rest}-perl`] },
    { prefix: 'font-', debian: (rest) => [`fonts-${rest}`] },
    { prefix: 'emacs-', debian: (rest) => [`elpa-${rest}`] },
    { prefix: 'r-', debian: (rest) => [`r-cran-${rest}`, `r-bioc-${rest}`] },
    { prefix: 'ghc-', debian: (rest) => [`libghc-${rest}-dev`] },
  ];

/** One release, seen as a channel. */
export class DebianChannel {
  readonly #facts: ReleaseFacts;
  readonly #maker: DerivationMaker;
  readonly #memo: EnvironmentMemo;
  readonly #debs = new Map<string, MadeDerivation>();
  readonly #byteCode = new Map<string, MadeDerivation>();
  readonly #environments = new Map<string, MadeDerivation>();
  #names: ReadonlySet<string> | undefined;
  readonly #known = new Map<string, ChannelPackage>();

  constructor(options: {
    readonly facts: ReleaseFacts;
    readonly maker: DerivationMaker;
    readonly memo: EnvironmentMemo;
  }) {
    this.#facts = options.facts;
    this.#maker = options.maker;
    this.#memo = options.memo;
  }

  get facts(): ReleaseFacts {
    return this.#facts;
  }

  /**
   * The package of a specification, `NAME[@VERSION][:OUTPUT]`. Throws `guix/unknown-package` and
   * `guix/unknown-version` in Guix's words.
   */
  package(specification: string): ChannelPackage {
    const [, name = '', version, output = 'out'] =
      /^([^@:]*)(?:@([^:]*))?(?::(.*))?$/.exec(specification) ?? [];
    const found = this.#known.get(name) ?? this.#find(name);
    this.#known.set(name, found);
    if (output !== 'out') {
      throw new TrimaranError({
        code: 'guix/no-such-output',
        message: `package \`${name}@${found.version}' lacks output \`${output}'`,
        hint: 'packages of the Debian channel have one output; look for a package of their own with `trimaran guix search`',
      });
    }
    if (version !== undefined && !isVersionPrefix(version, found.version)) {
      throw new TrimaranError({
        code: 'guix/unknown-version',
        message: `${name}: package not found for version ${version}`,
        hint: `debian:${this.#facts.identity.suite} of ${this.#facts.identity.timestamp} has ${name}@${found.version}`,
      });
    }
    return found;
  }

  /** Whether there is a package of this name. */
  has(name: string): boolean {
    if (this.#known.has(name)) return true;
    // A look at the lists first: saying that a name is unknown is slow.
    this.#names ??= new Set(this.#facts.names());
    const isPossible =
      this.#names.has(name) || name in aliases || families.some(({ prefix }) => name.startsWith(prefix));
    return isPossible && this.#lookUp(name) !== undefined;
  }

  /** Direct dependencies of a Debian package, by name, first alternatives. */
  dependencies(record: PackageRecord): readonly string[] {
    const { architecture } = this.#facts.identity;
    const names = [record.preDepends, record.depends].flatMap((field) =>
      parseDependencies(field, architecture).flatMap((dependency) => dependency[0]?.name ?? []),
    );
    return [...new Set(names)].sort();
  }

  /** An environment of Debian packages and all they need, rooted at /. */
  environment(name: string, names: readonly string[]): MadeDerivation {
    const wanted = [...new Set(names)];
    const key = JSON.stringify([name, wanted]);
    const known = this.#environments.get(key);
    if (known !== undefined) return known;
    const records = this.#facts.resolve(wanted);
    const compiler = records.some((record) => record.name === 'python3-minimal')
      ? this.#facts.resolve(['python3-minimal'])
      : undefined;
    const parts = [name, this.#facts.identity, records, compiler];
    const kept = this.#memo.get(parts);
    let made: MadeDerivation;
    if (kept !== undefined) made = this.#maker.recall(kept);
    else {
      made = this.#makeEnvironment(name, records, compiler);
      this.#memo.put(parts, this.#maker.keep(made));
    }
    this.#environments.set(key, made);
    return made;
  }

  /** The environment of these packages; with a `compiler`, the interpreter's packages, it has byte code for modules. */
  #makeEnvironment(
    name: string,
    records: readonly PackageRecord[],
    compiler: readonly PackageRecord[] | undefined,
  ): MadeDerivation {
    const edges = dependencyEdges(records, this.#facts.identity.architecture);
    const inputs: DerivationInput[] = [];
    const packages = records.map((record) => {
      const deb = this.#deb(record);
      const tree = output(deb, 'out');
      const control = output(deb, 'control');
      inputs.push(tree, control);
      const entry = {
        name: record.name,
        version: record.version,
        architecture: record.architecture,
        depends: edges.get(record.name)!,
        tree: tree.path,
        control: control.path,
      };
      if (compiler === undefined || !hasModules(record)) return entry;
      const byteCode = output(this.#byteCodeOf(record, compiler), 'out');
      inputs.push(byteCode);
      return { ...entry, byteCode: byteCode.path };
    });
    const { suite, timestamp } = this.#facts.identity;
    return this.#maker.make({
      name: storeName(name),
      builder: 'builtin:environment',
      attributes: {
        suite,
        timestamp,
        packages,
        paths: [],
        pathsToLink: ['/'],
        ignoreCollisions: false,
      },
      inputs,
    });
  }

  #find(name: string): ChannelPackage {
    const found = this.#lookUp(name);
    if (found !== undefined) return found;
    throw new TrimaranError({
      code: 'guix/unknown-package',
      message: `${name}: unknown package`,
      hint:
        didYouMean(name, this.#namesLike(name)) ?? `look for its name with \`trimaran guix search ${name}\``,
    });
  }

  /** Names for a hint. Those of Python distributions are in a large file, which a mistyped name is no reason to fetch. */
  #namesLike(name: string): readonly string[] {
    const others = [...Object.keys(aliases), ...this.#facts.names()];
    if (!name.startsWith('python')) return others;
    try {
      return [...this.#facts.pythonNames().map((distribution) => `python-${distribution}`), ...others];
    } catch (error) {
      if (isTrimaranError(error)) return others;
      throw error;
    }
  }

  #lookUp(name: string): ChannelPackage | undefined {
    if (name === '') return undefined;
    const of = (packages: readonly string[] | undefined) => {
      const record = packages === undefined ? undefined : this.#record(packages[0]!);
      return record === undefined
        ? undefined
        : { name, version: record.version, packages: packages!, record, output: 'out' };
    };
    const alias = aliases[name];
    if (alias !== undefined) return of([alias]);
    const python = /^python3?-(.+)$/.exec(name)?.[1];
    if (python !== undefined) {
      const found = of(this.#distribution(python));
      if (found !== undefined) return found;
    }
    const own = of([name]);
    if (own !== undefined) return own;
    for (const { prefix, debian } of families) {
      if (!name.startsWith(prefix)) continue;
      for (const candidate of debian(name.slice(prefix.length))) {
        const found = of([candidate]);
        if (found !== undefined) return found;
      }
    }
    return undefined;
  }

  /** The package of a Python distribution, and the one with its command where Debian keeps that apart. */
  #distribution(name: string): readonly string[] | undefined {
    const module = unlessUnknown(() => this.#facts.pythonPackage(name));
    if (module === undefined) return undefined;
    const command = this.#facts.commandPackage(name, module);
    return command === undefined ? [module] : [module, command];
  }

  #record(name: string): PackageRecord | undefined {
    return unlessUnknown(() => this.#facts.record(name));
  }

  #deb(record: PackageRecord): MadeDerivation {
    let made = this.#debs.get(record.name);
    if (made === undefined) {
      const { suite, timestamp } = this.#facts.identity;
      made = this.#maker.make({
        name: storeName(`${record.name}-${record.version}`),
        builder: 'builtin:deb',
        outputs: ['out', 'control'],
        env: {
          package: record.name,
          version: record.version,
          architecture: record.architecture,
          path: toByteString(record.filename),
          size: String(record.size),
          sha256: record.sha256,
          suite,
          timestamp,
        },
      });
      this.#debs.set(record.name, made);
    }
    return made;
  }

  #byteCodeOf(record: PackageRecord, compiler: readonly PackageRecord[]): MadeDerivation {
    let made = this.#byteCode.get(record.name);
    if (made === undefined) {
      const interpreter = compiler.map((needed) => output(this.#deb(needed), 'out'));
      const source = output(this.#deb(record), 'out');
      made = this.#maker.make({
        name: storeName(`${record.name}-${record.version}-byte-code`),
        builder: 'builtin:python-byte-code',
        env: { source: source.path, interpreter: interpreter.map(({ path }) => path).join(' ') },
        inputs: [source, ...interpreter],
      });
      this.#byteCode.set(record.name, made);
    }
    return made;
  }
}

function output(made: MadeDerivation, name: string): DerivationInput & { readonly path: StorePath } {
  return { path: made.outputs.get(name)!, drvPath: made.drvPath, output: name };
}

function hasModules({ name }: PackageRecord): boolean {
  return name.startsWith('python3') || name.startsWith('libpython3');
}

/** Versions may have characters that store paths may not. */
export function storeName(name: string): string {
  return name.replace(/[^A-Za-z0-9+._?=-]/g, '_');
}

/** `0.17` is a prefix of `0.17.6-1`, `0.1` is not; an epoch does not count. */
function isVersionPrefix(prefix: string, version: string): boolean {
  const bare = version.replace(/^\d+:/, '');
  return [version, bare].some(
    (whole) => whole === prefix || (whole.startsWith(prefix) && /^[.+~-]/.test(whole.slice(prefix.length))),
  );
}

function unlessUnknown<Result>(work: () => Result): Result | undefined {
  try {
    return work();
  } catch (error) {
    if (isTrimaranError(error, 'debian/unknown-package')) return undefined;
    throw error;
  }
}
