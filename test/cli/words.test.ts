import { describe, expect, it } from 'vitest';
import { WORDS, wordsFor } from '../../src/cli/words.ts';
import { ContentError } from '../../src/content/index.ts';

describe('WORDS', () => {
  it('has an exit status of FORMAT §8 for every code', () => {
    const known = [1, 2, 3, 4, 5, 6, 75, 130];
    expect(Object.entries(WORDS).filter(([, [exit]]) => !known.includes(exit))).toEqual([]);
  });

  it('has one line without a capital or a full stop for every code', () => {
    const bad = Object.entries(WORDS).filter(([, [, hint]]) => /^[A-Z]|[\n]|\.$|^$/.test(hint) || hint.length > 140);
    expect(bad).toEqual([]);
  });
});

describe('wordsFor', () => {
  it("gives the error's own hint before the table's", () => {
    const options = { code: 'NO_SPACE' } as const;
    expect(wordsFor(new ContentError('write: no space', options))).toEqual({ exit: 5, hint: WORDS.NO_SPACE[1] });
    expect(wordsFor(new ContentError('write: no space', { ...options, hint: 'take another stick' }))).toEqual({
      exit: 5,
      hint: 'take another stick',
    });
  });
});
