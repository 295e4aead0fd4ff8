// `ferry preflight` as scripts and people see it: rows in JSON, a table in 80 columns, the status, the page.
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FERRY, jsonResult, type Ran, runMain } from '../support/cli.ts';

interface Row {
  readonly destination: string;
  readonly purpose: string;
  readonly required: boolean;
  readonly ok: boolean | null;
  readonly impact: string;
  readonly direction: string;
  readonly result: string;
  readonly check: string;
}

const HEAD = 'product: demo\nrelease: "1"\nplatforms: [linux/amd64]\nimages: [reg.example/a/b:1]\n';
const ATRIUM = [
  ...['Internet', 'Internet / LAN', 'ghcr.io', '*.ghcr.io', 'pkg-containers.githubusercontent.com'],
  ...['cp.atrium.sprocksystems.de', 'acme-v02.api.letsencrypt.org', 'Your SMTP server'],
  ...['Your OIDC provider (e.g., login.microsoftonline.com)', 'CRM APIs (e.g., *.salesforce.com)'],
  ...['Calendar APIs (e.g., graph.microsoft.com)', 'Your Atrium server, from the network of the Agent'],
  ...['External DNS, for the destinations above', "Docker's built-in DNS"],
];

let folder: string;
let server: Server;
let open: number;
let closed: number;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ferry-preflight-'));
  server = createServer((socket) => socket.on('error', () => {}).resume());
  const gone = createServer();
  open = await listen(server);
  closed = await listen(gone);
  await new Promise((resolve) => gone.close(resolve));
});
afterAll(async () => {
  await new Promise((resolve) => server?.close(resolve));
  await rm(folder, { recursive: true, force: true });
});

async function listen(one: Server): Promise<number> {
  await new Promise<void>((resolve) => one.listen(0, '127.0.0.1', resolve));
  return (one.address() as { port: number }).port;
}

async function manifest(rows: string): Promise<string> {
  const path = join(folder, 'manifest.yaml');
  await writeFile(path, HEAD + rows);
  return path;
}

/** No engine of this machine, and no state. */
const run = (...args: string[]) =>
  runMain(['preflight', ...args, '--state', join(folder, 'none')], {
    env: { DOCKER_HOST: `unix://${join(folder, 'nobody')}` },
    cwd: folder,
  });

const rowsOf = (ran: Ran) => jsonResult(ran)['rows'] as Row[];

describe('ferry preflight', () => {
  it("asks the manifest's own requirements, and is status 10 when a required one fails", async () => {
    const path = await manifest(
      `requirements:\n  - {destination: "127.0.0.1:${open}", purpose: open, impact: none}\n  - {destination: 127.0.0.1, port: ${closed}, purpose: closed, impact: sad}\n`,
    );
    const ran = await run(path, '--json');
    expect(ran.status).toBe(10);
    expect(jsonResult(ran)).toMatchObject({ event: 'result', ok: false, of: 'demo 1', exit: 10 });
    expect(rowsOf(ran)).toMatchObject([
      { destination: `127.0.0.1:${open}`, purpose: 'open', required: true, ok: true, impact: 'none' },
      { destination: '127.0.0.1', port: closed, purpose: 'closed', required: true, ok: false, impact: 'sad' },
    ]);
  });

  it('is status 0 when all that fails is not required', async () => {
    const path = await manifest(
      `requirements:\n  - {destination: "127.0.0.1:${closed}", purpose: p, when: "If it is configured"}\n`,
    );
    const ran = await run(path, '--json');
    expect(ran.status).toBe(0);
    expect(rowsOf(ran)).toMatchObject([
      { ok: false, required: false, when: 'If it is configured', impact: expect.any(String) },
    ]);
  });

  it('names a fault of the manifest with its line', async () => {
    const path = await manifest('requirements:\n  - {destination: "a.example:x", purpose: p}\n');
    const ran = await run(path);
    expect(ran.status).toBe(2);
    expect(ran.stderr).toMatch(/manifest\.yaml:6: requirements\[0\]\.destination: expected a port/);
  });

  it('takes the addresses of the site by name, and names the names for another', async () => {
    const path = await manifest(
      'requirements:\n  - {destination: Your database, purpose: p, port: 1, name: db, check: tcp}\n',
    );
    const ran = await run(path, '--at', `db=127.0.0.1:${open}`, '--json');
    expect(ran.status).toBe(0);
    expect(rowsOf(ran)).toMatchObject([{ ok: true, at: `127.0.0.1:${open}` }]);
    const wrong = await run(path, '--at', 'dp=127.0.0.1');
    expect(wrong).toMatchObject({ status: 2, stderr: expect.stringContaining('--at dp: expected db') });
  });

  it('shows a table in 80 columns, with what to do under what failed', async () => {
    const path = await manifest(
      `requirements:\n  - {destination: "127.0.0.1:${closed}", purpose: "${'many words '.repeat(20)}", impact: "${'harm '.repeat(40)}"}\n  - {direction: inbound, destination: LAN, port: ${open}, purpose: p}\n`,
    );
    const { stdout, status } = await run(path);
    expect(status).toBe(10);
    expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
    expect(stdout).toMatch(new RegExp(`^ {2}FAILED {2}127\\.0\\.0\\.1:${closed} .*s$`, 'm'));
    expect(stdout).toMatch(/^ {10}got {4}/m);
    expect(stdout).toMatch(/^ {10}means {2}harm/m);
    expect(stdout).toMatch(/^ {10}do {5}/m);
    expect(stdout).toMatch(/only:\s+nobody\s+outside\s+of\s+this\s+host\s+reaches\s+it/);
  });

  it('writes the page', async () => {
    const path = await manifest(`requirements:\n  - {destination: "127.0.0.1:${open}", purpose: p}\n`);
    const ran = await run(path, '--report', 'page.html', '--json');
    expect(jsonResult(ran)['report']).toBe(join(folder, 'page.html'));
    expect(await readFile(join(folder, 'page.html'), 'utf8')).toContain('Preflight: requirements of demo 1');
  });

  it('of an isolated site looks at the host itself', async () => {
    const ran = await run(await manifest('requirements: []\n'), '--air-gapped', '--json');
    expect(ran.status).toBe(10);
    const rows = rowsOf(ran).map(({ check, ok, required }) => [check, required, ok]);
    expect(rows).toEqual([
      ['engine', true, false],
      ['space', true, null],
      ['clock', true, true],
      ['certificate', true, false],
      ['license', true, false],
    ]);
  });
});

/** Runs a real ferry where every packet vanishes: a network of its own whose only way out leads nowhere. */
function runInHole(...args: string[]): Promise<Ran & { seconds: number }> {
  // the other end of the wire belongs to nobody of the address that all is sent to
  const net = [
    ...['ip link set lo up', 'ip link add d0 type veth peer name d1', 'ip addr add 10.99.0.2/24 dev d0'],
    ...['ip link set d0 up', 'ip link set d1 up', 'ip neigh add 10.99.0.1 lladdr 02:00:00:00:00:01 dev d0'],
    ...[
      'ip route replace 10.99.0.0/24 via 10.99.0.1 dev d0 onlink',
      'ip route add default via 10.99.0.1 onlink dev d0',
    ],
  ];
  const script = `set -e; ${net.join('; ')}; exec "$@"`;
  const env = { PATH: process.env['PATH'], DOCKER_HOST: `unix://${join(folder, 'nobody')}` };
  const began = performance.now();
  return new Promise((resolve) => {
    execFile('unshare', ['--net', 'sh', '-c', script, 'sh', FERRY, ...args], { env }, (error, stdout, stderr) => {
      const seconds = (performance.now() - began) / 1000;
      resolve({ status: error ? Number(error.code) : 0, stdout, stderr, seconds });
    });
  });
}

describe('ferry preflight where nothing answers', () => {
  it("has Atrium's rows without a manifest, and is over in ten seconds, process and all", async () => {
    const state = join(folder, 'none');
    const at = ['--at', 'smtp=10.99.0.7', '--at', 'oidc=https://10.99.0.8/realm', '--at', 'agent=wss://10.99.0.9/ws'];
    const ran = await runInHole('preflight', '--json', '--state', state, ...at);
    expect(ran.seconds).toBeLessThan(10);
    // nothing was refused: it waited as long as it may
    expect(ran.seconds, ran.stderr).toBeGreaterThan(4);
    expect(ran.status).toBe(10);
    const rows = rowsOf(ran);
    expect(rows.map(({ destination }) => destination)).toEqual(ATRIUM);
    const asked = rows.filter(({ direction, ok }) => direction === 'outbound' && ok !== null);
    expect(asked).toHaveLength(9);
    expect(asked.every(({ ok }) => ok === false)).toBe(true);
    for (const { purpose, impact, result } of rows)
      for (const text of [purpose, impact, result]) expect(text).not.toBe('');
  });
});
