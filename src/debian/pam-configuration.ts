// /etc/pam.d/common-*, as pam-auth-update(8) makes them of the profiles that packages have in /usr/share/pam-configs: su,
// cron, sshd and the like read them, and let nobody in without. Leaves out what an administrator has chosen otherwise.
import type { ByteString } from '../foundation/byte-string.ts';
import type { RootDraft } from './root-draft.ts';

/** A profile's fields by name, those of several lines included. */
type Profile = ReadonlyMap<string, string>;

const files = [
  { name: 'account', kind: 'Account', interactive: true },
  { name: 'auth', kind: 'Auth', interactive: true },
  { name: 'password', kind: 'Password', interactive: true },
  { name: 'session', kind: 'Session', interactive: true },
  { name: 'session-noninteractive', kind: 'Session', interactive: false },
] as const;

/** Fills each template of /usr/share/pam that has no file in /etc/pam.d yet. */
export function declarePam(draft: RootDraft, textAt: (path: ByteString) => string | undefined): void {
  const profiles = draft
    .below('usr/share/pam-configs/')
    .flatMap(({ path }) => textAt(path) ?? [])
    .map(readProfile)
    .filter((profile) => profile.get('Default') === 'yes')
    .sort((a, b) => Number(b.get('Priority') ?? 0) - Number(a.get('Priority') ?? 0));
  for (const { name, kind, interactive } of files) {
    const template = textAt(`usr/share/pam/common-${name}`);
    const place = `etc/pam.d/common-${name}`;
    if (template === undefined || draft.get(place) !== undefined) continue;
    const wanted = profiles.filter(
      (profile) => interactive || !/^(?:yes|true|1)$/.test(profile.get('Session-Interactive-Only') ?? ''),
    );
    const block = (type: 'Primary' | 'Additional') => {
      const members = wanted.filter((profile) => profile.get(`${kind}-Type`) === type);
      return members.map(
        (profile, index) =>
          (index === 0 ? profile.get(`${kind}-Initial`) : undefined) ?? profile.get(kind) ?? '',
      );
    };
    const type = kind.toLowerCase();
    // Without a module of its own, a stack lets through.
    const primary = block('Primary');
    const text = template
      .replace(`$${type}_primary`, () =>
        writeBlock(type, primary.length === 0 ? ['[default=1]\t\t\tpam_permit.so'] : primary),
      )
      .replace(`$${type}_additional`, () => writeBlock(type, block('Additional')));
    draft.putFile(place, text);
  }
}

/** RFC 822 style: a field, and lines below it that begin with blanks. */
function readProfile(text: string): Profile {
  const fields = new Map<string, string>();
  let name: string | undefined;
  for (const line of text.split('\n')) {
    const match = /^([A-Za-z-]+):\s*(.*)$/.exec(line);
    if (match !== null) {
      name = match[1]!;
      fields.set(name, match[2]!.trim());
    } else if (name !== undefined && /^\s+\S/.test(line)) {
      fields.set(name, [fields.get(name), line.trim()].filter((part) => part !== '').join('\n'));
    }
  }
  return fields;
}

/** Lines of a stack; `end` in a control jumps past the line that denies, behind the last of them. */
function writeBlock(type: string, members: readonly string[]): string {
  const lines = members.flatMap((member) => member.split('\n').filter((line) => line !== ''));
  return lines
    .map((line, index) => `${type}\t${line.replace(/=end\b/g, `=${lines.length - index}`)}`)
    .join('\n');
}
