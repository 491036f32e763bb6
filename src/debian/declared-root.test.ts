import { describe, expect, it } from 'vitest';
import type { FileTree, TreeEntry } from '../foundation/file-tree.ts';
import { declareRoot } from './declared-root.ts';
import { packageTree } from './package-tree.ts';
import { testDirectory, testFile, testLink } from './test-archive.ts';
import type { TreePackage } from './unite-trees.ts';

interface Spec {
  readonly name: string;
  readonly entries?: readonly TreeEntry[];
  readonly postinst?: string;
  readonly preinst?: string;
  readonly fields?: Readonly<Record<string, string>>;
}

function pack({ name, entries = [], postinst, preinst, fields = {} }: Spec): TreePackage {
  return {
    control: {
      fields: { package: name, version: '1.0', architecture: 'all', ...fields },
      scripts: {
        ...(postinst === undefined ? {} : { postinst }),
        ...(preinst === undefined ? {} : { preinst }),
      },
      conffiles: [],
    },
    tree: packageTree({ name, entries }),
  };
}

const declare = (...specs: Spec[]) => declareRoot({ packages: specs.map(pack) });
const at = (tree: FileTree, path: string) => tree.find((entry) => entry.path === path);
const target = (tree: FileTree, path: string) => {
  const entry = at(tree, path);
  return entry?.kind === 'symlink' ? entry.target : undefined;
};
const text = (tree: FileTree, path: string) => {
  const entry = at(tree, path);
  return entry?.kind === 'file' && entry.content.kind === 'bytes'
    ? Buffer.from(entry.content.bytes).toString()
    : undefined;
};
const codeOf = (work: () => unknown) => {
  try {
    work();
    return 'no error';
  } catch (error) {
    return (error as { code?: string }).code;
  }
};

describe('declareRoot', () => {
  it('lays out the root of a system', () => {
    const tree = declare({ name: 'a', entries: [testFile('lib64/ld.so')] });
    expect(target(tree, 'bin')).toBe('usr/bin');
    expect(target(tree, 'lib64')).toBe('usr/lib64');
    expect(at(tree, 'lib32')).toBeUndefined();
    expect(target(tree, 'var/run')).toBe('/run');
    expect(at(tree, 'root')).toMatchObject({ kind: 'directory', mode: 0o700 });
    expect(at(tree, 'tmp')).toMatchObject({ mode: 0o1777 });
    expect(at(tree, 'etc/shadow')).toMatchObject({ mode: 0o640, uid: 0, gid: 42 });
    expect(text(tree, 'etc/nsswitch.conf')).toContain('hosts: files dns');
    expect(tree.map(({ path }) => path)).toEqual(tree.map(({ path }) => path).sort());
  });

  it('makes users, their directories and owners', () => {
    const tree = declare({
      name: 'postgresql-common',
      entries: [testDirectory('etc/postgresql')],
      postinst:
        'adduser --system --quiet --home /var/lib/postgresql --no-create-home --shell /bin/bash --group --gecos "PostgreSQL administrator" postgres\n' +
        'mkdir -p /var/lib/postgresql\nchown postgres:postgres /var/lib/postgresql /etc/postgresql\n' +
        '[ -d /var/run/postgresql ] || install -d -m 2775 -o postgres -g postgres /var/run/postgresql\n' +
        'mkdir -p /var/log/postgresql\nchmod 1775 /var/log/postgresql\nchown root:postgres /var/log/postgresql\n',
    });
    expect(text(tree, 'etc/passwd')).toContain(
      'postgres:x:101:101:PostgreSQL administrator:/var/lib/postgresql:/bin/bash\n',
    );
    expect(at(tree, 'var/lib/postgresql')).toMatchObject({
      kind: 'directory',
      mode: 0o755,
      uid: 101,
      gid: 101,
    });
    expect(at(tree, 'etc/postgresql')).toMatchObject({ uid: 101, gid: 101 });
    expect(at(tree, 'run/postgresql')).toMatchObject({ mode: 0o2775, uid: 101, gid: 101 });
    expect(at(tree, 'var/log/postgresql')).toMatchObject({ mode: 0o1775, uid: 0, gid: 101 });
  });

  it('reads sysusers.d, tmpfiles.d and overrides of owners', () => {
    const tree = declare({
      name: 'dbus',
      entries: [
        testFile('usr/lib/sysusers.d/dbus.conf', 'u messagebus - "bus"\n'),
        testFile(
          'usr/lib/tmpfiles.d/dbus.conf',
          'd /run/dbus 0750 messagebus messagebus -\nL /run/link - - - - /etc/x\nd /run/%u 0755 - -\n',
        ),
        testFile('usr/lib/dbus/helper', 'binary', 0o755),
      ],
      postinst: 'dpkg-statoverride --update --add root messagebus 4754 /usr/lib/dbus/helper',
    });
    expect(at(tree, 'run/dbus')).toMatchObject({ mode: 0o750, uid: 101, gid: 101 });
    expect(target(tree, 'run/link')).toBe('/etc/x');
    expect(at(tree, 'usr/lib/dbus/helper')).toMatchObject({ kind: 'file', mode: 0o4754, uid: 0, gid: 101 });
    expect(text(tree, 'usr/lib/dbus/helper')).toBe('binary');
  });

  it('links alternatives through /etc/alternatives', () => {
    const postgis =
      'MAJOR_VERSION="3"\nDIR="/usr/share/postgresql/15/extension"\nupdate-alternatives --install $DIR/postgis.control postgis.control $DIR/postgis-$MAJOR_VERSION.control 30 \\\n --slave $DIR/raster.control raster.control $DIR/raster-3.control\n';
    const tree = declare(
      {
        name: 'postgis',
        entries: [testFile('usr/share/postgresql/15/extension/postgis-3.control')],
        postinst: postgis,
      },
      {
        name: 'mawk',
        entries: [testFile('usr/bin/mawk')],
        postinst: 'update-alternatives --install /usr/bin/awk awk /usr/bin/mawk 5',
      },
      {
        name: 'gawk',
        entries: [testFile('usr/bin/gawk')],
        postinst: 'update-alternatives --install /usr/bin/awk awk /usr/bin/gawk 10',
      },
      {
        name: 'real',
        entries: [testFile('usr/bin/tool'), testFile('usr/bin/other')],
        postinst: 'update-alternatives --install /usr/bin/tool tool /usr/bin/other 10',
      },
    );
    expect(target(tree, 'usr/share/postgresql/15/extension/postgis.control')).toBe(
      '/etc/alternatives/postgis.control',
    );
    expect(target(tree, 'etc/alternatives/postgis.control')).toBe(
      '/usr/share/postgresql/15/extension/postgis-3.control',
    );
    expect(at(tree, 'usr/share/postgresql/15/extension/raster.control')).toBeUndefined();
    expect(target(tree, 'etc/alternatives/awk')).toBe('/usr/bin/gawk');
    expect(at(tree, 'usr/bin/tool')).toBeUndefined();
  });

  it('puts configuration in place where no package has it', () => {
    const tree = declare(
      {
        name: 'a',
        entries: [
          testFile('usr/share/a/a.conf', 'from a'),
          testFile('usr/share/a/sshd_config', 'Port 22'),
          testFile('usr/share/a/site/index.html', 'page'),
          testFile('etc/kept', 'kept'),
        ],
        postinst:
          'adduser --system --group daemon1\n' +
          'if [ x = y ]; then ucf /usr/share/a/none /etc/a/a.conf; else ucf --three-way /usr/share/a/a.conf /etc/a/a.conf; fi\n' +
          'new="$(mktemp)"\nucf --debconf-ok "$new" /etc/ssh/sshd_config\nchmod 600 /etc/ssh/sshd_config\n' +
          'cp -r /usr/share/a/site /var/lib/a/ROOT\ncp /usr/share/a/a.conf /etc/kept\n' +
          'install -m 0640 -o daemon1 /usr/share/a/a.conf /etc/a/own.conf\n' +
          'cp /usr/share/a/a.conf /usr/bin/a\ncp /etc/a/a.conf /etc/a/a.conf.dpkg-old\n' +
          'touch /var/log/a.log /var/run/a.flag\nchown daemon1 /var/log/a.log\n',
      },
      { name: 'b', entries: [testFile('usr/share/b/other')] },
    );
    expect(text(tree, 'etc/a/a.conf')).toBe('from a');
    expect(text(tree, 'etc/ssh/sshd_config')).toBe('Port 22');
    expect(at(tree, 'etc/ssh/sshd_config')).toMatchObject({ mode: 0o600 });
    expect(text(tree, 'var/lib/a/ROOT/index.html')).toBe('page');
    expect(at(tree, 'etc/a/own.conf')).toMatchObject({ mode: 0o640, uid: 101 });
    expect(at(tree, 'var/log/a.log')).toMatchObject({ kind: 'file', uid: 101 });
    for (const path of ['etc/kept', 'usr/bin/a', 'etc/a/a.conf.dpkg-old', 'run/a.flag', 'var/run/a.flag'])
      expect(at(tree, path)).toBeUndefined();
  });

  it('gives away what a search finds', () => {
    const tree = declare({
      name: 'mariadb-server',
      entries: [testDirectory('var/lib/mysql'), testDirectory('usr/share/mysql'), testFile('srv/x')],
      postinst:
        'dir=/var/lib/mysql\nadduser --system --group mysql\n' +
        'find $dir ! -uid "$(id -u mysql)" -print0 | xargs -0 -r chown mysql\n' +
        'find /srv -name "*.pid" -print0 | xargs -0 chown mysql\n',
    });
    expect(at(tree, 'var/lib/mysql')).toMatchObject({ kind: 'directory', uid: 101, gid: 0 });
    expect(at(tree, 'srv/x')).toBeUndefined();
  });

  it('switches on modules and sites of Apache and PHP', () => {
    const tree = declare(
      {
        name: 'apache2',
        entries: [
          testFile('etc/apache2/mods-available/mpm_event.load'),
          testFile('etc/apache2/mods-available/mpm_prefork.load'),
          testFile('etc/apache2/mods-available/auth_basic.load', '# Depends: authn_core\nLoadModule x\n'),
          testFile('etc/apache2/mods-available/authn_core.load'),
          testFile('etc/apache2/mods-available/alias.load'),
          testFile('etc/apache2/mods-available/alias.conf'),
          testFile('etc/apache2/mods-available/off.load'),
          testFile('etc/apache2/sites-available/000-default.conf'),
          testFile('etc/apache2/conf-available/charset.conf'),
        ],
        postinst:
          'a2enmod -m -q mpm_event\nfor module in auth_basic alias nosuch; do a2enmod -m -q $module; done\n' +
          'a2enconf -m -q charset\na2ensite -q 000-default\n',
      },
      {
        name: 'php',
        entries: [
          testFile('usr/share/php/pdo.ini', '; priority=10\nextension=pdo.so\n'),
          testFile('usr/lib/php/8.2/sapi/cli'),
          testFile('usr/lib/php/8.2/sapi/fpm'),
        ],
        postinst:
          'if apache2_switch_mpm prefork; then return 0; fi\nini=pdo.ini\n' +
          'ucf /usr/share/php/$ini /etc/php/8.2/mods-available/$ini\nphp_invoke enmod 8.2 ALL pdo\n',
      },
    );
    const enabled = (folder: string) =>
      tree.map(({ path }) => path).filter((path) => path.startsWith(`etc/apache2/${folder}-enabled/`));
    expect(enabled('mods').map((path) => path.slice(path.lastIndexOf('/') + 1))).toEqual([
      'alias.conf',
      'alias.load',
      'auth_basic.load',
      'authn_core.load',
      'mpm_prefork.load',
    ]);
    expect(target(tree, 'etc/apache2/mods-enabled/alias.load')).toBe('../mods-available/alias.load');
    expect(enabled('conf')).toEqual(['etc/apache2/conf-enabled/charset.conf']);
    expect(enabled('sites')).toEqual(['etc/apache2/sites-enabled/000-default.conf']);
    for (const sapi of ['cli', 'fpm']) {
      expect(target(tree, `etc/php/8.2/${sapi}/conf.d/10-pdo.ini`)).toBe(
        '/etc/php/8.2/mods-available/pdo.ini',
      );
    }
  });

  it('finds PostgreSQL’s programs without a path, the newest of each name', () => {
    const tree = declare({
      name: 'postgresql',
      entries: [
        testFile('usr/lib/postgresql/9/bin/postgres'),
        testFile('usr/lib/postgresql/15/bin/postgres'),
        testFile('usr/lib/postgresql/15/bin/psql'),
        testFile('usr/bin/psql'),
      ],
    });
    expect(target(tree, 'usr/bin/postgres')).toBe('../lib/postgresql/15/bin/postgres');
    expect(at(tree, 'usr/bin/psql')).toBeUndefined();
  });

  it('makes the store of certificates that Java trusts', () => {
    const pem = '-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n';
    const tree = declare(
      { name: 'ca-certificates', entries: [testFile('usr/share/ca-certificates/mozilla/A.crt', pem)] },
      { name: 'ca-certificates-java', entries: [testDirectory('etc/ssl/certs/java')] },
    );
    const store = Buffer.from(text(tree, 'etc/ssl/certs/java/cacerts')!, 'latin1');
    expect(store.includes('debian:a.pem')).toBe(true);
    expect(at(declare({ name: 'x' }), 'etc/ssl/certs/java/cacerts')).toBeUndefined();
  });

  it('assembles certificates, the time zone and a shell', () => {
    const tree = declare(
      { name: 'ca-certificates', entries: [testFile('usr/share/ca-certificates/mozilla/A.crt', 'PEM A\n')] },
      { name: 'tzdata', entries: [testFile('usr/share/zoneinfo/Etc/UTC')] },
      { name: 'bash', entries: [testFile('bin/bash')] },
    );
    expect(text(tree, 'etc/ssl/certs/ca-certificates.crt')).toBe('PEM A\n');
    expect(target(tree, 'etc/ssl/certs/A.pem')).toBe('/usr/share/ca-certificates/mozilla/A.crt');
    expect(target(tree, 'usr/lib/ssl/certs')).toBe('/etc/ssl/certs');
    expect(target(tree, 'etc/localtime')).toBe('/usr/share/zoneinfo/Etc/UTC');
    expect(text(tree, 'etc/timezone')).toBe('Etc/UTC\n');
    expect(target(tree, 'usr/bin/sh')).toBe('bash');
  });

  it('says which Debian it is where base-files is left out', () => {
    const tree = declareRoot({ packages: [], release: { codename: 'bookworm', version: '12.15' } });
    expect(text(tree, 'usr/lib/os-release')).toContain('PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n');
    const own = pack({ name: 'base-files', entries: [testFile('usr/lib/os-release')] });
    expect(
      at(declareRoot({ packages: [own], release: { codename: 'bookworm' } }), 'etc/os-release'),
    ).toBeUndefined();
  });

  it('finds programs of /usr/sbin in /usr/bin, unless dpkg manages the root', () => {
    const entries = [
      testFile('usr/sbin/nginx', 'x', 0o755),
      testFile('usr/sbin/both', 'x', 0o755),
      testFile('usr/bin/both', 'y', 0o755),
      testFile('usr/sbin/data', 'x'),
      testLink('usr/sbin/alias', 'nginx'),
    ];
    const tree = declare({ name: 'a', entries });
    expect(target(tree, 'usr/bin/nginx')).toBe('../sbin/nginx');
    expect(target(tree, 'usr/bin/alias')).toBe('../sbin/alias');
    for (const name of ['both', 'data']) expect(at(tree, `usr/bin/${name}`)).toBeUndefined();
    const managed = declareRoot({ packages: [pack({ name: 'a', entries })], managed: true });
    expect(at(managed, 'usr/bin/nginx')).toBeUndefined();
  });

  it('gives capabilities, modes by letters, and files that a pattern matches', () => {
    const entries = [
      testFile('usr/bin/ping', 'ping', 0o755),
      testFile('usr/lib/pinger', 'p', 0o755),
      testFile('etc/bind/named.conf', 'a'),
      testFile('etc/bind/named.conf.local', 'b', 0o600),
      testFile('etc/bind/other', 'c'),
      testFile('etc/init.d/x', 'x', 0o755),
    ];
    const tree = declare({
      name: 'a',
      entries,
      postinst: `PROGRAM=$(dpkg-divert --truename /bin/ping)
if setcap cap_net_raw+ep $PROGRAM; then chmod u-s $PROGRAM; else chmod u+s $PROGRAM; fi
chmod u+s /usr/lib/pinger
chgrp mail /etc/bind/named.conf*
chmod g+w,o-r /etc/bind/named.conf*
chmod g+s /etc/bind
chmod +x /etc/init.d/x
`,
    });
    const ping = at(tree, 'usr/bin/ping');
    expect(ping).toMatchObject({ kind: 'file', mode: 0o755 });
    expect(Buffer.from(ping!.xattrs!.get('security.capability')!).toString('hex')).toBe(
      '0100000200200000000000000000000000000000',
    );
    expect(at(tree, 'usr/lib/pinger')).toMatchObject({ mode: 0o4755 });
    expect(at(tree, 'etc/bind/named.conf')).toMatchObject({ mode: 0o660, gid: 8 });
    expect(at(tree, 'etc/bind/named.conf.local')).toMatchObject({ mode: 0o620, gid: 8 });
    expect(at(tree, 'etc/bind')).toMatchObject({ mode: 0o2755 });
    for (const path of ['etc/bind/other', 'etc/init.d/x']) expect(at(tree, path)).toBeUndefined();
    const asked = declare({ name: 'a', entries, postinst: 'db_get a/b\nsetcap cap_net_raw+ep /bin/ping\n' });
    expect(at(asked, 'usr/bin/ping')).toBeUndefined();
  });

  it('has the text that scripts write, where it is known and no package has the file', () => {
    const tree = declare({
      name: 'a',
      entries: [testFile('etc/kept', 'kept')],
      postinst: `F=/etc/hosts.allow
if [ ! -e $F ]; then cat > $F <<EOF
# text
ALL: local
EOF
fi
echo 'protocols = $protocols imap' > /usr/share/dovecot/imapd.protocol
echo mine > /etc/kept
echo more >> /etc/appended
echo "$(date)" > /etc/date
echo note > /var/lib/dpkg/note
cat > /etc/computed <<EOF
$(date)
EOF
cat > /etc/literal <<'EOF'
$HOME
EOF
`,
    });
    expect(text(tree, 'etc/hosts.allow')).toBe('# text\nALL: local\n');
    expect(text(tree, 'usr/share/dovecot/imapd.protocol')).toBe('protocols = $protocols imap\n');
    expect(text(tree, 'etc/literal')).toBe('$HOME\n');
    for (const path of ['etc/kept', 'etc/appended', 'etc/date', 'etc/computed', 'var/lib/dpkg/note'])
      expect(at(tree, path), path).toBeUndefined();
  });

  it('compiles the MIME types of all packages, where shared-mime-info is among them', () => {
    const types = (name: string) =>
      `<mime-info><mime-type type="a/${name}"><glob pattern="*.${name}"/></mime-type></mime-info>`;
    const packages = 'usr/share/mime/packages';
    const extra = { name: 'extra', entries: [testFile(`${packages}/extra.xml`, types('extra'))] };
    const own = { name: 'own', entries: [testFile(`${packages}/freedesktop.org.xml`, types('own'))] };
    const cache = text(declare(extra, own), 'usr/share/mime/mime.cache');
    expect(cache).toContain('a/extra');
    expect(cache).toContain('a/own');
    expect(at(declare(extra), 'usr/share/mime/mime.cache')).toBeUndefined();
  });

  it('makes folders of owners that are written against their options, or named after the machine', () => {
    const tree = declare({
      name: 'a',
      postinst: `adduser --system --group a
install -d -oa -gadm -m2750 /var/log/a
dir=/var/lib/a/$(uname -n)
install -o a -g a -d $dir
echo "see http://$(uname -n)/a" > /etc/a.conf`,
    });
    expect(at(tree, 'var/log/a')).toMatchObject({ mode: 0o2750, uid: 101, gid: 4 });
    expect(at(tree, 'var/lib/a')).toMatchObject({ kind: 'directory', uid: 101 });
    expect(at(tree, 'etc/a.conf')).toBeUndefined();
  });

  it('makes what scripts ask the package itself or debconf for', () => {
    const tree = declare(
      { name: 'squid', entries: [testDirectory('var/log/squid'), testDirectory('var/spool/squid')] },
      { name: 'cups', entries: [testFile('usr/lib/cups/backend-available/socket')] },
    );
    expect(at(tree, 'var/log/squid')).toMatchObject({ uid: 13, gid: 13 });
    expect(at(tree, 'usr/lib/cups/backend/socket')).toMatchObject({ target: '../backend-available/socket' });
    expect(at(tree, 'usr/lib/cups/backend/lpd')).toBeUndefined();
  });

  it('lists certificates for the script that makes the bundle again, where that can run', () => {
    const certificates = [
      testFile('usr/share/ca-certificates/mozilla/b.crt', 'B'),
      testFile('usr/share/ca-certificates/mozilla/a.crt', 'A'),
      testFile('usr/sbin/update-ca-certificates'),
    ];
    const entries = [...certificates, testFile('usr/bin/openssl')];
    expect(text(declare({ name: 'ca', entries }), 'etc/ca-certificates.conf')).toBe(
      'mozilla/a.crt\nmozilla/b.crt\n',
    );
    expect(at(declare({ name: 'ca', entries: certificates }), 'etc/ca-certificates.conf')).toBeUndefined();
  });

  it('reads past dollars before quotes, programs by their paths, and owners without their groups', () => {
    const tree = declare({
      name: 'a',
      entries: [testDirectory('var/lib/a'), testDirectory('var/log/a')],
      postinst: `if list | grep -q "^${'$'}{USER}$"; then echo "there's"; fi
CHOWN=/bin/chown
adduser --system --group a
$CHOWN -- "a:a" /var/lib/a
chown a: /var/log/a`,
    });
    for (const path of ['var/lib/a', 'var/log/a'])
      expect(at(tree, path)).toMatchObject({ uid: 101, gid: 101 });
  });

  it('links what lies beside a link, and takes a template by its folder where another has the name', () => {
    const tree = declare({
      name: 'a',
      entries: [
        testFile('etc/a/available/site'),
        testFile('usr/share/a/config', 'template'),
        testFile('usr/share/b/config', 'other'),
        testFile('usr/share/a/a.yml.example', 'example'),
      ],
      postinst: `for site in site none; do ln -s ../available/$site /etc/a/enabled/$site; done
sed s/x/y/ /usr/share/a/config > /etc/a/config.ucftmp
ucf --three-way /etc/a/config.ucftmp /etc/a/config
ucf --three-way "$(mktemp)" /etc/a/a.yml`,
    });
    expect(at(tree, 'etc/a/enabled/site')).toMatchObject({ target: '../available/site' });
    expect(at(tree, 'etc/a/enabled/none')).toBeUndefined();
    expect(text(tree, 'etc/a/config')).toBe('template');
    expect(text(tree, 'etc/a/a.yml')).toBe('example');
  });

  it('does not depend on the order of packages', () => {
    const specs: Spec[] = [
      { name: 'a', postinst: 'adduser --system --group x' },
      { name: 'b', postinst: 'adduser --system --group w', entries: [testDirectory('srv', 0o700)] },
      { name: 'c', entries: [testDirectory('srv')] },
    ];
    expect(declare(...specs)).toEqual(declare(...[...specs].reverse()));
    expect(at(declare(...specs), 'srv')).toMatchObject({ mode: 0o700 });
  });

  it('never puts anything through a package’s symlink', () => {
    const tree = declare({
      name: 'a',
      entries: [testLink('var/lib/a', '/etc')],
      postinst: 'mkdir -p /var/lib/a/x ../y relative\nchown nobody /var/lib/a/passwd\nchmod 0 /../etc',
    });
    expect(
      tree.filter(({ path }) => path.startsWith('var/lib/a') || (path.includes('y') && path === 'y')),
    ).toEqual([]);
  });
});

describe('two packages with one path', () => {
  const one = { name: 'one', entries: [testFile('usr/bin/x', 'one')] };
  const two = { name: 'two', entries: [testFile('usr/bin/x', 'two')] };

  it('is an error that names both', () => {
    expect(codeOf(() => declare(one, two))).toBe('debian/file-conflict');
    expect(() => declare(one, two)).toThrow('one 1.0 and two 1.0 both have /usr/bin/x');
  });

  it('is settled by Replaces, in the versions it names', () => {
    expect(text(declare(one, { ...two, fields: { replaces: 'one (<< 2)' } }), 'usr/bin/x')).toBe('two');
    expect(text(declare({ ...one, fields: { replaces: 'two' } }, two), 'usr/bin/x')).toBe('one');
    expect(codeOf(() => declare(one, { ...two, fields: { replaces: 'one (<< 1)' } }))).toBe(
      'debian/file-conflict',
    );
  });

  it('is settled by a diversion', () => {
    const diverting = {
      ...two,
      preinst: 'dpkg-divert --package two --rename --divert /usr/bin/x.real --add /usr/bin/x',
    };
    const tree = declare(one, diverting);
    expect(text(tree, 'usr/bin/x')).toBe('two');
    expect(text(tree, 'usr/bin/x.real')).toBe('one');
  });

  it('is refused when one lies below the other’s symlink', () => {
    const link = { name: 'link', entries: [testLink('usr/lib/x', '/etc')] };
    const file = { name: 'file', entries: [testFile('usr/lib/x/passwd')] };
    expect(codeOf(() => declare(link, file))).toMatch(/^debian\/(?:file-conflict|unsafe-entry)$/);
  });
});
