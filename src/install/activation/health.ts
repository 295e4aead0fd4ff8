/**
 * Waiting until the containers of a project are up: running, healthy where they say so themselves, and running for a
 * while without a restart where they do not. One that ends with a failure or is started again by the engine has failed
 * at once; one that ends well is done. The engine is only looked at.
 */

import { setTimeout as delay } from 'node:timers/promises';
import { type EngineContainer, isEngineLost, type ProjectContainer, projectContainers } from '../../docker/index.ts';

/** Time as it is, or as a test has it. */
export interface Clock {
  /** Milliseconds, from anywhere, never backwards. */
  readonly now: () => number;
  /** @throws the reason of the signal */
  readonly pause: (ms: number, signal: AbortSignal | undefined) => Promise<void>;
}

export const CLOCK: Clock = {
  now: () => performance.now(),
  pause: async (ms, signal) => {
    await delay(ms, undefined, signal && { signal });
  },
};

export interface UntilUpOptions {
  readonly project: string;
  /** Containers of other services are none of ours. */
  readonly services: readonly string[];
  /** Those that count; each must have a container. @default all that have one */
  readonly awaited?: readonly string[] | undefined;
  readonly timeoutMs: number;
  /** How long a container that says nothing of its health must run. */
  readonly settleMs: number;
  /** @throws {DockerError} */
  readonly look: () => Promise<readonly EngineContainer[]>;
  readonly clock?: Clock;
  readonly signal?: AbortSignal | undefined;
}

const POLL_MS = 250;

/**
 * Why the project is not up, in a few words; `undefined` when it is.
 * @throws {DockerError} when the engine says no; the reason of the signal
 */
export async function untilUp(options: UntilUpOptions): Promise<string | undefined> {
  const { clock = CLOCK, timeoutMs, signal } = options;
  const end = clock.now() + timeoutMs;
  const seen = new Map<string, Seen>();
  for (;;) {
    signal?.throwIfAborted();
    const found = await findContainers(options);
    const now = clock.now();
    const { failed, waiting } = found === undefined ? { waiting: [AWAY] } : judge(found, seen, { ...options, now });
    if (failed !== undefined) return failed;
    if (waiting.length === 0) return undefined;
    if (now >= end) return `not up after ${Math.round(timeoutMs / 1000)} s: ${waiting.join(', ')}`;
    await clock.pause(POLL_MS, signal);
  }
}

const AWAY = 'the engine does not answer';

/** Those of the services that count; `undefined` while the engine is away. */
async function findContainers({ look, project, services, awaited }: UntilUpOptions) {
  try {
    const wanted = new Set(awaited ?? services);
    return projectContainers(await look(), project).filter(({ service }) => wanted.has(service));
  } catch (error) {
    if (isEngineLost(error)) return undefined;
    throw error;
  }
}

/** What was known of a container when it was looked at before. */
interface Seen {
  readonly restarts: number;
  readonly startedAt: string | undefined;
  /** Since when it has been running, on our clock. */
  readonly since: number;
}

interface Verdict {
  readonly failed?: string;
  /** What there is to wait for. */
  readonly waiting: readonly string[];
}

function judge(
  containers: readonly ProjectContainer[],
  seen: Map<string, Seen>,
  { awaited = [], now, settleMs }: Pick<UntilUpOptions, 'awaited' | 'settleMs'> & { readonly now: number },
): Verdict {
  const absent = awaited.filter((name) => !containers.some(({ service }) => service === name));
  const waiting = absent.map((service) => `${service} has no container`);
  if (containers.length === 0 && absent.length === 0) waiting.push('no container is there');
  for (const container of containers) {
    const before = seen.get(container.id);
    const problem = failure(container, before);
    if (problem !== undefined) return { failed: `${container.service} ${problem}`, waiting: [] };
    const { restarts, startedAt } = container;
    const since = before?.startedAt === startedAt ? (before?.since ?? now) : now;
    seen.set(container.id, { restarts, startedAt, since });
    const lack = missing(container, now - since, settleMs);
    if (lack !== undefined) waiting.push(`${container.service} ${lack}`);
  }
  return { waiting };
}

function failure({ state, exitCode, restarts }: ProjectContainer, before: Seen | undefined): string | undefined {
  if (state === 'exited' && exitCode !== 0) return `ended with status ${exitCode ?? 'unknown'}`;
  if (state === 'dead' || state === 'removing') return `is ${state}`;
  // what it did before we came is not ours to judge
  if (state === 'restarting' || (before !== undefined && restarts > before.restarts))
    return 'ends and is started again';
  return undefined;
}

function missing({ state, health }: ProjectContainer, ranMs: number, settleMs: number): string | undefined {
  if (state === 'exited') return undefined;
  if (state !== 'running') return `is ${state}`;
  if (health === 'healthy') return undefined;
  if (health !== 'none') return `is ${health}`;
  return ranMs >= settleMs ? undefined : 'has not run for long enough';
}
