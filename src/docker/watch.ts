/**
 * Watches over one load. A load has no time limit, but an engine that takes nothing and says nothing for long has hung
 * (moby#51623: after an interrupted load of the same layer, until it is restarted). Time that is spent waiting for the
 * medium does not count.
 */
import { DockerError } from './error.ts';

/** How long an engine may be silent. */
export interface Patience {
  /** While it has not taken everything yet. @default 180_000 */
  readonly sendingMs: number;
  /** While it unpacks; a containerd store says nothing meanwhile, and slow disks are slow. @default 3_600_000 */
  readonly unpackingMs: number;
}

/** And how long it may be away. */
export interface EnginePatience extends Patience {
  /** An engine that went away in the middle is waited for so long. @default 60_000 */
  readonly returnMs: number;
  /** A load that was cut off is waited for so long where it can be seen that the engine goes on with it. @default 60_000 */
  readonly busyMs: number;
  /** And where that cannot be seen. @default 3_000 */
  readonly lateMs: number;
}

export const PATIENCE: EnginePatience = {
  sendingMs: 180_000,
  unpackingMs: 3_600_000,
  returnMs: 60_000,
  busyMs: 60_000,
  lateMs: 3_000,
};

/** The watch: a signal that aborts when the caller's does, or when patience is at its end. */
export interface Watch {
  readonly signal: AbortSignal;
  /** Something came from the engine. */
  heard(): void;
  /** Passes chunks to the engine; while a chunk waits to be taken, the clock runs. */
  metered(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array>;
  /** Whether the last chunk has been handed over. */
  sentAll(): boolean;
  stop(): void;
}

/** Starts the watch. Its signal's reason is the caller's, or a {@link DockerError} `ENGINE_STALLED`. */
export function startWatch(image: string, options: { signal?: AbortSignal | undefined; patience: Patience }): Watch {
  const { signal, patience } = options;
  const stalled = new AbortController();
  let state: 'medium' | 'sending' | 'unpacking' = 'medium';
  let since = performance.now();
  const enter = (next: typeof state) => {
    state = next;
    since = performance.now();
  };
  const look = () => {
    const limitMs = { medium: Infinity, sending: patience.sendingMs, unpacking: patience.unpackingMs }[state];
    if (performance.now() - since > limitMs) stalled.abort(engineStalled(image, state, limitMs));
  };
  const timer = setInterval(look, Math.min(1000, patience.sendingMs / 4, patience.unpackingMs / 4));
  timer.unref();
  return {
    signal: signal === undefined ? stalled.signal : AbortSignal.any([signal, stalled.signal]),
    heard: () => enter(state),
    sentAll: () => state === 'unpacking',
    stop: () => clearInterval(timer),
    async *metered(chunks) {
      for await (const chunk of gathered(chunks)) {
        enter('sending');
        yield chunk;
        enter('medium');
      }
      enter('unpacking');
    },
  };
}

const SMALL = 16 * 1024;
const GATHER = 64 * 1024;

/**
 * Joins small chunks, so that headers do not cost a write each, and what the engine acts on, which is small and comes
 * last, goes out in one.
 */
export async function* gathered(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let held: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    if (chunk.length >= SMALL) {
      if (size > 0) yield Buffer.concat(held);
      [held, size] = [[], 0];
      yield chunk;
      continue;
    }
    held.push(chunk);
    size += chunk.length;
    if (size < GATHER) continue;
    yield Buffer.concat(held);
    [held, size] = [[], 0];
  }
  if (size > 0) yield Buffer.concat(held);
}

function engineStalled(image: string, state: string, limitMs: number): DockerError {
  const seconds = Math.round(limitMs / 1000);
  const doing = state === 'sending' ? 'take more' : 'finish';
  return new DockerError(`load image ${image}: expected the engine to ${doing}, got silence for ${seconds} s`, {
    code: 'ENGINE_STALLED',
    hint: 'an interrupted load can lock a layer in the engine (moby#51623): restart the engine, then import again',
    facts: { image },
  });
}
