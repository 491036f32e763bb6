// How apt in a step comes to our proxy over HTTPS too: a folder with a configuration and the proxy's certificate, which lies
// in each stage while it is built, and which APT_CONFIG names. Nobody but apt trusts that certificate, and apt trusts no
// other there, so what goes past the proxy fails. The folder is left out of the image again (normalise.ts).
import type { IncomingHttpHeaders } from 'node:http';
import type { TreeEntry } from '../../foundation/file-tree.ts';

/** Name of the folder, in the root of each stage. */
export const aptFolder = '.trimaran-apt-3f1c';

/** What APT_CONFIG is in steps. */
export const aptConfigPath = `/${aptFolder}/apt.conf`;

/** By this the proxy knows apt, whose HTTPS it answers itself. */
const aptUser = 'apt';

/** The folder, for a proxy at `http://HOST:PORT` that shows `certificate`. */
export function aptSettings({
  url,
  certificate,
}: {
  readonly url: string;
  readonly certificate: string;
}): TreeEntry[] {
  const at = { uid: 0, gid: 0, mtime: 1 };
  const file = (name: string, text: string): TreeEntry => ({
    kind: 'file',
    path: `${aptFolder}/${name}`,
    mode: 0o644,
    ...at,
    content: { kind: 'bytes', bytes: Buffer.from(text) },
  });
  const settings = [
    `Acquire::https::Proxy "${url.replace('://', `://${aptUser}@`)}/";`,
    `Acquire::https::CaInfo "/${aptFolder}/proxy.pem";`,
    // The certificate stands for no host, and no other is trusted.
    'Acquire::https::Verify-Host "false";',
  ];
  return [
    { kind: 'directory', path: aptFolder, mode: 0o755, ...at },
    file('apt.conf', `${settings.join('\n')}\n`),
    file('proxy.pem', certificate),
  ];
}

/** Whether a request for a tunnel comes from apt with these settings. */
export function isApt(headers: IncomingHttpHeaders): boolean {
  const [, encoded] = /^Basic (\S+)$/i.exec(headers['proxy-authorization'] ?? '') ?? [];
  return encoded !== undefined && Buffer.from(encoded, 'base64').toString('latin1').split(':')[0] === aptUser;
}

/** Whether a path of a layer is of the folder, also where a step copied it, or removed it. */
export function isOfAptSettings(path: string): boolean {
  return path.split('/').some((part) => part === aptFolder || part === `.wh.${aptFolder}`);
}
