// Every way to an engine, each at a real one: unix socket, TCP, TCP with TLS, ssh; and what people meet when it is shut.
import { execFile } from 'node:child_process';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect as connectSocket, createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectEngine, type Engine, type EngineEnvironment } from '../../src/docker/index.ts';
import { makeCertificates } from '../support/certificates.ts';
import { startEngine, type TestEngine } from '../support/engine.ts';
import { makeImage } from '../support/images.ts';
import { asNobody } from '../support/nobody.ts';
import { freePort } from '../support/port.ts';
import { startSSHD, type TestSSHD } from '../support/sshd.ts';

let host: TestEngine;
let sshd: TestSSHD;
let folder: string;
let ports: { plain: number; tls: number };
const at = (name: string) => join(folder, name);

beforeAll(async () => {
  folder = await mkdtemp('/tmp/ferry-test-connect-');
  const { caPEM, server, client } = await makeCertificates();
  const files = {
    'ca.pem': caPEM,
    'cert.pem': client.certPEM,
    'key.pem': client.keyPEM,
    's.crt': server.certPEM,
    's.key': server.keyPEM,
  };
  for (const [name, text] of Object.entries(files)) await writeFile(at(name), text);
  ports = { plain: await freePort(), tls: await freePort() };
  host = await startEngine({
    args: [
      '-H',
      `tcp://127.0.0.1:${ports.tls}`,
      '--tlsverify',
      '--tlscacert',
      at('ca.pem'),
      '--tlscert',
      at('s.crt'),
      '--tlskey',
      at('s.key'),
    ],
  });
  sshd = await startSSHD({ dockerHost: host.host });
});
afterAll(async () => {
  await sshd?.stop();
  await host?.stop();
  await rm(folder, { recursive: true, force: true });
});

const image = makeImage({
  name: 'ghcr.io/o/a:1',
  layers: [{ files: { a: 'x'.repeat(500_000) }, compression: 'none' }],
  index: true,
});

/** Goes the whole way over a connection: asks, loads, tags, removes. */
async function use(env: EngineEnvironment): Promise<Engine['facts']> {
  const engine = await connectEngine({ env });
  try {
    const plan = engine.planImage(await engine.inventory(), image);
    const { imageID } = await engine.loadImage(plan, { open: image.open, spoolDir: folder });
    await engine.tag(imageID, image.name);
    expect(await engine.findTag(image.name)).toBe(image.platform.config.digest);
    await engine.untag(image.name);
    expect(await engine.removeImage(imageID)).toBe(true);
    return engine.facts;
  } finally {
    engine.close();
  }
}

describe('connectEngine', () => {
  it('goes through a unix socket', async () => {
    expect(await use({ DOCKER_HOST: host.host })).toMatchObject({ socket: host.host, local: true });
  });

  it('goes through TCP', async () => {
    const proxy = createServer((incoming) => {
      const outgoing = connectSocket(host.socket);
      incoming.pipe(outgoing).pipe(incoming);
      incoming.on('error', () => outgoing.destroy());
      outgoing.on('error', () => incoming.destroy());
    }).listen(ports.plain, '127.0.0.1');
    const address = `tcp://127.0.0.1:${ports.plain}`;
    expect(await use({ DOCKER_HOST: address })).toMatchObject({ socket: address, local: false });
    proxy.close();
  });

  it("goes through TLS with the client's certificate", async () => {
    const address = `tcp://127.0.0.1:${ports.tls}`;
    const env = { DOCKER_HOST: address, DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: folder };
    expect(await use(env)).toMatchObject({ socket: address, local: false });
  });

  it("goes through ssh, by OpenSSH's own client", async () => {
    const address = `ssh://root@127.0.0.1:${sshd.port}`;
    expect(await use({ DOCKER_HOST: address, PATH: sshd.path })).toMatchObject({ socket: address, local: false });
  });

  it('runs no Compose through ssh: what services mount from their host was installed on this one', async () => {
    const env = { DOCKER_HOST: `ssh://root@127.0.0.1:${sshd.port}`, PATH: sshd.path };
    const engine = await connectEngine({ env });
    try {
      await expect(engine.findCompose()).rejects.toMatchObject({ code: 'COMPOSE_UNSUPPORTED' });
    } finally {
      engine.close();
    }
  });

  it('goes to the far socket that an ssh address names', async () => {
    const address = `ssh://root@127.0.0.1:${sshd.port}${host.socket}`;
    expect(await use({ DOCKER_HOST: address, PATH: sshd.path })).toMatchObject({ id: expect.stringContaining(':') });
  });
});

describe('connectEngine says what is wrong when', () => {
  const connecting = (env: EngineEnvironment) => connectEngine({ env });

  it('no engine is running', async () => {
    const error = { code: 'ENGINE_NOT_RUNNING', message: expect.stringContaining(at('none')) };
    await expect(connecting({ DOCKER_HOST: `unix://${at('none')}` })).rejects.toMatchObject(error);
    await expect(connecting({ DOCKER_HOST: `tcp://127.0.0.1:${await freePort()}` })).rejects.toMatchObject({
      code: error.code,
    });
  });

  it('the socket is not for us: with the line to type', async () => {
    const script = `import { connectEngine } from ${JSON.stringify(new URL('../../src/docker/index.ts', import.meta.url).href)};
      connectEngine({ env: { DOCKER_HOST: process.argv[1] }, command: 'ferry import /media/usb' })
        .catch(({ code, hint, facts }) => console.log(JSON.stringify({ code, hint, sudo: facts.sudo })));`;
    // the engine's socket is root's alone
    const node = [process.execPath, '--input-type=module', '-e', script, host.host];
    const { stdout } = await promisify(execFile)(...asNobody(node));
    const sudo = `sudo DOCKER_HOST=${host.host} ferry import /media/usb`;
    expect(JSON.parse(stdout)).toEqual({ code: 'ENGINE_DENIED', hint: `run it as root: ${sudo}`, sudo });
  });

  it("the engine's certificate is from an authority that we do not know", async () => {
    const other = await mkdtemp('/tmp/ferry-test-ca-');
    try {
      await writeFile(join(other, 'ca.pem'), (await makeCertificates()).caPEM);
      for (const name of ['cert.pem', 'key.pem']) await copyFile(at(name), join(other, name));
      const env = { DOCKER_HOST: `tcp://127.0.0.1:${ports.tls}`, DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: other };
      await expect(connecting(env)).rejects.toMatchObject({ code: 'ENGINE_TLS' });
    } finally {
      await rm(other, { recursive: true });
    }
  });

  it('there is no certificate of an authority', async () => {
    const env = { DOCKER_HOST: `tcp://127.0.0.1:${ports.tls}`, DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: '/nowhere' };
    await expect(connecting(env)).rejects.toMatchObject({
      code: 'ENGINE_TLS',
      hint: expect.stringContaining('DOCKER_CERT_PATH'),
    });
  });

  it('the engine wants TLS and is spoken to without', async () => {
    await expect(connecting({ DOCKER_HOST: `tcp://127.0.0.1:${ports.tls}` })).rejects.toMatchObject({
      code: 'ENGINE_TLS',
    });
  });

  it('ssh does not know the host: known_hosts counts', async () => {
    const env = { DOCKER_HOST: `ssh://root@127.0.0.1:${sshd.port}`, PATH: sshd.strangerPath };
    const words = expect.stringContaining('Host key verification failed');
    await expect(connecting(env)).rejects.toMatchObject({ code: 'ENGINE_UNREACHABLE', message: words });
  });

  it('there is no ssh', async () => {
    const env = { DOCKER_HOST: 'ssh://root@127.0.0.1', PATH: '/nowhere' };
    await expect(connecting(env)).rejects.toMatchObject({
      code: 'ENGINE_UNREACHABLE',
      message: expect.stringContaining('ENOENT'),
    });
  });

  it('the far end has no such engine', async () => {
    const env = { DOCKER_HOST: `ssh://root@127.0.0.1:${sshd.port}/run/none.sock`, PATH: sshd.path };
    await expect(connecting(env)).rejects.toMatchObject({ code: 'ENGINE_UNREACHABLE' });
  });
});
