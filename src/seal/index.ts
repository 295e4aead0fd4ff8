/** Files that only who knows the passphrase can read. The only room that imports age-encryption. */
export type { SealCode } from './error.ts';
export { SealError } from './error.ts';
export type { SealOptions } from './passphrase.ts';
export { openWithPassphrase, sealWithPassphrase } from './passphrase.ts';
