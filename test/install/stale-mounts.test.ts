/** A container that mounts a single file keeps the old one; looked for in real containers, through their own root. */

import { rename, symlink, writeFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { connectEngine, type Engine } from '../../src/docker/index.ts';
import { findStaleMounts } from '../../src/install/files/stale-mounts.ts';
import { changedFiles } from '../../src/install/files/switch-plan.ts';
import type { Outcome } from '../../src/install/steps/step.ts';
import { busyboxImage, startEngine, type TestEngine } from '../support/engine.ts';
import { SwitchLab, stageStep, switchStep } from './switch-lab.ts';

const IMAGE = 'ghcr.io/atrium/box:1';
const [ONE, TWO] = ['aaaaaaaaaaaa', 'bbbbbbbbbbbb'];
const A = '/etc/atrium/a';

let test: TestEngine;
let engine: Engine;
let lab: SwitchLab;
beforeAll(async () => {
  test = await startEngine();
  await busyboxImage(test, { name: IMAGE, layers: [{ files: { inside: 'x' } }] });
  engine = await connectEngine({ env: { DOCKER_HOST: test.host } });
});
afterAll(async () => {
  engine?.close();
  await test?.stop();
});
beforeEach(async () => {
  lab = await SwitchLab.create();
  await lab.install(ONE, await lab.want(A, 'a1'), await lab.want('/etc/atrium/b', 'b1'));
});
afterEach(async () => {
  const all = (await test.docker('ps', '--all', '--quiet')).split('\n').filter((id) => id !== '');
  if (all.length > 0) await test.docker('rm', '--force', ...all);
  await lab.remove();
});

const run = (name: string, ...mounts: string[]) =>
  test.docker(
    'run',
    '--detach',
    '--net=none',
    '--name',
    name,
    ...mounts.flatMap((mount) => ['--volume', mount]),
    IMAGE,
    '/bin/busybox',
    'sleep',
    '600',
  );

/** Changes `a`; tells what the settling of the switch told. */
async function update(): Promise<Outcome> {
  const data = await lab.plan([await lab.want(A, 'a2')]);
  await stageStep.apply(data, lab.site(TWO));
  await switchStep.apply(data, lab.site(TWO));
  const outcome: Outcome = {};
  await switchStep.settle?.(data, lab.site(TWO, { engine, outcome }));
  await stageStep.settle?.(data, lab.site(TWO));
  return outcome;
}

describe('a container that mounts', () => {
  it('a file that changed has to be made again, and is named with it', async () => {
    await run('file', `${lab.at(A)}:/run/a:ro`);
    expect(await update()).toEqual({ recreate: [{ container: 'file', path: lab.at(A) }] });
    expect(await test.docker('exec', 'file', '/bin/busybox', 'cat', '/run/a')).toBe('a1');
  });

  it('it by another name, through a link on the way, has to be made again too', async () => {
    await symlink(lab.prefix, `${lab.dir}/elsewhere`);
    await run('file', `${lab.dir}/elsewhere${A}:/run/a:ro`);
    expect(await update()).toEqual({ recreate: [{ container: 'file', path: lab.at(A) }] });
  });

  it('the folder sees the new file, through links of its own', async () => {
    await run('folder', `${lab.at('/etc/atrium')}:/config:ro`);
    expect(await update()).toEqual({});
    expect(await test.docker('exec', 'folder', '/bin/busybox', 'cat', '/config/a')).toBe('a2');
  });

  it('another file, or was made since, is left alone', async () => {
    await run('other', `${lab.at('/etc/atrium/b')}:/run/b:ro`);
    const data = await lab.plan([await lab.want(A, 'a2')]);
    await stageStep.apply(data, lab.site(TWO));
    await switchStep.apply(data, lab.site(TWO));
    await run('since', `${lab.at(A)}:/run/a:ro`);
    expect(await findStaleMounts({ engine, prefix: lab.prefix }, changedFiles(data))).toEqual([]);
    await stageStep.settle?.(data, lab.site(TWO));
  });

  it('a file but does not run, is left alone', async () => {
    await run('ended', `${lab.at(A)}:/run/a:ro`);
    await test.docker('kill', 'ended');
    expect(await update()).toEqual({});
  });

  it('a file that is gone has to be made again', async () => {
    await run('file', `${lab.at(A)}:/run/a:ro`);
    const gone = [{ path: A, digest: null }];
    expect(await findStaleMounts({ engine, prefix: lab.prefix }, gone)).toEqual([
      { container: 'file', path: lab.at(A) },
    ]);
  });

  it('a file where a link in it leads out of it: what that shows is not believed', async () => {
    // the link is the container's own, absolute, and would lead us to the new file on the host
    await run('liar', `${lab.at(A)}:/run/a:ro`, `${lab.dir}:/host`);
    await test.docker('exec', 'liar', '/bin/busybox', 'mkdir', '/run/deep');
    await test.docker('exec', 'liar', '/bin/busybox', 'ln', '-s', lab.at('/etc/atrium'), '/run/deep/out');
    const mounts = [{ type: 'bind', source: lab.at(A), destination: '/run/deep/out/a' }];
    const containers = async () => (await engine.containers()).map((container) => ({ ...container, mounts }));
    const lying = { ...engine, containers };
    const [file] = changedFiles(await lab.plan([await lab.want(A, 'a2')]));
    await writeFile(lab.at('/etc/atrium/new'), 'a2');
    await rename(lab.at('/etc/atrium/new'), lab.at(A));
    const stale = await findStaleMounts({ engine: lying, prefix: lab.prefix }, file === undefined ? [] : [file]);
    expect(stale).toEqual([{ container: 'liar', path: lab.at(A) }]);
  });
});

describe('an engine', () => {
  it('on another host is not asked', async () => {
    const remote = {
      ...engine,
      facts: { ...engine.facts, local: false },
      containers: () => Promise.reject(new Error()),
    };
    expect(await findStaleMounts({ engine: remote, prefix: '/' }, [{ path: A, digest: null }])).toEqual([]);
  });

  it('that does not answer is no reason to fail, but is told', async () => {
    const data = await lab.plan([await lab.want(A, 'a2')]);
    const silent = { ...engine, facts: engine.facts, containers: () => Promise.reject(new Error('gone')) };
    await switchStep.settle?.(data, lab.site(TWO, { engine: silent }));
    expect(lab.warnings).toEqual([expect.stringContaining('gone')]);
  });
});
