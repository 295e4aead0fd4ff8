/**
 * Brings a file to the disk while it is still being written. Left to the end, fsync would wait for all of it at once
 * while nothing else is left to do; so the system is asked after every few MiB, in the background, one call at a time.
 */
import type { FileHandle } from 'node:fs/promises';

const EVERY = 32 * 1024 * 1024;

export interface WriteBack {
  /** So many more bytes are in the file. @throws what an earlier call met: there is no use in going on */
  readonly written: (bytes: number) => void;
  /** Ends with all of it on the disk. @throws what fsync throws, also what an earlier call met */
  finished(): Promise<void>;
  /** Waits for the call under way, whatever it says: the file may be closed then. */
  settled(): Promise<void>;
}

export interface WriteBackOptions {
  /** Bytes that are worth a call. @default 32 MiB */
  readonly every?: number;
}

/** Begins for an open file, which must stay open until `settled`. */
export function startWriteBack(
  file: Pick<FileHandle, 'datasync' | 'sync'>,
  { every = EVERY }: WriteBackOptions = {},
): WriteBack {
  let pending = 0;
  let underWay: Promise<void> | undefined;
  let failed: { readonly error: unknown } | undefined;
  const start = async (call: () => Promise<void>) => {
    pending = 0;
    try {
      await call();
    } catch (error) {
      failed ??= { error }; // Linux tells of a lost page once: a later call may succeed all the same
    }
    underWay = undefined;
  };
  const throwFailed = () => {
    if (failed !== undefined) throw failed.error;
  };
  return {
    written(bytes) {
      throwFailed();
      pending += bytes;
      if (pending >= every) underWay ??= start(() => file.datasync());
    },
    async finished() {
      await underWay;
      throwFailed();
      underWay = start(() => file.sync());
      await underWay;
      throwFailed();
    },
    async settled() {
      await underWay;
    },
  };
}
