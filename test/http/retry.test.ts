// How soon and how often: pure numbers, no waiting.
import { describe, expect, it } from 'vitest';
import { HTTPError, isPassing, isPassingStatus, Retries } from '../../src/http/index.ts';
import { backOffMs } from '../../src/http/retry.ts';
import { findRetryAfterMs } from '../../src/http/retry-after.ts';
import { testTiming } from '../support/timing.ts';

const now = Date.parse('2026-11-23T12:00:00Z');

describe('findRetryAfterMs', () => {
  it('reads seconds and dates of the header', () => {
    expect(findRetryAfterMs({ header: '2' }, now)).toBe(2000);
    expect(findRetryAfterMs({ header: ' 1.5 ' }, now)).toBe(1500);
    expect(findRetryAfterMs({ header: 'Mon, 23 Nov 2026 12:00:30 GMT' }, now)).toBe(30_000);
    expect(findRetryAfterMs({ header: 'Mon, 23 Nov 2026 11:00:00 GMT' }, now)).toBe(0);
  });

  it("reads ghcr.io's hint, a duration as Go prints it", () => {
    expect(findRetryAfterMs({ message: 'retry-after: 1.16676ms, allowed: 44000/minute' }, now)).toBeCloseTo(1.16676);
    expect(findRetryAfterMs({ message: 'retry-after: 1m2.5s, allowed: 2000/minute' }, now)).toBe(62_500);
    expect(findRetryAfterMs({ message: 'Retry-After: 750µs' }, now)).toBeCloseTo(0.75);
    expect(findRetryAfterMs({ message: 'retry-after: 1h' }, now)).toBe(3_600_000);
  });

  it('takes the longer of the two, and nothing from anything else', () => {
    expect(findRetryAfterMs({ header: '2', message: 'retry-after: 5s' }, now)).toBe(5000);
    for (const header of ['', 'soon', '-1', '1e9x'])
      expect(findRetryAfterMs({ header, message: 'slow down' }, now)).toBeUndefined();
  });
});

describe('backOffMs', () => {
  it('doubles, half of it by chance, up to 30 s', () => {
    const at = (used: number, random: number) => backOffMs(used, { askedMs: 0, random });
    expect([0, 1, 2, 3].map((used) => at(used, 0))).toEqual([250, 500, 1000, 2000]);
    expect([0, 1, 2, 3].map((used) => at(used, 0.5))).toEqual([375, 750, 1500, 3000]);
    expect(at(20, 0.999)).toBeLessThan(30_000);
    expect(at(20, 0)).toBe(15_000);
  });

  it('never comes before it was asked to, nor at once when asked to come at once', () => {
    expect(backOffMs(0, { askedMs: 7000, random: 0 })).toBe(7000);
    expect(backOffMs(0, { askedMs: 7000, random: 0.5 })).toBe(7125);
    expect(backOffMs(2, { askedMs: 1.16676, random: 0 })).toBe(1000);
  });
});

describe('Retries', () => {
  const error = (code: 'UNREACHABLE' | 'UNKNOWN_HOST' | 'CONNECTION_LOST') =>
    new HTTPError('reach a.example: no', { code, facts: { host: 'a.example' } });
  const started = (reached: boolean, options = {}) => {
    const timing = testTiming();
    return { timing, retries: new Retries({ hasReached: () => reached }, { timing, ...options }) };
  };
  const untilThrown = async (retries: Retries, failure: Parameters<Retries['wait']>[0]) => {
    for (let waits = 0; ; waits += 1) {
      const ended = await retries.wait(failure).then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      if (ended !== undefined) return { ended, waits };
    }
  };

  it('ends with the failure itself after 8', async () => {
    const { retries, timing } = started(true);
    const failure = { error: error('CONNECTION_LOST') };
    expect(await untilThrown(retries, failure)).toEqual({ ended: failure.error, waits: 8 });
    expect(timing.waits).toEqual([250, 500, 1000, 2000, 4000, 8000, 15_000, 15_000]);
  });

  it('begins again after progress', async () => {
    const { retries, timing } = started(true, { retries: 2 });
    await retries.wait({ error: error('CONNECTION_LOST') });
    await retries.wait({ error: error('CONNECTION_LOST') });
    retries.progressed();
    await retries.wait({ error: error('CONNECTION_LOST') });
    expect(timing.waits).toEqual([250, 500, 250]);
  });

  it('counts a kind that has its own limit by itself', async () => {
    const { retries } = started(true);
    for (let drop = 0; drop < 3; drop += 1) await retries.wait({ error: error('CONNECTION_LOST') });
    expect((await untilThrown(retries, { error: error('CONNECTION_LOST'), limit: 2 })).waits).toBe(2);
    await expect(retries.wait({ error: error('CONNECTION_LOST'), limit: 0 })).rejects.toThrow();
  });

  it('gives up soon on a host that has never answered, for then the name is likely wrong', async () => {
    expect((await untilThrown(started(false).retries, { error: error('UNKNOWN_HOST') })).waits).toBe(0);
    expect((await untilThrown(started(false).retries, { error: error('UNREACHABLE') })).waits).toBe(2);
    expect((await untilThrown(started(true).retries, { error: error('UNKNOWN_HOST') })).waits).toBe(8);
  });

  it('does not wait longer than is sane', async () => {
    const { retries, timing } = started(true);
    const failure = { error: error('CONNECTION_LOST'), askedMs: 120_001 };
    await expect(retries.wait(failure)).rejects.toBe(failure.error);
    expect(timing.waits).toEqual([]);
  });

  it('tells each wait in a line', async () => {
    const lines: string[] = [];
    const { retries } = started(true, { onRetry: (why: string) => lines.push(why) });
    await retries.wait({ error: error('CONNECTION_LOST') });
    expect(lines).toEqual(['reach a.example: no; trying again in 0.3 s (1 of 8)']);
  });
});

describe('what passes', () => {
  it('is a timeout, a limit, a server failure', () => {
    expect([408, 429, 500, 502, 503, 504].filter((status) => !isPassingStatus(status))).toEqual([]);
    expect([200, 304, 400, 401, 403, 404, 416, 501].filter(isPassingStatus)).toEqual([]);
  });

  it('is not a certificate, nor an error of somebody else', () => {
    expect(isPassing(new HTTPError('x', { code: 'TLS_NOT_TRUSTED' }))).toBe(false);
    expect(isPassing(new HTTPError('x', { code: 'IDLE_TIMEOUT' }))).toBe(true);
    expect(isPassing(Object.assign(new Error('x'), { code: 'CONNECTION_LOST' }))).toBe(false);
    expect(isPassing(new HTTPError('x', { code: 'PROXY_REFUSED', facts: { status: 407 } }))).toBe(false);
    expect(isPassing(new HTTPError('x', { code: 'PROXY_REFUSED', facts: { status: 503 } }))).toBe(true);
  });
});
