/** The chunk list beside a bundle (FORMAT §5), also for one that was there without. It is a hint, so it may be replaced. */
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { basename } from 'node:path';
import type { ChunkHashes } from '../bundle/index.ts';
import { CHUNK_SIZE, chunkList, chunkListPath, findChunkList } from '../bundle/index.ts';
import { readAt, writeAtomic } from '../content/index.ts';

/** Writes the chunk list beside a bundle. */
export async function writeChunkList(bundle: string, size: number, hashes: ChunkHashes): Promise<void> {
  await writeAtomic(chunkListPath(bundle) as string, chunkList(basename(bundle), size, hashes));
}

/** Writes the chunk list of a bundle that is there, unless one for its size is beside it. */
export async function ensureChunkList(bundle: string, size: number): Promise<void> {
  if ((await findChunkList(bundle, size)) === undefined) await writeChunkList(bundle, size, await hashFile(bundle));
}

async function hashFile(path: string): Promise<ChunkHashes> {
  const whole = createHash('sha256');
  const chunks: string[] = [];
  const file = await open(path, 'r');
  try {
    for (;;) {
      const bytes = await readAt(file, { offset: chunks.length * CHUNK_SIZE, length: CHUNK_SIZE });
      if (bytes.length === 0) break;
      whole.update(bytes);
      chunks.push(createHash('sha256').update(bytes).digest('hex'));
    }
  } finally {
    await file.close();
  }
  return { sha256: whole.digest('hex'), chunks };
}
