// Progress off a terminal. The spinner itself is ora's; that it turns on a terminal is seen by process.test.ts.
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Io } from '../../src/cli/index.ts';
import { jsonProgress, plainProgress, spinnerProgress } from '../../src/cli/progress.ts';

// A clock that stands: what is said depends on bytes and seconds alone.
beforeEach(() => void vi.useFakeTimers({ toFake: ['performance', 'setInterval', 'clearInterval'] }));
afterEach(() => void vi.useRealTimers());

function listen() {
  const out: string[] = [];
  const err: string[] = [];
  const io: Io = {
    out: (text) => void out.push(text),
    err: (text) => void err.push(text),
    env: {},
    cwd: '/',
    now: new Date(0),
    signal: new AbortController().signal,
  };
  return { io, out, err };
}

describe('plainProgress', () => {
  it('says each phase once, with its length, however often it advances', () => {
    const { io, out, err } = listen();
    const progress = plainProgress(io);
    progress.phase('resolve');
    progress.phase('download', 3_400_000_000);
    for (let count = 0; count < 10_000; count += 1) progress.advance(1000);
    progress.note('retry in 2 s');
    expect({ out, err }).toEqual({
      out: [],
      err: ['ferry: resolve', 'ferry: download, 3.4 GB', 'ferry: retry in 2 s'],
    });
  });
});

describe('a phase that lasts', () => {
  /** The lines of a log in which each step takes so many milliseconds. */
  function log(total: number | undefined, steps: readonly (readonly [ms: number, bytes: number])[]): string[] {
    const { io, err } = listen();
    const progress = plainProgress(io);
    progress.phase('download', total);
    for (const [ms, bytes] of steps) {
      vi.advanceTimersByTime(ms);
      progress.advance(bytes);
    }
    return err;
  }

  it('tells bytes, share, rate and time left, once in half a minute', () => {
    expect(
      log(3_400_000_000, [
        [10_000, 500_000_000],
        [10_000, 500_000_000],
        [10_000, 200_000_000],
      ]),
    ).toEqual(['ferry: download, 3.4 GB', 'ferry: download  1.2 GB of 3.4 GB  35 %  40 MB/s  55 s left']);
  });

  it('tells what it can when nobody knows how long it is', () => {
    expect(log(undefined, [[40_000, 80_000_000]]).at(-1)).toBe('ferry: download  80 MB  2 MB/s');
  });

  it('never says more than all, nor that time is left when all is there', () => {
    expect(log(100, [[40_000, 100]]).at(-1)).toBe('ferry: download  100 B of 100 B  100 %  3 B/s');
    expect(log(100, [[40_000, 150]]).at(-1)).toMatch(/ 100 % /);
  });
});

describe('spinnerProgress', () => {
  it('draws the phase, then bytes, rate and time left, and takes itself off the screen', async () => {
    const terminal = Object.assign(new PassThrough(), {
      isTTY: true,
      columns: 80,
      cursorTo: () => true,
      clearLine: () => true,
      moveCursor: () => true,
    });
    const drawn: string[] = [];
    terminal.on('data', (chunk: Buffer) => drawn.push(chunk.toString()));
    const { io } = listen();
    const progress = await spinnerProgress(io, terminal as unknown as NodeJS.WriteStream);
    progress.phase('download', 4_000_000);
    vi.advanceTimersByTime(50);
    progress.advance(1);
    vi.advanceTimersByTime(1950);
    progress.advance(999_999);
    vi.advanceTimersToNextTimer();
    progress.phase('prove');
    vi.advanceTimersToNextTimer();
    progress.stop();
    progress.stop();
    const text = drawn.join('');
    expect(text).toContain(' download  0 B of 4 MB  0 %');
    expect(text).toContain(' download  1 MB of 4 MB  25 %  500 kB/s  6.0 s left');
    expect(text).toContain(' prove');
    expect(text).not.toContain(' 1 B of');
  });
});

describe('jsonProgress', () => {
  it('puts phases on stdout as events, and prose on stderr', () => {
    const { io, out, err } = listen();
    const progress = jsonProgress(io);
    progress.phase('resolve');
    progress.phase('download', 12);
    progress.advance(12);
    progress.note('retry in 2 s');
    expect(out.map((line) => JSON.parse(line))).toEqual([
      { event: 'phase', phase: 'resolve' },
      { event: 'phase', phase: 'download', total: 12 },
    ]);
    expect(err).toEqual(['ferry: retry in 2 s']);
  });
});
