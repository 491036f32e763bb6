// The commands of Python that install: pip by its many names, uv, pipx, and the tools that keep a project's own lock.
import { type CommandLine, packageInput, sortArguments, upgradeInput, withVerb } from './command-line.ts';
import type { DockerfileInput } from './inputs.ts';
import { readPip } from './pip-command.ts';

/** Inputs of a command of Python's world; undefined for any other. */
export function readPythonCommand(line: CommandLine): DockerfileInput[] | undefined {
  const { name, args } = line;
  if (/^pip[0-9.]*$/.test(name)) return readPip(line, name);
  if (/^(?:python|pypy)[0-9.]*$/.test(name)) return readPython(line);
  switch (name) {
    case 'uv':
      return readUv(line);
    case 'uvx':
      return readUvx(line);
    case 'pipx':
      return readPip(line, name);
    case 'easy_install':
      return readPip(withVerb(line), name);
    case 'poetry':
    case 'pdm':
    case 'pipenv':
    case 'rye':
    case 'hatch':
      return readProjectTool(line);
    case 'pip-sync': {
      const files = args.filter(({ text }) => !text.startsWith('-'));
      const option = (file: (typeof args)[number]) => [{ word: file.word, text: '-r' }, file];
      const first = line.command.words[0]!;
      const named = files.length > 0 ? files : [{ word: first, text: 'requirements.txt' }];
      return readPip(withVerb({ ...line, args: named.flatMap(option) }), name);
    }
    default:
      return undefined;
  }
}

/** `python -m pip install x`, `python setup.py install`. */
function readPython(line: CommandLine): DockerfileInput[] {
  const { args } = line;
  const at = args.findIndex(({ text }) => /^-[a-zA-Z]*m$/.test(text));
  const before = args.slice(0, Math.max(at, 0));
  const module = at >= 0 && before.every(({ text }) => /^-/.test(text)) ? args[at + 1]?.text : undefined;
  if (module === 'pip') return readPip({ ...line, args: args.slice(at + 2) }, 'pip');
  if (module === 'uv' || module === 'pipx' || module === 'poetry' || module === 'pipenv')
    return readPythonCommand({ ...line, name: module, args: args.slice(at + 2) }) ?? [];
  const [file, verb] = args.filter(({ text }) => !text.startsWith('-'));
  if (file === undefined || !/(?:^|\/)setup\.py$/.test(file.text)) return [];
  if (!/^(?:install|develop)$/.test(verb?.text ?? '')) return [];
  return [
    {
      kind: 'project-dependencies',
      manager: 'pip',
      span: line.command.span,
      subject: `${line.name} ${file.text} ${verb!.text}`,
      pinned: false,
      locks: [],
    },
  ];
}

/** `uv pip install x`, `uv tool install x`, `uv add x`, `uv run --with x`, `uv sync`. */
function readUv(line: CommandLine): DockerfileInput[] {
  const [first, ...rest] = line.args.slice(line.args.findIndex(({ text }) => !text.startsWith('-')));
  switch (first?.text) {
    case 'pip': {
      if (rest[0]?.text !== 'sync') return readPip({ ...line, args: rest }, 'uv');
      const files = rest
        .slice(1)
        .flatMap((file) => (file.text.startsWith('-') ? [file] : [{ word: file.word, text: '-r' }, file]));
      return readPip(withVerb({ ...line, args: files }), 'uv');
    }
    case 'tool':
      return rest[0]?.text === 'run'
        ? readUvx({ ...line, args: rest.slice(1) })
        : readPip({ ...line, args: rest }, 'uv');
    case 'add':
      return readPip(withVerb({ ...line, args: rest }), 'uv');
    case 'run': {
      const { values } = sortArguments(
        rest,
        /^--(?:with|with-requirements|python|extra|group|project|directory)$|^-p$/,
      );
      const named = (values.get('--with') ?? []).flatMap(({ word, text }) =>
        text.split(',').map((name) => ({ word, text: name })),
      );
      return readPip(withVerb({ ...line, args: named }), 'uv');
    }
    case 'lock':
      return rest.some(({ text }) => text === '--upgrade' || text === '-U')
        ? [upgradeInput(line, 'uv lock --upgrade')]
        : [];
    case 'sync':
      if (rest.some(({ text }) => /^(?:-U|--upgrade)$/.test(text)))
        return [upgradeInput(line, 'uv sync --upgrade')];
      return fromLock(line, {
        subject: 'uv sync',
        locks: ['uv.lock'],
        isStrict: rest.some(({ text }) => text === '--frozen' || text === '--locked'),
      });
    default:
      return [];
  }
}

/** `uvx ruff` runs one package, of the version that it finds. */
function readUvx(line: CommandLine): DockerfileInput[] {
  const { operands } = sortArguments(line.args, /^(?:-p|--(?:from|with|python|index|index-url))$/);
  const [tool] = operands;
  if (tool === undefined) return [];
  const [name = '', version] = tool.text.split('@', 2);
  const pinned = version !== undefined && /^\d/.test(version);
  return [packageInput('pip', tool, { line, name, version, pinned, command: 'uvx' })];
}

const lockOfTool: Readonly<Record<string, readonly string[]>> = {
  poetry: ['poetry.lock'],
  pdm: ['pdm.lock'],
  pipenv: ['Pipfile.lock'],
  rye: ['requirements.lock'],
  hatch: [],
};

/** Tools that take what their project's lock has, or a package by name. */
function readProjectTool(line: CommandLine): DockerfileInput[] {
  const { name, args } = line;
  const [verb, ...rest] = args;
  if (verb?.text === 'update') return [upgradeInput(line, `${name} update`)];
  if (!/^(?:add|install|sync)$/.test(verb?.text ?? '')) return [];
  const named = readPip(withVerb({ ...line, args: rest }), name).filter(
    (input) => input.kind !== 'project-dependencies',
  );
  if (named.length > 0 || verb!.text === 'add') return named;
  return fromLock(line, {
    subject: `${name} ${verb!.text}`,
    locks: lockOfTool[name] ?? [],
    // Poetry and `pipenv install --deploy` stop at a lock that does not fit; `sync` never looks further.
    isStrict:
      name === 'poetry' ||
      verb!.text === 'sync' ||
      rest.some(({ text }) => /^--(?:deploy|ignore-pipfile|frozen-lockfile|check)$/.test(text)),
  });
}

function fromLock(
  line: CommandLine,
  {
    subject,
    locks,
    isStrict,
  }: { readonly subject: string; readonly locks: readonly string[]; readonly isStrict: boolean },
): DockerfileInput[] {
  return [
    {
      kind: 'project-dependencies',
      manager: 'pip',
      span: line.command.span,
      subject,
      pinned: false,
      locks,
      ...(isStrict ? { isStrict } : {}),
    },
  ];
}
