/**
 * Makes one wrong copy of a right bundle: a flipped bit, a torn end, an entry in another place, an edited header, an
 * edited document. Which one is decided by chance alone, and the same chance gives the same copy. None equals the
 * original. What it must be refused for is not said here; nothing of the code under test decides what is made.
 */
import { createHash } from 'node:crypto';

/** An entry of a tar, as the header before it says. */
export interface Entry {
  readonly name: string;
  readonly bytes: Buffer;
  readonly headerOffset: number;
}

/** The original. */
export interface Original {
  readonly bytes: Buffer;
  readonly entries: readonly Entry[];
  /** Entries whose bytes this site never reads. */
  readonly unused: ReadonlySet<string>;
  /** Documents of the same names by a stranger, rightly signed by keys that this site does not trust. */
  readonly stranger: ReadonlyMap<string, Buffer>;
}

export const FAMILIES = ['bits and bytes', 'ends', 'entries', 'headers', 'documents'] as const;

export interface Mutation {
  readonly family: (typeof FAMILIES)[number];
  /** What was done and where: `bit 3 of byte 17 of release.json`. */
  readonly what: string;
  readonly bytes: Buffer;
}

type Random = () => number;
type Maker = (original: Original, random: Random) => Omit<Mutation, 'family'>;

/** Reads a tar of plain ustar entries: enough for a bundle that is right. */
export function readOriginal(bytes: Buffer, more: Pick<Original, 'unused' | 'stranger'>): Original {
  const entries: Entry[] = [];
  for (let at = 0; bytes[at] !== 0; ) {
    const name = bytes.toString('latin1', at, at + 100).replace(/\0.*$/s, '');
    const size = Number.parseInt(bytes.toString('latin1', at + 124, at + 135), 8);
    entries.push({ name, bytes: bytes.subarray(at + 512, at + 512 + size), headerOffset: at });
    at += 512 + size + padOf(size);
  }
  return { bytes, entries, ...more };
}

/** One copy that differs. */
export function mutate(original: Original, random: Random): Mutation {
  for (;;) {
    const family = one(FAMILIES, random);
    const made = one(MAKERS[family], random)(original, random);
    if (!made.bytes.equals(original.bytes)) return { family, ...made };
  }
}

/** A copy with one bit flipped in an entry's body. */
export function flipIn(original: Original, name: string, random: Random): Omit<Mutation, 'family'> {
  const entry = original.entries.find((candidate) => candidate.name === name) as Entry;
  const at = below(entry.bytes.length, random);
  return flip(original, entry.headerOffset + 512 + at, below(8, random), `byte ${at} of ${name}`);
}

const MAKERS: Readonly<Record<Mutation['family'], readonly Maker[]>> = {
  'bits and bytes': [flipBody, flipBody, flipAnywhereUsed, overwrite, zeroSector, swapChunks],
  ends: [cut, cutAtBlock, append, shortenEnd, flipZeros],
  entries: [swapEntries, swapBodies, drop, double, doubleUnderOtherName, rename],
  headers: [flipHeader, flipHeader, editField, editSize],
  documents: [editDocument, editDocument, editDocument, editAndRename, foreign, spaceInside],
};

function flipBody(original: Original, random: Random) {
  return flipIn(original, one(usedOf(original), random).name, random);
}

/** Anywhere that is read: bodies in use, all headers, all padding, the end. */
function flipAnywhereUsed(original: Original, random: Random) {
  for (;;) {
    const at = below(original.bytes.length, random);
    const inside = original.entries.find(({ headerOffset, bytes }) => isIn(at, headerOffset + 512, bytes.length));
    if (inside === undefined || !original.unused.has(inside.name)) {
      return flip(original, at, below(8, random), `byte ${at} of the tar`);
    }
  }
}

function flip({ bytes }: Original, at: number, bit: number, where: string) {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ (1 << bit);
  return { what: `bit ${bit} of ${where}`, bytes: copy };
}

function overwrite(original: Original, random: Random) {
  const { name, bytes, headerOffset } = one(usedOf(original), random);
  const at = below(bytes.length, random);
  const length = Math.min(1 + below(64, random), bytes.length - at);
  const copy = Buffer.from(original.bytes);
  for (let i = 0; i < length; i += 1) copy[headerOffset + 512 + at + i] = below(256, random);
  return { what: `${length} bytes at ${at} of ${name}`, bytes: copy };
}

/** As a stick gives it back whose flash has forgotten. */
function zeroSector(original: Original, random: Random) {
  const { name, bytes, headerOffset } = one(usedOf(original), random);
  const at = Math.floor(below(bytes.length, random) / 512) * 512;
  const copy = Buffer.from(original.bytes);
  copy.fill(0, headerOffset + 512 + at, headerOffset + 512 + Math.min(at + 512, bytes.length));
  return { what: `zeros at ${at} of ${name}`, bytes: copy };
}

function swapChunks(original: Original, random: Random) {
  const used = usedOf(original).filter(({ bytes }) => bytes.length >= 1024);
  const { name, bytes, headerOffset } = one(used, random);
  const blocks = Math.floor(bytes.length / 512);
  const [a, b] = [below(blocks, random) * 512, below(blocks, random) * 512];
  const copy = Buffer.from(original.bytes);
  bytes.copy(copy, headerOffset + 512 + a, b, b + 512);
  bytes.copy(copy, headerOffset + 512 + b, a, a + 512);
  return { what: `blocks ${a} and ${b} of ${name} swapped`, bytes: copy };
}

function cut({ bytes }: Original, random: Random) {
  const at = below(bytes.length, random);
  return { what: `cut at ${at}`, bytes: bytes.subarray(0, at) };
}

function cutAtBlock({ bytes }: Original, random: Random) {
  const at = below(bytes.length / 512, random) * 512;
  return { what: `cut at block ${at / 512}`, bytes: bytes.subarray(0, at) };
}

/** In what fills the last block of an entry, or in what ends the tar. */
function flipZeros(original: Original, random: Random) {
  const ends = original.entries.map(({ headerOffset, bytes }) => headerOffset + 512 + bytes.length);
  const places = ends.flatMap((end) => (end % 512 === 0 ? [] : [[end, padOf(end)] as const]));
  const [start, length] = one([...places, [original.bytes.length - 1024, 1024] as const], random);
  const at = start + below(length, random);
  return flip(original, at, below(8, random), `byte ${at} of the tar, a zero behind an entry`);
}

function append({ bytes }: Original, random: Random) {
  const more = Buffer.alloc(1 + below(2048, random), random() < 0.5 ? 0 : 0x41);
  return { what: `${more.length} bytes of ${more[0]} behind the end`, bytes: Buffer.concat([bytes, more]) };
}

/** Cut, and ended again as a tar ends. Not before release.json: what is left then is a catalogue, whole and signed. */
function shortenEnd({ bytes, entries }: Original, random: Random) {
  const cuts = entries.filter(({ name }) => name !== 'release.json');
  const { name, headerOffset } = one(cuts, random);
  return { what: `ended before ${name}`, bytes: Buffer.concat([bytes.subarray(0, headerOffset), Buffer.alloc(1024)]) };
}

function swapEntries({ entries }: Original, random: Random) {
  const [a, b] = [below(entries.length, random), below(entries.length, random)];
  const list = entries.with(a, entries[b] as Entry).with(b, entries[a] as Entry);
  return { what: `entries ${a} and ${b} swapped`, bytes: tarOf(list) };
}

/** The name of one over the bytes of another. */
function swapBodies({ entries, unused }: Original, random: Random) {
  const used = entries.filter(({ name }) => !unused.has(name));
  const [a, b] = [one(used, random), one(used, random)];
  const list = entries.map((entry) => {
    if (entry === a) return { ...a, bytes: b.bytes };
    return entry === b ? { ...b, bytes: a.bytes } : entry;
  });
  return { what: `bytes of ${a.name} and ${b.name} swapped`, bytes: tarOf(list) };
}

function drop({ entries }: Original, random: Random) {
  const at = below(entries.length, random);
  return { what: `without ${entries[at]?.name}`, bytes: tarOf(entries.toSpliced(at, 1)) };
}

function double({ entries }: Original, random: Random) {
  const [from, to] = [below(entries.length, random), below(entries.length + 1, random)];
  const entry = entries[from] as Entry;
  return { what: `${entry.name} again at place ${to}`, bytes: tarOf(entries.toSpliced(to, 0, entry)) };
}

function doubleUnderOtherName({ entries }: Original, random: Random) {
  const [from, to] = [below(entries.length, random), below(entries.length + 1, random)];
  const entry = { ...(entries[from] as Entry), name: renamed((entries[from] as Entry).name, random) };
  return {
    what: `${entries[from]?.name} also as ${entry.name} at ${to}`,
    bytes: tarOf(entries.toSpliced(to, 0, entry)),
  };
}

function rename({ entries }: Original, random: Random) {
  const at = below(entries.length, random);
  const entry = { ...(entries[at] as Entry), name: renamed((entries[at] as Entry).name, random) };
  return { what: `${entries[at]?.name} as ${entry.name}`, bytes: tarOf(entries.with(at, entry)) };
}

function renamed(name: string, random: Random): string {
  const at = below(name.length, random);
  const names = [
    `${name.slice(0, at)}${one(['0', 'a', 'f', '/', '..', '-', 'A', '\u00e9', '\u0001'], random)}${name.slice(at + 1)}`,
    `../${name}`,
    `/${name}`,
    `./${name}`,
    `${name}/`,
    name.toUpperCase(),
  ];
  return one(names, random).slice(0, 100);
}

function flipHeader(original: Original, random: Random) {
  const { name, headerOffset } = one(original.entries, random);
  const at = below(512, random);
  return flip(original, headerOffset + at, below(8, random), `byte ${at} of the header of ${name}`);
}

/** Fields of a ustar header: offset and what a bundle never has there. */
const FIELDS: readonly (readonly [field: string, at: number, values: readonly string[]])[] = [
  ['mode', 100, ['0000755\0', '0004755\0', '0000666\0', '0100644\0', '000644 \0']],
  ['uid', 108, ['0001750\0', '       \0', '000000 \0']],
  ['gid', 116, ['0001750\0']],
  ['mtime', 136, ['14000000000\0', '           \0']],
  ['typeflag', 156, ['1', '2', '3', '5', '7', 'x', 'g', 'L', 'S', '\0']],
  ['linkname', 157, ['/etc/passwd', 'release.json']],
  ['magic', 257, ['ustar  \0', 'ustar\x0001', '\0\0\0\0\0\0\0\0']],
  ['uname', 265, ['root']],
  ['gname', 297, ['wheel']],
  ['devmajor', 329, ['0000001\0']],
  ['prefix', 345, ['tuf', '/etc', 'blobs/sha256']],
  ['unused', 500, ['x']],
];

/** Another value in a field, with the checksum that belongs to it. */
function editField(original: Original, random: Random) {
  const { name, headerOffset } = one(original.entries, random);
  const [field, at, values] = one(FIELDS, random);
  const value = one(values, random);
  return {
    what: `${field} ${JSON.stringify(value)} of ${name}`,
    bytes: withField(original.bytes, headerOffset, { at, value }),
  };
}

function editSize(original: Original, random: Random) {
  const { name, bytes, headerOffset } = one(original.entries, random);
  const sizes = [
    bytes.length + 1,
    bytes.length - 1,
    bytes.length + 512,
    bytes.length ^ 1,
    0,
    2 ** 33 - 1,
    below(2 ** 32, random),
  ];
  const size = Math.max(0, one(sizes, random));
  const value = random() < 0.2 ? base256(bytes.length) : `${size.toString(8).padStart(11, '0')}\0`;
  return {
    what: `size ${JSON.stringify(value)} of ${name}`,
    bytes: withField(original.bytes, headerOffset, { at: 124, value }),
  };
}

function base256(size: number): string {
  const field = Buffer.alloc(12);
  field.writeBigUInt64BE(BigInt(size), 4);
  field[0] = 0x80;
  return field.toString('latin1');
}

function withField(bytes: Buffer, headerOffset: number, { at, value }: { at: number; value: string }): Buffer {
  const copy = Buffer.from(bytes);
  copy.write(value, headerOffset + at, 'latin1');
  sign(copy.subarray(headerOffset, headerOffset + 512));
  return copy;
}

/** A value somewhere in a JSON document, or a key, is another; the entry's header fits the new bytes. */
function editDocument(original: Original, random: Random) {
  const [entry, bytes, where] = edited(original, random);
  const at = original.entries.indexOf(entry);
  return { what: `${where} of ${entry.name}`, bytes: tarOf(original.entries.with(at, { ...entry, bytes })) };
}

/** The same with the blob under the name that its new digest asks for, and every mention of the old one replaced. */
function editAndRename(original: Original, random: Random) {
  const [entry, bytes, where] = edited(original, random);
  const [before, after] = [sha256(entry.bytes), sha256(bytes)];
  const entries = original.entries.map((other) => {
    const isIt = other === entry;
    const name = other.name.replace(before, after);
    if (!isIt && !isDocument(other)) return { ...other, name };
    const text = (isIt ? bytes : other.bytes).toString('latin1').replaceAll(before, after);
    return { ...other, name, bytes: Buffer.from(text, 'latin1') };
  });
  return { what: `${where} of ${entry.name}, with every mention of its digest`, bytes: tarOf(entries) };
}

/** A document, or all of them, as a stranger signed it. */
function foreign({ entries, stranger }: Original, random: Random) {
  const strange = entries.filter(({ name }) => stranger.has(name));
  const chosen = random() < 0.5 ? new Set(strange) : new Set([one(strange, random)]);
  const list = entries.map((entry) =>
    chosen.has(entry) ? { ...entry, bytes: stranger.get(entry.name) as Buffer } : entry,
  );
  return { what: `${[...chosen].map(({ name }) => name).join(', ')} of a stranger`, bytes: tarOf(list) };
}

/** The same value in another form. */
function spaceInside(original: Original, random: Random) {
  const entry = one(documentsOf(original), random);
  const bytes = Buffer.concat([entry.bytes, Buffer.from(one([' ', '\n', '\0'], random))]);
  const at = original.entries.indexOf(entry);
  return { what: `a space behind ${entry.name}`, bytes: tarOf(original.entries.with(at, { ...entry, bytes })) };
}

function edited(original: Original, random: Random): readonly [Entry, Buffer, string] {
  const entry = one(documentsOf(original), random);
  const root = JSON.parse(entry.bytes.toString()) as unknown;
  const holders = objectsIn(root);
  const holder = one(holders, random);
  const key = one(Object.keys(holder), random);
  const before = holder[key];
  if (random() < 0.2) delete holder[key];
  else holder[key] = otherThan(before, random);
  return [entry, Buffer.from(JSON.stringify(root)), `"${key}" (${JSON.stringify(before).slice(0, 40)})`];
}

function otherThan(value: unknown, random: Random): unknown {
  if (typeof value === 'number') return one([value + 1, value - 1, -1, 0, 1e15, String(value)], random);
  if (typeof value === 'boolean') return !value;
  if (typeof value !== 'string') return one([null, [], {}, 'x', 1], random);
  const at = below(value.length, random);
  const others = [
    `${value.slice(0, at)}${one(['0', 'a', 'Z', '/', '\u0000'], random)}${value.slice(at + 1)}`,
    '',
    `${value}x`,
    null,
    1,
  ];
  return one(others, random);
}

function objectsIn(value: unknown): Record<string, unknown>[] {
  if (typeof value !== 'object' || value === null) return [];
  const below = Object.values(value).flatMap(objectsIn);
  return Object.keys(value).length === 0 ? below : [value as Record<string, unknown>, ...below];
}

function usedOf({ entries, unused }: Original): Entry[] {
  return entries.filter(({ name, bytes }) => bytes.length > 0 && !unused.has(name));
}

function documentsOf(original: Original): Entry[] {
  return usedOf(original).filter(isDocument);
}

function isDocument({ bytes }: Entry): boolean {
  return bytes[0] === 0x7b && bytes.at(-1) === 0x7d;
}

function tarOf(entries: readonly Pick<Entry, 'name' | 'bytes'>[]): Buffer {
  const blocks = entries.flatMap(({ name, bytes }) => [
    header(name, bytes.length),
    bytes,
    Buffer.alloc(padOf(bytes.length)),
  ]);
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

function header(name: string, size: number): Buffer {
  const block = Buffer.alloc(512);
  block.write(name, 0, 100, 'latin1');
  block.write(`0000644\x000000000\x000000000\0${size.toString(8).padStart(11, '0')}\x0000000000000\0`, 100, 'latin1');
  block.write('0', 156, 'latin1');
  block.write('ustar\x0000', 257, 'latin1');
  block.write('0000000\x000000000\0', 329, 'latin1');
  return sign(block);
}

function sign(block: Buffer): Buffer {
  block.write('        ', 148, 'latin1');
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

const padOf = (size: number): number => (512 - (size % 512)) % 512;
const isIn = (at: number, start: number, length: number): boolean => at >= start && at < start + length;
const below = (limit: number, random: Random): number => Math.floor(random() * limit);
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

function one<T>(list: readonly T[], random: Random): T {
  return list[below(list.length, random)] as T;
}
