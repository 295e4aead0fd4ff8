/**
 * An engine that goes away while it is needed: restarted by an operator or an upgrade, most often. It is waited for, a
 * bounded time, and whoever answers then must be the same one. What was under way is the caller's to do again.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { DockerError, quoteEngine } from './error.ts';
import type { Connection } from './facts.ts';
import { asObject, asText } from './wire.ts';

const ROUND_MS = 200;
const PROBE_MS = 5_000;

/** Whether an error means that the line to the engine broke, not that the engine refused. */
export function isEngineLost(error: unknown): boolean {
  if (!(error instanceof DockerError)) return false;
  const { code, facts } = error;
  return code === 'ENGINE_NOT_RUNNING' || code === 'ENGINE_UNREACHABLE' || facts['lost'] === true;
}

/** Waits for one engine. Who waited in vain once only looks from then on: not every step of an undo waits anew. */
export function waitingFor(connection: Connection): (signal?: AbortSignal) => Promise<void> {
  let isGivenUp = false;
  return async (signal) => {
    const end = performance.now() + (isGivenUp ? 0 : connection.patience.returnMs);
    for (;;) {
      signal?.throwIfAborted();
      const why = await probe(connection);
      if (why === undefined) break;
      if (performance.now() >= end) {
        isGivenUp = true;
        throw notBack(connection, why);
      }
      // in vain also when the signal comes: the next round throws its reason
      await delay(ROUND_MS, undefined, { ...(signal && { signal }) }).catch(() => undefined);
    }
    isGivenUp = false;
  };
}

/** Why the engine is not back, if it is not. @throws {DockerError} `ENGINE_CHANGED` when another one answers */
async function probe({ api, facts }: Connection): Promise<DockerError | undefined> {
  try {
    const info = asObject(await api.ask({ method: 'GET', path: '/info', deadlineMs: PROBE_MS }));
    const id = asText(info['ID']);
    if (facts.id === '' || id === facts.id) return undefined;
    throw new DockerError(`wait for engine at ${facts.socket}: expected engine ${facts.id}, got ${quoteEngine(id)}`, {
      code: 'ENGINE_CHANGED',
      facts: { engine: facts.socket, expected: facts.id, got: id },
    });
  } catch (error) {
    // one that is starting or stopping may also refuse, or be slow
    const isPassing = error instanceof DockerError && ['ENGINE_STALLED', 'ENGINE_FAILED'].includes(error.code);
    if (isPassing || isEngineLost(error)) return error as DockerError;
    throw error;
  }
}

function notBack({ facts, patience }: Connection, why: DockerError): DockerError {
  const seconds = Math.round(patience.returnMs / 1000);
  const expected = `expected it back within ${seconds} s`;
  return new DockerError(`wait for engine at ${facts.socket}: ${expected}, got none: ${why.message}`, {
    code: 'ENGINE_NOT_RUNNING',
    cause: why,
    hint: 'start Docker (`systemctl start docker`), then run `ferry recover`',
    facts: { engine: facts.socket },
  });
}
