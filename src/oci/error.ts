/** What can be wrong with a document or a name of the field. */
import { FerryError } from '../errors.ts';

export type OciCode =
  | 'REFERENCE_INVALID'
  | 'DIGEST_INVALID'
  | 'PLATFORM_INVALID'
  | 'MANIFEST_INVALID'
  | 'CONFIG_INVALID'
  | 'SCHEMA1_REFUSED'
  | 'FOREIGN_LAYER'
  | 'TOO_MANY_LAYERS'
  | 'DOCUMENT_TOO_LARGE'
  | 'PLATFORM_NOT_FOUND';

/** A reference, digest, platform, manifest or config that is not what the specifications allow or Ferry carries. */
export class OciError extends FerryError<OciCode> {}
