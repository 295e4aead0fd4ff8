/** What a place can hold: free bytes, and the limits of its file system (statfs(2), linux/magic.h). */
import { readFile, realpath, statfs } from 'node:fs/promises';
import { ContentError } from './error.ts';

/** Facts of the file system that a folder is on. */
export interface Medium {
  /** Bytes that we may still write; infinite where the file system tells nothing of its room. */
  readonly free: number;
  readonly kind: 'fat' | 'exfat' | 'other';
}

/** The largest file that FAT32 can hold: 4 GiB less one byte. */
export const MAX_FAT_FILE = 0xffff_ffff;

const KIND_BY_MAGIC: Readonly<Record<number, Medium['kind']>> = { 19780: 'fat', 538032816: 'exfat' };
const FUSE_SUPER_MAGIC = 0x65735546;

/** Asks the file system of an existing folder. */
export async function mediumOf(directory: string): Promise<Medium> {
  const { type, blocks, bavail, bsize } = await statfs(directory);
  const kind = type === FUSE_SUPER_MAGIC ? await fuseKind(directory) : (KIND_BY_MAGIC[type] ?? 'other');
  return { free: blocks === 0 ? Number.POSITIVE_INFINITY : bavail * bsize, kind };
}

/** Behind FUSE the magic number says nothing; the mount table names the program: `fuse.fusefat`. */
async function fuseKind(directory: string): Promise<Medium['kind']> {
  const path = await realpath(directory);
  const mounts = (await readFile('/proc/self/mounts', 'utf8')).split('\n').map((line) => line.split(' '));
  const over = mounts.filter(([, point]) => point === '/' || path === point || path.startsWith(`${point}/`));
  const [source, , type] = over.reduce((a, b) => ((b[1] ?? '').length >= (a[1] ?? '').length ? b : a), ['', '', '']);
  if (/fat/.test(`${type}`) && !/exfat/.test(`${type} ${source}`)) return 'fat';
  return /exfat/.test(`${type} ${source}`) ? 'exfat' : 'other';
}

/**
 * Refuses a file before its first byte where it can't fit.
 *
 * @throws {ContentError} `NO_SPACE` with both numbers; `FAT_LIMIT` for 4 GiB and more on FAT
 */
export function checkRoom(medium: Medium, { path, size }: { readonly path: string; readonly size: number }): void {
  if (medium.kind === 'fat' && size > MAX_FAT_FILE) {
    throw new ContentError(`write ${path}: expected at most ${MAX_FAT_FILE} bytes, for it is on FAT, got ${size}`, {
      code: 'FAT_LIMIT',
      facts: { path, size },
    });
  }
  if (size > medium.free) {
    throw new ContentError(`write ${path}: expected ${size} bytes of free space, got ${medium.free}`, {
      code: 'NO_SPACE',
      facts: { path, size, free: medium.free },
    });
  }
}
