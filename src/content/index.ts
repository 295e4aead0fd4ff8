/** Bytes: proven against a descriptor, read with a bound, written whole; locks and the room there is. */
export type { CanonicalOptions } from './canonical.ts';
export { canonicalJSON, parseJSON } from './canonical.ts';
export { isErrno } from './errno.ts';
export type { ContentCode } from './error.ts';
export { ContentError } from './error.ts';
export type { Lock, LockOptions } from './lock.ts';
export { acquireLock } from './lock.ts';
export type { Medium } from './medium.ts';
export { checkRoom, MAX_FAT_FILE, mediumOf } from './medium.ts';
export type { Progress } from './progress.ts';
export { silentProgress } from './progress.ts';
export type { BoundedOptions } from './read.ts';
export { fileDigest, findFileBounded, readAt, readBounded, readFileBounded } from './read.ts';
export type { Expected } from './verified.ts';
export { verified, verifyBytes } from './verified.ts';
export type { WriteOptions } from './write.ts';
export { asWriteError, moveNew, syncDirectory, writeAtomic, writeNew } from './write.ts';
