/** What travels: one tar copied and read back, a whole stick laid out. FORMAT §5. */
export { type CopiedFile, type CopyOptions, type CopyResult, copyBundle } from './copy.ts';
export { type MediaCode, MediaError } from './error.ts';
export { type KitOptions, type KitResult, layOutKit } from './kit.ts';
export type { KitFacts, KitPage } from './kit-parts.ts';
export type { ReadBackWay } from './read-back.ts';
export { type ReleaseFacts, readReleaseFacts, type SheetFactsOptions } from './sheet-facts.ts';
