/** The first root of a site, its successors, and another in its place. FORMAT §2 "First root". */

import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type PinRootOptions, pinRoot } from '../../src/install/index.ts';
import { findState, openState } from '../../src/state/index.ts';
import { fingerprint } from '../../src/trust/index.ts';
import { createPublisher, type Publisher } from '../support/publisher.ts';
import { CUT_OFF } from './lab.ts';

const NOW = new Date('2026-11-23T12:00:00Z');

let stateDir: string;
let publisher: Publisher;

beforeEach(async () => {
  stateDir = join(await mkdtemp(join(tmpdir(), 'ferry-root-')), 'state');
  publisher = await createPublisher({ now: NOW });
});
afterEach(() => rm(join(stateDir, '..'), { recursive: true, force: true }));

const pin = (options: Partial<PinRootOptions> = {}) =>
  pinRoot({ stateDir, root: publisher.root, now: NOW, ...options });
const stored = async () => (await findState(stateDir))?.findTrust();
const audit = (): Promise<string> => readFile(join(stateDir, 'audit.jsonl'), 'utf8');
const hex = (): string => fingerprint(publisher.root).hex;
const words = (): string => fingerprint(publisher.root).words.join(' ');

describe('the first root', () => {
  it.each([
    ['the digits are given', () => ({ fingerprint: hex() })],
    ['the words are given', () => ({ fingerprint: words() })],
    ['a person types the words', () => ({ ask: async () => words().toUpperCase() })],
    ['a person types the digits', () => ({ ask: async () => ` ${hex()}\n` })],
  ])('is pinned and shown when %s', async (_how, options) => {
    const result = await pin(options());
    expect(result).toMatchObject({ action: 'pinned', confirmed: true, fingerprint: fingerprint(publisher.root) });
    expect(await stored()).toMatchObject({ root: publisher.root, confirmed: true });
  });

  it('makes the site’s signing key, for its owner alone', async () => {
    const { site } = await pin({ fingerprint: hex() });
    expect(site).toMatch(/^[0-9a-f]{16}$/);
    expect((await stat(join(stateDir, 'identity/sign.pem'))).mode & 0o777).toBe(0o600);
    expect((await pin({ fingerprint: hex() })).site).toBe(site);
  });

  it('makes all of the identity, also what a site of ferry 0.1.0 lacks', async () => {
    const { site } = await pin({ fingerprint: hex() });
    const names = () => readdir(join(stateDir, 'identity'));
    expect((await names()).toSorted()).toEqual(['age.txt', 'sign.pem', 'site.json']);
    for (const name of ['age.txt', 'site.json']) await rm(join(stateDir, 'identity', name));
    expect((await pin({ fingerprint: hex() })).site).toBe(site);
    expect(await names()).toHaveLength(3);
    for (const name of await names()) expect((await stat(join(stateDir, 'identity', name))).mode & 0o777).toBe(0o600);
  });

  it.each([
    ['given', () => ({ fingerprint: '0'.repeat(64) })],
    ['typed', () => ({ ask: async () => 'zoo '.repeat(12) })],
    ['given with yes', () => ({ fingerprint: '0'.repeat(64), yes: true })],
  ])('is not pinned when another fingerprint is %s, and its own is not told', async (_how, options) => {
    const pinning = pin(options());
    await expect(pinning).rejects.toMatchObject({ code: 'FINGERPRINT_MISMATCH' });
    await expect(pinning).rejects.not.toThrow(hex());
    expect(await stored()).toBeUndefined();
    expect(await audit()).toMatch(/"event":"refusal","facts":\{"code":"FINGERPRINT_MISMATCH","command":"trust",/);
  });

  it('is not pinned when nobody answers', async () => {
    await expect(pin()).rejects.toMatchObject({ code: 'FINGERPRINT_NEEDED' });
    expect(await stored()).toBeUndefined();
  });

  it('is pinned unconfirmed with yes alone, its fingerprint untold, until somebody compares it', async () => {
    const result = await pin({ yes: true });
    expect(result).toMatchObject({ action: 'pinned', confirmed: false });
    expect(result).not.toHaveProperty('fingerprint');
    expect(await stored()).toMatchObject({ confirmed: false });
    expect(await pin({ fingerprint: words() })).toMatchObject({ action: 'pinned', confirmed: true });
    expect(await stored()).toMatchObject({ confirmed: true });
  });

  it('is not asked about when it is no root at all', async () => {
    const asked = pin({ root: Buffer.from('{}'), ask: () => Promise.reject(new Error('asked')) });
    await expect(asked).rejects.toMatchObject({ code: expect.stringMatching(/METADATA_INVALID|NOT_CANONICAL/) });
    expect(await findState(stateDir)).toBeUndefined();
  });

  it('is written into the log', async () => {
    await pin({ fingerprint: hex() });
    expect(await audit()).toContain(`"fingerprint":"${hex()}"`);
  });
});

describe('a root that comes later', () => {
  it('changes nothing when it is the pinned one, without a question', async () => {
    await pin({ fingerprint: hex() });
    expect(await pin()).toMatchObject({ action: 'same', confirmed: true });
  });

  it('is taken without a question when the pinned one leads to it', async () => {
    await pin({ fingerprint: hex() });
    await publisher.rotate(['targets']);
    expect(await pin()).toMatchObject({ action: 'successor', confirmed: true });
    expect(await stored()).toMatchObject({ root: publisher.root });
  });

  it('is held to a fingerprint that is given, though the pinned one leads to it', async () => {
    await pin({ yes: true });
    await publisher.rotate(['targets']);
    await expect(pin({ fingerprint: '0'.repeat(64) })).rejects.toMatchObject({ code: 'FINGERPRINT_MISMATCH' });
    expect(await pin({ fingerprint: hex() })).toMatchObject({ action: 'successor', confirmed: true });
  });

  it('forgets catalogue and clock when it drops their keys, and keeps the release floor', async () => {
    await pin({ fingerprint: hex() });
    const state = await openState(stateDir);
    const { timestamp, snapshot, targets } = publisher.chain;
    const known = { root: publisher.root, confirmed: true, chain: { timestamp, snapshot, targets } };
    await state.writeTrust({ ...known, clock: '2026-06-01T00:00:00Z', floors: { release: 3 } });
    await publisher.rotate(['timestamp', 'snapshot']);
    await pin();
    expect(await stored()).toEqual({ root: publisher.root, confirmed: true, floors: { release: 3 } });
  });

  it('is refused when it is another’s, and taken with replace, for a reason that is written down', async () => {
    await pin({ fingerprint: hex() });
    const former = publisher.root;
    publisher = await createPublisher({ now: NOW });
    await expect(pin({ fingerprint: hex() })).rejects.toMatchObject({ code: 'ROOT_MISMATCH' });
    expect(await stored()).toMatchObject({ root: former });
    const replaced = await pin({ fingerprint: hex(), replace: true, reason: 'the office lost its keys' });
    expect(replaced).toMatchObject({ action: 'replaced', confirmed: true });
    expect(await stored()).toEqual({ root: publisher.root, confirmed: true, floors: {} });
    expect(await audit()).toMatch(/"event":"override".*the office lost its keys/);
  });
});

describe('a site with a transaction that was cut off', () => {
  it('is put right before anything about its root is decided', async () => {
    await pin({ fingerprint: hex() });
    const state = await openState(stateDir);
    const draft = { kind: 'keep', name: 'keep release 2', data: { sequence: 2 } };
    await state.draftRelease(2);
    await state.writeJournal({ ...CUT_OFF, prefix: stateDir, steps: [draft] });
    await pin({ engine: () => Promise.reject(new Error('no engine is needed for this')) });
    expect(await state.findJournal()).toBeUndefined();
    expect(await state.findDraft(2)).toBeUndefined();
    expect(await audit()).toContain('"event":"recovery"');
  });
});
