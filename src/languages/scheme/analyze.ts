// Before compiling: which lambda owns each local variable, which are captured, and which need a box.
import type { Clause, IR, LocalVariable } from './ir.ts';

interface Walk {
  clock: number;
}

/** Fills in owner, captured and boxed of every local variable in an expression. */
export function gatherInfo(ir: IR): void {
  visit(ir, undefined, { clock: 0 });
}

function reference(variable: LocalVariable, clause: Clause | undefined, walk: Walk): void {
  const now = ++walk.clock;
  if (now < variable.firstUse) variable.firstUse = now;
  if (variable.owner !== clause) variable.captured = true;
}

function own(variable: LocalVariable, clause: Clause | undefined): void {
  variable.owner = clause;
  variable.captured = false;
  variable.boxed = false;
  variable.firstUse = Number.POSITIVE_INFINITY;
}

function settle(variable: LocalVariable): void {
  variable.boxed = variable.captured && variable.assigned;
}

function visit(ir: IR, clause: Clause | undefined, walk: Walk): void {
  switch (ir.kind) {
    case 'constant':
    case 'global':
      return;
    case 'local':
      reference(ir.variable, clause, walk);
      return;
    case 'set-local':
      reference(ir.variable, clause, walk);
      visit(ir.value, clause, walk);
      return;
    case 'set-global':
    case 'define':
      visit(ir.value, clause, walk);
      return;
    case 'if':
      visit(ir.test, clause, walk);
      visit(ir.yes, clause, walk);
      visit(ir.no, clause, walk);
      return;
    case 'sequence':
      for (const item of ir.items) visit(item, clause, walk);
      return;
    case 'call':
      visit(ir.procedure, clause, walk);
      for (const arg of ir.args) visit(arg, clause, walk);
      return;
    case 'native':
      for (const arg of ir.args) visit(arg, clause, walk);
      return;
    case 'lambda':
      for (const inner of ir.clauses) visitClause(inner, walk);
      return;
    case 'let':
      for (const init of ir.inits) visit(init, clause, walk);
      for (const variable of ir.variables) own(variable, clause);
      visit(ir.body, clause, walk);
      ir.variables.forEach(settle);
      return;
    case 'letrec':
      visitLetrec(ir, clause, walk);
      return;
  }
}

function visitClause(clause: Clause, walk: Walk): void {
  const parameters = [
    ...clause.required,
    ...clause.optional,
    ...(clause.rest === undefined ? [] : [clause.rest]),
    ...(clause.keywords ?? []).map(({ variable }) => variable),
  ];
  for (const parameter of parameters) own(parameter, clause);
  for (const init of clause.defaults) visit(init, clause, walk);
  visit(clause.body, clause, walk);
  parameters.forEach(settle);
}

function visitLetrec(ir: IR & { kind: 'letrec' }, clause: Clause | undefined, walk: Walk): void {
  for (const variable of ir.variables) if (variable !== undefined) own(variable, clause);
  // When each init was done, and when its group of neighbouring lambdas began.
  const ends: number[] = [];
  const groupStarts: number[] = [];
  ir.inits.forEach((init, index) => {
    const previous = ir.inits[index - 1];
    const continues =
      init.kind === 'lambda' && previous?.kind === 'lambda' && ir.variables[index - 1] !== undefined;
    groupStarts.push(continues ? groupStarts[index - 1]! : walk.clock);
    visit(init, clause, walk);
    ends.push(walk.clock);
  });
  visit(ir.body, clause, walk);
  ir.variables.forEach((variable, index) => {
    if (variable === undefined) return;
    const isLambda = ir.inits[index]!.kind === 'lambda';
    // A use that comes before the value is there needs a box that says so.
    const early = isLambda ? variable.firstUse <= groupStarts[index]! : variable.firstUse <= ends[index]!;
    variable.boxed = early || (variable.assigned && (variable.captured || isLambda));
  });
}
