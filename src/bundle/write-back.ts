/**
 * Brings a file to the disk while it is still being written. Left to the end, fsync would wait for all of it at once
 * while nothing else is left to do; so the system is asked after every few MiB, in the background, one call at a time.
 */
import type { FileHandle } from 'node:fs/promises';

/** So many bytes are worth a call. */
const EVERY = 32 * 1024 * 1024;

export interface WriteBack {
  /** So many more bytes are in the file. */
  readonly written: (bytes: number) => void;
  /** Ends with all of it on the disk. @throws what fsync throws, also what an earlier call met */
  finished(): Promise<void>;
  /** Waits for the call under way, whatever it says: the file may be closed then. */
  settled(): Promise<void>;
}

/** Begins for an open file, which must stay open until `settled`. */
export function startWriteBack(file: FileHandle): WriteBack {
  let pending = 0;
  let underWay: Promise<void> | undefined;
  let failed: { readonly error: unknown } | undefined;
  const start = async () => {
    pending = 0;
    try {
      await file.datasync();
    } catch (error) {
      failed ??= { error };
    }
    underWay = undefined;
  };
  return {
    written(bytes) {
      pending += bytes;
      if (pending >= EVERY) underWay ??= start();
    },
    async finished() {
      await underWay;
      if (failed !== undefined) throw failed.error;
      await file.sync();
    },
    async settled() {
      await underWay;
    },
  };
}
