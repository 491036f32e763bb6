// `trimaran lock`: pins what the project's recipes leave open.
import { defaultNixSettings, lockProject } from '../index.ts';
import type { CommandContext } from './context.ts';
import { projectOrFolder } from './project.ts';

export async function run(
  context: CommandContext,
  _args: readonly string[],
  options: Record<string, unknown>,
): Promise<number> {
  const { host } = context;
  const project = await projectOrFolder(context, options);
  const { update } = options;
  const locked = await lockProject({
    host,
    project,
    settings: defaultNixSettings,
    update: update === true ? 'all' : ((update as string[] | undefined) ?? []),
    write: options.write === true,
  });
  const { lock, file, changed, edited } = locked;
  const packages = [...lock.debian.values()].flatMap(({ architectures }) =>
    [...architectures.values()].flatMap((used) => [...used.packages.keys()]),
  ).length;
  if (context.json) {
    const counts = {
      releases: Object.fromEntries([...lock.debian].map(([suite, { timestamp }]) => [suite, timestamp])),
      packages,
      images: Object.fromEntries([...lock.images].map(([reference, { digest }]) => [reference, digest])),
      urls: Object.fromEntries(lock.urls),
      commits: [...lock.git].flatMap(([url, refs]) =>
        [...refs].map(([ref, commit]) => ({ url, ref, commit })),
      ),
    };
    context.print(JSON.stringify({ file, changed, edited, ...counts, unpinned: lock.unpinned }, null, 2));
    return 0;
  }
  for (const [suite, { timestamp }] of lock.debian) context.print(`debian:${suite}  ${timestamp}`);
  if (packages > 0) context.print(packages === 1 ? '1 Debian package' : `${packages} Debian packages`);
  for (const [reference, { digest }] of lock.images) context.print(`${reference}  ${digest}`);
  for (const [url, sha256] of lock.urls) context.print(`${url}  sha256:${sha256}`);
  for (const [url, refs] of lock.git)
    for (const [ref, commit] of refs) context.print(`${url} ${ref}  ${commit}`);
  for (const { what, where, reason } of lock.unpinned)
    context.say(`not pinned: ${what} (${where}): ${reason}`);
  for (const path of edited) context.say(`wrote the pins into ${path}`);
  context.say(changed ? `wrote ${file}` : `${file} is as it was`);
  return 0;
}
