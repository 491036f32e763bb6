// Input that is wrong, or right and enormous: each is an error of Nix's with a place, or works.
import { describe, expect, it } from 'vitest';
import { fromByteString } from '../../foundation/byte-string.ts';
import { NixEvaluationError, renderNixError } from './errors.ts';
import { createEvaluator, type EvaluatorSettings } from './evaluator.ts';
import { createInMemoryHost } from './in-memory-host.ts';

function evaluated(text: string, settings: EvaluatorSettings = {}): string {
  const evaluator = createEvaluator({ host: createInMemoryHost(), settings });
  return evaluator.print(evaluator.forceDeep(evaluator.evaluateText(text)));
}

/** The error as Nix prints it; fails for anything that is not an error of evaluation. */
function reportOf(text: string, settings: EvaluatorSettings = {}): string {
  try {
    evaluated(text, settings);
  } catch (error) {
    expect(error).toBeInstanceOf(NixEvaluationError);
    const report = fromByteString(renderNixError(error));
    expect(report).not.toMatch(/RangeError|\.ts:\d/);
    return report;
  }
  throw new Error('no error');
}

describe('bad input', () => {
  it('names infinite recursion and where it is entered', () => {
    const report = reportOf('let a = b;\n    b = a; in a');
    expect(report).toContain('error: infinite recursion encountered');
    expect(report).toMatch(/at «string»:[12]:\d+:/);
    expect(reportOf('rec { x = { y = x.y; }; }.x.y')).toContain('infinite recursion encountered');
  });

  it('shows where endless calls are made', () => {
    const report = reportOf('let f = x: f (x + 1); in f 0', { maxCallDepth: 200 });
    expect(report).toContain('stack overflow; max-call-depth exceeded');
    expect(report).toContain('at «string»:1:12:');
  });

  it.each([
    ['lists', '[', ']'],
    ['sets', '{ a = ', '; }'],
    ['negations', '(!', ')'],
  ])('refuses %s 100,000 deep without falling over', (_, open, close) => {
    expect(reportOf(`${open.repeat(100_000)}1${close.repeat(100_000)}`)).toContain('stack overflow');
  });

  it('reads a file of 50 MB, and finds the fault in its last line', () => {
    const line = `  "${'0123456789'.repeat(9)}" # a comment\n`;
    const count = Math.ceil(50e6 / line.length);
    const long = `builtins.length [\n${line.repeat(count)}`;
    expect(evaluated(`${long}]`)).toBe(String(count));
    const report = reportOf(`${long}}`);
    expect(report).toContain("error: syntax error, unexpected '}'");
    expect(report).toContain(`at «string»:${count + 2}:1:`);
  }, 120_000);

  it('takes bytes that are no UTF-8 in strings and comments, and refuses them elsewhere', () => {
    expect(evaluated('builtins.stringLength "\xff\xfe" # \xff')).toBe('2');
    expect(evaluated('"\xe9"')).toBe('"\xe9"');
    expect(evaluated('builtins.hashString "sha256" "\xff"')).toBe(
      '"a8100ae6aa1940d0b663bb31cd466142ebbdbd5187131b92d93818987832eb89"',
    );
    expect(reportOf('{ \xff = 1; }')).toContain('at «string»:1:3:');
  });

  it('refuses NUL in strings and between tokens', () => {
    expect(reportOf('{ a = "x\0y"; }')).toContain('at «string»:1:8:');
    expect(reportOf('1 \0 2')).toContain('at «string»:1:3:');
    expect(reportOf('builtins.fromJSON "\\"\\\\u0000\\""')).toContain('error:');
  });
});
