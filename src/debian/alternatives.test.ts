import { describe, expect, it } from 'vitest';
import { type Alternative, chooseAlternatives, readAlternative } from './alternatives.ts';

const read = (text: string) => readAlternative(text.split(' '));
const all = (...texts: string[]) =>
  texts.map((text) => read(text)).filter((one): one is Alternative => one !== undefined);

describe('readAlternative', () => {
  it('reads a group with its slaves, options between', () => {
    expect(
      read(
        'update-alternatives --quiet --install /usr/bin/awk awk /usr/bin/mawk 5 --slave /usr/bin/nawk nawk /usr/bin/mawk',
      ),
    ).toEqual({
      link: '/usr/bin/awk',
      name: 'awk',
      path: '/usr/bin/mawk',
      priority: 5,
      slaves: [{ link: '/usr/bin/nawk', name: 'nawk', path: '/usr/bin/mawk' }],
    });
  });

  it.each([
    'update-alternatives --remove awk /usr/bin/mawk',
    'update-alternatives --install /usr/bin/awk awk /usr/bin/mawk',
    'update-alternatives --install relative awk /usr/bin/mawk 5',
    'update-alternatives --install /usr/bin/awk ../awk /usr/bin/mawk 5',
    'echo --install /a b /c 1',
  ])('passes over %j', (text) => {
    expect(read(text)).toBeUndefined();
  });
});

describe('chooseAlternatives', () => {
  const offered = all(
    'update-alternatives --install /usr/bin/awk awk /usr/bin/mawk 5 --slave /usr/bin/nawk nawk /usr/bin/mawk',
    'update-alternatives --install /usr/bin/awk awk /usr/bin/gawk 10 --slave /usr/share/man/awk.1 awk.1 /missing',
    'update-alternatives --install /usr/bin/awk awk /usr/bin/busybox 99',
  );

  it('takes the highest priority whose path exists', () => {
    const exists = (path: string) => path === '/usr/bin/mawk' || path === '/usr/bin/gawk';
    expect(chooseAlternatives(offered, exists)).toEqual([
      { link: '/usr/bin/awk', name: 'awk', path: '/usr/bin/gawk' },
    ]);
    expect(chooseAlternatives(offered, (path) => path === '/usr/bin/mawk').map(({ link }) => link)).toEqual([
      '/usr/bin/awk',
      '/usr/bin/nawk',
    ]);
    expect(chooseAlternatives(offered, () => false)).toEqual([]);
  });
});
