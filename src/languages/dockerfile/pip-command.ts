// pip's command line, and those of uv and pipx that are like it: requirements, files of them, URLs and repositories.
import { type Argument, type CommandLine, packageInput, sortArguments } from './command-line.ts';
import { isCommit } from './git-reference.ts';
import type { DockerfileInput } from './inputs.ts';

const pipValueOptions =
  /^(?:-[rcieftdbCw]|--(?:requirement|constraint|index-url|extra-index-url|editable|find-links|target|dest|build|prefix|root|src|log|proxy|retries|timeout|exists-action|trusted-host|cert|client-cert|cache-dir|platform|python-version|implementation|abi|progress-bar|report|python|config-settings?|global-option|no-binary|only-binary|group|pip-args|suffix|wheel-dir))$/;

/** Inputs of `pip install …`; `name` is the command as written. */
export function readPip(line: CommandLine, name: string): DockerfileInput[] {
  const { operands, options, values } = sortArguments(line.args, pipValueOptions);
  const [verb, ...rest] = operands;
  if (!/^(?:install|download|wheel)$/.test(verb?.text ?? '')) return [];
  const has = (pattern: RegExp) => options.some(({ text }) => pattern.test(text));
  // What is found in a folder was fetched before, and told there.
  if (has(/^--no-index$/)) return [];
  const hashed = has(/^--require-hashes$/);
  const upgrade = has(/^(?:-[a-zA-Z]*U|--upgrade)$/);
  const command = `${name} ${verb!.text}`;
  const inputs: DockerfileInput[] = [];
  for (const option of ['-r', '--requirement']) {
    for (const file of values.get(option) ?? []) {
      const { span } = file.word;
      inputs.push({
        kind: 'requirements',
        span,
        subject: `${command} -r ${file.text}`,
        file: file.text,
        pinned: hashed,
      });
    }
  }
  // `-rfile` in one word.
  for (const { text, word } of options) {
    const [, file] = /^-r(.+)$/.exec(text) ?? [];
    if (file !== undefined) {
      inputs.push({
        kind: 'requirements',
        span: word.span,
        subject: `${command} -r ${file}`,
        file,
        pinned: hashed,
      });
    }
  }
  const editable = [...(values.get('-e') ?? []), ...(values.get('--editable') ?? [])];
  for (const argument of [...rest, ...editable]) {
    inputs.push(
      ...readRequirement(argument, {
        line,
        hashed,
        upgrade,
        command,
        noDependencies: has(/^--no-deps$/),
        constraints: [...(values.get('-c') ?? []), ...(values.get('--constraint') ?? [])].map(
          ({ text }) => text,
        ),
      }),
    );
  }
  return inputs;
}

function readRequirement(
  argument: Argument,
  context: {
    readonly hashed: boolean;
    readonly upgrade: boolean;
    readonly command: string;
    readonly noDependencies: boolean;
    readonly constraints: readonly string[];
    readonly line: CommandLine;
  },
): DockerfileInput[] {
  const { text, word } = argument;
  const { command, hashed, upgrade, line } = context;
  const [, vcsUrl] = /^(?:[^@\s]+@\s*)?git\+(\S+)$/.exec(text) ?? [];
  if (vcsUrl !== undefined) {
    const [, url = vcsUrl, ref] = /^([a-z]+:\/\/(?:[^/@]+@)?[^@#]+)(?:@([^#]+))?/.exec(vcsUrl) ?? [];
    const pinned = ref !== undefined && isCommit(ref);
    return [
      {
        kind: 'git',
        by: 'clone',
        span: word.span,
        url,
        subject: `${command} ${text}`,
        pinned,
        shallow: false,
        ...(ref === undefined ? {} : { ref }),
      },
    ];
  }
  // `name @ https://…` says what it is called, and is a download all the same.
  const [, address] = /^(?:[A-Za-z0-9._-]+(?:\[[^\]]*\])?\s*@\s*)?(https?:\/\/\S+)$/.exec(text) ?? [];
  if (address !== undefined) {
    const pinned = hashed || /#.*sha(?:256|384|512)=[0-9a-f]+/.test(address);
    return [
      {
        kind: 'url',
        by: 'curl',
        span: word.span,
        url: address.replace(/#.*$/, ''),
        subject: `${command} ${text}`,
        pinned,
        toShell: false,
      },
    ];
  }
  // A path: the project's own code, whose dependencies pip chooses.
  if (/^(?:\.{0,2}\/|\.{1,2}(?:\[.*\])?$)/.test(text) || /\.(?:whl|tar\.gz|zip)$/.test(text)) {
    if (hashed || context.noDependencies) return [];
    return [
      {
        kind: 'project-dependencies',
        manager: 'pip',
        span: word.span,
        subject: `${command} ${text}`,
        pinned: false,
        locks: [],
      },
    ];
  }
  const [, name = text, operator, version] =
    /^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?\s*(===?|~=|!=|[<>]=?)?\s*([^;,\s]*)/.exec(text) ?? [];
  const exact =
    (operator === '==' || operator === '===') &&
    version !== '' &&
    !version!.includes('*') &&
    !/[,]/.test(text);
  return [
    packageInput('pip', argument, {
      line,
      name,
      version: exact ? version : undefined,
      pinned: hashed || exact,
      command,
      upgrade,
      constraints: context.constraints,
    }),
  ];
}
