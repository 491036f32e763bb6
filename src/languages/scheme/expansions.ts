// Expansions kept between runs, by content: what a top-level form became, filed under the text of its file and of
// everything whose macros it may have used.
import { sha256Hex } from '../../foundation/digest.ts';
import type { SchemeHost } from './host.ts';
import { constant, type IR } from './ir.ts';
import { irFromText, irToText, isFunctionText, NotKept, type TextContext } from './ir-text.ts';
import { type Module, moduleLabel } from './module.ts';
import type { Value } from './values.ts';

/** Changes whenever the expander or the shape of what is kept does. */
const format = 2;

/** What carrying out a form comes to. */
export type Step =
  | { readonly kind: 'run'; readonly ir: IR }
  | { readonly kind: 'define'; readonly name: string; readonly ir: IR }
  /** A form of the module system, by its name in (guile), and its operands as data. */
  | { readonly kind: 'form'; readonly name: string; readonly operands: Value }
  /** A macro, whose transformer the form gives again when somebody uses it. */
  | { readonly kind: 'syntax'; readonly name: string };

/** A step that was kept: functions may be left as text until somebody calls them. */
export type KeptStep = Step | { readonly kind: 'function'; readonly name: string; readonly read: () => IR };

/** What is known of a form: where it ends in its text, and its steps as JSON; null when they cannot be kept. */
type Entry = readonly [end: number, steps: string | null];

interface Segment {
  readonly key: string;
  readonly entries: Map<number, Entry>;
  changed: boolean;
}

/** What the store of expansions needs to know of modules. */
export interface ModuleFinder {
  readonly find: (label: string) => Module | undefined;
  readonly resolve: (label: string) => Module | undefined;
  readonly isLoading: (label: string) => boolean;
}

/** All expansions that one interpreter reads and makes. */
export class Expansions {
  private readonly host: SchemeHost;
  private readonly modules: ModuleFinder;
  private readonly segments = new Map<string, Segment>();
  private readonly fingerprints = new Map<Module, string>();
  /** Digests of modules' texts. */
  private readonly texts = new Map<string, string>();

  constructor(host: SchemeHost, modules: ModuleFinder) {
    this.host = host;
    this.modules = modules;
  }

  get enabled(): boolean {
    return this.host.readExpansion !== undefined;
  }

  /** Notes the text of a module that is about to be loaded. */
  sawText(label: string, text: string): void {
    if (this.enabled) this.texts.set(label, sha256Hex(Buffer.from(text, 'utf8')));
  }

  /** The expansions of a file whose forms are evaluated in `module`. Ask again once the module uses others. */
  open(options: { readonly text: string; readonly file: string; readonly module: Module }): FileExpansions {
    const { text, file, module } = options;
    const key = sha256Hex(
      Buffer.from(
        JSON.stringify([
          format,
          file,
          moduleLabel(module.name),
          sha256Hex(Buffer.from(text, 'utf8')),
          this.usesOf(module),
        ]),
        'utf8',
      ),
    );
    let segment = this.segments.get(key);
    if (segment === undefined) {
      segment = { key, entries: this.read(key), changed: false };
      this.segments.set(key, segment);
    }
    return new FileExpansions(segment, {
      file,
      labelOf: (of) => {
        const label = moduleLabel(of.name);
        const known = this.modules.find(label);
        if (known === of) return [label, false];
        return known !== undefined && known.publicInterface === of ? [label, true] : undefined;
      },
      moduleOf: (label, isInterface) => {
        const known = this.modules.resolve(label);
        if (known === undefined) throw new NotKept();
        return isInterface ? known.publicInterface! : known;
      },
    });
  }

  private read(key: string): Map<number, Entry> {
    const data = this.host.readExpansion?.(key);
    if (data === undefined) return new Map();
    try {
      return new Map(JSON.parse(Buffer.from(data).toString('utf8')) as [number, Entry][]);
    } catch {
      return new Map();
    }
  }

  private usesOf(module: Module): readonly string[] {
    return module.uses.map((use) => this.fingerprint(moduleLabel(use.name)));
  }

  /** Digest of a module's text and of all it uses; of the text alone while it is being loaded. */
  private fingerprint(label: string): string {
    const module = this.modules.find(label);
    const own = `${label} ${this.texts.get(label) ?? ''}`;
    if (module === undefined) return own;
    const known = this.fingerprints.get(module);
    if (known !== undefined) return known;
    if (this.modules.isLoading(label)) return own;
    this.fingerprints.set(module, own);
    const whole = sha256Hex(Buffer.from([own, ...this.usesOf(module)].join('\n'), 'utf8'));
    this.fingerprints.set(module, whole);
    return whole;
  }

  /** Hands what is new to the host. */
  keep(): void {
    for (const segment of this.segments.values()) {
      if (!segment.changed) continue;
      segment.changed = false;
      this.host.keepExpansion?.(segment.key, Buffer.from(JSON.stringify([...segment.entries]), 'utf8'));
    }
  }
}

/** The expansions of one file. */
export class FileExpansions {
  private readonly segment: Segment;
  private readonly context: TextContext;
  constructor(segment: Segment, context: TextContext) {
    this.segment = segment;
    this.context = context;
  }

  /**
   * The steps of the form at an index of the text, and where it ends; undefined when they are not kept. `late` leaves
   * functions as text, whose reading may throw.
   */
  find(
    start: number,
    { late }: { readonly late: boolean },
  ): { readonly end: number; readonly steps: readonly KeptStep[] } | undefined {
    const entry = this.segment.entries.get(start);
    if (entry === undefined || entry[1] === null) return undefined;
    try {
      const steps = (JSON.parse(entry[1]) as [Step['kind'], string, never][]).map(
        ([kind, name, text]): KeptStep => {
          if (kind === 'syntax') return { kind, name };
          if (late && kind === 'define' && isFunctionText(text))
            return { kind: 'function', name, read: () => irFromText(text, this.context) };
          const ir = irFromText(text, this.context);
          if (kind === 'form') return { kind, name, operands: (ir as IR & { kind: 'constant' }).value };
          return kind === 'run' ? { kind, ir } : { kind, name, ir };
        },
      );
      return { end: entry[0], steps };
    } catch {
      return undefined;
    }
  }

  /** Keeps the steps of a form, as far as that is possible. */
  add(form: {
    readonly start: number;
    readonly end: number;
    readonly steps: readonly Step[] | undefined;
  }): void {
    const { entries } = this.segment;
    if (entries.has(form.start)) return;
    entries.set(form.start, [form.end, this.write(form.steps)]);
    this.segment.changed = true;
  }

  private write(steps: readonly Step[] | undefined): string | null {
    if (steps === undefined) return null;
    try {
      return JSON.stringify(
        steps.map((step) => [
          step.kind,
          step.kind === 'run' ? '' : step.name,
          step.kind === 'syntax'
            ? null
            : irToText(step.kind === 'form' ? constant(step.operands) : step.ir, this.context),
        ]),
      );
    } catch (error) {
      if (error instanceof NotKept || error instanceof RangeError) return null;
      throw error;
    }
  }
}
