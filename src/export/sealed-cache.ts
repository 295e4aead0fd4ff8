/**
 * What was sealed, in the workspace's `cache/sealed`: age gives other bytes each time, so they are used again as long as
 * recipient and plaintext are the same, and two exports make the same overlays (DESIGN 7). A file's name holds the hash
 * of those two and the digest of what is in it: the office can't open it, but sees when it is no longer whole.
 */
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { asWriteError, findFileBounded } from '../content/index.ts';
import type { Digest } from '../oci/index.ts';
import { digestHex, digestOf } from '../oci/index.ts';
import { sealFor } from '../seal/index.ts';

/** A sealed file. */
export interface Sealed {
  readonly bytes: Uint8Array;
  /** Of the ciphertext. */
  readonly digest: Digest;
}

/** Seals, and remembers. */
export interface SealedCache {
  /** Bytes sealed for a recipient, `age1…`: as they were sealed before, if they were. */
  seal(bytes: Uint8Array, recipient: string): Promise<Sealed>;
}

const MAX_SEALED_BYTES = 64 * 1024 ** 2;

/** The cache in `folder`, which only its owner may read. */
export async function openSealedCache(folder: string): Promise<SealedCache> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const names = (await readdir(folder)).toSorted();
  return {
    async seal(bytes, recipient) {
      const key = createHash('sha256').update(`${recipient}\n`).update(bytes).digest('hex');
      const name = names.find((each) => each.startsWith(`${key}-`) && each.endsWith('.age'));
      const kept = name && (await findWhole(join(folder, name), name));
      if (kept) return kept;
      const sealed = await sealFor(bytes, recipient);
      const digest = digestOf(sealed);
      await write(join(folder, `${key}-${digestHex(digest)}.age`), sealed);
      return { bytes: sealed, digest };
    },
  };
}

async function findWhole(path: string, name: string): Promise<Sealed | undefined> {
  const bytes = await findFileBounded(path, { max: MAX_SEALED_BYTES });
  if (bytes === undefined) return undefined;
  const digest = digestOf(bytes);
  if (name.endsWith(`-${digestHex(digest)}.age`)) return { bytes, digest };
  await rm(path); // it would stand in the way of the one that is sealed now
  return undefined;
}

/** Without fsync: what is not whole is only sealed again. */
async function write(path: string, bytes: Uint8Array): Promise<void> {
  const draft = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    await writeFile(draft, bytes, { mode: 0o600 });
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw asWriteError(error, path);
  }
}
