// `builtin:download`: one file, from the first of its addresses that has it.
import { chmodSync } from 'node:fs';
import type { BuildContext } from '../../store/builder.ts';
import { fetchFile } from '../../store/fetch-file.ts';
import { checkFixedSource, readWritten } from './fixed-source.ts';

/** A {@link import('../../store/builder.ts').Builder}. Throws `download/…`, `store/…` and `guix/hash-mismatch`. */
export async function buildDownload(context: BuildContext): Promise<void> {
  const output = context.outputs.get('out')!;
  const written = readWritten(context.env.get('url') ?? '');
  const urls = typeof written === 'string' ? [written] : Array.isArray(written) ? written : [];
  await fetchFile({ host: context.host, urls, target: output.plain });
  const executable = context.derivation.outputs.get('out')!.hashAlgorithm.startsWith('r:');
  chmodSync(output.plain, executable ? 0o555 : 0o444);
  checkFixedSource(context);
}
