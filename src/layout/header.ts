/**
 * The 512 bytes before an entry, as FORMAT §1 fixes them: ustar, a regular file, mode 0644, owner 0, no owner's name,
 * mtime 0, no prefix. A name and a size give one header and no other, so a reader compares instead of interpreting.
 * POSIX.1-2017 pax, "ustar Interchange Format"; the base-256 size is the GNU and star convention.
 */

/** A tar is made of blocks of this many bytes. */
export const BLOCK = 512;
/** Two zero blocks end the file. */
export const END_SIZE = 2 * BLOCK;
/** The longest name that fits without the prefix field. */
export const MAX_NAME = 100;
/** The first size that eleven octal digits cannot say. */
export const BASE_256_FROM = 8 * 2 ** 30;

/** Where each field begins and how long it is. */
export const FIELDS = {
  name: [0, 100],
  mode: [100, 8],
  uid: [108, 8],
  gid: [116, 8],
  size: [124, 12],
  mtime: [136, 12],
  checksum: [148, 8],
  typeflag: [156, 1],
  linkname: [157, 100],
  magic: [257, 8],
  uname: [265, 32],
  gname: [297, 32],
  devmajor: [329, 8],
  devminor: [337, 8],
  prefix: [345, 155],
  unused: [500, 12],
} as const;

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]*(?:\/[A-Za-z0-9][A-Za-z0-9._-]*)*$/;

/** Whether an entry may be called this: relative, no `.` or `..`, no empty part, ASCII, at most 100 bytes. */
export function isEntryName(name: string): boolean {
  return name.length <= MAX_NAME && NAME.test(name);
}

/** The number of zero bytes after a body of this size, up to the next block. */
export function padding(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK;
}

/**
 * The header of an entry; the same name and size give the same 512 bytes.
 * @throws {RangeError} when the name or the size cannot be in a bundle.
 */
export function tarHeader(name: string, size: number): Buffer {
  if (!isEntryName(name)) throw new RangeError(`tar header: expected an entry name, got ${JSON.stringify(name)}`);
  if (!Number.isSafeInteger(size) || size < 0) throw new RangeError(`tar header: expected a size, got ${size}`);
  const block = Buffer.alloc(BLOCK);
  block.write(name, 0, 'latin1');
  block.write('0000644\0' + '0000000\0' + '0000000\0', FIELDS.mode[0], 'latin1');
  writeSize(block, size);
  block.write('00000000000\0', FIELDS.mtime[0], 'latin1');
  block.write('        0', FIELDS.checksum[0], 'latin1');
  block.write('ustar\x0000', FIELDS.magic[0], 'latin1');
  block.write('0000000\0' + '0000000\0', FIELDS.devmajor[0], 'latin1');
  block.write(`${octal(checksum(block), 6)}\0 `, FIELDS.checksum[0], 'latin1');
  return block;
}

/** The sum of all bytes of a header, its own field counted as spaces. */
export function checksum(block: Uint8Array): number {
  const [start, length] = FIELDS.checksum;
  let sum = length * 0x20;
  for (let i = 0; i < BLOCK; i++) if (i < start || i >= start + length) sum += block[i] ?? 0;
  return sum;
}

function writeSize(block: Buffer, size: number): void {
  const [start] = FIELDS.size;
  if (size < BASE_256_FROM) {
    block.write(`${octal(size, 11)}\0`, start, 'latin1');
    return;
  }
  block[start] = 0x80;
  block.writeBigUInt64BE(BigInt(size), start + 4);
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, '0');
}
