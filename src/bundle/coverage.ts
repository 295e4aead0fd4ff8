/**
 * Which chunks of a file are written, while its regions are written in parallel and in any order. Pure arithmetic:
 * every byte is told once, and a chunk is complete when as many bytes of it were told as it has.
 */

export interface CoverageOptions {
  /** Bytes of the file. */
  readonly size: number;
  /** Bytes of a chunk; the last may be shorter. */
  readonly chunkSize: number;
  /** Told of each chunk, by number, when the last of its bytes is written. */
  readonly completed: (chunk: number) => void;
}

/** Takes note that the `bytes` before `end` are written. Each byte must be told exactly once. */
export type Cover = (end: number, bytes: number) => void;

export function trackCoverage({ size, chunkSize, completed }: CoverageOptions): Cover {
  const missing = Int32Array.from({ length: Math.ceil(size / chunkSize) }, (_, chunk) =>
    Math.min(chunkSize, size - chunk * chunkSize),
  );
  return (end, bytes) => {
    for (let at = end - bytes; at < end; ) {
      const chunk = Math.floor(at / chunkSize);
      const next = Math.min(end, (chunk + 1) * chunkSize);
      const left = (missing[chunk] ?? 0) - (next - at);
      missing[chunk] = left;
      if (left === 0) completed(chunk);
      at = next;
    }
  };
}
