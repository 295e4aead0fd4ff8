// An engine that goes away and comes back, or another in its place: small true servers on one socket.
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connectEngine, DockerError, type Engine, isEngineLost } from '../../src/docker/index.ts';

let folder: string;
let server: Server | undefined;
let engine: Engine | undefined;

beforeEach(async () => {
  folder = await mkdtemp('/tmp/fa-');
});
afterEach(async () => {
  engine?.close();
  await stop();
  await rm(folder, { recursive: true });
});

const socket = () => join(folder, 's');

async function start({ id = 'one', status = 200 } = {}): Promise<void> {
  const made = createServer((request, response) => {
    const body = request.url?.startsWith('/info') ? { ID: id } : { Os: 'linux', Arch: 'amd64', ApiVersion: '1.41' };
    response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
  });
  server = made;
  await new Promise<void>((resolve) => made.listen(socket(), resolve));
}

async function stop(): Promise<void> {
  server?.closeAllConnections();
  await new Promise((resolve) => (server === undefined ? resolve(undefined) : server.close(resolve)));
  server = undefined;
}

async function connect(returnMs: number): Promise<Engine> {
  engine = await connectEngine({ env: { DOCKER_HOST: `unix://${socket()}` }, patience: { returnMs } });
  return engine;
}

/** The reason that a call at an engine which is not there fails. */
const failure = (asked: Promise<unknown>) =>
  asked.then(
    () => undefined,
    (error: unknown) => error,
  );

describe('untilBack', () => {
  it('goes on once the same engine answers again', async () => {
    await start();
    const lost = await connect(60_000);
    await stop();
    expect(isEngineLost(await failure(lost.containers()))).toBe(true);
    const waiting = lost.untilBack();
    await start();
    await waiting;
  });

  it('gives up after its time, with the way out; and from then on only looks', async () => {
    await start();
    const lost = await connect(300);
    await stop();
    const gone = { code: 'ENGINE_NOT_RUNNING', hint: expect.stringContaining('ferry recover') };
    const began = performance.now();
    await expect(lost.untilBack()).rejects.toMatchObject(gone);
    const waited = performance.now() - began;
    await expect(lost.untilBack()).rejects.toMatchObject(gone);
    expect(waited).toBeGreaterThanOrEqual(300);
    expect(performance.now() - began - waited).toBeLessThan(200);
    await start();
    await lost.untilBack();
  });

  it('takes no other engine for it', async () => {
    await start();
    const lost = await connect(60_000);
    await stop();
    await start({ id: 'two' });
    await expect(lost.untilBack()).rejects.toMatchObject({
      code: 'ENGINE_CHANGED',
      message: expect.stringContaining('expected engine one, got "two"'),
    });
  });

  it('waits for one that answers and is not ready yet', async () => {
    await start();
    const lost = await connect(60_000);
    await stop();
    await start({ status: 503 });
    const waiting = lost.untilBack();
    await stop();
    await start();
    await waiting;
  });

  it('stops when told to, and throws the reason', async () => {
    await start();
    const lost = await connect(60_000);
    await stop();
    const why = new Error('interrupted');
    const abort = new AbortController();
    const waiting = lost.untilBack(abort.signal);
    abort.abort(why);
    await expect(waiting).rejects.toBe(why);
  });
});

describe('isEngineLost', () => {
  it.each(['ENGINE_FAILED', 'ENGINE_DENIED', 'ENGINE_TLS', 'ENGINE_STALLED', 'LOAD_FAILED', 'IMAGE_MISMATCH'] as const)(
    'says no for an engine that answered: %s',
    (code) => {
      expect(isEngineLost(new DockerError('x', { code }))).toBe(false);
    },
  );

  it('says no for what is none of the engine', () => {
    expect(isEngineLost(Object.assign(new Error('x'), { code: 'ENGINE_UNREACHABLE' }))).toBe(false);
  });
});
