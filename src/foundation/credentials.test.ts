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
])('%s is told as %s', (text, told) => {
  expect(redactCredentials(text)).toBe(told);
});

it('leaves what is no URL as it is', () => {
  expect(withoutCredentials('https://me:p@ss@example.org/x@1')).toBe('https://example.org/x@1');
  expect(withoutCredentials('me:x@example.org')).toBe('me:x@example.org');
});
