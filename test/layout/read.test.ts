import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { layOut, padding, readTarIndex, type TarEntry, tarHeader } from '../../src/layout/index.ts';
import { temporaryFolder } from '../support/bundles.ts';
import { tarOf } from '../support/tar.ts';
import { vectorsFolder } from '../support/vectors.ts';

const folder = temporaryFolder();
afterAll(folder.remove);

const VECTORS = vectorsFolder('tar');
const GIB = 2 ** 30;

describe('readTarIndex', () => {
  it('reads back what layOut placed', async () => {
    const name = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,40}(\/[A-Za-z0-9][A-Za-z0-9._-]{0,40}){0,1}$/);
    const entries = fc.uniqueArray(fc.record({ name, size: fc.nat({ max: 2000 }) }), { selector: (e) => e.name });
    await fc.assert(
      fc.asyncProperty(entries, async (list) => {
        const layout = layOut(list);
        const tar = tarWith(list.map((entry) => [tarHeader(entry.name, entry.size), body(entry.size)]));
        expect(tar.length).toBe(layout.size);
        expect(await read(tar)).toEqual(layout.entries);
      }),
      { numRuns: 60 },
    );
  });

  it('reads the places of bodies above 8 GiB without touching them', async () => {
    const list = [
      { name: 'small', size: 5 },
      { name: 'huge', size: 9 * GIB + 3 },
      { name: 'last', size: 8 * GIB },
    ];
    const layout = layOut(list);
    const path = join(folder.path, 'sparse.tar');
    const file = await open(path, 'w+');
    try {
      await file.truncate(layout.size);
      for (const { name, size, headerOffset } of layout.entries)
        await file.write(tarHeader(name, size), 0, 512, headerOffset);
      expect(layout.size).toBeGreaterThan(17 * GIB);
      expect(await readTarIndex(file, { size: layout.size, maxEntries: 10 })).toEqual(layout.entries);
    } finally {
      await file.close();
    }
  });

  const good = () => tarHeader('a', 3);
  const bent: [string, Buffer, string][] = [
    ['a hard link', typed('1'), 'a hard link'],
    ['a symbolic link', typed('2'), 'a symbolic link'],
    ['a character device', typed('3'), 'a character device'],
    ['a block device', typed('4'), 'a block device'],
    ['a directory', typed('5'), 'a directory'],
    ['a named pipe', typed('6'), 'a named pipe'],
    ['a pax header', typed('x'), 'a pax header'],
    ['a pax global header', typed('g'), 'a pax global header'],
    ['a GNU long name', typed('L'), 'a GNU long name'],
    ['a GNU sparse file', typed('S'), 'a GNU sparse file'],
    ['the type of before ustar', typed('\0'), 'expected a regular file'],
    ['another mode', summed(good(), (h) => h.write('0000755', 100)), 'mode'],
    ['set-ID bits', summed(good(), (h) => h.write('0004644', 100)), 'mode'],
    ['an owner', summed(good(), (h) => h.write('0001750', 108)), 'uid'],
    ["an owner's name", summed(good(), (h) => h.write('root', 265)), 'uname'],
    ['a time', summed(good(), (h) => h.write('00000000001', 136)), 'mtime'],
    ['a link name', summed(good(), (h) => h.write('b', 157)), 'linkname'],
    ['a prefix', summed(good(), (h) => h.write('etc', 345)), 'prefix'],
    ['a device number', summed(good(), (h) => h.write('0000001', 329)), 'devmajor'],
    ['bytes behind the fields', summed(good(), (h) => h.write('x', 511)), 'unused'],
    ['GNU magic', summed(good(), (h) => h.write('ustar  \0', 257)), 'magic'],
    ['a size with spaces', summed(good(), (h) => h.write('         3 \0', 124)), 'a size'],
    ['a small size in base-256', summed(good(), (h) => base256(h, 3)), 'a size'],
    ['a negative size', summed(good(), (h) => h.fill(0xff, 124, 136)), 'a size'],
    ['a size above all numbers', summed(good(), (h) => base256(h, 2n ** 63n)), 'a size'],
    ['an absolute name', summed(good(), (h) => h.write('/a', 0)), 'an entry name'],
    ['a name with ..', summed(good(), (h) => h.write('a/../../b', 0)), 'an entry name'],
    ['a name with .', summed(good(), (h) => h.write('./a', 0)), 'an entry name'],
    ['bytes behind the name', summed(good(), (h) => h.write('a\0b', 0)), 'an entry name'],
    ['a checksum with other padding', spacedChecksum(good()), 'checksum'],
    ['a wrong checksum', Buffer.from(good()).fill('1', 148, 152), 'wrong header checksum'],
  ];
  it.each(bent)('refuses %s', async (_what, header, why) => {
    const reading = read(tarWith([[header, body(3)]]));
    await expect(reading).rejects.toMatchObject({
      code: 'TAR_INVALID',
      offset: 0,
      message: expect.stringContaining(why),
    });
  });

  it('refuses a name that comes twice', async () => {
    const entry: [Buffer, Buffer] = [tarHeader('a', 0), body(0)];
    await expect(read(tarWith([entry, entry]))).rejects.toMatchObject({ code: 'TAR_INVALID', entry: 'a', offset: 512 });
  });

  it('refuses padding that is not zero, and names the entry', async () => {
    const tar = tarWith([[tarHeader('a', 3), body(3)]]);
    tar[512 + 3] = 1;
    await expect(read(tar)).rejects.toMatchObject({ code: 'TAR_INVALID', entry: 'a', offset: 515 });
  });

  it('refuses bytes behind the end, also zeros', async () => {
    const tar = tarWith([[tarHeader('a', 3), body(3)]]);
    await expect(read(Buffer.concat([tar, Buffer.alloc(512)]))).rejects.toMatchObject({ code: 'TAR_INVALID' });
    await expect(read(Buffer.concat([tar, Buffer.from('x')]))).rejects.toMatchObject({ code: 'TAR_INVALID' });
  });

  it('refuses one zero block with something behind it', async () => {
    const tar = Buffer.concat([tarHeader('a', 0), Buffer.alloc(512), tarHeader('b', 0), Buffer.alloc(1024)]);
    await expect(read(tar)).rejects.toMatchObject({ code: 'TAR_INVALID', offset: 512 });
  });

  it('refuses more entries than it was told to hold', async () => {
    const tar = tarWith([1, 2, 3].map((n) => [tarHeader(`e${n}`, 0), body(0)]));
    await expect(read(tar, 2)).rejects.toMatchObject({ code: 'TAR_TOO_MANY_ENTRIES', entries: [{}, {}] });
    expect(await read(tar, 3)).toHaveLength(3);
  });

  it('refuses a tar cut off at any byte', async () => {
    const tar = tarWith([
      [tarHeader('a', 3), body(3)],
      [tarHeader('b/c', 600), body(600)],
    ]);
    await withFile(tar, async (file) => {
      for (let size = tar.length - 1; size >= 0; size--) {
        await file.truncate(size);
        await expect(readTarIndex(file, { size, maxEntries: 9 })).rejects.toMatchObject({ code: 'TAR_TRUNCATED' });
      }
    });
  });

  it('refuses a tar in which any one byte of headers, padding or end differs', async () => {
    const tar = tarWith([[tarHeader('a', 3), body(3)]]);
    await withFile(tar, async (file) => {
      for (let at = 0; at < tar.length; at++) {
        if (at >= 512 && at < 515) continue; // the body, which its digest guards
        const byte = tar[at] ?? 0;
        await file.write(Buffer.of(byte ^ 1), 0, 1, at);
        const reading = readTarIndex(file, { size: tar.length, maxEntries: 9 });
        await expect(reading).rejects.toMatchObject({ name: 'LayoutError' });
        await file.write(Buffer.of(byte), 0, 1, at);
      }
    });
  });

  const vectors = existsSync(VECTORS) ? readdirSync(VECTORS, { recursive: true, encoding: 'utf8' }) : [];
  it.each(vectors.filter((name) => name.endsWith('.tar')))('refuses %s', async (name) => {
    const file = await open(join(VECTORS, name));
    try {
      const { size } = await file.stat();
      await expect(readTarIndex(file, { size, maxEntries: 100 })).rejects.toMatchObject({ name: 'LayoutError' });
    } finally {
      await file.close();
    }
  });

  it('refuses a tar of another writer that has plain files alone', async () => {
    await expect(read(tarOf([{ name: 'a', bytes: Buffer.from('x') }]))).rejects.toMatchObject({ code: 'TAR_INVALID' });
  });

  it('refuses random bytes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 2000 }), async (bytes) => {
        await expect(read(Buffer.from(bytes))).rejects.toMatchObject({ name: 'LayoutError' });
      }),
      { numRuns: 50 },
    );
  });
});

function read(tar: Buffer, maxEntries = 1000): Promise<TarEntry[]> {
  return withFile(tar, (file) => readTarIndex(file, { size: tar.length, maxEntries }));
}

async function withFile<T>(bytes: Buffer, use: (file: FileHandle) => Promise<T>): Promise<T> {
  const path = join(folder.path, 'read.tar');
  writeFileSync(path, bytes);
  const file = await open(path, 'r+');
  try {
    return await use(file);
  } finally {
    await file.close();
  }
}

function tarWith(entries: readonly (readonly [Buffer, Buffer])[]): Buffer {
  return Buffer.concat([
    ...entries.flatMap(([header, bytes]) => [header, bytes, Buffer.alloc(padding(bytes.length))]),
    Buffer.alloc(1024),
  ]);
}

function body(size: number): Buffer {
  return Buffer.alloc(size, 'x');
}

/** A header after a change, with the checksum that belongs to it. */
function summed(header: Buffer, change: (header: Buffer) => void): Buffer {
  change(header);
  header.write('        ', 148);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return header;
}

/** The same sum in another form, which other readers take. */
function spacedChecksum(header: Buffer): Buffer {
  header.write(` ${header.toString('latin1', 149, 154)}\0 `, 148);
  return header;
}

function typed(type: string): Buffer {
  return summed(tarHeader('a', 3), (header) => header.write(type, 156, 'latin1'));
}

function base256(header: Buffer, size: number | bigint): void {
  header.fill(0, 124, 136);
  header[124] = 0x80;
  header.writeBigUInt64BE(BigInt(size), 128);
}
