/** What killed processes leave of single writes goes; everything else stays. */

import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openState, type SiteState } from '../../src/state/index.ts';

let base: string;
let state: SiteState;

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'ferry-tidy-'));
  state = await openState(join(base, 'state'));
  await state.writeTrust({ root: Buffer.from('root'), confirmed: true, floors: {} });
  await state.writeIdentity('sign.pem', Buffer.from('key'));
  await state.draftRelease(7);
  await state.commitDraft(7);
});
afterEach(() => rm(base, { recursive: true, force: true }));

const all = async () => (await readdir(state.dir, { recursive: true })).toSorted();

it('takes drafts, old trust, links that were not moved, and the spool; and nothing else', async () => {
  const before = await all();
  for (const path of [
    '.state.json.0123456789ab.tmp',
    '.trust-9/root.json',
    '.trust-1/.clock.0123456789ab.tmp',
    '.spool/layer',
    'identity/.sign.pem.0123456789ab.tmp',
    'releases/.draft-8/release.json',
    'releases/.replaced-7/release.json',
    'releases/.dropped-0/kept/abc',
    'releases/7/.installed.json.0123456789ab.tmp',
    'releases/7/kept/.new',
  ]) {
    await mkdir(dirname(join(state.dir, path)), { recursive: true });
    await writeFile(join(state.dir, path), 'left');
  }
  await symlink('.trust-9', join(state.dir, 'trust.new'));
  await symlink('8', join(state.dir, 'releases/current.new'));
  await state.tidy();
  expect((await all()).filter((path) => !path.endsWith('/kept'))).toEqual(before);
});

it('leaves what the operator has put there', async () => {
  await writeFile(join(state.dir, 'site.yaml'), 'folders: []\n');
  await writeFile(join(state.dir, 'notes.tmp'), 'mine');
  const before = await all();
  await state.tidy();
  expect(await all()).toEqual(before);
});
