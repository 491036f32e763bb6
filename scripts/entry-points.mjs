// What `npm run build` bundles: output name in dist/ to source file. The library is bundled apart from the command
// line, so that what it exports does not decide how the command line is split.
export const commandEntries = {
  trimaran: 'src/cli/main.ts',
  'evaluation-worker': 'src/routes/nix/evaluation-worker.ts',
  'guix-worker': 'src/routes/guix/guix-worker.ts',
  'guix-builder-worker': 'src/routes/guix/guix-builder-worker.ts',
  'unpack-worker': 'src/debian/unpack-worker.ts',
};

export const libraryEntries = { index: 'src/index.ts' };
