// Values of GVariant, https://docs.gtk.org/glib/struct.Variant.html: their types and their bytes, little endian and in normal form,
// as https://people.gnome.org/~desrt/gvariant-serialisation.pdf gives them.

/** A value: of a basic type with its data, or of a container with what is in it. 64 bits wide numbers are bigints. */
export type Variant =
  | { readonly type: string; readonly data: string | number | bigint | boolean }
  | { readonly type: string; readonly children: readonly Variant[] };

const basicSizes: Readonly<Record<string, number | undefined>> = {
  b: 1,
  y: 1,
  n: 2,
  q: 2,
  i: 4,
  u: 4,
  h: 4,
  x: 8,
  t: 8,
  d: 8,
};
/** Types nested deeper than this are refused, by GLib too. */
const maximumDepth = 128;

/** Whether a text is exactly one type, none that only patterns have. */
export function isVariantType(text: string): boolean {
  return typeEnd(text, 0, 0) === text.length;
}

/** Past the type that starts at a position; undefined where none does. */
function typeEnd(text: string, start: number, depth = 0): number | undefined {
  const letter = text[start];
  if (letter === undefined || depth > maximumDepth) return undefined;
  if ('bynqiuxthdsogv'.includes(letter)) return start + 1;
  if (letter === 'a' || letter === 'm') return typeEnd(text, start + 1, depth + 1);
  if (letter === '{') {
    if (!'bynqiuxthdsog'.includes(text[start + 1] ?? ' ')) return undefined;
    const end = typeEnd(text, start + 2, depth + 1);
    return end !== undefined && text[end] === '}' ? end + 1 : undefined;
  }
  if (letter !== '(') return undefined;
  let position = start + 1;
  while (text[position] !== ')') {
    const end = typeEnd(text, position, depth + 1);
    if (end === undefined) return undefined;
    position = end;
  }
  return position + 1;
}

/** The types of a tuple's or a dictionary entry's members. */
export function memberTypes(type: string): string[] {
  const types: string[] = [];
  for (let position = 1; position < type.length - 1; ) {
    const end = typeEnd(type, position)!;
    types.push(type.slice(position, end));
    position = end;
  }
  return types;
}

function alignmentOf(type: string): number {
  const letter = type[0]!;
  if (letter === 'v') return 8;
  if (letter === 'a' || letter === 'm') return alignmentOf(type.slice(1));
  if (letter === '(' || letter === '{') return Math.max(1, ...memberTypes(type).map(alignmentOf));
  return basicSizes[letter] ?? 1;
}

function fixedSizeOf(type: string): number | undefined {
  const letter = type[0]!;
  if (letter !== '(' && letter !== '{') return basicSizes[letter];
  let size = 0;
  for (const member of memberTypes(type)) {
    const own = fixedSizeOf(member);
    if (own === undefined) return undefined;
    size = aligned(size, alignmentOf(member)) + own;
  }
  return size === 0 ? 1 : aligned(size, alignmentOf(type));
}

const aligned = (size: number, alignment: number) => Math.ceil(size / alignment) * alignment;

/** The bytes of a value whose data fit its type. */
export function writeVariant(value: Variant): Buffer {
  if (!('children' in value)) return writeBasic(value.type, value.data);
  const { type, children } = value;
  switch (type[0]) {
    case 'v':
      return Buffer.concat([writeVariant(children[0]!), Buffer.from(`\0${children[0]!.type}`)]);
    case 'm': {
      if (children.length === 0) return Buffer.alloc(0);
      const bytes = writeVariant(children[0]!);
      return fixedSizeOf(type.slice(1)) === undefined ? Buffer.concat([bytes, Buffer.alloc(1)]) : bytes;
    }
    case 'a':
      return writeArray(type.slice(1), children);
    default:
      return writeTuple(type, children);
  }
}

function writeArray(element: string, children: readonly Variant[]): Buffer {
  const body = new Body();
  const ends = children.map((child) => body.add(writeVariant(child), alignmentOf(element)));
  return fixedSizeOf(element) === undefined ? body.framed(ends) : body.bytes();
}

function writeTuple(type: string, children: readonly Variant[]): Buffer {
  const body = new Body();
  const ends: number[] = [];
  children.forEach((child, index) => {
    const end = body.add(writeVariant(child), alignmentOf(child.type));
    if (index < children.length - 1 && fixedSizeOf(child.type) === undefined) ends.unshift(end);
  });
  const size = fixedSizeOf(type);
  if (size === undefined) return body.framed(ends);
  body.add(Buffer.alloc(size - body.size), 1);
  return body.bytes();
}

/** What containers hold, one after the other, and where each ends. */
class Body {
  private readonly parts: Buffer[] = [];
  size = 0;

  add(bytes: Buffer, alignment: number): number {
    const start = aligned(this.size, alignment);
    this.parts.push(Buffer.alloc(start - this.size), bytes);
    this.size = start + bytes.length;
    return this.size;
  }

  bytes(): Buffer {
    return Buffer.concat(this.parts);
  }

  /** With offsets as wide as the whole needs. */
  framed(ends: readonly number[]): Buffer {
    const width = [1, 2, 4].find((each) => this.size + each * ends.length < 2 ** (8 * each)) ?? 4;
    const frames = Buffer.alloc(width * ends.length);
    ends.forEach((end, index) => void frames.writeUIntLE(end, index * width, width));
    return Buffer.concat([...this.parts, frames]);
  }
}

function writeBasic(type: string, data: string | number | bigint | boolean): Buffer {
  if (typeof data === 'string') return Buffer.from(`${data}\0`);
  const bytes = Buffer.alloc(basicSizes[type] ?? 1);
  if (typeof data === 'bigint') bytes.writeBigUInt64LE(BigInt.asUintN(64, data));
  else if (type === 'd') bytes.writeDoubleLE(Number(data));
  else if ('nih'.includes(type)) bytes.writeIntLE(Number(data), 0, bytes.length);
  else bytes.writeUIntLE(Number(data), 0, bytes.length);
  return bytes;
}
