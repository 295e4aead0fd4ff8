import { describe, expect, it } from 'vitest';
import { certificateState } from '../../src/tls/index.ts';

const notBefore = new Date('2026-01-01T00:00:00Z');
const notAfter = new Date('2026-04-01T00:00:00Z');
const DAY = 86_400_000;

describe('certificateState', () => {
  it.each([
    [31, 31, 'ok'],
    [30, 30, 'soon'],
    [14.01, 15, 'soon'],
    [14, 14, 'urgent'],
    [3.01, 4, 'urgent'],
    [3, 3, 'critical'],
    [0.01, 1, 'critical'],
    [0, 0, 'critical'],
    [-0.001, 0, 'ended'],
    [-400, 0, 'ended'],
  ] as const)('%d days before its end: %d left, %s', (days, daysLeft, level) => {
    const now = new Date(notAfter.getTime() - days * DAY);
    expect(certificateState({ notBefore, notAfter }, now)).toEqual({ daysLeft, level });
  });

  it('says when it has not begun', () => {
    const state = certificateState({ notBefore, notAfter }, new Date(notBefore.getTime() - 1));
    expect(state).toEqual({ daysLeft: 91, level: 'not-yet' });
  });
});
