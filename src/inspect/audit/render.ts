// An audit's report as text, JSON and SARIF 2.1.0. Strings only; printing is the command's.

import { isAbsolute } from 'node:path';
import { pathToFileURL } from 'node:url';
import { redactCredentials } from '../../foundation/credentials.ts';
import type { AuditReport } from './audit.ts';
import type { Finding } from './finding.ts';
import type { LockedState, OnlineReport } from './online.ts';
import { auditRules, type Rule, type RuleName } from './rules.ts';

export interface RenderOptions {
  /** What has moved since the lock, where that was asked for. */
  readonly online?: OnlineReport | undefined;
}

export interface RenderTextOptions extends RenderOptions {
  /** Colours of a terminal, where it has them; identity when absent. */
  readonly paint?: Readonly<Record<'error' | 'warning' | 'note' | 'dim' | 'bold', (text: string) => string>>;
}

const plain = { error: same, warning: same, note: same, dim: same, bold: same };

function same(text: string): string {
  return text;
}

/** A line for each finding, its reason and remedy below it, and the score. */
export function renderAuditText(report: AuditReport, options: RenderTextOptions = {}): string {
  const paint = options.paint ?? plain;
  const lines: string[] = [];
  for (const found of report.findings) {
    const { span } = found;
    const place = `${span.file}:${span.line}:${span.column}`;
    lines.push(
      `${paint.bold(place)}: ${paint[found.severity](found.severity)}: ${found.subject} ${paint.dim(`[${found.rule}]`)}`,
    );
    lines.push(`    ${found.why}${found.detail === undefined ? '' : ` (${found.detail})`}`);
    lines.push(`    ${paint.dim('pinned by:')} ${found.pinnedBy}`);
  }
  if (lines.length > 0) lines.push('');
  const counts = ['error', 'warning', 'note'].map((severity) => {
    const count = report.findings.filter((found) => found.severity === severity).length;
    return `${count} ${severity}${count === 1 ? '' : 's'}`;
  });
  lines.push(
    `${report.pinned} of ${report.total} inputs are pinned (${Math.floor(report.score * 100)} %); ${counts.join(', ')}`,
  );
  if (options.online !== undefined) lines.push(...onlineLines(options.online, paint));
  return `${lines.join('\n')}\n`;
}

/** What has moved, what could not be asked, and how many are as they were. */
function onlineLines(
  { states, moved, unreachable }: OnlineReport,
  paint: NonNullable<RenderTextOptions['paint']>,
): string[] {
  const lines: string[] = [];
  for (const state of states.filter((state) => state.moved)) {
    lines.push('', `${paint.bold(state.where)}: moved: ${state.name}`);
    lines.push(`    ${state.locked} → ${state.now}`, `    ${paint.dim('taken by:')} ${state.update}`);
  }
  for (const { where, name, failure } of states) {
    if (failure === undefined) continue;
    lines.push('', `${paint.bold(where)}: not asked: ${name} ${paint.dim(`[${failure.code}]`)}`);
    lines.push(`    ${failure.reason}`);
  }
  const same = states.length - moved - unreachable;
  lines.push(
    ...(lines.length === 0 ? [] : ['']),
    `${states.length} locked inputs: ${same} as locked, ${moved} moved, ${unreachable} not asked`,
  );
  return lines;
}

function toldState({ kind, name, where, locked, now, moved, update, failure }: LockedState) {
  return {
    kind,
    name,
    where,
    locked,
    ...(now === undefined ? {} : { now }),
    moved,
    ...(moved ? { update } : {}),
    ...(failure === undefined ? {} : { failure }),
  };
}

/** The report as JSON text: `{ score, pinned, total, files, findings, inputs, online? }`. */
export function renderAuditJson(report: AuditReport, { online }: RenderOptions = {}): string {
  const { score, pinned, total, files, findings, inputs } = report;
  const told = inputs.map(({ subject, span, pinnedBy }) => ({
    subject: redactCredentials(subject),
    span,
    pinned: pinnedBy !== undefined,
    ...(pinnedBy === undefined ? {} : { pinnedBy }),
  }));
  const asked = online === undefined ? {} : { online: { ...online, states: online.states.map(toldState) } };
  return `${JSON.stringify({ score, pinned, total, files, findings, inputs: told, ...asked }, null, 2)}\n`;
}

/**
 * The report as SARIF 2.1.0 text, for code scanning. `version` is Trimaran's own; `documentation` the folder that
 * holds the rules' pages, as a URL.
 */
export function renderAuditSarif(
  report: AuditReport,
  options: RenderOptions & { readonly version: string; readonly documentation?: string },
): string {
  const { online } = options;
  const used = [...new Set(report.findings.map((found) => found.rule))].sort();
  const rules = used.map((name) => sarifRule(name, auditRules[name], options.documentation));
  const results = report.findings.map((found) => sarifResult(found, used.indexOf(found.rule)));
  const log = {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: { driver: { name: 'trimaran', semanticVersion: options.version, rules } },
        columnKind: 'utf16CodeUnits',
        results,
        properties: {
          score: report.score,
          pinned: report.pinned,
          total: report.total,
          ...(online === undefined ? {} : { online: { ...online, states: online.states.map(toldState) } }),
        },
      },
    ],
  };
  return `${JSON.stringify(log, null, 2)}\n`;
}

function sarifRule(id: RuleName, rule: Rule, documentation: string | undefined) {
  return {
    id,
    shortDescription: { text: rule.summary },
    fullDescription: { text: `${sentence(rule.why)} Pinned by ${rule.pinnedBy}.` },
    help: { text: `Pinned by ${rule.pinnedBy}.` },
    ...(documentation === undefined ? {} : { helpUri: `${documentation.replace(/\/$/, '')}/${id}.md` }),
    defaultConfiguration: { level: rule.severity },
  };
}

function sarifResult(found: Finding, ruleIndex: number) {
  const { span } = found;
  const [file] = span.file.split('#');
  const detail = found.detail === undefined ? '' : ` (${found.detail})`;
  return {
    ruleId: found.rule,
    ruleIndex,
    level: found.severity,
    message: { text: `${found.subject}: ${found.why}${detail}. Pinned by ${found.pinnedBy}.` },
    locations: [
      {
        physicalLocation: {
          artifactLocation: { uri: fileUri(file!) },
          region: {
            startLine: span.line,
            startColumn: span.column,
            ...(span.endLine === undefined ? {} : { endLine: span.endLine }),
            ...(span.endColumn === undefined ? {} : { endColumn: span.endColumn }),
          },
        },
      },
    ],
  };
}

function fileUri(file: string): string {
  if (isAbsolute(file)) return pathToFileURL(file).href;
  return file.split(/[\\/]/).map(encodeURIComponent).join('/');
}

function sentence(text: string): string {
  return `${text[0]!.toUpperCase()}${text.slice(1)}.`;
}
