import { execFileSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  asWriteError,
  checkRoom,
  MAX_FAT_FILE,
  mediumOf,
  moveNew,
  writeAtomic,
  writeNew,
} from '../../src/content/index.ts';
import { fat } from '../support/media.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'ferry-write-'));
});
afterEach(() => rm(dir, { recursive: true }));

/** Runs `use` in a file system of 64 KiB of its own. */
async function onSmallDisk(options: string, use: (path: string) => Promise<void>): Promise<void> {
  const path = join(dir, 'mnt');
  await mkdir(path);
  execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', path]);
  try {
    await use(path);
  } finally {
    execFileSync('umount', [path]);
  }
}

describe('writeAtomic', () => {
  it('replaces the whole file, with the mode asked for whatever the umask', async () => {
    const path = join(dir, 'a');
    await writeAtomic(path, 'one');
    await writeAtomic(path, 'two', { mode: 0o600 });
    expect(await readFile(path, 'utf8')).toBe('two');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readdir(dir)).toEqual(['a']);
  });

  it('leaves the old file and nothing else on a full disk', async () => {
    await onSmallDisk('size=64k', async (disk) => {
      await writeAtomic(join(disk, 'a'), 'old');
      await expect(writeAtomic(join(disk, 'a'), Buffer.alloc(100_000))).rejects.toMatchObject({ code: 'NO_SPACE' });
      expect(await readdir(disk)).toEqual(['a']);
      expect(await readFile(join(disk, 'a'), 'utf8')).toBe('old');
    });
  });

  it('says that a medium is read-only', async () => {
    await onSmallDisk('size=64k,ro', async (disk) => {
      await expect(writeAtomic(join(disk, 'a'), 'x')).rejects.toMatchObject({ code: 'READ_ONLY' });
    });
  });
});

describe('asWriteError', () => {
  it.each(['EIO', 'ENODEV', 'ENXIO'])('names the place when a stick fails or is pulled out (%s)', (code) => {
    // as a failing fsync gives it: without a path
    const failed = Object.assign(new Error(`${code}: fsync`), { code, syscall: 'fsync' });
    expect(asWriteError(failed, '/mnt/a.ferry.tar')).toMatchObject({
      code: 'WRITE_FAILED',
      message: `write /mnt/a.ferry.tar: expected a place that takes it, got a failing medium (${code})`,
    });
  });

  it('leaves what is not the medium’s fault as it is', () => {
    const mistake = new TypeError('ours');
    expect(asWriteError(mistake, '/mnt/a')).toBe(mistake);
  });
});

describe('writeNew', () => {
  it('takes a free name, is content with the same bytes, and never overwrites others', async () => {
    const path = join(dir, 'a');
    expect(await writeNew(path, Buffer.from('one'))).toBe('written');
    expect(await writeNew(path, Buffer.from('one'))).toBe('same');
    await expect(writeNew(path, Buffer.from('two'))).rejects.toMatchObject({ code: 'NAME_TAKEN' });
    expect(await readFile(path, 'utf8')).toBe('one');
    expect(await readdir(dir)).toEqual(['a']);
  });
});

describe('moveNew', () => {
  it('moves to a free name only', async () => {
    await writeFile(join(dir, 'a'), 'a');
    await writeFile(join(dir, 'b'), 'b');
    await expect(moveNew(join(dir, 'a'), join(dir, 'b'))).rejects.toMatchObject({ code: 'NAME_TAKEN' });
    await moveNew(join(dir, 'a'), join(dir, 'c'));
    expect(await readdir(dir)).toEqual(['b', 'c']);
  });
});

describe('on FAT, which has neither permissions nor hard links', () => {
  it('files are written, replaced and moved, and nothing is overwritten', async () => {
    const stick = await fat('16M');
    const path = join(stick, 'a');
    await writeAtomic(path, 'one', { mode: 0o600 });
    await writeAtomic(path, 'two');
    expect(await writeNew(path, Buffer.from('two'))).toBe('same');
    expect(await writeNew(join(stick, 'b'), Buffer.from('b'))).toBe('written');
    await expect(writeNew(path, Buffer.from('three'))).rejects.toMatchObject({ code: 'NAME_TAKEN' });
    await expect(moveNew(join(stick, 'b'), path)).rejects.toMatchObject({ code: 'NAME_TAKEN' });
    await moveNew(join(stick, 'b'), join(stick, 'c'));
    expect(await readFile(path, 'utf8')).toBe('two');
    expect((await readdir(stick)).toSorted()).toEqual(['a', 'c']);
  });
});

describe('mediumOf and checkRoom', () => {
  it('give the free bytes that the system gives', async () => {
    await onSmallDisk('size=64k', async (disk) => {
      await chmod(disk, 0o755);
      const { bavail, bsize } = await statfs(disk);
      expect(await mediumOf(disk)).toEqual({ free: bavail * bsize, kind: 'other' });
    });
  });

  it('refuse 4 GiB on FAT and what does not fit, with both numbers', () => {
    const path = '/mnt/a.ferry.tar';
    const fat = { free: 2 ** 40, kind: 'fat' } as const;
    expect(() => checkRoom(fat, { path, size: MAX_FAT_FILE })).not.toThrow();
    expect(() => checkRoom(fat, { path, size: MAX_FAT_FILE + 1 })).toThrow(
      expect.objectContaining({ code: 'FAT_LIMIT' }),
    );
    expect(() => checkRoom({ free: 10, kind: 'other' }, { path, size: 11 })).toThrow(
      'expected 11 bytes of free space, got 10',
    );
    expect(() => checkRoom({ free: 2 ** 40, kind: 'exfat' }, { path, size: 2 ** 33 })).not.toThrow();
  });

  it('know FAT behind FUSE by the mount table', async () => {
    const image = join(dir, 'fat.img');
    const mount = join(dir, 'fat');
    await mkdir(mount);
    await writeFile(image, Buffer.alloc(1024 * 1024));
    execFileSync('mkfs.vfat', [image], { stdio: 'ignore' });
    execFileSync('fusefat', ['-o', 'rw+', image, mount], { stdio: 'ignore' });
    try {
      expect((await mediumOf(mount)).kind).toBe('fat');
    } finally {
      execFileSync('umount', [mount]);
    }
  });
});
