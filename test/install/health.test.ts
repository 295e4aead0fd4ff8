// When a project counts as up: containers as the engine tells of them, on a clock of the test's own.
import { describe, expect, it } from 'vitest';
import { DockerError, type EngineContainer } from '../../src/docker/index.ts';
import { type UntilUpOptions, untilUp } from '../../src/install/activation/health.ts';

type Told = Partial<EngineContainer> & {
  readonly service?: string;
  readonly project?: string;
  readonly oneOff?: string;
};

function container({ service = 'web', project = 'atrium', oneOff = 'False', ...told }: Told): EngineContainer {
  const labels = {
    'com.docker.compose.project': project,
    'com.docker.compose.service': service,
    'com.docker.compose.oneoff': oneOff,
  };
  const id = service.padEnd(64, '0');
  const rest = {
    image: 'x',
    imageID: undefined,
    restarts: 0,
    mounts: [],
    ports: [],
    networkMode: 'bridge',
    startedAt: 'then',
  } as const;
  return { id, name: `${project}_${service}_1`, state: 'running', health: 'none', labels, ...rest, ...told };
}

/** Shows the looks one after another, the last one for ever; each pause takes as long as it says. */
async function wait(looks: readonly (readonly Told[] | Error)[], options: Partial<UntilUpOptions> = {}) {
  let [at, ms] = [0, 0];
  const why = await untilUp({
    project: 'atrium',
    services: ['web', 'db', 'migrate'],
    timeoutMs: 10_000,
    settleMs: 1000,
    look: async () => {
      const look = looks[Math.min(at, looks.length - 1)] ?? [];
      at += 1;
      if (look instanceof Error) throw look;
      return look.map(container);
    },
    clock: {
      now: () => ms,
      pause: async (pause) => {
        ms += pause;
      },
    },
    ...options,
  });
  return { why, ms };
}

const away = new DockerError('away', { code: 'ENGINE_NOT_RUNNING' });

describe('untilUp', () => {
  it('is done at once when all say that they are healthy', async () => {
    expect(await wait([[{ health: 'healthy' }, { service: 'db', health: 'healthy' }]])).toEqual({
      why: undefined,
      ms: 0,
    });
  });

  it('waits for one that is starting', async () => {
    expect(await wait([[{ health: 'starting' }], [{ health: 'starting' }], [{ health: 'healthy' }]])).toEqual({
      why: undefined,
      ms: 500,
    });
  });

  it('lets one that says nothing of its health run for a while', async () => {
    expect(await wait([[{}]])).toEqual({ why: undefined, ms: 1000 });
  });

  it('begins to count anew when it was started again', async () => {
    const { why, ms } = await wait([[{}], [{}], [{ startedAt: 'later' }]]);
    expect({ why, ms }).toEqual({ why: undefined, ms: 1500 });
  });

  it('counts one that ended well as done', async () => {
    expect(await wait([[{ health: 'healthy' }, { service: 'migrate', state: 'exited', exitCode: 0 }]])).toEqual({
      why: undefined,
      ms: 0,
    });
  });

  it.each<[string, Told, Told, string]>([
    ['ends with a status', {}, { state: 'exited', exitCode: 3 }, 'web ended with status 3'],
    ['is being started again', {}, { state: 'restarting' }, 'web ends and is started again'],
    ['was started again in between', { restarts: 2 }, { restarts: 3 }, 'web ends and is started again'],
    ['is dead', {}, { state: 'dead' }, 'web is dead'],
  ])('fails at once when one %s', async (_how, first, then, why) => {
    expect(await wait([[first], [then]])).toEqual({ why, ms: 250 });
  });

  it('does not count what was started again before we came', async () => {
    expect((await wait([[{ restarts: 7 }]])).why).toBeUndefined();
  });

  it('gives up after the time it was given, and says for what it waited', async () => {
    const looks = [[{ health: 'unhealthy' } as const, { service: 'db', state: 'created' } as const]];
    expect(await wait(looks)).toEqual({ why: 'not up after 10 s: web is unhealthy, db is created', ms: 10_000 });
  });

  it('waits for those that are named alone, and for their containers', async () => {
    const web = { health: 'healthy' } as const;
    const db = { service: 'db', health: 'unhealthy' } as const;
    expect((await wait([[web, db]], { awaited: ['web'] })).why).toBeUndefined();
    expect((await wait([[web]], { awaited: ['web', 'db'] })).why).toBe('not up after 10 s: db has no container');
  });

  it('does not look at other projects, other services and what was run by hand', async () => {
    const failed = { state: 'exited', exitCode: 1 } as const;
    const others = [
      { ...failed, project: 'other' },
      { ...failed, service: 'former' },
      { ...failed, service: 'db', oneOff: 'True' },
    ];
    expect((await wait([[{ health: 'healthy' }, ...others]])).why).toBeUndefined();
  });

  it('is not up when there is no container at all', async () => {
    expect((await wait([[]])).why).toBe('not up after 10 s: no container is there');
  });

  it('waits for an engine that is away, and no longer than for a container', async () => {
    expect(await wait([away, away, [{ health: 'healthy' }]])).toEqual({ why: undefined, ms: 500 });
    expect((await wait([away])).why).toBe('not up after 10 s: the engine does not answer');
  });

  it('does not wait when the engine says no', async () => {
    await expect(wait([new DockerError('no', { code: 'ENGINE_DENIED' })])).rejects.toMatchObject({
      code: 'ENGINE_DENIED',
    });
  });

  it('stops at the signal', async () => {
    const signal = AbortSignal.abort(new Error('stopped'));
    await expect(wait([[{ health: 'starting' }]], { signal })).rejects.toThrow('stopped');
  });
});
