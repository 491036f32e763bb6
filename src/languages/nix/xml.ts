// Values as Nix's XML.
import type { ByteString } from '../../foundation/byte-string.ts';
import type { ContextBuilder } from './context.ts';
import type { Interpreter } from './interpreter.ts';
import type { Position } from './positions.ts';
import { formatFloat } from './show-node.ts';
import {
  Attrs,
  getAttr,
  isString,
  Lambda,
  lexicographicOrder,
  NixFloat,
  NixPath,
  NixString,
  type Slot,
  Thunk,
  textOf,
  type Value,
} from './values.ts';

export interface XmlOptions {
  /** Evaluate everything, or show what is not evaluated as such. */
  readonly strict: boolean;
  /** Give the positions of attributes and functions. */
  readonly location: boolean;
}

type XmlAttributes = readonly (readonly [string, ByteString])[];

function escapeXml(text: ByteString): ByteString {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('"', '&quot;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('\n', '&#xA;');
}

/** The XML document of a value. */
export function valueToXml(
  it: Interpreter,
  root: Slot,
  context: ContextBuilder,
  options: XmlOptions,
): ByteString {
  const { names } = it.symbols;
  let out = "<?xml version='1.0' encoding='utf-8'?>\n";
  let level = 0;
  const derivations = new Set<ByteString>();

  const tag = (name: string, attributes: XmlAttributes, end: string) => {
    const sorted = [...attributes].sort(([a], [b]) => (a < b ? -1 : 1));
    const shown = sorted.map(([key, value]) => ` ${key}="${escapeXml(value)}"`).join('');
    out += `${'  '.repeat(level)}<${name}${shown}${end}\n`;
  };
  const empty = (name: string, attributes: XmlAttributes = []) => tag(name, attributes, ' />');
  const element = (name: string, attributes: XmlAttributes, content: () => void) => {
    tag(name, attributes, '>');
    level++;
    content();
    level--;
    out += `${'  '.repeat(level)}</${name}>\n`;
  };
  const place = (position: Position): XmlAttributes => {
    const resolved = options.location ? it.positions.resolve(position) : undefined;
    if (resolved === undefined) return [];
    const { origin, line, column } = resolved;
    return [
      ...(origin.path === undefined ? [] : ([['path', origin.path]] as const)),
      ['line', String(line)],
      ['column', String(column)],
    ];
  };
  const writeAttrs = (attrs: Attrs) => {
    for (const index of lexicographicOrder(attrs, names)) {
      const position = attrs.positionAt(index);
      element('attr', [['name', names[attrs.names[index]!]!], ...place(position)], () =>
        write(attrs.values[index]!, position),
      );
    }
  };
  const writeDerivation = (attrs: Attrs) => {
    const text = (name: number) => {
      const slot = getAttr(attrs, name);
      if (slot === undefined) return undefined;
      const value = options.strict
        ? it.force(slot, 0)
        : slot instanceof Thunk
          ? slot.code === null
            ? slot.value
            : undefined
          : slot;
      return value !== undefined && isString(value) ? textOf(value) : undefined;
    };
    const drvPath = text(it.symbols.drvPath);
    const outPath = text(it.symbols.outPath);
    const attributes: [string, ByteString][] = [];
    if (drvPath !== undefined) attributes.push(['drvPath', drvPath]);
    if (outPath !== undefined) attributes.push(['outPath', outPath]);
    element('derivation', attributes, () => {
      if (drvPath === undefined || drvPath === '' || derivations.has(drvPath)) {
        empty('repeated');
        return;
      }
      derivations.add(drvPath);
      writeAttrs(attrs);
    });
  };
  const writeFunction = (fn: Lambda) => {
    const { argument, formals, ellipsis, position } = fn.code;
    element('function', place(position), () => {
      if (formals === undefined) {
        empty('varpat', [['name', names[argument]!]]);
        return;
      }
      const attributes: [string, ByteString][] = [];
      if (argument >= 0) attributes.push(['name', names[argument]!]);
      if (ellipsis) attributes.push(['ellipsis', '1']);
      element('attrspat', attributes, () => {
        for (const name of formals.map((formal) => names[formal.name]!).sort()) {
          empty('attr', [['name', name]]);
        }
      });
    });
  };
  const write = (slot: Slot, position: Position): void => {
    it.enter(position);
    writeForced(slot, position);
    it.depth--;
  };
  /** Values that have nothing in them, as an element and its value. */
  const scalar = (value: Value): readonly [string, ByteString] | undefined => {
    if (typeof value === 'boolean') return ['bool', String(value)];
    if (typeof value === 'number' || typeof value === 'bigint') return ['int', String(value)];
    if (value instanceof NixFloat) return ['float', formatFloat(value.value)];
    if (value instanceof NixPath) return ['path', value.path];
    if (value === null || !isString(value)) return undefined;
    if (value instanceof NixString) context.addAll(value.context);
    return ['string', textOf(value)];
  };
  const writeForced = (slot: Slot, position: Position): void => {
    if (!options.strict && slot instanceof Thunk && slot.code !== null) {
      empty('unevaluated');
      return;
    }
    const value = it.force(slot, position);
    const simple = scalar(value);
    if (simple !== undefined) empty(simple[0], [['value', simple[1]]]);
    else if (value === null) empty('null');
    else if (value instanceof Attrs) {
      if (it.isDerivation(value)) writeDerivation(value);
      else element('attrs', [], () => writeAttrs(value));
    } else if (Array.isArray(value)) {
      element('list', [], () => {
        for (const item of value) write(item, position);
      });
    } else if (value instanceof Lambda) writeFunction(value);
    else empty('unevaluated');
  };
  element('expr', [], () => write(root, 0));
  return out;
}
