/**
 * The one error of this room: a tar whose structure is not the one that FORMAT §1 allows, or one that could not be
 * packed. It carries where in the file, and the entries that were good before it, so that others can name more.
 */
import { FerryError, type FerryErrorOptions } from '../errors.ts';
import type { TarEntry } from './lay-out.ts';

/**
 * - `TAR_INVALID`: something other than a tar that ferry writes.
 * - `TAR_TRUNCATED`: good so far, but the file ends too early.
 * - `TAR_TOO_MANY_ENTRIES`: more entries than anybody will hold in memory.
 * - `PACK_FAILED`: a body for the engine's tar had another length than was announced.
 */
export type LayoutCode = 'TAR_INVALID' | 'TAR_TRUNCATED' | 'TAR_TOO_MANY_ENTRIES' | 'PACK_FAILED';

/** Where a tar stopped being one of ours. */
export interface LayoutErrorOptions extends FerryErrorOptions<LayoutCode> {
  /** Byte offset in the file at which it went wrong. */
  readonly offset?: number;
  /** The entry concerned, as far as its header can be read. */
  readonly entry?: string | undefined;
  /** The entries read up to there: their headers were good. */
  readonly entries?: readonly TarEntry[];
}

/** A tar that is not in the format, or cannot be written in it. */
export class LayoutError extends FerryError<LayoutCode> {
  readonly offset: number | undefined;
  readonly entry: string | undefined;
  readonly entries: readonly TarEntry[];

  constructor(message: string, options: LayoutErrorOptions) {
    super(message, options);
    this.offset = options.offset;
    this.entry = options.entry;
    this.entries = options.entries ?? [];
  }
}
