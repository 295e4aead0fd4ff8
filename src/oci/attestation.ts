/**
 * BuildKit's attestations: children of an index for platform unknown/unknown that name, by annotation, the manifest
 * they speak of (docs.docker.com, "Image attestation storage").
 */
import type { Descriptor } from './descriptor.ts';
import type { Digest } from './digest.ts';
import { isDigest } from './digest.ts';
import { isManifestType } from './media-type.ts';

/** Whether an index entry is an attestation manifest. */
export function isAttestation(descriptor: Descriptor): boolean {
  return (
    isManifestType(descriptor.mediaType) &&
    descriptor.annotations?.['vnd.docker.reference.type'] === 'attestation-manifest'
  );
}

/** The manifest that an attestation speaks of; `undefined` when it names none. */
export function attestationSubject(descriptor: Descriptor): Digest | undefined {
  const subject = descriptor.annotations?.['vnd.docker.reference.digest'];
  return isAttestation(descriptor) && subject !== undefined && isDigest(subject) ? subject : undefined;
}
