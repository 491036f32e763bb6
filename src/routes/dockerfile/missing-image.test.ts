import { describe, expect, it } from 'vitest';
import { TrimaranError } from '../../foundation/error.ts';
import { parseDockerfile } from '../../languages/dockerfile/parse.ts';
import { resolveDockerfile } from '../../languages/dockerfile/resolve.ts';
import { checkDockerfile } from './check-sources.ts';
import { withMissingImage } from './missing-image.ts';

const resolve = (text: string) => resolveDockerfile(parseDockerfile(text, 'Dockerfile'));

describe('withMissingImage', () => {
  const text = 'FROM debian:bookworm AS build\nFROM e.org/x:1\nCOPY --from=buidl /a /b\n';
  const told = (message: string) => {
    const error = new TrimaranError({ code: 'dockerfile/build-failed', message, exitCode: 4 });
    return withMissingImage(error, {
      resolved: resolve(text),
      isKnown: (reference) => reference === 'debian:bookworm',
    });
  };

  it.each([
    'the engine could not build the Dockerfile: invalid from flag value buidl: Get "https://e.org/v2/": no such host',
    'failed: docker.io/library/buidl: failed to resolve source metadata for docker.io/library/buidl: denied',
    'Error: COPY --from=buidl: no stage or image found with that name',
    'Error: creating build container: short-name "buidl" did not resolve to an alias',
  ])('names the line and the nearest stage: %s', (message) => {
    expect(told(message)).toMatchObject({
      code: 'dockerfile/image-unavailable',
      span: { line: 3, column: 13 },
      hint: 'did you mean build?',
      exitCode: 4,
    });
  });

  it('knows an image by the step that was last', () => {
    expect(
      told('failed: Get "https://e.org/v2/": dial tcp: no route\nStep 2/3 : FROM e.org/x:1'),
    ).toMatchObject({
      code: 'dockerfile/image-unavailable',
      span: { line: 2 },
    });
  });

  it('leaves what a step says', () => {
    expect(told('a step failed: curl: (6) Could not resolve host: buidl')).toMatchObject({
      code: 'dockerfile/build-failed',
    });
  });
});

it('refuses a checksum that is none, where it stands', () => {
  const check = (checksum: string) => () =>
    checkDockerfile(resolve(`FROM scratch\nADD --checksum=${checksum} https://e.org/x /x\n`));
  expect(check('sha256:00')).toThrow(
    expect.objectContaining({ code: 'dockerfile/bad-checksum', span: expect.objectContaining({ line: 2 }) }),
  );
  expect(check(`sha256:${'a'.repeat(64)}`)).not.toThrow();
  expect(check('sha256:$SUM')).not.toThrow();
});
