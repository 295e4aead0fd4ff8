// Where nothing answers: in a network of its own whose DNS and routes swallow every packet, checks end in time, and so
// does the process that made them. The one place where time is the promise.
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const run = promisify(execFile);
const INDEX = fileURLToPath(new URL('../../src/preflight/index.ts', import.meta.url));
const LIMIT_MS = 5000;

/** Packets leave by a pair of interfaces whose other end nobody holds; neighbours are told, so that nobody is asked for. */
const NETWORK = `set -e
ip link set lo up
ip link add v0 type veth peer name v1
ip addr add 10.9.9.1/24 dev v0
ip link set v0 up
ip link set v1 up
ip neigh add 10.9.9.2 lladdr 02:00:00:00:00:02 dev v0 nud permanent
ip neigh add 10.9.9.9 lladdr 02:00:00:00:00:09 dev v0 nud permanent
ip route add default via 10.9.9.2
ip -6 route add default dev v0 || true
mount --bind "$1/resolv.conf" /etc/resolv.conf
mount --bind "$1/hosts" /etc/hosts
exec "$2" "$1/checks.mjs"`;

const SCRIPT = `import { createServer } from 'node:net';
import { runCheck } from ${JSON.stringify(INDEX)};
const kinds = ['dns', 'tcp', 'tls', 'https', 'registry', 'blobs', 'acme', 'smtp', 'oidc', 'websocket'];
const far = { env: {}, timeoutMs: ${LIMIT_MS}, now: new Date() };
const proxied = { ...far, env: { HTTPS_PROXY: 'http://carrier:secret-word@192.0.2.7:3128' } };
const server = createServer((socket) => socket.end()).listen(0, '10.9.9.1');
await new Promise((resolve) => server.once('listening', resolve));
const images = ['far.test/app:1'];
const targets = kinds.map((kind) => ({ kind, host: 'far.test', port: 443, images }));
const outcomes = await Promise.all([
  ...targets.map((target) => runCheck(target, far)),
  runCheck({ kind: 'tcp', host: '192.0.2.1', port: 443 }, far),
  runCheck({ kind: 'https', host: 'far.test', port: 443 }, proxied),
  runCheck({ kind: 'dns', host: 'short', port: 53 }, far),
  runCheck({ kind: 'registry', host: '192.0.2.1', port: 443 }, far),
  runCheck({ kind: 'smtp', host: '192.0.2.1', port: 587 }, proxied),
  runCheck({ kind: 'tcp', host: '10.9.9.1', port: server.address().port }, proxied),
  runCheck({ kind: 'tcp', host: 'two.test', port: server.address().port }, far),
]);
server.close();
console.log(JSON.stringify(outcomes));`;

let dir: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'ferry-test-nowhere-'));
  await writeFile(join(dir, 'resolv.conf'), 'nameserver 10.9.9.9\nsearch office.test\n');
  await writeFile(join(dir, 'hosts'), '192.0.2.1 two.test\n10.9.9.1 two.test\n');
  await writeFile(join(dir, 'checks.mjs'), SCRIPT);
});

afterAll(() => rm(dir, { recursive: true, force: true }));

describe('runCheck where nothing answers', () => {
  it('ends each check within its limit, and leaves nothing that keeps the process alive', async () => {
    const words = ['--net', '--mount', '--propagation=private', 'sh', '-c', NETWORK, 'sh', dir, process.execPath];
    const began = performance.now();
    const { stdout, stderr } = await run('unshare', words, { timeout: 60_000 });
    const tookMs = performance.now() - began;
    expect(stderr).toBe('');
    const outcomes: { ok: boolean; stage: string; ms: number; detail: string }[] = JSON.parse(stdout);
    expect(stdout).not.toContain('secret-word');
    // The first of its addresses swallows packets; the other has its turn in time.
    expect(outcomes.pop()).toMatchObject({ ok: true, facts: { address: '10.9.9.1' } });
    const met = outcomes.pop();
    expect(met).toMatchObject({ ok: true, detail: expect.stringMatching(/straight: this does not go by the proxy$/) });
    expect(outcomes.map(({ ok }) => ok)).toEqual(outcomes.map(() => false));
    expect(outcomes.map(({ stage }) => stage)).toEqual([
      ...Array.from({ length: 10 }, () => 'dns'),
      ...['tcp', 'proxy', 'dns', 'tcp', 'tcp'],
    ]);
    expect(Math.max(...outcomes.map(({ ms }) => ms))).toBeLessThan(LIMIT_MS + 1500);
    expect(outcomes[0]?.detail).toBe('resolve far.test: no answer within 5 s');
    expect(tookMs).toBeGreaterThan(LIMIT_MS - 100);
    expect(tookMs).toBeLessThan(10_000);
  });
});
