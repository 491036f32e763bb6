// The core language as JSON, so that an expansion can be kept between runs. What has no text of its own (transformers,
// syntax objects, functions of TypeScript) cannot be kept; the form that holds it is expanded anew each time.
import type { Clause, IR } from './ir.ts';
import { LocalVariable } from './ir.ts';
import type { Module } from './module.ts';
import { Place } from './syntax.ts';
import {
  arrayToList,
  Char,
  char,
  EOF,
  Flonum,
  intern,
  Keyword,
  keyword,
  MString,
  NIL,
  Pair,
  Ratnum,
  SPromise,
  Sym,
  UNSPECIFIED,
  type Value,
} from './values.ts';

/** JSON. */
type Text = string | number | boolean | null | readonly Text[];
/** JSON whose shape is known from the writer. */
// biome-ignore lint/suspicious/noExplicitAny: spelling the shape out again would say nothing new.
type Written = any;

/** Thrown where something cannot be kept. */
export class NotKept extends Error {}

/** Makes the promise of a thunk: the one function of TypeScript that expressions hold. */
export const promiseOf = (thunk: Value): Value => new SPromise({ done: false, value: thunk });

/** What the texts of one file have in common. */
export interface TextContext {
  readonly file: string;
  /** The name by which a module is found again; undefined when it cannot be. */
  readonly labelOf: (module: Module) => readonly [string, boolean] | undefined;
  readonly moduleOf: (label: string, isInterface: boolean) => Module;
}

/** Writes one expression. Throws {@link NotKept}. */
export function irToText(ir: IR, context: TextContext): Text {
  return new Writer(context).ir(ir);
}

/** Reads what {@link irToText} wrote. */
export function irFromText(text: Text, context: TextContext): IR {
  return new TextReader(context).ir(text as readonly Text[]);
}

/** Whether an expression that {@link irToText} wrote is a function, whose evaluation does nothing else. */
export function isFunctionText(text: Text): boolean {
  return Array.isArray(text) && text[0] === 'f';
}

class Writer {
  private readonly variables = new Map<LocalVariable, number>();
  private readonly context: TextContext;
  constructor(context: TextContext) {
    this.context = context;
  }

  private place(place: Place | undefined): Text {
    if (place === undefined) return null;
    return place.file === this.context.file
      ? [place.line, place.column]
      : [place.line, place.column, place.file];
  }

  private module(module: Module): Text {
    const label = this.context.labelOf(module);
    if (label === undefined) throw new NotKept();
    return label;
  }

  private bind(variable: LocalVariable | undefined): Text {
    if (variable === undefined) return null;
    this.variables.set(variable, this.variables.size);
    return [variable.name, variable.assigned];
  }

  private reference(variable: LocalVariable): number {
    const index = this.variables.get(variable);
    if (index === undefined) throw new NotKept();
    return index;
  }

  private clause(clause: Clause): Text {
    return [
      clause.required.map((variable) => this.bind(variable)),
      clause.optional.map((variable) => this.bind(variable)),
      this.bind(clause.rest),
      clause.keywords === undefined
        ? null
        : clause.keywords.map(({ key, variable }) => [key.symbol.name, this.bind(variable)]),
      clause.allowOtherKeys,
      clause.defaults.map((init) => this.ir(init)),
      this.ir(clause.body),
    ];
  }

  ir(ir: IR): Text {
    switch (ir.kind) {
      case 'constant':
        return ['k', this.datum(ir.value)];
      case 'local':
        return ['l', this.reference(ir.variable)];
      case 'set-local':
        return ['sl', this.reference(ir.variable), this.ir(ir.value)];
      case 'global':
        return ['g', symbol(ir.name), this.module(ir.module), ir.isPublic, this.place(ir.place)];
      case 'set-global':
        return ['sg', symbol(ir.name), this.module(ir.module), this.ir(ir.value)];
      case 'define':
        return ['d', symbol(ir.name), this.module(ir.module), this.ir(ir.value)];
      case 'if':
        return ['i', this.ir(ir.test), this.ir(ir.yes), this.ir(ir.no)];
      case 'sequence':
        return ['s', ir.items.map((item) => this.ir(item))];
      case 'lambda': {
        const clauses = ir.clauses.map((clause) => this.clause(clause));
        return ['f', clauses, ir.name ?? null, this.place(ir.place), ir.documentation ?? null];
      }
      case 'call':
        return ['c', this.ir(ir.procedure), ir.args.map((arg) => this.ir(arg)), this.place(ir.place)];
      case 'let': {
        const inits = ir.inits.map((init) => this.ir(init));
        return ['t', inits, ir.variables.map((variable) => this.bind(variable)), this.ir(ir.body)];
      }
      case 'letrec': {
        const variables = ir.variables.map((variable) => this.bind(variable));
        return ['r', variables, ir.inits.map((init) => this.ir(init)), this.ir(ir.body)];
      }
      case 'native':
        if (ir.fn !== promiseOf) throw new NotKept();
        return ['p', ir.args.map((arg) => this.ir(arg))];
    }
  }

  private datum(value: Value): Text {
    if (typeof value === 'boolean') return value;
    if (typeof value === 'number') return value;
    if (value instanceof MString) return ['"', value.text, value.literal];
    if (value instanceof Sym) return ["'", symbol(value)];
    if (value === NIL) return ['()'];
    if (value === UNSPECIFIED) return ['u'];
    if (value === undefined) return ['undefined'];
    if (value === EOF) return ['e'];
    if (value instanceof Char) return ['c', value.code];
    if (value instanceof Keyword) return [':', symbol(value.symbol)];
    if (typeof value === 'bigint') return ['n', String(value)];
    if (value instanceof Flonum) return ['.', String(Object.is(value.value, -0) ? '-0' : value.value)];
    if (value instanceof Ratnum) return ['/', String(value.num), String(value.den)];
    if (value instanceof Uint8Array) return ['b', Buffer.from(value).toString('base64')];
    if (Array.isArray(value)) return ['#', value.map((item) => this.datum(item))];
    if (value instanceof Pair) {
      const items: Text[] = [];
      let rest: Value = value;
      while (rest instanceof Pair) {
        items.push(this.datum(rest.car));
        rest = rest.cdr;
      }
      return ['(', items, this.datum(rest)];
    }
    throw new NotKept();
  }
}

function symbol(value: Sym): string {
  if (!value.interned) throw new NotKept();
  return value.name;
}

class TextReader {
  private readonly variables: LocalVariable[] = [];
  private readonly context: TextContext;
  constructor(context: TextContext) {
    this.context = context;
  }
  private place(text: Written): Place | undefined {
    return text === null ? undefined : new Place(text[2] ?? this.context.file, text[0], text[1]);
  }
  private module(text: Written): Module {
    return this.context.moduleOf(text[0], text[1]);
  }
  private bind(text: Written): LocalVariable {
    const variable = new LocalVariable(text[0]);
    variable.assigned = text[1];
    this.variables.push(variable);
    return variable;
  }
  private clause(text: Written): Clause {
    const [required, optional, rest, keywords, allowOtherKeys, defaults, body] = text;
    return {
      required: required.map((variable: Written) => this.bind(variable)),
      optional: optional.map((variable: Written) => this.bind(variable)),
      rest: rest === null ? undefined : this.bind(rest),
      keywords:
        keywords === null
          ? undefined
          : keywords.map(([key, variable]: Written) => ({
              key: keyword(key),
              variable: this.bind(variable),
            })),
      allowOtherKeys,
      defaults: defaults.map((init: Written) => this.ir(init)),
      body: this.ir(body),
    };
  }
  ir(text: Written): IR {
    switch (text[0]) {
      case 'k':
        return { kind: 'constant', value: this.datum(text[1]) };
      case 'l':
        return { kind: 'local', variable: this.variables[text[1]]! };
      case 'sl':
        return { kind: 'set-local', variable: this.variables[text[1]]!, value: this.ir(text[2]) };
      case 'g': {
        const [, name, module, isPublic, place] = text;
        return {
          kind: 'global',
          name: intern(name),
          module: this.module(module),
          isPublic,
          place: this.place(place),
        };
      }
      case 'sg':
      case 'd': {
        const [kind, name, module, value] = text;
        return {
          kind: kind === 'd' ? 'define' : 'set-global',
          name: intern(name),
          module: this.module(module),
          value: this.ir(value),
        };
      }
      case 'i':
        return { kind: 'if', test: this.ir(text[1]), yes: this.ir(text[2]), no: this.ir(text[3]) };
      case 's':
        return { kind: 'sequence', items: this.irs(text[1]) };
      case 'f': {
        const [, clauses, name, place, documentation] = text;
        return {
          kind: 'lambda',
          clauses: clauses.map((clause: Written) => this.clause(clause)),
          name: name ?? undefined,
          place: this.place(place),
          documentation: documentation ?? undefined,
        };
      }
      case 'c':
        return {
          kind: 'call',
          procedure: this.ir(text[1]),
          args: this.irs(text[2]),
          place: this.place(text[3]),
        };
      case 't': {
        const inits = this.irs(text[1]);
        const variables = text[2].map((variable: Written) => this.bind(variable));
        return { kind: 'let', variables, inits, body: this.ir(text[3]) };
      }
      case 'r': {
        const variables = text[1].map((variable: Written) =>
          variable === null ? undefined : this.bind(variable),
        );
        return { kind: 'letrec', variables, inits: this.irs(text[2]), body: this.ir(text[3]) };
      }
      default:
        return { kind: 'native', fn: promiseOf, args: this.irs(text[1]) };
    }
  }

  private irs(texts: readonly Text[]): IR[] {
    return texts.map((text) => this.ir(text));
  }
  private datum(text: Written): Value {
    if (!Array.isArray(text)) return text;
    switch (text[0]) {
      case '"':
        return new MString(text[1], text[2]);
      case "'":
        return intern(text[1]);
      case '()':
        return NIL;
      case 'u':
        return UNSPECIFIED;
      case 'undefined':
        return undefined;
      case 'e':
        return EOF;
      case 'c':
        return char(text[1]);
      case ':':
        return keyword(text[1]);
      case 'n':
        return BigInt(text[1]);
      case '.':
        return new Flonum(Number(text[1]));
      case '/':
        return new Ratnum(BigInt(text[1]), BigInt(text[2]));
      case 'b':
        return new Uint8Array(Buffer.from(text[1], 'base64'));
      case '#':
        return text[1].map((item: Written) => this.datum(item));
      default:
        return arrayToList(
          text[1].map((item: Written) => this.datum(item)),
          this.datum(text[2]),
        );
    }
  }
}
