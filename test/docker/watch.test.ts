// Small writes joined, and a hang told from a slow medium.
import { describe, expect, it } from 'vitest';
import { gathered, startWatch } from '../../src/docker/watch.ts';

async function* sized(...sizes: number[]) {
  for (const [i, size] of sizes.entries()) yield Buffer.alloc(size, i + 1);
}

describe('gathered', () => {
  it('passes on the same bytes in the same order', async () => {
    const sizes = [512, 20_000, 512, 512, 100_000, 0, 700, 512];
    const [given, got] = [await Array.fromAsync(sized(...sizes)), await Array.fromAsync(gathered(sized(...sizes)))];
    expect(Buffer.concat(got).equals(Buffer.concat(given))).toBe(true);
  });

  it('joins the small pieces at the end into one', async () => {
    const chunks = await Array.fromAsync(gathered(sized(100_000, 512, 300, 212, 1024)));
    expect(chunks.map((chunk) => chunk.length)).toEqual([100_000, 2048]);
  });
});

describe('startWatch', () => {
  const patience = { sendingMs: 40, unpackingMs: 40 };
  const aborted = (signal: AbortSignal) =>
    new Promise((resolve) => signal.addEventListener('abort', () => resolve(signal.reason)));

  it('gives up on an engine that takes no more', async () => {
    const watch = startWatch('a:1', { patience });
    await watch.metered(sized(100_000)).next();
    expect(await aborted(watch.signal)).toMatchObject({
      code: 'ENGINE_STALLED',
      hint: expect.stringContaining('moby#51623'),
    });
    watch.stop();
  });

  it('gives up on an engine that has everything and never answers', async () => {
    const watch = startWatch('a:1', { patience: { ...patience, sendingMs: 60_000 } });
    for await (const _ of watch.metered(sized(1)));
    expect(watch.sentAll()).toBe(true);
    expect(await aborted(watch.signal)).toMatchObject({ code: 'ENGINE_STALLED' });
    watch.stop();
  });

  it('has all the time of the world for a slow medium', async () => {
    const watch = startWatch('a:1', { patience });
    const chunks = [Buffer.alloc(100_000)].values();
    const never = new Promise<IteratorResult<Uint8Array>>(() => {});
    const next = async () => {
      const chunk = chunks.next();
      return chunk.done ? await never : chunk;
    };
    const sending = watch.metered({ [Symbol.asyncIterator]: () => ({ next }) });
    await sending.next();
    void sending.next(); // the engine has taken the first chunk and waits for the second
    // another watch, with the same patience and something to be impatient about, serves as the clock
    const clock = startWatch('b:1', { patience });
    await clock.metered(sized(100_000)).next();
    await aborted(clock.signal);
    expect(watch.signal.aborted).toBe(false);
    watch.stop();
    clock.stop();
  });
});
