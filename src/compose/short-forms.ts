// The short forms of ports and volumes, `127.0.0.1:8000-8001:80-81/udp` and `./data:/data:ro`, and what they mean.
import { isIP } from 'node:net';
import type { ConfigNode } from './config-node.ts';
import { childOf, scalarText } from './config-node.ts';

export interface PortMapping {
  /** In the container. */
  readonly target: number;
  /** On the host: a number or a range, absent when the engine chooses. */
  readonly published?: string;
  readonly hostIp?: string;
  readonly protocol: string;
}

export interface VolumeMount {
  readonly type: 'bind' | 'volume' | 'tmpfs' | 'image' | 'npipe' | 'cluster';
  /** A host path as written, or a volume's name; absent for an anonymous volume and tmpfs. */
  readonly source?: string;
  readonly target: string;
  readonly readOnly: boolean;
}

const shortPort =
  /^(?:(?:(\[[0-9a-fA-F:.]+\]|\d+\.\d+\.\d+\.\d+|[0-9a-fA-F]*:[0-9a-fA-F:.]*):)?(\d+(?:-\d+)?)?:)?(\d+)(?:-(\d+))?(?:\/([a-z]+))?$/;

/** The mappings of one item of `ports`, one for each container port; undefined when it is none. */
export function parsePort(node: ConfigNode): PortMapping[] | undefined {
  if (node.kind === 'map') {
    const target = Number(scalarText(childOf(node, 'target')));
    if (!isPort(target)) return undefined;
    const published = scalarText(childOf(node, 'published'));
    const hostIp = scalarText(childOf(node, 'host_ip'));
    return [
      {
        target,
        protocol: scalarText(childOf(node, 'protocol')) ?? 'tcp',
        ...(published === undefined ? {} : { published }),
        ...(hostIp === undefined ? {} : { hostIp }),
      },
    ];
  }
  const match = shortPort.exec(scalarText(node) ?? '');
  if (match === null) return undefined;
  const [, hostIp, published, first, last, protocol = 'tcp'] = match;
  const from = Number(first);
  const to = last === undefined ? from : Number(last);
  if (!isPort(from) || !isPort(to) || to < from) return undefined;
  if (hostIp !== undefined && isIP(hostIp.replace(/^\[|\]$/g, '')) === 0) return undefined;
  const [publishedFrom, publishedTo] = (published ?? '').split('-').map(Number);
  const ranged = publishedTo !== undefined && to > from;
  if (ranged && publishedTo - publishedFrom! !== to - from) return undefined;
  return Array.from({ length: to - from + 1 }, (_, offset) => ({
    target: from + offset,
    protocol,
    ...(published === undefined ? {} : { published: ranged ? String(publishedFrom! + offset) : published }),
    ...(hostIp === undefined ? {} : { hostIp: hostIp.replace(/^\[|\]$/g, '') }),
  }));
}

function isPort(port: number): boolean {
  return Number.isInteger(port) && port > 0 && port < 65536;
}

/** What tells ports apart when files are merged. */
export function portKeys(node: ConfigNode): string[] {
  const mappings = parsePort(node);
  if (mappings === undefined) return [scalarText(node) ?? ''];
  return mappings.map(
    (port) => `${port.hostIp ?? ''}:${port.published ?? ''}:${port.target}/${port.protocol}`,
  );
}

/** One item of `volumes`; undefined when it is none. */
export function parseVolume(node: ConfigNode): VolumeMount | undefined {
  if (node.kind === 'map') {
    const type = scalarText(childOf(node, 'type')) ?? 'volume';
    const target = scalarText(childOf(node, 'target'));
    const source = scalarText(childOf(node, 'source'));
    const isType = ['bind', 'volume', 'tmpfs', 'image', 'npipe', 'cluster'].includes(type);
    if (!isType || target === undefined) return undefined;
    return {
      type: type as VolumeMount['type'],
      target: withoutSlash(target),
      readOnly: scalarText(childOf(node, 'read_only')) === 'true',
      ...(source === undefined ? {} : { source }),
    };
  }
  const text = scalarText(node);
  if (text === undefined || text === '') return undefined;
  // A Windows drive's colon separates nothing; `d:/data` alone is the volume `d`.
  const parts = text.match(/^[A-Za-z]:(?:\\[^:]*|\/[^:]*(?=:))|[^:]+/g) ?? [];
  if (parts.length > 3 || parts.length === 0) return undefined;
  if (parts.length === 1) return { type: 'volume', target: withoutSlash(parts[0]!), readOnly: false };
  const [source, target, mode = ''] = parts as [string, string, string?];
  return {
    type: /^(?:[./~\\]|[A-Za-z]:[\\/])/.test(source) ? 'bind' : 'volume',
    source,
    target: withoutSlash(target),
    readOnly: mode.split(',').includes('ro'),
  };
}

/** Where a volume is mounted, which tells volumes apart when files are merged. */
export function volumeTarget(node: ConfigNode): string | undefined {
  return parseVolume(node)?.target;
}

function withoutSlash(path: string): string {
  return path.replace(/(.)\/+$/, '$1');
}
