// What glib-compile-schemas(1) makes of the schemas of GSettings: programs abort that do not find theirs in gschemas.compiled. A
// file with a mistake is left out whole, as there. Leaves out warnings, and checks of what no reader asks for (extended
// schemas with paths, lists of other lists).
import { glibHashOrder } from './glib-hash-order.ts';
import { type GvdbItem, writeGvdb } from './gvdb.ts';
import { type Choice, type ChoiceAlias, choiceWords } from './settings-enum.ts';
import { type SettingsKey, type SettingsSchema, schemaTable } from './settings-tables.ts';
import { isVariantType, type Variant } from './variant.ts';
import { parseVariant } from './variant-text.ts';
import { readXml, type XmlElement } from './xml-elements.ts';

export interface SettingsFile {
  /** Without its folder. */
  readonly name: string;
  readonly text: string;
}

interface Enumeration {
  readonly choices: readonly Choice[];
  readonly words: readonly number[];
}

interface Known {
  readonly schemas: Map<string, SettingsSchema>;
  readonly enums: Map<string, Enumeration>;
  readonly flags: Map<string, Enumeration>;
}

/** That a file of schemas has a mistake; never leaves this file. */
class Mistake extends Error {}

/**
 * The bytes of a gschemas.compiled for files of one folder, in any order: `*.gschema.xml`, `*.enums.xml`, and
 * `*.gschema.override`; others are passed over. Undefined where there is no schema file.
 */
export function compileSettings(files: readonly SettingsFile[]): Buffer | undefined {
  const isEnums = ({ name }: SettingsFile) => name.endsWith('.enums.xml');
  const ordered = [...files].sort(
    (a, b) =>
      Number(isEnums(b)) - Number(isEnums(a)) || Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)),
  );
  const sources = ordered.filter((file) => isEnums(file) || file.name.endsWith('.gschema.xml'));
  if (sources.length === 0) return undefined;
  let known: Known = { schemas: new Map(), enums: new Map(), flags: new Map() };
  for (const { text } of sources) {
    const more = {
      schemas: new Map(known.schemas),
      enums: new Map(known.enums),
      flags: new Map(known.flags),
    };
    try {
      readSchemas(text, more);
      known = more;
    } catch (error) {
      if (!(error instanceof Mistake)) throw error;
    }
  }
  for (const { name, text } of ordered) if (name.endsWith('.gschema.override')) override(known.schemas, text);
  return writeGvdb(
    new Map(
      glibHashOrder(known.schemas.keys()).map((id): [string, GvdbItem] => [
        id,
        { kind: 'table', table: schemaTable(known.schemas.get(id)!) },
      ]),
    ),
  );
}

/** Attributes of an element by name; all that may stand there are given, those with `!` must. */
function attributesOf(element: XmlElement, ...names: string[]): Record<string, string | undefined> {
  const known = new Set(names.map((name) => name.replace('!', '')));
  for (const name of element.attributes.keys()) {
    if (!known.has(name) && !name.includes(':')) throw new Mistake(`attribute ${name}`);
  }
  for (const name of names) {
    if (name.endsWith('!') && !element.attributes.has(name.slice(0, -1))) throw new Mistake(`no ${name}`);
  }
  return Object.fromEntries(element.attributes);
}

/** Elements whose text says something. */
const withText = new Set(['default', 'override', 'summary', 'description']);

function checkTexts({ name, text, children }: XmlElement): void {
  if (!withText.has(name) && text.trim() !== '') throw new Mistake(`text in ${name}`);
  children.forEach(checkTexts);
}

function readSchemas(text: string, known: Known): void {
  const root = readXml(text);
  if (root?.name !== 'schemalist') throw new Mistake('no list of schemas');
  checkTexts(root);
  const { 'gettext-domain': domain } = attributesOf(root, 'gettext-domain');
  for (const element of root.children) {
    if (element.name === 'schema') readSchema(element, domain, known);
    else if (element.name === 'enum') readEnumeration(element, known.enums);
    else if (element.name === 'flags') readEnumeration(element, known.flags);
    else throw new Mistake(element.name);
  }
}

function readEnumeration(element: XmlElement, found: Map<string, Enumeration>): void {
  const isFlags = element.name === 'flags';
  const { id = '' } = attributesOf(element, 'id!');
  const choices: Choice[] = [];
  for (const child of element.children) {
    if (child.name !== 'value') throw new Mistake(child.name);
    const { nick: name = '', value: digits = '' } = attributesOf(child, 'nick!', 'value!');
    const data = readInteger(digits);
    const isInRange = isFlags ? data >= 0 && data <= 0xffffffff : data >= -(2 ** 31) && data < 2 ** 31;
    if (!isInRange || name.length < 2) throw new Mistake('value');
    if (choices.some((each) => each.name === name || each.value === data)) throw new Mistake('twice');
    if (isFlags && !Number.isInteger(Math.log2(data || 1))) throw new Mistake('bits');
    if (!isFlags || data !== 0) choices.push({ name, value: data });
  }
  const words = choiceWords(choices, []);
  if (found.has(id) || choices.length === 0 || words === undefined) throw new Mistake('enumeration');
  found.set(id, { choices, words });
}

/** As strtoll(3) reads it. */
function readInteger(text: string): number {
  const [, sign, digits = ''] = /^\s*([-+]?)(0x[0-9a-f]+|[0-9]+)$/i.exec(text) ?? [];
  if (digits === '') return Number.NaN;
  const value = /^0[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : Number(digits);
  return sign === '-' ? -value : value;
}

function readSchema(element: XmlElement, domain: string | undefined, known: Known): void {
  const attributes = attributesOf(element, 'id!', 'path', 'gettext-domain', 'extends', 'list-of');
  const { id = '', path, extends: extended, 'list-of': listed } = attributes;
  const base = extended === undefined ? undefined : known.schemas.get(extended);
  if (known.schemas.has(id)) throw new Mistake('twice');
  if (extended !== undefined && (base === undefined || base.path !== undefined)) throw new Mistake('extends');
  if (listed !== undefined && known.schemas.get(listed)?.path !== undefined) throw new Mistake('list-of');
  if (listed !== undefined && !known.schemas.has(listed)) throw new Mistake('list-of');
  const listOf = listed ?? base?.listOf;
  if (path !== undefined && !/^\/(?:.*\/)?$/s.test(path)) throw new Mistake('path');
  if (path !== undefined && listOf !== undefined && !path.endsWith(':/')) throw new Mistake('path');
  const schema: SettingsSchema = {
    path,
    domain: attributes['gettext-domain'] ?? domain,
    extended,
    listOf,
    keys: new Map(),
  };
  known.schemas.set(id, schema);
  for (const child of element.children) readMember(child, schema, known);
}

function readMember(element: XmlElement, schema: SettingsSchema, known: Known): void {
  const { keys } = schema;
  const add = (name: string, key: SettingsKey | string) => {
    if (keys.has(name)) throw new Mistake('twice');
    keys.set(name, key);
  };
  switch (element.name) {
    case 'child': {
      const { name = '', schema: id = '' } = attributesOf(element, 'name!', 'schema!');
      checkName(name);
      add(`${name}/`, id);
      return;
    }
    case 'override': {
      const { name = '' } = attributesOf(element, 'name!', 'l10n', 'context');
      add(name, readOverride(element, inherited(name, schema, known), schema));
      return;
    }
    case 'key': {
      const { name = '' } = attributesOf(element, 'name!', 'type', 'enum', 'flags');
      checkName(name);
      if (schema.listOf !== undefined) throw new Mistake('a key in a list');
      if (inherited(name, schema, known) !== undefined) throw new Mistake('shadows');
      add(name, readKey(element, schema, known));
      return;
    }
    default:
      throw new Mistake(element.name);
  }
}

function checkName(name: string): void {
  if (!/^[a-z](?:-?[a-z0-9])*$/.test(name) || name.length > 1024) throw new Mistake('name');
}

/** What the schemas that one extends have under a name. */
function inherited(name: string, { extended }: SettingsSchema, known: Known): SettingsKey | undefined {
  let base = extended === undefined ? undefined : known.schemas.get(extended);
  for (; base !== undefined; base = known.schemas.get(base.extended ?? '')) {
    const key = base.keys.get(name);
    if (key !== undefined) return typeof key === 'string' ? undefined : key;
  }
  return undefined;
}

function readOverride(
  element: XmlElement,
  original: SettingsKey | undefined,
  schema: SettingsSchema,
): SettingsKey {
  if (original === undefined) throw new Mistake('nothing to override');
  const { type, role, allowed, words, range } = original;
  const translation = readTranslation(element, schema);
  return checked({
    type,
    role,
    allowed,
    words,
    range,
    translation,
    value: readValue(type, element.text),
    desktops: new Map(),
  });
}

function readValue(type: string, text: string): Variant {
  const value = parseVariant(type, text);
  if (value === undefined) throw new Mistake(`no ${type}`);
  return value;
}

/** Which text programs ask translations for, after its context, and in which category. */
function readTranslation(element: XmlElement, schema: SettingsSchema): SettingsKey['translation'] {
  const { l10n, context } = element.attributes.size === 0 ? {} : Object.fromEntries(element.attributes);
  if (l10n === undefined && context === undefined) return undefined;
  if ((l10n !== 'messages' && l10n !== 'time') || schema.domain === undefined) throw new Mistake('l10n');
  const text = element.text.replace(/^[ \t\n\r\v\f]+|[ \t\n\r\v\f]+$/g, '');
  return { category: l10n[0]!, text: context === undefined ? text : `${context}\u0004${text}` };
}

function readKey(element: XmlElement, schema: SettingsSchema, known: Known): SettingsKey {
  const { type: given, enum: enumId, flags: flagsId } = Object.fromEntries(element.attributes);
  if ([given, enumId, flagsId].filter((each) => each !== undefined).length !== 1) throw new Mistake('type');
  const enumeration = enumId !== undefined ? known.enums.get(enumId) : known.flags.get(flagsId ?? '');
  if (given === undefined && enumeration === undefined) throw new Mistake('not yet defined');
  const type = given ?? (enumId === undefined ? 'as' : 's');
  if (!isVariantType(type)) throw new Mistake('type');
  const parts = new Map<string, XmlElement>();
  for (const child of element.children) {
    const isText = child.name === 'summary' || child.name === 'description';
    if (!['default', 'summary', 'description', 'range', 'choices', 'aliases'].includes(child.name))
      throw new Mistake(child.name);
    if (parts.has(child.name) && !isText && child.name !== 'default') throw new Mistake('twice');
    if (isText) attributesOf(child);
    parts.set(child.name, child);
  }
  const initial = parts.get('default');
  if (initial === undefined) throw new Mistake('no default');
  attributesOf(initial, 'l10n', 'context');
  const choices = enumeration?.choices ?? readChoices(parts.get('choices'), type);
  if (enumeration !== undefined && parts.has('choices')) throw new Mistake('choices of an enumeration');
  const aliases = readAliases(parts.get('aliases'), choices);
  const words = choiceWords(choices, aliases);
  if (words === undefined) throw new Mistake('choices');
  return checked({
    type,
    role: enumId !== undefined ? 'enum' : flagsId !== undefined ? 'flags' : 'plain',
    allowed: choices.length === 0 ? undefined : new Set(choices.map(({ name }) => name)),
    words,
    range: readRange(parts.get('range'), type),
    translation: readTranslation(initial, schema),
    value: readValue(type, initial.text),
    desktops: new Map(),
  });
}

function readChoices(element: XmlElement | undefined, type: string): Choice[] {
  if (element === undefined) return [];
  if (!/^[am]*s$/.test(type)) throw new Mistake('choices of no strings');
  const names = element.children.map((child) => attributesOf(child, 'value!').value ?? '');
  if (names.length === 0 || new Set(names).size < names.length) throw new Mistake('choices');
  return names.map((name) => ({ name, value: 0 }));
}

function readAliases(element: XmlElement | undefined, choices: readonly Choice[]): ChoiceAlias[] {
  if (element === undefined) return [];
  const aliases = element.children.map((child) => {
    const { value: name = '', target = '' } = attributesOf(child, 'value!', 'target!');
    return { name, target };
  });
  const names = [...choices, ...aliases].map(({ name }) => name);
  if (aliases.length === 0 || new Set(names).size < names.length) throw new Mistake('aliases');
  return aliases;
}

const limits: Readonly<Record<string, readonly [string, string] | undefined>> = {
  y: ['0', '255'],
  n: ['-32768', '32767'],
  q: ['0', '65535'],
  i: ['-2147483648', '2147483647'],
  u: ['0', '4294967295'],
  x: ['-9223372036854775808', '9223372036854775807'],
  t: ['0', '18446744073709551615'],
  d: ['-inf', 'inf'],
};

function readRange(element: XmlElement | undefined, type: string): SettingsKey['range'] {
  if (element === undefined) return undefined;
  const limit = Object.hasOwn(limits, type) ? limits[type] : undefined;
  if (limit === undefined) throw new Mistake('range');
  const { min = limit[0], max = limit[1] } = attributesOf(element, 'min', 'max');
  const range = [readValue(type, min), readValue(type, max)] as const;
  if (isBefore(range[1], range[0])) throw new Mistake('range');
  return range;
}

function isBefore(one: Variant, other: Variant): boolean {
  return 'data' in one && 'data' in other && one.data < other.data;
}

function checked(key: SettingsKey): SettingsKey {
  if (!isAllowed(key, key.value)) throw new Mistake('default');
  return key;
}

function isAllowed({ range, allowed }: SettingsKey, value: Variant): boolean {
  if (range !== undefined) return !isBefore(value, range[0]) && !isBefore(range[1], value);
  if (allowed === undefined) return true;
  const isKnown = (each: Variant): boolean =>
    'children' in each ? each.children.every(isKnown) : allowed.has(String(each.data));
  return isKnown(value);
}

/** Takes up a key file whose groups are schemas, for one desktop after a colon; what fits no key is passed over. */
function override(schemas: ReadonlyMap<string, SettingsSchema>, text: string): void {
  for (const [group, values] of readKeyFile(text)) {
    const [, id = '', desktop] = /^([^:]*)(?::(.*))?$/s.exec(group) ?? [];
    for (const [name, string] of values) {
      const key = schemas.get(id)?.keys.get(name);
      if (key === undefined || typeof key === 'string') continue;
      const value = parseVariant(key.type, string);
      if (value === undefined || !isAllowed(key, value)) continue;
      if (desktop === undefined) key.value = value;
      else if (key.translation === undefined) key.desktops.set(desktop, value);
    }
  }
}

/** Groups in the order of the file; no group where a line is none of a key file's. */
function readKeyFile(text: string): Map<string, Map<string, string>> {
  const groups = new Map<string, Map<string, string>>();
  let group: Map<string, string> | undefined;
  for (const line of text.split(/\r?\n/)) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const [, head] = /^\[([^\]]+)\]\s*$/.exec(line) ?? [];
    const [, name, value] = /^([^=[\]]+?)\s*=\s*(.*)$/.exec(line) ?? [];
    if (head !== undefined) {
      group = groups.get(head) ?? new Map<string, string>();
      groups.set(head, group);
    } else if (group === undefined || name === undefined) return new Map();
    else group.set(name.trim(), value!);
  }
  return groups;
}
