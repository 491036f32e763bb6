// `npm run demo`: sets up, then does the main job on examples/areas.
import { spawnSync } from 'node:child_process';
import { ensureBuild, ensureDependencies, root } from './set-up.mjs';

ensureDependencies();
ensureBuild();
const demo = spawnSync(process.execPath, ['bin/trimaran', 'demo', ...process.argv.slice(2)], {
  cwd: root,
  stdio: 'inherit',
});
process.exit(demo.status ?? 1);
