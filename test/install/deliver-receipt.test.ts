/** The receipt that travels back: its copy on the medium, and what it proves when it is read again. */

import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { deliverReceipt } from '../../src/install/records/deliver-receipt.ts';
import { type ReceiptFacts, signReceipt } from '../../src/install/records/receipt.ts';
import { openReceipt, type SignedReceipt, verifyReceipt } from '../../src/install/records/signed-receipt.ts';
import { digestOf } from '../../src/oci/index.ts';
import { ensureSiteIdentity, type SiteIdentity } from '../../src/site/index.ts';
import { openState } from '../../src/state/index.ts';
import { fat, tmpfs } from '../support/media.ts';

const NOW = new Date('2026-11-23T12:00:00Z');

let dir: string;
let stateDir: string;
let identity: SiteIdentity;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'ferry-receipt-'));
  stateDir = join(dir, 'state');
  identity = await ensureSiteIdentity(await openState(stateDir));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const FACTS: ReceiptFacts = {
  product: 'atrium',
  release: '2.1.0',
  sequence: 7,
  result: 'installed',
  started: NOW.toISOString(),
  engine: {
    socket: 'unix:///s',
    id: 'I',
    name: 'docker',
    version: '20.10.24',
    apiVersion: '1.41',
    store: 'classic',
    rootless: false,
  },
  images: [{ name: 'ghcr.io/atrium/server:2.1.0', action: 'loaded', imageID: digestOf(Buffer.from('image')) }],
  files: [{ path: '/etc/atrium/compose.yaml', action: 'installed', digest: digestOf(Buffer.from('file')) }],
  floors: { release: 7, catalogue: 12, root: 1 },
  overrides: [],
  previous: 6,
  operator: { user: 'root' },
};

const sign = (facts: Partial<ReceiptFacts> = {}, by = identity): Buffer =>
  signReceipt({ ...FACTS, ...facts }, { identity: by, now: NOW, began: performance.now() });
const NAME = /^atrium-[0-9a-f]{16}-7-20261123T120\d{3}Z\.receipt\.json$/;

/** Another site's identity. */
const stranger = async (): Promise<SiteIdentity> => ensureSiteIdentity(await openState(join(dir, 'other')));

describe('deliverReceipt', () => {
  const deliver = (receipt: Buffer, medium: string, options = {}) =>
    deliverReceipt({ receipt, identity, bundle: join(medium, 'atrium-2.1.0-7-12.ferry.tar'), ...options });

  it('writes the same bytes beside the bundle, after it has shown them', async () => {
    const receipt = sign();
    const shown: [SignedReceipt, string, readonly string[]][] = [];
    const medium = join(dir, 'medium');
    await mkdir(medium);
    const onReceipt = (content: SignedReceipt, path: string) => shown.push([content, path, readdirSync(medium)]);
    const copy = await deliver(receipt, medium, { onReceipt });
    expect(copy).toEqual({ action: 'written', path: expect.stringMatching(/\/medium\/atrium-/) });
    expect(shown).toEqual([[openReceipt(receipt, identity), copy.path, []]]);
    const names = await readdir(medium);
    expect(names).toEqual([expect.stringMatching(NAME)]);
    expect(await readFile(join(medium, names[0] ?? ''))).toEqual(receipt);
  });

  it('is written onto FAT too', async () => {
    const stick = await fat('64M');
    expect(await deliver(sign(), stick)).toMatchObject({ action: 'written' });
    expect(await readdir(stick)).toEqual([expect.stringMatching(NAME)]);
  });

  it('is as good as there when the same bytes lie there; other bytes stay, and that is said', async () => {
    const receipt = sign();
    const { path = '' } = await deliver(receipt, dir);
    expect(await deliver(receipt, dir)).toEqual({ action: 'same', path });
    await writeFile(path, 'mine');
    expect(await deliver(receipt, dir)).toEqual({
      action: 'failed',
      warning: expect.stringMatching(/^no copy of the receipt on the medium: .*other bytes/),
    });
    expect(await readFile(path, 'utf8')).toBe('mine');
  });

  it('is not written, without a word, on a medium that can only be read', async () => {
    const stick = await tmpfs('1m');
    execFileSync('mount', ['-o', 'remount,ro', stick]);
    let shown = 0;
    expect(await deliver(sign(), stick, { onReceipt: () => shown++ })).toEqual({ action: 'read-only' });
    expect(shown).toBe(0);
  });

  it('is a warning on a full medium, which is left as it was', async () => {
    const stick = await tmpfs('16k');
    await writeFile(join(stick, 'full'), Buffer.alloc(12 * 1024));
    const copy = await deliver(sign({ release: 'x'.repeat(8000) }), stick);
    expect(copy).toEqual({ action: 'failed', warning: expect.stringContaining('full disk') });
    expect(await readdir(stick)).toEqual(['full']);
  });

  it('is a warning when the medium is gone', async () => {
    expect(await deliver(sign(), join(dir, 'pulled'))).toEqual({
      action: 'failed',
      warning: expect.stringContaining('no copy of the receipt'),
    });
  });

  it('takes away what an import of this site that was killed has left, and nothing else', async () => {
    const medium = join(dir, 'medium');
    await mkdir(medium);
    const draft = (site: string) => `.atrium-${site}-6-20261122T120000Z.receipt.json.0123456789ab.tmp`;
    const others = [draft('0123456789abcdef'), '.notes.tmp', `atrium-${identity.site}-6-20261122T120000Z.receipt.json`];
    for (const name of [...others, draft(identity.site)]) await writeFile(join(medium, name), 'left');
    const bundle = join(medium, 'atrium-2.1.0-7-12.ferry.tar');
    expect(await deliverReceipt({ receipt: sign(), identity, bundle })).toMatchObject({ action: 'written' });
    const names = await readdir(medium);
    expect(names.filter((name) => !NAME.test(name)).toSorted()).toEqual(others.toSorted());
  });

  it('is not written where nobody wants it', async () => {
    expect(await deliver(sign(), dir, { isDeclined: true })).toEqual({ action: 'declined' });
    expect(await readdir(dir)).toEqual(['state']);
  });
});

describe('docs/receipts.md', () => {
  it('shows a receipt with the fields that receipts have', async () => {
    const page = await readFile(new URL('../../docs/receipts.md', import.meta.url), 'utf8');
    const shown = JSON.parse(/```json\n([\s\S]*?)```/.exec(page)?.[1] ?? '').signed;
    const facts = { ...FACTS, operator: { user: 'root', loginuid: 1000 } };
    const receipt = signReceipt(facts, { identity, now: NOW, began: performance.now(), auditHead: 'ab' });
    const made = JSON.parse(receipt.toString()).signed;
    const fields = (value: object) => Object.keys(value).toSorted();
    expect(fields(shown)).toEqual(fields(made));
    for (const name of ['engine', 'floors', 'operator', 'audit'])
      expect(fields(shown[name])).toEqual(fields(made[name]));
    for (const name of ['images', 'files']) expect(fields(shown[name][0])).toEqual(fields(made[name][0]));
  });
});

describe('verifyReceipt', () => {
  const verify = async (bytes: Uint8Array) => {
    const path = join(dir, 'r.receipt.json');
    await writeFile(path, bytes);
    return verifyReceipt({ path, stateDir });
  };

  it('tells what the site signed, the head of the audit log with it', async () => {
    const receipt = signReceipt(FACTS, { identity, now: NOW, began: performance.now(), auditHead: 'ab'.repeat(32) });
    expect(await verify(receipt)).toMatchObject({ ...FACTS, site: identity.site, audit: { head: 'ab'.repeat(32) } });
  });

  it('refuses one that was altered, in any way', async () => {
    const text = sign().toString();
    const altered = [
      text.replace('"release":"2.1.0"', '"release":"2.1.1"'),
      text.replace('"type":"receipt"', '"type":"site-card"'),
      text.replace('{"signatures"', '{ "signatures"'),
      text.slice(0, -1),
      '',
      'hello',
    ];
    for (const bytes of altered) {
      await expect(verify(Buffer.from(bytes)), bytes).rejects.toMatchObject({ code: 'RECEIPT_ALTERED' });
    }
  });

  it('names the other site whose receipt it is', async () => {
    const other = await stranger();
    await expect(verify(sign({}, other))).rejects.toMatchObject({
      code: 'RECEIPT_FOREIGN',
      message: expect.stringContaining(`got one of site ${other.site}`),
    });
  });

  it('needs a site that has a key', async () => {
    const path = join(dir, 'r.receipt.json');
    await writeFile(path, sign());
    await expect(verifyReceipt({ path, stateDir: join(dir, 'none') })).rejects.toMatchObject({ code: 'NOT_PINNED' });
    expect(await readdir(dir)).toEqual(['r.receipt.json', 'state']);
  });
});
