// `npm run bench [-- NAME [ARGUMENTS]]`: the benchmarks under bench/, one or all, each printing its table.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { ensureBuild, ensureDependencies, root } from './set-up.mjs';

ensureDependencies();
ensureBuild();
const [name, ...args] = process.argv.slice(2);
const all = readdirSync(`${root}/bench`)
  .filter((file) => file.endsWith('.ts'))
  .map((file) => file.slice(0, -3))
  .sort();
if (name !== undefined && !all.includes(name)) {
  console.error(`error: there is no benchmark \`${name}\`; there are ${all.join(', ')}`);
  process.exit(2);
}
for (const benchmark of name === undefined ? all : [name]) {
  console.log(`\n${benchmark}`);
  const ended = spawnSync(process.execPath, ['scripts/run-ts.mjs', `bench/${benchmark}.ts`, ...args], {
    cwd: root,
    stdio: 'inherit',
  });
  if (ended.status !== 0) process.exitCode = 1;
}
