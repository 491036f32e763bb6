// biome-ignore-all lint/suspicious/noTemplateCurlyInString: Dockerfile and shell texts
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isTrimaranError, type TrimaranError } from '../../foundation/error.ts';
import type { Instruction } from './instruction.ts';
import { heredocScript, parseDockerfile } from './parse.ts';

const one = (line: string): Instruction =>
  parseDockerfile(`FROM x\n${line}\n`, 'Dockerfile').stages[0]!.instructions[0]!;

function failure(text: string): TrimaranError {
  try {
    parseDockerfile(text, 'Dockerfile');
  } catch (error) {
    if (isTrimaranError(error)) return error;
    throw error;
  }
  throw new Error('no error');
}

const place = (text: string) => {
  const error = failure(text);
  return [error.code, error.span?.line, error.span?.column];
};

describe('parseDockerfile', () => {
  it('reads stages, global arguments and directives', () => {
    const text = [
      '# syntax=docker/dockerfile:1.7',
      '# escape=`',
      '# a comment',
      'ARG V=3.20',
      'FROM --platform=$BUILDPLATFORM alpine:$V AS Build',
      'RUN a `',
      '  # between',
      '',
      '  b',
      'FROM scratch',
      'COPY --from=build /a /b',
    ].join('\n');
    const dockerfile = parseDockerfile(text, 'Dockerfile');
    expect(dockerfile.escape).toBe('`');
    expect(dockerfile.directives.map((directive) => [directive.name, directive.value.value])).toEqual([
      ['syntax', 'docker/dockerfile:1.7'],
      ['escape', '`'],
    ]);
    expect(dockerfile.globalArgs).toHaveLength(1);
    const [build, last] = dockerfile.stages;
    expect(build!.from.name?.value).toBe('build');
    expect(build!.from.platform?.value).toBe('$BUILDPLATFORM');
    expect(build!.instructions[0]!.source.text).toBe('RUN a   b');
    expect(build!.instructions[0]!.span).toMatchObject({ line: 6, column: 1, endLine: 9, endColumn: 4 });
    expect(last!.instructions[0]).toMatchObject({ kind: 'copy', from: { value: 'build' } });
  });

  it('keeps the place of each value, over joined lines too', () => {
    const dockerfile = parseDockerfile('FROM x\n  ENV A=1 \\\n    B="two" \\\n C=3\n', 'D');
    const env = dockerfile.stages[0]!.instructions[0]!;
    if (env.kind !== 'env') throw new Error(env.kind);
    expect(
      env.pairs.map((pair) => [
        pair.name.value,
        pair.value.value,
        pair.value.span.line,
        pair.value.span.column,
      ]),
    ).toEqual([
      ['A', '1', 2, 9],
      ['B', '"two"', 3, 7],
      ['C', '3', 4, 4],
    ]);
  });

  it('reads both forms of ENV', () => {
    expect(one('ENV NAME a  b "c"')).toMatchObject({
      pairs: [{ name: { value: 'NAME' }, value: { value: 'a  b "c"' }, legacy: true }],
    });
    expect(one('ENV A="x y" B=a\\ b')).toMatchObject({
      pairs: [
        { value: { value: '"x y"' }, legacy: false },
        { value: { value: 'a\\ b' }, legacy: false },
      ],
    });
  });

  it('tells exec from shell form', () => {
    expect(one('CMD ["a", "\\u0062"]')).toMatchObject({
      command: { form: 'exec', args: [{ value: 'a' }, { value: 'b' }] },
    });
    expect(one("CMD ['a']")).toMatchObject({ command: { form: 'shell', script: { text: "['a']" } } });
    expect(place('FROM x\nCMD ["a", 1]')).toEqual(['dockerfile/not-strings', 2, 5]);
  });

  it('reads every flag', () => {
    expect(
      one(
        'ADD --chown=a:b --chmod=644 --checksum=sha256:0 --link --exclude=*.o --exclude=x --keep-git-dir=true --unpack=false a b /c',
      ),
    ).toMatchObject({
      kind: 'add',
      chown: { value: 'a:b' },
      chmod: { value: '644' },
      checksum: { value: 'sha256:0' },
      link: true,
      exclude: [{ value: '*.o' }, { value: 'x' }],
      keepGitDir: true,
      unpack: false,
      sources: [{ value: 'a' }, { value: 'b' }],
      destination: { value: '/c' },
    });
    expect(one('COPY --parents --link=false ["a b", "c"]')).toMatchObject({
      parents: true,
      link: false,
      sources: [{ value: 'a b' }],
    });
    expect(
      one(
        'RUN --mount=type=cache,target=/c,sharing=locked --mount=type=secret,id=k,required --network=none --security=insecure --device=gpu=all,required x',
      ),
    ).toMatchObject({
      network: 'none',
      security: 'insecure',
      devices: [{ name: 'gpu=all', required: true }],
      mounts: [{ fields: [{ key: 'type', value: 'cache' }, {}, {}] }, {}],
      command: { script: { text: 'x' } },
    });
    expect(
      one('HEALTHCHECK --interval=1m30s --start-interval=5ms --retries=3 CMD curl -f x || exit 1'),
    ).toMatchObject({
      interval: 90e9,
      startInterval: 5e6,
      timeout: 0,
      retries: 3,
      command: { form: 'shell', script: { text: 'curl -f x || exit 1' } },
    });
    expect(one('HEALTHCHECK NONE')).not.toHaveProperty('command');
  });

  it('reads here-documents', () => {
    const text =
      'FROM x\nRUN <<EOF\n  a $X\n\tb\nEOF\nCOPY <<-"one" <<two /d/\n\tA$X\n\tone\nB\ntwo\nRUN x\n';
    const [run, copy, last] = parseDockerfile(text, 'D').stages[0]!.instructions;
    expect(heredocScript(run!)).toMatchObject({ text: '  a $X\n\tb\n' });
    expect(run!.span).toMatchObject({ line: 2, endLine: 5 });
    expect(copy).toMatchObject({
      sources: [],
      contents: [
        { name: 'one', expand: false, chomp: true, content: { text: '\tA$X\n' } },
        { name: 'two', expand: true, chomp: false, content: { text: 'B\n' } },
      ],
    });
    expect(last!.span.line).toBe(11);
    expect(one('RUN python3 <<X\nprint(1)\nX')).toMatchObject({
      heredocs: [{ content: { text: 'print(1)\n' } }],
    });
    expect(one('ONBUILD RUN <<X\na\nX')).toMatchObject({ trigger: { heredocs: [{ name: 'X' }] } });
    // Neither an array nor a quoted word announces one.
    expect(one('RUN ["cat", "<<X"]').heredocs).toEqual([]);
    expect(one('RUN echo "<<X"').heredocs).toEqual([]);
    expect(place('FROM x\nRUN <<EOF\na')).toEqual(['dockerfile/unterminated-heredoc', 2, 1]);
  });

  it('says where and what is wrong', () => {
    expect(place('')).toEqual(['dockerfile/no-instructions', 1, 1]);
    expect(place('RUN x\nFROM y')).toEqual(['dockerfile/no-stage', 1, 1]);
    expect(failure('FROM x\nCOPPY a b')).toMatchObject({
      code: 'dockerfile/unknown-instruction',
      hint: 'did you mean COPY?',
    });
    expect(failure('FROM x\nCOPY --form=a b c')).toMatchObject({
      code: 'dockerfile/unknown-flag',
      hint: 'did you mean --from?',
      span: { line: 2, column: 6, endColumn: 12 },
    });
    expect(place('FROM x\nCOPY --from a b')).toEqual(['dockerfile/invalid-flag', 2, 6]);
    expect(place('FROM x\nRUN --network=hots x')).toEqual(['dockerfile/invalid-flag', 2, 15]);
    expect(failure('FROM x\nRUN --mount=typ=bind x').hint).toBe('did you mean type?');
    expect(place('FROM x\nRUN --mount=type=secret,from=a x')).toEqual(['dockerfile/invalid-mount', 2, 13]);
    expect(place('FROM x AS 1a')).toEqual(['dockerfile/arguments', 1, 11]);
    expect(place('FROM x y')).toEqual(['dockerfile/arguments', 1, 1]);
    expect(place('FROM x\nCOPY a')).toEqual(['dockerfile/arguments', 2, 1]);
    expect(place('FROM x\nENV A')).toEqual(['dockerfile/arguments', 2, 1]);
    expect(place('FROM x\nENV A=1 B')).toEqual(['dockerfile/arguments', 2, 9]);
    expect(place('FROM x\nSHELL bash')).toEqual(['dockerfile/arguments', 2, 1]);
    expect(place('FROM x\nONBUILD FROM y')).toEqual(['dockerfile/arguments', 2, 9]);
    expect(place('# escape=x\nFROM x')).toEqual(['dockerfile/directive', 1, 10]);
    expect(place('# escape=\\\n# escape=`\nFROM x')).toEqual(['dockerfile/directive', 2, 10]);
    expect(place('FROM x\nHEALTHCHECK --interval=1parsec CMD x')).toEqual(['dockerfile/invalid-flag', 2, 24]);
  });

  it('meets any text with a Dockerfile or a TrimaranError', () => {
    const pieces = fc.constantFrom(
      'FROM a',
      'RUN ',
      '<<E',
      '\nE\n',
      '\\\n',
      '"',
      "'",
      '--mount=',
      'type=cache',
      ',',
      '=',
      '$',
      '{',
      '[',
      ']',
      '\n',
      'COPY ',
      'ENV ',
      'ONBUILD ',
      'HEALTHCHECK ',
      '# escape=`\n',
      '`\n',
      ' ',
      'é',
      '\t',
      '\r\n',
      '--',
      '#',
    );
    const texts = fc.oneof(
      fc.string(),
      fc.string({ unit: 'binary' }),
      fc.array(pieces).map((all) => all.join('')),
    );
    fc.assert(
      fc.property(texts, (text) => {
        for (const candidate of [text, `FROM x\n${text}`]) {
          try {
            parseDockerfile(candidate, 'D');
          } catch (error) {
            if (!isTrimaranError(error)) throw error;
          }
        }
      }),
      { numRuns: 3000 },
    );
  });

  it('takes deep and long input without failing', () => {
    expect(place(`FROM x\n${'ONBUILD '.repeat(50_000)}RUN x`)[0]).toBe('dockerfile/arguments');
    expect(parseDockerfile(`FROM x\nRUN a \\\n${'b \\\n'.repeat(50_000)}c`, 'D').stages).toHaveLength(1);
  });
});
