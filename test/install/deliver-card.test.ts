/** The card of a site on its way back: beside the bundle, newest in the place of the older, and nothing else touched. */

import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { deliverCard } from '../../src/install/records/deliver-card.ts';
import { ensureSiteIdentity, makeSiteCard, type WholeIdentity } from '../../src/site/index.ts';
import { openState } from '../../src/state/index.ts';
import { fat, tmpfs } from '../support/media.ts';

let dir: string;
let medium: string;
let identity: WholeIdentity;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'ferry-card-'));
  medium = join(dir, 'medium');
  await mkdir(medium);
  identity = await ensureSiteIdentity(await openState(join(dir, 'state')), { name: 'plant 1' });
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const sign = (day = '23', by = identity) =>
  makeSiteCard({ identity: by, product: 'atrium', holds: [], now: new Date(`2026-11-${day}T12:00:00Z`) });
const deliver = (card: Buffer, to = medium, options: object = {}) =>
  deliverCard({ card, identity, product: 'atrium', bundle: join(to, 'atrium-2.1.0-7-12.ferry.tar'), ...options });
const name = () => `atrium-${identity.site}.site.json`;

describe('deliverCard', () => {
  it('writes the card beside the bundle, after it has shown it', async () => {
    const card = sign();
    const shown: unknown[] = [];
    const onCard = (content: { readonly name: string }, path: string) =>
      shown.push([content.name, path, readdirSync(medium)]);
    const path = join(medium, name());
    expect(await deliver(card, medium, { onCard })).toEqual({ action: 'written', path });
    expect(shown).toEqual([['plant 1', path, []]]);
    expect(await readFile(path)).toEqual(card);
    expect(await readdir(medium)).toEqual([name()]);
  });

  it('puts it in the place of an older one of this site, and shows nothing when it lies there', async () => {
    await deliver(sign('22'));
    const card = sign('23');
    expect(await deliver(card)).toMatchObject({ action: 'written' });
    const onCard = () => expect.unreachable();
    expect(await deliver(card, medium, { onCard })).toEqual({ action: 'same', path: join(medium, name()) });
    expect(await readdir(medium)).toEqual([name()]);
    expect(await readFile(join(medium, name()))).toEqual(card);
  });

  it('leaves the card of another site, and whatever a link of that name leads to', async () => {
    const other = await ensureSiteIdentity(await openState(join(dir, 'other')));
    await deliver(sign('22', other), medium, { identity: other });
    await writeFile(join(dir, 'precious'), 'mine');
    await symlink(join(dir, 'precious'), join(medium, name()));
    expect(await deliver(sign())).toMatchObject({ action: 'written' });
    expect(await readFile(join(dir, 'precious'), 'utf8')).toBe('mine');
    expect(await readFile(join(medium, name()))).toEqual(sign());
    expect((await readdir(medium)).toSorted()).toEqual([name(), `atrium-${other.site}.site.json`].toSorted());
  });

  it('goes onto FAT too, over an older one', async () => {
    const stick = await fat('64M');
    for (const day of ['22', '23']) expect(await deliver(sign(day), stick)).toMatchObject({ action: 'written' });
    expect(await readdir(stick)).toEqual([name()]);
    expect(await readFile(join(stick, name()))).toEqual(sign('23'));
  });

  it('is not written, without a word, on a medium that can only be read', async () => {
    const stick = await tmpfs('1m');
    execFileSync('mount', ['-o', 'remount,ro', stick]);
    expect(await deliver(sign(), stick, { onCard: () => expect.unreachable() })).toEqual({ action: 'read-only' });
  });

  it('is a warning on a full medium, whose older card stays whole', async () => {
    const stick = await tmpfs('24k');
    await deliver(sign('22'), stick);
    await writeFile(join(stick, 'full'), Buffer.alloc(12 * 1024));
    execFileSync('sh', ['-c', `dd if=/dev/zero of=${stick}/more bs=4k 2>/dev/null || true`]);
    expect(await deliver(sign('23'), stick)).toEqual({
      action: 'failed',
      warning: expect.stringContaining('full disk'),
    });
    expect(await readFile(join(stick, name()))).toEqual(sign('22'));
    expect((await readdir(stick)).toSorted()).toEqual([name(), 'full', 'more'].toSorted());
  });

  it('is a warning when the medium is gone, or a folder has its name', async () => {
    const warning = expect.stringMatching(/^no card of this site on the medium: /);
    expect(await deliver(sign(), join(dir, 'pulled'))).toEqual({ action: 'failed', warning });
    await mkdir(join(medium, name()));
    expect(await deliver(sign())).toEqual({ action: 'failed', warning });
  });

  it('takes away what an import of this site that was killed has left, and nothing else', async () => {
    const draft = (site: string) => `.atrium-${site}.site.json.0123456789ab.tmp`;
    const others = [draft('0123456789abcdef'), '.notes.tmp', `.atrium-${identity.site}Xsite.json.0123456789ab.tmp`];
    for (const left of [...others, draft(identity.site)]) await writeFile(join(medium, left), 'left');
    await deliver(sign());
    expect((await readdir(medium)).toSorted()).toEqual([...others, name()].toSorted());
  });
});
