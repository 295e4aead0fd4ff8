/** The first root: its fingerprint as people compare it, and what another root is to it. */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  fingerprint,
  judgeRoot,
  matchesFingerprint,
  pinRoot,
  refuseMistyped,
  rootRoles,
  TrustError,
} from '../../src/trust/index.ts';
import { createPublisher } from '../support/publisher.ts';

describe('fingerprint', () => {
  it('is what sha256sum prints, and 12 words of its first half', () => {
    const { hex, words } = fingerprint(Buffer.from('abc'));
    expect(hex).toBe(createHash('sha256').update('abc').digest('hex'));
    expect(words).toHaveLength(12);
    // echo -n abc: entropy ba7816bf8f01cfea414140de5dae2223
    expect(words.join(' ')).toBe('risk scheme quiz bulk brother vivid agree chimney tattoo uniform mass elbow');
  });

  it('matches all digits or all words, in any case and spacing, and nothing less', () => {
    const root = Buffer.from('a root');
    const { hex, words } = fingerprint(root);
    const right = [
      hex,
      hex.toUpperCase(),
      ` ${hex}\n`,
      hex.replace(/(.{4})/g, '$1 '),
      words.join(' '),
      words.join('\n').toUpperCase(),
    ];
    const wrong = [
      '',
      ' ',
      hex.slice(0, 63),
      `${hex}0`,
      hex.slice(0, 32),
      words.slice(0, 11).join(' '),
      [...words, words[0]].join(' '),
      words.toReversed().join(' '),
    ];
    expect(right.map((text) => matchesFingerprint(root, text))).toEqual(right.map(() => true));
    expect(wrong.map((text) => matchesFingerprint(root, text))).toEqual(wrong.map(() => false));
  });

  it.each([
    ['batle '.repeat(12), '"batle", which is none of the words'],
    ['abandon '.repeat(11), '11 words'],
    ['abandon '.repeat(12), 'words of which one is another, or in another place'],
    ['0'.repeat(63), '63 digits'],
    ['', '0 digits'],
  ])('%j is told to be a slip, whatever the root is', (text, got) => {
    expect(() => refuseMistyped(text)).toThrow(`expected 12 words or 64 digits, got ${got}`);
  });

  it('that may be one is no slip', () => {
    const { hex, words } = fingerprint(Buffer.from('abc'));
    for (const text of [hex, ` ${hex.toUpperCase()}\n`, words.join('  ')])
      expect(() => refuseMistyped(text)).not.toThrow();
  });
});

describe('pinRoot', () => {
  it('pins the bytes when the fingerprint is that of the sheet, and nothing when it is not', async () => {
    const { root } = await createPublisher();
    const { hex } = fingerprint(root);
    expect(pinRoot(root, { confirmed: true, fingerprint: hex })).toEqual({ root, confirmed: true, floors: {} });
    const wrong = hex.replace(/^./, (digit) => (digit === '0' ? '1' : '0'));
    expect(() => pinRoot(root, { confirmed: true, fingerprint: wrong })).toThrow(
      expect.objectContaining({ code: 'FINGERPRINT_MISMATCH' }),
    );
  });

  it('never says the fingerprint where it did not match', async () => {
    const { root } = await createPublisher();
    const { hex, words } = fingerprint(root);
    try {
      pinRoot(root, { confirmed: true, fingerprint: 'ab' });
    } catch (error) {
      const said = JSON.stringify([
        (error as TrustError).message,
        (error as TrustError).facts,
        (error as TrustError).hint,
      ]);
      expect(said).not.toContain(hex.slice(0, 16));
      expect(said).not.toContain(words[0]);
    }
    expect.assertions(2);
  });

  it('takes a later root as the first one', async () => {
    const publisher = await createPublisher();
    await publisher.rotate(['root']);
    expect(rootRoles(pinRoot(publisher.root, { confirmed: true }).root).version).toBe(2);
  });

  it('refuses what is no sound root', async () => {
    const publisher = await createPublisher({ sizes: { root: { keys: 2, threshold: 2 } } });
    const short = await publisher.newRoot({ signers: publisher.signers('root').slice(1) });
    const spaced = Buffer.from(JSON.stringify(JSON.parse(publisher.chain.roots[0]?.toString() ?? ''), null, 1));
    for (const bytes of [
      short,
      spaced,
      Buffer.from('{}'),
      Buffer.from('no json'),
      Buffer.from(publisher.chain.targets),
    ]) {
      expect(() => pinRoot(bytes, { confirmed: true })).toThrow(TrustError);
    }
  });
});

describe('judgeRoot', () => {
  it('tells the same, a successor and another', async () => {
    const publisher = await createPublisher();
    const site = publisher.site();
    const [first] = publisher.roots as [Buffer];
    await publisher.rotate(['root']);
    await publisher.rotate(['root']);
    const [, second, third] = publisher.roots as [Buffer, Buffer, Buffer];
    expect(judgeRoot(site, first)).toBe('same');
    expect(judgeRoot(site, second)).toBe('successor');
    expect(judgeRoot(site, third)).toBe('other'); // what is between can't be seen
    expect(judgeRoot(site, third, [second])).toBe('successor');
    expect(judgeRoot(site, third, [first, second])).toBe('successor');
    expect(judgeRoot(pinRoot(third, { confirmed: true }), first)).toBe('other');
    expect(judgeRoot(site, (await createPublisher()).root)).toBe('other');
  });
});
