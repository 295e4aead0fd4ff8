/** The unified diff of a dry run: right, bounded, and harmless to a terminal. */

import { applyPatch } from 'diff';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { diffTexts, MAX_DIFF_BYTES, MAX_DIFF_LINES } from '../../src/install/import/diff.ts';

const compare = (before: string | undefined, after: string) =>
  diffTexts({
    path: '/etc/atrium/a.conf',
    before: before === undefined ? undefined : Buffer.from(before),
    after: Buffer.from(after),
  });
const shown = (before: string | undefined, after: string): string => {
  const made = compare(before, after);
  return 'diff' in made ? made.diff : `not shown: ${made.why}`;
};

describe('diffTexts', () => {
  it('shows what changes, with three lines around it', () => {
    expect(shown('a\nb\nc\nd\ne\nf\ng\nh\n', 'a\nb\nc\nd\nE\nf\ng\nh\n')).toBe(
      [
        '--- /etc/atrium/a.conf',
        '+++ /etc/atrium/a.conf',
        '@@ -2,7 +2,7 @@',
        ' b',
        ' c',
        ' d',
        '-e',
        '+E',
        ' f',
        ' g',
        ' h',
      ].join('\n'),
    );
  });

  it('shows all of a file that is new', () => {
    expect(shown(undefined, 'one\ntwo\n')).toBe(
      ['--- /dev/null', '+++ /etc/atrium/a.conf', '@@ -0,0 +1,2 @@', '+one', '+two'].join('\n'),
    );
  });

  it('says so when a last line ends without a newline', () => {
    expect(shown('a\n', 'a')).toContain('\\ No newline at end of file');
  });

  it('spells out what a terminal would act on or hide', () => {
    const evil = '\u001b[2J\u009b31m\r\u0007\u202etxt\u200b\u2028\u007f\ttab';
    expect(shown('a\n', `${evil}\n`).split('\n').at(-1)).toBe(
      '+\\u{1b}[2J\\u{9b}31m\\u{d}\\u{7}\\u{202e}txt\\u{200b}\\u{2028}\\u{7f}\ttab',
    );
  });

  it('holds nothing but text and tabs, whatever is compared', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (before, after) => {
        expect(shown(before, after)).not.toMatch(/[^\P{C}\n\t\p{Co}\p{Cn}]|[\p{Zl}\p{Zp}]/u);
      }),
    );
  });

  it('is a patch that makes the one of the other', () => {
    const text = fc.array(fc.constantFrom('a', 'b', 'c ', ''), { maxLength: 12 }).map((lines) => lines.join('\n'));
    fc.assert(
      fc.property(text, text, (before, after) => {
        if (before === after) return;
        expect(applyPatch(before, shown(before, after))).toBe(after);
      }),
    );
  });

  it.each([
    ['a zero byte', Buffer.from('a\0b')],
    ['no UTF-8', Buffer.of(0x66, 0xff, 0xfe)],
  ])('shows no file with %s', (_what, bytes) => {
    const text = Buffer.from('a');
    expect(diffTexts({ path: 'a', before: text, after: bytes })).toEqual({ why: 'binary' });
    expect(diffTexts({ path: 'a', before: bytes, after: text })).toEqual({ why: 'binary' });
  });

  it('shows no file that is too large', () => {
    expect(compare('a\n', 'x'.repeat(MAX_DIFF_BYTES))).toHaveProperty('diff');
    expect(compare('a\n', 'x'.repeat(MAX_DIFF_BYTES + 1))).toEqual({ why: 'large' });
    expect(compare('x'.repeat(MAX_DIFF_BYTES + 1), 'a\n')).toEqual({ why: 'large' });
  });

  it('shows the first lines of a long one, and counts the others', () => {
    const lines = Array.from({ length: 300 }, (_, at) => `line ${at}\n`).join('');
    const made = compare(undefined, lines);
    if (!('diff' in made)) throw new Error('expected a diff');
    expect(made.diff.split('\n')).toHaveLength(MAX_DIFF_LINES);
    expect(made.more).toBe(303 - MAX_DIFF_LINES);
  });

  it('gives up on two texts that have nothing in common, before it takes long', () => {
    const lines = (word: string) => Array.from({ length: 9000 }, (_, at) => `${word}${at % 97}\n`).join('');
    expect(compare(lines('a'), lines('b'))).toEqual({ why: 'different' });
  });
});
