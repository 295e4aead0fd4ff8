/**
 * Manifests, indexes and configs: small, read whole with a bound, named by the digest of their own bytes
 * (distribution-spec v1.1 "Pulling manifests"). No header is believed: not Docker-Content-Digest, not Content-Length.
 */
import { ContentError, readBounded } from '../content/index.ts';
import { isPassing } from '../http/index.ts';
import {
  type ClosureDocument,
  type Descriptor,
  DOCKER_LIST,
  DOCKER_MANIFEST,
  digestOf,
  formatReference,
  isIndexType,
  isManifestType,
  MAX_DOCUMENT_BYTES,
  OCI_INDEX,
  OCI_MANIFEST,
  parseManifest,
  type Reference,
  repositoryName,
} from '../oci/index.ts';
import type { Endpoint } from './endpoint.ts';
import { RegistryError, WRONG_BYTES_HINT } from './error.ts';
import type { Ask, Session } from './session.ts';

const ACCEPT = [OCI_INDEX, DOCKER_LIST, OCI_MANIFEST, DOCKER_MANIFEST].join(', ');

export interface Place {
  readonly session: Session;
  readonly endpoint: Endpoint;
}

/**
 * What a reference names now: its index or manifest. A digest is asked for by itself; when the registry has no such
 * digest but the tag, the tag has moved.
 *
 * @throws {RegistryError} `IMAGE_NOT_FOUND`, `DIGEST_CHANGED`; {OciError} `SCHEMA1_REFUSED`, `MANIFEST_INVALID`;
 *   {ContentError} `TOO_LARGE`
 */
export async function resolveReference(place: Place, reference: Reference): Promise<ClosureDocument> {
  const doing = `resolve ${formatReference(reference)}`;
  const { digest, tag } = reference;
  if (digest === undefined) return readManifest(place, { doing, name: `${tag}` });
  try {
    const document = await readManifest(place, { doing, name: digest });
    if (document.descriptor.digest !== digest) throw changed(doing, digest, document);
    return document;
  } catch (error) {
    if (tag === undefined || !(error instanceof RegistryError) || error.code !== 'IMAGE_NOT_FOUND') throw error;
    const moved = await findMoved(place, { doing, name: tag });
    throw moved ? changed(doing, digest, moved) : error;
  }
}

/** A manifest or config that a descriptor names. @throws {ContentError} `SIZE_MISMATCH`, `DIGEST_MISMATCH`, `TOO_LARGE`; {RegistryError} */
export async function fetchDocument(place: Place, reference: Reference, wanted: Descriptor): Promise<Uint8Array> {
  const { mediaType, digest, size } = wanted;
  const isManifest = isIndexType(mediaType) || isManifestType(mediaType);
  const doing = `fetch ${isManifest ? 'manifest' : 'config'} ${digest} of ${repositoryName(reference)}`;
  if (size > MAX_DOCUMENT_BYTES) {
    throw new ContentError(`${doing}: expected at most ${MAX_DOCUMENT_BYTES} bytes, got a promise of ${size}`, {
      code: 'TOO_LARGE',
      facts: { digest },
    });
  }
  const { bytes } = await read(place, {
    doing,
    path: `${isManifest ? 'manifests' : 'blobs'}/${digest}`,
    headers: isManifest ? { accept: ACCEPT } : {},
    missing: isManifest ? 'IMAGE_NOT_FOUND' : 'BLOB_NOT_FOUND',
  });
  checkBytes(bytes, wanted, doing);
  return bytes;
}

async function readManifest(place: Place, { doing, name }: { doing: string; name: string }): Promise<ClosureDocument> {
  const path = `manifests/${name}`;
  const { bytes, type } = await read(place, { doing, path, headers: { accept: ACCEPT }, missing: 'IMAGE_NOT_FOUND' });
  const { mediaType } = parseManifest(bytes, type);
  return { descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length }, bytes };
}

async function findMoved(place: Place, asked: { doing: string; name: string }): Promise<ClosureDocument | undefined> {
  try {
    return await readManifest(place, asked);
  } catch (error) {
    if (error instanceof RegistryError && error.code === 'IMAGE_NOT_FOUND') return undefined;
    throw error;
  }
}

/** A body that is cut off is asked for again as a whole. */
async function read(
  { session, endpoint }: Place,
  asked: Pick<Ask, 'doing' | 'path' | 'headers' | 'missing'>,
): Promise<{ bytes: Buffer; type: string | undefined }> {
  const retries = session.newRetries();
  for (;;) {
    const response = await session.get({ ...asked, endpoint, retries, wanted: [200] });
    try {
      const bytes = await readBounded(response.body(), { max: MAX_DOCUMENT_BYTES, what: asked.doing });
      return { bytes, type: response.header('content-type')?.split(';')[0]?.trim().toLowerCase() };
    } catch (error) {
      if (!isPassing(error)) throw error;
      await retries.wait({ error });
    }
  }
}

function checkBytes(bytes: Uint8Array, { digest, size }: Descriptor, doing: string): void {
  if (bytes.length !== size) {
    const message = `${doing}: expected ${size} bytes, got ${bytes.length}`;
    throw new ContentError(message, { code: 'SIZE_MISMATCH', hint: WRONG_BYTES_HINT, facts: { digest } });
  }
  const actual = digestOf(bytes);
  if (actual !== digest) {
    throw new ContentError(`${doing}: expected ${digest}, got ${actual}`, {
      code: 'DIGEST_MISMATCH',
      hint: WRONG_BYTES_HINT,
      facts: { digest },
    });
  }
}

function changed(doing: string, expected: string, { descriptor }: ClosureDocument): RegistryError {
  return new RegistryError(`${doing}: expected ${expected}, got ${descriptor.digest}`, {
    code: 'DIGEST_CHANGED',
    facts: { expected, got: descriptor.digest },
  });
}
