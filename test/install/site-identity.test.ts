/** `site init` and `site card` at the level of the room: what is made, what is written down, what a card tells. */

import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connectEngine, DockerError } from '../../src/docker/index.ts';
import { type InitSiteOptions, initSite, listAudit, writeCard } from '../../src/install/index.ts';
import { parseSiteCard } from '../../src/manifest/index.ts';
import { ensureSiteIdentity, findSiteIdentity } from '../../src/site/index.ts';
import { findState, openState } from '../../src/state/index.ts';
import { fingerprint, generateKey, openEnvelope } from '../../src/trust/index.ts';

const NOW = new Date('2026-11-23T12:00:00Z');

let dir: string;
let stateDir: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'ferry-identity-'));
  stateDir = join(dir, 'state');
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const init = (options: Partial<InitSiteOptions> = {}) => initSite({ stateDir, now: NOW, ...options });
const noEngine = () => connectEngine({ env: { DOCKER_HOST: `unix://${dir}/none.sock` } });
const card = (options: object = {}) =>
  writeCard({ stateDir, out: join(dir, 'site.json'), engine: noEngine, now: NOW, ...options });
const identityOf = async (at = stateDir) => {
  const state = await findState(at);
  return state && findSiteIdentity(state);
};

describe('initSite', () => {
  it('makes an identity where nothing was, and says what the office compares', async () => {
    const made = await init({ name: 'plant 1' });
    const identity = await identityOf();
    expect(made).toEqual({
      ...{ action: 'made', site: identity?.site, name: 'plant 1' },
      ...{ fingerprint: identity?.key.keyID, words: expect.any(Array) },
    });
    expect(made.words).toHaveLength(12);
    expect(await listAudit(stateDir, { last: 9 })).toMatchObject([
      { event: 'identity', facts: { action: 'made', site: made.site, name: 'plant 1' } },
    ]);
  });

  it('has nothing to do a second time, also when no name is said', async () => {
    const { action: _, ...made } = await init({ name: 'plant 1' });
    const before = await readFile(join(stateDir, 'audit.jsonl'));
    for (const again of [await init({ name: ' plant 1 ' }), await init()])
      expect(again).toEqual({ ...made, action: 'same' });
    expect(await readFile(join(stateDir, 'audit.jsonl'))).toEqual(before);
  });

  it('renames with another name; the keys and the ID stay', async () => {
    const made = await init({ name: 'plant 1' });
    const before = await identityOf();
    const renamed = await init({ name: 'plant 2' });
    expect(renamed).toEqual({ ...made, name: 'plant 2', action: 'renamed', former: 'plant 1' });
    expect(await identityOf()).toEqual({ ...before, name: 'plant 2' });
    expect(await listAudit(stateDir, { last: 1 })).toMatchObject([
      { event: 'identity', facts: { action: 'renamed', former: 'plant 1', name: 'plant 2' } },
    ]);
  });

  it('completes a site of ferry 0.1.0', async () => {
    const state = await openState(stateDir);
    const { privatePEM, key } = generateKey();
    await state.writeIdentity('sign.pem', Buffer.from(privatePEM));
    expect(await init({ name: 'plant 1' })).toMatchObject({ action: 'completed', fingerprint: key.keyID });
    expect(await init({ name: 'plant 1' })).toMatchObject({ action: 'same' });
  });

  it('makes nothing for a name that is none', async () => {
    await expect(init({ name: 'plant\n1' })).rejects.toMatchObject({ code: 'NAME_INVALID' });
    expect(await readdir(dir)).toEqual([]);
  });

  it('waits for nobody: while another command is at work it is refused', async () => {
    const lock = await (await openState(stateDir)).lock();
    await expect(init()).rejects.toMatchObject({ code: 'LOCKED' });
    await lock.release();
  });

  it('says in the log why an identity that is damaged was left as it is', async () => {
    await init({ name: 'plant 1' });
    await writeFile(join(stateDir, 'identity/age.txt'), 'torn');
    await expect(init({ name: 'plant 1' })).rejects.toMatchObject({ code: 'IDENTITY_DAMAGED' });
    expect(await readFile(join(stateDir, 'identity/age.txt'), 'utf8')).toBe('torn');
    expect(await listAudit(stateDir, { last: 1 })).toMatchObject([
      { event: 'refusal', facts: { code: 'IDENTITY_DAMAGED', command: 'site init' } },
    ]);
  });
});

describe('writeCard', () => {
  it('writes a card that the site signed, and says that no engine was asked', async () => {
    const made = await init({ name: 'plant 1' });
    const done = await card();
    const { action: _, ...named } = made;
    expect(done).toEqual({
      ...{ ...named, path: join(dir, 'site.json') },
      warnings: [expect.stringMatching(/^the card says nothing of engine and images: .*none\.sock/)],
    });
    const identity = await identityOf();
    const bytes = await readFile(done.path);
    const content = parseSiteCard(openEnvelope(bytes, identity?.key as never, 'site-card'));
    expect(content).toMatchObject({ site: made.site, name: 'plant 1', holds: [], issued: NOW.toISOString() });
    for (const field of ['engine', 'platform', 'product', 'trust', 'license'])
      expect(content).not.toHaveProperty(field);
    expect(fingerprint(bytes).hex).not.toBe(made.fingerprint);
  });

  it('replaces an older card of this site, and nothing else', async () => {
    await init();
    await card();
    const later = new Date('2027-01-01T00:00:00Z');
    const { path } = await card({ now: later });
    expect(await readFile(path, 'utf8')).toContain('"issued":"2027-01-01');
    const other = join(dir, 'other.json');
    await writeFile(other, 'mine');
    await expect(card({ out: other })).rejects.toMatchObject({ code: 'NAME_TAKEN' });
    const strange = await ensureSiteIdentity(await openState(join(dir, 'strange')));
    expect(strange.site).not.toBe((await identityOf())?.site);
    await expect(card({ out: path, stateDir: join(dir, 'strange') })).rejects.toMatchObject({ code: 'NAME_TAKEN' });
    expect(await readFile(other, 'utf8')).toBe('mine');
  });

  it('is refused where there is no site yet, and makes none', async () => {
    await expect(card()).rejects.toMatchObject({ code: 'IDENTITY_MISSING' });
    expect(await readdir(dir)).toEqual([]);
  });

  it('needs no lock, but of a site of ferry 0.1.0, which it completes', async () => {
    await init();
    const state = await openState(stateDir);
    const lock = await state.lock();
    await card();
    await rm(join(stateDir, 'identity/age.txt'));
    await expect(card()).rejects.toMatchObject({ code: 'LOCKED' });
    await lock.release();
    await card();
    expect((await identityOf())?.age?.recipient).toMatch(/^age1/);
  });

  it('is no place for a mistake of ours to hide: only an engine that does not answer is passed over', async () => {
    await init();
    await expect(card({ engine: () => Promise.reject(new RangeError('ours')) })).rejects.toThrow(RangeError);
    const refused = new DockerError('asked: no', { code: 'ENGINE_DENIED' });
    await expect(card({ engine: () => Promise.reject(refused) })).resolves.toMatchObject({
      warnings: [expect.stringContaining('asked: no')],
    });
  });
});
