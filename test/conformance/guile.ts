// Compares our Scheme with Guile: `npm run conformance:guile` runs the project's own cases and generated programs;
// `npm run conformance:guile -- DIR [NAME…]` runs Guix's own pure test files from a checkout of Guix, and
// `-- DIR --derivation base:hello …` prints derivations of its packages.
import { resolve } from 'node:path';
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { caseFiles, caseTexts, compareFile } from './guile-compare.ts';
import { compareGenerated } from './guile-generated.ts';
import { derivationOfPackage, runGuixTestFile } from './guile-guix-file.ts';
import { type GuixTask, printDerivations, runGuixTests } from './guile-guix-tests.ts';

const directory = resolve('test/conformance');
const args = process.argv.slice(2);
let failed = 0;
if (!isMainThread) {
  const task = workerData as GuixTask;
  parentPort?.postMessage(
    'file' in task ? runGuixTestFile(task) : derivationOfPackage(task.checkout, task.packageName),
  );
} else if (args[0] !== undefined && !args[0].endsWith('.scm')) {
  const [directory, ...names] = args as [string, ...string[]];
  const program = process.argv[1]!;
  failed =
    names[0] === '--derivation'
      ? await printDerivations({ directory, names: names.slice(1), program })
      : await runGuixTests({ directory, names, program });
} else {
  let passed = 0;
  const files = args.length > 0 ? args : caseFiles;
  for (const file of files) {
    const results = compareFile(directory, file);
    const bad = results.filter(({ guile, ours }) => guile !== ours);
    const texts = bad.length > 0 ? caseTexts(directory, file) : [];
    for (const { index, guile, ours } of bad)
      console.log(`${file} ${texts[index]}\n  guile: ${guile}\n  ours:  ${ours}`);
    console.log(`${file}: ${results.length - bad.length} passed, ${bad.length} failed`);
    passed += results.length - bad.length;
    failed += bad.length;
  }
  if (args.length === 0) {
    const generated = compareGenerated({ count: 200, seed: 20261122 });
    for (const { program, guile, ours } of generated.failures)
      console.log(`generated ${program}\n  guile: ${guile}\n  ours:  ${ours}`);
    console.log(`generated programs: ${generated.passed} passed, ${generated.failures.length} failed`);
    passed += generated.passed;
    failed += generated.failures.length;
  }
  console.log(`${passed} passed, ${failed} failed`);
}
process.exitCode = failed === 0 ? 0 : 1;
