/** Says in words why a block is not the header that ferry would have written. Only for errors: it decides nothing. */
import { checksum, FIELDS, tarHeader } from './header.ts';

const TYPES: Readonly<Record<string, string>> = {
  '1': 'a hard link',
  '2': 'a symbolic link',
  '3': 'a character device',
  '4': 'a block device',
  '5': 'a directory',
  '6': 'a named pipe',
  '7': 'a contiguous file',
  g: 'a pax global header',
  x: 'a pax header',
  L: 'a GNU long name',
  K: 'a GNU long link',
  D: 'a GNU directory listing',
  S: 'a GNU sparse file',
};

/** What could be read of a header. */
export interface Readable {
  readonly name: string | undefined;
  readonly size: number | undefined;
}

/** Why a header is not the one expected, the most telling reason first. */
export function reasonOf(header: Buffer, { name, size }: Readable): string {
  const said = Number.parseInt(header.toString('latin1', FIELDS.checksum[0], FIELDS.checksum[0] + 6).trim(), 8);
  if (said !== checksum(header)) return 'expected a tar header, got bytes with a wrong header checksum';
  const type = header.toString('latin1', FIELDS.typeflag[0], FIELDS.typeflag[0] + 1);
  if (type !== '0') return `expected a regular file, got ${TYPES[type] ?? `type ${JSON.stringify(type)}`}`;
  if (name === undefined) return `expected an entry name, got ${quoted(header, FIELDS.name)}`;
  if (size === undefined) return `expected a size, got ${quoted(header, FIELDS.size)}`;
  return `expected the header that ferry writes, got another ${differing(header, tarHeader(name, size))}`;
}

function differing(header: Buffer, expected: Buffer): string {
  const fields = Object.entries(FIELDS).filter(
    ([, [start, length]]) => !header.subarray(start, start + length).equals(expected.subarray(start, start + length)),
  );
  return fields.map(([field]) => field).join(', ');
}

function quoted(header: Buffer, [start, length]: readonly [number, number]): string {
  return JSON.stringify(header.toString('latin1', start, start + length).replace(/\0+$/, ''));
}
