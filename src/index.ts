// Trimaran as a library. Named exports only; everything the command line does goes through here.
export { type PublishedPort, parsePublishedPort } from './containers/port-forward.ts';
export {
  findRuntime,
  type RunningContainer,
  type Runtime,
  runImage,
  runtimes,
} from './containers/run-image.ts';
export { isTrimaranError, type RelatedSpan, type Span, TrimaranError } from './foundation/error.ts';
export type { Host, ProcessOptions, ProcessResult, Progress, ProgressTask } from './foundation/host.ts';
export { describeImage, type ImageDescription, type ImagePackage } from './inspect/describe-image.ts';
export { examineMachine, type MachineFinding } from './inspect/machine.ts';
export { openImage } from './inspect/open-image.ts';
export type { Image } from './oci/image.ts';
export { buildNix, linkResults, type NixBuildRequest, type NixBuildResult } from './routes/nix/build.ts';
export { evaluateNix, type NixEvaluateRequest } from './routes/nix/evaluate.ts';
export type { NixSettings } from './routes/nix/settings.ts';
export { trimaranRoot } from './sets/cache-root.ts';
