// Reads what an image needs off the syntax of flake.nix: a call of dockerTools with plain values, as people write it.
// What only evaluation could tell becomes a remark.
import { resolve } from 'node:path';
import type { Placed } from '../../compose/service.ts';
import { fromByteString, toByteString } from '../../foundation/byte-string.ts';
import type { Span } from '../../foundation/error.ts';
import { type AttrsNode, Kind, type Node } from '../../languages/nix/ast.ts';
import { NixError } from '../../languages/nix/errors.ts';
import { parse } from '../../languages/nix/parser.ts';
import { sourceOfUrl, textFile } from './flake-files.ts';
import {
  asList,
  asSet,
  attrOf,
  follow,
  lastName,
  nameBefore,
  overridden,
  type Scope,
} from './flake-syntax.ts';
import {
  type ImageNeeds,
  type Requirement,
  type Source,
  sameSource,
  sourceName,
  type WorkingDirectory,
} from './image-needs.ts';

export interface FlakeSource {
  readonly text: string;
  readonly file: string;
  /** The flake's folder, absolute. */
  readonly directory: string;
  /** Whether the image of that name is wanted. */
  readonly isWanted: (imageName: string, attribute: string) => boolean;
  /** The service names this flake as its recipe: its only image is meant, whatever it is called. */
  readonly isNamed?: boolean;
}

/** Reads a flake; undefined when it does not parse, or has no such image as text. */
export function readFlake(flake: FlakeSource): ImageNeeds | undefined {
  const bytes = toByteString(flake.text);
  let tree: Node;
  try {
    tree = parse(bytes, { base: 1, pipeOperators: true, showPosition: () => '' });
  } catch (error) {
    if (error instanceof NixError) return undefined;
    throw error;
  }
  return new FlakeReader(flake, bytes, tree).read();
}

/** Arguments of dockerTools that the model holds, or that leave no trace in what other recipes say. */
const withoutEffect =
  /^(?:name|tag|config|copyToRoot|contents|created|mtime|architecture|maxLayers|compressor|diskSize|buildVMMemorySize|keepContentsDirlinks|includeStorePaths|includeNixDB|uid|gid|meta|passthru)$/;
const imageFunctions = /^(?:buildImage|buildLayeredImage|streamLayeredImage)$/;

/** A source, and a path below it; empty for all of it. */
interface FoundSource {
  readonly source: Source;
  readonly inside: string;
}

/** What helpers of dockerTools take their files from. */
const imageHelpers: Readonly<Record<string, string>> = {
  binSh: 'bash',
  caCertificates: 'cacert',
  usrBinEnv: 'coreutils',
};

interface Found {
  /** Name of the attribute that it is the value of. */
  readonly attribute: string;
  readonly image: AttrsNode;
  readonly scope: Scope;
}

class FlakeReader {
  private readonly flake: FlakeSource;
  private readonly bytes: string;
  private readonly tree: Node;
  private readonly sources: Placed<Source>[] = [];
  private readonly requirements: Placed<Requirement>[] = [];
  private readonly remarks: Placed<string>[] = [];
  private readonly inputs = new Map<string, Source>();

  constructor(flake: FlakeSource, bytes: string, tree: Node) {
    this.flake = flake;
    this.bytes = bytes;
    this.tree = tree;
  }

  read(): ImageNeeds | undefined {
    if (this.tree.kind === Kind.attrs) this.readInputs(this.tree);
    const images: Found[] = [];
    this.findImages(this.tree, new Map(), images);
    const wanted = images.find(({ image, scope, attribute }) => {
      const name = this.text(attrOf(image, 'name'), scope);
      return name !== undefined && this.flake.isWanted(name, attribute);
    });
    const found = wanted ?? (this.flake.isNamed && images.length === 1 ? images[0] : undefined);
    if (found === undefined) return undefined;
    const { image, scope } = found;
    const config = attrOf(image, 'config');
    const attrs = this.set(config, scope);
    if (config !== undefined && attrs === undefined)
      this.remark('the configuration is no plain set', image, 'config');
    for (const key of ['copyToRoot', 'contents']) {
      const contents = attrOf(image, key);
      if (contents !== undefined) this.readContents(contents, scope, this.spanOf(image, key));
    }
    for (const key of image.attrs.keys())
      if (!withoutEffect.test(key)) this.remark(`${fromByteString(key)} is not carried over`, image, key);
    const tag = this.text(attrOf(image, 'tag'), scope);
    const isPlain = tag === 'latest' || lastName(attrOf(image, 'tag') ?? image) === 'null';
    if (image.attrs.has('tag') && !isPlain) this.remark(`the tag ${tag ?? ''}`.trim(), image, 'tag');
    const known =
      /^(?:Cmd|Entrypoint|WorkingDir|Env|User|ExposedPorts|Volumes|Labels|Healthcheck|StopSignal)$/;
    for (const key of attrs?.attrs.keys() ?? [])
      if (!known.test(key)) this.remark(`${fromByteString(key)} is not carried over`, attrs!, key);
    const workingDirectory = this.workingDirectory(attrs, scope);
    return {
      kind: 'nix',
      file: this.flake.file,
      imageName: this.text(attrOf(image, 'name'), scope),
      base: undefined,
      sources: this.sources,
      requirements: this.requirements,
      environment: this.placedList(attrs, 'Env', scope).map(({ value, span }) => ({
        value: [value.split('=', 1)[0]!, value.slice(value.indexOf('=') + 1)] as const,
        span,
      })),
      workingDirectory,
      entrypoint: this.words(attrs, 'Entrypoint', scope),
      command: this.words(attrs, 'Cmd', scope),
      user: this.placedText(attrs, 'User', scope),
      ports: this.keys(attrs, 'ExposedPorts', scope),
      volumes: this.keys(attrs, 'Volumes', scope),
      labels: this.pairs(attrs, 'Labels', scope),
      healthcheck: this.healthcheck(attrs, scope),
      stopSignal: this.placedText(attrs, 'StopSignal', scope),
      remarks: this.remarks.filter(
        ({ value, span }, at, all) =>
          all.findIndex((one) => one.value === value && one.span.line === span.line) === at,
      ),
    };
  }

  private readInputs(root: AttrsNode): void {
    const inputs = attrOf(root, 'inputs');
    if (inputs?.kind !== Kind.attrs) return;
    for (const [name, { value, position }] of inputs.attrs) {
      if (value.kind !== Kind.attrs) continue;
      const flag = attrOf(value, 'flake');
      const url = this.text(attrOf(value, 'url'), new Map());
      if (flag?.kind !== Kind.variable || flag.name !== 'false' || url === undefined) continue;
      const source = sourceOfUrl(url, this.flake.directory);
      if (source === undefined) {
        this.remarks.push({ value: `the input ${url} is not carried over`, span: this.at(position) });
        continue;
      }
      this.inputs.set(fromByteString(name), source);
      this.sources.push({ value: source, span: this.at(position) });
    }
  }

  /** Every call of dockerTools, with the names that `let` binds around it. */
  private findImages(node: Node, scope: Scope, found: Found[], attribute = ''): void {
    switch (node.kind) {
      case Kind.call: {
        const [argument] = node.args;
        if (argument?.kind === Kind.attrs && imageFunctions.test(lastName(node.fn)))
          found.push({ image: argument, scope, attribute });
        for (const one of node.args) this.findImages(one, scope, found);
        break;
      }
      case Kind.let: {
        const inner = new Map(scope);
        for (const [name, { value }] of node.attrs.attrs) inner.set(name, value);
        for (const { value } of node.attrs.attrs.values()) this.findImages(value, inner, found);
        this.findImages(node.body, inner, found);
        break;
      }
      case Kind.attrs: {
        const inner = node.recursive
          ? new Map([...scope, ...[...node.attrs].map(([name, { value }]) => [name, value] as const)])
          : scope;
        for (const [name, { value }] of node.attrs)
          this.findImages(value, inner, found, fromByteString(name));
        for (const { value } of node.dynamic) this.findImages(value, inner, found);
        break;
      }
      case Kind.lambda:
        this.findImages(node.body, scope, found);
        break;
      case Kind.with:
        this.findImages(node.body, scope, found);
        break;
      case Kind.update:
        this.findImages(node.left, scope, found);
        this.findImages(node.right, scope, found);
        break;
    }
  }

  private text(node: Node | undefined, scope: Scope): string | undefined {
    const value = follow(node, scope);
    if (value?.kind === Kind.string) return fromByteString(value.text);
    if (value?.kind === Kind.integer) return String(value.value);
    if (value?.kind === Kind.path) return resolve(this.flake.directory, fromByteString(value.literal));
    if (value?.kind === Kind.call && value.args.length === 1 && lastName(value.fn) === 'toString')
      return this.text(value.args[0], scope);
    if (value?.kind !== Kind.concatStrings) return undefined;
    const parts = value.parts.map((part) => this.text(part.value, scope));
    return parts.includes(undefined) ? undefined : parts.join('');
  }

  /** What a node is as a source: a path, an input, or either inside a string with something behind it. */
  private source(node: Node | undefined, scope: Scope): FoundSource | undefined {
    const value = follow(node, scope);
    if (value?.kind === Kind.variable) {
      const name = fromByteString(value.name);
      const input = this.inputs.get(name);
      if (input === undefined && name === 'self')
        return { source: { kind: 'local', path: this.flake.directory }, inside: '' };
      return input === undefined ? undefined : { source: input, inside: '' };
    }
    if (value?.kind === Kind.call) return this.filteredSource(value, scope);
    if (value?.kind === Kind.path) {
      const path = resolve(this.flake.directory, fromByteString(value.literal));
      return { source: { kind: 'local', path }, inside: '' };
    }
    if (value?.kind !== Kind.concatStrings || value.parts.length > 2) return undefined;
    const first = this.source(value.parts[0]?.value, scope);
    const rest = value.parts[1] === undefined ? '' : this.text(value.parts[1].value, scope);
    return first === undefined || rest === undefined
      ? undefined
      : { source: first.source, inside: rest.replace(/^\//, '') };
  }

  /** What functions that leave files out, or give a folder another name, are applied to. */
  private filteredSource(call: Node & { kind: typeof Kind.call }, scope: Scope): FoundSource | undefined {
    const name = lastName(call.fn);
    const [argument] = call.args;
    if (name === 'cleanSource' || name === 'sourceByRegex' || name === 'sourceFilesBySuffices')
      return this.source(argument, scope);
    const key = { cleanSourceWith: 'src', path: 'path', toSource: 'root' }[name];
    const set = key === undefined ? undefined : this.set(argument, scope);
    return set === undefined ? undefined : this.source(attrOf(set, key!), scope);
  }

  private workingDirectory(
    config: AttrsNode | undefined,
    scope: Scope,
  ): Placed<WorkingDirectory> | undefined {
    const node = config === undefined ? undefined : attrOf(config, 'WorkingDir');
    if (config === undefined || node === undefined) return undefined;
    const span = this.spanOf(config, 'WorkingDir');
    const found = this.source(node, scope);
    if (found !== undefined) {
      if (!this.sources.some(({ value }) => sameSource(value, found.source)))
        this.sources.push({ value: found.source, span });
      return { value: { kind: 'source', ...found }, span };
    }
    const path = this.text(node, scope);
    if (path !== undefined) return { value: { kind: 'path', path }, span };
    this.remark('the working directory is not written plainly', config, 'WorkingDir');
    return undefined;
  }

  /** Packages below `paths`, `withPackages` and lists. */
  private readContents(node: Node, scope: Scope, span: Span): void {
    const value = follow(node, scope);
    if (value === undefined) return;
    const items = asList(value, scope);
    if (items !== undefined) {
      for (const item of items) this.readContents(item, scope, this.spanAt(item) ?? span);
      return;
    }
    switch (value.kind) {
      case Kind.call: {
        const name = lastName(value.fn);
        const [argument] = value.args;
        const changed = overridden(value);
        if (name === 'buildEnv' || name === 'symlinkJoin') {
          const paths = argument?.kind === Kind.attrs ? attrOf(argument, 'paths') : undefined;
          if (paths !== undefined && argument?.kind === Kind.attrs)
            this.readContents(paths, scope, this.spanOf(argument, 'paths'));
        } else if (name.startsWith('withPackages') && argument?.kind === Kind.lambda) {
          const of = nameBefore(value.fn);
          const python = of.startsWith('python');
          const place = this.spanAt(value) ?? span;
          this.requirements.push({ value: { from: 'nixpkgs', name: of, version: '' }, span: place });
          this.readChosen(argument.body, python ? 'python' : 'nixpkgs', python ? '' : `${of} `, place);
        } else if (changed !== undefined) {
          this.readContents(changed, scope, span);
          this.remarkChanges(value, span);
        } else if (name === 'writeShellApplication') {
          const made = textFile(value, (node) => this.text(node, scope), '/');
          const inputs = argument?.kind === Kind.attrs ? attrOf(argument, 'runtimeInputs') : undefined;
          if (inputs !== undefined) this.readContents(inputs, scope, span);
          if (made !== undefined) this.place(made, made.target, span);
          else this.remarks.push({ value: `${this.excerpt(value)} is not carried over`, span });
        } else if (name === 'linkFarm') this.readFarm(value.args[1], scope, this.spanAt(value) ?? span);
        else {
          const made = textFile(value, (node) => this.text(node, scope), '/');
          const found = made === undefined ? this.source(value, scope) : undefined;
          if (made !== undefined) this.place(made, made.target, span);
          else if (found !== undefined) this.addSource(found, '/', span);
          else this.remarks.push({ value: `${this.excerpt(value)} is not carried over`, span });
        }
        break;
      }
      case Kind.select: {
        const name = lastName(value);
        const set = nameBefore(value);
        const python = /^python\d*Packages$/.test(set);
        if (set === 'dockerTools' && name === 'fakeNss') {
          this.remarks.push({ value: 'the users root and nobody of fakeNss', span });
          break;
        }
        const provided = set === 'dockerTools' ? imageHelpers[name] : undefined;
        if (provided !== undefined) {
          this.requirements.push({ value: { from: 'nixpkgs', name: provided, version: '' }, span });
          break;
        }
        this.requirements.push({
          value: { from: python ? 'python' : 'nixpkgs', name, version: '' },
          span: this.spanAt(value) ?? span,
        });
        break;
      }
      case Kind.with:
        this.readContents(value.body, scope, span);
        break;
      case Kind.variable:
        this.requirements.push({
          value: { from: 'nixpkgs', name: fromByteString(value.name), version: '' },
          span: this.spanAt(value) ?? span,
        });
        break;
      default: {
        const found = this.source(value, scope);
        if (found !== undefined) this.addSource(found, '/', span);
        else this.remarks.push({ value: `${this.excerpt(value)} is not carried over`, span });
      }
    }
  }

  /** Links by their names: `[ { name = "app/main.py"; path = ./main.py; } ]`, or a set of them. */
  private readFarm(node: Node | undefined, scope: Scope, span: Span): void {
    const entries = asList(node, scope)?.map((item): readonly [string | undefined, Node | undefined] => {
      const set = this.set(item, scope);
      return set === undefined
        ? [undefined, undefined]
        : [this.text(attrOf(set, 'name'), scope), attrOf(set, 'path')];
    });
    const set = entries === undefined ? this.set(node, scope) : undefined;
    const named =
      entries ?? [...(set?.attrs ?? [])].map(([name, { value }]) => [fromByteString(name), value] as const);
    if (entries === undefined && set === undefined)
      this.remarks.push({ value: 'a linkFarm that is no plain list', span });
    for (const [name, path] of named) {
      const place = path === undefined ? span : (this.spanAt(path) ?? span);
      const target = `/${name}`;
      const made =
        path === undefined
          ? undefined
          : textFile(follow(path, scope), (one) => this.text(one, scope), target);
      const found = made === undefined ? this.source(path, scope) : undefined;
      if (name === undefined || (made === undefined && found === undefined))
        this.remarks.push({
          value: `${name ?? 'an entry'} of a linkFarm is not written plainly`,
          span: place,
        });
      else if (made !== undefined) this.place(made, target, place);
      else this.addSource(found!, target, place);
    }
  }

  /** Files of a source at their place; of a repository only all of them. */
  private addSource({ source, inside }: FoundSource, target: string, span: Span): void {
    if (inside === '') this.place(source, target, span);
    else if (source.kind === 'local')
      this.place({ ...source, path: resolve(source.path, inside) }, target, span);
    else this.remarks.push({ value: `${inside} of ${sourceName(source)} at ${target}`, span });
  }

  private place(source: Source, target: string, span: Span): void {
    const known = this.sources.findIndex(
      ({ value }) => sameSource(value, source) && (value.target === undefined || value.target === target),
    );
    if (known >= 0) this.sources.splice(known, 1);
    if (source.kind === 'text' && source.text.startsWith('#!/bin/bash\n'))
      this.requirements.push({ value: { from: 'nixpkgs', name: 'bash', version: '' }, span });
    this.sources.push({ value: { ...source, target }, span });
  }

  private remarkChanges(node: Node, span: Span): void {
    this.remarks.push({ value: `what ${this.excerpt(node)} changes`, span: this.spanAt(node) ?? span });
  }

  /** The list that the function of `withPackages` gives. */
  private readChosen(body: Node, from: 'python' | 'nixpkgs', prefix: string, span: Span): void {
    const items = asList(body, new Map());
    if (items === undefined) {
      this.remarks.push({ value: `${this.excerpt(body)} is no plain list`, span });
      return;
    }
    for (const written of items) {
      const changed = overridden(written);
      if (changed !== undefined) this.remarkChanges(written, span);
      const item = changed ?? written;
      const name = item.kind === Kind.variable ? fromByteString(item.name) : lastName(item);
      if (name === '') this.remarks.push({ value: `${this.excerpt(item)} is not carried over`, span });
      else {
        const value: Requirement = { from, name: `${prefix}${name}`, version: '' };
        this.requirements.push({ value, span: this.spanAt(item) ?? span });
      }
    }
  }

  private words(
    config: AttrsNode | undefined,
    key: string,
    scope: Scope,
  ): Placed<readonly string[]> | undefined {
    if (config === undefined || !config.attrs.has(key)) return undefined;
    const value = this.placedList(config, key, scope).map((item) => item.value);
    const wrote = asList(attrOf(config, key), scope);
    // None of its words could be read: an empty list would say something else.
    if (value.length === 0 && wrote?.length !== 0) return undefined;
    return { value, span: this.spanOf(config, key) };
  }

  private placedList(config: AttrsNode | undefined, key: string, scope: Scope): Placed<string>[] {
    if (config === undefined || !config.attrs.has(key)) return [];
    const items = asList(attrOf(config, key), scope);
    if (items === undefined) {
      this.remark(`${key} is no plain list`, config, key);
      return [];
    }
    return items.flatMap((item) => {
      const span = this.spanAt(item) ?? this.spanOf(config, key);
      const value =
        this.sourceWord(item, scope, span) ??
        this.programWord(item, scope, span) ??
        this.text(item, scope) ??
        this.mixedWord(item, scope, span);
      if (value !== undefined) return [{ value, span }];
      this.remarks.push({ value: `${this.excerpt(item)} in ${key} is not written plainly`, span });
      return [];
    });
  }

  /** A word that names a file of a source: the source gets a place in the image, and the word starts with that. */
  private sourceWord(item: Node, scope: Scope, span: Span): string | undefined {
    const written = follow(item, scope);
    const only =
      written?.kind === Kind.concatStrings && written.parts.length === 1 ? written.parts[0]!.value : item;
    const made = textFile(follow(only, scope), (node) => this.text(node, scope), undefined);
    if (made !== undefined) {
      this.place(made, made.target, span);
      return made.target;
    }
    const found = written?.kind === Kind.string ? undefined : this.source(item, scope);
    if (found === undefined) return undefined;
    const target = `/opt/${sourceName(found.source)}`;
    const known = this.sources.findIndex(({ value }) => sameSource(value, found.source));
    if (known < 0) this.sources.push({ value: { ...found.source, target }, span });
    else if (this.sources[known]!.value.target === undefined)
      this.sources[known] = { ...this.sources[known]!, value: { ...found.source, target } };
    const place = known < 0 ? target : this.sources[known]!.value.target!;
    return found.inside === '' ? place : `${place}/${found.inside}`;
  }

  /** A program of a package by its place in there: the package is needed, and the program is found by its name. */
  private programWord(item: Node, scope: Scope, span: Span): string | undefined {
    const value = follow(item, scope);
    if (value?.kind === Kind.call && /^getExe'?$/.test(lastName(value.fn))) {
      const [of, named] = value.args;
      const made = textFile(follow(of, scope), (node) => this.text(node, scope), undefined);
      const program = named === undefined ? undefined : this.text(named, scope);
      const main = made?.target.replace(/^.*\//, '') ?? (of?.kind === Kind.select ? lastName(of) : undefined);
      if (of === undefined || (program ?? main) === undefined) return undefined;
      this.readContents(of, scope, span);
      return program ?? main;
    }
    if (value?.kind !== Kind.concatStrings || value.parts.length !== 2) return undefined;
    const [, name] = /^\/s?bin\/([^/]+)$/.exec(this.text(value.parts[1]!.value, scope) ?? '') ?? [];
    const first = value.parts[0]!.value;
    const of = follow(first, scope);
    if (name === undefined || (of?.kind !== Kind.select && of?.kind !== Kind.call)) return undefined;
    this.readContents(first, scope, span);
    return name;
  }

  /** Text with the places of sources in it: `PYTHONPATH=${src}/lib`. */
  private mixedWord(item: Node, scope: Scope, span: Span): string | undefined {
    const value = follow(item, scope);
    if (value?.kind !== Kind.concatStrings) return undefined;
    const parts = value.parts.map(
      ({ value: part }) => this.text(part, scope) ?? this.sourceWord(part, scope, span),
    );
    return parts.includes(undefined) ? undefined : parts.join('');
  }

  private set(node: Node | undefined, scope: Scope): AttrsNode | undefined {
    return asSet(node, scope, (name) => this.text(name, scope));
  }

  private placedText(config: AttrsNode | undefined, key: string, scope: Scope): Placed<string> | undefined {
    const value = config === undefined ? undefined : this.text(attrOf(config, key), scope);
    return value === undefined ? undefined : { value, span: this.spanOf(config!, key) };
  }

  private pairs(
    config: AttrsNode | undefined,
    key: string,
    scope: Scope,
  ): Placed<readonly [string, string]>[] {
    if (config === undefined || !config.attrs.has(key)) return [];
    const set = this.set(attrOf(config, key), scope);
    if (set === undefined) {
      this.remark(`${key} is no plain set`, config, key);
      return [];
    }
    return [...set.attrs].flatMap(([name, { value, position }]) => {
      const text = this.text(value, scope);
      if (text !== undefined)
        return [{ value: [fromByteString(name), text] as const, span: this.at(position) }];
      this.remark(`${key}.${fromByteString(name)} is not written plainly`, set, name);
      return [];
    });
  }

  private healthcheck(config: AttrsNode | undefined, scope: Scope): ImageNeeds['healthcheck'] {
    if (config === undefined || !config.attrs.has('Healthcheck')) return undefined;
    const set = this.set(attrOf(config, 'Healthcheck'), scope);
    if (set === undefined) {
      this.remark('Healthcheck is no plain set', config, 'Healthcheck');
      return undefined;
    }
    const number = (key: string) => Number(this.text(attrOf(set, key), scope) ?? 0) || 0;
    return {
      value: {
        test: this.placedList(set, 'Test', scope).map(({ value }) => value),
        interval: number('Interval'),
        timeout: number('Timeout'),
        startPeriod: number('StartPeriod'),
        startInterval: number('StartInterval'),
        retries: number('Retries'),
      },
      span: this.spanOf(config, 'Healthcheck'),
    };
  }

  private keys(config: AttrsNode | undefined, key: string, scope: Scope): Placed<string>[] {
    if (config === undefined || !config.attrs.has(key)) return [];
    const set = this.set(attrOf(config, key), scope);
    if (set === undefined) {
      this.remark(`${key} is no plain set`, config, key);
      return [];
    }
    return [...set.attrs].map(([name, { position }]) => ({
      value: fromByteString(name),
      span: this.at(position),
    }));
  }

  private remark(value: string, node: AttrsNode, key: string): void {
    this.remarks.push({ value, span: this.spanOf(node, key) });
  }

  private spanOf(node: AttrsNode, key: string): Span {
    return this.at(node.attrs.get(toByteString(key))?.position ?? node.position);
  }

  private spanAt(node: Node): Span | undefined {
    return node.position === 0 ? undefined : this.at(node.position);
  }

  private at(position: number): Span {
    const before = this.bytes.slice(0, Math.max(0, position - 1));
    const lineStart = before.lastIndexOf('\n') + 1;
    return {
      file: this.flake.file,
      line: before.split('\n').length,
      column: fromByteString(before.slice(lineStart)).length + 1,
    };
  }

  private excerpt(node: Node): string {
    if (node.position === 0) return 'a value';
    const text = fromByteString(this.bytes.slice(node.position - 1, node.position + 60));
    return `\`${text.split('\n')[0]!.trim()}\``;
  }
}
