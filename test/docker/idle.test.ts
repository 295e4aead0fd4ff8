// A connection that was kept and is closed by the other side before it is used again: nobody's question is lost by it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { Agent } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openAPI } from '../../src/docker/api.ts';

/** Answers each request once, says that the connection stays, and closes it all the same; prints how often it was asked. */
const SERVER = `
  let asked = 0;
  require('node:http').createServer((request, response) => {
    const { socket } = request;
    response.end(JSON.stringify({ asked: ++asked }), () => setTimeout(() => socket.destroy(), 1));
  }).listen(process.argv[1], () => console.log('up'));`;

let folder: string;
let server: ReturnType<typeof spawn>;

beforeAll(async () => {
  folder = await mkdtemp('/tmp/ferry-test-idle-');
  server = spawn(process.execPath, ['-e', SERVER, join(folder, 'engine')], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(server.stdout as NodeJS.ReadableStream, 'data');
});

afterAll(async () => {
  server.kill();
  await once(server, 'close');
  await rm(folder, { recursive: true });
});

it('a question goes over a new connection where the kept one is gone', async () => {
  const agent = new Agent({ keepAlive: true });
  const api = await openAPI({ kind: 'unix', path: join(folder, 'engine') }, agent);
  const request = { method: 'GET', path: '/version' } as const;
  for (let asked = 1; asked <= 3; asked += 1) {
    expect(await api.ask(request)).toEqual({ asked });
    // the other process closes it while this one is too busy to hear of it
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
  }
  api.close();
});
