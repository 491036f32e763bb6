// Writes a Dockerfile for the needs of an image: Debian's packages where the set is Debian, pip's otherwise.
import { relative } from 'node:path';
import type { Placed } from '../../compose/service.ts';
import { commentLines, type Draft } from './draft.ts';

/** The text of a Dockerfile whose build context is `context`. */
export function writeDockerfile(
  draft: Draft,
  options: { readonly context: string; readonly remarks: readonly Placed<string>[] },
): string {
  const { needs } = draft;
  const isDebian = draft.set.startsWith('debian:');
  const git = draft.sources.filter(({ source }) => source.kind === 'git');
  const lines = commentLines(options.remarks, '#');
  const debian = draft.names.flatMap((name) =>
    name.debian.length > 0 ? name.debian : name.plain === undefined ? [] : [name.plain],
  );
  const system = isDebian
    ? [...new Set(debian)]
    : draft.names.flatMap((name) => (name.plain === 'python3' ? [] : (name.plain ?? [])));
  if (isDebian && draft.python && !system.includes('python3')) system.push('python3');
  if (git.length > 0) system.push('ca-certificates', 'git');
  lines.push(
    isDebian
      ? `FROM debian:${draft.set.slice('debian:'.length).split('/')[0]}`
      : draft.python
        ? 'FROM python:3-slim'
        : 'FROM debian:stable-slim',
    '',
  );
  if (system.length > 0) {
    lines.push('RUN apt-get update \\', '    && apt-get install -y --no-install-recommends \\');
    lines.push(...[...new Set(system)].sort().map((name) => `        ${name} \\`));
    lines.push('    && rm -rf /var/lib/apt/lists/*');
  }
  const python = isDebian ? [] : draft.names.flatMap((name) => name.python ?? []);
  if (python.length > 0) lines.push(`RUN pip install --no-cache-dir ${python.join(' ')}`);
  for (const { source, target } of draft.sources) {
    if (source.kind === 'git') {
      const ref = source.ref === undefined ? '' : `-b ${source.ref} `;
      lines.push(`RUN git clone --depth=1 ${ref}${source.url} ${target}`);
    } else {
      const path = relative(options.context, source.path) || '.';
      lines.push(
        /\s/.test(path + target) ? `COPY ${JSON.stringify([path, target])}` : `COPY ${path} ${target}`,
      );
    }
  }
  for (const {
    value: [name, value],
  } of needs.environment)
    lines.push(`ENV ${name}=${environmentValue(value)}`);
  if (draft.workingDirectory !== undefined) lines.push(`WORKDIR ${draft.workingDirectory}`);
  if (needs.user !== undefined) lines.push(`USER ${needs.user.value}`);
  for (const { value } of needs.volumes) lines.push(`VOLUME ${value}`);
  for (const port of draft.ports) lines.push(`EXPOSE ${port.replace(/\/tcp$/, '')}`);
  lines.push('');
  if (needs.entrypoint !== undefined) lines.push(`ENTRYPOINT ${exec(needs.entrypoint.value)}`);
  if (needs.command !== undefined) lines.push(`CMD ${exec(needs.command.value)}`);
  return `${lines
    .join('\n')
    .replace(/\n{3,}/g, '\n\n')
    .trimEnd()}\n`;
}

function exec(words: readonly string[]): string {
  return `[${words.map((word) => JSON.stringify(word)).join(', ')}]`;
}

function environmentValue(value: string): string {
  return /^[\w@%+:,./-]+$/.test(value) ? value : `"${value.replace(/[\\"$]/g, '\\$&')}"`;
}
