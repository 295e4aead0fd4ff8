/** Media for tests: other file systems, mounted for as long as the test runs. */
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** A file system in memory, of a size as mount(8) reads it: `8m`. Another one than the temporary folder's. */
export function tmpfs(size: string): Promise<string> {
  return mounted((folder) => execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', folder]));
}

/** Another one, which has no room of its own to tell of and takes no O_DIRECT. */
export function ramfs(): Promise<string> {
  return mounted((folder) => execFileSync('mount', ['-t', 'ramfs', 'ramfs', folder]));
}

/** A stick with FAT of a size as truncate(1) reads it, in a file with holes; FAT32 from 1 GiB on. */
export async function fat(size: string): Promise<string> {
  const image = join(await mkdtemp(join(tmpdir(), 'ferry-fat-')), 'fat.img');
  onTestFinished(() => rm(join(image, '..'), { recursive: true }));
  execFileSync('truncate', ['-s', size, image]);
  execFileSync('mkfs.vfat', [image], { stdio: 'ignore' });
  return mounted((folder) => execFileSync('fusefat', ['-o', 'rw+', image, folder], { stdio: 'ignore' }));
}

async function mounted(mount: (folder: string) => void): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'ferry-medium-'));
  mount(folder);
  onTestFinished(async () => {
    execFileSync('umount', [folder]);
    await rm(folder, { recursive: true });
  });
  return folder;
}
