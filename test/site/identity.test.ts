/** Who a site is: its keys and its name, made once, kept for their owner alone. FORMAT §4, §7. */

import { execFileSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isSiteName } from '../../src/manifest/index.ts';
import { openSealed, recipientOf, sealFor } from '../../src/seal/index.ts';
import { ensureSiteIdentity, findSiteIdentity, isWhole, nameSite } from '../../src/site/index.ts';
import { openState, type SiteState } from '../../src/state/index.ts';
import { generateKey, signWith, verifySignature } from '../../src/trust/index.ts';

const NOW = new Date('2026-11-23T12:00:00.500Z');

let base: string;
let state: SiteState;

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'ferry-site-'));
  state = await openState(base);
});
afterEach(() => rm(base, { recursive: true, force: true }));

const identityFile = (name: string): string => join(base, 'identity', name);

describe('ensureSiteIdentity', () => {
  it('makes keys and a name once and finds them again', async () => {
    expect(await findSiteIdentity(state)).toBeUndefined();
    const made = await ensureSiteIdentity(state, { now: NOW });
    expect(isWhole(made)).toBe(true);
    expect(await ensureSiteIdentity(state, { name: 'another' })).toEqual(made);
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

  it('makes an age identity that opens what is sealed for it', async () => {
    const { age } = await ensureSiteIdentity(state);
    const sealed = await sealFor(Buffer.from('licence'), age.recipient);
    expect(Buffer.from(await openSealed(sealed, age.identity)).toString()).toBe('licence');
  });

  it('writes it as age-keygen does, so that age takes the file', async () => {
    const { age } = await ensureSiteIdentity(state, { now: NOW });
    expect(await readFile(identityFile('age.txt'), 'utf8')).toBe(
      `# created: 2026-11-23T12:00:00Z\n# public key: ${age.recipient}\n${age.identity}\n`,
    );
    const sealed = join(base, 'sealed');
    await writeFile(sealed, await sealFor(Buffer.from('licence'), age.recipient));
    expect(execFileSync('age', ['-d', '-i', identityFile('age.txt'), sealed], { encoding: 'utf8' })).toBe('licence');
  });

  it('takes the name of the host when none is said', async () => {
    const { name, site } = await ensureSiteIdentity(state);
    expect(name).toBe(isSiteName(hostname()) ? hostname() : `site-${site.slice(0, 8)}`);
    await rm(identityFile('site.json'));
    expect(await ensureSiteIdentity(state, { name: 'plant 1' })).toMatchObject({ name: 'plant 1', site });
    expect(JSON.parse(await readFile(identityFile('site.json'), 'utf8'))).toEqual({
      format: 1,
      minFerry: '0.1.0',
      name: 'plant 1',
    });
  });

  it('keeps all of it for its owner alone', async () => {
    await ensureSiteIdentity(state);
    const names = await readdir(join(base, 'identity'));
    expect(names.toSorted()).toEqual(['age.txt', 'sign.pem', 'site.json']);
    for (const name of names) expect((await stat(identityFile(name))).mode & 0o777, name).toBe(0o600);
    expect((await stat(join(base, 'identity'))).mode & 0o777).toBe(0o700);
  });

  it('gives a site of ferry 0.1.0, which has a signing key alone, the rest, and keeps who it is', async () => {
    const { key, privatePEM } = generateKey();
    await state.writeIdentity('sign.pem', Buffer.from(privatePEM));
    const before = await findSiteIdentity(state);
    expect(before).toEqual({ site: key.keyID.slice(0, 16), key, privatePEM });
    expect(isWhole(before)).toBe(false);
    const after = await ensureSiteIdentity(state);
    expect(after).toMatchObject({ ...before, age: { recipient: expect.stringMatching(/^age1/) } });
    expect(await readFile(identityFile('sign.pem'), 'utf8')).toBe(privatePEM);
  });

  it('takes an identity that age-keygen made', async () => {
    await ensureSiteIdentity(state);
    const made = execFileSync('age-keygen', { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    await writeFile(identityFile('age.txt'), made.replaceAll('\n', '\r\n'));
    const { age } = await ensureSiteIdentity(state);
    expect(made).toContain(age.identity);
    expect(age.recipient).toBe(await recipientOf(age.identity));
  });

  const secret = 'hunter2';
  it.each([
    ['sign.pem', `-----BEGIN PRIVATE KEY-----\n${secret}\n`],
    ['age.txt', `AGE-SECRET-KEY-1${secret}`],
    ['age.txt', `# ${secret}\n`],
    ['site.json', `{"format":1,"minFerry":"0.1.0","name":"${secret}\\n"}`],
  ])('makes nothing anew over a %s that is damaged, and quotes nothing of it', async (name, text) => {
    await ensureSiteIdentity(state);
    await state.writeIdentity(name, Buffer.from(text));
    const making = ensureSiteIdentity(state);
    await expect(making).rejects.toMatchObject({ code: 'IDENTITY_DAMAGED' });
    await expect(making).rejects.not.toHaveProperty('message', expect.stringContaining(secret));
    await expect(findSiteIdentity(state)).rejects.toMatchObject({ code: 'IDENTITY_DAMAGED', cause: undefined });
    expect(await readFile(identityFile(name), 'utf8')).toBe(text);
  });

  it('takes two identities in one file for damage: which one would be this site’s?', async () => {
    const { age } = await ensureSiteIdentity(state);
    await state.writeIdentity('age.txt', Buffer.from(`${age.identity}\n${age.identity}\n`));
    await expect(findSiteIdentity(state)).rejects.toMatchObject({ code: 'IDENTITY_DAMAGED' });
  });

  it('refuses a name that a later ferry wrote', async () => {
    await ensureSiteIdentity(state);
    await state.writeIdentity('site.json', Buffer.from('{"format":2,"minFerry":"3.0.0","name":"x"}'));
    await expect(findSiteIdentity(state)).rejects.toMatchObject({ code: 'FORMAT_TOO_NEW' });
  });
});

describe('nameSite', () => {
  it.each([
    ['plant 1', 'plant 1'],
    ['  Werk Süd, Halle 3  ', 'Werk Süd, Halle 3'],
    ['Ko\u0308ln', 'Köln'],
    ['工場', '工場'],
    ['x'.repeat(64), 'x'.repeat(64)],
    ['🏭'.repeat(64), '🏭'.repeat(64)],
  ])('takes %j', async (text, name) => {
    await ensureSiteIdentity(state, { name: 'before' });
    expect(await nameSite(state, text)).toBe(name);
    expect((await findSiteIdentity(state))?.name).toBe(name);
  });

  it.each([
    ['nothing', ''],
    ['blanks', '  \t '],
    ['two lines', 'plant\n1'],
    ['a separator of lines', 'plant\u2028 1'],
    ['a control character', 'plant\u001b[2J'],
    ['a deletion', 'plant\u007f'],
    ['a turn of direction', 'plant \u202e1'],
    ['half a character', 'plant \ud83c'],
    ['65 characters', 'x'.repeat(65)],
    ['what looks like the ID of a site', '0123456789abcdef'],
    ['any', 'any'],
  ])('refuses %s', async (_what, text) => {
    const { name } = await ensureSiteIdentity(state, { name: 'before' });
    await expect(nameSite(state, text)).rejects.toMatchObject({ code: 'NAME_INVALID' });
    expect((await findSiteIdentity(state))?.name).toBe(name);
  });
});
