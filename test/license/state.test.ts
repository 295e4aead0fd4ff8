// Whose a licence is, which of two is shorter, and what the product will do when.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isShorter, judgeLicense, type License, licenseState } from '../../src/license/index.ts';

const DAY = 86_400_000;
const now = new Date('2026-11-23T12:00:00Z');
const inDays = (days: number) => new Date(now.getTime() + days * DAY);
const license = (fields: Partial<License> = {}): License => ({ kind: 'json', isProven: false, ...fields });

const instant = fc.date({ min: new Date('2000-01-01'), max: new Date('2100-01-01'), noInvalidDate: true });
const licenses = fc
  .record({ validFrom: fc.option(instant, { nil: undefined }), validUntil: fc.option(instant, { nil: undefined }) })
  .map(({ validFrom, validUntil }) => license({ ...(validFrom && { validFrom }), ...(validUntil && { validUntil }) }));

describe('judgeLicense', () => {
  const site = { id: '0123456789abcdef', name: 'plant 1' };
  const judge = (fields: Partial<License>, about = {}) =>
    judgeLicense(license(fields), { product: 'atrium', site, now, ...about });

  it('takes one that says nothing, or the right things', () => {
    judge({});
    judge({ product: 'Atrium', site: site.id, validFrom: inDays(-1), validUntil: inDays(1) });
    judge({ site: 'plant 1' });
    judge({ site: '0123456789ABCDEF' });
    judge({ site: 'Werk Mu\u0308nchen' }, { site: { id: site.id, name: 'Werk M\u00fcnchen' } });
    judge({ site: 'any' });
    judge({ site: 'another' }, { site: undefined });
  });

  it('refuses one for another product, with both named', () => {
    const expected = 'check the licence: expected one for atrium, got one for "other"';
    expect(() => judge({ product: 'other' })).toThrow(
      expect.objectContaining({ code: 'LICENSE_OTHER_PRODUCT', message: expected }),
    );
  });

  it('refuses one for another site, by number and by name', () => {
    for (const other of ['fedcba9876543210', 'plant 2', 'Plant 1', '']) {
      expect(() => judge({ site: other })).toThrow(expect.objectContaining({ code: 'LICENSE_OTHER_SITE' }));
    }
    const nameless = { site: { id: site.id } };
    expect(() => judge({ site: 'plant 1' }, nameless)).toThrow(expect.objectContaining({ code: 'LICENSE_OTHER_SITE' }));
  });

  it('refuses one that has ended, to the instant, and one that has not begun', () => {
    expect(() => judge({ validUntil: now })).toThrow(expect.objectContaining({ code: 'LICENSE_ENDED' }));
    judge({ validUntil: new Date(now.getTime() + 1) });
    expect(() => judge({ validFrom: inDays(1) })).toThrow(expect.objectContaining({ code: 'LICENSE_NOT_YET' }));
    judge({ validFrom: new Date(now.getTime() + 60_000) }); // the issuer's clock, a minute ahead
  });
});

describe('isShorter', () => {
  it('is so when the current one is valid and the next one ends sooner', () => {
    const current = license({ validUntil: inDays(100) });
    expect(isShorter(license({ validUntil: inDays(99) }), current, now)).toBe(true);
    expect(isShorter(license({ validUntil: inDays(100) }), current, now)).toBe(false);
    expect(isShorter(license({ validUntil: inDays(101) }), current, now)).toBe(false);
  });

  it('is not when the current one protects nothing, or one of them does not say', () => {
    const next = license({ validUntil: inDays(1) });
    expect(isShorter(next, license({ validUntil: inDays(-1) }), now)).toBe(false);
    expect(isShorter(next, license({ validFrom: inDays(2), validUntil: inDays(100) }), now)).toBe(false);
    expect(isShorter(next, license(), now)).toBe(false);
    expect(isShorter(license(), license({ validUntil: inDays(100) }), now)).toBe(false);
  });

  it('never holds both ways, never of itself, and goes on from one to the next', () => {
    fc.assert(
      fc.property(licenses, licenses, licenses, instant, (a, b, c, at) => {
        expect(isShorter(a, a, at)).toBe(false);
        expect(isShorter(a, b, at) && isShorter(b, a, at)).toBe(false);
        if (isShorter(a, b, at) && isShorter(b, c, at)) expect(isShorter(a, c, at)).toBe(true);
      }),
    );
  });

  it('means days lost: without it the product is never read-only sooner', () => {
    fc.assert(
      fc.property(licenses, licenses, instant, fc.nat({ max: 400 }), (next, current, at, graceDays) => {
        const [after, before] = [next, current].map((one) => licenseState(one, { now: at, graceDays }));
        if (after?.readOnlyFrom === undefined || before?.mode !== 'valid' || before.readOnlyFrom === undefined) return;
        const begun = current.validFrom === undefined || current.validFrom <= at;
        expect(isShorter(next, current, at)).toBe(begun && after.readOnlyFrom < before.readOnlyFrom);
      }),
    );
  });
});

describe('licenseState', () => {
  const state = (days: number, graceDays?: number) =>
    licenseState(license({ validUntil: inDays(days) }), { now, ...(graceDays !== undefined && { graceDays }) });

  it('is unknown where nobody says until when', () => {
    for (const one of [undefined, license()]) expect(licenseState(one, { now })).toEqual({ mode: 'unknown' });
  });

  it('is valid, then in grace for 30 days, then read-only', () => {
    expect(state(14)).toEqual({
      mode: 'valid',
      validUntil: inDays(14),
      graceUntil: inDays(44),
      readOnlyFrom: inDays(44),
      daysLeft: 14,
    });
    expect(state(0)).toMatchObject({ mode: 'grace', daysLeft: 30 });
    expect(state(-29.5)).toMatchObject({ mode: 'grace', daysLeft: 1 });
    expect(state(-30)).toMatchObject({ mode: 'read-only', daysLeft: 0 });
  });

  it('counts days that have begun', () => {
    expect(state(0.001).daysLeft).toBe(1);
    expect(state(1.001).daysLeft).toBe(2);
  });

  it('has no grace where the release gives none, and no end beyond time', () => {
    expect(state(0, 0)).toMatchObject({ mode: 'read-only', readOnlyFrom: now });
    expect(state(1, Number.MAX_SAFE_INTEGER).graceUntil).toEqual(new Date(8.64e15));
  });

  it('only ever gets worse as time goes on, and its dates stay', () => {
    const order = ['valid', 'grace', 'read-only'];
    fc.assert(
      fc.property(instant, instant, instant, fc.nat({ max: 400 }), (validUntil, a, b, graceDays) => {
        const [first, last] = [a, b].toSorted((one, other) => one.getTime() - other.getTime());
        const before = licenseState({ validUntil }, { graceDays, now: first as Date });
        const after = licenseState({ validUntil }, { graceDays, now: last as Date });
        expect(order.indexOf(after.mode)).toBeGreaterThanOrEqual(order.indexOf(before.mode));
        expect(after.readOnlyFrom).toEqual(before.readOnlyFrom);
        if (after.mode === before.mode) expect(after.daysLeft).toBeLessThanOrEqual(before.daysLeft as number);
        expect(after.mode === 'read-only').toBe(after.daysLeft === 0);
      }),
    );
  });
});
