// Prints a syntax tree the way `nix-instantiate --parse` and failed assertions do.
import type { ByteString } from '../../foundation/byte-string.ts';
import { AttrKind, type AttrName, type AttrsNode, Kind, type LambdaNode, type Node } from './ast.ts';
import { printSymbol, quoteString } from './print-names.ts';

export interface ShowOptions {
  /** What a path literal is printed as; the literal itself without it. */
  readonly path?: (literal: ByteString) => ByteString;
}

const binarySymbols = new Map<number, string>([
  [Kind.equal, '=='],
  [Kind.notEqual, '!='],
  [Kind.and, '&&'],
  [Kind.or, '||'],
  [Kind.implies, '->'],
  [Kind.update, '//'],
  [Kind.concatLists, '++'],
]);

/** A float as C++ streams print it: six significant digits. */
export function formatFloat(value: number): string {
  if (Number.isNaN(value)) return value < 0 ? '-nan' : 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  const exponent = Math.floor(Math.log10(Math.abs(Number(value.toPrecision(6)))));
  if (exponent < -4 || exponent >= 6) {
    const [mantissa, power] = value.toExponential(5).split('e') as [string, string];
    const sign = power.startsWith('-') ? '-' : '+';
    return `${trimZeros(mantissa)}e${sign}${power.replace(/^[+-]/, '').padStart(2, '0')}`;
  }
  return trimZeros(value.toFixed(Math.max(0, 5 - exponent)));
}

function trimZeros(text: string): string {
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}

function showPath(path: readonly AttrName[], options: ShowOptions): ByteString {
  return path
    .map((part) => ('name' in part ? printSymbol(part.name) : `"\${${showNode(part.expr, options)}}"`))
    .join('.');
}

function showBindings(node: AttrsNode, options: ShowOptions): ByteString {
  const sorted = [...node.attrs].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  let out = '';
  const inherited = sorted.filter(([, definition]) => definition.kind === AttrKind.inherited);
  if (inherited.length > 0) out += `inherit ${inherited.map(([name]) => printSymbol(name)).join(' ')}; `;
  for (const [index, source] of node.from.entries()) {
    const names = sorted.filter(([, { kind, value }]) => {
      if (kind !== AttrKind.inheritedFrom || value.kind !== Kind.select) return false;
      return value.of.kind === Kind.inheritFrom && value.of.index === index;
    });
    if (names.length === 0) continue;
    out += `inherit (${showNode(source, options)}) ${names.map(([name]) => printSymbol(name)).join(' ')}; `;
  }
  for (const [name, definition] of sorted) {
    if (definition.kind === AttrKind.plain) {
      out += `${printSymbol(name)} = ${showNode(definition.value, options)}; `;
    }
  }
  for (const { name, value } of node.dynamic) {
    out += `"\${${showNode(name, options)}}" = ${showNode(value, options)}; `;
  }
  return out;
}

function showLambda(node: LambdaNode, options: ShowOptions): ByteString {
  let out = '(';
  if (node.formals !== undefined) {
    const formals = [...node.formals].sort((a, b) => (a.name < b.name ? -1 : 1));
    const parts = formals.map(({ name, fallback }) =>
      fallback === undefined ? printSymbol(name) : `${printSymbol(name)} ? ${showNode(fallback, options)}`,
    );
    if (node.ellipsis) parts.push('...');
    out += `{ ${parts.join(', ')} }`;
    if (node.argument !== undefined) out += ' @ ';
  }
  if (node.argument !== undefined) out += printSymbol(node.argument);
  return `${out}: ${showNode(node.body, options)})`;
}

/** The expression, fully parenthesised. */
export function showNode(node: Node, options: ShowOptions = {}): ByteString {
  const show = (child: Node) => showNode(child, options);
  switch (node.kind) {
    case Kind.integer:
      return String(node.value);
    case Kind.float:
      return formatFloat(Number(node.text));
    case Kind.string:
      return quoteString(node.text);
    case Kind.path:
      return options.path?.(node.literal) ?? node.literal;
    case Kind.variable:
      return printSymbol(node.name);
    case Kind.inheritFrom:
      return '';
    case Kind.select: {
      const fallback = node.fallback === undefined ? '' : ` or (${show(node.fallback)})`;
      return `(${show(node.of)}).${showPath(node.path, options)}${fallback}`;
    }
    case Kind.hasAttr:
      return `((${show(node.of)}) ? ${showPath(node.path, options)})`;
    case Kind.attrs:
      return `${node.recursive ? 'rec ' : ''}{ ${showBindings(node, options)}}`;
    case Kind.list:
      return `[ ${node.items.map((item) => `(${show(item)}) `).join('')}]`;
    case Kind.lambda:
      return showLambda(node, options);
    case Kind.call:
      return `(${[node.fn, ...node.args].map(show).join(' ')})`;
    case Kind.let:
      return `(let ${showBindings(node.attrs, options)}in ${show(node.body)})`;
    case Kind.with:
      return `(with ${show(node.attrs)}; ${show(node.body)})`;
    case Kind.if:
      return `(if ${show(node.condition)} then ${show(node.then)} else ${show(node.otherwise)})`;
    case Kind.assert:
      return `assert ${show(node.condition)}; ${show(node.body)}`;
    case Kind.not:
      return `(! ${show(node.operand)})`;
    case Kind.concatStrings:
      return `(${node.parts.map((part) => show(part.value)).join(' + ')})`;
    case Kind.currentPosition:
      return '__curPos';
    default:
      return `(${show(node.left)} ${binarySymbols.get(node.kind)} ${show(node.right)})`;
  }
}
