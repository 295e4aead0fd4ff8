/** `ferry rollback` and `ferry recover` as they are typed: what they answer, to a program and to a person. */

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createLab, emptyEngine, idOf, type Lab } from '../install/lab.ts';
import { jsonResult, runFerry } from '../support/cli.ts';
import { startEngine, type TestEngine } from '../support/engine.ts';
import { makeImage } from '../support/images.ts';

const NAME = 'registry.example/atrium/app:1';
const image = (text: string) => makeImage({ name: NAME, layers: [{ files: { app: text } }] });

let engine: TestEngine;
let lab: Lab;

beforeAll(async () => {
  engine = await startEngine();
});
afterAll(() => engine.stop());
beforeEach(async () => {
  lab = await createLab(engine, { now: new Date() }); // the process looks at the machine's clock
  await lab.trust();
});
afterEach(async () => {
  await lab.remove();
  await emptyEngine(engine);
});

function ferry(...args: string[]) {
  const env = { FERRY_STATE: lab.stateDir, FERRY_PREFIX: lab.prefix, DOCKER_HOST: engine.host, HOME: lab.dir };
  return runFerry(args, { env });
}

async function install(release: string): Promise<void> {
  const files = [{ name: 'a.conf', text: release, install: '/etc/atrium/a.conf' }];
  const { path } = await lab.release({ release, images: [image(release)], files });
  await lab.import(path, { now: new Date() });
}

describe('ferry rollback', () => {
  it('ends with --json in what came back, and from where', async () => {
    await install('1.0.0');
    await install('2.0.0');
    const done = await ferry('rollback', '--yes', '--json');
    expect(done.status).toBe(0);
    const imageID = image('1.0.0').platform.config.digest;
    expect(jsonResult(done)).toMatchObject({
      ...{ event: 'result', release: '1.0.0', sequence: 1, from: { release: '2.0.0', sequence: 2 }, recovered: null },
      images: [{ name: NAME, imageID }],
      files: [{ path: `${lab.prefix}/etc/atrium/a.conf` }],
      receipt: `${lab.stateDir}/releases/1/receipt.json`,
    });
    expect(await idOf(engine, NAME)).toBe(imageID);
  });

  it('asks nobody where nobody can be asked, and then changes nothing', async () => {
    await install('1.0.0');
    await install('2.0.0');
    expect((await ferry('rollback')).status).toBe(3);
    expect(await idOf(engine, NAME)).toBe(image('2.0.0').platform.config.digest);
  });

  it('says to a person what is back, and with nothing to go back to what to do', async () => {
    await install('1.0.0');
    expect((await ferry('rollback', '--yes')).stdout).toMatch(/^back to what was here before atrium\n/);
    const other = await createLab(engine, { now: new Date() });
    const none = await runFerry(['rollback', '--yes'], { env: { FERRY_STATE: other.stateDir, HOME: other.dir } });
    expect(none).toMatchObject({ status: 1, stdout: '', stderr: expect.stringContaining('ferry: hint: import') });
    await other.remove();
  });
});

describe('ferry recover', () => {
  it('says that nothing is pending', async () => {
    await install('1.0.0');
    expect(await ferry('recover')).toMatchObject({ status: 0, stdout: 'nothing was pending\n' });
    expect(jsonResult(await ferry('recover', '--json'))).toMatchObject({ event: 'result', recovered: null });
  });
});
