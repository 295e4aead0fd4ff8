import { execFile } from 'node:child_process';
import { cp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { canonicalJSON } from '../../src/content/index.ts';
import { siteFilesDocument } from '../../src/manifest/index.ts';
import { parseEntry } from '../../src/trust/index.ts';
import { listCatalogue, openWorkspace, publish, revokeRelease } from '../../src/workspace/index.ts';
import { daysLater, NOW, proposal } from '../support/proposals.ts';
import { newWorkspace } from '../support/workspaces.ts';

const run = promisify(execFile);
const at = (workspace: { dir: string }, days: number) => openWorkspace(workspace.dir, { now: daysLater(days) });

describe('publish', () => {
  it('lists a release under number 1, valid for 400 days', async () => {
    const workspace = await newWorkspace();
    const { release, view, importableUntil, signed, warnings } = await publish(workspace, { release: proposal('a') });
    expect(release).toMatchObject({ release: '1', sequence: 1, shown: '1', issued: '2026-06-01T00:00:00Z' });
    expect(view.entries.map(({ path }) => path)).toEqual(['1/1/release.json']);
    expect([view.timestamp.version, view.snapshot.version, view.targets.version]).toEqual([1, 1, 1]);
    expect(importableUntil).toEqual(daysLater(400));
    expect([signed, warnings]).toEqual([true, []]);
  });

  it('gives back the same bytes when nothing changed, without opening a key', async () => {
    const workspace = await newWorkspace();
    const first = await publish(workspace, { release: proposal('a') });
    await rm(workspace.paths.keys, { recursive: true });
    const later = await publish(await at(workspace, 100), { release: proposal('a') });
    expect(later.signed).toBe(false);
    expect(later.chain).toEqual(first.chain);
    expect(later.release?.bytes).toEqual(first.release?.bytes);
  });

  it('gives other content of one name the next number and shows it', async () => {
    const workspace = await newWorkspace();
    await publish(workspace, { release: proposal('a') });
    const { release, view } = await publish(workspace, { release: proposal('b') });
    expect(release).toMatchObject({ sequence: 2, shown: '1+2' });
    expect(view.entries).toHaveLength(2);
  });

  it('takes the former off the list when asked, and numbers its content anew should it come back', async () => {
    const workspace = await newWorkspace();
    await publish(workspace, { release: proposal('a') });
    await publish(workspace, { release: proposal('other name', '0.9') });
    const { view } = await publish(workspace, { release: proposal('b', '1', { revokeFormer: true }) });
    expect(view.entries.map(({ path }) => path)).toEqual(['0.9/2/release.json', '1/3/release.json']);
    const { release } = await publish(workspace, { release: proposal('a') });
    expect(release?.sequence).toBe(4);
  });

  it('signs anew when less than two thirds of the validity are left, under the next numbers', async () => {
    const workspace = await newWorkspace();
    await publish(workspace, { release: proposal('a') });
    const { view, signed } = await publish(await at(workspace, 134));
    expect(signed).toBe(true);
    expect([view.timestamp.version, view.targets.version]).toEqual([2, 2]);
    expect(view.timestamp.expires).toEqual(daysLater(534));
  });

  it('warns when the root ends before the catalogue, and refuses when it has ended', async () => {
    const workspace = await newWorkspace({ rootValidityDays: 500 });
    await publish(workspace, { release: proposal('a') });
    const late = await publish(await at(workspace, 200));
    expect(late.warnings.join()).toContain('keys rotate root');
    expect(late.importableUntil).toEqual(daysLater(500));
    await expect(publish(await at(workspace, 501))).rejects.toMatchObject({ code: 'ROOT_ENDED' });
  });

  it('keeps the site files that are listed while only the time differs', async () => {
    const workspace = await newWorkspace();
    const site = (name: string) => ({
      site: 'any',
      build: (issued: string) =>
        canonicalJSON({ ...siteFilesDocument({ product: 'demo', site: 'any', issued, files: [] }), name }),
    });
    const first = await publish(workspace, { sites: [site('a')] });
    const same = await publish(await at(workspace, 10), { sites: [site('a')] });
    expect(same.chain).toEqual(first.chain);
    const other = await publish(await at(workspace, 10), { sites: [site('b')] });
    expect(other.view.entries).toHaveLength(1);
    expect(other.view.entries.map((entry) => parseEntry(entry)?.issued)).toEqual(['2026-06-11T00:00:00Z']);
  });

  it('burns a number rather than sign it twice when signing fails', async () => {
    const workspace = await newWorkspace();
    await publish(workspace, { release: proposal('a') });
    const broken = await openWorkspace(workspace.dir, { now: NOW, signerCommand: 'false' });
    await rm(join(workspace.paths.keys, 'timestamp-1.pem'));
    await expect(publish(broken, { release: proposal('b') })).rejects.toMatchObject({ code: 'SIGNER_FAILED' });
    const ledger = JSON.parse(await readFile(workspace.paths.ledger, 'utf8'));
    expect(ledger.versions.timestamp).toBe(2);
    expect(JSON.parse(await readFile(join(workspace.paths.tuf, 'timestamp.json'), 'utf8')).signed.version).toBe(1);
  });

  it.each(['', '{', '{"format":1,"versions":{}}'])('refuses a ledger that is damaged: %j', async (text) => {
    const workspace = await newWorkspace();
    await writeFile(workspace.paths.ledger, text);
    await expect(publish(workspace, { release: proposal('a') })).rejects.toMatchObject({
      code: 'WORKSPACE_INVALID',
      message: expect.stringContaining(workspace.paths.ledger),
    });
  });

  it('refuses to go on from a ledger that is older than what it signed', async () => {
    const workspace = await newWorkspace();
    const backup = await readFile(workspace.paths.ledger);
    await publish(workspace, { release: proposal('a') });
    await writeFile(workspace.paths.ledger, backup);
    await expect(publish(workspace)).rejects.toMatchObject({ code: 'LEDGER_BEHIND' });
  });

  it('never signs one number twice when two processes publish at once', async () => {
    const { dir } = await newWorkspace();
    const child = join(import.meta.dirname, 'publish-child.ts');
    const outputs = await Promise.all(['x', 'y'].map((name) => run(process.execPath, [child, dir, name, '6'])));
    const lines = outputs.flatMap(({ stdout }) => stdout.trim().split('\n')).map((line) => JSON.parse(line));
    expect(lines.map(({ sequence }) => sequence).toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: 12 }, (_, n) => n + 1),
    );
    expect(new Set(lines.map(({ timestamp }) => timestamp)).size).toBe(12);
    const { view } = await publish(await openWorkspace(dir, { now: NOW }));
    expect(view.entries).toHaveLength(12);
  });

  it('gives equal bytes in a copied workspace at the same instant', async () => {
    const workspace = await newWorkspace();
    await cp(workspace.dir, `${workspace.dir}-copy`, { recursive: true });
    const copy = await openWorkspace(`${workspace.dir}-copy`, { now: NOW });
    const [one, two] = await Promise.all([workspace, copy].map((each) => publish(each, { release: proposal('a') })));
    expect(two?.chain).toEqual(one?.chain);
  });

  it('keeps only the metadata that the timestamp leads to, and every root', async () => {
    const workspace = await newWorkspace();
    for (const content of ['a', 'b', 'c']) await publish(workspace, { release: proposal(content) });
    const names = (await readdir(workspace.paths.tuf)).toSorted();
    expect(names).toEqual(['1.root.json', '3.snapshot.json', '3.targets.json', 'targets', 'timestamp.json']);
  });
});

describe('revokeRelease', () => {
  it('takes a release off the list for good', async () => {
    const workspace = await newWorkspace();
    await publish(workspace, { release: proposal('a', '2.0') });
    await publish(workspace, { release: proposal('b', '2.1') });
    const { published } = await revokeRelease(workspace, '2.0');
    expect(published.view.entries.map(({ path }) => path)).toEqual(['2.1/2/release.json']);
    await expect(publish(workspace, { release: proposal('a', '2.0') })).rejects.toMatchObject({
      code: 'RELEASE_REVOKED',
    });
    expect((await listCatalogue(workspace)).map(({ state }) => state)).toEqual(['revoked', 'listed']);
  });

  it('asks which one is meant', async () => {
    const workspace = await newWorkspace();
    await publish(workspace, { release: proposal('a', '2') });
    await publish(workspace, { release: proposal('b', '3') });
    await expect(revokeRelease(workspace, '2')).rejects.toMatchObject({
      code: 'RELEASE_AMBIGUOUS',
      message: expect.stringContaining('2+1 and 3+2'),
    });
    await expect(revokeRelease(workspace, '9')).rejects.toMatchObject({ code: 'RELEASE_UNKNOWN' });
    expect((await revokeRelease(workspace, '+2')).release.release).toBe('3');
  });
});
