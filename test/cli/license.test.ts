/** `ferry license` as it is typed: what it answers, to a program and to a person, and what it never prints. */

import { spawnSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { findSiteIdentity } from '../../src/site/index.ts';
import { findState } from '../../src/state/index.ts';
import { type Lab, NOW, useSite } from '../install/lab.ts';
import { FERRY, jsonResult, runMain } from '../support/cli.ts';
import { licenseIssuer } from '../support/licenses.ts';

const PLACE = '/etc/atrium/license.blob';
const issuer = licenseIssuer('ES256');

let host: string;
let lab: Lab;

useSite((made) => {
  ({ lab } = made);
  host = made.engine.host;
});

beforeEach(async () => {
  const license = { install: PLACE, publicKey: issuer.publicDER };
  await lab.import((await lab.release({ release: '1', fields: { license } })).path);
});

const inDays = (days: number): number => NOW.getTime() / 1000 + days * 86_400;
const ferry = (...args: string[]) => {
  const env = { FERRY_STATE: lab.stateDir, FERRY_PREFIX: lab.prefix, DOCKER_HOST: host, HOME: lab.dir };
  return runMain(args, { env, cwd: lab.medium });
};

/** A file on the medium with a licence in it. The support of the suite throws where a run prints it. */
async function carry(claims: object): Promise<string> {
  await writeFile(join(lab.medium, 'new.lic'), issuer.issue({ product: 'atrium', sub: 'ACME', ...claims }));
  return 'new.lic';
}

describe('ferry license install', () => {
  it('says what the licence is, and where the one before is kept', async () => {
    expect((await ferry('license', 'install', await carry({ exp: inDays(20) }))).status).toBe(0);
    const before = await readFile(join(lab.prefix, PLACE));
    const done = await ferry('license', 'install', await carry({ exp: inDays(400) }));
    expect(done).toMatchObject({ status: 0, stderr: '' });
    expect(done.stdout.split('\n')).toEqual([
      'the licence is installed',
      `licence         ${lab.prefix}${PLACE}`,
      'for             ACME, atrium',
      'state           valid until 2027-12-28 (400 days left)',
      'valid until     2027-12-28 (400 days)',
      'grace until     2028-01-27 (430 days)',
      'read-only from  2028-01-27 (430 days)',
      'signature       checked with the key of the release',
      expect.stringMatching(/^digest {10}sha256:[0-9a-f]{64}$/),
      expect.stringMatching(`^the one before {2}${lab.stateDir}/releases/1/kept/[0-9a-f]{64}$`),
      '',
    ]);
    const kept = done.stdout.match(/releases\/1\/kept\/[0-9a-f]+/)?.[0] ?? '';
    expect((await readFile(join(lab.stateDir, kept))).equals(before)).toBe(true);
  });

  it('answers a program, also a second time, under either spelling', async () => {
    const file = await carry({ exp: inDays(400) });
    expect(jsonResult(await ferry('licence', 'install', file, '--json'))).toMatchObject({
      event: 'result',
      ...{ action: 'installed', mode: 'valid', daysLeft: 400, subject: 'ACME', product: 'atrium' },
      ...{ validUntil: '2027-12-28T12:00:00.000Z', graceUntil: '2028-01-27T12:00:00.000Z' },
      ...{ path: `${lab.prefix}${PLACE}`, recovered: null, warnings: [] },
    });
    const again = await ferry('license', 'install', file);
    expect(again.stdout).toMatch(/^this licence is installed already: nothing to do\n/);
  });

  it.each([
    ['has ended', { exp: inDays(-1) }, 'LICENSE_ENDED', 1],
    ['is for another product', { product: 'nimbus' }, 'LICENSE_OTHER_PRODUCT', 1],
    ['is for another site', { site: 'ffffffffffffffff' }, 'LICENSE_OTHER_SITE', 3],
  ])('refuses one that %s', async (_what, claims, code, exit) => {
    const refused = await ferry('license', 'install', await carry(claims), '--json');
    expect([refused.status, jsonResult(refused)]).toEqual([
      exit,
      expect.objectContaining({ event: 'error', code, exit }),
    ]);
  });

  it('wants a reason for --allow-shorter, and takes it then', async () => {
    await ferry('license', 'install', await carry({ exp: inDays(400) }));
    const file = await carry({ exp: inDays(30) });
    const shorter = await ferry('license', 'install', file);
    expect(shorter).toMatchObject({ status: 1, stderr: expect.stringContaining('--allow-shorter') });
    expect((await ferry('license', 'install', file, '--allow-shorter')).status).toBe(2);
    const allowed = await ferry('license', 'install', file, '--allow-shorter', '--reason', 'ticket 4711');
    expect(allowed).toMatchObject({ status: 0, stdout: expect.stringContaining('(30 days left)') });
    expect((await ferry('audit', 'list')).stdout).toContain('ticket 4711');
  });

  it('takes what a shell gives for <(…), and stops an endless one', async () => {
    const env = { FERRY_STATE: lab.stateDir, FERRY_PREFIX: lab.prefix, HOME: lab.dir, PATH: process.env['PATH'] };
    const script = `"$0" license install <(cat "$1") --json; "$0" license install /dev/zero --json`;
    const file = join(lab.medium, await carry({ exp: inDays(400) }));
    const { stdout } = spawnSync('bash', ['-c', script, FERRY, file], { env, encoding: 'utf8' });
    const [done, endless] = stdout.trim().split('\n');
    expect(JSON.parse(done ?? '')).toMatchObject({ event: 'result', action: 'installed' });
    expect(JSON.parse(endless ?? '')).toMatchObject({ event: 'error', code: 'LICENSE_TOO_LARGE', exit: 1 });
  });

  it('says which file it has not found, and which command', async () => {
    expect(await ferry('license', 'install', 'none.lic')).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('none.lic'),
    });
    expect(await ferry('license')).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('`ferry license --help`'),
    });
    expect(await ferry('license', 'install', '.')).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('a folder'),
    });
    const elsewhere = await ferry('license', 'install', await carry({}), '--to', '/opt/atrium/x');
    expect(elsewhere).toMatchObject({ status: 2, stderr: expect.stringContaining('leave --to out') });
  });
});

describe('ferry license show', () => {
  it('says that none is installed, or how it stands', async () => {
    expect((await ferry('license', 'show')).stdout).toBe(
      `licence  ${lab.prefix}${PLACE}\nstate    none is installed\n`,
    );
    expect(jsonResult(await ferry('license', 'show', '--json'))).toEqual({
      event: 'result',
      mode: 'unknown',
      path: `${lab.prefix}${PLACE}`,
    });
    await ferry('license', 'install', await carry({ exp: inDays(10) }));
    expect(jsonResult(await ferry('license', 'show', '--json'))).toMatchObject({
      ...{ mode: 'valid', daysLeft: 10, validUntil: '2026-12-03T12:00:00.000Z', isProven: true },
      ...{ graceUntil: '2027-01-02T12:00:00.000Z', readOnlyFrom: '2027-01-02T12:00:00.000Z' },
    });
  });

  it('is a row of the status, and its end a reason to look', async () => {
    await ferry('license', 'install', await carry({ exp: inDays(10) }));
    const status = await ferry('status');
    expect(status.status).toBe(10);
    expect(status.stdout).toMatch(/^licence +valid until 2026-12-03 \(10 days left\)$/m);
    expect(status.stdout).toContain('! the licence ends in 10 days, and from 2027-01-02 the product is read-only');
    expect(jsonResult(await ferry('status', '--json'))).toMatchObject({ license: { mode: 'valid', daysLeft: 10 } });
  });

  it('needs no site', async () => {
    const env = { FERRY_STATE: join(lab.dir, 'none') };
    expect(await runMain(['license', 'show'], { env })).toMatchObject({
      status: 0,
      stdout: 'no licence is known here\n',
    });
    expect(jsonResult(await runMain(['license', 'show', '--json'], { env }))).toEqual({
      event: 'result',
      mode: 'unknown',
    });
  });
});

describe('what travels from here', () => {
  it('says until when the licence is valid, and nothing of its text', async () => {
    await ferry('license', 'install', await carry({ exp: inDays(400) }));
    const text = await readFile(join(lab.prefix, PLACE), 'utf8');
    const state = await findState(lab.stateDir);
    expect(state && (await findSiteIdentity(state))?.site).toBeDefined();
    await ferry('site', 'card', '--out', join(lab.dir, 'site.json'));
    const card = await readFile(join(lab.dir, 'site.json'), 'utf8');
    expect(card).toContain('2027-12-28');
    for (const part of text.split('.')) expect(card).not.toContain(part);
    const audit = await readFile(join(lab.stateDir, 'audit.jsonl'), 'utf8');
    for (const part of text.split('.')) expect(audit).not.toContain(part);
  });
});
