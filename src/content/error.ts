/** What can be wrong with bytes and with the places they are kept in. */
import { FerryError } from '../errors.ts';

export type ContentCode =
  | 'SIZE_MISMATCH'
  | 'DIGEST_MISMATCH'
  | 'TOO_LARGE'
  | 'NO_FILE'
  | 'JSON_INVALID'
  | 'CONTROL_CHARACTER'
  | 'LOCKED'
  | 'NO_SPACE'
  | 'FAT_LIMIT'
  | 'READ_ONLY'
  | 'NOT_WRITABLE'
  | 'NAME_TAKEN'
  | 'WRITE_FAILED';

/** Bytes that are not what was promised, or a place that can't take them. */
export class ContentError extends FerryError<ContentCode> {}
