// The page of a preflight: one file that prints well, asks for nothing, and says what to do.
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ATRIUM_REQUIREMENTS } from '../../src/preflight/index.ts';
import { type PreflightPageFacts, type PreflightPageRow, preflightHTML } from '../../src/report/index.ts';
import { print, show, startBrowser } from '../support/browser.ts';

const ROWS: readonly PreflightPageRow[] = ATRIUM_REQUIREMENTS.map((requirement, at) => ({
  ...requirement,
  ...{ impact: requirement.impact ?? '', required: requirement.when === undefined, ms: at * 100 },
  ...(at % 3 === 0
    ? { ok: false, result: `row ${at}: expected an answer, got none`, remedy: `Do this about row ${at}.` }
    : { ok: at % 3 === 1 ? true : null, result: `row ${at}: as it is` }),
}));

function facts(more: Partial<PreflightPageFacts> = {}): PreflightPageFacts {
  return {
    of: 'atrium 2.1.0',
    made: new Date('2026-11-23T12:00:00Z'),
    version: '0.2.0',
    airGapped: false,
    ok: false,
    counts: { ok: 5, failed: 5, unchecked: 4, missing: 3 },
    rows: ROWS,
    ...more,
  };
}

describe('preflightHTML', () => {
  it('is one file that asks for nothing and runs nothing', () => {
    expect(preflightHTML(facts())).not.toMatch(/<script|<link|<img|src=|href=|url\(|@import|\son\w+=/i);
  });

  it('spells out what a hostile text would do', () => {
    const [row] = ROWS;
    const evil = '<script>alert(1)</script>\u001b[2J\u202e"';
    const hostile = { ...(row as PreflightPageRow), destination: evil, result: evil, at: evil, remedy: evil };
    const text = preflightHTML(facts({ of: evil, rows: [hostile] }));
    expect(text).not.toContain('<script');
    expect(text.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  });

  it('leaves out what nobody asked for', () => {
    const text = preflightHTML(facts({ rows: ROWS.filter(({ direction }) => direction === 'outbound') }));
    expect(text).toContain('Outbound');
    expect(text).not.toContain('Inbound');
  });

  it('tells what is closed as expected from a way out', () => {
    const [row] = ROWS as [PreflightPageRow];
    const rows = [true, false].map((ok) => ({ ...row, ok, required: false, expected: 'closed' as const }));
    const text = preflightHTML(facts({ airGapped: true, rows }));
    expect(text).toMatch(/Isolated site: outbound is expected closed/);
    expect(text).toContain('<i>closed</i>');
    expect(text).toContain('<b>OPEN</b>');
  });

  describe('in a browser', () => {
    let browser: Browser;
    beforeAll(async () => {
      browser = await startBrowser();
    });
    afterAll(() => browser?.close());

    it('shows each row, and asks the network for nothing', async () => {
      const { page, requests } = await show(browser, preflightHTML(facts()));
      expect(await page.title()).toBe('Preflight: requirements of atrium 2.1.0');
      expect(await page.locator('tbody').count()).toBe(ROWS.length);
      expect(await page.locator('b.bad').count()).toBe(
        ROWS.filter(({ ok, required }) => ok === false && required).length,
      );
      // nothing is cut off at the side, on a narrow screen either
      await page.setViewportSize({ width: 700, height: 900 });
      expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
      expect(requests).toEqual([]);
    });

    it.each(['A4', 'Letter'] as const)('prints on a few pages of %s, with every row', async (format) => {
      const { page } = await show(browser, preflightHTML(facts()));
      const { pages, text } = await print(page, format);
      expect(pages).toBeLessThanOrEqual(3);
      for (const { result } of ROWS) expect(text).toContain(result);
      // each sheet says again what its columns are
      for (const sheet of text.split('\f').filter((one) => one.trim() !== '')) expect(sheet).toContain('Destination');
    });

    it('tears no row apart between two sheets', async () => {
      const [row] = ROWS as [PreflightPageRow];
      const rows = Array.from({ length: 60 }, (_, at) => ({
        ...{ ...row, destination: `host-${at}.example`, impact: 'harm '.repeat((at % 7) * 20 + 1) },
        ...{ ok: false, remedy: `Do this about row ${at}.` },
      }));
      const { page } = await show(browser, preflightHTML(facts({ rows })));
      const sheets = (await print(page, 'A4')).text.split('\f');
      expect(sheets.length).toBeGreaterThan(5);
      for (const [at] of rows.entries()) {
        expect(sheets.find((one) => one.includes(`host-${at}.example`))).toContain(`Do this about row ${at}.`);
      }
    });
  });
});
