// What `npm run build` bundles: output name in dist/ to source file.
export const entryPoints = {
  trimaran: 'src/cli/main.ts',
  index: 'src/index.ts',
  'evaluation-worker': 'src/routes/nix/evaluation-worker.ts',
  'unpack-worker': 'src/debian/unpack-worker.ts',
};
