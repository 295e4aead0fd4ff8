/** The audit log of a site, held to itself and to receipts. */

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { listAudit, verifySiteAudit } from '../../src/install/index.ts';
import { signReceipt } from '../../src/install/records/receipt.ts';
import { ensureSiteIdentity, type SiteIdentity } from '../../src/site/index.ts';
import { openState, type SiteState } from '../../src/state/index.ts';

const NOW = new Date('2026-11-23T12:00:00Z');

let dir: string;
let stateDir: string;
let state: SiteState;
let identity: SiteIdentity;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'ferry-audit-'));
  stateDir = join(dir, 'state');
  state = await openState(stateDir);
  identity = await ensureSiteIdentity(state);
  for (const sequence of [1, 2, 3]) await state.appendAudit({ event: 'import', at: NOW, facts: { sequence } });
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const log = () => join(stateDir, 'audit.jsonl');
const cutTo = async (count: number) => {
  const lines = (await readFile(log(), 'utf8')).split('\n').slice(0, count);
  await writeFile(log(), lines.map((line) => `${line}\n`).join(''));
};

/** Keeps a receipt of a release in the state, that names the log as it is now. */
async function keepReceipt(sequence: number): Promise<Buffer> {
  const engine = {
    socket: 's',
    id: 'I',
    name: 'docker',
    version: '1',
    apiVersion: '1.41',
    store: 'classic',
    rootless: false,
  } as const;
  const receipt = signReceipt(
    {
      product: 'atrium',
      release: '1',
      sequence,
      result: 'installed',
      started: NOW.toISOString(),
      engine,
      images: [],
      files: [],
      floors: { release: 1, catalogue: 1, root: 1 },
      overrides: [],
      previous: 0,
      operator: { user: 'root' },
    },
    { identity, now: NOW, began: performance.now(), auditHead: await state.findAuditHead() },
  );
  const draft = await state.draftRelease(sequence);
  await draft.put('release.json', Buffer.from('{}'));
  await draft.put('receipt.json', receipt);
  await state.commitDraft(sequence);
  return receipt;
}

describe('verifySiteAudit', () => {
  it('tells how many lines there are, and the last hash', async () => {
    await keepReceipt(7);
    await state.appendAudit({ event: 'import', at: NOW, facts: {} });
    const report = await verifySiteAudit({ stateDir });
    expect(report).toEqual({ lines: 4, head: await state.findAuditHead(), receipts: 1 });
  });

  it('has no lines on a host without a state', async () => {
    expect(await verifySiteAudit({ stateDir: join(dir, 'none') })).toEqual({
      lines: 0,
      head: '0'.repeat(64),
      receipts: 0,
    });
  });

  it('sees by the receipt of a release that lines are gone at the end', async () => {
    await keepReceipt(7);
    await cutTo(2);
    await expect(verifySiteAudit({ stateDir })).rejects.toMatchObject({
      code: 'AUDIT_BROKEN',
      message: expect.stringContaining('the receipt of sequence 7'),
    });
  });

  it('sees that the whole log is gone', async () => {
    await keepReceipt(7);
    await rm(log());
    await expect(verifySiteAudit({ stateDir })).rejects.toMatchObject({ code: 'AUDIT_BROKEN' });
  });

  it('sees it by a receipt that was kept elsewhere, when the state was made to fit', async () => {
    const path = join(dir, 'kept.receipt.json');
    await writeFile(path, await keepReceipt(7));
    await rm(join(stateDir, 'releases'), { recursive: true });
    await cutTo(2);
    expect(await verifySiteAudit({ stateDir })).toMatchObject({ lines: 2, receipts: 0 });
    await expect(verifySiteAudit({ stateDir, receipt: path })).rejects.toMatchObject({ code: 'AUDIT_BROKEN' });
  });

  it('refuses to go by a receipt that was altered', async () => {
    await keepReceipt(7);
    const path = join(stateDir, 'releases/7/receipt.json');
    await writeFile(path, (await readFile(path, 'utf8')).replace('"sequence":7', '"sequence":8'));
    await expect(verifySiteAudit({ stateDir })).rejects.toMatchObject({ code: 'RECEIPT_ALTERED' });
  });

  it('counts a line that a crash cut off, as the next one does', async () => {
    await writeFile(log(), `${await readFile(log(), 'utf8')}{"at":"2026`);
    const { head } = await verifySiteAudit({ stateDir });
    await state.appendAudit({ event: 'import', at: NOW, facts: {} });
    expect(await listAudit(stateDir, { last: 2 })).toEqual([
      { text: '{"at":"2026' },
      { at: NOW.toISOString(), event: 'import', facts: {} },
    ]);
    expect(JSON.parse((await state.readAudit({ last: 1 }))[0] ?? '')).toMatchObject({ previous: head });
  });
});
