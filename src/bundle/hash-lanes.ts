/**
 * Hashes many ranges of one file with all cores. The calling thread is one lane, worker threads are the others; each
 * takes the next range when it is done with one, so a range is read by one lane, once. Threads are started only where
 * there is enough to do: one costs some 30 ms and 20 MiB.
 */
import type { FileHandle } from 'node:fs/promises';
import { Worker } from 'node:worker_threads';
import { type Digest, digestFromHex } from '../oci/index.ts';
import { hashRange, type Range } from './range.ts';

/** A further thread is started for each so many bytes. */
const BYTES_PER_THREAD = 48 * 1024 * 1024;
const READ_SIZE = 4 * 1024 * 1024;

/** The digest of a range, or why it could not be read. */
export type RangeResult = { readonly digest: Digest } | { readonly unreadable: string };

export interface HashLanesOptions {
  /** Lanes at most. */
  readonly threads: number;
  readonly advance: (bytes: number) => void;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Hashes every range; results are in the order of `ranges`. No lane reads any more when it returns or throws: the file
 * may be closed then.
 * @throws the signal's reason. What can't be read is a result, not an error.
 */
export async function hashRanges(
  file: FileHandle,
  ranges: readonly Range[],
  { threads, advance, signal }: HashLanesOptions,
): Promise<RangeResult[]> {
  signal?.throwIfAborted();
  const results: RangeResult[] = [];
  // the largest first, so that no lane is left with a long one at the end
  const order = ranges.map((_, at) => at).sort((a, b) => (ranges[b]?.length ?? 0) - (ranges[a]?.length ?? 0));
  const taken = new Int32Array(new SharedArrayBuffer(4));
  const bytes = ranges.reduce((sum, { length }) => sum + length, 0);
  const helpers = Math.min(threads, ranges.length, 1 + Math.floor(bytes / BYTES_PER_THREAD)) - 1;
  const job = { fd: file.fd, ranges: order.map((at) => ranges[at] as Range), taken, readSize: READ_SIZE };
  const told = ({ at, ...result }: Answer) => {
    results[order[at] as number] = 'hex' in result ? { digest: digestFromHex(result.hex) } : result;
  };
  const lanes = Array.from({ length: helpers }, () => startLane(job, { told, advance, signal }));
  const ended = await Promise.allSettled([ownLane(file, job, { told, advance, signal }), ...lanes]);
  signal?.throwIfAborted();
  for (const lane of ended) if (lane.status === 'rejected') throw lane.reason;
  return results;
}

interface Job {
  readonly fd: number;
  readonly ranges: readonly Range[];
  /** How many ranges have been taken by a lane. */
  readonly taken: Int32Array;
  readonly readSize: number;
}

type Answer = { readonly at: number } & ({ readonly hex: string } | { readonly unreadable: string });

interface LaneOptions extends Pick<HashLanesOptions, 'advance' | 'signal'> {
  readonly told: (answer: Answer) => void;
}

async function ownLane(
  file: FileHandle,
  { ranges, taken }: Job,
  { told, advance, signal }: LaneOptions,
): Promise<void> {
  for (let at = Atomics.add(taken, 0, 1); at < ranges.length; at = Atomics.add(taken, 0, 1)) {
    try {
      const digest = await hashRange(file, ranges[at] as Range, { advance, ...(signal && { signal }) });
      told({ at, hex: digest.slice('sha256:'.length) });
    } catch (error) {
      signal?.throwIfAborted();
      told({ at, unreadable: (error as Error).message });
    }
  }
}

function startLane(job: Job, { told, advance, signal }: LaneOptions): Promise<void> {
  // The function's text, not a file: the same in a checkout and inside the single executable, and quicker to start.
  const worker = new Worker(`(${hashTaken})()`, { eval: true, execArgv: [], workerData: job });
  const stop = () => void worker.terminate();
  signal?.addEventListener('abort', stop);
  return new Promise<void>((resolve, reject) => {
    worker.on('message', (message: Answer | number) =>
      typeof message === 'number' ? advance(message) : told(message),
    );
    worker.once('error', reject);
    worker.once('exit', (status) =>
      status === 0 ? resolve() : reject(signal?.reason ?? new Error('hash: thread ended')),
    );
  }).finally(() => signal?.removeEventListener('abort', stop));
}

/** Runs in a thread. It is sent as text, so it may name nothing outside of itself but types. */
function hashTaken(): void {
  const { parentPort, workerData } = process.getBuiltinModule('node:worker_threads');
  const { createHash } = process.getBuiltinModule('node:crypto');
  const { readSync } = process.getBuiltinModule('node:fs');
  const { fd, ranges, taken, readSize } = workerData as Job;
  const buffer = Buffer.allocUnsafeSlow(readSize);
  const hashOne = ({ offset, length }: Range): string => {
    const hash = createHash('sha256');
    for (let done = 0; done < length; ) {
      const bytesRead = readSync(fd, buffer, 0, Math.min(readSize, length - done), offset + done);
      if (bytesRead === 0)
        throw new Error(`read: expected more bytes, got the end of the file at offset ${offset + done}`);
      hash.update(buffer.subarray(0, bytesRead));
      done += bytesRead;
      parentPort?.postMessage(bytesRead);
    }
    return hash.digest('hex');
  };
  for (let at = Atomics.add(taken, 0, 1); at < ranges.length; at = Atomics.add(taken, 0, 1)) {
    try {
      parentPort?.postMessage({ at, hex: hashOne(ranges[at] as Range) });
    } catch (error) {
      parentPort?.postMessage({ at, unreadable: (error as Error).message });
    }
  }
}
