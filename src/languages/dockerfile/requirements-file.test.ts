import fc from 'fast-check';
import { expect, it } from 'vitest';
import { parseRequirementsFile } from './requirements-file.ts';

it('reads requirements, comments, continuations and files that are taken in', () => {
  const text =
    '\ufeff# what it needs\nuvicorn[standard]>=0.14 ; python_version > "3"  # server\r\n-r base.txt\n--requirement=more.txt\n' +
    '--index-url https://x.example/simple\nfastapi==0.68.0 \\\n    --hash=sha256:aa --hash=sha256:bb\n-e .\n\n';
  expect(parseRequirementsFile(text)).toEqual({
    requirements: ['uvicorn[standard]>=0.14 ; python_version > "3"', 'fastapi==0.68.0'],
    files: ['base.txt', 'more.txt'],
    hashed: false,
  });
});

it('knows when every requirement has a hash', () => {
  expect(parseRequirementsFile('a==1 --hash=sha256:aa\nb==2 --hash=sha512:bb\n').hashed).toBe(true);
  expect(parseRequirementsFile('a==1 --hash=sha256:aa\nb==2\n').hashed).toBe(false);
  expect(parseRequirementsFile('a==1 --hash=sha256:aa\n-r more.txt\n').hashed).toBe(false);
  expect(parseRequirementsFile('').hashed).toBe(false);
});

it('is not upset by anything', () => {
  fc.assert(fc.property(fc.string(), (text) => void parseRequirementsFile(text)));
});
