// Checks a compose file against its schema and says where it differs: the path into the file, what the schema
// wants, and the place. Reads the part of JSON Schema that compose-schema.ts is written in, on the tree itself:
// a general validator takes longer to compile the schema than a warm run has. A test holds it against one.
import { TrimaranError } from '../foundation/error.ts';
import { didYouMean } from '../foundation/nearest.ts';
import { composeSchema } from './compose-schema.ts';
import type { ConfigMap, ConfigNode } from './config-node.ts';

/** What compose-schema.ts uses of JSON Schema. */
export interface Schema {
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  /** `^x-` only: extensions, which hold anything. */
  readonly patternProperties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: boolean | Schema;
  readonly propertyNames?: { readonly pattern: string };
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly enum?: readonly string[];
  readonly pattern?: string;
}

/** Throws `compose/invalid` for the first difference from the schema, in the order of the file. */
export function validateConfig(root: ConfigMap): void {
  check(root, composeSchema, []);
}

function check(node: ConfigNode, schema: Schema, path: readonly string[]): void {
  const shown = path.length === 0 ? 'a compose file' : path.join('.');
  if (schema.type !== undefined) {
    const types = [schema.type].flat();
    const kinds = kindsOf(node);
    if (!types.some((type) => kinds.includes(type))) {
      const wanted = types.map(kindName).join(' or ');
      throw invalid(node, `${shown} is ${kindName(kinds[0]!)}, not ${wanted}`, `give it ${wanted}`);
    }
  }
  if (schema.enum !== undefined && !(node.kind === 'scalar' && schema.enum.includes(String(node.value)))) {
    const value = node.kind === 'scalar' ? String(node.value) : '…';
    const hint = didYouMean(value, schema.enum) ?? `use ${schema.enum.join(', ')}`;
    throw invalid(node, `${shown} cannot be \`${value}\``, hint);
  }
  if (node.kind === 'scalar') {
    if (schema.pattern === undefined || typeof node.value !== 'string') return;
    if (!new RegExp(schema.pattern).test(node.value)) {
      throw invalid(node, `${shown}: \`${node.value}\` has the wrong form`, `it matches ${schema.pattern}`);
    }
  } else if (node.kind === 'list') {
    if (schema.items === undefined) return;
    for (const [index, item] of node.items.entries()) check(item, schema.items, [...path, String(index)]);
  } else {
    checkMap(node, schema, path, shown);
  }
}

function checkMap(node: ConfigMap, schema: Schema, path: readonly string[], shown: string): void {
  const known = schema.properties ?? {};
  const nameForm = schema.propertyNames === undefined ? undefined : new RegExp(schema.propertyNames.pattern);
  for (const [name, { keySpan, value }] of node.entries) {
    if (value.tag === 'reset') continue;
    if (nameForm !== undefined && !nameForm.test(name)) {
      throw invalid(
        { span: keySpan },
        `${shown}: \`${name}\` has the wrong form`,
        `it matches ${nameForm.source}`,
      );
    }
    if (Object.hasOwn(known, name)) check(value, known[name]!, [...path, name]);
    else if (schema.patternProperties !== undefined && name.startsWith('x-')) continue;
    else if (schema.additionalProperties === false) {
      const names = Object.keys(known);
      const all = names.length > 12 ? 'extensions start with `x-`' : `it may have ${names.join(', ')}`;
      throw invalid({ span: keySpan }, `${shown} has no \`${name}\``, didYouMean(name, names) ?? all);
    } else if (typeof schema.additionalProperties === 'object') {
      check(value, schema.additionalProperties, [...path, name]);
    }
  }
  for (const name of schema.required ?? []) {
    if (!node.entries.has(name)) throw invalid(node, `${shown} lacks \`${name}\``, `add \`${name}:\``);
  }
}

function invalid(at: Pick<ConfigNode, 'span'>, message: string, hint: string): TrimaranError {
  return new TrimaranError({ code: 'compose/invalid', message, span: at.span, hint });
}

function kindsOf(node: ConfigNode): readonly string[] {
  if (node.kind === 'map') return ['object'];
  if (node.kind === 'list') return ['array'];
  if (node.value === null) return ['null'];
  if (typeof node.value === 'number')
    return Number.isInteger(node.value) ? ['number', 'integer'] : ['number'];
  return [typeof node.value];
}

function kindName(type: string): string {
  const kinds: Readonly<Record<string, string>> = {
    array: 'a list',
    boolean: 'true or false',
    integer: 'a number',
    null: 'nothing',
    number: 'a number',
    object: 'a mapping',
    string: 'text',
  };
  return kinds[type] ?? type;
}
