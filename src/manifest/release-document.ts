/**
 * Makes `release.json` (FORMAT §3) from a manifest and what it resolved to, and the content digest by which the ledger
 * numbers releases (FORMAT §2, "Sequence"). Pure: equal content gives equal bytes.
 */
import { createPublicKey } from 'node:crypto';
import { canonicalJSON } from '../content/index.ts';
import type { Digest, ImageClosure } from '../oci/index.ts';
import { digestOf, formatPlatform } from '../oci/index.ts';
import { ManifestError } from './error.ts';
import { FORMAT, MIN_FERRY } from './format.ts';
import { releaseName } from './names.ts';
import type { ReleaseDocument, ReleaseFile, ReleaseImage } from './release.ts';
import type { ReleaseManifest } from './release-manifest.ts';
import { crossingRequirement } from './requirement.ts';

export interface ReleaseDocumentOptions {
  readonly manifest: ReleaseManifest;
  /** Every image, in the manifest's order. */
  readonly images: readonly ImageClosure[];
  /** The bytes of index.json and manifest.json as the tar will hold them. */
  readonly index: Uint8Array;
  readonly manifestJSON: Uint8Array;
  readonly files: readonly ReleaseFile[];
  readonly sequence: number;
  readonly issued: Date;
}

/** The release.json of an export. @throws {ManifestError} `MANIFEST_VALUE` for a public key that is none */
export function releaseDocument(options: ReleaseDocumentOptions): ReleaseDocument {
  const { manifest } = options;
  const { compose, requirements, upgradeFrom, dataRollback, changes } = manifest;
  return defined({
    format: FORMAT,
    minFerry: MIN_FERRY,
    product: manifest.product,
    release: releaseName(manifest.release, options.issued),
    sequence: options.sequence,
    issued: formatTime(options.issued),
    platforms: manifest.platforms.map(formatPlatform),
    index: measured(options.index),
    manifestJSON: measured(options.manifestJSON),
    images: options.images.map(releaseImage),
    files: [...options.files],
    license: licenseOf(manifest),
    tls: tlsOf(manifest),
    compose,
    requirements: requirements?.map(crossingRequirement),
    upgradeFrom,
    dataRollback,
    changes,
  }) as unknown as ReleaseDocument;
}

/** What release.json says of an image. A reader derives the closure again and must come to the same. */
export function releaseImage(image: ImageClosure): ReleaseImage {
  return {
    name: image.name,
    digest: image.target.digest,
    platforms: image.platforms.map(({ platform, manifest, config, layers, diffIDs }) => ({
      platform: formatPlatform(platform),
      manifest: manifest.digest,
      config: config.digest,
      layers: layers.map(({ digest, size, mediaType }, at) => ({
        digest,
        size,
        mediaType,
        diffID: diffIDs[at] as Digest,
      })),
    })),
  };
}

/**
 * What makes two exports the same release: the digest of canonical release.json without `sequence`, `issued`, `changes`,
 * and without `release` where the manifest's holds `{date}`.
 */
export function contentDigest(document: ReleaseDocument, { dated }: { readonly dated: boolean }): Digest {
  const { sequence: _sequence, issued: _issued, changes: _changes, release, ...content } = document;
  return digestOf(canonicalJSON(dated ? content : { ...content, release }));
}

/** RFC 3339 in UTC, to the second, as every ferry document writes an instant. */
export function formatTime(instant: Date): string {
  return `${instant.toISOString().slice(0, 19)}Z`;
}

function measured(bytes: Uint8Array): { digest: Digest; size: number } {
  return { digest: digestOf(bytes), size: bytes.length };
}

function licenseOf({ license }: ReleaseManifest): ReleaseDocument['license'] {
  if (license === undefined) return undefined;
  return defined({
    install: license.install,
    graceDays: license.graceDays,
    publicKey: license.publicKey === undefined ? undefined : oneLineKey(license.publicKey),
  }) as NonNullable<ReleaseDocument['license']>;
}

/** Where a certificate comes from stays at the office: another one makes no other release. */
function tlsOf({ tls }: ReleaseManifest): ReleaseDocument['tls'] {
  if (tls === undefined) return undefined;
  const { dir, names, reload } = tls;
  return defined({ dir, names, reload }) as NonNullable<ReleaseDocument['tls']>;
}

/** PEM has line ends, which ferry's JSON does not carry: the key crosses as base64 of its DER. */
function oneLineKey(text: string): string {
  try {
    const key = text.includes('-----BEGIN')
      ? createPublicKey(text)
      : createPublicKey({ key: Buffer.from(text, 'base64'), format: 'der', type: 'spki' });
    return key.export({ format: 'der', type: 'spki' }).toString('base64');
  } catch (cause) {
    throw new ManifestError('read manifest: license.publicKey: expected a public key in PEM or base64 DER', {
      code: 'MANIFEST_VALUE',
      cause,
    });
  }
}

function defined<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as T;
}
