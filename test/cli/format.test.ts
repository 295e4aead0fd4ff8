import { describe, expect, it } from 'vitest';
import { alignColumns, formatBytes, formatDuration, formatUntil, shortDigest } from '../../src/cli/format.ts';

describe('formatBytes', () => {
  it.each([
    [0, '0 B'],
    [912, '912 B'],
    [1000, '1 kB'],
    [4096, '4.1 kB'],
    [999_499, '999 kB'],
    [999_500, '1 MB'],
    [87_000_000, '87 MB'],
    [1_234_567_890, '1.23 GB'],
    [100_000_000_000, '100 GB'],
    [5e15, '5000 TB'],
  ])('writes %d as %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });
});

describe('formatDuration', () => {
  it.each([
    [0.44, '0.4 s'],
    [12.3, '12 s'],
    [59.6, '1 min 00 s'],
    [200, '3 min 20 s'],
    [3900, '1 h 05 min'],
  ])('writes %d seconds as %s', (seconds, text) => {
    expect(formatDuration(seconds)).toBe(text);
  });
});

describe('formatUntil', () => {
  const now = new Date('2026-11-23T12:00:00Z');
  it('says how many days are left, and how many have gone by', () => {
    expect(formatUntil(new Date('2027-12-28T12:00:00Z'), now)).toBe('2027-12-28 (400 days)');
    expect(formatUntil(new Date('2027-12-28T11:59:59Z'), now)).toBe('2027-12-28 (400 days)');
    expect(formatUntil(new Date('2026-11-23T13:00:00Z'), now)).toBe('2026-11-23 (today)');
    expect(formatUntil(new Date('2026-11-24T13:00:00Z'), now)).toBe('2026-11-24 (2 days)');
    expect(formatUntil(new Date('2026-11-24T12:00:00Z'), now)).toBe('2026-11-24 (1 day)');
    expect(formatUntil(new Date('2026-11-20T12:00:00Z'), now)).toBe('2026-11-20 (3 days ago)');
  });
});

describe('alignColumns', () => {
  it('pads all but the end of a line', () => {
    expect(
      alignColumns(
        [
          ['a', 'bb', 'c'],
          ['aaa', '', ''],
          ['a', 'b'],
        ],
        '  ',
      ),
    ).toEqual(['  a    bb  c', '  aaa', '  a    b']);
  });
});

describe('shortDigest', () => {
  it('leaves twelve digits', () => {
    expect(shortDigest(`sha256:${'0123456789abcdef'.repeat(4)}`)).toBe('0123456789ab');
  });
});
