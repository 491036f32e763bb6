// The elements of an XML document with their attributes and texts, as far as the data files of packages go: documents are
// taken to be well formed, prefixes of names are dropped, and what a document type defines stays unread.

export interface XmlElement {
  /** Without a prefix. */
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly children: XmlElement[];
  /** What stands directly in the element, entities replaced. */
  text: string;
}

/** Elements deeper than this are none of a data file. */
const maximumDepth = 100;

/** The outermost element of a document; undefined where there is none. Never throws. */
export function readXml(text: string): XmlElement | undefined {
  const root = emptyElement('', new Map());
  const open = [root];
  const pattern =
    /<!--[\s\S]*?-->|<!\[CDATA\[([\s\S]*?)\]\]>|<\?[\s\S]*?\?>|<!DOCTYPE[^[>]*(?:\[[\s\S]*?\]\s*)?>|<(\/?)([^\s/>!?]+)((?:[^>"']|"[^"]*"|'[^']*')*)>|([^<]+)/g;
  for (const [, literal, slash, name, rest = '', plain] of text.matchAll(pattern)) {
    const around = open.at(-1)!;
    if (literal !== undefined) around.text += literal;
    if (plain !== undefined) around.text += withoutEntities(plain);
    if (name === undefined) continue;
    if (slash === '/') {
      if (open.length > 1) open.pop();
      continue;
    }
    const attributes = new Map(
      [...rest.matchAll(/([^\s=/]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g)].map(
        ([, key, double, single]) => [key!, withoutEntities(double ?? single ?? '')] as const,
      ),
    );
    const element = emptyElement(name.replace(/^.*:/, ''), attributes);
    around.children.push(element);
    if (!rest.endsWith('/') && open.length < maximumDepth) open.push(element);
  }
  return root.children[0];
}

function emptyElement(name: string, attributes: ReadonlyMap<string, string>): XmlElement {
  return { name, attributes, children: [], text: '' };
}

const entities: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

function withoutEntities(text: string): string {
  return text.replace(
    /&(?:#x([0-9a-fA-F]{1,6})|#(\d{1,7})|([a-z]+));/g,
    (whole, hexadecimal, decimal, name) => {
      if (name !== undefined) return entities[name] ?? whole;
      const point = hexadecimal === undefined ? Number(decimal) : Number.parseInt(hexadecimal, 16);
      return point > 0x10ffff ? whole : String.fromCodePoint(point);
    },
  );
}
