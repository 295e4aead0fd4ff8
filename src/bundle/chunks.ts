/**
 * The chunk list of FORMAT §5: the SHA-256 of a tar and of each 4 MiB of it. A hint, unsigned: it names which bytes of
 * a damaged file are bad, and never makes a good one of it.
 */
import { ContentError, canonicalJSON, findFileBounded, parseJSON } from '../content/index.ts';
import { FORMAT, MIN_FERRY } from '../manifest/index.ts';

/** Bytes of a chunk; the last may be shorter. */
export const CHUNK_SIZE = 4 * 1024 * 1024;

/** What is known of a tar after it was written; lower-case hex. */
export interface ChunkHashes {
  readonly sha256: string;
  readonly chunks: readonly string[];
}

/** What a chunk list says. */
export interface ChunkList extends ChunkHashes {
  /** The tar's file name. */
  readonly name: string;
  readonly size: number;
}

/** The bytes of `<stem>.ferry.chunks.json` for the tar of this name and size. */
export function chunkList(name: string, size: number, { sha256, chunks }: ChunkHashes): Buffer {
  return canonicalJSON({ format: FORMAT, minFerry: MIN_FERRY, name, size, sha256, chunkSize: CHUNK_SIZE, chunks });
}

/** Where the chunk list of a tar stands; `undefined` when the tar has another kind of name. */
export function chunkListPath(path: string): string | undefined {
  return path.endsWith('.ferry.tar') ? `${path.slice(0, -'.tar'.length)}.chunks.json` : undefined;
}

const HEX = /^[0-9a-f]{64}$/;
/** 70 characters a chunk: enough for 2 TiB. */
const MAX_BYTES = 40 * 1024 * 1024;

/**
 * The chunk list beside a tar; `undefined` when there is none of a file of this size, or what is there is none: it is
 * only a hint.
 */
export async function findChunkList(path: string, size: number): Promise<ChunkList | undefined> {
  const beside = chunkListPath(path);
  if (beside === undefined) return undefined;
  try {
    const bytes = await findFileBounded(beside, { max: MAX_BYTES });
    return bytes === undefined ? undefined : asChunkList(parseJSON(bytes, 'chunk list'), size);
  } catch (error) {
    if (error instanceof ContentError) return undefined; // no JSON, or too large
    throw error;
  }
}

function asChunkList(value: unknown, size: number): ChunkList | undefined {
  const list = value as Partial<ChunkList & { format: unknown; chunkSize: unknown }> | null;
  const good =
    list?.format === FORMAT &&
    list.size === size &&
    list.chunkSize === CHUNK_SIZE &&
    Array.isArray(list.chunks) &&
    list.chunks.length === Math.ceil(size / CHUNK_SIZE) &&
    [list.sha256, ...list.chunks].every((hex) => typeof hex === 'string' && HEX.test(hex));
  return good ? (list as ChunkList) : undefined;
}
