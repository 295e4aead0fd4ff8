/**
 * Manifests and configs by digest, in the workspace's `cache/blobs`: so that a resumed run, or the next release, asks
 * no registry for them again. What is read is proven, so a write needs no fsync, and a bad file is only fetched again.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { asWriteError, ContentError, findFileBounded, verifyBytes } from '../content/index.ts';
import type { Descriptor } from '../oci/index.ts';
import { digestHex, MAX_DOCUMENT_BYTES } from '../oci/index.ts';

type Named = Pick<Descriptor, 'digest' | 'size'>;

/** Small blobs by digest. */
export interface DocumentCache {
  /** The bytes, proven, or `undefined`. */
  find(descriptor: Named): Promise<Uint8Array | undefined>;
  /** Keeps bytes that have been proven; nothing after {@link close}. */
  keep(descriptor: Named, bytes: Uint8Array): Promise<void>;
  /** Waits for what is being written: of many fetches at once, some go on for a moment after one has failed. */
  close(): Promise<void>;
}

/** The cache in `folder`. */
export async function openDocumentCache(folder: string): Promise<DocumentCache> {
  await mkdir(folder, { recursive: true });
  const pending = new Set<Promise<void>>();
  let isClosed = false;
  return {
    async find(descriptor) {
      if (descriptor.size > MAX_DOCUMENT_BYTES) return undefined;
      const path = join(folder, digestHex(descriptor.digest));
      const bytes = await findFileBounded(path, { max: MAX_DOCUMENT_BYTES });
      return bytes !== undefined && isRight(bytes, descriptor) ? bytes : undefined;
    },
    async keep({ digest }, bytes) {
      if (isClosed) return;
      const writing = write(join(folder, digestHex(digest)), bytes);
      pending.add(writing);
      await writing.finally(() => pending.delete(writing));
    },
    async close() {
      isClosed = true;
      await Promise.allSettled(pending);
    },
  };
}

async function write(path: string, bytes: Uint8Array): Promise<void> {
  const draft = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    await writeFile(draft, bytes);
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw asWriteError(error, path);
  }
}

function isRight(bytes: Uint8Array, descriptor: Named): boolean {
  try {
    verifyBytes(bytes, descriptor);
    return true;
  } catch (error) {
    if (error instanceof ContentError) return false;
    throw error;
  }
}
