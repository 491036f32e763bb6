// Variables in compose files: $x ${x} ${x:-d} ${x-d} ${x:?e} ${x?e} ${x:+r} ${x+r}, nested defaults, `$$` for `$`.
// The grammar of Compose 2, which has all that docker-compose 1.29 knows.
import type { Span } from '../foundation/error.ts';
import { TrimaranError } from '../foundation/error.ts';
import type { ConfigEntry, ConfigNode } from './config-node.ts';

/** Answers a variable, or undefined when it is not set. */
export type VariableLookup = (name: string) => string | undefined;

const deepest = 32;

/**
 * Puts variables into a text. Unset ones become empty and are told to `onUnset`. A `$` that starts none of the
 * forms stands for itself, as in Compose 2.
 *
 * Throws `compose/variable` for a brace that is never closed, a form that is none, and `${x?…}` that is unset.
 */
export function interpolate(
  text: string,
  options: {
    readonly lookUp: VariableLookup;
    readonly span: Span;
    readonly onUnset?: (name: string) => void;
  },
): string {
  return substitute(text, options, 0);
}

function substitute(text: string, options: Parameters<typeof interpolate>[1], depth: number): string {
  if (depth > deepest) throw variableError('variables nested too deeply', options.span);
  let result = '';
  for (let at = 0; at < text.length; ) {
    const dollar = text.indexOf('$', at);
    if (dollar < 0) return result + text.slice(at);
    result += text.slice(at, dollar);
    const next = text[dollar + 1];
    if (next === '$') {
      result += '$';
      at = dollar + 2;
    } else if (next === '{') {
      const close = closingBrace(text, dollar + 2);
      if (close < 0) throw variableError('`${` is never closed', options.span);
      result += braced(text.slice(dollar + 2, close), options, depth);
      at = close + 1;
    } else {
      const name = /^[A-Za-z_][A-Za-z0-9_]*/.exec(text.slice(dollar + 1))?.[0];
      if (name === undefined) result += '$';
      else result += lookUpOrEmpty(name, options);
      at = dollar + 1 + (name?.length ?? 0);
    }
  }
  return result;
}

function braced(body: string, options: Parameters<typeof interpolate>[1], depth: number): string {
  const match = /^([A-Za-z_][A-Za-z0-9_]*)(?:(:?)([-+?])(.*))?$/s.exec(body);
  if (match === null) throw variableError(`\`\${${body}}\` is no variable`, options.span);
  const [, name, colon, operator, word] = match;
  if (operator === undefined) return lookUpOrEmpty(name!, options);
  const value = options.lookUp(name!);
  const isSet = value !== undefined && !(colon === ':' && value === '');
  if (operator === '+') return isSet ? substitute(word!, options, depth + 1) : '';
  if (isSet) return value;
  if (operator === '-') return substitute(word!, options, depth + 1);
  const reason = word === '' ? 'is required' : substitute(word!, options, depth + 1);
  throw variableError(`${name}: ${reason}`, options.span, `set it: \`${name}=… trimaran …\`, or in \`.env\``);
}

function lookUpOrEmpty(name: string, options: Parameters<typeof interpolate>[1]): string {
  const value = options.lookUp(name);
  if (value === undefined) options.onUnset?.(name);
  return value ?? '';
}

function closingBrace(text: string, from: number): number {
  let depth = 1;
  for (let at = from; at < text.length; at++) {
    if (text[at] === '$' && text[at + 1] === '{') {
      depth++;
      at++;
    } else if (text[at] === '}' && --depth === 0) return at;
  }
  return -1;
}

function variableError(message: string, span: Span, hint = 'write `$$` for a dollar sign'): TrimaranError {
  return new TrimaranError({ code: 'compose/variable', message, span, hint });
}

/** A variable that a file uses and that nothing sets. */
export interface UnsetVariable {
  readonly name: string;
  readonly span: Span;
}

/** A tree with variables put into its values; keys stay as they are. */
export function interpolateConfig(
  node: ConfigNode,
  lookUp: VariableLookup,
  unset: UnsetVariable[],
): ConfigNode {
  switch (node.kind) {
    case 'scalar': {
      if (typeof node.value !== 'string' || !node.value.includes('$')) return node;
      const { span } = node;
      return {
        ...node,
        value: interpolate(node.value, { lookUp, span, onUnset: (name) => unset.push({ name, span }) }),
      };
    }
    case 'list':
      return { ...node, items: node.items.map((item) => interpolateConfig(item, lookUp, unset)) };
    case 'map': {
      const entries = new Map<string, ConfigEntry>();
      for (const [name, entry] of node.entries) {
        entries.set(name, { ...entry, value: interpolateConfig(entry.value, lookUp, unset) });
      }
      return { ...node, entries };
    }
  }
}
