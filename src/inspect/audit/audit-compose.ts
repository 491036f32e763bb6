// Audits the services of a compose project: images by tag, and what compose lays over images that lack it.
import { checkOverrides, type ImageFacts } from '../../compose/check-overrides.ts';
import type { Placed, Service } from '../../compose/service.ts';
import { isCommit } from '../../languages/dockerfile/git-reference.ts';
import { parseImageReference } from '../../languages/dockerfile/image-reference.ts';
import type { LockFile } from '../../sets/lock-file.ts';
import { referenceForm, tagRule } from './audit-dockerfile.ts';
import { type Finding, finding, type Input } from './finding.ts';
import type { RuleName } from './rules.ts';

/** The image of a service that is pulled, not built; none when Trimaran or compose builds it. */
export function auditServiceImage(service: Service, lock: LockFile): Input[] {
  const { image } = service;
  if (image === undefined || service.build !== undefined || service.recipes.size > 0) return [];
  return auditImage(image, { lock });
}

function auditImage(
  { value: subject, span }: Placed<string>,
  { lock, rule = 'compose-image-tag' }: { readonly lock: LockFile; readonly rule?: RuleName },
): Input[] {
  const reference = parseImageReference(subject);
  if (reference === undefined) {
    return [{ subject, span, finding: finding('image-invalid', { span, subject, detail: referenceForm }) }];
  }
  if (reference.digest !== undefined) return [{ subject, span, pinnedBy: 'recipe' }];
  if (lock.images.has(subject)) return [{ subject, span, pinnedBy: 'lock' }];
  const isLatest = tagRule(reference.tag) === 'image-latest';
  return [{ subject, span, finding: finding(isLatest ? 'image-latest' : rule, { span, subject }) }];
}

/** A service's build context that is fetched from elsewhere, and its `additional_contexts`; nothing for folders. */
export function auditContexts({ build }: Service, lock: LockFile): Input[] {
  if (build === undefined) return [];
  const others = [...build.additionalContexts.values()].flatMap(({ value, span }) => {
    const image = /^docker-image:\/\/(.*)$/.exec(value)?.[1];
    return image === undefined
      ? auditRemote({ value, span })
      : auditImage({ value: image, span }, { lock, rule: tagRule(parseImageReference(image)?.tag) });
  });
  return [...auditRemote(build.context), ...others];
}

function auditRemote({ value, span }: Placed<string>): Input[] {
  // A service's own image and a layout beside the project are made here.
  if (!/^(?:[a-z]+:\/\/|git@|github\.com\/)/.test(value) || /^oci-layout:\/\//.test(value)) return [];
  const subject = `build ${value}`;
  const ref = /#([^:]*)/.exec(value)?.[1];
  if (ref !== undefined && isCommit(ref)) return [{ subject, span, pinnedBy: 'recipe' }];
  return [{ subject, span, finding: finding('context-moving-ref', { span, subject }) }];
}

/** What compose lays over an image, checked against the image. */
export function auditOverrides(service: Service, facts: ImageFacts): Finding[] {
  return checkOverrides(service, facts).map((found) =>
    finding(found.rule, {
      span: found.span,
      subject: service.name,
      detail: `${found.message}; ${found.hint}`,
      severity: found.severity,
    }),
  );
}

/** A recipe beside the compose file from which a service's image could be built as well. */
export interface OtherRecipe {
  readonly file: string;
  readonly text: string;
}

/**
 * What compose lays over images that other recipes make, told from the recipes' text: a path that a recipe never
 * names, nor a folder above it, is not in its image. Standard folders are left alone.
 */
export function auditOtherRecipes(service: Service, recipes: readonly OtherRecipe[]): Finding[] {
  const findings: Finding[] = [];
  const { workingDir, volumes } = service.overrides;
  const lacking = (path: string) =>
    recipes.filter((recipe) => !names(recipe.text, path)).map((recipe) => recipe.file);
  if (workingDir !== undefined && isOwnPath(workingDir.value)) {
    const files = lacking(workingDir.value);
    if (files.length > 0) {
      findings.push(
        finding('compose-working-dir-missing', {
          span: workingDir.span,
          subject: `${service.name}: working_dir ${workingDir.value}`,
          detail: `${files.join(' and ')} never ${files.length === 1 ? 'names' : 'name'} ${workingDir.value}`,
        }),
      );
    }
  }
  for (const { value, span } of volumes) {
    if (value.type !== 'bind' || !isOwnPath(value.target)) continue;
    const files = lacking(value.target);
    if (files.length === 0) continue;
    findings.push(
      finding('compose-volume-over-nothing', {
        span,
        subject: `${service.name}: volume at ${value.target}`,
        detail: `${files.join(' and ')} never ${files.length === 1 ? 'names' : 'name'} ${value.target}`,
      }),
    );
  }
  return findings;
}

function names(text: string, path: string): boolean {
  const [, top] = path.split('/');
  // A URL's path is no path in the image.
  const local = text.replace(/[a-z][a-z0-9+.-]*:\/\/[^\s"'<>]*/gi, '');
  return new RegExp(`/${top!.replace(/[^A-Za-z0-9]/g, '\\$&')}(?![A-Za-z0-9_-])`).test(local);
}

/** Not a folder that every image may have without its recipe naming it. */
function isOwnPath(path: string): boolean {
  return (
    /^\/[^/]/.test(path) &&
    !/^\/(?:bin|boot|dev|etc|home|lib|lib64|media|mnt|opt|proc|root|run|sbin|srv|sys|tmp|usr|var|docker-entrypoint-initdb\.d)(?:\/|$)/.test(
      path,
    )
  );
}
