// Progress off a terminal. The spinner itself is ora's; that it turns on a terminal is seen by process.test.ts.
import { describe, expect, it } from 'vitest';
import type { Io } from '../../src/cli/index.ts';
import { jsonProgress, plainProgress } from '../../src/cli/progress.ts';

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
