import { userInfo } from 'node:os';
import { describe, expect, it } from 'vitest';
import { homeFolder } from './home-folder.ts';

describe('homeFolder', () => {
  it('is HOME, or the account’s where that names no folder', () => {
    expect(homeFolder({ HOME: '/home/me' })).toBe('/home/me');
    for (const env of [{}, { HOME: '' }, { HOME: 'here' }]) expect(homeFolder(env)).toBe(userInfo().homedir);
  });
});
