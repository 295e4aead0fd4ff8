/** A private engine leaves nothing behind: no process, no mount, no folder; and ends nobody else's. */

import { existsSync, readFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { busyboxImage, startEngine, type TestEngine } from './engine.ts';
import { enginePids, isRunning } from './engine-processes.ts';

const IMAGE = 'ghcr.io/atrium/box:1';

let engine: TestEngine;
beforeEach(async () => {
  engine = await startEngine();
  await busyboxImage(engine, { name: IMAGE, layers: [{ files: { inside: 'x' } }] });
});
afterEach(() => engine.stop());

/** Runs a container with a child of its own. Answers the pid of its first process. */
async function runContainer({ docker } = engine): Promise<number> {
  const command = ['/bin/busybox', 'sh', '-c', '/bin/busybox sleep 600 & wait'];
  await docker('run', '--detach', '--net=none', '--pid=host', '--name', 'box', IMAGE, ...command);
  return Number(await docker('inspect', '--format', '{{.State.Pid}}', 'box'));
}

const mounts = () => readFileSync('/proc/self/mountinfo', 'utf8');

it('that is killed with a running container takes it along, and nothing is left of it when it is stopped', async () => {
  const container = await runContainer();
  const pids = enginePids(engine.root);
  expect(pids).toEqual(expect.arrayContaining([engine.pid, container]));
  expect(pids.length).toBeGreaterThanOrEqual(5); // dockerd, containerd, shim, the container's two
  await engine.kill();
  expect(pids.filter(isRunning)).toEqual([]);
  await engine.stop();
  expect(existsSync(engine.root)).toBe(false);
  expect(mounts()).not.toContain(engine.root);
});

it('that comes back after a kill has the container, ended, and stops with all that it started since', async () => {
  await runContainer();
  await engine.kill();
  await engine.restart();
  expect(await engine.docker('inspect', '--format', '{{.State.Running}}', 'box')).toBe('false');
  await engine.docker('start', 'box');
  const pids = enginePids(engine.root);
  await engine.stop();
  expect(pids.filter(isRunning)).toEqual([]);
  expect(existsSync(engine.root)).toBe(false);
});

it('ends no process of another engine', async () => {
  const other = await startEngine();
  try {
    await busyboxImage(other, { name: IMAGE, layers: [{ files: { inside: 'x' } }] });
    const container = await runContainer(other);
    await engine.stop();
    expect(isRunning(container)).toBe(true);
    expect(enginePids(other.root)).toContain(container);
  } finally {
    await other.stop();
  }
});
