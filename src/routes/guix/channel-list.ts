// Channels as recipes write them, and the Debian release that they mean.
import { TrimaranError } from '../../foundation/error.ts';

export interface ChannelText {
  readonly name: string;
  readonly url: string;
  readonly branch: string;
  readonly commit: string | undefined;
}

export interface DebianReference {
  /** `bookworm` */
  readonly suite: string;
  /** `20261101T000000Z`; undefined lets the lock decide. */
  readonly timestamp: string | undefined;
}

/** The release that channels mean. Throws `guix/unsupported-channel`, `guix/bad-commit`. */
export function checkChannels(channels: readonly ChannelText[], file: string): DebianReference {
  const span = { file, line: 1, column: 1 };
  for (const { name, url } of channels) {
    if (/^debian:[a-z][a-z0-9-]*$/.test(url)) continue;
    throw new TrimaranError({
      code: 'guix/unsupported-channel',
      message: `channel \`${name}' is at ${redacted(url)}, which Trimaran cannot build from: it takes packages from Debian`,
      span,
      hint: `write (channel (name '${name}) (url "debian:bookworm")) instead; the manifest can stay as it is`,
    });
  }
  if (channels.length > 1) {
    throw new TrimaranError({
      code: 'guix/unsupported-channel',
      message: `there are ${channels.length} channels, but packages come from one release: ${channels.map((channel) => channel.name).join(', ')}`,
      span,
      hint: 'keep the channel that is called guix',
    });
  }
  const { url, commit, name } = channels[0]!;
  if (commit !== undefined && !/^\d{8}T\d{6}Z$/.test(commit)) {
    throw new TrimaranError({
      code: 'guix/bad-commit',
      message: `channel \`${name}' of ${url} has the commit "${commit}", which is no time of a Debian release`,
      span,
      hint: 'write it like (commit "20261101T000000Z"), or leave it out and let trimaran.lock pin the release',
    });
  }
  return { suite: url.slice('debian:'.length), timestamp: commit };
}

function redacted(url: string): string {
  return url.replace(/\/\/[^/@]*@/, '//***@');
}
