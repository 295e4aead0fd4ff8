/** An activation that was cut off, as recovery finds it: a small engine whose containers Compose only pretends to make. */

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentProgress } from '../../../src/content/index.ts';
import type { Engine, EngineContainer } from '../../../src/docker/index.ts';
import { DockerError } from '../../../src/docker/index.ts';
import { findActivation, markActivation, recordActivation } from '../../../src/install/activation/activation-record.ts';
import type { InstallError } from '../../../src/install/error.ts';
import { FolderTree } from '../../../src/install/files/folder.ts';
import { type ActivateData, activate } from '../../../src/install/steps/activate.ts';
import { type ContainersData, containers } from '../../../src/install/steps/containers.ts';
import type { Step } from '../../../src/install/steps/step.ts';
import { writeJournal } from '../../../src/install/transaction/journal.ts';
import { recoverPending } from '../../../src/install/transaction/recover.ts';
import { siteFor } from '../../../src/install/transaction/site.ts';
import { runTransaction } from '../../../src/install/transaction/transaction.ts';
import { ensureSiteIdentity } from '../../../src/site/index.ts';
import { openState, type SiteState } from '../../../src/state/index.ts';

const NOW = new Date('2026-11-23T12:00:00Z');
const ID = '0123456789ab';
const facts = { socket: 'unix:///engine', id: 'the-engine', local: false };
const [OLD_FILE, NEW_FILE] = ['/old/compose.yaml', '/new/compose.yaml'];

let base: string;
let state: SiteState;
/** What was asked of Compose and of the engine, in order. */
let log: string[];
let there: EngineContainer[];
/** Whether what the new release makes is healthy. */
let isHealthy: boolean;
let fails: string | undefined;

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'ferry-activate-'));
  state = await openState(join(base, 'state'));
  log = [];
  isHealthy = false;
  fails = undefined;
  there = [container('old', 'web', 'healthy')];
});
afterEach(() => rm(base, { recursive: true, force: true }));

function container(id: string, service: string, health: EngineContainer['health']): EngineContainer {
  const labels = { 'com.docker.compose.project': 'atrium', 'com.docker.compose.service': service };
  const rest = { image: 'x', imageID: undefined, restarts: 0, startedAt: '2026-11-23T11:00:00Z', mounts: [] };
  const network = { ports: [], networkMode: 'bridge' };
  return { id, name: `atrium_${service}`, state: 'running', health, labels, ...rest, ...network };
}

const without = (id: string) => there.filter((one) => one.id !== id);

const engine = {
  facts,
  environment: { PATH: '/usr/bin:/bin' },
  containers: async () => there,
  stopContainer: async (id: string) => {
    log.push(`stop ${id}`);
    there = there.map((one) => (one.id === id ? { ...one, state: 'exited', exitCode: 0 } : one));
  },
  removeContainer: async (id: string) => {
    log.push(`remove ${id}`);
    there = without(id);
  },
  removeNetworks: async () => {},
  findCompose: async () => ({
    words: ['docker-compose'],
    version: '1.29.2',
    up: async ({ files }: { files: readonly string[] }) => {
      const [file = ''] = files;
      log.push(`up ${file}`);
      if (fails === file) throw new DockerError(`no ${file}`, { code: 'COMPOSE_FAILED' });
      there = [
        file === OLD_FILE
          ? container('again', 'web', 'healthy')
          : container('new', 'web', isHealthy ? 'healthy' : 'unhealthy'),
      ];
    },
  }),
  close: () => {},
} as unknown as Engine;

type Rule = ContainersData['rule'];

function steps(rule: Rule, { restore = null }: Pick<Partial<ContainersData>, 'restore'> = {}): readonly Step[] {
  const left = { sequence: 1, release: '1.0.0' };
  const before = { files: [OLD_FILE], running: ['web'], ids: ['old'] };
  const data: ActivateData = {
    ...{ sequence: 2, release: '2.0.0', project: 'atrium', files: [NEW_FILE], services: ['web'], awaited: null },
    ...{ timeoutSeconds: 0, settleMs: 0, mounted: [], left: 1, goesBack: rule !== 'none', hint: '' },
  };
  return [containers({ project: 'atrium', rule, restore, left, before, mounted: [] }), activate(data)];
}

/** As a process leaves it that is killed: the journal as it stands, and containers that may be new. */
async function cutOff(made: readonly Step[], direction: 'forward' | 'back', at: number): Promise<void> {
  await markActivation({ id: ID, state }, 1);
  there = [container('new', 'web', 'starting')];
  const about = {
    id: ID,
    command: 'import',
    title: 'import atrium',
    prefix: base,
    started: NOW.toISOString(),
  } as const;
  await writeJournal(state, { ...about, engine: facts, steps: made, at, direction });
}

const recover = () => recoverPending(state, { engine: async () => engine, now: NOW });
const ids = () => there.map(({ id, state: how }) => `${id} ${how}`);

async function restoreCommand(status: number) {
  const path = join(base, 'restore');
  await writeFile(path, `#!/bin/sh\necho "$FERRY_TRANSACTION $FERRY_RELEASE" >>${base}/restored\nexit ${status}\n`, {
    mode: 0o755,
  });
  return { words: [path], product: 'atrium', release: '2.0.0', sequence: 2 };
}
const restored = () => readFile(join(base, 'restored'), 'utf8').catch(() => '');

describe('an activation that was killed while it waited', () => {
  it('is finished when the release comes up now', async () => {
    isHealthy = true;
    await cutOff(steps('safe'), 'forward', 1);
    expect(await recover()).toMatchObject({ recovered: 'finished', activation: 'healthy' });
    expect([log, ids()]).toEqual([[`up ${NEW_FILE}`], ['new running']]);
    expect(await findActivation(state, 2)).toMatchObject({ result: 'healthy' });
    expect(await state.findReleaseDocument(1, 'activating.json')).toBeUndefined();
  });

  it('safe: goes back when it does not', async () => {
    await cutOff(steps('safe'), 'forward', 1);
    expect(await recover()).toMatchObject({ recovered: 'undone' });
    expect([log, ids()]).toEqual([[`up ${NEW_FILE}`, `up ${OLD_FILE}`], ['again running']]);
    expect(await recover()).toMatchObject({ recovered: null });
  });

  it('none: stays when it does not, and starts nothing old', async () => {
    await cutOff(steps('none'), 'forward', 1);
    expect(await recover()).toMatchObject({ recovered: 'finished', activation: 'failed' });
    expect([log, ids()]).toEqual([[`up ${NEW_FILE}`], ['new running']]);
    expect(await findActivation(state, 2)).toMatchObject({
      result: 'failed',
      why: 'not up after 0 s: web is unhealthy',
    });
  });

  it('restore: puts the backup back, and then the old containers', async () => {
    await cutOff(steps('restore', { restore: await restoreCommand(0) }), 'forward', 1);
    expect(await recover()).toMatchObject({ recovered: 'undone' });
    expect(log).toEqual([`up ${NEW_FILE}`, 'stop new', `up ${OLD_FILE}`]);
    expect(await restored()).toBe(`${ID} 2.0.0\n`);
  });
});

describe('an interruption while it waits', () => {
  async function interrupt(made: readonly Step[]) {
    const stop = new AbortController();
    const progress = { ...silentProgress, phase: (name: string) => void (name === 'wait for health' && stop.abort()) };
    const identity = await ensureSiteIdentity(state);
    const tree = new FolderTree(base);
    const about = { id: ID, state, identity, engine, prefix: base, tree, now: NOW, began: 0, progress };
    const tell = async () => [];
    const site = await siteFor({ ...about, signal: stop.signal, tell, warn: (line) => log.push(line) });
    const journal = { id: ID, command: 'import', title: 'import', prefix: base, started: NOW.toISOString() } as const;
    const running = runTransaction({ ...journal, engine: facts, steps: made, at: 0, direction: 'forward' }, site);
    const error = running.then(
      () => undefined,
      (thrown: InstallError) => thrown,
    );
    return { error, ended: error.then((thrown) => thrown?.code ?? 'made'), site };
  }

  it('safe: brings the old containers back', async () => {
    const { ended } = await interrupt(steps('safe'));
    expect([await ended, log, ids()]).toEqual(['INTERRUPTED', [`up ${NEW_FILE}`, `up ${OLD_FILE}`], ['again running']]);
  });

  it('restore: says what is left where nothing puts the data back, and not that all is as before', async () => {
    const { error, site } = await interrupt(steps('restore'));
    const left = [
      expect.stringMatching(/^images and files are back, .* are stopped: .*; restore the backup, then run: /),
    ];
    expect(await error).toMatchObject({
      code: 'ACTIVATION_FAILED',
      message: 'run release 2.0.0: expected all services to be up, got an interruption',
      hint: expect.stringContaining('restore the backup'),
      facts: { release: '2.0.0', why: 'an interruption', left },
    });
    expect([log[1], site.outcome.left]).toEqual(['stop new', left]);
  });

  it('none: starts nothing old, and stays', async () => {
    const { ended, site } = await interrupt(steps('none'));
    expect([await ended, log, ids()]).toEqual(['made', [`up ${NEW_FILE}`], ['new running']]);
    expect(site.outcome).toMatchObject({ activation: 'failed', activationWhy: 'an interruption' });
  });
});

describe('a way back that was killed', () => {
  it('restore: puts the backup back again, from its start', async () => {
    await cutOff(steps('restore', { restore: await restoreCommand(0) }), 'back', 0);
    expect(await recover()).toMatchObject({ recovered: 'undone' });
    expect([log, await restored()]).toEqual([['stop new', `up ${OLD_FILE}`], `${ID} 2.0.0\n`]);
  });

  it('restore: starts nothing old when that fails, says what to do, and is over', async () => {
    await cutOff(steps('restore', { restore: await restoreCommand(1) }), 'back', 0);
    const { recovered, activation, warnings } = await recover();
    expect({ recovered, activation }).toEqual({ recovered: 'undone', activation: 'failed' });
    expect([log, ids()]).toEqual([['stop new'], ['new exited']]);
    expect(warnings.join('\n')).toMatch(
      /restore the backup \(FERRY_TRANSACTION=0123456789ab .*then run: docker compose .*old/,
    );
    expect(await recover()).toMatchObject({ recovered: null });
    expect(await findActivation(state, 1)).toMatchObject({ result: 'failed', project: 'atrium', services: ['web'] });
  });

  it('forgets that what is back failed once', async () => {
    const site = { state, now: NOW };
    await recordActivation(site, { sequence: 1, release: '1.0.0' }, { result: 'failed', why: 'web is unhealthy' });
    await cutOff(steps('safe'), 'back', 0);
    expect(await recover()).toMatchObject({ recovered: 'undone' });
    expect(await findActivation(state, 1)).toBeUndefined();
  });

  it('restore: puts the backup back once, however often the old containers do not come up', async () => {
    fails = OLD_FILE;
    await cutOff(steps('restore', { restore: await restoreCommand(0) }), 'back', 0);
    await expect(recover()).rejects.toMatchObject({ code: 'UNDO_INCOMPLETE' });
    there = [...there, container('again', 'web', 'healthy')]; // up in part, on data that is its own now
    await expect(recover()).rejects.toMatchObject({ code: 'UNDO_INCOMPLETE' });
    fails = undefined;
    expect(await recover()).toMatchObject({ recovered: 'undone' });
    const up = `up ${OLD_FILE}`;
    expect([log, await restored()]).toEqual([['stop new', up, up, up], `${ID} 2.0.0\n`]);
  });

  it('restore: puts the backup back again when a container of the new release has run since', async () => {
    fails = OLD_FILE;
    await cutOff(steps('restore', { restore: await restoreCommand(0) }), 'back', 0);
    await expect(recover()).rejects.toMatchObject({ code: 'UNDO_INCOMPLETE' });
    there = [{ ...container('new', 'web', 'starting'), startedAt: '2026-11-23T11:30:00Z' }]; // as an engine does that starts
    fails = undefined;
    expect(await recover()).toMatchObject({ recovered: 'undone' });
    expect([log, await restored()]).toEqual([
      ['stop new', `up ${OLD_FILE}`, 'stop new', `up ${OLD_FILE}`],
      `${ID} 2.0.0\n`.repeat(2),
    ]);
  });

  it.each<Rule>(['none', 'restore'])('%s: starts nothing old without a way to put data back', async (rule) => {
    await cutOff(steps(rule), 'back', 0);
    expect(await recover()).toMatchObject({ recovered: 'undone', activation: 'failed' });
    expect([log, ids()]).toEqual([['stop new'], ['new exited']]);
  });

  it('stays pending while the old containers cannot be brought up', async () => {
    fails = OLD_FILE;
    await cutOff(steps('safe'), 'back', 0);
    await expect(recover()).rejects.toMatchObject({ code: 'UNDO_INCOMPLETE' });
    fails = undefined;
    expect(await recover()).toMatchObject({ recovered: 'undone' });
    expect(ids()).toEqual(['again running']);
  });

  it('touches no container where activation had not begun', async () => {
    await cutOff(steps('safe'), 'back', 0);
    await markActivation({ id: 'another00000', state }, 1);
    expect(await recover()).toMatchObject({ recovered: 'undone' });
    expect([log, ids()]).toEqual([[], ['new running']]);
  });
});
