// `RUN --mount=…` and `RUN --device=…`: their comma-separated fields, and what they mean once variables are known.
import type { Span } from '../../foundation/error.ts';
import { didYouMean } from '../../foundation/nearest.ts';
import type { Located } from './mapped-text.ts';
import { dockerfileError } from './syntax-error.ts';

export interface Mount {
  readonly span: Span;
  /** As written, variables not expanded: `type`, `target` …; a field without `=` has no value. */
  readonly fields: readonly { readonly key: string; readonly value?: string }[];
}

const mountTypes = ['bind', 'cache', 'tmpfs', 'secret', 'ssh'] as const;
const sharingModes = ['shared', 'private', 'locked'] as const;

/** A mount whose variables have been expanded. */
export interface BuildMount {
  readonly type: (typeof mountTypes)[number];
  readonly from?: string;
  readonly source?: string;
  readonly target?: string;
  readonly readOnly: boolean;
  /** Bytes, of a tmpfs. */
  readonly size?: number;
  readonly id?: string;
  readonly sharing?: (typeof sharingModes)[number];
  readonly required: boolean;
  /** Environment variable that a secret is put into; empty when it is named after the secret. */
  readonly env?: string;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
}

const fieldNames = [
  'type',
  'from',
  'source',
  'target',
  'readonly',
  'id',
  'sharing',
  'required',
  'size',
  'mode',
  'uid',
  'gid',
  'src',
  'dst',
  'destination',
  'ro',
  'rw',
  'readwrite',
  'env',
];

/** Reads the value of `--mount`. Throws `dockerfile/invalid-mount`. */
export function parseMount(flag: Located): Mount {
  const fields = splitFields(flag).map((field) => {
    const equals = field.indexOf('=');
    if (equals < 0) return { key: field.toLowerCase() };
    return { key: field.slice(0, equals).toLowerCase(), value: field.slice(equals + 1) };
  });
  const mount = { span: flag.span, fields };
  const from = fields.find((field) => field.key === 'from')?.value;
  if (from?.slice(0, -1).includes('$')) {
    throw invalid(
      flag.span,
      '`from` takes no variables',
      'name a stage: `FROM $IMAGE AS name`, then `from=name`',
    );
  }
  // What has variables is checked when they are known.
  if (!flag.value.includes('$')) resolveMount(mount, (value) => value);
  return mount;
}

/** What a mount means, `expand` applied to its values. Throws `dockerfile/invalid-mount`. */
export function resolveMount(mount: Mount, expand: (value: string) => string): BuildMount {
  const { span } = mount;
  const result: { -readonly [Key in keyof BuildMount]?: BuildMount[Key] } = {};
  let type: BuildMount['type'] = 'bind';
  let readOnly: boolean | undefined;
  for (const field of mount.fields) {
    const { key } = field;
    const value = field.value === undefined ? undefined : expand(field.value);
    switch (key) {
      case 'readonly':
      case 'ro':
        readOnly = value === undefined ? true : readBoolean(value, key, span);
        continue;
      case 'readwrite':
      case 'rw':
        readOnly = value === undefined ? false : !readBoolean(value, key, span);
        continue;
      case 'required':
        if (type !== 'secret' && type !== 'ssh')
          throw invalid(span, `\`required\` means nothing for a ${type} mount`);
        result.required = value === undefined ? true : readBoolean(value, key, span);
        continue;
    }
    if (!fieldNames.includes(key)) {
      throw invalid(span, `a mount has no \`${key}\``, didYouMean(key, fieldNames));
    }
    if (value === undefined) throw invalid(span, `\`${key}\` needs a value`, `write \`${key}=…\``);
    switch (key) {
      case 'type':
        type = oneOf(value.toLowerCase(), mountTypes, 'mount type', span);
        break;
      case 'from':
        result.from = value;
        break;
      case 'source':
      case 'src':
        result.source = value;
        break;
      case 'target':
      case 'dst':
      case 'destination':
        result.target = value;
        break;
      case 'size':
        if (type !== 'tmpfs') throw invalid(span, `\`size\` means nothing for a ${type} mount`);
        result.size = readSize(value, span);
        break;
      case 'id':
        result.id = value;
        break;
      case 'sharing':
        result.sharing = oneOf(value.toLowerCase(), sharingModes, 'sharing mode', span);
        break;
      case 'mode':
        result.mode = readNumber(value, 8, key, span);
        break;
      case 'uid':
        result.uid = readNumber(value, 10, key, span);
        break;
      case 'gid':
        result.gid = readNumber(value, 10, key, span);
        break;
      case 'env':
        result.env = value;
        break;
    }
  }
  if (type === 'bind' || type === 'tmpfs') {
    for (const key of ['mode', 'uid', 'gid'] as const) {
      if (result[key] !== undefined) throw invalid(span, `\`${key}\` means nothing for a ${type} mount`);
    }
  }
  if (type === 'secret') {
    if (result.from !== undefined) throw invalid(span, 'a secret mount has no `from`');
    if (!result.source && !result.target && !result.id)
      throw invalid(span, 'a secret mount needs an `id` or a `target`');
    if (result.source && result.id) throw invalid(span, 'a secret mount has either `source` or `id`');
  }
  if (result.sharing !== undefined && type !== 'cache') {
    throw invalid(span, `\`sharing\` means nothing for a ${type} mount`);
  }
  return {
    ...result,
    type,
    readOnly: readOnly ?? (type !== 'cache' && type !== 'tmpfs'),
    required: result.required ?? false,
  };
}

/** Reads the value of `--device`. Throws `dockerfile/invalid-device`. */
export function parseDevice(flag: Located): { name: string; required: boolean } {
  let name = '';
  let required = false;
  for (const field of splitFields(flag)) {
    const equals = field.indexOf('=');
    const key = (equals < 0 ? field : field.slice(0, equals)).toLowerCase();
    const value = equals < 0 ? undefined : field.slice(equals + 1);
    if (key === 'required') required = value === undefined ? true : readBoolean(value, key, flag.span);
    else if (key === 'name' && value !== undefined && name === '') name = value;
    else if (name === '') name = field;
    else {
      throw dockerfileError(
        'invalid-device',
        `a device has no \`${key}\``,
        flag.span,
        didYouMean(key, ['name', 'required']),
      );
    }
  }
  return { name, required };
}

function invalid(span: Span, message: string, hint?: string) {
  return dockerfileError('invalid-mount', message, span, hint);
}

/** One line of comma-separated values; a field in double quotes may have commas, and `""` for a quote. */
function splitFields(flag: Located): string[] {
  const fields: string[] = [];
  const text = flag.value;
  for (let at = 0; at <= text.length; ) {
    if (text[at] === '"') {
      let field = '';
      for (at++; ; at++) {
        if (at >= text.length) throw invalid(flag.span, 'a double quote is never closed');
        if (text[at] !== '"') field += text[at];
        else if (text[at + 1] === '"') {
          field += '"';
          at++;
        } else break;
      }
      at++;
      if (at < text.length && text[at] !== ',') throw invalid(flag.span, 'text after a quoted field');
      fields.push(field);
      at++;
    } else {
      const end = text.indexOf(',', at);
      const field = text.slice(at, end < 0 ? text.length : end);
      if (field.includes('"'))
        throw invalid(flag.span, 'a double quote within a field', 'quote the whole field');
      fields.push(field);
      at = end < 0 ? text.length + 1 : end + 1;
    }
  }
  return fields;
}

function oneOf<Value extends string>(
  value: string,
  allowed: readonly Value[],
  what: string,
  span: Span,
): Value {
  const found = allowed.find((candidate) => candidate === value);
  if (found !== undefined) return found;
  throw invalid(
    span,
    `\`${value}\` is no ${what}`,
    didYouMean(value, allowed) ?? `use ${allowed.join(', ')}`,
  );
}

function readBoolean(value: string, key: string, span: Span): boolean {
  if (['1', 't', 'T', 'TRUE', 'true', 'True'].includes(value)) return true;
  if (['0', 'f', 'F', 'FALSE', 'false', 'False'].includes(value)) return false;
  throw invalid(span, `\`${value}\` is neither true nor false, for \`${key}\``);
}

function readNumber(value: string, base: 8 | 10, key: string, span: Span): number {
  const number = (base === 8 ? /^[0-7]+$/ : /^[0-9]+$/).test(value)
    ? Number.parseInt(value, base)
    : Number.NaN;
  if (number <= 0xffffffff) return number;
  throw invalid(span, `\`${value}\` is not a number for \`${key}\``);
}

/** `64m`, `1.5 GiB`, in bytes; units are powers of 1024. */
function readSize(value: string, span: Span): number {
  const match = /^(\d+(?:\.\d+)?) ?([kmgtp]?)i?b?$/i.exec(value);
  if (match === null) throw invalid(span, `\`${value}\` is no size`, 'write it as `64m` or `1g`');
  return Math.trunc(Number(match[1]) * 1024 ** ' kmgtp'.indexOf(match[2]!.toLowerCase() || ' '));
}
