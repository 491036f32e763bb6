import { describe, expect, it } from 'vitest';
import { parseArchivePath } from './archive-path.ts';

const read = (address: string, roots: readonly string[] = []) => parseArchivePath(new URL(address), roots);

describe('parseArchivePath', () => {
  it('knows mirrors, and the snapshot service', () => {
    for (const root of [
      'http://a.example/debian',
      'https://a.example/pub/linux/debian/',
      'http://a.example/mirrors/debian',
      'http://a.example/debian-security',
      'http://a.example/archive/debian/20250101T000000Z',
      'http://a.example//debian',
    ]) {
      const index = { kind: 'index', suite: 'bookworm', path: 'InRelease' };
      expect(read(`${root}/dists/bookworm/InRelease`), root).toEqual(index);
      const filename = 'pool/main/h/hello/hello_2.10-3_amd64.deb';
      expect(read(`${root}/${filename}`), root).toEqual({ kind: 'package', filename });
    }
    expect(read('http://a.example/debian/pool/main/g/g%2b%2b/g%2b%2b_1%3a2_all.deb')).toEqual({
      kind: 'package',
      filename: 'pool/main/g/g++/g++_1:2_all.deb',
    });
  });

  it('leaves the archives of others to them', () => {
    for (const root of [
      'https://download.docker.com/linux/debian',
      'http://mirror.example/docker-ce/linux/debian',
      'http://nginx.org/packages/mainline/debian',
      'http://repo.mysql.com/apt/debian',
      'https://repo.mongodb.org/apt/debian',
      'https://packages.microsoft.com/debian/12/prod',
      'https://packages.sury.org/php',
      'https://apt.example/debian-stable',
      'http://a.example/ubuntu',
    ]) {
      expect(read(`${root}/dists/bookworm/InRelease`), root).toBeUndefined();
      expect(read(`${root}/pool/main/n/nginx/nginx_1_amd64.deb`), root).toBeUndefined();
    }
  });

  it('takes `stable` for Debian’s only where that is sure', () => {
    expect(read('https://repos.example.com/debian/dists/stable/InRelease')).toBeUndefined();
    const index = { kind: 'index', suite: 'stable', path: 'InRelease' };
    expect(read('http://snapshot.debian.org/archive/debian/20250101T000000Z/dists/stable/InRelease')).toEqual(
      index,
    );
    const address = 'http://own.example/debian/dists/stable/InRelease';
    expect(read(address, ['http://own.example/debian'])).toEqual(index);
  });

  it('knows the mirror that the caller has, wherever it lies', () => {
    const address = 'http://127.0.0.1:8080/dists/bookworm/main/binary-amd64/Packages.xz';
    expect(read(address)).toBeUndefined();
    expect(read(address, ['http://127.0.0.1:8080'])).toMatchObject({ suite: 'bookworm' });
  });
});
