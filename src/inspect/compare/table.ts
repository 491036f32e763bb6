// A comparison as titled tables of plain text, which the terminal, Markdown and HTML lay out in their own ways.
import { assertNever } from '../../foundation/error.ts';
import type { Column, ServiceComparison } from './compare.ts';
import { withoutStoreHashes } from './differences.ts';
import { type Statement, topics } from './recipe-statements.ts';

export interface Cell {
  readonly text: string;
  /** Where a recipe says it. */
  readonly place?: { readonly file: string; readonly lines: readonly number[] };
  /** How it reads: `good` and `bad` are judgements, `none` is the absence of an answer. */
  readonly tone?: 'good' | 'bad' | 'none';
}

export interface Row {
  readonly label: string;
  /** One for each column. */
  readonly cells: readonly Cell[];
  /** The columns do not agree where they could. */
  readonly differs?: boolean;
}

export interface Table {
  readonly title: string;
  readonly rows: readonly Row[];
}

const kindNames = { dockerfile: 'Dockerfile', nix: 'Nix flake', guix: 'Guix manifest' } as const;

/** What a column is headed. */
export function columnName(column: Pick<Column, 'kind' | 'set'>): string {
  return column.set ?? kindNames[column.kind];
}

/** What is said before the tables: why there are none, or that there is little to compare. */
export function remarksOn({
  problem,
  note,
  columns,
}: Pick<ServiceComparison, 'problem' | 'note' | 'columns'>): string[] {
  return [
    ...(problem === undefined
      ? []
      : [`${problem.message}${problem.hint === undefined ? '' : `; ${problem.hint}`}`]),
    ...(note === undefined ? [] : [note]),
    ...columns.flatMap((column) =>
      (column.image?.facts.unread ?? []).map((path) => `${columnName(column)}: ${unreadDatabase(path)}`),
    ),
  ];
}

/** Why the packages of an image are not told, or not all of them. */
export function unreadDatabase(path: string): string {
  return `the database of packages /${path} is of a form that is not read; what it lists is missing here`;
}

/** Every table of a comparison, in the order in which people ask. */
export function comparisonTables(comparison: ServiceComparison): Table[] {
  const { columns } = comparison;
  const row = (label: string, cell: (column: Column) => Cell | undefined): Row => ({
    label,
    cells: columns.map((column) => cell(column) ?? { text: '—', tone: 'none' }),
  });
  const tables: Table[] = [
    {
      title: 'How each recipe says it',
      rows: topics.map(({ topic, label }) => row(label, ({ says }) => says && statementCell(says[topic]))),
    },
    {
      title: 'What one types',
      rows: [row('commands', ({ commands }) => ({ text: commands.join('\n') }))],
    },
    {
      title: 'What it takes from outside',
      rows: [
        row('pinned inputs', ({ inputs }) => ({
          text: inputs.total === 0 ? 'none found' : `${inputs.pinned} of ${inputs.total}`,
          tone: inputs.pinned === inputs.total ? 'good' : 'bad',
        })),
        row('pins are in', ({ inputs }) =>
          inputs.pinsIn.length === 0 ? undefined : { text: inputs.pinsIn.join(', ') },
        ),
        row('can change tomorrow', ({ inputs }) => ({
          text:
            inputs.drifts.length === 0
              ? 'nothing found'
              : inputs.drifts.map((drift) => `${drift.place} ${drift.subject}`).join('\n'),
          tone: inputs.drifts.length === 0 ? 'good' : 'bad',
        })),
      ],
    },
    { title: 'What comes of it', rows: imageRows(comparison) },
  ];
  const times = columns.some((column) => column.times !== undefined);
  const tests = columns.some((column) => column.probe !== undefined || column.reproducible !== undefined);
  if (times || tests) {
    tables.push({
      title: 'Measured',
      rows: [
        ...(times
          ? [
              row('built from nothing', ({ times: found }) => found && { text: seconds(found.cold) }),
              row('built again', ({ times: found }) => found && { text: seconds(found.warm) }),
              row('after one file changed', ({ times: found }) =>
                found?.changed === undefined ? undefined : { text: seconds(found.changed) },
              ),
            ]
          : []),
        ...(columns.some((column) => column.reproducible !== undefined)
          ? [
              row('the same bits twice', ({ reproducible }) =>
                reproducible === undefined
                  ? undefined
                  : {
                      text: reproducible.same
                        ? `yes, ${shortDigest(reproducible.detail)}`
                        : `no: ${reproducible.detail}`,
                      tone: reproducible.same ? 'good' : 'bad',
                    },
              ),
            ]
          : []),
        ...(columns.some((column) => column.probe !== undefined)
          ? [
              row('starts and answers', ({ probe }) =>
                probe === undefined
                  ? undefined
                  : probe.answers
                    ? { text: `yes, 200 after ${seconds(probe.milliseconds)}`, tone: 'good' }
                    : { text: `no: ${probe.reason} [${probe.code}]`, tone: 'bad' },
              ),
              row('memory then', ({ probe }) =>
                probe?.answers === true && probe.memory !== undefined
                  ? { text: megabytes(probe.memory) }
                  : undefined,
              ),
            ]
          : []),
      ],
    });
  }
  if (comparison.config.length > 0) {
    tables.push({
      title: 'Configuration',
      rows: comparison.config.map(({ field, values, differs }) => ({
        label: field,
        differs,
        cells: values.map((value) =>
          value === undefined ? { text: '—', tone: 'none' } : { text: configText(field, value) },
        ),
      })),
    });
  }
  return tables;
}

/** Versions of packages side by side; those that differ first. */
export function packageTable({ packages }: Pick<ServiceComparison, 'packages'>): Table {
  return {
    title: 'Packages',
    rows: packages.map(({ name, versions, differs }) => ({
      label: name,
      differs,
      cells: versions.map((version) =>
        version === undefined ? { text: '—', tone: 'none' } : { text: version },
      ),
    })),
  };
}

function imageRows({ columns }: ServiceComparison): Row[] {
  const row = (label: string, cell: (column: Column) => Cell | undefined): Row => ({
    label,
    cells: columns.map((column) => cell(column) ?? { text: '—', tone: 'none' }),
  });
  const paths = (list: readonly string[]): Cell => ({
    text:
      list.length === 0
        ? 'none'
        : `${list.length}: ${list.slice(0, 4).join(' ')}${list.length > 4 ? ' …' : ''}`,
    tone: list.length === 0 ? 'good' : 'bad',
  });
  const shared = columns.filter((column) => column.image !== undefined).length > 1;
  return [
    row('built here', ({ problem }) =>
      problem === undefined
        ? { text: 'yes', tone: 'good' }
        : {
            text: `no: ${problem.message} [${problem.code}]${problem.hint === undefined ? '' : `\nnext: ${problem.hint}`}`,
            tone: 'bad',
          },
    ),
    row('size', ({ image }) => image && { text: megabytes(image.facts.size) }),
    row('size, packed', ({ image }) => image && { text: megabytes(image.packed) }),
    row('layers', ({ image }) => image && { text: String(image.facts.layers.length) }),
    ...(shared ? [row('layers shared', ({ image }) => image && { text: String(image.sharedLayers) })] : []),
    row('packages', ({ image }) => image && { text: String(image.facts.packages.length) }),
    row('files', ({ image }) => image && { text: String(image.facts.files) }),
    ...(shared
      ? [
          row('files only here', ({ image }) =>
            image?.onlyHere === undefined
              ? undefined
              : {
                  text: [
                    String(image.onlyHere.count),
                    ...image.onlyHere.folders.slice(0, 4).map(([folder, count]) => `${folder} ${count}`),
                  ].join('\n'),
                },
          ),
        ]
      : []),
    row('set-id files', ({ image }) => image && paths(image.facts.setId)),
    row('world-writable', ({ image }) => image && paths(image.facts.worldWritable)),
    row(
      'shells',
      ({ image }) =>
        image && { text: image.facts.shells.length === 0 ? 'none' : image.facts.shells.join(' ') },
    ),
  ];
}

/** A field's JSON as people write it: words of a command, a variable a line, ports and volumes by name. */
function configText(field: string, json: string): string {
  const value: unknown = JSON.parse(json);
  const plain = withoutStoreHashes;
  if (Array.isArray(value)) {
    const words = value.map(String);
    if (field === 'Env') return words.map(plain).join('\n');
    return words
      .map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? plain(word) : JSON.stringify(plain(word))))
      .join(' ');
  }
  if (field === 'ExposedPorts' || field === 'Volumes') return Object.keys(value as object).join('\n');
  if (field === 'Labels')
    return Object.entries(value as object)
      .map(([name, text]) => `${name}=${plain(String(text))}`)
      .join('\n');
  return typeof value === 'string' ? plain(value) : plain(json);
}

function statementCell(statement: Statement): Cell {
  switch (statement.kind) {
    case 'says': {
      const [first] = statement.lines;
      return {
        text: `${statement.text}\n${statement.file}:${first ?? 1}`,
        place: { file: statement.file, lines: statement.lines },
      };
    }
    case 'silent':
      return { text: 'does not say', tone: 'none' };
    case 'cannot':
      return { text: `cannot say: ${statement.why}`, tone: 'bad' };
    default:
      return assertNever(statement);
  }
}

export function megabytes(bytes: number): string {
  return bytes < 1e5 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

export function seconds(milliseconds: number): string {
  return milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(1)} s`;
}

function shortDigest(digest: string): string {
  return digest.slice(0, 19);
}
