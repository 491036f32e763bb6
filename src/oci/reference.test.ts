import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isTrimaranError } from '../foundation/error.ts';
import { parseReference, withDefaultTag, writeFamiliarReference, writeReference } from './reference.ts';

const digest = `sha256:${'0123456789abcdef'.repeat(4)}`;

describe('parseReference', () => {
  it('does not repeat what looks like a user and password', () => {
    try {
      parseReference('alice:hunter2@localhost:5000/app:1');
      expect.unreachable();
    } catch (error) {
      expect(isTrimaranError(error, 'oci/bad-reference')).toBe(true);
      expect(String(error)).not.toContain('hunter2');
    }
  });

  it.each([
    ['nginx', 'docker.io/library/nginx', 'nginx'],
    ['nginx:1.25', 'docker.io/library/nginx:1.25', 'nginx:1.25'],
    ['user/app', 'docker.io/user/app', 'user/app'],
    ['docker.io/nginx', 'docker.io/library/nginx', 'nginx'],
    ['index.docker.io/user/app:a', 'docker.io/user/app:a', 'user/app:a'],
    ['localhost/app', 'localhost/app', 'localhost/app'],
    ['localhost:5000/app:1', 'localhost:5000/app:1', 'localhost:5000/app:1'],
    ['[::1]:5000/a/b', '[::1]:5000/a/b', '[::1]:5000/a/b'],
    ['ghcr.io/a/b.c_d__e---f:T_1.x', 'ghcr.io/a/b.c_d__e---f:T_1.x', 'ghcr.io/a/b.c_d__e---f:T_1.x'],
    ['Registry/app', 'Registry/app', 'Registry/app'],
    [`nginx@${digest}`, `docker.io/library/nginx@${digest}`, `nginx@${digest}`],
    [`a.b/c:t@${digest}`, `a.b/c:t@${digest}`, `a.b/c:t@${digest}`],
  ])('reads %s', (text, full, familiar) => {
    const reference = parseReference(text);
    expect(writeReference(reference)).toBe(full);
    expect(writeFamiliarReference(reference)).toBe(familiar);
    expect(parseReference(familiar)).toEqual(reference);
    expect(parseReference(full)).toEqual(reference);
  });

  it.each([
    ['', 'it is empty'],
    ['a b', 'white space'],
    ['App', 'upper-case'],
    ['a//b', 'between slashes'],
    ['a/', 'between slashes'],
    ['/a', 'between slashes'],
    [':tag', 'the name is missing'],
    ['app:', 'the tag ""'],
    ['app:.x', 'the tag'],
    [`app:${'x'.repeat(129)}`, 'the tag'],
    ['app@sha256:12', 'the digest'],
    ['app@md5:12', 'the digest'],
    ['a___b', 'separators'],
    ['a.-b', 'separators'],
    ['host:99999/a', 'not a port'],
    ['ho_st.x:1/a', 'not a host name'],
    ['f'.repeat(64), 'image id'],
    [`${'a/'.repeat(130)}b`, 'longer than 255'],
    ['ä', 'separators'],
  ])('refuses %j', (text, why) => {
    expect(() => parseReference(text)).toThrowError(why);
    expect(() => parseReference(text)).toThrowError(expect.objectContaining({ code: 'oci/bad-reference' }));
  });

  it('adds the default tag only where neither tag nor digest is', () => {
    expect(withDefaultTag(parseReference('a')).tag).toBe('latest');
    expect(withDefaultTag(parseReference('a:1')).tag).toBe('1');
    expect(withDefaultTag(parseReference(`a@${digest}`)).tag).toBeUndefined();
  });

  it('reads back whatever it accepts', () => {
    const part = fc.stringMatching(/^[a-z0-9.:/@_\-[\]A-Z]{0,20}$/);
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(part).map((parts) => parts.join('/')),
        ),
        (text) => {
          try {
            const reference = parseReference(text);
            expect(parseReference(writeReference(reference))).toEqual(reference);
            expect(parseReference(writeFamiliarReference(reference))).toEqual(reference);
          } catch (error) {
            if (!isTrimaranError(error, 'oci/bad-reference')) throw error;
          }
        },
      ),
      { numRuns: 2000 },
    );
  });
});
