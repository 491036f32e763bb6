import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileSettings, type SettingsFile } from './settings-schemas.ts';

const file = (name: string, content: string): SettingsFile => ({
  name,
  text: `<?xml version="1.0" encoding="UTF-8"?>\n<schemalist gettext-domain="shop">${content}</schemalist>`,
});
const key = (type: string, value: string, more = '') =>
  `<schema id="org.k" path="/org/k/"><key name="k" type="${type}"><default>${value}</default>${more}</key></schema>`;

const enums = file(
  'shop.enums.xml',
  `<enum id="org.shop.Size"><value nick="small" value="1"/><value nick="large" value="0x10"/></enum>
   <flags id="org.shop.Days"><value nick="none" value="0"/><value nick="mon" value="1"/><value nick="tue" value="2"/></flags>`,
);
const shop = file(
  'org.shop.gschema.xml',
  `<!-- a shop --><schema id="org.shop" path="/org/shop/">
     <key name="size" enum="org.shop.Size"><default>'small'</default><aliases><alias value="big" target="large"/></aliases>
       <summary>Size</summary><description>of &lt;all&gt;</description></key>
     <key name="days" flags="org.shop.Days"><default>['mon', 'tue']</default></key>
     <key name="colour" type="s"><choices><choice value="red"/><choice value="blue"/></choices><default>'red'</default></key>
     <key name="count" type="i"><range min="1" max="9"/><default>5</default></key>
     <key name="share" type="d"><range min="0"/><default>.5</default></key>
     <key name="title" type="s"><default l10n="messages" context="window"> "Shop" </default></key>
     <key name="rows" type="a(si)"><default>[('a', 1), ('bc', 0x2)]</default></key>
     <key name="map" type="a{sv}"><default>{'a': &lt;1&gt;, 'b': &lt;[1, 2.5]&gt;, 'c': &lt;@as []&gt;}</default></key>
     <key name="maybe" type="ms"><default>nothing</default></key>
     <key name="bytes" type="ay"><default>b'ab\\n\\101'</default></key>
     <child name="window" schema="org.shop.window"/>
   </schema>
   <schema id="org.shop.window"><key name="wide" type="b"><default>true</default></key></schema>
   <schema id="org.shop.pane" extends="org.shop.window"><override name="wide">false</override></schema>
   <schema id="org.shop.panes" path="/org/shop/panes:/" list-of="org.shop.window"/>
   ${Array.from({ length: 40 }, (_, index) => `<schema id="org.shop.n${index}"/>`).join('')}`,
);
const broken = file('z.gschema.xml', `${key('i', "'text'")}<schema id="org.z"/>`);
const vendor: SettingsFile = {
  name: '10_vendor.gschema.override',
  text: '# vendor\n[org.shop]\ncount=7\nshare = 2.0 \nsize="none of them"\n[org.shop:GNOME]\ncount=8\ntitle="no"\n[org.shop:KDE]\ncount=9\n',
};
const all = [vendor, broken, shop, enums];

describe('compileSettings', () => {
  it('gives the bytes of glib-compile-schemas 2.74.6', () => {
    const bytes = compileSettings(all)!;
    expect(bytes.length).toBe(4844);
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(
      '127dce45a60c0bddf037c2cce2ca7605546c8548cf2ede31348b17aa4b784383',
    );
    expect(compileSettings([...all].reverse())).toEqual(bytes);
  });

  it('takes a file with a mistake for none', () => {
    const mistaken = [
      key('i', "'a'"),
      key('i', '2147483648'),
      key('i', '5', '<range max="4"/>'),
      key('s', "'c'", '<choices><choice value="a"/></choices>'),
      key('i', '1', '<choices><choice value="1"/></choices>'),
      key('s', "'a'", '<aliases><alias value="b" target="c"/></aliases>'),
      key('nonsense', '1'),
      key('i', '1', 'stray'),
      key('i', '1', '<_summary>x</_summary>'),
      '<schema id="org.k"><key name="k" type="i"/></schema>',
      '<schema id="org.k"><key name="K" type="i"><default>1</default></key></schema>',
      '<schema id="org.k"><key name="k" enum="org.none"><default>"a"</default></key></schema>',
      '<schema id="org.k" extends="org.none"/>',
      '<schema id="org.k" path="org"/>',
      '<schema id="org.k" colour="red"/>',
      '<schema id="org.k"/><schema id="org.k"/>',
      '<enum id="org.e"><value nick="aa" value="1"/><value nick="bb" value="1"/></enum>',
      '<flags id="org.f"><value nick="aa" value="3"/></flags>',
    ];
    const without = compileSettings([shop, enums]);
    for (const content of mistaken)
      expect(compileSettings([shop, enums, file('k.gschema.xml', content)]), content).toEqual(without);
    expect(compileSettings([shop, enums, file('k.gschema.xml', key('i', '1'))])).not.toEqual(without);
  });

  it('makes nothing of no schemas', () => {
    expect(compileSettings([])).toBeUndefined();
    expect(compileSettings([vendor])).toBeUndefined();
  });

  it('reads anything', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.nat(shop.text.length), (noise, at) => {
        const text = shop.text.slice(0, at) + noise + shop.text.slice(at);
        compileSettings([
          enums,
          { name: 'x.gschema.xml', text },
          { name: 'y.gschema.override', text: noise },
        ]);
      }),
      { numRuns: 200 },
    );
  });
});
