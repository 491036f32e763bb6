// What an audit finds, and the inputs it counts.
import { redactCredentials } from '../../foundation/credentials.ts';
import type { Span } from '../../foundation/error.ts';
import { auditRules, type RuleName, type Severity } from './rules.ts';

export interface Finding {
  readonly rule: RuleName;
  readonly severity: Severity;
  readonly span: Span;
  /** What was found, as written: `python:3.11`, `apt-get install git`. */
  readonly subject: string;
  /** Why it drifts or harms, in one sentence. */
  readonly why: string;
  readonly pinnedBy: string;
  /** More about this very place. */
  readonly detail?: string;
}

/** An input of a recipe: pinned by the recipe, by a lock, or not, and then with a finding. */
export interface Input {
  readonly subject: string;
  readonly span: Span;
  readonly pinnedBy?: 'recipe' | 'lock';
  readonly finding?: Finding;
  /** Inputs with one `group` and rule are told as one finding: the packages of a command. */
  readonly group?: string;
}

/** A finding of a rule at a place. */
export function finding(
  rule: RuleName,
  at: {
    readonly span: Span;
    readonly subject: string;
    readonly detail?: string | undefined;
    readonly severity?: Severity;
  },
): Finding {
  const { severity, why, pinnedBy } = auditRules[rule];
  return {
    rule,
    severity: at.severity ?? severity,
    span: at.span,
    subject: redactCredentials(at.subject),
    why,
    pinnedBy,
    ...(at.detail === undefined ? {} : { detail: at.detail }),
  };
}
