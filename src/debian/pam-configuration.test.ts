import { describe, expect, it } from 'vitest';
import { declarePam } from './pam-configuration.ts';
import { RootDraft } from './root-draft.ts';
import { testFile } from './test-archive.ts';

const template = (type: string) =>
  `# ${type}\n$${type}_primary\n${type}\trequisite\tpam_deny.so\n${type}\trequired\tpam_permit.so\n$${type}_additional\n# end\n`;
const unix = `Name: Unix authentication
Default: yes
Priority: 256
Auth-Type: Primary
Auth:
	[success=end default=ignore]	pam_unix.so nullok try_first_pass
Auth-Initial:
	[success=end default=ignore]	pam_unix.so nullok
Session-Type: Additional
Session:
	required	pam_unix.so
`;

function declared(more: Record<string, string> = {}) {
  const texts: Record<string, string> = {
    'usr/share/pam/common-auth': template('auth'),
    'usr/share/pam/common-session': template('session'),
    'usr/share/pam/common-session-noninteractive': template('session'),
    'usr/share/pam-configs/unix': unix,
    ...more,
  };
  const draft = new RootDraft(
    Object.keys(texts)
      .sort()
      .map((path) => testFile(path)),
  );
  declarePam(draft, (path) => texts[path]);
  return (name: string) => {
    const entry = draft.get(`etc/pam.d/common-${name}`);
    return entry?.kind === 'file' && entry.content.kind === 'bytes'
      ? Buffer.from(entry.content.bytes).toString()
      : undefined;
  };
}

describe('declarePam', () => {
  it('makes of the one profile that there is what pam-auth-update makes', () => {
    const common = declared();
    expect(common('auth')).toBe(
      '# auth\nauth\t[success=1 default=ignore]\tpam_unix.so nullok\nauth\trequisite\tpam_deny.so\nauth\trequired\tpam_permit.so\n\n# end\n',
    );
    expect(common('session')).toBe(
      '# session\nsession\t[default=1]\t\t\tpam_permit.so\nsession\trequisite\tpam_deny.so\nsession\trequired\tpam_permit.so\nsession\trequired\tpam_unix.so\n# end\n',
    );
  });

  it('orders several by priority, and counts how far a success jumps', () => {
    const common = declared({
      'usr/share/pam-configs/krb5':
        'Name: Kerberos\nDefault: yes\nPriority: 704\nAuth-Type: Primary\nAuth:\n\t[success=end default=ignore]\tpam_krb5.so\nSession-Type: Additional\nSession-Interactive-Only: yes\nSession:\n\toptional\tpam_krb5.so\n',
      'usr/share/pam-configs/off':
        'Name: Off\nDefault: no\nPriority: 900\nAuth-Type: Primary\nAuth:\n\trequired\tpam_off.so\n',
    });
    expect(common('auth')).toContain(
      'auth\t[success=2 default=ignore]\tpam_krb5.so\nauth\t[success=1 default=ignore]\tpam_unix.so nullok try_first_pass\n',
    );
    expect(common('session')).toContain('pam_krb5.so\nsession\trequired\tpam_unix.so\n');
    expect(common('session-noninteractive')).not.toContain('krb5');
    expect(common('auth')).not.toContain('off');
  });

  it('knows Unix accounts where a service asks and nothing else is there', () => {
    const draft = new RootDraft([testFile('etc/pam.d/su')]);
    declarePam(draft, (path) => (path === 'etc/pam.d/su' ? '@include common-auth\n' : undefined));
    const common = draft.get('etc/pam.d/common-auth');
    expect(
      common?.kind === 'file' &&
        common.content.kind === 'bytes' &&
        Buffer.from(common.content.bytes).toString(),
    ).toBe(
      'auth\t[success=1 default=ignore]\tpam_unix.so nullok\nauth\trequisite\tpam_deny.so\nauth\trequired\tpam_permit.so\n\n',
    );
    expect(draft.get('etc/pam.d/common-session-noninteractive')).toBeDefined();
    const none = new RootDraft([testFile('etc/pam.d/other')]);
    declarePam(none, () => 'auth required pam_deny.so\n');
    expect(none.get('etc/pam.d/common-auth')).toBeUndefined();
  });

  it('keeps a file that a package has', () => {
    expect(declared({ 'etc/pam.d/common-auth': 'mine' })('auth')).not.toContain('pam_unix');
    expect(declared()('account')).toBeUndefined();
  });
});
