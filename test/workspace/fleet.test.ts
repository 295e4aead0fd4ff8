/** The fleet: whom an office knows, by which key, and what it takes for a card of them. FORMAT §4, §6. */
import { createHash } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { siteCardDocument } from '../../src/manifest/index.ts';
import { generateIdentity } from '../../src/seal/index.ts';
import type { EnvelopeContent } from '../../src/trust/index.ts';
import { fingerprint, generateKey, keyFingerprint, signEnvelope } from '../../src/trust/index.ts';
import { addToFleet, findInFleet, listFleet, openFleetCard, type Workspace } from '../../src/workspace/index.ts';
import { newWorkspace } from '../support/workspaces.ts';

/** A site in memory that signs what it says of itself. */
async function newSite(name = 'plant 1') {
  const { key, privatePEM } = generateKey();
  const age = await generateIdentity();
  const site = key.keyID.slice(0, 16);
  const said = siteCardDocument({
    ...{ site, name, keys: { sign: key.value, age: age.recipient }, product: 'demo', holds: [] },
    issued: '2026-11-23T12:00:00.000Z',
  });
  const sign = (content: EnvelopeContent) => signEnvelope(content, privatePEM);
  const card = (more: object = {}) => sign({ ...said, ...more });
  return { key, privatePEM, site, age, said, sign, card, print: keyFingerprint(key) };
}

const stored = (workspace: Workspace, site: string) => readFile(join(workspace.paths.fleet, `${site}.json`), 'utf8');
const wrong = '0'.repeat(64);

describe('addToFleet', () => {
  it.each<[string, (site: Awaited<ReturnType<typeof newSite>>) => object]>([
    ['the digits of the key', ({ print }) => ({ fingerprint: print.hex })],
    ['the words of the key', ({ print }) => ({ fingerprint: print.words.join(' ').toUpperCase() })],
    [
      'what sha256sum says of the file',
      ({ card }) => ({ fingerprint: createHash('sha256').update(card()).digest('hex') }),
    ],
    ['the words of the file', ({ card }) => ({ fingerprint: fingerprint(card()).words.join('\n') })],
    ['what a person types', ({ print }) => ({ ask: async () => print.words.join(' ') })],
  ])('pins a site by %s', async (_how, options) => {
    const [workspace, site] = [await newWorkspace(), await newSite()];
    expect(await addToFleet(workspace, site.card(), options(site))).toEqual({
      ...{ site: site.site, name: 'plant 1', action: 'added', confirmed: true },
      fingerprint: site.print,
    });
    expect(await listFleet(workspace)).toEqual([
      {
        ...{ site: site.site, name: 'plant 1', recipient: site.age.recipient, product: 'demo' },
        ...{ issued: '2026-11-23T12:00:00.000Z', confirmed: true },
      },
    ]);
  });

  it.each([
    ['given', { fingerprint: wrong }],
    ['given with yes', { fingerprint: wrong, yes: true }],
    ['typed', { ask: async () => 'zoo '.repeat(12) }],
    ['typed as nothing', { ask: async () => '' }],
  ])('pins nobody when another fingerprint is %s, and tells nothing of the right one', async (_how, options) => {
    const [workspace, site] = [await newWorkspace(), await newSite()];
    const adding = addToFleet(workspace, site.card(), options);
    await expect(adding).rejects.toMatchObject({ code: 'FINGERPRINT_MISMATCH', facts: {} });
    const error = (await adding.catch((thrown: Error) => thrown)) as Error;
    expect(error.message).not.toContain(site.print.hex.slice(0, 8));
    expect(await listFleet(workspace)).toEqual([]);
  });

  it('pins nobody when nobody answers', async () => {
    const [workspace, site] = [await newWorkspace(), await newSite()];
    await expect(addToFleet(workspace, site.card())).rejects.toMatchObject({ code: 'CARD_NOT_COMPARED' });
    expect(await listFleet(workspace)).toEqual([]);
  });

  it('pins with yes alone as not compared, says no fingerprint, until somebody compares it', async () => {
    const [workspace, site] = [await newWorkspace(), await newSite()];
    const added = await addToFleet(workspace, site.card(), { yes: true });
    expect(added).toEqual({ site: site.site, name: 'plant 1', action: 'added', confirmed: false });
    expect(await addToFleet(workspace, site.card(), { yes: true })).toEqual({ ...added, action: 'same' });
    expect(await listFleet(workspace)).toMatchObject([{ confirmed: false }]);
    const compared = await addToFleet(workspace, site.card(), { ask: async () => site.print.hex });
    expect(compared).toMatchObject({ action: 'updated', confirmed: true, fingerprint: site.print });
    expect(await listFleet(workspace)).toMatchObject([{ confirmed: true }]);
  });

  it('asks nobody about a site that was compared, and says that it is the same', async () => {
    const [workspace, site] = [await newWorkspace(), await newSite()];
    await addToFleet(workspace, site.card(), { fingerprint: site.print.hex });
    const before = await stored(workspace, site.site);
    const ask = () => Promise.reject(new Error('asked'));
    expect(await addToFleet(workspace, site.card(), { ask })).toMatchObject({ action: 'same', confirmed: true });
    await expect(addToFleet(workspace, site.card(), { fingerprint: wrong })).rejects.toMatchObject({
      code: 'FINGERPRINT_MISMATCH',
    });
    expect(await stored(workspace, site.site)).toBe(before);
  });

  it('takes a newer card of the pinned key without a question, and no older one', async () => {
    const [workspace, site] = [await newWorkspace(), await newSite()];
    await addToFleet(workspace, site.card(), { fingerprint: site.print.hex });
    const newer = site.card({ name: 'plant one', issued: '2027-01-01T00:00:00Z' });
    expect(await addToFleet(workspace, newer)).toMatchObject({ name: 'plant one', action: 'updated', confirmed: true });
    expect(await addToFleet(workspace, site.card())).toMatchObject({ name: 'plant one', action: 'same' });
    expect(await listFleet(workspace)).toMatchObject([{ name: 'plant one', issued: '2027-01-01T00:00:00Z' }]);
  });

  it('takes another age key only when a person has compared it', async () => {
    const [workspace, site] = [await newWorkspace(), await newSite()];
    await addToFleet(workspace, site.card(), { fingerprint: site.print.hex });
    const { recipient } = await generateIdentity();
    const changed = site.card({ keys: { sign: site.key.value, age: recipient }, issued: '2027-01-01T00:00:00Z' });
    const before = await stored(workspace, site.site);
    for (const options of [{}, { yes: true }])
      await expect(addToFleet(workspace, changed, options)).rejects.toMatchObject({ code: 'CARD_CHANGED' });
    await expect(openFleetCard(workspace, changed)).rejects.toMatchObject({
      code: 'CARD_CHANGED',
      message: expect.stringContaining('age key'),
    });
    expect(await stored(workspace, site.site)).toBe(before);
    const compared = await addToFleet(workspace, changed, { fingerprint: site.print.hex });
    expect(compared).toMatchObject({ action: 'updated', confirmed: true });
    expect(await openFleetCard(workspace, changed)).toMatchObject({ recipient });
    await expect(openFleetCard(workspace, site.card())).rejects.toMatchObject({ code: 'CARD_CHANGED' });
  });

  it('makes one file a site, which a later ferry may not have written', async () => {
    const [workspace, site] = [await newWorkspace(), await newSite()];
    await addToFleet(workspace, site.card(), { fingerprint: site.print.hex });
    expect(await readdir(workspace.paths.fleet)).toEqual([`${site.site}.json`]);
    const path = join(workspace.paths.fleet, `${site.site}.json`);
    await writeFile(path, (await stored(workspace, site.site)).replace('"format":1', '"format":2'));
    await writeFile(path, (await stored(workspace, site.site)).replace(/("format":)1(,"minFerry":"0.1.0"}$)/, '$12$2'));
    await expect(listFleet(workspace)).rejects.toMatchObject({ code: 'FORMAT_TOO_NEW' });
  });

  it('keeps all of many cards that come at once, and the newest of one site', async () => {
    const workspace = await newWorkspace();
    const sites = await Promise.all(Array.from({ length: 8 }, (_, at) => newSite(`plant ${at}`)));
    await Promise.all(sites.map(({ card }) => addToFleet(workspace, card(), { yes: true })));
    const [one] = sites;
    const days = ['03', '09', '05', '01', '07'];
    await Promise.all(
      days.map((day) => addToFleet(workspace, one?.card({ issued: `2027-01-${day}T00:00:00Z` }) as Buffer)),
    );
    const fleet = await listFleet(workspace);
    expect(fleet.map(({ name }) => name)).toEqual(sites.map((_, at) => `plant ${at}`));
    expect(fleet[0]?.issued).toBe('2027-01-09T00:00:00Z');
  });
});

describe('a card', () => {
  it('is refused when any byte of it was changed', async () => {
    const [workspace, site] = [await newWorkspace(), await newSite()];
    const card = site.card();
    for (let at = 0; at < card.length; at += 1) {
      const changed = Buffer.from(card);
      changed[at] = (changed[at] as number) ^ 1;
      const error = await addToFleet(workspace, changed, { yes: true }).catch((thrown: { code: string }) => thrown);
      expect(['ENVELOPE_INVALID', 'SIGNATURE_INVALID', 'CARD_INVALID', 'FORMAT_TOO_NEW'], `byte ${at}`).toContain(
        (error as { code: string }).code,
      );
    }
    expect(await listFleet(workspace)).toEqual([]);
  });

  it('is refused when another key has signed it, or it names the ID of another', async () => {
    const [workspace, site, thief] = [await newWorkspace(), await newSite(), await newSite()];
    await addToFleet(workspace, site.card(), { fingerprint: site.print.hex });
    const before = await stored(workspace, site.site);
    // what site says, with the thief's age key, signed by the thief
    const keys = { sign: site.key.value, age: thief.age.recipient };
    const bad = [
      thief.sign({ ...site.said, keys }),
      thief.sign({ ...thief.said, site: site.site }),
      thief.sign({ ...thief.said, site: site.site, keys: { ...keys, sign: thief.key.value } }),
    ];
    const codes = [];
    for (const bytes of bad) {
      for (const use of [addToFleet, openFleetCard]) {
        codes.push(await use(workspace, bytes, { yes: true }).catch(({ code }: { code: string }) => code));
      }
    }
    expect(codes).toEqual([
      ...['SIGNATURE_INVALID', 'SIGNATURE_INVALID'],
      ...['CARD_INVALID', 'CARD_INVALID', 'CARD_INVALID', 'CARD_INVALID'],
    ]);
    expect(await stored(workspace, site.site)).toBe(before);
  });

  it.each<[string, string, object]>([
    ['a receipt', 'ENVELOPE_INVALID', { type: 'receipt' }],
    ['a card of a later format', 'FORMAT_TOO_NEW', { format: 2 }],
    ['one of another product', 'CARD_PRODUCT', { product: 'atrium' }],
    ['one without a name', 'CARD_INVALID', { name: '' }],
    ['one whose name turns the line around', 'CARD_INVALID', { name: 'plant \u202e1' }],
    ['one named like the ID of a site', 'CARD_INVALID', { name: 'ab'.repeat(8) }],
    ['one for any site', 'CARD_INVALID', { site: 'any' }],
    ['one without a date', 'CARD_INVALID', { issued: 'yesterday' }],
    ['one that holds what is no image', 'CARD_INVALID', { holds: [{ name: 'a' }] }],
  ])('that is %s is refused with %s', async (_what, code, more) => {
    const [workspace, site] = [await newWorkspace(), await newSite()];
    const hint = code === 'ENVELOPE_INVALID' && { hint: expect.stringContaining('`ferry site card`') };
    await expect(addToFleet(workspace, site.card(more), { yes: true })).rejects.toMatchObject({ code, ...hint });
    await expect(openFleetCard(workspace, site.card(more))).rejects.toMatchObject({ code });
    expect(await listFleet(workspace)).toEqual([]);
  });

  it.each([
    ['nothing', ''],
    ['an SSH key', 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsKLqeplhpW+uObz5dvMgjz1OxfM/XXUB+VHtZ6isGN'],
    ['a private key', 'AGE-SECRET-KEY-1QYQSZQGPQYQSZQGPQYQSZQGPQYQSZQGPQYQSZQGPQYQSZQGPQYQSZQGPQ'],
    ['a recipient with a slip of the pen', `age1${'q'.repeat(58)}`],
  ])('whose age recipient is %s is refused, and it is not quoted', async (_what, age) => {
    const [workspace, site] = [await newWorkspace(), await newSite()];
    const adding = addToFleet(workspace, site.card({ keys: { sign: site.key.value, age } }), { yes: true });
    await expect(adding).rejects.toMatchObject({ code: 'CARD_INVALID' });
    if (age !== '') await expect(adding).rejects.not.toThrow(age);
  });

  it('of another site of the same product opens when it was added, not before', async () => {
    const [workspace, site] = [await newWorkspace(), await newSite()];
    await expect(openFleetCard(workspace, site.card())).rejects.toMatchObject({
      code: 'SITE_UNKNOWN',
      message: expect.stringContaining(`${site.site} ("plant 1")`),
    });
    await addToFleet(workspace, site.card(), { yes: true });
    expect(await openFleetCard(workspace, site.card())).toMatchObject({ site: site.site, confirmed: false });
  });

  it('that says more than this ferry knows is taken, and kept as it came', async () => {
    const [workspace, site] = [await newWorkspace(), await newSite()];
    const card = site.card({ colour: 'blue', keys: { ...site.said.keys, more: 'x' } });
    await addToFleet(workspace, card, { yes: true });
    const { card: kept } = JSON.parse(await stored(workspace, site.site));
    expect(kept).toEqual(JSON.parse(card.toString()));
  });

  it('says what is installed there and how long its licence holds', async () => {
    const [workspace, site] = [await newWorkspace(), await newSite()];
    const license = { validUntil: '2027-06-01T00:00:00.000Z' };
    await addToFleet(workspace, site.card({ trust: { root: 1, catalogue: 4, sequence: 7 }, license }), { yes: true });
    expect(await listFleet(workspace)).toMatchObject([{ sequence: 7, licenseUntil: license.validUntil }]);
  });
});

describe('openFleetCard', () => {
  it('stores a newer card, and answers the newest when an older one comes', async () => {
    const [workspace, site] = [await newWorkspace(), await newSite()];
    await addToFleet(workspace, site.card(), { fingerprint: site.print.hex });
    const newer = site.card({ name: 'plant one', issued: '2027-01-01T00:00:00Z' });
    expect(await openFleetCard(workspace, newer)).toMatchObject({ name: 'plant one', confirmed: true });
    expect(await openFleetCard(workspace, site.card())).toMatchObject({ name: 'plant one' });
    expect(findInFleet(await listFleet(workspace), 'plant one')).toMatchObject({ site: site.site });
  });
});

describe('a stored site', () => {
  it.each<[string, (text: string) => string]>([
    ['no JSON', (text) => text.slice(1)],
    ['another card', (text) => text.replace('plant 1', 'plant 2')],
    ['no word on who compared it', (text) => text.replace('"confirmed":true', '"confirmed":1')],
    ['no card', () => '{"format":1,"minFerry":"0.1.0","confirmed":true}'],
  ])('that is damaged, with %s, is said and never used', async (_what, change) => {
    const [workspace, site] = [await newWorkspace(), await newSite()];
    await addToFleet(workspace, site.card(), { fingerprint: site.print.hex });
    await writeFile(join(workspace.paths.fleet, `${site.site}.json`), change(await stored(workspace, site.site)));
    for (const use of [() => listFleet(workspace), () => openFleetCard(workspace, site.card())]) {
      await expect(use()).rejects.toMatchObject({
        code: 'WORKSPACE_INVALID',
        hint: expect.stringContaining('fleet add'),
      });
    }
  });

  it('under the name of another is damage too', async () => {
    const [workspace, site] = [await newWorkspace(), await newSite()];
    await addToFleet(workspace, site.card(), { fingerprint: site.print.hex });
    await writeFile(join(workspace.paths.fleet, `${'ab'.repeat(8)}.json`), await stored(workspace, site.site));
    await expect(listFleet(workspace)).rejects.toMatchObject({ code: 'WORKSPACE_INVALID' });
  });
});

describe('findInFleet', () => {
  it('finds by ID and by name, in whatever form its letters are written', async () => {
    const [workspace, site] = [await newWorkspace(), await newSite('Werk Köln')];
    await addToFleet(workspace, site.card(), { yes: true });
    const sites = await listFleet(workspace);
    for (const text of [site.site, 'Werk Köln', 'Werk Ko\u0308ln'])
      expect(findInFleet(sites, text)).toMatchObject({ site: site.site });
    expect(findInFleet(sites, 'werk köln')).toBeUndefined();
    expect(findInFleet([], site.site)).toBeUndefined();
  });

  it('names all when several are called so', async () => {
    const [workspace, one, other] = [await newWorkspace(), await newSite(), await newSite()];
    for (const { card } of [one, other]) await addToFleet(workspace, card(), { yes: true });
    const ids = [one.site, other.site].toSorted();
    const sites = await listFleet(workspace);
    expect(() => findInFleet(sites, 'plant 1')).toThrow(
      expect.objectContaining({
        code: 'SITE_AMBIGUOUS',
        message: `find site "plant 1": expected one of that name, got ${ids.join(', ')}`,
      }),
    );
    expect(findInFleet(sites, one.site)).toMatchObject({ site: one.site });
  });
});
