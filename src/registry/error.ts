/** What a registry refuses, lacks or answers wrongly. What the network refuses is HTTPError, what bytes are is ContentError. */
import { FerryError } from '../errors.ts';

export type RegistryCode =
  | 'DENIED'
  | 'IMAGE_NOT_FOUND'
  | 'BLOB_NOT_FOUND'
  | 'DIGEST_CHANGED'
  | 'BLOB_CHANGED'
  | 'RATE_LIMITED'
  | 'REGISTRY_FAILED'
  | 'REGISTRY_ANSWER'
  | 'CREDENTIALS_INVALID'
  | 'MIRROR_INVALID';

/** A registry said no, or nothing that can be used. Messages hold no query, no header and no text of the server but its error codes. */
export class RegistryError extends FerryError<RegistryCode> {}

/** For bytes that are not what the registry's own manifest promises: no copy of a bundle is to blame here. */
export const WRONG_BYTES_HINT =
  'the registry, or a proxy before it, sends damaged bytes: run it again, and ask who runs it if it stays so';
