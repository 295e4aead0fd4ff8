/**
 * A certificate put into use with a real nginx and a real caddy: served before, installed, reloaded, served after; and
 * whatever goes wrong on the way, the former one is served again within the probe's time, and what is said is so.
 */

import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type ServeData, serveWith } from '../../src/install/steps/serve.ts';
import { serveOldWith } from '../../src/install/steps/serve-old.ts';
import type { Site } from '../../src/install/steps/step.ts';
import { LOOKING } from '../../src/install/tls/until-served.ts';
import { DEFAULT_POLICY } from '../../src/manifest/index.ts';
import { startCaddy, type TestCaddy } from '../support/caddy.ts';
import { runFerry } from '../support/cli.ts';
import { startFerryGroup } from '../support/killed-ferry.ts';
import { startNginx, type TestNginx } from '../support/nginx.ts';
import { freePort } from '../support/port.ts';
import { leakIn } from '../support/secrets.ts';
import {
  makeBrokenPair,
  makePair,
  NAME,
  type Pair,
  rootPEM,
  type Serving,
  ServingLab,
  SOON_MS,
  servedAt,
  TLS_DIR,
} from './serving.ts';

let lab: ServingLab;
let next: Pair;
beforeEach(async () => {
  lab = await ServingLab.create();
  next = await makePair();
});
afterEach(() => lab.remove());

const at = (port: number) => ({ host: '127.0.0.1', port });

describe('nginx', () => {
  let nginx: TestNginx;
  let probe: Serving;
  beforeEach(async () => {
    nginx = await startNginx(lab.tls);
    probe = { probe: at(nginx.port) };
  });
  afterEach(() => nginx.stop());

  it.each(['reload', 'hangUp'] as const)(
    'serves the new one after its %s, by one rename of both files',
    async (how) => {
      expect(await servedAt(nginx.port)).toBe(lab.old.fingerprint);
      const { error, outcome, plan } = await lab.install(next, { ...probe, reloadCommand: nginx[how] });
      expect(error).toBeUndefined();
      expect(plan.served?.fingerprint).toBe(lab.old.fingerprint);
      expect(outcome.serve).toMatchObject({ served: `127.0.0.1:${nginx.port}` });
      expect(await servedAt(nginx.port)).toBe(next.fingerprint);
      expect(await lab.state.findJournal()).toBeUndefined();
    },
  );

  it('refuses the file: the command says so, and the former one is back and served', async () => {
    const { error } = await lab.install(await makeBrokenPair(), { ...probe, reloadCommand: nginx.reload });
    expect(error).toMatchObject({ code: 'RELOAD_FAILED' });
    expect(error?.message).toContain('key values mismatch');
    expect(error?.hint).toMatch(
      `the former certificate is back, and served at 127.0.0.1:${nginx.port}; do the same by hand`,
    );
    await expectOld();
  });

  it('refuses the file, and nobody hears of it but the probe', async () => {
    const broken = await makeBrokenPair();
    const began = performance.now();
    const { error } = await lab.install(broken, { ...probe, probeTimeoutMs: SOON_MS, reloadCommand: nginx.hangUp });
    expect(error).toMatchObject({ code: 'TLS_NOT_SERVED' });
    expect(error?.message).toContain(`got the certificate ${lab.old.fingerprint.slice(0, 16)}… (${NAME}, until `);
    expect(error?.hint).toContain('the former certificate is back, and served');
    expect(performance.now() - began).toBeLessThan(SOON_MS * 8);
    await expectOld();
  });

  it('is never told: the former one is back within the time of the probe', async () => {
    const { error } = await lab.install(next, { ...probe, probeTimeoutMs: SOON_MS, reloadCommand: 'true' });
    expect(error).toMatchObject({
      code: 'TLS_NOT_SERVED',
      facts: { expected: next.fingerprint, got: lab.old.fingerprint },
    });
    await expectOld();
  });

  it('is killed by the reload: the former files are back, and that nobody serves is said', async () => {
    const { error, warnings } = await lab.install(next, {
      ...probe,
      probeTimeoutMs: SOON_MS,
      reloadCommand: `kill -TERM ${nginx.pid}; while kill -0 ${nginx.pid}; do :; done; exit 3`,
    });
    expect(error).toMatchObject({ code: 'RELOAD_FAILED' });
    expect(await lab.chain()).toBe(lab.old.chainPEM);
    expect(error?.hint).toContain('the former files are back, but reload by command kill');
    expect(error?.hint).toContain(
      `expected the former certificate at 127.0.0.1:${nginx.port}, got no answer: nobody listens there`,
    );
    expect(warnings.join()).toContain('the former files are back, but');
  });

  it('is reloaded by a command that hangs: it is ended, and the former one is served', async () => {
    const means = { looking: LOOKING, commandLimitMs: 300 };
    const { after } = await lab.plan(next, { ...probe, reloadCommand: 'sleep 600' });
    const site = siteOf();
    const data = after?.data as ServeData;
    await expect(serveWith(means).apply(data, site)).rejects.toMatchObject({
      code: 'RELOAD_FAILED',
      message: 'reload by command sleep: expected it to succeed, got no end of it within 0.3 s',
    });
    await serveOldWith(means).undo(data, site);
    expect(site.outcome.restored).toContain('the former certificate is back, and served at');
    expect(site.outcome.restored).toContain('but reload by command sleep');
  });

  it('killed between switch and reload: recover goes on and the new one is served', async () => {
    await lab.cutOff(next, { ...probe, reloadCommand: nginx.reload }, { in: 'switch', isDone: true });
    expect(await servedAt(nginx.port)).toBe(lab.old.fingerprint);
    expect(await lab.recover()).toMatchObject({ recovered: 'finished' });
    expect([await servedAt(nginx.port), await lab.chain()]).toEqual([next.fingerprint, next.chainPEM]);
  });

  it('killed while it looked: recover looks again', async () => {
    await lab.cutOff(next, { ...probe, reloadCommand: nginx.reload }, { in: 'serve', isDone: true });
    expect(await lab.recover()).toMatchObject({ recovered: 'finished', warnings: [] });
    expect(await servedAt(nginx.port)).toBe(next.fingerprint);
  });

  it('is not up again after a power cut: recover goes on, and says that nothing was reloaded', async () => {
    await lab.cutOff(next, { ...probe, reloadCommand: nginx.reload }, { in: 'serve' });
    await nginx.stop();
    const { recovered, warnings } = await lab.recover();
    expect([recovered, warnings]).toEqual(['finished', [expect.stringContaining('it reads them when it starts')]]);
    expect(await lab.chain()).toBe(next.chainPEM);
  });

  it('is known to nobody who could tell it: the error says why nothing was reloaded', async () => {
    const { error } = await lab.install(next, { ...probe, probeTimeoutMs: SOON_MS });
    expect(error).toMatchObject({ code: 'TLS_NOT_SERVED' });
    expect(error?.hint).toContain('nothing was reloaded, for nobody is named who serves these files');
    await expectOld();
  });

  it('killed before the reload of a file that it refuses: recover undoes, and says what is served', async () => {
    const broken = await makeBrokenPair();
    await lab.cutOff(
      broken,
      { ...probe, probeTimeoutMs: SOON_MS, reloadCommand: nginx.hangUp },
      { in: 'switch', isDone: true },
    );
    const { recovered, warnings } = await lab.recover();
    expect(recovered).toBe('undone');
    expect(warnings.join('\n')).toContain('the former certificate is back, and served at');
    expect(warnings.join('\n')).toContain('could not be finished, so it was undone: serve the new certificate');
    await expectOld();
  });

  it('killed on the way back, with the new one served: recover brings the former one back into use', async () => {
    const reloadCommand = nginx.reload;
    await lab.cutOff(next, { ...probe, reloadCommand }, { in: 'serve', isDone: true, direction: 'back' });
    expect(await servedAt(nginx.port)).toBe(next.fingerprint);
    expect(await lab.recover()).toMatchObject({ recovered: 'undone' });
    await expectOld();
  });

  it('interrupted while it looks: the former one is served again', async () => {
    const stop = new AbortController();
    const progress = {
      phase: (name: string) => name === 'serve the new certificate' && queueMicrotask(() => stop.abort()),
      advance: () => {},
      note: () => {},
    };
    const options = { ...probe, reloadCommand: nginx.reload };
    const { error } = await lab.install(next, options, { signal: stop.signal, progress } as Partial<Site>);
    expect(error).toMatchObject({ code: 'INTERRUPTED' });
    await expectOld();
  });

  it('as a process that is killed in the middle of the reload: `ferry recover` reloads again and looks', async () => {
    const [asked, dir] = [join(lab.dir, 'asked'), join(lab.dir, 'in')];
    const command = join(lab.dir, 'reload');
    // hangs the first time, after it has done what it should
    const lines = [
      '#!/bin/sh',
      `test -e ${asked} && exec ${nginx.reload}`,
      nginx.reload,
      `: >${asked}`,
      'exec sleep 600',
    ];
    await writeFile(command, `${lines.join('\n')}\n`, { mode: 0o755 });
    await mkdir(dir);
    for (const [name, text] of [
      ['chain', next.chainPEM],
      ['key', next.keyPEM],
      ['ca', await rootPEM()],
    ] as const) {
      await writeFile(join(dir, name), text);
    }
    const site = ['--state', join(lab.dir, 'site')];
    const given = ['--cert', join(dir, 'chain'), '--key', join(dir, 'key'), '--ca', join(dir, 'ca')];
    const how = ['--dir', TLS_DIR, '--prefix', lab.prefix, '--reload', command, '--probe', `127.0.0.1:${nginx.port}`];
    const env = { DOCKER_HOST: `unix://${lab.dir}/no-engine` };
    const ferry = startFerryGroup(['tls', 'install', ...given, ...how, ...site], { env });
    await expect.poll(() => existsSync(asked), { timeout: 20_000 }).toBe(true);
    ferry.kill();
    expect((await ferry.ended).isKilled).toBe(true);
    expect(await runFerry(['recover', '--json', ...site], { env })).toMatchObject({ status: 0 });
    expect([await lab.chain(), await servedAt(nginx.port)]).toEqual([next.chainPEM, next.fingerprint]);
  });

  it('is told by the command of site.yaml, where it is looked too; the command line goes before', async () => {
    const tls = { reload: ['/bin/sh', '-c', nginx.reload], probe: at(nginx.port) };
    const policy = { ...DEFAULT_POLICY, tls };
    const { plan, outcome } = await lab.install(next, { policy });
    expect(plan).toMatchObject({ reload: `command /usr/sbin/nginx`, probe: `127.0.0.1:${nginx.port}` });
    expect(outcome.serve).toEqual({ reloaded: 'command /usr/sbin/nginx', served: `127.0.0.1:${nginx.port}` });
    expect(await lab.plan(next, { policy, reloadCommand: 'true' })).toMatchObject({ reload: 'command true' });
  });

  it('puts no key into the journal, and no argument of the command into what is said', async () => {
    await lab.cutOff(next, { ...probe, reloadCommand: `${nginx.reload} # hunter2` }, { in: 'serve' });
    const journal = await readFile(join(lab.state.dir, 'journal.json'), 'utf8');
    expect(leakIn(journal)).toBeUndefined();
    await lab.recover();
    const { error } = await lab.install(await makePair(), { ...probe, reloadCommand: 'false hunter2' });
    expect(`${error?.message} ${error?.hint}`).not.toContain('hunter2');
  });

  async function expectOld(): Promise<void> {
    expect(await lab.chain()).toBe(lab.old.chainPEM);
    expect(await servedAt(nginx.port)).toBe(lab.old.fingerprint);
    expect(await lab.state.findJournal()).toBeUndefined();
  }
});

describe('caddy', () => {
  let caddy: TestCaddy;
  let probe: Serving;
  beforeEach(async () => {
    caddy = await startCaddy(lab.tls, NAME);
    probe = { probe: at(caddy.port) };
  });
  afterEach(() => caddy.stop());

  it('serves the new one after `caddy reload --force`', async () => {
    expect(await servedAt(caddy.port)).toBe(lab.old.fingerprint);
    expect((await lab.install(next, { ...probe, reloadCommand: caddy.reload })).error).toBeUndefined();
    expect(await servedAt(caddy.port)).toBe(next.fingerprint);
  });

  it('does not see files by a reload without --force: the former ones are back', async () => {
    const { error } = await lab.install(next, { ...probe, probeTimeoutMs: SOON_MS, reloadCommand: caddy.idleReload });
    expect(error).toMatchObject({ code: 'TLS_NOT_SERVED' });
    expect([await lab.chain(), await servedAt(caddy.port)]).toEqual([lab.old.chainPEM, lab.old.fingerprint]);
  });

  it('refuses the file: the former one is back and served', async () => {
    const { error } = await lab.install(await makeBrokenPair(), { ...probe, reloadCommand: caddy.reload });
    expect(error).toMatchObject({ code: 'RELOAD_FAILED' });
    expect(error?.message).toContain('private key does not match public key');
    expect([await lab.chain(), await servedAt(caddy.port)]).toEqual([lab.old.chainPEM, lab.old.fingerprint]);
  });
});

describe('with nobody who serves', () => {
  let port: number;
  beforeAll(async () => {
    port = await freePort();
  });

  it('installs, and says that nothing was reloaded', async () => {
    const { plan, error } = await lab.install(next);
    expect(error).toBeUndefined();
    expect(plan).toEqual({
      usesEngine: false,
      warnings: [
        'nothing was reloaded: nobody is named who serves these files; whoever serves these files reads them when it starts',
      ],
    });
    expect(await lab.chain()).toBe(next.chainPEM);
  });

  it('does not run the command of site.yaml where nobody answers', async () => {
    const policy = { ...DEFAULT_POLICY, tls: { reload: ['/bin/false'], probe: at(port) } };
    const { plan, error } = await lab.install(next, { policy });
    expect(error).toBeUndefined();
    expect(plan.warnings).toEqual([expect.stringContaining(`nobody serves at 127.0.0.1:${port}`)]);
  });

  it('goes back where a probe was asked for and nobody answers', async () => {
    const { error } = await lab.install(next, { probe: at(port), probeTimeoutMs: SOON_MS, reloadCommand: 'true' });
    expect(error).toMatchObject({ code: 'TLS_NOT_SERVED' });
    expect(error?.hint).toContain(`nobody served at 127.0.0.1:${port} before`);
    expect(await lab.chain()).toBe(lab.old.chainPEM);
  });

  it('reloads without a probe, and says that nobody looked', async () => {
    const { plan, outcome } = await lab.install(next, { reloadCommand: 'true' });
    expect(outcome.serve).toEqual({ reloaded: 'command true' });
    expect(plan.warnings).toEqual([expect.stringContaining('nobody looked whether the new certificate is served')]);
  });

  it('says that nobody looked on the way back either', async () => {
    const { error, outcome } = await lab.install(next, {
      reloadCommand: `! cmp -s ${lab.tls}/fullchain.pem ${lab.dir}/no`,
    });
    expect([error, outcome.restored]).toEqual([undefined, undefined]);
    const failed = await lab.install(await makePair(), { reloadCommand: 'test -e /nowhere' });
    expect(failed.error).toMatchObject({ code: 'RELOAD_FAILED' });
    expect(failed.outcome.left).toEqual([expect.stringContaining('nobody looked what is served')]);
  });
});

/** A place for steps by themselves. */
function siteOf(): Site {
  const progress = { phase: () => {}, advance: () => {}, note: () => {} };
  return {
    id: '0123456789ab',
    state: { dir: lab.state.dir },
    outcome: {},
    progress,
    warn: () => {},
  } as unknown as Site;
}
