/**
 * Hashes a tar while it is being written. A thread of its own follows the write frontier, below which every byte is
 * in its place, and reads what was just written back from the page cache: the hashes cost another core and almost no
 * time. The first bytes of the file are written last, so they are handed over instead of read.
 */
import { Worker } from 'node:worker_threads';
import { CHUNK_SIZE, type ChunkHashes } from './chunks.ts';

/** A hash under way. */
export interface ChunkHashing {
  /** Every byte below `offset` now is in the file (or in the head). Never goes back. */
  advance(offset: number): void;
  /** The hashes, once all bytes of the file were below the frontier. */
  finished(): Promise<ChunkHashes>;
  /** Ends the thread, whatever it is doing. Must be called in the end. */
  close(): Promise<void>;
}

interface Job {
  readonly fd: number;
  readonly size: number;
  /** Stands for the first bytes of the file. */
  readonly head: Uint8Array;
  readonly chunkSize: number;
  /** One BigInt64: the frontier. */
  readonly frontier: SharedArrayBuffer;
}

/** Starts to hash the file under `fd`, which must stay open until `close`. */
export function hashChunks(job: Pick<Job, 'fd' | 'size' | 'head'>): ChunkHashing {
  const frontier = new SharedArrayBuffer(8);
  const shared = new BigInt64Array(frontier);
  // The function's text, not a file: the same in a checkout and inside the single executable, and quicker to start.
  const worker = new Worker(`(${followFrontier})()`, {
    eval: true,
    execArgv: [],
    workerData: { ...job, chunkSize: CHUNK_SIZE, frontier } satisfies Job,
  });
  const finished = new Promise<ChunkHashes>((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', () => reject(new Error('hash chunks: expected an answer, got the end of the thread')));
  });
  finished.catch(() => {}); // whoever asks for it gets it; nobody may ask after a failure elsewhere
  return {
    advance(offset) {
      Atomics.store(shared, 0, BigInt(offset));
      Atomics.notify(shared, 0);
    },
    finished: () => finished,
    async close() {
      await worker.terminate();
    },
  };
}

/** Runs in the thread. It is sent as text, so it may name nothing outside of itself but types. */
function followFrontier(): void {
  const { parentPort, workerData } = process.getBuiltinModule('node:worker_threads');
  const { createHash } = process.getBuiltinModule('node:crypto');
  const { readSync } = process.getBuiltinModule('node:fs');
  const { fd, size, head, chunkSize, frontier } = workerData as Job;
  const shared = new BigInt64Array(frontier);
  const buffer = Buffer.allocUnsafeSlow(1024 * 1024); // stays in the core's cache between both hashes
  const whole = createHash('sha256');
  const chunks: string[] = [];
  let chunk = createHash('sha256');
  let at = 0;

  const waitFor = (offset: number) => {
    for (let known = Atomics.load(shared, 0); known < offset; known = Atomics.load(shared, 0)) {
      Atomics.wait(shared, 0, known);
    }
  };
  const read = (length: number): Uint8Array => {
    if (at < head.length) return head.subarray(at, at + length);
    const bytesRead = readSync(fd, buffer, 0, length, at);
    if (bytesRead === 0) throw new Error(`hash chunks: expected ${size} bytes, got ${at}`);
    return buffer.subarray(0, bytesRead);
  };

  while (at < size) {
    const end = Math.min(at + buffer.length, size, (chunks.length + 1) * chunkSize);
    waitFor(end);
    const bytes = read(end - at);
    whole.update(bytes);
    chunk.update(bytes);
    at += bytes.length;
    if (at % chunkSize !== 0 && at !== size) continue;
    chunks.push(chunk.digest('hex'));
    chunk = createHash('sha256');
  }
  parentPort?.postMessage({ sha256: whole.digest('hex'), chunks } satisfies ChunkHashes);
}
