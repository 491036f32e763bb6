// `builtin:git-download`: one commit, tag or branch of a repository, without its history, by the git program.
import { mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { TrimaranError } from '../../foundation/error.ts';
import type { BuildContext } from '../../store/builder.ts';
import { removeDiskTree } from '../../store/disk-tree.ts';
import { checkFixedSource, readWritten } from './fixed-source.ts';

/** A {@link import('../../store/builder.ts').Builder}. Throws `guix/no-git`, `guix/git-failed`, `guix/hash-mismatch`. */
export async function buildGitCheckout(context: BuildContext): Promise<void> {
  const { env, host } = context;
  const url = String(readWritten(env.get('url') ?? ''));
  const commit = String(readWritten(env.get('commit') ?? ''));
  const recursive = readWritten(env.get('recursive?') ?? '#f') === true;
  const git = host.which('git');
  if (git === undefined) {
    throw new TrimaranError({
      code: 'guix/no-git',
      message: `the program git is not here, but ${shownUrl(url)} has to be fetched`,
      hint: 'install git',
      exitCode: 4,
    });
  }
  const folder = join(context.folder, 'checkout');
  mkdirSync(folder);
  const run = async (args: readonly string[]) => {
    const result = await host.run({
      command: git,
      args: ['-C', folder, '-c', 'core.autocrlf=false', '-c', 'advice.detachedHead=false', ...args],
      env: gitEnvironment(host.env, context.folder),
    });
    for (const line of result.stderr.toString('utf8').split('\n')) if (line !== '') context.log(line);
    return result;
  };
  const must = async (args: readonly string[]) => {
    const result = await run(args);
    if (result.exitCode === 0) return;
    throw new TrimaranError({
      code: 'guix/git-failed',
      message: `cannot fetch ${commit} of ${shownUrl(url)}: ${lastLine(result.stderr)}`,
      hint: 'check the URL and the commit, and whether this machine reaches the place',
      exitCode: 4,
    });
  };
  await must(['init', '-q', '--initial-branch=main']);
  await must(['remote', 'add', 'origin', url]);
  // Servers may refuse to give a commit by its hash; then all is fetched.
  const shallow = await run(['fetch', '-q', '--depth', '1', 'origin', commit]);
  if (shallow.exitCode === 0) await must(['checkout', '-q', 'FETCH_HEAD']);
  else {
    await must(['fetch', '-q', '--tags', 'origin', '+refs/heads/*:refs/remotes/origin/*']);
    const branch = await run(['checkout', '-q', `origin/${commit}`]);
    if (branch.exitCode !== 0) await must(['checkout', '-q', commit]);
  }
  if (recursive) {
    await must(['submodule', 'update', '-q', '--init', '--recursive', '--depth', '1']);
    await must(['submodule', 'foreach', '-q', '--recursive', 'rm -rf .git']);
  }
  removeDiskTree(join(folder, '.git'));
  renameSync(folder, context.outputs.get('out')!.plain);
  checkFixedSource(context);
}

/** What git may see of the user's environment: how to reach servers, and nothing that changes files. */
function gitEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  home: string,
): Record<string, string> {
  const kept = [
    'PATH',
    'SSH_AUTH_SOCK',
    'GIT_SSL_CAINFO',
    'SSL_CERT_FILE',
    'SSL_CERT_DIR',
    'http_proxy',
    'https_proxy',
    'no_proxy',
    'all_proxy',
    'HTTPS_PROXY',
    'HTTP_PROXY',
    'NO_PROXY',
  ];
  const result: Record<string, string> = {
    HOME: home,
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    GIT_ALLOW_PROTOCOL: 'file:git:http:https:ssh',
  };
  for (const name of kept) if (env[name] !== undefined) result[name] = env[name];
  return result;
}

function shownUrl(url: string): string {
  return url.replace(/\/\/[^/@]*@/, '//***@');
}

function lastLine(text: Buffer): string {
  return text.toString('utf8').trim().split('\n').at(-1) ?? '';
}
