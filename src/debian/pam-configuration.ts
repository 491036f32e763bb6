// /etc/pam.d/common-*, as pam-auth-update(8) makes them of the profiles that packages have in /usr/share/pam-configs: su,
// cron, sshd and the like read them, and let nobody in without. Where the package that has the templates stays out, which
// is for setting systems up, they are as it makes them for Unix accounts.
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

/** What the package libpam-runtime has, in as many words as it takes. */
const plainTemplate = (type: string) =>
  `$${type}_primary\n${type}\trequisite\tpam_deny.so\n${type}\trequired\tpam_permit.so\n$${type}_additional\n`;
const plainProfile = `Default: yes
Priority: 256
Auth-Type: Primary
Auth: [success=end default=ignore]\tpam_unix.so nullok try_first_pass
Auth-Initial: [success=end default=ignore]\tpam_unix.so nullok
Account-Type: Primary
Account: [success=end new_authtok_reqd=done default=ignore]\tpam_unix.so
Session-Type: Additional
Session: required\tpam_unix.so
Password-Type: Primary
Password: [success=end default=ignore]\tpam_unix.so obscure use_authtok try_first_pass yescrypt
Password-Initial: [success=end default=ignore]\tpam_unix.so obscure yescrypt
`;

/** Makes each common file that services include and no package has. */
export function declarePam(draft: RootDraft, textAt: (path: ByteString) => string | undefined): void {
  const services = draft.below('etc/pam.d/').map(({ path }) => textAt(path) ?? '');
  const hasTemplates = draft.get('usr/share/pam/common-auth') !== undefined;
  if (!hasTemplates && !services.some((text) => /^@include\s+common-/m.test(text))) return;
  const given = draft.below('usr/share/pam-configs/').flatMap(({ path }) => textAt(path) ?? []);
  const profiles = (hasTemplates ? given : [...given, plainProfile])
    .map(readProfile)
    .filter((profile) => profile.get('Default') === 'yes')
    .sort((a, b) => Number(b.get('Priority') ?? 0) - Number(a.get('Priority') ?? 0));
  for (const { name, kind, interactive } of files) {
    const type = kind.toLowerCase();
    const template = hasTemplates ? textAt(`usr/share/pam/common-${name}`) : plainTemplate(type);
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
