import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isTrimaranError } from '../foundation/error.ts';
import { canonicalJson } from './canonical-json.ts';
import { exampleImage, exampleTree } from './example-image.ts';
import { createImage, diffIds, imageOfConfigBytes, parseImageConfig, renameImage } from './image.ts';

const platform = { os: 'linux', architecture: 'amd64' };

describe('canonicalJson', () => {
  it('sorts keys by byte and leaves out undefined', () => {
    expect(canonicalJson({ b: 1, a: undefined, A: [true, undefined], é: null, z: '<&' }).toString()).toBe(
      '{"A":[true,null],"b":1,"z":"\\u003c\\u0026","é":null}',
    );
  });

  it('reads back as the same value whatever the order of keys', () => {
    fc.assert(
      fc.property(fc.jsonValue({ depthSize: 'small' }), (value) => {
        const bytes = canonicalJson(value);
        expect(canonicalJson(JSON.parse(bytes.toString()))).toEqual(bytes);
        expect(JSON.parse(bytes.toString())).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  it('refuses what nests too deep', () => {
    let value: unknown = 1;
    for (let i = 0; i < 10_000; i++) value = [value];
    expect(() => canonicalJson(value)).toThrowError(expect.objectContaining({ code: 'oci/config-too-deep' }));
  });
});

describe('createImage', () => {
  it('gives the same bytes for the same input', () => {
    const one = createImage({
      platform,
      layers: [],
      config: { Env: ['A=1'], Cmd: ['x'], Labels: {} },
      names: ['a'],
    });
    const two = createImage({
      layers: [],
      config: { Cmd: ['x'], Env: ['A=1'] },
      platform,
      names: ['a:latest'],
    });
    expect(two).toEqual(one);
    expect(one.configBytes.toString()).toBe(
      '{"created":"1970-01-01T00:00:01Z","architecture":"amd64","os":"linux","config":{"Env":["A=' +
        '1"],"Cmd":["x"]},"rootfs":{"type":"layers","diff_ids":[]}}',
    );
    expect(one.configDigest).toBe('sha256:68c00252479421a6e1f90ba879ca53f9e484ccbd830c35efcb4857d18fe222ea');
  });

  it('writes one history entry for each layer', async () => {
    const image = await exampleImage([exampleTree({ a: '1' }), exampleTree({ b: '2' })]);
    expect(image.config.history).toHaveLength(2);
    expect(diffIds(image)).toEqual(image.layers.map((layer) => layer.diffId));
  });

  it.each([
    [{ names: ['A'] }, 'oci/bad-reference'],
    [{ names: [`a@sha256:${'0'.repeat(64)}`] }, 'oci/bad-reference'],
    [{ created: 'yesterday' }, 'oci/bad-created'],
  ])('refuses %j', (options, code) => {
    expect(() => createImage({ platform, layers: [], ...options })).toThrowError(
      expect.objectContaining({ code }),
    );
  });

  it.each([
    ['2020-01-02T03:04:05+00:00', '2020-01-02T03:04:05Z'],
    ['2020-01-02T03:04:05.100Z', '2020-01-02T03:04:05.1Z'],
    ['2020-01-02T03:04:00.000+02:00', '2020-01-02T03:04:00+02:00'],
    ['2020-01-02T03:04:50Z', '2020-01-02T03:04:50Z'],
  ])('writes the time %s as Go does', (created, written) => {
    expect(createImage({ platform, layers: [], created }).config.created).toBe(written);
  });

  it('renames without a new identity', () => {
    const image = createImage({ platform, layers: [], names: ['a'] });
    const renamed = renameImage(image, ['b:2']);
    expect(renamed.configDigest).toBe(image.configDigest);
    expect(renamed.names).toEqual([{ domain: 'docker.io', path: 'library/b', tag: '2' }]);
  });
});

describe('parseImageConfig', () => {
  it('reads what createImage wrote', async () => {
    const image = await exampleImage([exampleTree({ a: '1' })]);
    expect(parseImageConfig(image.configBytes)).toEqual(image.config);
    expect(image.configBytes.toString()).toMatch(/^\{"created".*"history":\[\{"created":.*"created_by"/);
    const again = imageOfConfigBytes(image.configBytes, { layers: image.layers, names: image.names });
    expect(again.configDigest).toBe(image.configDigest);
    expect(again.layers[0]?.createdBy).toBe('trimaran');
  });

  it.each([
    ['{', 'not JSON'],
    ['[]', 'not an object'],
    ['{}', '`rootfs` is missing'],
    ['{"rootfs":{"type":"x"}}', '`rootfs.type`'],
    ['{"rootfs":{"type":"layers","diff_ids":["x"]}}', 'sha256'],
    ['{"rootfs":{"type":"layers","diff_ids":[]}}', '`architecture`'],
    ['{"rootfs":{"type":"layers"},"architecture":"a","os":"b","config":[]}', '`config`'],
    ['{"rootfs":{"type":"layers"},"architecture":"a","os":"b","history":{}}', '`history`'],
  ])('refuses %s', (text, why) => {
    expect(() => parseImageConfig(Buffer.from(text))).toThrowError(why);
  });

  it('refuses layers that are not those it names', async () => {
    const image = await exampleImage([exampleTree({ a: '1' })]);
    const other = await exampleImage([exampleTree({ a: '2' })]);
    for (const layers of [[], other.layers]) {
      expect(() => imageOfConfigBytes(image.configBytes, { layers })).toThrowError(
        expect.objectContaining({ code: 'oci/bad-config' }),
      );
    }
  });

  it('never fails but with its own error', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array(),
          fc.json().map((text) => Buffer.from(text)),
        ),
        (bytes) => {
          try {
            parseImageConfig(bytes);
          } catch (error) {
            if (!isTrimaranError(error, 'oci/bad-config')) throw error;
          }
        },
      ),
    );
  });
});
