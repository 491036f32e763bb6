import { describe, expect, it } from 'vitest';
import type { StorePath } from '../../../formats/store-path.ts';
import { isTrimaranError, type TrimaranError } from '../../../foundation/error.ts';
import { flakeInputs } from './flake-source.ts';
import { parseFlake, readFlake } from './read-flake.ts';
import { temporaryFolder } from './test-world.ts';

function read(text: string, directory = '') {
  return parseFlake(text, { label: '/s/flake.nix', shown: 'path:/f', directory });
}

function failure(action: () => unknown): TrimaranError {
  try {
    action();
  } catch (error) {
    if (isTrimaranError(error)) return error;
    throw error;
  }
  throw new Error('it did not fail');
}

describe('flake.nix', () => {
  it('says its inputs without being evaluated', () => {
    const source = read(
      `{
      description = "d";
      inputs = { a.url = "github:o/r"; a.flake = false; a.inputs.n.follows = "n"; n = { type = "git"; url = "https://h/x"; submodules = true; };
        self.submodules = true; p.url = ./sub; };
      inputs.b.follows = "a/n";
      nixConfig = { s = "x"; i = 1; b = true; l = [ "y" ]; };
      outputs = { self, a, extra, ... }@all: throw "not called";
    }`,
    );
    expect(source).toMatchObject({
      description: 'd',
      inputs: {
        a: { url: 'github:o/r', isFlake: false, inputs: { n: { follows: 'n' } } },
        b: { follows: 'a/n' },
        n: { url: 'https://h/x', attributes: { type: 'git', submodules: true } },
        p: { url: 'path:sub' },
      },
      selfAttributes: { submodules: true },
      outputFormals: ['self', 'a', 'extra'],
      nixConfig: { s: 'x', i: 1, b: true, l: ['y'] },
    });
    const inputs = flakeInputs(source, ['up']);
    expect([...inputs.keys()]).toEqual(['a', 'b', 'extra', 'n', 'p']);
    expect(inputs.get('b')?.follows).toEqual(['up', 'a', 'n']);
    expect(inputs.get('a')?.overrides.get('n')?.follows).toEqual(['up', 'n']);
    expect(inputs.get('extra')?.reference?.input).toEqual({ type: 'indirect', id: 'extra' });
    expect(inputs.get('n')?.reference?.input).toEqual({ type: 'git', url: 'https://h/x', submodules: true });
  });

  it('may be recursive, and keeps paths inside its tree', () => {
    const recursive = read('rec { description = "x"; inputs.a.url = description; outputs = _: { }; }');
    expect(recursive.inputs.a?.url).toBe('x');
    expect(read('{ inputs.a.url = ../..; outputs = _: { }; }', 'a/b').inputs.a?.url).toBe('path:../..');
    expect(read('{ inputs.a.url = ./.; outputs = _: { }; }').inputs.a?.url).toBe('path:.');
  });

  // Messages of Nix 2.34 for the same texts.
  const wrong: readonly (readonly [string, string])[] = [
    ['1', "file '/s/flake.nix' must be an attribute set"],
    ['let x = 1; in { outputs = _: { }; }', "file '/s/flake.nix' must be an attribute set"],
    ['{ }', "flake 'path:/f' lacks attribute 'outputs'"],
    ['{outputs=1;}', 'expected a function but got an integer at /s/flake.nix:1:2'],
    ['{outputs=let x=1; in _:{};}', 'expected a function but got a thunk at /s/flake.nix:1:2'],
    ['{description=1;outputs=_:{};}', 'expected a string but got an integer at /s/flake.nix:1:2'],
    ['{outputs=_:{};foo=1;}', "flake 'path:/f' has an unsupported attribute 'foo', at /s/flake.nix:1:15"],
    ['{inputs=[];outputs=_:{};}', 'expected a set but got a list at /s/flake.nix:1:2'],
    ['{inputs.a=1;outputs=_:{};}', 'expected a set but got an integer at /s/flake.nix:1:2'],
    ['{inputs.a.url=5;outputs=_:{};}', 'expected a string or a path but got an integer at /s/flake.nix:1:2'],
    [
      '{inputs.a.url="x"+"y";outputs=_:{};}',
      'expected a string or a path but got a thunk at /s/flake.nix:1:2',
    ],
    ['{inputs.a.flake="x";outputs=_:{};}', 'expected a Boolean but got a string at /s/flake.nix:1:2'],
    [
      '{inputs.a.revCount=-1;outputs=_:{};}',
      "flake input attribute 'revCount' is a thunk while a string, Boolean, or integer is expected",
    ],
    ['{inputs.a.inputs.self.x=1;outputs=_:{};}', "'self' input attribute not allowed at /s/flake.nix:1:2"],
    [
      '{nixConfig.a=[1];outputs=_:{};}',
      "list element in flake configuration setting 'a' is a list while a string is expected",
    ],
    ['{nixConfig.a=x: x;outputs=_:{};}', "flake configuration setting 'a' is a function"],
  ];
  it.for(wrong)('%s is refused in Nix’s words', ([text, message]) => {
    expect(failure(() => read(text)).message).toBe(message);
  });

  const wrongInputs: readonly (readonly [string, string])[] = [
    ['{inputs.a.foo="x";outputs=_:{};}', "unexpected flake input attribute 'foo'"],
    [
      '{inputs.a={url="path:./x"; follows="b";};outputs=_:{};}',
      'flake input has both a flake reference and a follows attribute',
    ],
    ['{inputs.a={type="git";};outputs=_:{};}', "input attribute 'url' is missing"],
    ['{inputs.a.follows="1";outputs=_:{};}', "invalid flake input attribute path element '1'"],
  ];
  it.for(wrongInputs)('%s is refused at its place', ([text, message]) => {
    const error = failure(() => flakeInputs(read(text), []));
    expect(error.message).toBe(message);
    expect(error.span).toEqual({ file: '/s/flake.nix', line: 1, column: 2 });
  });

  it('with a syntax error says where', () => {
    const error = failure(() => read('{\n  outputs = _: { ;\n}'));
    expect(error).toMatchObject({ code: 'nix/parse', span: { file: '/s/flake.nix', line: 2, column: 18 } });
  });

  it('that is missing is named', async () => {
    const storePath = '/nix/store/x-source' as StorePath;
    const tree = { input: {}, storePath, physicalPath: temporaryFolder() };
    await expect(readFlake({ tree, directory: 'd' }, 'path:/f?dir=d')).rejects.toMatchObject({
      code: 'flake/not-a-flake',
      message: "path '/nix/store/x-source/d/flake.nix' does not exist",
      hint: expect.stringContaining('flake = false'),
    });
  });
});
