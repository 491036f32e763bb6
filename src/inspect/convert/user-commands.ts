// Users and groups that a RUN makes, by useradd, adduser, groupadd and addgroup of Debian, busybox and shadow: an image
// without /etc/passwd can run as a number, so the number is what matters.
import type { Placed } from '../../compose/service.ts';

export interface UserCommand {
  readonly kind: 'user' | 'group';
  readonly name: string;
  /** Undefined where the command leaves it to the system. */
  readonly id: number | undefined;
  /** Name or number of a user's first group, where the command says it. */
  readonly group?: string;
  readonly isSystem: boolean;
}

const commands = /^(?:useradd|adduser|groupadd|addgroup)$/;
/** Options whose value is the next word, of any of the four. */
const withValue =
  /^(?:-[bcdefgGhkKpRsuPZ]|--(?:uid|gid|ingroup|home|home-dir|base-dir|shell|gecos|comment|groups|password|skel|inactive|expiredate|key|root|prefix|conf|firstuid|lastuid|firstgid|lastgid|selinux-user))$/;

/** Reads one command; undefined for any other, and for one that only puts a user into a group. */
export function readUserCommand(name: string, args: readonly string[]): UserCommand | undefined {
  if (!commands.test(name)) return undefined;
  const values = new Map<string, string>();
  const flags = new Set<string>();
  const operands: string[] = [];
  for (let at = 0; at < args.length; at++) {
    const word = args[at]!;
    const [, option, inline] = /^(--[a-z-]+)=(.*)$/.exec(word) ?? [];
    if (option !== undefined) values.set(option, inline!);
    else if (!word.startsWith('-')) operands.push(word);
    else if (takesValue(name, word) && args[at + 1] !== undefined) values.set(lastOption(word), args[++at]!);
    if (/^-[a-zA-Z]+$/.test(word)) for (const letter of word.slice(1)) flags.add(`-${letter}`);
    else if (word.startsWith('--')) flags.add(option ?? word);
  }
  // `adduser app www-data` adds to a group what is there.
  const target = name.endsWith('add') ? operands.at(-1) : operands[0];
  if (target === undefined || (!name.endsWith('add') && operands.length > 1)) return undefined;
  const kind = name.includes('user') ? 'user' : 'group';
  const id = number(
    kind === 'user' ? (values.get('-u') ?? values.get('--uid')) : (values.get('-g') ?? values.get('--gid')),
  );
  const first =
    kind === 'group'
      ? undefined
      : name === 'useradd'
        ? (values.get('-g') ?? values.get('--gid'))
        : (values.get('-G') ?? values.get('--ingroup') ?? values.get('--gid'));
  const isSystem = flags.has('--system') || flags.has(name.endsWith('add') ? '-r' : '-S');
  return { kind, name: target, id, isSystem, ...(first === undefined ? {} : { group: first }) };
}

/** Busybox's `adduser -D`, `-H` and `-S`, and shadow's `-m` and `-r`, stand alone; so do letters joined but the last. */
function takesValue(name: string, word: string): boolean {
  if (word.startsWith('--')) return withValue.test(word);
  const last = `-${word.at(-1)}`;
  if (!withValue.test(last)) return false;
  // `groupadd -f` forces, `addgroup` has no other than -g.
  return name.includes('group')
    ? /^-[gKpRP]$/.test(last)
    : name === 'adduser'
      ? /^-[hgsGuk]$/.test(last)
      : true;
}

function lastOption(word: string): string {
  return word.startsWith('--') ? word : `-${word.at(-1)}`;
}

function number(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}

export interface MadeUser {
  readonly user: UserCommand;
  /** The command, for a remark. */
  readonly shown: string;
}

/** A user whom the recipe makes becomes a number; of the others that it makes only a remark stays. */
export function numberedUser(
  user: Placed<string> | undefined,
  users: readonly Placed<MadeUser>[],
): { readonly value: Placed<string> | undefined; readonly remarks: readonly Placed<string>[] } {
  const made = users.map(({ value }) => value.user);
  const name = user?.value.split(':', 1)[0];
  const numbers =
    user === undefined || /^\d*(?::\d*)?$/.test(user.value) ? undefined : userNumbers(user.value, made);
  const remarks = users.flatMap(({ value, span }) =>
    numbers !== undefined && (value.user.name === name || value.user.kind === 'group')
      ? []
      : [{ value: value.shown, span }],
  );
  if (user === undefined || numbers === undefined) return { value: user, remarks };
  const isGiven = made.some((one) => one.name === name && one.id !== undefined);
  const how = isGiven ? 'its number' : 'the number that it would get';
  const value = `the user ${name} by name, with its home; the image runs as ${numbers}, ${how}`;
  return {
    value: { value: numbers, span: user.span },
    remarks: [...remarks, { value, span: user.span }],
  };
}

/** Numbers that USER means: of names that commands before it made, as the system would number them. */
function userNumbers(user: string, made: readonly UserCommand[]): string | undefined {
  const [name = '', group] = user.split(':', 2);
  const users = numbered(made.filter(({ kind }) => kind === 'user'));
  const groups = numbered(made.filter(({ kind }) => kind === 'group'));
  const uid = /^\d+$/.test(name) ? name : users.get(name);
  if (uid === undefined) return undefined;
  if (group === undefined || group === '') {
    const first = made.find((one) => one.kind === 'user' && one.name === name)?.group;
    const gid = first === undefined ? undefined : /^\d+$/.test(first) ? first : groups.get(first);
    return gid === undefined ? uid : `${uid}:${gid}`;
  }
  // A user gets a group of its own name and number.
  const gid = /^\d+$/.test(group) ? group : (groups.get(group) ?? users.get(group));
  return gid === undefined ? undefined : `${uid}:${gid}`;
}

/** Given numbers, else from 1000 up, and for the system's own from 999 down, as useradd counts. */
function numbered(made: readonly UserCommand[]): Map<string, string> {
  const known = new Map<string, string>();
  let [next, system] = [1000, 999];
  for (const { name, id, isSystem } of made) {
    if (known.has(name)) continue;
    known.set(name, String(id ?? (isSystem ? system-- : next++)));
    if (id !== undefined && id >= next && !isSystem) next = id + 1;
  }
  return known;
}
