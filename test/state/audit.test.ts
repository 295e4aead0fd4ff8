/** The audit log: a chain of lines in which a change shows. */

import { appendFile, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openState, type SiteState, verifyAudit } from '../../src/state/index.ts';

let base: string;
let state: SiteState;
let log: string;

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'ferry-audit-'));
  state = await openState(base);
  log = join(base, 'audit.jsonl');
});
afterEach(() => rm(base, { recursive: true, force: true }));

const at = new Date('2026-11-23T10:00:00Z');
const lines = async (): Promise<string[]> => (await readFile(log, 'utf8')).trimEnd().split('\n');

describe('appendAudit', () => {
  it('writes one line each, the first on a chain of zeros, for the owner alone', async () => {
    await state.appendAudit({ event: 'trust', at, facts: { fingerprint: 'ab' } });
    await state.appendAudit({ event: 'import', at, facts: { release: '2.1.0' } });
    const [first, second] = (await lines()).map((line) => JSON.parse(line));
    expect(first).toEqual({
      at: '2026-11-23T10:00:00.000Z',
      event: 'trust',
      facts: { fingerprint: 'ab' },
      previous: '0'.repeat(64),
    });
    expect(second).toMatchObject({ event: 'import', previous: expect.stringMatching(/^[0-9a-f]{64}$/) });
    expect((await stat(log)).mode & 0o777).toBe(0o600);
    expect(await verifyAudit(log)).toMatchObject({ lines: 2 });
  });

  it('goes on after a line that a crash cut off', async () => {
    await state.appendAudit({ event: 'trust', at, facts: {} });
    await appendFile(log, '{"at":"2026-11-2');
    await state.appendAudit({ event: 'import', at, facts: {} });
    expect(await verifyAudit(log)).toMatchObject({ lines: 3 });
  });
});

describe('verifyAudit', () => {
  beforeEach(async () => {
    for (const sequence of [1, 2, 3, 4]) await state.appendAudit({ event: 'import', at, facts: { sequence } });
  });

  it('names the line after one that was changed', async () => {
    await writeFile(log, (await readFile(log, 'utf8')).replace('"sequence":2', '"sequence":9'));
    await expect(verifyAudit(log)).rejects.toMatchObject({
      code: 'AUDIT_BROKEN',
      message: expect.stringContaining('line 3'),
    });
  });

  it('names the line after one that was taken out', async () => {
    const [first, , third, fourth] = await lines();
    await writeFile(log, `${[first, third, fourth].join('\n')}\n`);
    await expect(verifyAudit(log)).rejects.toMatchObject({ message: expect.stringContaining('line 2') });
  });

  it('sees that the first lines are gone', async () => {
    await writeFile(log, `${(await lines()).slice(1).join('\n')}\n`);
    await expect(verifyAudit(log)).rejects.toMatchObject({ message: expect.stringContaining('line 1') });
  });
});
