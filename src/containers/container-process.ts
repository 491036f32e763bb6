// What a container of an image runs: command, environment, user and folder, worked out of the image's configuration
// and what the user asked for, as Docker works them out.
import { TrimaranError } from '../foundation/error.ts';
import type { ContainerConfig } from '../oci/image.ts';

/** The PATH of images that set none; Docker's own. */
const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export interface ContainerProcess {
  readonly args: readonly string[];
  /** `NAME=value` */
  readonly env: readonly string[];
  readonly cwd: string;
  readonly uid: number;
  readonly gid: number;
}

export interface ContainerProcessOptions {
  readonly config: ContainerConfig;
  /** In place of the image's command; the entry point stays. */
  readonly command: readonly string[];
  /** `NAME=value`, over the image's own. */
  readonly env: readonly string[];
  /** Reads a text file of the image's root; undefined when there is none. */
  readonly readFile: (path: string) => string | undefined;
}

/** Throws `run/no-command` and `run/unknown-user`. */
export function containerProcess(options: ContainerProcessOptions): ContainerProcess {
  const { config } = options;
  const command = options.command.length > 0 ? options.command : (config.Cmd ?? []);
  const args = [...(config.Entrypoint ?? []), ...command];
  if (args.length === 0) {
    throw new TrimaranError({
      code: 'run/no-command',
      message: 'the image has neither an entry point nor a command',
      hint: 'name the command after the image: `trimaran run IMAGE COMMAND …`',
    });
  }
  const env = new Map<string, string>([
    ['PATH', defaultPath],
    ['HOSTNAME', 'localhost'],
  ]);
  for (const assignment of [...(config.Env ?? []), ...options.env]) {
    const at = assignment.indexOf('=');
    if (at > 0) env.set(assignment.slice(0, at), assignment.slice(at + 1));
  }
  const user = findUser(config.User ?? '', options.readFile);
  if (!env.has('HOME')) env.set('HOME', user.home);
  return {
    args,
    env: [...env].map(([name, value]) => `${name}=${value}`),
    cwd: config.WorkingDir === undefined || config.WorkingDir === '' ? '/' : config.WorkingDir,
    uid: user.uid,
    gid: user.gid,
  };
}

/** `user`, `uid`, `user:group` or `uid:gid`, by the image's own /etc/passwd and /etc/group. */
function findUser(
  text: string,
  readFile: (path: string) => string | undefined,
): { uid: number; gid: number; home: string } {
  const [user = '', group] = text.split(':');
  const accounts = fields(readFile('/etc/passwd'));
  const account =
    user === ''
      ? accounts.find((entry) => entry[2] === '0')
      : accounts.find((entry) => entry[0] === user || entry[2] === user);
  const uid = user === '' ? 0 : Number(account?.[2] ?? (/^\d+$/.test(user) ? user : Number.NaN));
  const groupEntry = fields(readFile('/etc/group')).find((entry) => entry[0] === group || entry[2] === group);
  const gid =
    group === undefined
      ? Number(account?.[3] ?? 0)
      : Number(groupEntry?.[2] ?? (/^\d+$/.test(group) ? group : Number.NaN));
  if (Number.isNaN(uid) || Number.isNaN(gid)) {
    throw new TrimaranError({
      code: 'run/unknown-user',
      message: `the image has no user \`${text}\``,
      hint: 'set User in the image’s config to a name in its /etc/passwd, or to a number',
    });
  }
  return { uid, gid, home: account?.[5] ?? '/' };
}

function fields(text: string | undefined): string[][] {
  return (text ?? '')
    .split('\n')
    .filter((line) => line.includes(':'))
    .map((line) => line.split(':'));
}
