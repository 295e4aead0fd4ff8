/**
 * Where everything in a tar will stand, by arithmetic alone: a header block, the body, zeros up to the next block,
 * and two zero blocks at the end. All positions are known before the first byte is written (DESIGN 8).
 */
import { BLOCK, END_SIZE, padding } from './header.ts';

/** One regular file in a tar. Offsets are bytes from the beginning of the tar. */
export interface TarEntry {
  readonly name: string;
  readonly size: number;
  readonly headerOffset: number;
  readonly dataOffset: number;
}

/** A tar that could be written: its entries at their places, and the size of the whole with its end. */
export interface TarLayout {
  readonly entries: TarEntry[];
  readonly size: number;
}

/** Places the entries one after the other, in the order given. */
export function layOut(entries: readonly { readonly name: string; readonly size: number }[]): TarLayout {
  let offset = 0;
  const placed = entries.map(({ name, size }) => {
    const entry = { name, size, headerOffset: offset, dataOffset: offset + BLOCK };
    offset = endOf(entry);
    return entry;
  });
  return { entries: placed, size: offset + END_SIZE };
}

/** The offset of what follows an entry: its body and the zeros behind it are passed. */
export function endOf(entry: TarEntry): number {
  return entry.dataOffset + entry.size + padding(entry.size);
}
