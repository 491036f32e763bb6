import { describe, expect, it } from 'vitest';
import { checkConfig } from './check-config.ts';

function codeOf(config: Record<string, unknown>): string | undefined {
  try {
    checkConfig(config);
    return undefined;
  } catch (error) {
    return (error as { code?: string }).code;
  }
}

describe('the config of an image', () => {
  it('takes what engines take, whatever the case of its keys', () => {
    expect(
      codeOf({
        Cmd: ['a'],
        cmd: ['a'],
        Env: ['A=b'],
        ExposedPorts: { '80/tcp': {} },
        Labels: { a: 'b' },
        Entrypoint: null,
        StopTimeout: 3,
        Healthcheck: { Test: ['CMD', 'true'], Interval: 30_000_000_000, Retries: 3 },
      }),
    ).toBeUndefined();
  });

  it('refuses unknown keys with the nearest', () => {
    expect(codeOf({ Entrypiont: ['a'] })).toBe('image/unknown-config');
    expect(() => checkConfig({ Healthcheck: { Tst: [] } })).toThrow(/config\.Healthcheck has no `Tst`/);
    expect(() => checkConfig({ WorkDir: '/' })).toThrow(/no `WorkDir`/);
  });

  it.each([
    ['Expose', 'did you mean ExposedPorts?'],
    ['Command', 'did you mean Cmd?'],
    ['environment', 'did you mean Env?'],
    ['Entrypiont', 'did you mean Entrypoint?'],
    ['restart', /^it has Hostname, /],
  ])('says what %s may have meant', (name, hint) => {
    expect(() => checkConfig({ [name]: [] })).toThrow(
      expect.objectContaining({ hint: typeof hint === 'string' ? hint : expect.stringMatching(hint) }),
    );
  });

  it('takes what engines take', () => {
    checkConfig({
      ExposedPorts: { 80: {}, '53/UDP': {}, '8000-8010/tcp': {} },
      Volumes: { '/data': {}, relative: {} },
      WorkingDir: '',
      Env: ['A=', 'B'],
    });
  });

  it('refuses wrong types', () => {
    for (const config of [
      { Cmd: 'a' },
      { Cmd: [1] },
      { Env: { A: 'b' } },
      { WorkingDir: [] },
      { ExposedPorts: ['80/tcp'] },
      ...['http', '0', '99999/tcp', '80/foo', '90-80', ''].map((port) => ({ ExposedPorts: { [port]: {} } })),
      { WorkingDir: 'data' },
      { Env: ['=value'] },
      { Volumes: { '/': {} } },
      { Labels: { a: 1 } },
      { Healthcheck: { Test: 'true' } },
      { Healthcheck: { Test: ['CMD', 'true'], Interval: '30s' } },
    ]) {
      expect(codeOf(config)).toBe('image/bad-config');
    }
  });
});
