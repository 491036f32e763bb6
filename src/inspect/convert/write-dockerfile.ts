// Writes a Dockerfile for the needs of an image: Debian's packages where the set is Debian, pip's otherwise.
import { relative } from 'node:path';
import type { Placed } from '../../compose/service.ts';
import { commentLines, type Draft } from './draft.ts';
import type { Healthcheck } from './image-needs.ts';

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
    if (source.kind === 'git') lines.push(...cloneLines(source, target));
    else if (source.kind === 'text') {
      const end = heredocEnd(source.text);
      const text = source.text.endsWith('\n') || source.text === '' ? source.text : `${source.text}\n`;
      const mode = source.isExecutable === true ? '--chmod=755 ' : '';
      lines.push(`COPY ${mode}<<"${end}" ${target}`, `${text}${end}`);
    } else {
      const path = relative(options.context, source.path) || '.';
      lines.push(
        plain(
          /\s/.test(path + target) ? `COPY ${exec([wild(path), target])}` : `COPY ${wild(path)} ${target}`,
        ),
      );
    }
  }
  for (const {
    value: [name, value],
  } of needs.environment)
    lines.push(`ENV ${name}=${environmentValue(value)}`);
  if (draft.workingDirectory !== undefined) lines.push(`WORKDIR ${plain(draft.workingDirectory)}`);
  for (const {
    value: [name, value],
  } of needs.labels)
    lines.push(`LABEL ${quotedValue(name)}=${quotedValue(value)}`);
  if (needs.stopSignal !== undefined) lines.push(`STOPSIGNAL ${plain(needs.stopSignal.value)}`);
  if (needs.healthcheck !== undefined) lines.push(healthcheckLine(needs.healthcheck.value));
  if (needs.user !== undefined) lines.push(`USER ${plain(needs.user.value)}`);
  for (const { value } of needs.volumes)
    lines.push(`VOLUME ${/[\s[]/.test(value) ? plain(exec([value])) : plain(value)}`);
  for (const port of draft.ports) lines.push(`EXPOSE ${port.replace(/\/tcp$/, '')}`);
  lines.push('');
  if (needs.entrypoint !== undefined) lines.push(`ENTRYPOINT ${exec(needs.entrypoint.value)}`);
  if (needs.command !== undefined) lines.push(`CMD ${exec(needs.command.value)}`);
  return `${lines
    .join('\n')
    .replace(/\n{3,}/g, '\n\n')
    .trimEnd()}\n`;
}

/** A commit cannot be cloned by name; it is fetched. */
function cloneLines(source: { readonly url: string; readonly ref?: string }, target: string): string[] {
  const { url, ref } = source;
  if (ref === undefined || !/^[0-9a-f]{40}$/.test(ref))
    return [`RUN git clone --depth=1 ${ref === undefined ? '' : `-b ${ref} `}${url} ${target}`];
  return [
    `RUN git init -q ${target} \\`,
    `    && git -C ${target} fetch -q --depth=1 ${url} ${ref} \\`,
    `    && git -C ${target} checkout -q FETCH_HEAD`,
  ];
}

/** A word that no line of the text is. */
function heredocEnd(text: string): string {
  let end = 'EOF';
  while (text.split('\n').includes(end)) end += 'F';
  return end;
}

function healthcheckLine(check: Healthcheck): string {
  const [kind = 'NONE', ...words] = check.test;
  if (kind === 'NONE') return 'HEALTHCHECK NONE';
  const flag = (name: string, nanoseconds: number) =>
    nanoseconds > 0 ? [`--${name}=${Math.max(1, Math.round(nanoseconds / 1e6))}ms`] : [];
  const flags = [
    ...flag('interval', check.interval),
    ...flag('timeout', check.timeout),
    ...flag('start-period', check.startPeriod),
    ...flag('start-interval', check.startInterval),
    ...(check.retries > 0 ? [`--retries=${check.retries}`] : []),
  ];
  const command = kind === 'CMD-SHELL' ? words.join(' ') : exec(words);
  return ['HEALTHCHECK', ...flags, 'CMD', command].join(' ');
}

function exec(words: readonly string[]): string {
  return `[${words.map((word) => JSON.stringify(word)).join(', ')}]`;
}

function environmentValue(value: string): string {
  return /^[\w@%+:,./-]+$/.test(value) ? value : quotedValue(value);
}

function quotedValue(value: string): string {
  return `"${value.replace(/[\\"$]/g, '\\$&')}"`;
}

/** Text in which a dollar sign means itself. */
function plain(value: string): string {
  return value.replaceAll('$', '\\$');
}

/** A path in which stars and the like mean themselves. */
function wild(path: string): string {
  return path.replace(/[*?[]/g, (sign) => (sign === '[' ? '[[]' : `[${sign}]`));
}
