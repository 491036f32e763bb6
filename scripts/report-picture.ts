// Makes docs/compare.webp, the picture of the README: the report of the example in Chromium. Needs Chromium, and an engine
// for the column of the Dockerfile. Usage: node scripts/run-ts.mjs scripts/report-picture.ts
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Browser } from '../test/end-to-end/browser.ts';

const root = resolve('.');
const width = 1200;
const folder = mkdtempSync(join(tmpdir(), 'trimaran-picture-'));
const page = join(folder, 'compare.html');
try {
  const compared = spawnSync(
    process.execPath,
    [join(root, 'bin/trimaran'), 'compare', 'api', '--html', page],
    {
      cwd: join(root, 'examples/areas'),
      stdio: 'inherit',
    },
  );
  if (compared.status !== 0) throw new Error(`trimaran compare ended with ${compared.status}`);
  const browser = await Browser.start();
  try {
    await browser.open(page, { width });
    // The tables of what recipes say, and of their images as far as the number of packages.
    const top = await browser.evaluate<number>(
      'Math.floor([...document.querySelectorAll("h3")][0].getBoundingClientRect().top + scrollY) - 12',
    );
    const bottom = await browser.evaluate<number>(
      'Math.ceil([...document.querySelectorAll("tbody th")].find((th) => th.textContent === "packages").getBoundingClientRect().bottom + scrollY)',
    );
    const height = bottom - top;
    const { data } = await browser.send<{ data: string }>('Page.captureScreenshot', {
      format: 'webp',
      quality: 80,
      captureBeyondViewport: true,
      clip: { x: 0, y: top, width, height, scale: 1 },
    });
    const picture = Buffer.from(data, 'base64');
    writeFileSync(join(root, 'docs/compare.webp'), picture);
    console.log(`docs/compare.webp: ${width} × ${height}, ${Math.round(picture.length / 1000)} kB`);
  } finally {
    await browser.close();
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
