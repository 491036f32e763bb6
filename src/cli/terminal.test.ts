import { expect, it } from 'vitest';
import { TrimaranError } from '../index.ts';
import { renderError } from './terminal.ts';

const rendered = (line: string, column: number, endColumn: number) =>
  renderError(
    new TrimaranError({
      code: 'test/place',
      message: 'wrong',
      span: { file: '/x', line: 1, column, endLine: 1, endColumn },
    }),
    () => line,
  )
    // Colours, where there are any.
    .replace(/\x1b\[[0-9;]*m/g, '')
    .split('\n');

it('marks the place below the line', () => {
  expect(rendered('one two three', 5, 8).slice(2)).toEqual(['  1 | one two three', '    |     ^^^']);
});

it('shows of a long line what stands around the place', () => {
  const line = `${'a'.repeat(5000)}HERE${'b'.repeat(100_000)}`;
  const [source = '', marks = ''] = rendered(line, 5001, 5005).slice(2);
  expect(source.length).toBeLessThan(200);
  expect(source.slice(marks.indexOf('^'), marks.lastIndexOf('^') + 1)).toBe('HERE');
  expect(rendered(line, 1, 100_000).every((shown) => shown.length < 200)).toBe(true);
});
