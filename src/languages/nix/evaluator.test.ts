import { describe, expect, it } from 'vitest';
import { fromByteString, toByteString } from '../../foundation/byte-string.ts';
import { isTrimaranError, TrimaranError } from '../../foundation/error.ts';
import { NixEvaluationError, renderNixError } from './errors.ts';
import { createEvaluator, type EvaluatorSettings } from './evaluator.ts';
import type { ParseCache } from './host.ts';
import { createInMemoryHost, inMemoryFiles } from './in-memory-host.ts';

const files = inMemoryFiles({
  '/src/default.nix': '{ lib ? 1, name }: { inherit lib name; sub = import ./sub.nix; }',
  '/src/sub.nix': '{ a.b = [ 10 20 ]; pos = __curPos; }',
  '/src/broken.nix': 'let a = ; in a',
  '/src/link': { linkTo: 'sub.nix' },
  '/src/run.sh': { text: '#!/bin/sh\n', executable: true },
});

function evaluatorWith(settings: EvaluatorSettings = {}, lines: string[] = []) {
  const host = createInMemoryHost({
    files,
    pure: settings.pure ?? false,
    env: { HOME: '/home/me' },
    message: (line) => lines.push(line),
  });
  return createEvaluator({ host, settings });
}

function evaluate(text: string, settings: EvaluatorSettings = {}): string {
  const evaluator = evaluatorWith(settings);
  return evaluator.print(evaluator.forceDeep(evaluator.evaluateText(text, { basePath: '/src' })));
}

function errorOf(text: string, settings: EvaluatorSettings = {}): NixEvaluationError {
  try {
    evaluate(text, settings);
  } catch (error) {
    if (error instanceof NixEvaluationError) return error;
    throw error;
  }
  throw new Error(`evaluates: ${text}`);
}

describe('createEvaluator', () => {
  it('is lazy', () => {
    expect(evaluate('let x = throw "no"; in 1')).toBe('1');
    expect(evaluate('builtins.length [ (throw "a") (throw "b") ]')).toBe('2');
    expect(evaluate('(x: 1) (throw "no")')).toBe('1');
  });

  it('keeps integers of 64 bits and refuses to overflow', () => {
    expect(evaluate('9223372036854775806 + 1')).toBe('9223372036854775807');
    expect(evaluate('3037000500 * 3037000499')).toBe('9223372033963249500');
    expect(evaluate('9007199254740992 - 1')).toBe('9007199254740991');
    expect(errorOf('9223372036854775807 + 1').message).toBe(
      'integer overflow in adding 9223372036854775807 + 1',
    );
    expect(evaluate('0 * -1')).toBe('0');
  });

  it('keeps strings as bytes', () => {
    expect(evaluate('builtins.stringLength "\xff\xfe"')).toBe('2');
    expect(evaluate('"\xff" < "\xfe"')).toBe('false');
  });

  it('says where, with the source, and what is near', () => {
    const error = errorOf('{ name = 1; }.nmae');
    expect(error.code).toBe('nix/eval');
    expect(error.hint).toBe('did you mean name?');
    expect(fromByteString(renderNixError(error, { showTrace: true }))).toBe(
      [
        'error:',
        "       … while evaluating the attribute 'nmae'",
        '         at «string»:1:1:',
        '            1| { name = 1; }.nmae',
        '             | ^',
        '',
        "       error: attribute 'nmae' missing",
        '       Did you mean name?',
      ].join('\n'),
    );
  });

  it.each([
    ['let a = b; b = a; in a', 'nix/infinite-recursion'],
    ['1 + "a"', 'nix/eval'],
    ['undefined', 'nix/undefined-variable'],
    ['with { }; missing', 'nix/undefined-variable'],
    ['throw "x"', 'nix/throw'],
    ['assert false; 1', 'nix/assertion'],
    ['abort "x"', 'nix/abort'],
    ['1 2', 'nix/type'],
    ['import ./broken.nix', 'nix/parse'],
    ['builtins.readFile ./nothing', 'nix/other'],
    ['builtins.hashString "crc" ""', 'nix/usage'],
    ['"a\0b"', 'nix/parse'],
    ['builtins.fetchClosure { }', 'nix/unsupported'],
    ['builtins.match "(" "x"', 'nix/eval'],
    ['(x: x x) (x: x x)', 'nix/stack-overflow'],
    ['builtins.fromJSON "{"', 'nix/eval'],
    ['builtins.fromTOML "a = "', 'nix/eval'],
    ['let f = n: s: if n == 0 then s else f (n - 1) (s + s); in f 40 "xxxxxxxx"', 'nix/too-large'],
    ['builtins.genList (x: x) 3000000000', 'nix/eval'],
    [
      '(derivation { name = "x"; builder = "b"; system = "s"; __contentAddressed = true; }).outPath',
      'nix/unsupported',
    ],
  ])('fails %s with %s', (text, code) => {
    const error = errorOf(text, { maxCallDepth: 200 });
    expect(error.code).toBe(code);
    expect(renderNixError(error)).not.toMatch(/RangeError|at .*\.ts/);
  });

  it('turns a JavaScript stack overflow into an error of its own', () => {
    const error = errorOf(`${'['.repeat(20_000)}${']'.repeat(20_000)}`);
    expect(error.code).toBe('nix/stack-overflow');
  });

  it('limits calls, not memory', () => {
    expect(errorOf('let f = x: 1 + f x; in f 1', { maxCallDepth: 50 }).message).toBe(
      'stack overflow; max-call-depth exceeded',
    );
    // What was given up is not remembered as failed.
    const evaluator = evaluatorWith({ maxCallDepth: 50 });
    const value = evaluator.evaluateText(
      'let f = n: if n == 0 then 0 else f (n - 1); in { a = f 100; b = f 10; }',
    );
    expect(() => evaluator.forceDeep(value)).toThrow('stack overflow');
    expect(evaluator.print(evaluator.force(evaluator.attribute(value, 'b')!))).toBe('0');
  });

  it('hides the world in pure mode', () => {
    expect(evaluate('builtins ? currentTime', { pure: true })).toBe('false');
    expect(evaluate('builtins.getEnv "HOME"', { pure: true })).toBe('""');
    expect(evaluate('builtins.pathExists /src', { pure: true })).toBe('false');
    expect(errorOf('import /src/sub.nix', { pure: true }).message).toBe(
      "access to absolute path '/src/sub.nix' is forbidden in pure evaluation mode (use '--impure' to override)",
    );
    expect(errorOf('<nixpkgs>', { pure: true }).message).toContain('in pure evaluation mode');
    expect(errorOf('~/x', { pure: true }).message).toContain('can not be resolved in pure mode');
    expect(errorOf('builtins.storePath /nix/store/x', { pure: true }).message).toContain('not allowed');
  });

  it('calls, selects and converts for its callers', () => {
    const evaluator = evaluatorWith();
    const main = evaluator.evaluateMainFile('/src');
    expect(() => evaluator.autoCall(main)).toThrow("an argument without a value ('name')");
    const args = new Map([['name', evaluator.fromHost('me')]]);
    const package_ = evaluator.autoCall(main, args);
    expect(evaluator.toHost(evaluator.selectAttrPath(package_, 'sub.a.b.1'))).toBe(20);
    expect(() => evaluator.selectAttrPath(package_, 'sbu')).toThrow(
      "attribute 'sbu' in selection path 'sbu' not found",
    );
    expect(evaluator.toJson(evaluator.attribute(package_, 'name')!)).toBe('"me"');
    expect(evaluator.inspect(main)).toEqual({
      type: 'function',
      formals: new Map([
        ['lib', true],
        ['name', false],
      ]),
      ellipsis: false,
    });
    const double = evaluator.makeFunction({
      name: 'double',
      arity: 1,
      call: ([value]) => evaluator.fromHost(Number(evaluator.toHost(value!)) * 2),
    });
    const mapped = evaluator.callFunction(evaluator.evaluateText('f: map f [ 1 2 ]'), [double]);
    expect(evaluator.toHost(mapped)).toEqual([2, 4]);
    const set = evaluator.makeSet([['late', evaluator.makeLazy(() => evaluator.fromHost(7))]]);
    expect(evaluator.toHost(evaluator.callFunction(evaluator.evaluateText('s: s.late'), [set]))).toBe(7);
  });

  it('takes builtins of its caller', () => {
    const evaluator = evaluatorWith();
    evaluator.definePrimOp({ name: '__answer', arity: 1, call: () => evaluator.fromHost(42) });
    expect(evaluator.toHost(evaluator.evaluateText('builtins.answer null'))).toBe(42);
  });

  it('passes on what the host refuses, with the trace around it', () => {
    const error = errorOf('builtins.readFile (builtins.fetchurl "http://example.org/x")');
    expect(isTrimaranError(error)).toBe(true);
    expect(error.cause).toBeInstanceOf(TrimaranError);
    expect(error.exitCode).toBe(4);
    expect(fromByteString(renderNixError(error))).toContain("while calling the 'fetchurl' builtin");
  });

  it('gives contexts with strings', () => {
    const evaluator = evaluatorWith();
    const drv = evaluator.evaluateText('derivation { name = "x"; builder = "/b"; system = "s"; }');
    const { text, context } = evaluator.coerceToString(drv);
    expect(text).toMatch(/^\/nix\/store\/[0-9a-z]{32}-x$/);
    expect(context).toEqual([{ kind: 'output', path: expect.stringMatching(/-x\.drv$/), output: 'out' }]);
  });

  it('prints traces and warnings through the host', () => {
    const lines: string[] = [];
    const evaluator = evaluatorWith({}, lines);
    evaluator.evaluateText('builtins.trace { a = 1 + 1; } (builtins.warn "careful" 1)');
    expect(lines.map(fromByteString)).toEqual(['trace: { a = «thunk»; }', 'evaluation warning: careful']);
  });

  it('keeps parsed files by content', () => {
    const kept = new Map<string, Uint8Array>();
    let hits = 0;
    const parseCache: ParseCache = {
      get: (key) => {
        const found = kept.get(key);
        if (found !== undefined) hits++;
        return found;
      },
      put: (key, program) => kept.set(key, program),
    };
    const text = `let x = { a = 1; }; in x.b # ${'-'.repeat(300)}`;
    const run = () => {
      const evaluator = createEvaluator({ host: createInMemoryHost({ files }), parseCache });
      try {
        evaluator.evaluateText(text);
      } catch (error) {
        return renderNixError(error, { showTrace: true });
      }
      throw new Error('evaluates');
    };
    const first = run();
    expect(hits).toBe(0);
    expect(run()).toBe(first);
    expect(hits).toBe(1);
    for (const key of kept.keys()) kept.set(key, new Uint8Array([1, 2, 3]));
    expect(run()).toBe(first);
  });

  it('follows links and knows positions', () => {
    expect(evaluate('(import ./link).pos.line')).toBe('1');
    expect(evaluate('(builtins.unsafeGetAttrPos "pos" (import ./sub.nix)).file')).toBe('"/src/sub.nix"');
    expect(evaluate('builtins.readFileType ./link')).toBe('"symlink"');
    expect(toByteString('é').length).toBe(2);
  });

  it('does not read a file whose state it knows, and reads it when the state is another', () => {
    const padding = '#'.repeat(300);
    const kept = new Map<string, Uint8Array>();
    const key = (...parts: readonly string[]) => parts.join(' ');
    const parseCache: ParseCache = {
      get: () => undefined,
      put: () => {},
      byState: {
        program: (variant, path, stamp) => kept.get(key(variant, path, stamp)),
        noteProgram: (variant, path, stamp, program) => void kept.set(key(variant, path, stamp), program),
      },
    };
    const read: string[] = [];
    const run = (text: string, stamp: string | undefined) => {
      const host = createInMemoryHost({ files: inMemoryFiles({ '/f.nix': `${text} ${padding}` }) });
      const readFile = (path: string) => {
        read.push(path);
        return host.readFile(path);
      };
      const evaluator = createEvaluator({ host: { ...host, readFile, stamp: () => stamp }, parseCache });
      return evaluator.print(evaluator.evaluateFile('/f.nix'));
    };
    expect([run('1 + 1', 'a'), read.length]).toEqual(['2', 1]);
    expect([run('1 + 1', 'a'), read.length]).toEqual(['2', 1]);
    expect([run('1 + 2', 'b'), read.length]).toEqual(['3', 2]);
    expect([run('1 + 2', undefined), read.length]).toEqual(['3', 3]);
    for (const program of kept.values()) program.fill(255);
    expect([run('1 + 2', 'b'), read.length]).toEqual(['3', 4]);
  });
});
