// Runs the `git` binary for the fetchers: no prompts, no colours, no configuration of an enclosing repository.
import type { Host } from '../../../../foundation/host.ts';
import { flakeError, systemCode } from '../flake-error.ts';
import { redactUrl } from '../url.ts';

/** Runs git in one repository (`directory`), or outside of any. */
export interface GitCommand {
  /** Standard output as text. Throws `flake/git-failed` with what git said when it fails. */
  text(args: readonly string[], options?: GitOptions): Promise<string>;
  /** Exit code, output and errors, whatever they are. */
  run(args: readonly string[], options?: GitOptions): Promise<GitResult>;
}

interface GitOptions {
  readonly input?: Uint8Array;
  readonly onStdout?: (chunk: Buffer) => void;
  readonly env?: Readonly<Record<string, string>>;
}

interface GitResult {
  readonly exitCode: number;
  readonly stdout: string;
  /** Without progress and passwords. */
  readonly stderr: string;
}

/**
 * Git for a repository at `directory`; `bare` says that the folder itself is the git directory. Throws `flake/no-git`
 * when there is no git on this machine.
 */
export function gitIn(
  host: Host,
  options: { readonly directory?: string; readonly bare?: boolean } = {},
): GitCommand {
  const command = host.which('git');
  if (command === undefined)
    throw flakeError('no-git', 'fetching from git needs the command git, which is not on this machine', {
      hint: 'install it (apt-get install git), or use a path: or tarball+https: input',
      exitCode: 4,
    });
  const { directory } = options;
  const place =
    directory === undefined ? [] : ['-C', directory, ...(options.bare === true ? ['--git-dir', '.'] : [])];
  const run = async (args: readonly string[], more: GitOptions = {}): Promise<GitResult> => {
    const result = await host
      .run({
        command,
        // A server that sends nothing for a minute has hung.
        args: ['-c', 'http.lowSpeedLimit=1', '-c', 'http.lowSpeedTime=60', ...place, ...args],
        env: { ...gitEnvironment(host), ...more.env },
        ...(more.input === undefined ? {} : { input: more.input }),
        ...(more.onStdout === undefined ? {} : { onStdout: more.onStdout }),
      })
      .catch((error: unknown) => {
        if (systemCode(error) === undefined) throw error;
        throw flakeError('git-failed', `cannot run git: ${(error as Error).message}`, {
          cause: error,
          exitCode: 4,
        });
      });
    return {
      exitCode: result.exitCode,
      stdout: result.stdout.toString('utf8'),
      stderr: cleanErrors(result.stderr.toString('utf8')),
    };
  };
  return {
    run,
    async text(args, more) {
      const result = await run(args, more);
      if (result.exitCode !== 0)
        throw flakeError('git-failed', `git ${args[0]} failed: ${lastLine(result.stderr)}`, {
          hint: ownershipHint(result.stderr),
          exitCode: 4,
        });
      return result.stdout;
    },
  };
}

function gitEnvironment(host: Host): Record<string, string> {
  const env: Record<string, string> = {};
  // GIT_DIR and its like would lead git to another repository than the one asked for.
  for (const [name, value] of Object.entries(host.env))
    if (value !== undefined && !/^GIT_(?!SSH|ASKPASS|CONFIG|SSL|PROXY|HTTP_)/.test(name)) env[name] = value;
  return { ...env, LC_ALL: 'C', GIT_TERMINAL_PROMPT: '0', GIT_OPTIONAL_LOCKS: '0' };
}

function cleanErrors(text: string): string {
  return text
    .split(/[\r\n]+/)
    .filter(
      (line) =>
        line !== '' &&
        !/^(?:remote: )?(?:Counting|Compressing|Receiving|Resolving|Enumerating|Total)/.test(line),
    )
    .map((line) => line.replace(/[a-zA-Z][a-zA-Z0-9+.-]*:\/\/[^\s'"]+/g, redactUrl))
    .join('\n');
}

/** The line in which git says what went wrong. */
export function lastLine(text: string): string {
  const lines = text.split('\n').filter((line) => line !== '');
  return (
    lines.find((line) => /^(?:fatal|error): /.test(line))?.replace(/^(?:fatal|error): /, '') ??
    lines.at(-1) ??
    'it said nothing'
  );
}

/** What to do when git refuses a repository of another user. */
export function ownershipHint(text: string): string | undefined {
  const match = /git config --global --add safe\.directory [^\n]+/.exec(text);
  return match === null ? undefined : `run \`${match[0]}\` if you trust it`;
}
