// Attribute paths of the command line (`-A a.b.0`), and calling what turns out to be a function on the way.

import type { ByteString } from '../../foundation/byte-string.ts';
import { NixError, nearestAttributes } from './errors.ts';
import { type Interpreter, showType } from './interpreter.ts';
import { slotOf } from './lazy-attrs.ts';
import type { Position } from './positions.ts';
import type { SymbolId } from './symbols.ts';
import { Attrs, attrsFromEntries, findAttr, getAttr, Lambda, type Slot, type Value } from './values.ts';

/** `a."b.c".d` taken apart. */
function parseAttrPath(text: ByteString): ByteString[] {
  const parts: ByteString[] = [];
  let current = '';
  for (let i = 0; i < text.length; i++) {
    const char = text[i]!;
    if (char === '.') {
      parts.push(current);
      current = '';
    } else if (char === '"') {
      const end = text.indexOf('"', i + 1);
      if (end < 0) throw new NixError('parse', `missing closing quote in selection path '${text}'`);
      current += text.slice(i + 1, end);
      i = end;
    } else current += char;
  }
  if (current !== '') parts.push(current);
  return parts;
}

/** The result of calling a function with the arguments it asks for, if those and its defaults suffice. */
export function autoCall(it: Interpreter, slot: Slot, args: Attrs): Value {
  const value = it.force(slot, it.positionOf(slot));
  if (value instanceof Attrs) {
    const functor = getAttr(value, it.symbols.functor);
    if (functor === undefined) return value;
    return autoCall(it, it.call1(it.force(functor, 0), value, it.positionOf(slot)), args);
  }
  if (!(value instanceof Lambda) || value.code.formals === undefined) return value;
  const { formals, ellipsis } = value.code;
  const passed: [SymbolId, Slot, Position][] = [];
  if (ellipsis) {
    for (const [index, name] of args.names.entries()) passed.push([name, args.values[index]!, 0]);
  } else {
    for (const formal of formals) {
      const index = findAttr(args.names, formal.name);
      if (index >= 0) passed.push([formal.name, args.values[index]!, 0]);
      else if (!formal.hasDefault) {
        throw it.error(
          'missing-argument',
          `cannot evaluate a function that has an argument without a value ('${it.symbols.names[formal.name]}')\nNix attempted to evaluate a function as a top level expression; in\nthis case it must have its arguments supplied either by default\nvalues, or passed explicitly with '--arg' or '--argstr'. See\nhttps://nix.dev/manual/nix/stable/language/syntax.html#functions.`,
          formal.position,
        );
      }
    }
  }
  return it.call1(value, attrsFromEntries(passed), it.positionOf(slot));
}

/** The value at an attribute path; its attribute is not evaluated. */
export function selectAttrPath(
  it: Interpreter,
  start: Slot,
  { path, args }: { path: ByteString; args: Attrs },
): Slot {
  let slot = start;
  for (const part of parseAttrPath(path)) {
    const value = autoCall(it, slot, args);
    if (/^[0-9]+$/.test(part) && Number(part) <= 4294967295) {
      if (!Array.isArray(value)) {
        throw it.error(
          'type',
          `the expression selected by the selection path '${path}' should be a list but is ${showType(value)}`,
        );
      }
      const element = value[Number(part)];
      if (element === undefined) {
        throw it.error('other', `list index ${part} in selection path '${path}' is out of range`);
      }
      slot = element;
      continue;
    }
    if (!(value instanceof Attrs)) {
      throw it.error(
        'type',
        `the expression selected by the selection path '${path}' should be a set but is ${showType(value)}`,
      );
    }
    if (part === '') throw it.error('other', `empty attribute name in selection path '${path}'`);
    const found = slotOf(value, it.symbols.intern(part));
    if (found === undefined) {
      throw new NixError('other', `attribute '${part}' in selection path '${path}' not found`, {
        suggestions: nearestAttributes(
          part,
          value.names.map((name) => it.symbols.names[name]!),
        ),
      });
    }
    slot = found;
  }
  return slot;
}
