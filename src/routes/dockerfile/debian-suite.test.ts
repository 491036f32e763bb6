import { describe, expect, it } from 'vitest';
import { parseDockerfile } from '../../languages/dockerfile/parse.ts';
import { resolveDockerfile } from '../../languages/dockerfile/resolve.ts';
import type { LockedImage } from '../../sets/lock-file.ts';
import { additionsAt } from './debian-suite.ts';

const image: LockedImage = { digest: `sha256:${'0'.repeat(64)}`, platforms: new Map() };

/** What apt looks into besides, at the last line of a Dockerfile; `locked` are images that the lock has. */
function additions(text: string, ...locked: string[]): string[] {
  const resolved = resolveDockerfile(parseDockerfile(text, 'Dockerfile'));
  const line = text.trimEnd().split('\n').length;
  const span = { file: 'Dockerfile', line, column: 1 };
  return additionsAt(resolved, { span, text, images: new Map(locked.map((name) => [name, image])) });
}

describe('additionsAt', () => {
  it('knows that images of Debian out of registries have updates and security', () => {
    const both = ['bookworm-updates', 'bookworm-security'];
    expect(additions('FROM debian:bookworm\nRUN apt-get update\n', 'debian:bookworm')).toEqual(both);
    expect(additions('FROM python:3.11-slim-bookworm AS a\nFROM a\nRUN apt-get update\n')).toEqual(both);
    expect(additions('FROM debian:sid\nRUN apt-get update\n', 'debian:sid')).toEqual([]);
    expect(additions('FROM alpine\nRUN apk update\n')).toEqual([]);
  });

  it('knows that bases made here have one suite, unless the Dockerfile adds others', () => {
    expect(additions('FROM debian:bookworm-slim\nRUN apt-get update\n')).toEqual([]);
    const more = 'RUN echo deb http://m/debian bookworm-backports main > /etc/apt/sources.list.d/b.list';
    expect(additions(`FROM debian:bookworm\n${more}\n`)).toEqual(['bookworm-backports']);
  });
});
