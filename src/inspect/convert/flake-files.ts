// Files that a flake brings along: texts that it writes itself, repositories and folders that its inputs name.
import { resolve } from 'node:path';
import { Kind, type Node } from '../../languages/nix/ast.ts';
import { attrOf, lastName } from './flake-syntax.ts';
import type { Source } from './image-needs.ts';

/**
 * A file that the flake writes itself, by nixpkgs' functions for that. It lies at `place`, or below it where its function
 * says where; without a place it gets one of its own.
 */
export function textFile(
  node: Node | undefined,
  textOf: (node: Node | undefined) => string | undefined,
  place: string | undefined,
): (Source & { readonly kind: 'text' }) | undefined {
  if (node?.kind !== Kind.call) return undefined;
  const kind = lastName(node.fn);
  const [first, second] = node.args;
  if (kind === 'writeShellApplication') {
    const program = first?.kind === Kind.attrs ? textOf(attrOf(first, 'name')) : undefined;
    const script = first?.kind === Kind.attrs ? textOf(attrOf(first, 'text')) : undefined;
    if (program === undefined || script === undefined) return undefined;
    const start = '#!/bin/bash\nset -o errexit\nset -o nounset\nset -o pipefail\n\n';
    return { kind: 'text', text: `${start}${script}`, target: `/bin/${program}`, isExecutable: true };
  }
  const name = textOf(first);
  const text = textOf(second);
  if (
    name === undefined ||
    text === undefined ||
    !/^write(?:Text|Script|ShellScript)(?:Bin|Dir)?$/.test(kind)
  )
    return undefined;
  const inside = kind.endsWith('Bin') ? `bin/${name}` : kind.endsWith('Dir') ? name : '';
  if (inside === '' && place === '/') return undefined;
  const own = `/opt/${name.replace(/^.*\//, '')}`;
  return {
    kind: 'text',
    text: kind.startsWith('writeShellScript') ? `#!/bin/bash\n${text}` : text,
    target: inside === '' ? (place ?? own) : `${place ?? own}/${inside}`.replace(/^\/+/, '/'),
    ...(kind.startsWith('writeText') ? {} : { isExecutable: true }),
  };
}

/** The repository or folder that an input's URL names; undefined for other kinds. */
export function sourceOfUrl(url: string, directory: string): Source | undefined {
  const path = /^path:([^?#]+)/.exec(url)?.[1];
  if (path !== undefined) return { kind: 'local', path: resolve(directory, path) };
  const [, address, query = ''] = /^git\+([^?#]+)(?:\?(.*))?$/.exec(url) ?? [];
  const forge = /^(github|gitlab|sourcehut):([^/?#]+)\/([^/?#]+)(?:\/([^?#]+))?/.exec(url);
  if (address === undefined && forge === null) return undefined;
  const parameters = new URLSearchParams(query);
  const ref =
    forge?.[4] ?? parameters.get('rev') ?? parameters.get('ref')?.replace(/^refs\/(?:tags|heads)\//, '');
  const host = { github: 'github.com', gitlab: 'gitlab.com', sourcehut: 'git.sr.ht' }[forge?.[1] ?? ''];
  return {
    kind: 'git',
    url: address ?? `https://${host}/${decodeURIComponent(forge![2]!)}/${forge![3]}`,
    ...(ref === undefined || ref === null ? {} : { ref }),
  };
}
