/** From a catalogue in force to the release and the site files that hang below it. */
import { describe, expect, it } from 'vitest';
import { canonicalJSON } from '../../src/content/index.ts';
import type { Accepted, SiteTrust } from '../../src/trust/index.ts';
import {
  acceptChain,
  acceptRelease,
  acceptSiteFiles,
  isRenewalDue,
  parseEntry,
  releaseTarget,
  showRelease,
} from '../../src/trust/index.ts';
import type { Publisher } from '../support/publisher.ts';
import { createPublisher } from '../support/publisher.ts';

const code = (name: string) => expect.objectContaining({ code: name });
const judge = (publisher: Publisher, site: SiteTrust = publisher.site(), chain = publisher.chain): Accepted =>
  acceptChain(site, chain, { systemTime: publisher.now, buildTime: new Date(0) });

describe('acceptRelease', () => {
  it('says which release it is', async () => {
    const publisher = await createPublisher();
    await publisher.release('2.0.0');
    const { bytes, entry } = await publisher.release('2.1.0');
    expect(acceptRelease(judge(publisher), bytes)).toEqual({
      path: '2.1.0/2/release.json',
      length: bytes.length,
      sha256: entry.sha256,
      product: 'atrium',
      release: '2.1.0',
      sequence: 2,
      content: '2'.padStart(64, '0'),
      issued: '2026-06-01T00:00:00Z',
      shown: '2.1.0',
      isDowngrade: false,
    });
  });

  it('shows the sequence where another release has the same name, listed or known to the site', async () => {
    const publisher = await createPublisher();
    const [one, two] = [await publisher.release('2.1.0'), await publisher.release('2.1.0')];
    expect(acceptRelease(judge(publisher), two.bytes).shown).toBe('2.1.0+2');
    await publisher.revoke(one);
    expect(acceptRelease(judge(publisher), two.bytes).shown).toBe('2.1.0');
    const known = [
      { release: '2.1.0', sequence: 1 },
      { release: '2.1.0', sequence: 2 },
    ];
    expect(acceptRelease(judge(publisher), two.bytes, { known }).shown).toBe('2.1.0+2');
    expect(showRelease({ release: '2.1.0', sequence: 2 }, [{ release: '2.1.1', sequence: 3 }])).toBe('2.1.0');
  });

  it('passes over entries of a newer format, and says FORMAT_TOO_NEW for the one in use', async () => {
    const publisher = await createPublisher();
    const made = await publisher.release('1.0.0');
    const future = canonicalJSON({ format: 2, minFerry: '3.0.0' });
    const entry = releaseTarget({
      product: 'atrium',
      release: '9.0.0',
      sequence: 9,
      content: '',
      issued: '',
      bytes: future,
    });
    publisher.entries.push({ ...entry, custom: { format: 2, minFerry: '3.0.0', shape: ['other'] } });
    await publisher.publish();
    expect(parseEntry(publisher.entries[1] as (typeof publisher.entries)[0])).toBeUndefined();
    expect(acceptRelease(judge(publisher), made.bytes).release).toBe('1.0.0');
    expect(() => acceptRelease(judge(publisher), future)).toThrow(
      expect.objectContaining({
        code: 'FORMAT_TOO_NEW',
        facts: { path: '9.0.0/9/release.json', format: 2, minFerry: '3.0.0' },
      }),
    );
  });

  it.each([
    ['product', { product: 'belfry' }],
    ['release', { release: '1.0.1' }],
    ['sequence', { sequence: 2 }],
  ])('refuses a release.json whose %s is not the one that was listed', async (_, fields) => {
    const publisher = await createPublisher();
    const { bytes } = await publisher.release('1.0.0', fields);
    expect(() => acceptRelease(judge(publisher), bytes)).toThrow(code('METADATA_INVALID'));
  });

  it('refuses an entry whose custom tells another story than its path', async () => {
    const publisher = await createPublisher();
    const { bytes, entry } = await publisher.release('1.0.0');
    publisher.entries.splice(0, 1, { ...entry, path: '2.0.0/1/release.json' });
    await publisher.publish();
    expect(() => acceptRelease(judge(publisher), bytes)).toThrow(code('METADATA_INVALID'));
  });

  it('does not take site files for a release', async () => {
    const publisher = await createPublisher();
    const bytes = await publisher.siteFiles('any');
    expect(() => acceptRelease(judge(publisher), bytes)).toThrow(code('RELEASE_NOT_LISTED'));
  });

  it('works on a catalogue that lists nothing: it renews and revokes all the same', async () => {
    const publisher = await createPublisher();
    const made = await publisher.release('1.0.0');
    const stick = publisher.chain;
    const site = judge(publisher).next;
    await publisher.revoke(made);
    const renewed = judge(publisher, site);
    expect(renewed.source).toBe('carried');
    expect(renewed.effective.entries).toEqual([]);
    expect(() => acceptRelease(judge(publisher, renewed.next, stick), made.bytes)).toThrow(code('RELEASE_NOT_LISTED'));
  });
});

describe('acceptSiteFiles', () => {
  it('tells the current ones from the superseded, and both from those that the bundle does not list', async () => {
    const publisher = await createPublisher();
    const first = await publisher.siteFiles('any');
    const stick = publisher.chain;
    const site = publisher.site();
    expect(acceptSiteFiles(judge(publisher, site), 'any', first)).toBe('current');
    publisher.now = new Date('2026-07-01T00:00:00Z');
    const second = await publisher.siteFiles('any');
    const later = judge(publisher, site);
    expect(acceptSiteFiles(later, 'any', second)).toBe('current');
    expect(acceptSiteFiles(judge(publisher, later.next, stick), 'any', first)).toBe('superseded');
    expect(() => acceptSiteFiles(judge(publisher, site, stick), 'any', second)).toThrow(code('SITE_FILES_NOT_LISTED'));
  });

  it('is superseded, not an error, where the catalogue in force lists none', async () => {
    const publisher = await createPublisher();
    const first = await publisher.siteFiles('0123456789abcdef');
    const [stick, site] = [publisher.chain, publisher.site()];
    publisher.entries.splice(0);
    await publisher.publish();
    const { next } = judge(publisher, site);
    expect(acceptSiteFiles(judge(publisher, next, stick), '0123456789abcdef', first)).toBe('superseded');
  });

  it("refuses one site's files under the name of another", async () => {
    const publisher = await createPublisher();
    const bytes = await publisher.siteFiles('0123456789abcdef');
    expect(() => acceptSiteFiles(judge(publisher), 'any', bytes)).toThrow(code('SITE_FILES_NOT_LISTED'));
    const lying = await publisher.siteFiles('any', { site: '0123456789abcdef' });
    expect(() => acceptSiteFiles(judge(publisher), 'any', lying)).toThrow(code('METADATA_INVALID'));
  });

  it('refuses those of another product', async () => {
    const publisher = await createPublisher();
    const bytes = await publisher.siteFiles('any');
    expect(() => acceptSiteFiles(judge(publisher), 'any', bytes, { product: 'belfry' })).toThrow(code('WRONG_PRODUCT'));
  });
});

describe('acceptChain without a site', () => {
  it('says NOT_PINNED', async () => {
    const { chain, now } = await createPublisher();
    expect(() => acceptChain(undefined, chain, { systemTime: now, buildTime: now })).toThrow(code('NOT_PINNED'));
  });
});

describe('isRenewalDue', () => {
  it('is when less than two thirds of the validity are left', () => {
    const now = new Date('2026-01-01T00:00:00Z');
    const ends = (days: number) => new Date(now.getTime() + days * 86_400_000);
    expect(isRenewalDue({ expires: ends(266), validityDays: 400, now })).toBe(true);
    expect(isRenewalDue({ expires: ends(267), validityDays: 400, now })).toBe(false);
  });
});
