// The paper trail as a person and a machine see it: `ferry audit`, `ferry receipt`.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { signReceipt } from '../../src/install/records/receipt.ts';
import { ensureSiteIdentity } from '../../src/site/index.ts';
import { openState } from '../../src/state/index.ts';
import { jsonResult, runMain } from '../support/cli.ts';
import { createPublisher } from '../support/publisher.ts';

const NOW = new Date('2026-11-23T12:00:00Z');

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'ferry-trail-'));
  const { root } = await createPublisher({ now: NOW });
  await writeFile(join(dir, 'root.json'), root);
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const ferry = (...argv: string[]) => runMain(argv, { cwd: dir, env: { FERRY_STATE: join(dir, 'state') } });

describe('ferry audit verify', () => {
  it('tells lines and last hash, and names the line that does not fit', async () => {
    await ferry('trust', 'root.json', '--yes');
    await ferry('trust', 'root.json', '--fingerprint', '0'.repeat(64));
    const log = join(dir, 'state/audit.jsonl');
    const good = await ferry('audit', 'verify');
    expect(good.status).toBe(0);
    expect(good.stdout).toMatch(
      /^the log is whole: 2 lines, each follows from the one before\nlast hash {2}[0-9a-f]{64}\nreceipts {3}none names a line\n$/,
    );
    expect(jsonResult(await ferry('audit', 'verify', '--json'))).toMatchObject({ event: 'result', lines: 2 });
    await writeFile(log, (await readFile(log, 'utf8')).replace('"action":"pinned"', '"action":"same"'));
    const bad = await ferry('audit', 'verify');
    expect(bad.status).toBe(4);
    expect(bad.stderr).toMatch(
      /^ferry: error: follow audit log: .*audit\.jsonl: line 2: expected.*\nferry: hint: .*journalctl -t ferry/,
    );
  });

  it('has nothing against a host where nothing happened yet', async () => {
    expect(await ferry('audit', 'verify')).toMatchObject({ status: 0, stdout: expect.stringContaining('0 lines') });
  });
});

describe('ferry audit list', () => {
  it('shows the last lines, and nothing that a terminal would act on', async () => {
    const state = await openState(join(dir, 'state'));
    await state.appendAudit({ event: 'trust', at: NOW, facts: { fingerprint: 'ab' } });
    await state.appendAudit({ event: 'refusal', at: NOW, facts: { code: 'DAMAGED', message: 'a\u009b31m b' } });
    const { stdout, status } = await ferry('audit', 'list', '--last', '1');
    expect({ stdout, status }).toEqual({
      stdout: '2026-11-23T12:00:00Z  refusal  code=DAMAGED message="a\\u{9b}31m b"\n',
      status: 0,
    });
    expect(jsonResult(await ferry('audit', 'list', '--json'))).toMatchObject({
      lines: [{ event: 'trust', at: NOW.toISOString(), facts: { fingerprint: 'ab' } }, { event: 'refusal' }],
    });
  });
});

describe('ferry receipt verify', () => {
  it('prints what this site signed, and refuses what it did not', async () => {
    const identity = await ensureSiteIdentity(await openState(join(dir, 'state')));
    const engine = {
      socket: 'unix:///s',
      id: 'I',
      name: 'docker',
      version: '20.10.24',
      apiVersion: '1.41',
      store: 'classic',
      rootless: false,
    } as const;
    const receipt = signReceipt(
      {
        product: 'atrium',
        release: '2.1.0',
        sequence: 7,
        result: 'installed',
        started: NOW.toISOString(),
        engine,
        images: [{ name: 'ghcr.io/atrium/server:2', action: 'loaded', imageID: 'sha256:ab' }],
        files: [],
        floors: { release: 7, catalogue: 12, root: 1 },
        overrides: [{ flag: '--allow-downgrade', reason: 'ticket 4711' }],
        previous: 6,
        operator: { user: 'root', loginuid: 1000 },
      },
      { identity, now: NOW, began: performance.now() },
    );
    await writeFile(join(dir, 'r.json'), receipt);
    const { stdout, status } = await ferry('receipt', 'verify', 'r.json');
    expect(status).toBe(0);
    expect(stdout).toMatch(
      /^the receipt is whole: this site signed it as it is\ninstalled atrium 2\.1\.0 \(sequence 7\)\n {2}loaded {2}ghcr\.io\/atrium\/server:2 {2}sha256:ab\n/,
    );
    expect(stdout).toMatch(/^engine +docker 20\.10\.24, classic store, unix:\/\/\/s$/m);
    expect(stdout).toMatch(/^by +root \(login 1000\)$/m);
    expect(stdout).toMatch(/^before +sequence 6$/m);
    expect(stdout).toMatch(/^! --allow-downgrade: ticket 4711$/m);
    expect(jsonResult(await ferry('receipt', 'verify', 'r.json', '--json'))).toMatchObject({
      event: 'result',
      sequence: 7,
      site: identity.site,
    });
    await writeFile(join(dir, 'r.json'), receipt.toString().replace('ticket 4711', 'ticket 4712'));
    const bad = await ferry('receipt', 'verify', 'r.json');
    expect({ status: bad.status, stdout: bad.stdout }).toEqual({ status: 3, stdout: '' });
    expect(bad.stderr).toMatch(/got an altered one\nferry: hint: believe nothing in it/);
  });
});
