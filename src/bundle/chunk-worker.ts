/**
 * Hashes a tar while it is being written. A thread of its own is told which chunks are complete and reads what was
 * just written back from the page cache, so the hashes cost another core and almost no time. Chunks are hashed in any
 * order; the hash of the whole must go from front to back, and has precedence. The first bytes of the file are
 * written last, so they are handed over instead of read.
 */
import { Worker } from 'node:worker_threads';
import { CHUNK_SIZE, type ChunkHashes } from './chunks.ts';
import { type Cover, trackCoverage } from './coverage.ts';

/** A hash under way. */
export interface ChunkHashing {
  /** So many bytes before this position are in the file. Each byte is told once, those of the head too. */
  readonly written: Cover;
  /** The hashes, once every byte of the file was told. */
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
  /** Shared. How often something was told, then for each chunk whether it is complete. */
  readonly state: Int32Array;
}

/** Starts to hash the file under `fd`, which must stay open until `close`. */
export function hashChunks(job: Pick<Job, 'fd' | 'size' | 'head'>): ChunkHashing {
  const count = Math.ceil(job.size / CHUNK_SIZE);
  const state = new Int32Array(new SharedArrayBuffer(4 * (1 + count)));
  // The function's text, not a file: the same in a checkout and inside the single executable, and quicker to start.
  const worker = new Worker(`(${followWriter})()`, {
    eval: true,
    execArgv: [],
    resourceLimits: { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 64 },
    workerData: { ...job, chunkSize: CHUNK_SIZE, state } satisfies Job,
  });
  const finished = new Promise<ChunkHashes>((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', () => reject(new Error('hash chunks: expected an answer, got the end of the thread')));
  });
  finished.catch(() => {}); // whoever asks for it gets it; nobody may ask after a failure elsewhere
  const completed = (chunk: number) => {
    Atomics.store(state, 1 + chunk, 1);
    Atomics.add(state, 0, 1);
    Atomics.notify(state, 0);
  };
  return {
    written: trackCoverage({ size: job.size, chunkSize: CHUNK_SIZE, completed }),
    finished: () => finished,
    async close() {
      await worker.terminate();
    },
  };
}

/** Runs in the thread. It is sent as text, so it may name nothing outside of itself but types. */
function followWriter(): void {
  const { parentPort, workerData } = process.getBuiltinModule('node:worker_threads');
  const { createHash } = process.getBuiltinModule('node:crypto');
  const { readSync } = process.getBuiltinModule('node:fs');
  const { fd, size, head, chunkSize, state } = workerData as Job;
  const count = Math.ceil(size / chunkSize);
  const buffer = Buffer.allocUnsafeSlow(1024 * 1024); // stays in the core's cache between both hashes
  const whole = createHash('sha256');
  const chunks: (string | undefined)[] = new Array(count).fill(undefined);

  const isComplete = (chunk: number) => Atomics.load(state, 1 + chunk) === 1;
  const read = (at: number, length: number): Uint8Array => {
    if (at < head.length) return head.subarray(at, at + length);
    const bytesRead = readSync(fd, buffer, 0, length, at);
    if (bytesRead === 0) throw new Error(`hash chunks: expected ${size} bytes, got ${at}`);
    return buffer.subarray(0, bytesRead);
  };
  const hash = (chunk: number, { isNext }: { isNext: boolean }) => {
    const own = chunks[chunk] === undefined ? createHash('sha256') : undefined;
    const end = Math.min(size, (chunk + 1) * chunkSize);
    for (let at = chunk * chunkSize; at < end; ) {
      const bytes = read(at, Math.min(buffer.length, end - at));
      if (isNext) whole.update(bytes);
      own?.update(bytes);
      at += bytes.length;
    }
    chunks[chunk] ??= own?.digest('hex');
  };
  const findAhead = (from: number): number => {
    for (let chunk = from; chunk < count; chunk++) if (chunks[chunk] === undefined && isComplete(chunk)) return chunk;
    return -1;
  };

  for (let next = 0; next < count; ) {
    const told = Atomics.load(state, 0);
    if (isComplete(next)) {
      hash(next, { isNext: true });
      next++;
      continue;
    }
    const ahead = findAhead(next + 1);
    if (ahead >= 0) hash(ahead, { isNext: false });
    else Atomics.wait(state, 0, told);
  }
  parentPort?.postMessage({ sha256: whole.digest('hex'), chunks: chunks as string[] } satisfies ChunkHashes);
}
