/** The nouns of the specifications. Pure: no file, no network, no clock. */
export { attestationSubject, isAttestation } from './attestation.ts';
export type { ClosureDocument, ImageClosure, ImageClosureOptions, PlatformImage } from './closure.ts';
export { imageClosure, MAX_DOCUMENT_BYTES, MAX_LAYERS } from './closure.ts';
export type { ImageConfig } from './config.ts';
export { chainIDs, EMPTY_DIGEST, parseImageConfig } from './config.ts';
export type { Descriptor } from './descriptor.ts';
export { parseDescriptor } from './descriptor.ts';
export type { Digest } from './digest.ts';
export { digestFromHex, digestHex, digestOf, isDigest, parseDigest } from './digest.ts';
export type { OciCode } from './error.ts';
export { OciError } from './error.ts';
export type { ImageIndex, ImageManifest, Manifest } from './manifest.ts';
export { parseManifest } from './manifest.ts';
export * from './media-type.ts';
export type { Platform } from './platform.ts';
export { choosePlatform, formatPlatform, isPlatformMatch, normalizePlatform, parsePlatform } from './platform.ts';
export type { Reference } from './reference.ts';
export { bundleName, formatReference, parseReference, repositoryName } from './reference.ts';
