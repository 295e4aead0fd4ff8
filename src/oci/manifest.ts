/**
 * Image manifests and indexes, OCI and Docker v2 schema 2 (OCI image-spec v1.1 manifest.md, image-index.md).
 * Bytes in, a union on `kind` out; the raw bytes stay with the caller, for they are what is hashed and carried.
 */
import type { Descriptor } from './descriptor.ts';
import { asObject, invalid, parseAnnotations, parseDescriptor } from './descriptor.ts';
import { OciError } from './error.ts';
import { parseDocument } from './json.ts';
import { DOCKER_LIST, isIndexType, isManifestType, isSchema1Type, OCI_INDEX, OCI_MANIFEST } from './media-type.ts';

/** One image: its config and its layers, base first. */
export interface ImageManifest {
  readonly kind: 'manifest';
  readonly mediaType: string;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
  readonly annotations: Readonly<Record<string, string>>;
}

/** A list of manifests, by platform. */
export interface ImageIndex {
  readonly kind: 'index';
  readonly mediaType: string;
  readonly manifests: readonly Descriptor[];
  readonly annotations: Readonly<Record<string, string>>;
}

export type Manifest = ImageManifest | ImageIndex;

/**
 * Reads a manifest or an index. `mediaType` is what the descriptor or the registry called it; a document that calls
 * itself something else, or that is both at once, is refused (image-spec v1.1 manifest.md, CVE-2021-41190).
 *
 * @throws {OciError} `MANIFEST_INVALID` with the first bad field; `SCHEMA1_REFUSED` for Docker's form of before 2016
 */
export function parseManifest(bytes: Uint8Array, mediaType?: string): Manifest {
  const root = asObject(parseDocument(bytes, 'manifest', 'MANIFEST_INVALID'), 'document');
  const type = documentType(root, mediaType);
  if (isSchema1Type(type) || root['schemaVersion'] === 1) throw schema1();
  if (root['schemaVersion'] !== 2) throw invalid('schemaVersion', '2', root['schemaVersion']);
  if (root['manifests'] != null && (root['layers'] != null || root['config'] != null)) {
    throw invalid('manifests', 'a document that is a manifest or an index', 'both at once');
  }
  const annotations = root['annotations'] == null ? {} : parseAnnotations(root['annotations'], 'annotations');
  if (isIndexType(type)) {
    return { kind: 'index', mediaType: type, manifests: descriptors(root['manifests'], 'manifests'), annotations };
  }
  if (!isManifestType(type)) throw invalid('mediaType', `${OCI_MANIFEST} or ${OCI_INDEX}`, type);
  const config = parseDescriptor(root['config'], 'config');
  return { kind: 'manifest', mediaType: type, config, layers: descriptors(root['layers'], 'layers'), annotations };
}

/** The type by which a document is read: its own word, the caller's, or what its fields can only mean. */
function documentType(root: Readonly<Record<string, unknown>>, expected: string | undefined): string {
  const own = root['mediaType'];
  if (own != null && typeof own !== 'string') throw invalid('mediaType', 'a string', own);
  const known =
    expected !== undefined && (isIndexType(expected) || isManifestType(expected) || isSchema1Type(expected));
  if (own && known && own !== expected) throw invalid('mediaType', expected, own);
  if (own) return own;
  if (known) return expected;
  return Array.isArray(root['manifests']) ? OCI_INDEX : OCI_MANIFEST;
}

function descriptors(value: unknown, at: string): Descriptor[] {
  if (!Array.isArray(value)) throw invalid(at, 'a list', value);
  return value.map((item, i) => parseDescriptor(item, `${at}[${i}]`));
}

function schema1(): OciError {
  const hint = `push the image again with a builder of after 2016, so that the registry has ${DOCKER_LIST} or an OCI manifest`;
  return new OciError('read manifest: expected schema version 2, got schema 1, which names no config and no sizes', {
    code: 'SCHEMA1_REFUSED',
    hint,
  });
}
