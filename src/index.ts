// Trimaran as a library. Named exports only; everything the command line does goes through here.
export {
  type BuiltService,
  buildProject,
  type RecipeKind,
  type ServiceRecipe,
} from './compose/build-project.ts';
export { type ComposeProject, loadComposeProject } from './compose/load.ts';
export { type LockedProject, type LockProjectRequest, lockProject } from './compose/lock-project.ts';
export { checkServiceImage } from './compose/overrides-of-image.ts';
export { type PublishedPort, parsePublishedPort } from './containers/port-forward.ts';
export {
  plainRuntimes,
  type RunningContainer,
  type Runtime,
  runImage,
  runtimes,
} from './containers/run-image.ts';
export type { HashFormat } from './formats/hash-text.ts';
export type { HashAlgorithm } from './foundation/digest.ts';
export { isTrimaranError, type RelatedSpan, type Span, TrimaranError } from './foundation/error.ts';
export type { Host, ProcessOptions, ProcessResult, Progress, ProgressTask } from './foundation/host.ts';
export { httpReader } from './foundation/http-read.ts';
export { version } from './foundation/version.ts';
export { type AuditReport, auditPaths, auditProject } from './inspect/audit/audit.ts';
export { findMoved, type OnlineReport } from './inspect/audit/online.ts';
export { renderAuditJson, renderAuditSarif, renderAuditText } from './inspect/audit/render.ts';
export {
  type Column,
  compareRecipes,
  type ServiceComparison,
} from './inspect/compare/compare.ts';
export { diffImages, type ImageChanges } from './inspect/compare/diff-images.ts';
export {
  findImage,
  type ProjectChoice,
  projectHere,
  projectOrFolderHere,
} from './inspect/compare/find-image.ts';
export { type ExaminedImage, examineImage } from './inspect/compare/image-facts.ts';
export { parseProbe } from './inspect/compare/probe.ts';
export {
  columnName,
  comparisonTables,
  packageTable,
  remarksOn,
  type Table,
  unreadDatabase,
} from './inspect/compare/table.ts';
export { type Conversion, convertRecipe } from './inspect/convert/convert.ts';
export { examineMachine, type MachineFinding } from './inspect/machine.ts';
export { openImage } from './inspect/open-image.ts';
export { type PulledImage, pullNamedImage } from './inspect/pull-image.ts';
export { pushNamedImage } from './inspect/push-image.ts';
export { comparisonHtml, imageHtml } from './inspect/report/html.ts';
export { comparisonMarkdown } from './inspect/report/markdown.ts';
export { type SbomFormat, writeSbom } from './inspect/sbom/sbom.ts';
export type { ImageDifference } from './inspect/verify/difference.ts';
export { type VerifiedService, type VerifyRequest, verifyProject } from './inspect/verify/verify.ts';
export { writeArchive } from './oci/archive-write.ts';
export { connectEngine, type Engine, loadImages } from './oci/engine.ts';
export type { Image } from './oci/image.ts';
export { copyToLayout } from './oci/registry-copy.ts';
export { type BuilderKind, builderKinds } from './routes/dockerfile/engine-kinds.ts';
export {
  buildGuix,
  type GuixBuildRequest,
  type GuixBuildResult,
  type GuixSources,
} from './routes/guix/build.ts';
export { ignoredOptions, refusedOptions, refuseOptions } from './routes/guix/common-options.ts';
export {
  describeChannels,
  searchForPackages,
  showPackages,
  writeChannels,
  writePackage,
} from './routes/guix/describe.ts';
export type { GuixSettings } from './routes/guix/evaluate.ts';
export { type GuixHashFormat, hashForGuix } from './routes/guix/hash.ts';
export { readPackSettings } from './routes/guix/pack-options.ts';
export { buildNix, linkResults, type NixBuildRequest, type NixBuildResult } from './routes/nix/build.ts';
export { evaluateNix, type NixEvaluateRequest } from './routes/nix/evaluate.ts';
export {
  describeFlake,
  lockFlake,
  looksLikeFlake,
  showFlake,
  updateFlake,
} from './routes/nix/flake-commands.ts';
export { convertHash, hashFiles } from './routes/nix/hash-command.ts';
export { defaultNixSettings, type NixSettings } from './routes/nix/settings.ts';
export { showDerivations } from './routes/nix/show-derivations.ts';
export { type BaseImage, type BaseRequest, buildBaseImage } from './sets/base/base-image.ts';
export { trimaranRoot, usableRoot } from './sets/cache-root.ts';
export { cleanCache } from './sets/clean-cache.ts';
export { readLockFile } from './sets/debian/prepared-release.ts';
export { knownArchives } from './sets/known-archive.ts';
export { linkResult } from './sets/link-result.ts';
export { findProjectLock } from './sets/project-lock.ts';
