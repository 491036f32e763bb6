// `trimaran doctor`: what this machine has for building, loading and running images.

import pc from 'picocolors';
import { examineMachine } from '../index.ts';
import type { CommandContext } from './context.ts';

export async function run(context: CommandContext): Promise<number> {
  const findings = await examineMachine(context.host);
  if (context.json) {
    context.print(JSON.stringify(findings, null, 2));
    return 0;
  }
  for (const finding of findings) {
    const mark = finding.there ? pc.green('✓') : pc.dim('–');
    context.print(
      `${mark} ${finding.what.padEnd(24)} ${finding.there ? finding.detail : pc.dim(finding.detail)}`,
    );
  }
  return 0;
}
