/** What an import leaves behind on paper: the receipt on the medium, the lines in the audit log and the system's journal. */

import { execFileSync } from 'node:child_process';
import { copyFile, readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  listAudit,
  recoverSite,
  rollBack,
  siteStatus,
  verifyReceipt,
  verifySiteAudit,
} from '../../src/install/index.ts';
import type { TestEngine } from '../support/engine.ts';
import { makeImage } from '../support/images.ts';
import { tmpfs } from '../support/media.ts';
import { type Lab, type LabBundle, NOW, useSite } from './lab.ts';

let engine: TestEngine;
let lab: Lab;
useSite((made: { readonly engine: TestEngine; readonly lab: Lab }) => {
  ({ engine, lab } = made);
});

const image = (version: string) =>
  makeImage({ name: `ghcr.io/atrium/server:${version}`, layers: [{ files: { version } }] });
const release = (version: string): Promise<LabBundle> =>
  lab.release({ release: `${version}.0.0`, images: [image(version)] });
const receipts = async (medium = lab.medium) =>
  (await readdir(medium)).filter((name) => name.endsWith('.receipt.json'));
const events = async () =>
  (await listAudit(lab.stateDir, { last: 100 })).map((line) => ('event' in line ? line.event : ''));

describe('the receipt of an import', () => {
  it('lies beside the bundle, the same bytes as in the state, with the log as it was then', async () => {
    const { path } = await release('1');
    const shown: string[] = [];
    const done = await lab.import(path, { onReceipt: ({ release: name }, to) => shown.push(name, to) });
    const [name = ''] = await receipts();
    const copy = join(lab.medium, name);
    expect(done.receiptCopy).toEqual({ action: 'written', path: copy });
    expect(shown).toEqual(['1.0.0', copy]);
    expect(await readFile(copy)).toEqual(await readFile(done.receipt ?? ''));
    expect(await verifyReceipt({ path: copy, stateDir: lab.stateDir })).toMatchObject({
      sequence: 1,
      result: 'installed',
    });
    expect(await verifySiteAudit({ stateDir: lab.stateDir, receipt: copy })).toMatchObject({ lines: 2, receipts: 2 });
  });

  it('is written by the next import when the medium could only be read before', async () => {
    const { path } = await release('1');
    const stick = await tmpfs('8m');
    await copyFile(path, join(stick, basename(path)));
    execFileSync('mount', ['-o', 'remount,ro', stick]);
    expect(await lab.import(stick)).toMatchObject({
      action: 'installed',
      receiptCopy: { action: 'read-only' },
      warnings: [],
    });
    execFileSync('mount', ['-o', 'remount,rw', stick]);
    expect(await lab.import(stick)).toMatchObject({ action: 'present', receiptCopy: { action: 'written' } });
    const shown: unknown[] = [];
    const again = await lab.import(stick, { onReceipt: (...told) => shown.push(told) });
    expect(again).toMatchObject({ action: 'present', receiptCopy: { action: 'same' } });
    expect(shown).toEqual([]);
    expect(await receipts(stick)).toHaveLength(1);
  });

  it('stays in the state alone when nobody wants it on the medium, and in a dry run there is none', async () => {
    const { path } = await release('1');
    expect((await lab.import(path, { dryRun: true })).receiptCopy).toBeUndefined();
    expect((await lab.import(path, { receiptOnMedium: false })).receiptCopy).toEqual({ action: 'declined' });
    expect(await receipts()).toEqual([]);
  });

  it('that cannot be written is a warning, and the import is done', async () => {
    const { path } = await release('1');
    const stick = await tmpfs('2m');
    await copyFile(path, join(stick, basename(path)));
    execFileSync('sh', ['-c', `dd if=/dev/zero of=${stick}/full bs=4k 2>/dev/null || true`]);
    const done = await lab.import(join(stick, basename(path)));
    expect(done).toMatchObject({ action: 'installed', receiptCopy: { action: 'failed' } });
    expect(done.warnings).toEqual([
      expect.stringMatching(/^no copy of the receipt on the medium: .*full disk/),
      expect.stringMatching(/^no card of this site on the medium: .*full disk/),
    ]);
  });
});

describe('the audit log', () => {
  it('has a line for each trust, import, refusal and override, and the system is told the same', async () => {
    const told: string[] = [];
    const systemLog = async (line: string) => void told.push(line);
    const first = await release('1');
    const second = await release('2');
    await lab.import(first.path, { systemLog });
    await lab.import(second.path, { systemLog });
    await expect(lab.import(first.path, { systemLog })).rejects.toMatchObject({ code: 'DOWNGRADE' });
    await lab.import(first.path, { systemLog, allowDowngrade: true, reason: 'ticket 4711' });
    await expect(lab.import(join(lab.dir, 'none.ferry.tar'), { systemLog })).rejects.toMatchObject({
      code: 'MEDIUM_ABSENT',
    });
    await lab.publisher.rotate(['targets']);
    await lab.import(await lab.catalogue(), { systemLog });
    expect(await events()).toEqual([
      'trust',
      'import',
      'import',
      'refusal',
      'override',
      'import',
      'refusal',
      'trust',
      'import',
    ]);
    const lines = (await readFile(join(lab.stateDir, 'audit.jsonl'), 'utf8')).trimEnd().split('\n');
    expect(told.map((line) => JSON.parse(line))).toEqual(lines.slice(1).map((line) => JSON.parse(line)));
    const successor = (await listAudit(lab.stateDir, { last: 2 }))[0];
    expect(successor).toMatchObject({ event: 'trust', facts: { action: 'successor', confirmed: true, version: 2 } });
    await verifySiteAudit({ stateDir: lab.stateDir });
  });

  it('says what was trusted though the bundle was refused', async () => {
    await lab.publisher.rotate(['targets']);
    const renewed = await lab.catalogue();
    const late = new Date('2028-06-01T00:00:00Z');
    await expect(lab.import(renewed, { now: late })).rejects.toMatchObject({ code: 'EXPIRED' });
    expect(await events()).toEqual(['trust', 'trust', 'refusal']);
  });

  it('has a line for a rollback, and for a recovery that is refused', async () => {
    const told: string[] = [];
    const systemLog = async (line: string) => void told.push(line);
    await lab.import((await release('1')).path);
    const about = { stateDir: lab.stateDir, prefix: lab.prefix, engine: lab.connect, now: NOW, systemLog };
    await rollBack(about);
    await writeFile(join(lab.stateDir, 'journal.json'), '{"format":1,"title":7}');
    await expect(recoverSite(about)).rejects.toMatchObject({ code: 'JOURNAL_DAMAGED' });
    expect(await events()).toEqual(['trust', 'import', 'rollback', 'refusal']);
    expect(told.map((line) => JSON.parse(line).event)).toEqual(['rollback', 'refusal']);
    await verifySiteAudit({ stateDir: lab.stateDir });
  });
});

describe('pins that a prune took', () => {
  it('are put back by recover, as status says', async () => {
    await lab.import((await release('1')).path);
    await lab.import((await release('2')).path);
    await engine.docker('container', 'prune', '-f');
    const status = () => siteStatus({ stateDir: lab.stateDir, engine: lab.connect, now: NOW });
    expect((await status()).attention).toEqual([
      expect.stringMatching(/^a prune could .*: run ferry recover$/),
      expect.stringMatching(/^a prune could .*: run ferry recover$/),
    ]);
    await recoverSite({ stateDir: lab.stateDir, engine: lab.connect, now: NOW });
    expect((await status()).attention).toEqual([]);
  });
});
