// A schema of GSettings as a table of gschemas.compiled, in the form that GLib's gio/gsettingsschema.c reads.
import { glibHashOrder } from './glib-hash-order.ts';
import type { GvdbItem, GvdbTable } from './gvdb.ts';
import type { Variant } from './variant.ts';

/** A key of a schema, or what takes its place in one that extends it. */
export interface SettingsKey {
  readonly type: string;
  readonly role: 'plain' | 'enum' | 'flags';
  /** What strings it may have; undefined for all. */
  readonly allowed?: ReadonlySet<string> | undefined;
  readonly words: readonly number[];
  readonly range?: readonly [Variant, Variant] | undefined;
  readonly translation?: { readonly category: string; readonly text: string } | undefined;
  value: Variant;
  readonly desktops: Map<string, Variant>;
}

export interface SettingsSchema {
  readonly path: string | undefined;
  readonly domain: string | undefined;
  readonly extended: string | undefined;
  readonly listOf: string | undefined;
  /** Those of children stand for a schema, under the name with a slash. */
  readonly keys: Map<string, SettingsKey | string>;
}

const text = (data: string): GvdbItem => ({ kind: 'value', value: { type: 's', data } });

/** What a reader finds under a schema's id: keys, and after a full stop what holds for all of them. */
export function schemaTable({ keys, path, extended, listOf, domain }: SettingsSchema): GvdbTable {
  const table = new Map<string, GvdbItem>();
  let isTranslated = false;
  for (const name of glibHashOrder(keys.keys())) {
    const key = keys.get(name)!;
    table.set(name, typeof key === 'string' ? text(key) : { kind: 'value', value: keyVariant(key) });
    if (typeof key !== 'string' && key.translation !== undefined) isTranslated = true;
  }
  if (path !== undefined) table.set('.path', text(path));
  if (extended !== undefined) table.set('.extends', text(extended));
  if (listOf !== undefined) table.set('.list-of', text(listOf));
  if (isTranslated && domain !== undefined) table.set('.gettext-domain', text(domain));
  return table;
}

/** The default, and after it what a letter announces: translation, choices, range, other desktops' defaults. */
function keyVariant({ type, role, words, range, translation, value, desktops }: SettingsKey): Variant {
  const children: Variant[] = [value];
  const addPart = (letter: string, part: Variant) => {
    const mark: Variant = { type: 'y', data: letter.charCodeAt(0) };
    children.push({ type: `(y${part.type})`, children: [mark, part] });
  };
  if (translation !== undefined) {
    const category: Variant = { type: 'y', data: translation.category.charCodeAt(0) };
    addPart('l', { type: '(ys)', children: [category, { type: 's', data: translation.text }] });
  }
  if (words.length > 0) {
    const letter = role === 'flags' ? 'f' : role === 'enum' ? 'e' : 'c';
    addPart(letter, { type: 'au', children: words.map((data) => ({ type: 'u', data })) });
  }
  if (range !== undefined) addPart('r', { type: `(${type}${type})`, children: range });
  if (desktops.size > 0) {
    const entries = glibHashOrder(desktops.keys()).map((desktop): Variant => {
      const own: Variant = { type: 'v', children: [desktops.get(desktop)!] };
      return { type: '{sv}', children: [{ type: 's', data: desktop }, own] };
    });
    addPart('d', { type: 'a{sv}', children: entries });
  }
  return { type: `(${children.map((child) => child.type).join('')})`, children };
}
