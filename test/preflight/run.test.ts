// Rows as they are asked: what answers, what does not, what was not asked; who listens here; what an isolated site needs.
import { createServer as createHTTP } from 'node:http';
import { createServer, type Server } from 'node:net';
import { createServer as createTLS } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import type { Engine } from '../../src/docker/index.ts';
import { FerryError } from '../../src/errors.ts';
import type { PreflightRow, RequirementRow, SiteFacts } from '../../src/preflight/index.ts';
import { runPreflight } from '../../src/preflight/index.ts';
import { findListeners } from '../../src/preflight/listeners.ts';
import { makeRoot } from '../support/pki.ts';
import { plant } from '../support/secrets.ts';

const NOW = new Date('2026-11-23T12:00:00Z');
const DAY = 86_400_000;

const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve));
});

/** Listens on a free port. */
async function listen(server: Server, host = '127.0.0.1'): Promise<number> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  return (server.address() as { port: number }).port;
}

const deaf = () => createServer((socket) => socket.on('error', () => {}).resume());

function engine(facts: Partial<Engine['facts']> = {}): Engine {
  const told = { name: 'docker', version: '20.10.24', store: 'classic', socket: 'unix:///s', apiVersion: '1.41' };
  const here = { dataRoot: '/', local: true };
  return { facts: { ...told, ...here, ...facts }, containers: async () => [], close: () => {} } as unknown as Engine;
}

const noEngine = async () => {
  throw new FerryError('connect to the engine: nobody is there', { code: 'ENGINE_NOT_RUNNING' });
};

const SITE: SiteFacts = { isInstalled: true, stateDir: '/nowhere/ferry', connect: noEngine };
const CONTEXT = { env: {}, timeoutMs: 3000, now: NOW };

interface Given {
  readonly site?: Partial<SiteFacts>;
  readonly airGapped?: boolean;
  readonly at?: Record<string, string>;
  readonly now?: Date;
}

function run(rows: readonly RequirementRow[], { site, airGapped = false, at = {}, now = NOW }: Given = {}) {
  return runPreflight({
    ...{ requirements: rows, images: [], addresses: new Map(Object.entries(at)), airGapped },
    ...{ context: { ...CONTEXT, now }, site: { ...SITE, ...site } },
  });
}

const outbound = (port: number, more: Partial<RequirementRow> = {}): RequirementRow => ({
  ...{ direction: 'outbound', destination: '127.0.0.1', port, purpose: 'p', impact: 'i', check: 'tcp', ...more },
});

describe('runPreflight', () => {
  it('tells what answers from what does not, in the order of the requirements', async () => {
    const [open, closed] = [await listen(deaf()), await closedPort()];
    const { ok, rows, counts } = await run([outbound(closed), outbound(open), outbound(closed, { required: false })]);
    expect(rows).toMatchObject([
      { ok: false, required: true, impact: 'i', result: expect.stringContaining(`${closed}`), ms: expect.any(Number) },
      { ok: true, required: true, destination: '127.0.0.1', purpose: 'p', check: 'tcp' },
      { ok: false, required: false },
    ]);
    expect(rows[0]?.remedy).toMatch(/\.$/);
    expect(rows[1]).not.toHaveProperty('remedy');
    expect({ ok, counts }).toEqual({ ok: false, counts: { ok: 1, failed: 2, unchecked: 0, missing: 1 } });
  });

  it('does not take for failed what is not required, or was not asked', async () => {
    const words = outbound(443, { destination: 'Your own server', name: 'own' });
    const { ok, rows } = await run([outbound(await closedPort(), { when: 'later' }), words]);
    expect(ok).toBe(true);
    expect(rows[1]).toMatchObject({ ok: null, required: true, result: expect.stringContaining('--at own=ADDRESS') });
  });

  it('says the remedy of the requirement behind what the check knows', async () => {
    const { rows } = await run([outbound(await closedPort(), { remedy: 'Ask the network team' })]);
    expect(rows[0]?.remedy).toMatch(/Ask the network team\.$/);
  });

  it('asks many at once, so that all that hang take the time of one', async () => {
    const hung = Array.from({ length: 60 }, (_, at) => outbound(at + 1, { check: 'tls', port: 0 }));
    const port = await listen(deaf());
    const began = performance.now();
    const { rows } = await runPreflight({
      ...{ requirements: hung.map((row) => ({ ...row, port })), images: [], addresses: new Map(), airGapped: false },
      ...{ context: { ...CONTEXT, timeoutMs: 400 }, site: SITE },
    });
    expect(rows.every(({ ok }) => ok === false)).toBe(true);
    expect(performance.now() - began).toBeLessThan(4000);
  });

  it('stops when it is told to', async () => {
    const port = await listen(deaf());
    const signal = AbortSignal.abort(new Error('enough'));
    const context = { ...CONTEXT, signal };
    const options = { requirements: [outbound(port)], images: [], addresses: new Map(), airGapped: false };
    await expect(runPreflight({ ...options, context, site: SITE })).rejects.toThrow('enough');
  });

  it('asks no engine where no row is about one, and none is late', async () => {
    let asked = 0;
    const connect = () => {
      asked += 1;
      return new Promise<Engine>(() => {});
    };
    await run([outbound(await listen(deaf()))], { site: { connect } });
    expect(asked).toBe(0);
    const requirements = [{ ...outbound(53), direction: 'internal', check: 'docker-dns' }];
    const context = { ...CONTEXT, timeoutMs: 500 };
    const options = { requirements, images: [], addresses: new Map(), airGapped: false, context };
    const { rows } = await runPreflight({ ...options, site: { ...SITE, connect } });
    expect(rows[0]).toMatchObject({
      ok: null,
      result: expect.stringContaining('expected an answer in 0.5 s, got none'),
    });
  });
});

async function closedPort(): Promise<number> {
  const server = createServer();
  const port = await listen(server);
  await new Promise((resolve) => servers.splice(servers.indexOf(server), 1)[0]?.close(resolve));
  return port;
}

describe('an inbound row', async () => {
  const leaf = await (await makeRoot()).issue({ names: ['atrium.example'] });
  plant(leaf.keyPEM);
  const inbound = (port: number): RequirementRow => ({ ...outbound(port), direction: 'inbound', check: 'listen' });
  const one = async (port: number, site: Partial<SiteFacts> = {}): Promise<PreflightRow> => {
    const { rows } = await run([inbound(port)], { site });
    return rows[0] as PreflightRow;
  };
  const serve = () => listen(createTLS({ cert: leaf.pem, key: leaf.keyPEM }) as unknown as Server, '0.0.0.0');
  const me = `(process ${process.pid})`;

  it('names who listens, and the certificate that is served', async () => {
    const row = await one(await serve());
    expect(row).toMatchObject({ ok: true, result: expect.stringContaining(me) });
    expect(row.result).toContain('it serves a certificate: atrium.example');
    expect(row.result).toContain('from another machine');
  });

  it('says whether that certificate is the installed one', async () => {
    const port = await serve();
    const served = (await one(port)).facts?.['fingerprint'] as string;
    const certificate = { path: '/etc/atrium/tls', names: ['atrium.example'], fingerprint: served };
    expect(await one(port, { certificate })).toMatchObject({ ok: true, facts: { isInstalled: true } });
    const other = { ...certificate, fingerprint: 'f'.repeat(64) };
    expect(await one(port, { certificate: other })).toMatchObject({
      ...{ ok: false, facts: { isInstalled: false } },
      result: expect.stringContaining('it serves another certificate than the installed one'),
    });
  });

  it('fails where only this host itself gets in', async () => {
    const row = await one(await listen(deaf()));
    expect(row).toMatchObject({ ok: false, result: expect.stringMatching(/on 127\.0\.0\.1 only: nobody outside/) });
  });

  it('takes what speaks no TLS for fine on a port of its own', async () => {
    const port = await listen(createHTTP((_request, response) => response.end()) as unknown as Server, '0.0.0.0');
    expect(await one(port)).toMatchObject({ ok: true });
  });

  it('fails where nobody listens though a release is installed, and waits for the first import', async () => {
    const port = await closedPort();
    expect(await one(port)).toMatchObject({ ok: false, result: 'nobody listens' });
    expect(await one(port, { isInstalled: false })).toMatchObject({
      ok: null,
      result: expect.stringContaining('free'),
    });
  });

  it('sees nobody where there is no /proc', async () => {
    expect(await findListeners(443, { proc: '/nowhere' })).toBeUndefined();
  });
});

describe('an isolated site', () => {
  const isolated = async (site: Partial<SiteFacts>, now = NOW) => {
    const { ok, rows } = await run([], { airGapped: true, site, now });
    return { ok, rows: Object.fromEntries(rows.map((row) => [row.check, row])) };
  };
  const later = (days: number) => new Date(NOW.getTime() + days * DAY);
  const whole: Partial<SiteFacts> = {
    connect: async () => engine(),
    imageBytes: 1,
    buildTime: new Date('2026-11-01T00:00:00Z'),
    certificate: {
      path: '/t',
      names: ['a.example'],
      notAfter: later(200),
      daysLeft: 200,
      level: 'ok',
      keyMatches: true,
    },
    license: { path: '/l', mode: 'valid', validUntil: later(100), daysLeft: 100 },
  };

  it('is fine with an engine, room, the right time, and a certificate and a licence that last', async () => {
    const { ok, rows } = await isolated(whole);
    expect(Object.keys(rows)).toEqual(['engine', 'space', 'clock', 'certificate', 'license']);
    for (const row of Object.values(rows)) expect(row).toMatchObject({ ok: true, required: true, direction: 'host' });
    expect(ok).toBe(true);
    expect(rows['engine']?.result).toContain('20.10.24');
    expect(rows['license']?.result).toBe('valid until 2027-03-03 (100 days left)');
  });

  it('wants all of it where nothing is there', async () => {
    const { ok, rows } = await isolated({ isInstalled: false });
    expect(ok).toBe(false);
    const found = Object.fromEntries(Object.entries(rows).map(([check, row]) => [check, row.ok]));
    expect(found).toEqual({ engine: false, space: null, clock: null, certificate: false, license: false });
    expect(rows['certificate']?.remedy).toContain('ferry tls install');
    expect(rows['certificate']?.impact).toBe("Must be provided manually. Let's Encrypt is not available.");
  });

  it.each([
    ['space', { imageBytes: 1e18 }, /expected 1000000000\.0 GB for images/],
    ['clock', { provenTime: later(2) }, /^2026-11-23T12:00Z: expected it after 2026-11-25T12:00Z, when the catalogue/],
    [
      'certificate',
      { certificate: { ...whole.certificate, path: '/t', daysLeft: 14, level: 'urgent' } },
      /14 days left/,
    ],
    ['certificate', { certificate: { ...whole.certificate, path: '/t', keyMatches: false } }, /its key is another one/],
    ['certificate', { certificate: { path: '/t', problem: 'broken' } }, /\/t: broken/],
    ['license', { license: { path: '/l', mode: 'read-only', validUntil: later(-40) } }, /^read-only, ended 2026-10-14/],
    [
      'license',
      { license: { path: '/l', mode: 'grace', validUntil: later(-4), readOnlyFrom: later(26), daysLeft: 26 } },
      /^in grace until 2026-12-19 \(26 days left\)/,
    ],
  ] as const)('tells of the %s what is wrong: %j', async (check, site, result) => {
    const { ok, rows } = await isolated({ ...whole, ...site } as Partial<SiteFacts>);
    expect(rows[check]).toMatchObject({ ok: false, result: expect.stringMatching(result), remedy: expect.any(String) });
    expect(ok).toBe(false);
  });

  it('finds a year that nobody can be in', async () => {
    const { rows } = await isolated(whole, new Date('2040-01-01T00:00:00Z'));
    expect(rows['clock']).toMatchObject({ ok: false, result: expect.stringContaining('a year near 2026') });
  });

  it('asks for no licence where the release wants none', async () => {
    const { rows } = await isolated({ ...whole, license: undefined, wantsLicense: false });
    expect(rows['license']).toMatchObject({ ok: null });
  });

  it('reports a way out as a surprise, and what is closed as expected; neither fails', async () => {
    const { rows, ok } = await run([outbound(await listen(deaf())), outbound(await closedPort())], {
      ...{ airGapped: true, site: whole },
    });
    expect(rows[0]).toMatchObject({
      ok: false,
      required: false,
      expected: 'closed',
      result: expect.stringMatching(/^surprising/),
    });
    expect(rows[1]).toMatchObject({ ok: true, required: false, result: expect.stringMatching(/^closed, as expected/) });
    expect(ok).toBe(true);
  });

  it('needs the mail server that it has', async () => {
    const smtp = outbound(587, {
      destination: 'Your SMTP server',
      check: 'smtp',
      name: 'smtp',
      when: 'If SMTP is configured',
    });
    const at = { smtp: `127.0.0.1:${await closedPort()}` };
    const { rows, ok } = await run([smtp], { airGapped: true, site: whole, at });
    expect(rows[0]).toMatchObject({ ok: false, required: true, at: at.smtp });
    expect(ok).toBe(false);
  });
});
