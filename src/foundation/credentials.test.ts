import { expect, it } from 'vitest';
import { redactCredentials, withoutCredentials } from './credentials.ts';

it.each([
  ['git clone https://me:p@ss@example.org/x', 'git clone https://example.org/x'],
  ['from https://token@example.org/x and ssh://git@host/y', 'from https://example.org/x and ssh://host/y'],
  ['FROM me:secret@registry.example.org/app:1', 'FROM registry.example.org/app:1'],
  ['python:3.11@sha256:0123', 'python:3.11@sha256:0123'],
  ['git@example.org:owner/x', 'git@example.org:owner/x'],
  ['https://example.org/a@b?c=d@e', 'https://example.org/a@b?c=d@e'],
  ['a:b@', 'a:b@'],
  [
    'curl "https://example.org/x?edition=City&license_key=abc&suffix=gz"',
    'curl "https://example.org/x?edition=City&license_key=***&suffix=gz"',
  ],
  ['https://example.org/x?X-Amz-Signature=ab#c', 'https://example.org/x?X-Amz-Signature=***#c'],
  ['https://example.org/x?op=get&design=1&tokens=2', 'https://example.org/x?op=get&design=1&tokens=2'],
])('%s is told as %s', (text, told) => {
  expect(redactCredentials(text)).toBe(told);
});

it('leaves what is no URL as it is', () => {
  expect(withoutCredentials('https://me:p@ss@example.org/x@1')).toBe('https://example.org/x@1');
  expect(withoutCredentials('https://example.org/x?private_token=1&a=2')).toBe(
    'https://example.org/x?private_token=&a=2',
  );
  expect(withoutCredentials('me:x@example.org')).toBe('me:x@example.org');
});
