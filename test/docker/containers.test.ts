// Containers as the engine tells of them: at a real engine, and from what a lying one says.
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectEngine, type Engine, type EngineContainer } from '../../src/docker/index.ts';
import { busyboxImage, startEngine, type TestEngine } from '../support/engine.ts';
import type { TestImage } from '../support/images.ts';

let host: TestEngine;
let engine: Engine;
let image: TestImage;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp('/tmp/ferry-test-mount-');
  host = await startEngine();
  engine = await connectEngine({ env: { DOCKER_HOST: host.host } });
  image = await busyboxImage(host, { name: 'ghcr.io/o/app:1' });
});
afterAll(async () => {
  engine?.close();
  await host?.stop();
  await rm(folder, { recursive: true, force: true });
});

const run = (...args: string[]) => host.docker('run', '--network=none', ...args);

async function findNamed(name: string): Promise<EngineContainer | undefined> {
  return (await engine.containers()).find((container) => container.name === name);
}

describe('containers', () => {
  it('tells of a running one: image, process, labels, mounts', async () => {
    const id = await run(
      '-d',
      '--name=web',
      '--label=a=b',
      `-v=${folder}:/etc/web:ro`,
      image.name,
      '/bin/busybox',
      'sleep',
      '600',
    );
    const web = await findNamed('web');
    const pid = Number(await host.docker('inspect', '--format', '{{.State.Pid}}', 'web'));
    expect(web).toEqual({
      ...{ id, name: 'web', image: image.name, imageID: image.platform.config.digest },
      ...{ state: 'running', health: 'none', pid, labels: { a: 'b' } },
      mounts: [{ type: 'bind', source: folder, destination: '/etc/web' }],
      ...{ ports: [], networkMode: 'none' },
      ...{ restarts: 0, startedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/) },
    });
    expect(pid).toBeGreaterThan(0);
    await host.docker('pause', 'web');
    expect(await findNamed('web')).toMatchObject({ state: 'paused' });
    await host.docker('rm', '-f', 'web');
  });

  it('tells how one ended', async () => {
    await run('--name=job', image.name, '/bin/busybox', 'sh', '-c', 'exit 7').catch(() => undefined);
    const job = await findNamed('job');
    expect(job).toMatchObject({ state: 'exited', exitCode: 7 });
    expect(job?.pid).toBeUndefined();
    await host.docker('rm', 'job');
  });

  it.each([
    ['healthy', 'true'],
    ['unhealthy', 'false'],
  ] as const)('tells that one is %s', async (health, command) => {
    const check = ['--health-cmd', `/bin/busybox ${command}`, '--health-interval=100ms', '--health-retries=1'];
    await run('-d', '--name=web', ...check, image.name, '/bin/busybox', 'sleep', '600');
    await expect.poll(async () => (await findNamed('web'))?.health, { timeout: 20_000 }).toBe(health);
    await host.docker('rm', '-f', 'web');
  });

  it('signals one that runs, and no other; restarts one, running or not', async () => {
    const line = 'trap "exit 9" HUP; while :; do busybox sleep 0.1; done';
    const id = await run('-d', '--name=web', image.name, '/bin/busybox', 'sh', '-c', line);
    // a signal that comes before the trap is set is lost: it is sent until one is heard
    const again = async () => {
      await engine.signalContainer(id, 'SIGHUP').catch(() => undefined);
      return (await findNamed('web'))?.exitCode;
    };
    await expect.poll(again, { timeout: 20_000 }).toBe(9);
    await expect(engine.signalContainer(id, 'SIGHUP')).rejects.toMatchObject({
      code: 'ENGINE_FAILED',
      facts: { status: 409 },
    });
    await engine.restartContainer(id);
    expect(await findNamed('web')).toMatchObject({ state: 'running' });
    await host.docker('rm', '-f', 'web');
    await expect(engine.restartContainer(id)).rejects.toMatchObject({ facts: { status: 404 } });
  });

  it('names the image as it was named when the container was made, also when the name has moved on', async () => {
    await run('--name=old', image.name, '/bin/busybox', 'true');
    const other = await busyboxImage(host, { name: image.name, cmd: ['/bin/busybox'] });
    expect(await findNamed('old')).toMatchObject({ image: image.name, imageID: image.platform.config.digest });
    expect(other.platform.config.digest).not.toBe(image.platform.config.digest);
    await host.docker('rm', 'old');
    image = other;
  });

  it('shows a pin as one that was created and never ran', async () => {
    const handle = await engine.pin(image.platform.config.digest, 'release 7');
    expect(await engine.containers()).toMatchObject([
      {
        id: handle,
        name: expect.stringMatching(/^ferry-pin-/),
        state: 'created',
        health: 'none',
        labels: { 'ferry.pin': 'release 7' },
        imageID: image.platform.config.digest,
      },
    ]);
    await engine.unpin(handle);
    expect(await engine.containers()).toEqual([]);
  });

  it('holds an image by several pins, whose names say what they are', async () => {
    const imageID = image.platform.config.digest;
    const handles = [await engine.pin(imageID, 'release 7'), await engine.pin(imageID, 'release 7')];
    const names = (await engine.containers()).map(({ name }) => name);
    expect(new Set(names).size).toBe(2);
    for (const name of names) expect(name).toMatch(new RegExp(`^ferry-pin-${imageID.slice(7, 19)}-[0-9a-f]{6}$`));
    for (const handle of handles) await engine.unpin(handle);
  });
});

describe('containers of an engine that says odd things', () => {
  const id = 'a'.repeat(64);

  async function told(list: unknown, inspected: unknown): Promise<EngineContainer[]> {
    const dir = await mkdtemp('/tmp/fo-');
    const answers: Record<string, unknown> = {
      '/version': { Os: 'linux', Arch: 'amd64', ApiVersion: '1.41' },
      '/info': {},
      '/containers/json': list,
      [`/containers/${id}/json`]: inspected,
    };
    const server = createServer((request, response) => {
      const body = answers[new URL(request.url ?? '/', 'http://engine').pathname];
      const status = body === undefined ? 404 : 200;
      response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body ?? { message: 'no' }));
    });
    await new Promise<void>((resolve) => server.listen(join(dir, 's'), resolve));
    const odd = await connectEngine({ env: { DOCKER_HOST: `unix://${join(dir, 's')}` } });
    try {
      return await odd.containers();
    } finally {
      odd.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await rm(dir, { recursive: true });
    }
  }

  it('tells which ports the host has, and not those that are only exposed', async () => {
    const exposed = { PrivatePort: 80, Type: 'tcp' };
    const published = { IP: '0.0.0.0', PrivatePort: 443, PublicPort: 8443, Type: 'tcp' };
    const list = [{ Id: id, State: 'running', Ports: [exposed, published], HostConfig: { NetworkMode: 'front' } }];
    expect(await told(list, { State: { Status: 'running' } })).toMatchObject([
      { ports: [{ host: '0.0.0.0', hostPort: 8443, port: 443, protocol: 'tcp' }], networkMode: 'front' },
    ]);
  });

  it('takes nothing for something that it is not', async () => {
    const list = [
      {
        ...{ Id: id, Names: null, State: 'stopping', Labels: null, Mounts: [7, { Type: 'bind' }], ImageID: 'x' },
        ...{ Ports: [7, null, { PublicPort: 'many', PrivatePort: 443 }], HostConfig: 'host' },
      },
    ];
    const state = { Status: 3, Pid: 'many', ExitCode: null, Health: 'fine' };
    expect(await told(list, { State: state, Mounts: null })).toEqual([
      {
        ...{ id, name: '', image: '', imageID: undefined, state: 'unknown', health: 'none' },
        ...{ restarts: 0, labels: {}, mounts: [], ports: [], networkMode: '' },
      },
    ]);
  });

  it('leaves out one that went meanwhile, and one whose ID is none', async () => {
    expect(await told([{ Id: id, State: 'running' }, { Id: '../../info' }, null], undefined)).toEqual([]);
  });

  it('finds none where the engine says null', async () => {
    expect(await told(null, undefined)).toEqual([]);
  });
});
