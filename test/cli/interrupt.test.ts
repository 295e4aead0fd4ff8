// Ctrl-C of a real import: between ferry and the engine stands a socket that can hold what is sent.
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createLab, emptyEngine, type Lab, type LabBundle, snapshot, strayContainers, tagsOf } from '../install/lab.ts';
import { jsonResult, runFerry, startFerry } from '../support/cli.ts';
import { startEngine, type TestEngine } from '../support/engine.ts';
import { makeImage } from '../support/images.ts';

const APP = makeImage({ name: 'registry.example/atrium/app:1', layers: [{ files: { app: 'x'.repeat(400_000) } }] });

let engine: TestEngine;
let lab: Lab;
let bundle: LabBundle;

beforeAll(async () => {
  engine = await startEngine();
});

afterAll(() => engine.stop());

beforeEach(async () => {
  // the process looks at the machine's clock
  lab = await createLab(engine, { now: new Date() });
  const files = [{ name: 'compose.yaml', text: 'services: {}\n', install: '/etc/atrium/compose.yaml' }];
  bundle = await lab.release({ release: '1.0.0', images: [APP], files });
  await lab.trust();
});

afterEach(async () => {
  await lab.remove();
  await emptyEngine(engine);
});

interface Gate {
  readonly host: string;
  /** The load has begun, and is held. */
  readonly loading: Promise<unknown>;
  /** From now on every other request is held too, and `held` says when there is one. */
  closeAll(): Promise<void>;
  stop(): void;
}

/** Passes everything on to the engine, but the load of an image. */
async function startGate(): Promise<Gate> {
  const path = join(lab.dir, 'gate.sock');
  const sockets = new Set<Socket>();
  let isClosed = false;
  let onHeld = () => {};
  const loading = Promise.withResolvers<void>();
  const server: Server = createServer((client) => {
    const upstream = createConnection(engine.socket);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => client.destroy());
      socket.on('close', () => upstream.destroy());
    }
    upstream.pipe(client);
    client.on('data', (chunk) => {
      const isLoad = chunk.toString('latin1').startsWith('POST') && chunk.includes('/images/load');
      if (isLoad) loading.resolve();
      if (isClosed) onHeld();
      if (isLoad || isClosed) client.pause();
      else upstream.write(chunk);
    });
  });
  await once(server.listen(path), 'listening');
  return {
    host: `unix://${path}`,
    loading: loading.promise,
    closeAll: () =>
      new Promise((resolve) => {
        isClosed = true;
        onHeld = resolve;
      }),
    stop: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

function env(host: string): Record<string, string> {
  return { FERRY_STATE: lab.stateDir, FERRY_PREFIX: lab.prefix, DOCKER_HOST: host, HOME: lab.dir };
}

describe('Ctrl-C of an import', () => {
  it('is status 130, and everything stands as before', async () => {
    const before = await snapshot(engine, lab);
    const gate = await startGate();
    const ferry = startFerry(['import', bundle.path], { env: env(gate.host) });
    await gate.loading;
    ferry.kill('SIGINT');
    const { status, stdout, stderr } = await ferry.ended;
    expect({ status, stdout }).toEqual({ status: 130, stdout: '' });
    expect(stderr).toMatch(
      /\nferry: stopping, Ctrl-C again ends at once\nferry: error: stopped\nferry: hint: nothing was changed: images that were loaded are gone, all tags stand as before\n$/,
    );
    expect(await snapshot(engine, lab)).toEqual(before);
    expect(await readdir(lab.stateDir)).not.toContain('lock');
    gate.stop();
  });

  it('twice ends at once, though the engine does not answer the tidying; the same command then installs', async () => {
    const gate = await startGate();
    const ferry = startFerry(['import', bundle.path], { env: env(gate.host) });
    await gate.loading;
    const tidying = gate.closeAll();
    ferry.kill('SIGINT');
    await tidying;
    ferry.kill('SIGINT');
    expect((await ferry.ended).status).toBe(130);
    gate.stop();
    const again = await runFerry(['import', bundle.path, '--json'], { env: env(engine.host) });
    expect(jsonResult(again)).toMatchObject({ event: 'result', action: 'installed' });
    expect(await tagsOf(engine)).toEqual([APP.name]);
    expect(await strayContainers(engine)).toEqual([]); // the pins of what is installed are no strays
  });
});
