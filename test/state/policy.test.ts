// Whose site.yaml counts: it names commands that run as root.
import { chmod, chown, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findState, openState } from '../../src/state/index.ts';

let dir: string;
let path: string;

beforeEach(async () => {
  dir = join(await mkdtemp(join(tmpdir(), 'ferry-policy-')), 'state');
  await openState(dir);
  path = join(dir, 'site.yaml');
});

afterEach(() => rm(join(dir, '..'), { recursive: true, force: true }));

const find = async () => (await findState(dir))?.findPolicyText();

describe('findPolicyText', () => {
  it('finds none on a site without one', async () => {
    expect(await find()).toBeUndefined();
  });

  it('gives the text of a file of ours', async () => {
    await writeFile(path, 'folders: []\n', { mode: 0o644 });
    expect(await find()).toBe('folders: []\n');
  });

  it.each([0o664, 0o646, 0o622])('refuses one that others may write (%i)', async (mode) => {
    await writeFile(path, 'folders: []\n');
    await chmod(path, mode);
    await expect(find()).rejects.toMatchObject({
      code: 'POLICY_UNSAFE',
      message: expect.stringContaining(mode.toString(8)),
    });
  });

  it.runIf(process.getuid?.() === 0)('refuses the file of another user', async () => {
    await writeFile(path, 'folders: []\n');
    await chown(path, 65_534, 0);
    await expect(find()).rejects.toMatchObject({
      code: 'POLICY_UNSAFE',
      message: expect.stringContaining('user 65534'),
    });
  });

  it('refuses a link, wherever it leads', async () => {
    await writeFile(join(dir, '..', 'elsewhere'), 'folders: []\n');
    await symlink('../elsewhere', path);
    await expect(find()).rejects.toMatchObject({
      code: 'POLICY_UNSAFE',
      message: expect.stringContaining('got a link'),
    });
  });

  it('reads no more than 64 KiB', async () => {
    await writeFile(path, '#'.repeat(64 * 1024 + 1));
    await expect(find()).rejects.toMatchObject({ code: 'TOO_LARGE' });
  });
});
