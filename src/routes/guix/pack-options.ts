// Options of `guix pack`, as a command line parser gives them, to settings.
import { isTrimaranError, TrimaranError } from '../../foundation/error.ts';
import { didYouMean } from '../../foundation/nearest.ts';
import { parseReference, type Reference } from '../../oci/reference.ts';
import type { PackSettings } from './evaluation-request.ts';

const foreignFormats = ['squashfs', 'deb', 'rpm', 'appimage'];

/** Reads the options by their long names in camel case. Throws `guix/unsupported-format` and `guix/bad-option`. */
export function readPackSettings(options: Readonly<Record<string, unknown>>): PackSettings {
  const text = (name: string) => options[name] as string | undefined;
  const list = (name: string) => (options[name] as readonly string[] | undefined) ?? [];
  return {
    format: formatOf(text('format') ?? 'tarball'),
    compression: compressionOf(text('compression') ?? 'none'),
    imageTag: imageTagOf(text('imageTag')),
    maxLayers: layersOf(text('maxLayers') ?? '100'),
    entryPoint: text('entryPoint')?.replace(/^\/+/, ''),
    entryPointArguments: list('entryPointArgument'),
    symlinks: list('symlink').map(symlinkOf),
    saveProvenance: options.saveProvenance === true,
    workingDirectory: text('workdir'),
    environment: list('env'),
    exposedPorts: list('expose'),
    user: text('user'),
    labels: list('label'),
  };
}

function formatOf(text: string): PackSettings['format'] {
  if (text === 'docker' || text === 'tarball') return text;
  if (foreignFormats.includes(text)) {
    throw new TrimaranError({
      code: 'guix/unsupported-format',
      message: `the pack format \`${text}' is not supported`,
      hint: 'use -f docker or -f tarball',
      exitCode: 2,
    });
  }
  throw badOption(
    `${text}: unknown pack format`,
    didYouMean(text, ['docker', 'tarball']) ?? 'use -f docker or -f tarball',
  );
}

/** Nothing is built for a name that no image can have. */
function imageTagOf(tag: string | undefined): string | undefined {
  if (tag === undefined) return undefined;
  let reference: Reference;
  try {
    reference = parseReference(tag);
  } catch (error) {
    if (!isTrimaranError(error)) throw error;
    throw badOption(`--image-tag: ${error.message}`, 'write NAME or NAME:TAG, such as areas_api:1.0');
  }
  if (reference.digest === undefined) return tag;
  throw badOption(`--image-tag: ${tag} has a digest, which follows from the image`, 'write NAME or NAME:TAG');
}

function compressionOf(text: string): PackSettings['compression'] {
  if (text === 'none' || text === 'gzip' || text === 'zstd') return text;
  throw badOption(
    `${text}: compressor not found`,
    didYouMean(text, ['none', 'gzip', 'zstd']) ?? 'use none, gzip or zstd',
  );
}

function layersOf(text: string): number {
  const layers = Number(text);
  if (Number.isInteger(layers) && layers >= 5 && layers <= 125) return layers;
  throw badOption(`--max-layers takes a number from 5 to 125, not \`${text}'`, undefined);
}

function symlinkOf(text: string): PackSettings['symlinks'][number] {
  const equals = text.indexOf('=');
  const source = text.slice(0, equals);
  const target = text.slice(equals + 1).replace(/^\/+/, '');
  if (equals < 0)
    throw badOption(`${text}: invalid symlink specification`, 'write SOURCE=TARGET: -S /areas=areas');
  if (!source.startsWith('/')) throw badOption(`${source}: the link must be an absolute path`, undefined);
  if ([...source.split('/'), ...target.split('/')].includes('..')) {
    throw badOption(`${text}: a link may not have .. in it`, undefined);
  }
  return { source, target };
}

function badOption(message: string, hint: string | undefined): TrimaranError {
  return new TrimaranError({ code: 'guix/bad-option', message, hint, exitCode: 2 });
}
