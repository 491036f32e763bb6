// Users and groups: the fixed ones of every Debian system, those that packages' scripts and sysusers.d(5) files ask
// for, and the four files that hold them (passwd(5), group(5), shadow(5), gshadow(5)). No account has a password.
import type { ScriptCommand } from './script-reader.ts';

interface User {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly gecos: string;
  readonly home: string;
  readonly shell: string;
}

interface Group {
  readonly name: string;
  readonly gid: number;
  readonly members: readonly string[];
}

export interface Accounts {
  readonly users: readonly User[];
  readonly groups: readonly Group[];
  /** Home directories to make, by absolute path, with their owners' names. */
  readonly homes: ReadonlyMap<string, string>;
}

/** Ids that Debian Policy 9.2.2 fixes, in the form of base-passwd's master files, for images without that package. */
const fixedPasswd = `root:*:0:0:root:/root:/bin/bash
daemon:*:1:1:daemon:/usr/sbin:/usr/sbin/nologin
bin:*:2:2:bin:/bin:/usr/sbin/nologin
sys:*:3:3:sys:/dev:/usr/sbin/nologin
sync:*:4:65534:sync:/bin:/bin/sync
games:*:5:60:games:/usr/games:/usr/sbin/nologin
man:*:6:12:man:/var/cache/man:/usr/sbin/nologin
lp:*:7:7:lp:/var/spool/lpd:/usr/sbin/nologin
mail:*:8:8:mail:/var/mail:/usr/sbin/nologin
news:*:9:9:news:/var/spool/news:/usr/sbin/nologin
uucp:*:10:10:uucp:/var/spool/uucp:/usr/sbin/nologin
proxy:*:13:13:proxy:/bin:/usr/sbin/nologin
www-data:*:33:33:www-data:/var/www:/usr/sbin/nologin
backup:*:34:34:backup:/var/backups:/usr/sbin/nologin
list:*:38:38:Mailing List Manager:/var/list:/usr/sbin/nologin
irc:*:39:39:ircd:/run/ircd:/usr/sbin/nologin
_apt:*:42:65534::/nonexistent:/usr/sbin/nologin
nobody:*:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
`;

const fixedGroups =
  'root 0 daemon 1 bin 2 sys 3 adm 4 tty 5 disk 6 lp 7 mail 8 news 9 uucp 10 man 12 proxy 13 kmem 15 dialout 20 fax 21 ' +
  'voice 22 cdrom 24 floppy 25 tape 26 sudo 27 audio 29 dip 30 www-data 33 backup 34 operator 37 list 38 irc 39 src 40 ' +
  'shadow 42 utmp 43 video 44 sasl 45 plugdev 46 staff 50 games 60 users 100 nogroup 65534';

const fixedGroup = fixedGroups.replace(/(\S+) (\d+) ?/g, '$1:*:$2:\n');

/** First id for accounts that name none; 100 is the group `users`. */
const firstDynamicId = 101;
const namePattern = /^[A-Za-z_][A-Za-z0-9_.-]{0,31}$/;

/** Options of adduser and addgroup that take a value. */
const adduserValues = 'home shell gecos comment uid gid ingroup conf firstuid lastuid firstgid lastgid';

interface UserRequest {
  uid?: number;
  /** Primary group by name or number; a group of the user's own name when `own`. */
  group?: string;
  own: boolean;
  gecos: string;
  home: string;
  shell: string;
  makeHome: boolean;
}

/** Collects what is asked for, then gives numbers to all at once, so that the order of packages does not matter. */
export class AccountRequests {
  private readonly users = new Map<string, UserRequest>();
  private readonly groups = new Map<string, number | undefined>();
  private readonly members: { readonly user: string; readonly group: string }[] = [];

  /** Takes up a command of a maintainer script when it is one of adduser's or shadow's; others are passed over. */
  readCommand(command: ScriptCommand): void {
    const [program, ...words] = command;
    switch (program?.slice(program.lastIndexOf('/') + 1)) {
      case 'adduser':
        this.readAdduser(words);
        return;
      case 'addgroup': {
        const { options, rest } = splitWords(words, adduserValues);
        if (rest[1] === undefined) this.addGroup(rest[0], numberOf(options.get('gid')));
        else this.addMember(rest[0], rest[1]);
        return;
      }
      case 'useradd':
        this.readUseradd(words);
        return;
      case 'groupadd': {
        const { options, rest } = splitWords(words, 'g gid K key p password R root');
        this.addGroup(rest[0], numberOf(options.get('g') ?? options.get('gid')));
        return;
      }
      case 'usermod': {
        const { options, rest } = splitWords(words, 'G groups d home s shell c comment g gid u uid l login');
        const groups = options.get('G') ?? options.get('groups') ?? options.get('aG');
        for (const group of groups?.split(',') ?? []) this.addMember(rest[0], group);
        return;
      }
      case 'gpasswd': {
        const { options, rest } = splitWords(words, 'a add');
        this.addMember(options.get('a') ?? options.get('add'), rest[0]);
        return;
      }
    }
  }

  /** Takes up the lines of a sysusers.d file; lines with specifiers or paths for ids are passed over. */
  readSysusers(text: string): void {
    for (const line of text.split('\n')) {
      const words = [...line.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)].map((match) => match[1] ?? match[2]!);
      const [type, name, id = '-', gecos = '-', home = '-', shell = '-'] = words;
      if (type === undefined || type.startsWith('#')) continue;
      const given = (value: string) => (value === '-' ? undefined : value);
      if (type === 'g') this.addGroup(name, numberOf(given(id)));
      if (type === 'm') this.addMember(name, given(id));
      if (type !== 'u' && type !== 'u!') continue;
      const [uid, group] = id.split(':');
      this.addUser(name, {
        ...uidOf(uid),
        ...(group === undefined ? {} : { group }),
        own: group === undefined,
        gecos: given(gecos) ?? '',
        home: given(home) ?? '/',
        shell: given(shell) ?? '/usr/sbin/nologin',
        makeHome: false,
      });
    }
  }

  private readAdduser(words: readonly string[]): void {
    const { options, rest } = splitWords(words, adduserValues);
    const [name, group] = rest;
    if (group !== undefined) {
      this.addMember(name, group);
      return;
    }
    if (options.has('group') && !options.has('system')) {
      this.addGroup(name, numberOf(options.get('gid')));
      return;
    }
    const home = options.get('home') ?? (options.has('system') ? '/nonexistent' : `/home/${name}`);
    this.addUser(name, {
      ...uidOf(options.get('uid')),
      ...definedGroup(options.get('ingroup') ?? options.get('gid')),
      own: options.has('group') || !options.has('system'),
      gecos: options.get('gecos') ?? options.get('comment') ?? '',
      home,
      shell: options.get('shell') ?? (options.has('system') ? '/usr/sbin/nologin' : '/bin/bash'),
      makeHome: !options.has('no-create-home') && home !== '/nonexistent',
    });
  }

  private readUseradd(words: readonly string[]): void {
    const { options, rest } = splitWords(
      words,
      'b base-dir c comment d home-dir home e expiredate f inactive g gid G groups k skel K key p password R root s shell u uid',
    );
    const [name] = rest;
    const get = (short: string, long: string) => options.get(short) ?? options.get(long);
    const has = (short: string, long: string) => options.has(short) || options.has(long);
    const home = options.get('d') ?? options.get('home-dir') ?? options.get('home') ?? `/home/${name}`;
    this.addUser(name, {
      ...uidOf(get('u', 'uid')),
      ...definedGroup(get('g', 'gid')),
      own: get('g', 'gid') === undefined && !has('N', 'no-user-group'),
      gecos: get('c', 'comment') ?? '',
      home,
      shell: get('s', 'shell') ?? '/bin/sh',
      makeHome: has('m', 'create-home') && !has('M', 'no-create-home'),
    });
    for (const group of get('G', 'groups')?.split(',') ?? []) this.addMember(name, group);
  }

  private addUser(name: string | undefined, request: UserRequest): void {
    // The first request stands: scripts ask again in branches for systems where the user exists.
    if (name !== undefined && namePattern.test(name) && !this.users.has(name)) this.users.set(name, request);
  }

  private addGroup(name: string | undefined, gid: number | undefined): void {
    if (name !== undefined && namePattern.test(name) && this.groups.get(name) === undefined)
      this.groups.set(name, gid);
  }

  private addMember(user: string | undefined, group: string | undefined): void {
    if (user !== undefined && group !== undefined) this.members.push({ user, group });
  }

  /**
   * All accounts, fixed ones first. `passwd` and `group` are base-passwd's master files, where that package is there.
   * Numbers are given from 101 up by name; a user's own group has the user's number.
   */
  allocate(masters: { readonly passwd?: string; readonly group?: string } = {}): Accounts {
    const users = parsePasswd(masters.passwd ?? fixedPasswd);
    const groups = parseGroup(masters.group ?? fixedGroup);
    const uids = new Set(users.map((user) => user.uid));
    const gids = new Map(groups.map((group) => [group.name, group.gid]));
    const usedGids = new Set(gids.values());
    const newUsers = [...this.users].filter(([name]) => !users.some((user) => user.name === name));
    const newGroups = new Map([...this.groups].filter(([name]) => !gids.has(name)));
    for (const [name, { own }] of newUsers)
      if (own && !gids.has(name) && !newGroups.has(name)) newGroups.set(name, undefined);
    const names = [...new Set([...newUsers.map(([name]) => name), ...newGroups.keys()])].sort();
    // Numbers asked for by name are taken before any is given out.
    for (const [, gid] of newGroups) if (gid !== undefined) usedGids.add(gid);
    for (const [, { uid }] of newUsers) if (uid !== undefined) uids.add(uid);
    const given = new Map<string, number>();
    let next = firstDynamicId;
    for (const name of names) {
      const request = this.users.get(name);
      const isNewUser = newUsers.some(([other]) => other === name);
      const wantsUid = isNewUser && request?.uid === undefined;
      const wantsGid = newGroups.has(name) && newGroups.get(name) === undefined;
      if (!wantsUid && !wantsGid) continue;
      while (uids.has(next) || usedGids.has(next)) next++;
      given.set(name, next++);
    }
    for (const [name, gid] of newGroups) {
      const own = this.users.get(name)?.uid;
      const free = own !== undefined && !usedGids.has(own) ? own : undefined;
      gids.set(name, gid ?? free ?? given.get(name)!);
      usedGids.add(gids.get(name)!);
    }
    const homes = new Map<string, string>();
    for (const [name, request] of newUsers.sort(([a], [b]) => (a < b ? -1 : 1))) {
      const group = request.group ?? (request.own ? name : 'nogroup');
      const gid = gids.get(group) ?? numberOf(group) ?? 65534;
      users.push({
        name,
        uid: request.uid ?? given.get(name)!,
        gid,
        gecos: request.gecos.replace(/[:\n]/g, ' '),
        home: request.home,
        shell: request.shell,
      });
      if (request.makeHome) homes.set(request.home, name);
    }
    const memberships = (name: string) =>
      [
        ...new Set(
          this.members
            .filter(({ user, group }) => group === name && users.some((other) => other.name === user))
            // Membership in one's primary group goes without saying.
            .filter(({ user }) => users.find((other) => other.name === user)!.gid !== gids.get(name))
            .map(({ user }) => user),
        ),
      ].sort();
    const all = [
      ...groups,
      ...[...newGroups.keys()].map((name) => ({ name, gid: gids.get(name)!, members: [] })),
    ];
    return {
      users: [
        ...users.slice(0, users.length - newUsers.length),
        ...byNumber(users.slice(-newUsers.length || users.length), 'uid'),
      ],
      groups: [...all.slice(0, groups.length), ...byNumber(all.slice(groups.length), 'gid')].map((group) => ({
        ...group,
        members: [...new Set([...group.members, ...memberships(group.name)])],
      })),
      homes,
    };
  }
}

function byNumber<Key extends string, Entry extends Readonly<Record<Key, number>>>(
  entries: readonly Entry[],
  key: Key,
): Entry[] {
  return [...entries].sort((a, b) => a[key] - b[key]);
}

function uidOf(text: string | undefined): { uid?: number } {
  const uid = numberOf(text);
  return uid === undefined ? {} : { uid };
}

function definedGroup(group: string | undefined): { group?: string } {
  return group === undefined ? {} : { group };
}

function numberOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}

/** Splits words into options and the rest; `valued` are the options, long or short, that take the next word. */
function splitWords(
  words: readonly string[],
  valued: string,
): { options: Map<string, string>; rest: string[] } {
  const takesValue = new Set(valued.split(' '));
  const options = new Map<string, string>();
  const rest: string[] = [];
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    if (word === '--') {
      rest.push(...words.slice(i + 1));
      break;
    }
    if (!word.startsWith('-') || word === '-') {
      rest.push(word);
      continue;
    }
    const name = word.replace(/^--?/, '');
    const equals = name.indexOf('=');
    if (equals >= 0) options.set(name.slice(0, equals), name.slice(equals + 1));
    else if (takesValue.has(name) || (/^-[a-zA-Z]{2,}$/.test(word) && takesValue.has(name.at(-1)!))) {
      options.set(name, words[++i] ?? '');
    } else {
      options.set(name, '');
      if (/^-[a-zA-Z]{2,}$/.test(word)) for (const letter of name) options.set(letter, '');
    }
  }
  return { options, rest };
}

function parsePasswd(text: string): User[] {
  return linesOf(text).flatMap((line) => {
    const [name, , uid, gid, gecos = '', home = '/', shell = '/bin/sh'] = line.split(':');
    const numbers = [numberOf(uid), numberOf(gid)];
    if (name === undefined || numbers[0] === undefined || numbers[1] === undefined) return [];
    return [{ name, uid: numbers[0], gid: numbers[1], gecos, home, shell }];
  });
}

function parseGroup(text: string): Group[] {
  return linesOf(text).flatMap((line) => {
    const [name, , gid, members = ''] = line.split(':');
    const number = numberOf(gid);
    if (name === undefined || number === undefined) return [];
    return [{ name, gid: number, members: members.split(',').filter((member) => member !== '') }];
  });
}

const linesOf = (text: string) => text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));

/** The text of `/etc/passwd`. */
export function writePasswd({ users }: Accounts): string {
  return users
    .map(({ name, uid, gid, gecos, home, shell }) => `${name}:x:${uid}:${gid}:${gecos}:${home}:${shell}\n`)
    .join('');
}

/** The text of `/etc/group`. */
export function writeGroup({ groups }: Accounts): string {
  return groups.map(({ name, gid, members }) => `${name}:x:${gid}:${members.join(',')}\n`).join('');
}

/** The text of `/etc/shadow`: no password fits, and none ever expires. */
export function writeShadow({ users }: Accounts): string {
  // The day of the last change; 0 would ask for a new password at once.
  return users.map(({ name }) => `${name}:*:1:0:99999:7:::\n`).join('');
}

/** The text of `/etc/gshadow`. */
export function writeGshadow({ groups }: Accounts): string {
  return groups.map(({ name, members }) => `${name}:*::${members.join(',')}\n`).join('');
}
