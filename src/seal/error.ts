/** What can be wrong with a sealed file. */
import { FerryError } from '../errors.ts';

export type SealCode = 'WRONG_PASSPHRASE' | 'NOT_FOR_US' | 'SEAL_INVALID';

/** A sealed file that does not open. */
export class SealError extends FerryError<SealCode> {}
