import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openWithPassphrase, SealError, sealWithPassphrase } from '../../src/seal/index.ts';
import { atTerminal } from '../support/terminal.ts';

const secret = Buffer.from('-----BEGIN PRIVATE KEY-----');
const light = { workFactor: 10 };

describe('sealWithPassphrase', () => {
  it('opens again with the same words, also with others than ASCII', async () => {
    for (const passphrase of ['correct horse', 'Schlüssel für die Fähre', ' ']) {
      const sealed = await sealWithPassphrase(secret, passphrase, light);
      expect(Buffer.from(sealed).includes(secret)).toBe(false);
      expect(Buffer.from(await openWithPassphrase(sealed, passphrase))).toEqual(secret);
    }
  });

  it('takes 2^18 rounds of scrypt where nothing else is said, in the format of age', async () => {
    const sealed = await sealWithPassphrase(secret, 'correct horse');
    expect(Buffer.from(sealed).toString('latin1')).toMatch(/^age-encryption\.org\/v1\n-> scrypt \S+ 18\n/);
  });

  it('never gives the same bytes twice', async () => {
    const [one, other] = [await sealWithPassphrase(secret, 'a', light), await sealWithPassphrase(secret, 'a', light)];
    expect(one).not.toEqual(other);
  });

  it('refuses an empty passphrase', async () => {
    await expect(sealWithPassphrase(secret, '')).rejects.toThrow(RangeError);
  });

  it('is opened by age itself', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'ferry-seal-'));
    try {
      const [sealed, plain] = [join(folder, 'key.age'), join(folder, 'key')];
      await writeFile(sealed, await sealWithPassphrase(secret, 'correct horse', light));
      await atTerminal(`age -d -o ${plain} ${sealed}`, [['passphrase', 'correct horse\r']]);
      expect(await readFile(plain)).toEqual(secret);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe('openWithPassphrase', () => {
  it('says WRONG_PASSPHRASE, and never the words', async () => {
    const sealed = await sealWithPassphrase(secret, 'correct horse', light);
    const opening = openWithPassphrase(sealed, 'battery staple');
    await expect(opening).rejects.toThrow(SealError);
    await expect(opening).rejects.toMatchObject({
      code: 'WRONG_PASSPHRASE',
      message: expect.not.stringContaining('staple'),
    });
  });

  it('says SEAL_INVALID for what was changed, cut off, or is no such file', async () => {
    const sealed = Buffer.from(await sealWithPassphrase(secret, 'a', light));
    const changed = Buffer.from(sealed);
    changed[changed.length - 1] = (changed.at(-1) as number) ^ 1;
    const factor = Buffer.from(sealed.toString('latin1').replace(/ 10\n/, ' 63\n'), 'latin1');
    for (const bytes of [changed, sealed.subarray(0, -1), sealed.subarray(0, 40), secret, Buffer.alloc(0), factor]) {
      await expect(openWithPassphrase(bytes, 'a')).rejects.toMatchObject({ code: 'SEAL_INVALID' });
    }
  });
});
