/** A licence that an import brings is judged before anything is changed. FORMAT §8. */

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { wordsFor } from '../../src/cli/words.ts';
import type { FerryError } from '../../src/errors.ts';
import type { TestEngine } from '../support/engine.ts';
import { licenseIssuer } from '../support/licenses.ts';
import { type Lab, NOW, snapshot, useSite } from './lab.ts';

const PLACE = '/etc/atrium/license.blob';
const REASON = 'the vendor took a year back, ticket 4711';
const issuer = licenseIssuer();

let engine: TestEngine;
let lab: Lab;
let site: string;
let name: string;

useSite((made) => {
  ({ engine, lab } = made);
});

beforeEach(async () => {
  ({ site, name } = await lab.identity());
});

const inDays = (days: number): number => Math.floor(NOW.getTime() / 1000) + days * 86_400;
const token = (claims: object, by = issuer): string => by.issue({ product: 'atrium', ...claims });
const license = (text: string) => ({ name: 'license.blob', role: 'license', text });
const release = (version: string, more = {}) => {
  const fields = { license: { install: PLACE, publicKey: issuer.publicDER } };
  return lab.release({ release: version, fields, ...more });
};
const standing = (): Promise<string> => readFile(join(lab.prefix, PLACE), 'utf8');

/** The error of an import that changes nothing. */
async function refusal(path: string, options: Parameters<Lab['import']>[1] = {}): Promise<FerryError> {
  const before = await snapshot(engine, lab);
  const error: unknown = await lab.import(path, options).then(
    () => new Error('expected a refusal'),
    (thrown: unknown) => thrown,
  );
  expect(await snapshot(engine, lab)).toEqual(before);
  return error as FerryError;
}

async function auditLines(): Promise<{ event: string; facts?: Record<string, unknown> }[]> {
  const text = await readFile(join(lab.stateDir, 'audit.jsonl'), 'utf8');
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}

describe('a licence in an overlay', () => {
  beforeEach(async () => {
    await lab.import((await release('1')).path);
    await lab.import(await lab.overlay(site, [license(token({ site, exp: inDays(100) }))]));
  });

  it.each([
    ['has ended', () => token({ exp: inDays(-1) }), 'LICENSE_ENDED', 1],
    ['is not valid yet', () => token({ nbf: inDays(2), exp: inDays(400) }), 'LICENSE_NOT_YET', 1],
    ['is for another product', () => issuer.issue({ product: 'nimbus' }), 'LICENSE_OTHER_PRODUCT', 1],
    ['is for another site', () => token({ site: '0123456789abcdef' }), 'LICENSE_OTHER_SITE', 3],
    ['was signed by somebody else', () => token({ exp: inDays(400) }, licenseIssuer()), 'LICENSE_SIGNATURE', 1],
    ['is not signed at all', () => '{"product":"atrium"}', 'LICENSE_SIGNATURE', 1],
    ['ends sooner than the installed one', () => token({ exp: inDays(99) }), 'LICENSE_SHORTER', 1],
  ])('that %s leaves every file as it was', async (_what, make, code, exit) => {
    const text = make();
    const error = await refusal(await lab.overlay(site, [license(text)]));
    expect(error).toMatchObject({ code });
    expect(wordsFor(error).exit).toBe(exit);
    expect(error.message).not.toContain(text);
    expect(await auditLines()).toContainEqual(expect.objectContaining({ event: 'refusal' }));
  });

  it('is told with what else stands in the way, another site’s first', async () => {
    await writeFile(join(lab.prefix, PLACE), token({ exp: inDays(3) }));
    const error = await refusal(await lab.overlay(site, [license(token({ site: 'nowhere' }))]));
    expect(error.errors.map(({ code }) => code)).toEqual(['LICENSE_OTHER_SITE', 'LOCAL_EDIT']);
    expect(wordsFor(error).exit).toBe(3);
  });

  it('does not hide by its own status that something else is refused', async () => {
    const sites = { any: [license('<html>log in</html>')] };
    const old = await release('0.9', { sites });
    await lab.import((await release('2')).path);
    const error = await refusal(old.path);
    expect(error.errors.map(({ code }) => code)).toEqual(['DOWNGRADE', 'LICENSE_IS_HTML']);
    expect(wordsFor(error).exit).toBe(3);
  });

  it('may name the site by its name', async () => {
    const overlay = await lab.overlay(site, [license(token({ site: name, exp: inDays(101) }))]);
    expect(await lab.import(overlay)).toMatchObject({ action: 'installed' });
  });

  it('that ends sooner is taken with --allow-shorter and a reason, which is written down', async () => {
    const text = token({ exp: inDays(50) });
    const overlay = await lab.overlay(site, [license(text)]);
    expect(await refusal(overlay, { allowShorter: true })).toMatchObject({ code: 'REASON_MISSING' });
    await lab.import(overlay, { allowShorter: true, reason: REASON });
    expect(await standing()).toBe(text);
    const facts = { flag: '--allow-shorter', reason: REASON };
    expect(await auditLines()).toContainEqual(expect.objectContaining({ event: 'override', facts }));
  });

  it('that ends sooner can be left where it is, and the longer one stays', async () => {
    const overlay = await lab.overlay(site, [license(token({ exp: inDays(50) }))]);
    const { hint } = await refusal(overlay);
    expect(hint).toContain('--allow-shorter, or keep the installed one with --keep-local license.blob');
    const before = await standing();
    expect(await lab.import(overlay, { keepLocal: ['license.blob'], reason: REASON })).toMatchObject({
      files: [{ action: 'kept' }],
    });
    expect(await standing()).toBe(before);
  });

  it('takes the place of one that has ended, however soon it ends itself', async () => {
    const later = new Date(NOW.getTime() + 101 * 86_400_000);
    const text = token({ exp: inDays(102) });
    await lab.import(await lab.overlay(site, [license(text)]), { now: later });
    expect(await standing()).toBe(text);
  });

  it('that is installed already is not judged again, also when it has ended meanwhile', async () => {
    const overlay = await lab.overlay(site, [license(await standing())]);
    const later = new Date(NOW.getTime() + 200 * 86_400_000);
    expect(await lab.import(overlay, { now: later })).toMatchObject({ action: 'present' });
  });

  it('is judged by the highest time that this site has seen, not by a clock that was set back', async () => {
    lab.publisher.now = new Date(NOW.getTime() + 300 * 86_400_000);
    const error = await refusal(await lab.overlay(site, [license(token({ exp: inDays(299) }))]));
    expect(error).toMatchObject({ code: 'LICENSE_ENDED' });
  });
});

describe('a licence with a release', () => {
  it('is a finding like others, and its override stands in the receipt', async () => {
    const long = license(token({ exp: inDays(100) }));
    await lab.import((await release('1', { sites: { any: [long] } })).path);
    const { path } = await release('2', { sites: { any: [license(token({ exp: inDays(9) }))] } });
    expect(await refusal(path)).toMatchObject({ code: 'LICENSE_SHORTER' });
    const { receipt } = await lab.import(path, { allowShorter: true, reason: REASON });
    const { overrides } = JSON.parse(await readFile(receipt ?? '', 'utf8')).signed;
    expect(overrides).toEqual([{ flag: '--allow-shorter', reason: REASON }]);
  });

  it('needs no override that stands in nobody’s way', async () => {
    const options = { allowShorter: true, reason: REASON };
    const { receipt } = await lab.import(
      (await release('1', { sites: { any: [license(token({ exp: inDays(9) }))] } })).path,
      options,
    );
    expect(JSON.parse(await readFile(receipt ?? '', 'utf8')).signed.overrides).toEqual([]);
  });

  it('that nobody but the product can read is installed as it is, where no key is named', async () => {
    const fields = { license: { install: PLACE } };
    await lab.import((await release('1', { fields, sites: { any: [license('opaque, kept as it is\n')] } })).path);
    expect(await standing()).toBe('opaque, kept as it is\n');
  });
});
