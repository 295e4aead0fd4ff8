/**
 * Files that only who knows the passphrase, or holds the identity, can read. The only room that imports age-encryption,
 * when something is sealed or opened: it takes longer to load than most commands take.
 */
export type { SealCode } from './error.ts';
export { SealError } from './error.ts';
export type { SealOptions } from './passphrase.ts';
export { openWithPassphrase, sealWithPassphrase } from './passphrase.ts';
export type { AgeIdentity } from './recipient.ts';
export {
  generateIdentity,
  isRecipient,
  isSealed,
  MAX_SEAL_BYTES,
  openSealed,
  recipientOf,
  sealFor,
} from './recipient.ts';
