import { describe, expect, it } from 'vitest';
import { fileTree, type TreeEntry } from '../foundation/file-tree.ts';
import { RootDraft } from './root-draft.ts';
import { readScript } from './script-reader.ts';
import { testDirectory, testFile } from './test-archive.ts';
import { declareSgmlCatalog, declareXmlCatalogs } from './xml-catalogs.ts';

function textsOf(draft: RootDraft): Record<string, string> {
  const found = draft.changes().flatMap((entry): [string, string][] => {
    if (entry.kind === 'symlink') return [[entry.path, entry.target]];
    if (entry.kind !== 'file' || entry.content.kind !== 'bytes') return [];
    return [[entry.path, Buffer.from(entry.content.bytes).toString()]];
  });
  return Object.fromEntries(found);
}

const draftOf = (...entries: TreeEntry[]) => new RootDraft(fileTree(entries));
const local = 'usr/share/xml/schema/xml-core/catalog.xml';

describe('declareXmlCatalogs', () => {
  const postinst = `if [ "$1" = "configure" ]; then
	update-xmlcatalog --sort --add --type system --id "http://www.oasis-open.org/committees/entity/release/1.0/catalog.dtd" --package xml-core --local /${local}
	update-xmlcatalog --sort --add --type public --id "-//OASIS//DTD XML Catalogs V1.0//EN" --package xml-core --local /${local}
	update-xmlcatalog --sort --add --type uri --id "http://x/" --package xml-core --local /${local}
	update-xmlcatalog --sort --add --type uri --id "http://y/" --package xml-core --local /nowhere
	update-xmlcatalog --sort --add --type public --id "-//OASIS//DTD XML Catalogs V1.0//EN" --package xml-core --root
	update-xmlcatalog --sort --add --type public --id "-//none" --package none --root
	update-xmlcatalog --sort --del --type uri --id "http://x/" --package xml-core
fi`;

  it('writes what update-xmlcatalog of xml-core 0.18 writes', () => {
    const draft = draftOf(
      ...['usr', 'usr/share', 'usr/share/xml', 'usr/share/xml/schema', 'usr/share/xml/schema/xml-core'].map(
        (path) => testDirectory(path),
      ),
      testFile(local),
    );
    declareXmlCatalogs(draft, readScript(postinst));
    const head = `<?xml version="1.0"?>
<!DOCTYPE catalog PUBLIC "-//OASIS//DTD XML Catalogs V1.0//EN"
  "file:///usr/share/xml/schema/xml-core/catalog.dtd">
<catalog xmlns="urn:oasis:names:tc:entity:xmlns:xml:catalog">
`;
    expect(textsOf(draft)).toEqual({
      'etc/xml/catalog': `${head}<delegatePublic publicIdStartString="-//OASIS//DTD XML Catalogs V1.0//EN" catalog="file:///etc/xml/xml-core.xml"/>
</catalog>
`,
      'etc/xml/xml-core.xml': `${head}<delegatePublic publicIdStartString="-//OASIS//DTD XML Catalogs V1.0//EN" catalog="file:///${local}"/>
<delegateSystem systemIdStartString="http://www.oasis-open.org/committees/entity/release/1.0/catalog.dtd" catalog="file:///${local}"/>
<delegateURI uriStartString="http://x/" catalog="file:///${local}"/>
</catalog>
`,
      'var/lib/xml-core/catalog': `<delegatePublic publicIdStartString="-//OASIS//DTD XML Catalogs V1.0//EN"><catalog="file:///etc/xml/xml-core.xml">\n`,
      'var/lib/xml-core/xml-core': `<delegatePublic publicIdStartString="-//OASIS//DTD XML Catalogs V1.0//EN"><catalog="file:///${local}">
<delegateSystem systemIdStartString="http://www.oasis-open.org/committees/entity/release/1.0/catalog.dtd"><catalog="file:///${local}">
<delegateURI uriStartString="http://x/"><catalog="file:///${local}">
`,
    });
  });

  it('makes nothing where nothing is asked for', () => {
    const draft = draftOf(testDirectory('usr'));
    declareXmlCatalogs(draft, readScript('mkdir -p /var/lib/a\nupdate-xmlcatalog --add --type'));
    declareSgmlCatalog(draft);
    expect(draft.changes()).toEqual([]);
  });
});

describe('declareSgmlCatalog', () => {
  it('leads to the catalogs of packages', () => {
    const draft = draftOf(
      testFile('usr/sbin/update-catalog'),
      testFile('etc/sgml/b.cat'),
      testFile('etc/sgml/a.cat'),
      testFile('etc/sgml/c.txt'),
    );
    declareSgmlCatalog(draft);
    expect(textsOf(draft)).toEqual({
      'etc/sgml/catalog': '/var/lib/sgml-base/supercatalog',
      'var/lib/sgml-base/supercatalog': `--
## This file is created by update-catalog with update-super.
## Please see update-catalog(8) for how to modify this file.
--
CATALOG /etc/sgml/a.cat
CATALOG /etc/sgml/b.cat
`,
    });
  });
});
