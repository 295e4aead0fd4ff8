/** A bundle: planned, written, opened, proven, verified. FORMAT §1 and §5. */
export type { ChunkHashes, ChunkList } from './chunks.ts';
export { CHUNK_SIZE, chunkList, chunkListPath, findChunkList } from './chunks.ts';
export type { BundleCode, Damage } from './error.ts';
export { BundleError, formatDamage } from './error.ts';
export type { BundleEntry, BundleKind, EntryPart } from './names.ts';
export { openBundle } from './open.ts';
export type { InParallelOptions } from './parallel.ts';
export { inParallel } from './parallel.ts';
export type { BundleFile, BundleParts, BundlePlan, BundleSite, EntrySource, PlannedEntry } from './plan.ts';
export { MAX_ENTRIES, planBundle } from './plan.ts';
export type { BundleContents, ProvenSite } from './prove.ts';
export { proveContents } from './prove.ts';
export type { Bundle } from './reader.ts';
export type { VerifyBundleOptions } from './verify.ts';
export { verifyBundle } from './verify.ts';
export type { WriteBundleOptions } from './write.ts';
export { writeBundle } from './write.ts';
