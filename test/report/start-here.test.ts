import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type StartHereFacts, startHereHTML, startHerePages, startHereText } from '../../src/report/index.ts';
import { print, show, startBrowser } from '../support/browser.ts';

function facts(more: Partial<StartHereFacts> = {}): StartHereFacts {
  return {
    product: 'atrium',
    release: { release: '2.1.0', sequence: 7, images: 12, canActivate: true },
    overlays: [{ name: 'atrium-0123456789abcdef-12.ferry.tar' }],
    executables: [
      { name: 'ferry-linux-arm64', platform: 'linux/arm64', version: '0.2.0' },
      { name: 'ferry-linux-x64', platform: 'linux/amd64', version: '0.2.0' },
      { name: 'ferry-win-x64.exe', platform: 'windows/amd64', version: '0.2.0' },
    ],
    importableUntil: new Date('2027-12-28T00:00:00Z'),
    ...more,
  };
}

/** The lines that are typed, in order. */
function commands(text: string): string[] {
  return [...text.matchAll(/^ {2}\d\. (.*)$/gm)].map(([, command]) => command ?? '');
}

const FIRST = [
  'sudo mount /dev/sdb1 /mnt',
  'sha256sum /mnt/ferry-linux-x64',
  'sudo install -m 755 /mnt/ferry-linux-x64 /usr/bin/ferry',
  'sudo ferry import /mnt --activate',
  'sudo umount /mnt',
];
const LATER = [FIRST[0], FIRST[3], FIRST[4]];

describe('START-HERE', () => {
  it('has the five commands of the first visit and the three of later ones, with the names on the stick', () => {
    expect(commands(startHereText(facts()))).toEqual([...FIRST, ...LATER]);
  });

  it('names the executable of the machine that is most likely, and the others beside it', () => {
    const text = startHereText(facts()).replaceAll(/\s+/g, ' ');
    expect(text).toContain('"uname -m" says aarch64) take ferry-linux-arm64');
    const [arm] = facts().executables;
    expect(commands(startHereText(facts({ executables: [arm as NonNullable<typeof arm>] })))[1]).toBe(
      'sha256sum /mnt/ferry-linux-arm64',
    );
  });

  it('asks for no --activate where there is nothing to run, and installs nothing where nothing is carried', () => {
    const release = { release: '1', sequence: 1, images: 1, canActivate: false };
    const text = startHereText(facts({ release, executables: [] }));
    expect(commands(text)).toEqual([FIRST[0], 'sudo ferry import /mnt', FIRST[4]]);
    expect(text).toContain('1 container image,');
    expect(commands(startHereText(facts({ release: undefined, executables: [] })))).toHaveLength(3);
  });

  it('asks for no sheet where only overlays lie, which are never a first import', () => {
    const release = undefined;
    const text = startHereText(facts({ release, executables: [] })).replaceAll(/\s+/g, ' ');
    expect(text).not.toMatch(/APPROVAL SHEET|fingerprint/);
    expect(text).toContain('take a stick with a release first');
    const list = startHereText(facts({ release, executables: [], overlays: [] })).replaceAll(/\s+/g, ' ');
    expect(list).toMatch(/APPROVAL SHEET.*asks for the fingerprint/);
    expect(startHereText(facts())).toContain('Docker Compose');
  });

  it('says what each exit status means', () => {
    const text = startHereText(facts());
    for (const status of ['0', '1', '2', '3', '4', '5', '6', '10', '75', '130']) {
      expect(text).toMatch(new RegExp(`^ {2}${status} +[A-Z]`, 'm'));
    }
  });

  it('has nothing to compare with, and says where that is', () => {
    for (const { text } of startHerePages(facts())) {
      expect(text).not.toMatch(/[0-9a-f]{17}/);
      expect(text.replaceAll(/\s+/g, ' ')).toMatch(/from the approval sheet, never from this stick/);
      expect(text.replaceAll(/\s+/g, ' ')).toMatch(/says nothing about who made it/);
    }
  });

  it('in text is ASCII in lines that a terminal holds, and begins with what it is', () => {
    const text = startHereText(facts());
    expect(text).toMatch(/^START HERE: atrium 2\.1\.0 \(sequence 7\)\n=+\n/);
    expect(text).toMatch(/^[\n\x20-\x7e]+$/);
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(78);
    expect(text).not.toMatch(/ $/m);
  });

  it('spells out what a hostile name would do', () => {
    const name = '<script>alert(1)</script>\u001b[2J\u202e';
    const hostile = facts({ product: name, executables: [{ name, platform: 'linux/amd64', version: name }] });
    for (const text of [startHereText(hostile), startHereHTML(hostile)]) {
      expect(text.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
      expect(text).toContain('\\u{1b}[2J\\u{202e}');
    }
    expect(startHereHTML(hostile)).not.toContain('<script');
  });

  it('in HTML is one file that asks for nothing', () => {
    const text = startHereHTML(facts());
    expect(text).not.toMatch(/<script|src=|href=|url\(|@import|https?:/i);
  });

  it('is known again by its marker, whatever it speaks of', () => {
    for (const { text, marker } of startHerePages(facts())) {
      expect(text.slice(0, 4096)).toContain(marker);
    }
  });

  describe('on paper', () => {
    let browser: Browser;
    beforeAll(async () => {
      browser = await startBrowser();
    });
    afterAll(() => browser?.close());

    it.each(['A4', 'Letter'] as const)('takes two pages of %s, with every command whole', async (format) => {
      const { page, requests } = await show(browser, startHereHTML(facts()));
      const { pages, text } = await print(page, format);
      expect(pages).toBeLessThanOrEqual(2);
      for (const command of FIRST) expect(text).toContain(command);
      expect(requests).toEqual([]);
    });
  });
});
