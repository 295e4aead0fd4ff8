import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type SheetFacts, sheetHTML } from '../../src/report/index.ts';
import { fingerprint, matchesFingerprint } from '../../src/trust/index.ts';
import { print, show, startBrowser } from '../support/browser.ts';

const ROOT = Buffer.from('a root of an office');
const HEX = 'c0ffee00'.repeat(8);

function facts(more: Partial<SheetFacts> = {}, images = 1): SheetFacts {
  return {
    product: 'atrium',
    release: '2.1.0',
    sequence: 7,
    issued: '2026-11-23T00:00:00Z',
    importableUntil: new Date('2027-12-28T00:00:00Z'),
    fingerprint: fingerprint(ROOT),
    executables: ['linux-arm64', 'linux-x64', 'win-x64.exe'].map((name) => ({
      name: `ferry-${name}`,
      version: '0.2.0',
      platform: 'linux/amd64',
      sha256: HEX,
      size: 129_000_000,
    })),
    images: Array.from({ length: images }, (_, at) => ({
      name: `ghcr.io/atrium/component-${at + 1}:2.1.0`,
      configs: [`sha256:${String(at % 10).repeat(64)}`],
      size: 87_000_000,
    })),
    size: 1_200_000_000,
    ...more,
  };
}

describe('the approval sheet', () => {
  let browser: Browser;

  beforeAll(async () => {
    browser = await startBrowser();
  });
  afterAll(() => browser?.close());

  it.each([
    ['A4', 1],
    ['A4', 20],
    ['Letter', 1],
    ['Letter', 20],
    ['Letter', 300],
  ] as const)('prints on one page of %s with %i images', async (format, images) => {
    const { page } = await show(browser, sheetHTML(facts({}, images)));
    const { pages, text } = await print(page, format);
    expect(pages).toBe(1);
    expect(text).toContain('Signature');
    expect(text).toContain('ghcr.io/atrium/component-1:2.1.0');
    if (images === 20) expect(text).toContain('component-20:2.1.0');
    expect(/and (\d+) more: ferry inspect/.exec(text)?.[1]).toBe(images === 300 ? '277' : undefined);
  });

  it.each(['A4', 'Letter'] as const)(
    'prints on one page of %s whatever the names are, and with sixteen executables',
    async (format) => {
      const [one] = facts().executables;
      const many = (length: number) =>
        Array.from({ length }, (_, at) => ({ ...(one as NonNullable<typeof one>), name: `ferry-linux-machine-${at}` }));
      const images = Array.from({ length: 20 }, () => ({
        name: `registry.example/${'很长'.repeat(400)}<b>:1`,
        configs: [`sha256:${'0'.repeat(64)}`, `sha256:${'1'.repeat(64)}`],
        size: 1e15,
      }));
      for (const more of [
        { executables: many(16) },
        { executables: many(16), images },
        { executables: many(4), images },
        { executables: many(5), images },
        { images },
        { executables: [], images: [] },
      ]) {
        const { page } = await show(browser, sheetHTML(facts(more)));
        expect((await print(page, format)).pages).toBe(1);
      }
    },
  );

  it('has fingerprint and digests as they are copied: words that match, and digits without a gap', async () => {
    const { page, requests } = await show(browser, sheetHTML(facts()));
    expect(requests).toEqual([]);
    const copied = await page.locator('.words').evaluate((element) => {
      return [...element.querySelectorAll('span')].map((word) => (word.lastChild?.textContent ?? '').trim()).join(' ');
    });
    expect(matchesFingerprint(ROOT, copied)).toBe(true);
    const digits = await page.locator('.key .hex').textContent();
    expect(digits).toBe(fingerprint(ROOT).hex);
    expect(await page.locator('p .hex').first().textContent()).toBe(HEX);
  });

  it('shows what a hostile release calls itself, and does none of it', async () => {
    const name = '<script>document.title="owned"</script><img src="https://evil.example/x">"\'&\u202etxt.exe';
    const text = sheetHTML(facts({ images: [{ name, configs: [], size: 1 }], release: name, product: name }));
    const { page, requests } = await show(browser, text);
    expect(requests).toEqual([]);
    expect(await page.title()).not.toBe('owned');
    expect(await page.locator('script, img').count()).toBe(0);
    expect(await page.locator('h1').textContent()).toContain('<script>document.title="owned"</script>');
    expect(text).not.toContain('\u202e');
    expect(text).toContain('\\u{202e}');
  });
});

describe('sheetHTML', () => {
  it('is one file without a script and without anything from elsewhere', () => {
    const text = sheetHTML(facts({}, 20));
    expect(text).not.toMatch(/<script|src=|href=|url\(|@import|https?:/i);
    expect(text).toContain("default-src 'none'");
  });

  it('is the same for the same facts', () => {
    expect(sheetHTML(facts())).toBe(sheetHTML(facts()));
  });
});
