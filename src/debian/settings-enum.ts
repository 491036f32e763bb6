// The map of strings that GSettings keeps with a key for its choices, aliases and enumerated values: a list of 32-bit numbers, each
// followed by a padded string. The format is described at the head of GLib's gio/strinfo.c.

export interface Choice {
  readonly name: string;
  /** The number of an enumerated value; 0 for choices. */
  readonly value: number;
}

export interface ChoiceAlias {
  readonly name: string;
  readonly target: string;
}

/** Strings longer than this have no place in a map. */
const maximumLength = 65;

/** The words of a map; undefined where an alias is for no choice, or a string is too long. */
export function choiceWords(
  choices: readonly Choice[],
  aliases: readonly ChoiceAlias[],
): number[] | undefined {
  const words: number[] = [];
  const places = new Map<string, number>();
  const isTooLong = ({ name }: { readonly name: string }) => Buffer.byteLength(name) > maximumLength;
  if ([...choices, ...aliases].some(isTooLong)) return undefined;
  for (const { name, value } of choices) {
    places.set(name, words.length);
    words.push(value >>> 0, ...stringWords(name, 0xff));
  }
  for (const { name, target } of aliases) {
    const place = places.get(target);
    if (place === undefined) return undefined;
    words.push(place, ...stringWords(name, 0xfe));
  }
  return words;
}

/** A mark, the string, zeros up to a multiple of four bytes and not less than eight, of which the last is 0xff. */
function stringWords(text: string, mark: number): number[] {
  const string = Buffer.from(text);
  const bytes = Buffer.alloc(4 * Math.max(2, (string.length + 6) >> 2));
  bytes[0] = mark;
  string.copy(bytes, 1);
  bytes[bytes.length - 1] = 0xff;
  return Array.from({ length: bytes.length / 4 }, (_, index) => bytes.readUInt32LE(4 * index));
}
