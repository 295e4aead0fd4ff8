/** Content descriptors (OCI image-spec v1.1, descriptor.md): parsed at the door, unknown fields left behind. */
import type { Digest } from './digest.ts';
import { isDigest } from './digest.ts';
import type { OciCode } from './error.ts';
import { OciError } from './error.ts';
import type { Platform } from './platform.ts';

/** What a document says of a blob: how to read it, its digest, its exact length in bytes. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly platform?: Platform;
  readonly artifactType?: string;
  /** Where else the bytes may be had: foreign layers. */
  readonly urls?: readonly string[];
}

/** Reads a descriptor of a JSON document. `at` names the place for the error. @throws {OciError} `MANIFEST_INVALID` */
export function parseDescriptor(value: unknown, at: string): Descriptor {
  const object = asObject(value, at);
  const { mediaType, digest, size } = object;
  if (typeof mediaType !== 'string' || mediaType === '') throw invalid(`${at}.mediaType`, 'a media type', mediaType);
  if (typeof digest !== 'string' || !isDigest(digest)) throw invalid(`${at}.digest`, 'a sha256 digest', digest);
  if (!Number.isSafeInteger(size) || (size as number) < 0) throw invalid(`${at}.size`, 'a whole number of bytes', size);
  return { mediaType, digest, size: size as number, ...optionalFields(object, at) };
}

function optionalFields(object: Readonly<Record<string, unknown>>, at: string): Partial<Descriptor> {
  const { annotations, platform, artifactType, urls } = object;
  return {
    ...(annotations == null ? {} : { annotations: parseAnnotations(annotations, `${at}.annotations`) }),
    ...(platform == null ? {} : { platform: parsePlatformObject(platform, `${at}.platform`) }),
    ...(typeof artifactType === 'string' ? { artifactType } : {}),
    ...(Array.isArray(urls) ? { urls: urls.map(String) } : {}),
  };
}

/** A map of strings. @throws {OciError} `MANIFEST_INVALID` */
export function parseAnnotations(value: unknown, at: string): Readonly<Record<string, string>> {
  const entries = Object.entries(asObject(value, at));
  for (const [key, text] of entries) {
    if (typeof text !== 'string') throw invalid(`${at}[${JSON.stringify(key)}]`, 'a string', text);
  }
  return Object.fromEntries(entries) as Record<string, string>;
}

/** The platform fields of an index entry or an image config. @throws {OciError} with `code` */
export function parsePlatformObject(value: unknown, at: string, code: OciCode = 'MANIFEST_INVALID'): Platform {
  const { os, architecture, variant } = asObject(value, at, code);
  if (typeof os !== 'string') throw invalid(`${at}.os`, 'a string', os, code);
  if (typeof architecture !== 'string') throw invalid(`${at}.architecture`, 'a string', architecture, code);
  return { os, architecture, ...(typeof variant === 'string' && variant !== '' ? { variant } : {}) };
}

/** @throws {OciError} with `code` when the value is not an object. */
export function asObject(
  value: unknown,
  at: string,
  code: OciCode = 'MANIFEST_INVALID',
): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid(at, 'an object', value, code);
  return value as Record<string, unknown>;
}

/** The error for one bad field. */
export function invalid(at: string, expected: string, got: unknown, code: OciCode = 'MANIFEST_INVALID'): OciError {
  const what = code === 'CONFIG_INVALID' ? 'image config' : 'manifest';
  const shown = (JSON.stringify(got) ?? 'nothing').slice(0, 120);
  return new OciError(`read ${what}: ${at}: expected ${expected}, got ${shown}`, { code });
}
