// biome-ignore-all lint/suspicious/noTemplateCurlyInString: Dockerfile and shell texts
import { describe, expect, it } from 'vitest';
import { isTrimaranError, type TrimaranError } from '../../foundation/error.ts';
import { parseDockerfile } from './parse.ts';
import { type ResolveOptions, resolveDockerfile } from './resolve.ts';

const resolve = (text: string, options?: ResolveOptions) =>
  resolveDockerfile(parseDockerfile(text, 'D'), options);

function failure(text: string, options?: ResolveOptions): TrimaranError {
  try {
    resolve(text, options);
  } catch (error) {
    if (isTrimaranError(error)) return error;
    throw error;
  }
  throw new Error('no error');
}

describe('resolveDockerfile', () => {
  it('expands ENV by what stood before it, and tells what was unset', () => {
    const stage = resolve('FROM x\nENV A=1 B=$A\nENV C=$A$B D=${NO:-d}').stages[0]!;
    expect(Object.fromEntries(stage.variables)).toEqual({ A: '1', B: '', C: '1', D: 'd' });
    expect(stage.instructions[0]!.unset.map((use) => use.name)).toEqual(['A']);
  });

  it('gives the seed’s default, whatever the environment', () => {
    const { stages } = resolve('FROM x\nENV POSTGRES_PASSWORD ${POSTGRES_PASSWORD:-pass}');
    expect(stages[0]!.variables.get('POSTGRES_PASSWORD')).toBe('pass');
    expect(stages[0]!.instructions[0]!.unset).toMatchObject([
      { name: 'POSTGRES_PASSWORD', text: { span: { line: 2, column: 23 } } },
    ]);
  });

  it('scopes ARG: global ones reach FROM, and a stage only when it declares them', () => {
    const text =
      'ARG V=1\nFROM i:$V AS a\nENV X=$V\nARG V\nENV Y=$V\nARG W=w\nFROM a\nENV Z=$W$V$TARGETARCH\nARG TARGETARCH\nENV T=$TARGETARCH';
    const { stages } = resolve(text);
    expect(stages[0]!.base).toEqual({ kind: 'image', reference: 'i:1' });
    expect(stages[0]!.variables.get('X')).toBe('');
    expect(stages[0]!.variables.get('Y')).toBe('1');
    // A stage made from another one has its arguments too.
    expect(stages[1]!.variables.get('Z')).toBe('w1');
    expect(stages[1]!.variables.get('T')).toBe('amd64');
    expect([...stages[1]!.environment]).toEqual(['X', 'Y', 'Z', 'T']);
    const given = resolve(text, { buildArgs: new Map([['V', '2']]), platform: 'linux/arm64' });
    expect(given.stages[0]!.base).toEqual({ kind: 'image', reference: 'i:2' });
    expect(given.stages[1]!.variables.get('T')).toBe('arm64');
  });

  it('knows which stages a target needs', () => {
    const text =
      'FROM a AS one\nFROM b AS two\nFROM c AS three\nCOPY --from=two / /\nRUN --mount=from=0,target=/x y';
    expect(resolve(text).needed).toEqual([0, 1, 2]);
    expect(resolve(text, { target: 'TWO' })).toMatchObject({ target: 1, needed: [1] });
    expect(failure(text, { target: 'thre' })).toMatchObject({
      code: 'dockerfile/unknown-stage',
      hint: 'did you mean three?',
    });
    expect(failure('FROM a\nCOPY --from=3 / /')).toMatchObject({
      code: 'dockerfile/unknown-stage',
      span: { line: 2, column: 13 },
    });
  });

  it('takes an empty target for none, as compose files have it', () => {
    expect(resolve('FROM a AS one\nFROM b', { target: '' }).target).toBe(1);
  });

  it('refuses circles, and an image that is empty', () => {
    expect(failure('FROM a AS one\nCOPY --from=two / /\nFROM b AS two\nCOPY --from=one / /').code).toBe(
      'dockerfile/stage-cycle',
    );
    expect(failure('ARG V\nFROM $V')).toMatchObject({
      code: 'dockerfile/empty-image',
      span: { line: 2, column: 6 },
    });
    expect(failure('FROM a\nENV X=${A:=b}')).toMatchObject({
      code: 'dockerfile/expansion',
      span: { line: 2, column: 7 },
    });
    expect(failure('FROM a\nENV X=${A?needed}').message).toContain('needed');
  });

  it('expands paths, mounts and ports, but neither RUN nor COPY --from', () => {
    const text =
      'FROM a\nENV D=/d P=80\nCOPY x$D $D/\nRUN --mount=type=cache,target=$D echo $D\nEXPOSE $P/tcp\nCOPY --from=$D a b';
    const stage = resolve(text).stages[0]!;
    const values = stage.instructions.map((item) => item.values.map((value) => value.value));
    expect(values).toEqual([[], ['x/d', '/d/'], [], ['80/tcp'], ['a', 'b']]);
    expect(stage.instructions[2]!.mounts).toMatchObject([{ type: 'cache', target: '/d', readOnly: false }]);
    expect(stage.instructions[4]!.sources).toEqual([{ kind: 'image', reference: '$D' }]);
  });
});
