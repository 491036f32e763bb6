// Digests, media types and descriptors of the OCI image specification 1.1, with the Docker names that registries and
// engines still use for the same things. https://github.com/opencontainers/image-spec

/** `sha256:` and 64 lower-case hexadecimal digits. */
export type Sha256Digest = `sha256:${string}`;

/** `text` as a digest, or undefined when it is not one. Other algorithms are not supported. */
export function parseSha256Digest(text: unknown): Sha256Digest | undefined {
  return typeof text === 'string' && /^sha256:[0-9a-f]{64}$/.test(text) ? (text as Sha256Digest) : undefined;
}

/** The 64 hexadecimal digits of a digest. */
export function digestHex(digest: Sha256Digest): string {
  return digest.slice('sha256:'.length);
}

export const mediaTypes = {
  ociIndex: 'application/vnd.oci.image.index.v1+json',
  ociManifest: 'application/vnd.oci.image.manifest.v1+json',
  ociConfig: 'application/vnd.oci.image.config.v1+json',
  ociLayer: 'application/vnd.oci.image.layer.v1.tar',
  ociLayerGzip: 'application/vnd.oci.image.layer.v1.tar+gzip',
  ociLayerZstd: 'application/vnd.oci.image.layer.v1.tar+zstd',
  dockerManifestList: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerConfig: 'application/vnd.docker.container.image.v1+json',
  dockerLayer: 'application/vnd.docker.image.rootfs.diff.tar',
  dockerLayerGzip: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
  dockerSchema1: 'application/vnd.docker.distribution.manifest.v1+json',
  dockerSchema1Signed: 'application/vnd.docker.distribution.manifest.v1+prettyjws',
} as const;

/** Which machine an image is for, in Go's words: `linux`, `amd64`, `arm64` with variant `v8`. */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
}

/** A typed, sized, hashed pointer to a blob. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Sha256Digest;
  /** In bytes. */
  readonly size: number;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly platform?: Platform;
  readonly urls?: readonly string[];
}

/** Annotation by which OCI layouts name an image. */
export const refNameAnnotation = 'org.opencontainers.image.ref.name';
/** Annotation by which containerd, and Docker since 25, name an image: the full reference. */
export const containerdNameAnnotation = 'io.containerd.image.name';
