// A user's home folder, for what is kept or configured there.
import { userInfo } from 'node:os';
import { isAbsolute } from 'node:path';

/**
 * `HOME`, or what the system's accounts say when that is unset, empty or relative. Undefined when neither names one:
 * containers run as numbers that no account has.
 */
export function homeFolder(env: Readonly<Record<string, string | undefined>>): string | undefined {
  if (env.HOME !== undefined && isAbsolute(env.HOME)) return env.HOME;
  try {
    return userInfo().homedir;
  } catch {
    return undefined;
  }
}
