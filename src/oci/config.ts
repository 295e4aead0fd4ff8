/** Image configs (OCI image-spec v1.1, config.md): only what Ferry judges by; the bytes are carried untouched. */
import { asObject, invalid, parsePlatformObject } from './descriptor.ts';
import type { Digest } from './digest.ts';
import { digestFromHex, digestOf, isDigest } from './digest.ts';
import { parseDocument } from './json.ts';
import type { Platform } from './platform.ts';

/** What an image is made of, uncompressed. */
export interface ImageConfig {
  readonly platform: Platform;
  /** Digest of each layer's uncompressed tar, base first. */
  readonly diffIDs: readonly Digest[];
}

/** Reads an image config. @throws {OciError} `CONFIG_INVALID` with the first bad field */
export function parseImageConfig(bytes: Uint8Array): ImageConfig {
  const root = asObject(parseDocument(bytes, 'image config', 'CONFIG_INVALID'), 'document', 'CONFIG_INVALID');
  const rootfs = asObject(root['rootfs'], 'rootfs', 'CONFIG_INVALID');
  if (rootfs['type'] !== 'layers') throw invalid('rootfs.type', '"layers"', rootfs['type'], 'CONFIG_INVALID');
  const diffIDs = rootfs['diff_ids'] ?? [];
  if (!Array.isArray(diffIDs)) throw invalid('rootfs.diff_ids', 'a list', diffIDs, 'CONFIG_INVALID');
  return {
    platform: parsePlatformObject(root, 'document', 'CONFIG_INVALID'),
    diffIDs: diffIDs.map((text: unknown, i) => {
      if (typeof text === 'string' && isDigest(text)) return text;
      throw invalid(`rootfs.diff_ids[${i}]`, 'a sha256 digest', text, 'CONFIG_INVALID');
    }),
  };
}

/**
 * The chainID of each layer: what names a layer together with all below it (config.md, "Layer ChainID").
 * An engine that has an image with this chainID has that layer's content unpacked.
 */
export function chainIDs(diffIDs: readonly Digest[]): Digest[] {
  const chain: Digest[] = [];
  for (const diffID of diffIDs) {
    const below = chain.at(-1);
    chain.push(below === undefined ? diffID : digestOf(Buffer.from(`${below} ${diffID}`)));
  }
  return chain;
}

/** The digest of no bytes at all: some builders list it for a layer that holds nothing. */
export const EMPTY_DIGEST = digestFromHex('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
