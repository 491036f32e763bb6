import { describe, expect, it } from 'vitest';
import { AccountRequests, writeGroup, writeGshadow, writePasswd, writeShadow } from './accounts.ts';

function requestsOf(...lines: string[]): AccountRequests {
  const requests = new AccountRequests();
  for (const line of lines) requests.readCommand(line.split(' '));
  return requests;
}

const newUsers = (requests: AccountRequests) =>
  writePasswd(requests.allocate())
    .split('\n')
    .filter((line) => Number(line.split(':')[2]) >= 100 && !line.startsWith('nobody'));

describe('AccountRequests', () => {
  it('gives the fixed accounts of Debian', () => {
    const accounts = new AccountRequests().allocate();
    expect(writePasswd(accounts)).toContain('root:x:0:0:root:/root:/bin/bash\n');
    expect(writePasswd(accounts)).toContain('www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin\n');
    expect(writeGroup(accounts)).toContain('shadow:x:42:\n');
    expect(writeShadow(accounts)).toContain('root:*:1:0:99999:7:::\n');
    expect(writeGshadow(accounts)).toContain('staff:*::\n');
  });

  it('numbers new accounts by name, whatever the order asked in', () => {
    const lines = [
      'adduser --system --quiet --group --home /var/lib/b --shell /bin/sh b',
      'addgroup --system --quiet a',
      'adduser --quiet b a',
    ];
    const accounts = requestsOf(...lines).allocate();
    expect(requestsOf(...lines.reverse()).allocate()).toEqual(accounts);
    expect(accounts.users.at(-1)).toMatchObject({
      name: 'b',
      uid: 102,
      gid: 102,
      home: '/var/lib/b',
      shell: '/bin/sh',
    });
    expect(accounts.groups.slice(-2)).toEqual([
      { name: 'a', gid: 101, members: ['b'] },
      { name: 'b', gid: 102, members: [] },
    ]);
    expect([...accounts.homes]).toEqual([['/var/lib/b', 'b']]);
  });

  it('follows the defaults of adduser and useradd', () => {
    expect(newUsers(requestsOf('adduser --system x'))).toEqual([
      'x:x:101:65534::/nonexistent:/usr/sbin/nologin',
    ]);
    expect(
      newUsers(requestsOf('adduser --system --ingroup www-data --no-create-home --home /srv x')),
    ).toEqual(['x:x:101:33::/srv:/usr/sbin/nologin']);
    expect(newUsers(requestsOf('groupadd -r g', 'useradd -r -g g -d /h -s /bin/false -u 150 x'))).toEqual([
      'x:x:150:101::/h:/bin/false',
    ]);
    expect(
      newUsers(requestsOf('adduser --system --group --uid 120 x', 'adduser --system --group w')),
    ).toEqual(['w:x:101:101::/nonexistent:/usr/sbin/nologin', 'x:x:120:120::/nonexistent:/usr/sbin/nologin']);
  });

  it('takes numbers asked for before it gives any out', () => {
    const accounts = requestsOf('groupadd -g 101 taken', 'addgroup --system a').allocate();
    expect(accounts.groups.slice(-2).map(({ name, gid }) => `${name} ${gid}`)).toEqual([
      'taken 101',
      'a 102',
    ]);
  });

  it('reads sysusers.d', () => {
    const requests = new AccountRequests();
    requests.readSysusers(
      '# c\ng input - -\nu _chrony 123:33 "Chrony daemon" /var/lib/chrony\nu plain -\nm plain input\n',
    );
    const accounts = requests.allocate();
    expect(accounts.users.slice(-2).map(({ name, uid, gid, gecos }) => [name, uid, gid, gecos])).toEqual([
      ['plain', 102, 102, ''],
      ['_chrony', 123, 33, 'Chrony daemon'],
    ]);
    expect(accounts.groups.find(({ name }) => name === 'input')).toEqual({
      name: 'input',
      gid: 101,
      members: ['plain'],
    });
  });

  it('prefers base-passwd’s own master files', () => {
    const accounts = new AccountRequests().allocate({
      passwd: 'root:*:0:0:root:/root:/bin/sh\n',
      group: 'root:*:0:\nwheel:*:10:root\n',
    });
    expect(writePasswd(accounts)).toBe('root:x:0:0:root:/root:/bin/sh\n');
    expect(writeGroup(accounts)).toBe('root:x:0:\nwheel:x:10:root\n');
  });

  it('passes over names that would break the files', () => {
    expect(newUsers(requestsOf('adduser --system a:b', 'adduser --system', 'useradd ../x'))).toEqual([]);
  });
});
