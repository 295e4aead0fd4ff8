/**
 * The index of a tar, read by positions: one read of a block or less than two for each entry, never a body. It takes
 * exactly what FORMAT §1 lets a writer write: each header is computed again from its name and size and compared in
 * all 512 bytes, so links, devices, directories, pax and GNU entries, other owners or times have no way in. Which
 * entries a bundle must have, and in which order, is judged in `bundle/`.
 */
import type { FileHandle } from 'node:fs/promises';
import { LayoutError } from './error.ts';
import { BASE_256_FROM, BLOCK, END_SIZE, FIELDS, isEntryName, padding, tarHeader } from './header.ts';
import { endOf, type TarEntry } from './lay-out.ts';
import { reasonOf } from './refusal.ts';

/** What bounds the reading. */
export interface ReadTarIndexOptions {
  /** The size of the file in bytes, as `fstat` says: the tar must end there and not before. */
  readonly size: number;
  /** More entries than this are refused. */
  readonly maxEntries: number;
}

/**
 * Reads the entries of a tar that ferry wrote.
 * @throws {LayoutError} `TAR_INVALID`, `TAR_TRUNCATED`, `TAR_TOO_MANY_ENTRIES`, each with the offset and the entries
 * that were good before it.
 */
export async function readTarIndex(file: FileHandle, { size, maxEntries }: ReadTarIndexOptions): Promise<TarEntry[]> {
  const entries: TarEntry[] = [];
  const names = new Set<string>();
  const buffer = Buffer.alloc(2 * BLOCK);
  let offset = 0;
  try {
    for (;;) {
      const zeros = padding(entries.at(-1)?.size ?? 0);
      const bytes = await readExactly(file, buffer.subarray(0, zeros + BLOCK), offset - zeros);
      refusePadding(bytes.subarray(0, zeros), offset - zeros, entries.at(-1)?.name ?? '');
      const header = bytes.subarray(zeros);
      if (isZero(header)) {
        await readEnd(file, offset, size);
        return entries;
      }
      const entry = readHeader(header, offset);
      if (names.has(entry.name)) throw invalid(offset, 'expected each entry once, got it again', entry.name);
      if (entries.length === maxEntries) throw tooMany(maxEntries, offset);
      names.add(entry.name);
      entries.push(entry);
      offset = endOf(entry);
      if (offset > size) throw truncated(size, offset, entry.name);
    }
  } catch (error) {
    throw error instanceof LayoutError ? withEntries(error, entries) : error;
  }
}

function readHeader(header: Buffer, headerOffset: number): TarEntry {
  const name = nameOf(header);
  const size = sizeOf(header);
  if (name !== undefined && size !== undefined) {
    const expected = tarHeader(name, size);
    if (expected.equals(header)) return { name, size, headerOffset, dataOffset: headerOffset + BLOCK };
  }
  throw invalid(headerOffset, reasonOf(header, { name, size }), name);
}

function nameOf(header: Buffer): string | undefined {
  const [start, length] = FIELDS.name;
  const name = header.toString('latin1', start, start + length).replace(/\0+$/, '');
  return isEntryName(name) ? name : undefined;
}

function sizeOf(header: Buffer): number | undefined {
  const [start, length] = FIELDS.size;
  const text = header.toString('latin1', start, start + length - 1);
  if (/^[0-7]{11}$/.test(text)) return Number.parseInt(text, 8);
  if (header[start] !== 0x80 || header.readUInt32BE(start) !== 0x80000000) return undefined;
  const size = header.readBigUInt64BE(start + 4);
  // A small number in base-256 has an octal form, and that is the one form of it.
  return size >= BigInt(BASE_256_FROM) && size <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(size) : undefined;
}

function refusePadding(zeros: Buffer, offset: number, name: string): void {
  if (!isZero(zeros)) throw invalid(offset, 'expected zeros behind the body, got other bytes', name);
}

async function readEnd(file: FileHandle, offset: number, size: number): Promise<void> {
  const end = await readExactly(file, Buffer.alloc(END_SIZE), offset);
  if (!isZero(end)) throw invalid(offset, 'expected two zero blocks at the end, got one');
  if (offset + END_SIZE !== size) {
    throw invalid(offset + END_SIZE, `expected the end of the file, got ${size - offset - END_SIZE} more bytes`);
  }
}

async function readExactly(file: FileHandle, buffer: Buffer, position: number): Promise<Buffer> {
  let filled = 0;
  while (filled < buffer.length) {
    const { bytesRead } = await file.read(buffer, filled, buffer.length - filled, position + filled);
    if (bytesRead === 0) throw truncated(position + filled, position + buffer.length);
    filled += bytesRead;
  }
  return buffer;
}

const ZEROS = Buffer.alloc(END_SIZE);

function isZero(bytes: Buffer): boolean {
  return bytes.equals(ZEROS.subarray(0, bytes.length));
}

function invalid(offset: number, why: string, entry?: string): LayoutError {
  const what = entry === undefined ? '' : `${entry}: `;
  return new LayoutError(`read tar: ${what}offset ${offset}: ${why}`, { code: 'TAR_INVALID', offset, entry });
}

function truncated(size: number, expected: number, entry?: string): LayoutError {
  const what = entry === undefined ? '' : `${entry}: `;
  const message = `read tar: ${what}expected at least ${expected} bytes in the file, got ${size}`;
  return new LayoutError(message, { code: 'TAR_TRUNCATED', offset: size, entry });
}

function tooMany(maxEntries: number, offset: number): LayoutError {
  const message = `read tar: expected at most ${maxEntries} entries, got more`;
  return new LayoutError(message, { code: 'TAR_TOO_MANY_ENTRIES', offset });
}

function withEntries(error: LayoutError, entries: readonly TarEntry[]): LayoutError {
  const { code, offset, entry } = error;
  const facts = { offset, entry };
  return new LayoutError(error.message, {
    code,
    cause: error,
    entries,
    entry,
    facts,
    ...(offset === undefined ? {} : { offset }),
  });
}
