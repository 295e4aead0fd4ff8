/** The SHA-256 of a file and of each 4 MiB of it, in one pass; and the list of them that `sha256sum -c` takes. */
import { createHash } from 'node:crypto';
import { CHUNK_SIZE, type ChunkHashes } from '../bundle/index.ts';

/** Takes the bytes of a file from front to back. */
export interface Summing {
  update(bytes: Uint8Array): void;
  /** Must be called once, after the last byte. */
  finish(): ChunkHashes;
}

/** A sum under way. */
export function startSum(): Summing {
  const whole = createHash('sha256');
  const chunks: string[] = [];
  let chunk = createHash('sha256');
  let filled = 0;
  const close = () => {
    chunks.push(chunk.digest('hex'));
    chunk = createHash('sha256');
    filled = 0;
  };
  return {
    update(bytes) {
      whole.update(bytes);
      for (let at = 0; at < bytes.length; ) {
        const piece = bytes.subarray(at, at + CHUNK_SIZE - filled);
        chunk.update(piece);
        at += piece.length;
        filled += piece.length;
        if (filled === CHUNK_SIZE) close();
      }
    },
    finish() {
      if (filled > 0) close();
      return { sha256: whole.digest('hex'), chunks };
    },
  };
}

/** A file by its name and SHA-256, 64 lower-case hex digits. */
export interface SummedFile {
  readonly name: string;
  readonly sha256: string;
}

/** The name under which {@link sumsText} lies on a medium. */
export const SUMS_NAME = 'SHA256SUMS';

/** The lines of `SHA256SUMS`, sorted by name. No name of a kit has a character that sha256sum would write otherwise. */
export function sumsText(files: readonly SummedFile[]): string {
  const sorted = files.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  return sorted.map(({ name, sha256 }) => `${sha256}  ${name}\n`).join('');
}
