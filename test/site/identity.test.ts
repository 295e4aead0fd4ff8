/** The site's signing key: made once, kept for its owner alone. FORMAT §4, §7. */

import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ensureSiteIdentity, findSiteIdentity } from '../../src/site/index.ts';
import { openState, type SiteState } from '../../src/state/index.ts';
import { signWith, verifySignature } from '../../src/trust/index.ts';

let base: string;
let state: SiteState;

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'ferry-site-'));
  state = await openState(base);
});
afterEach(() => rm(base, { recursive: true, force: true }));

describe('ensureSiteIdentity', () => {
  it('makes a key once and finds it again', async () => {
    expect(await findSiteIdentity(state)).toBeUndefined();
    const made = await ensureSiteIdentity(state);
    expect(await ensureSiteIdentity(state)).toEqual(made);
    expect(await findSiteIdentity(state)).toEqual(made);
  });

  it('names the site by the head of its keyID', async () => {
    const { site, key } = await ensureSiteIdentity(state);
    expect(site).toMatch(/^[0-9a-f]{16}$/);
    expect(key.keyID.startsWith(site)).toBe(true);
  });

  it('makes a key that signs', async () => {
    const { key, privatePEM } = await ensureSiteIdentity(state);
    const text = Buffer.from('receipt');
    expect(verifySignature(key, text, signWith(privatePEM, text))).toBe(true);
  });

  it('keeps the key for its owner alone', async () => {
    await ensureSiteIdentity(state);
    expect((await stat(join(base, 'identity/sign.pem'))).mode & 0o777).toBe(0o600);
  });

  it('makes no second key over one that is damaged, and quotes nothing of it', async () => {
    await state.writeIdentity('sign.pem', Buffer.from('-----BEGIN PRIVATE KEY-----\nhunter2\n'));
    const making = ensureSiteIdentity(state);
    await expect(making).rejects.toMatchObject({ code: 'IDENTITY_DAMAGED' });
    await expect(making).rejects.not.toHaveProperty('message', expect.stringContaining('hunter2'));
  });
});
