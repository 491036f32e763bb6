// Package names and versions, as Nix splits and orders them.
import type { ByteString } from '../../foundation/byte-string.ts';

/** `name-1.2` as name and version: they part at the first dash that no letter follows. */
export function parsePackageName(text: ByteString): { name: ByteString; version: ByteString } {
  for (let i = 0; i + 1 < text.length; i++) {
    if (text[i] === '-' && !/[a-zA-Z]/.test(text[i + 1]!)) {
      return { name: text.slice(0, i), version: text.slice(i + 1) };
    }
  }
  return { name: text, version: '' };
}

/** The components of a version: runs of digits and of other characters, without dots and dashes. */
export function splitVersion(version: ByteString): ByteString[] {
  return version.match(/[0-9]+|[^0-9.-]+/g) ?? [];
}

function integerOf(component: ByteString): number | undefined {
  if (!/^[0-9]+$/.test(component)) return undefined;
  const value = Number(component);
  return value <= 2147483647 ? value : undefined;
}

function isLess(a: ByteString, b: ByteString): boolean {
  const left = integerOf(a);
  const right = integerOf(b);
  if (left !== undefined && right !== undefined) return left < right;
  if (a === '' && right !== undefined) return true;
  if (a === 'pre' && b !== 'pre') return true;
  if (b === 'pre') return false;
  if (right !== undefined) return true;
  if (left !== undefined) return false;
  return a < b;
}

/** -1, 0 or 1. */
export function compareVersions(left: ByteString, right: ByteString): number {
  const a = splitVersion(left);
  const b = splitVersion(right);
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const first = a[i] ?? '';
    const second = b[i] ?? '';
    if (isLess(first, second)) return -1;
    if (isLess(second, first)) return 1;
  }
  return 0;
}
