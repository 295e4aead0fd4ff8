/**
 * How often and how soon to try again: exponential back-off with jitter (half of each step is chance, so that many
 * readers do not come back at once), what the server asks for, and an end. A host that has never answered is given up
 * soon, for then the name is likely wrong; one that has answered is waited for through a minute and more of weather.
 */
import type { FerryError } from '../errors.ts';
import type { HTTPClient } from './client.ts';
import { type HTTPCode, HTTPError } from './error.ts';
import { realTiming, type Timing } from './timing.ts';

export interface RetryOptions {
  /** Retries in a row without progress. @default 8 */
  readonly retries?: number;
  /** The longest wait that a server may ask for, milliseconds. @default 120_000 */
  readonly maxWaitMs?: number;
  readonly timing?: Timing;
  /** Told before each wait, in a line without secrets. */
  readonly onRetry?: (why: string) => void;
  /** Ends a wait with its reason. */
  readonly signal?: AbortSignal | undefined;
}

export interface Failure {
  readonly error: FerryError;
  /** What the server asked for. */
  readonly askedMs?: number | undefined;
  /** So many retries for failures of this kind, counted by themselves. */
  readonly limit?: number;
}

const FIRST_STEP_MS = 500;
const LAST_STEP_MS = 30_000;
const NEW_HOST_RETRIES: Partial<Record<HTTPCode, number>> = {
  UNREACHABLE: 2,
  UNKNOWN_HOST: 0,
  TLS_FAILED: 0,
  PROXY_REFUSED: 2,
};
const PASSING: ReadonlySet<string> = new Set<HTTPCode>([
  ...(['UNREACHABLE', 'UNKNOWN_HOST', 'TLS_FAILED', 'CONNECTION_LOST', 'IDLE_TIMEOUT'] as const),
]);

/** Whether the same request may fare better later; for HTTPError alone, a status is the caller's to judge. */
export function isPassing(error: unknown): error is HTTPError {
  if (!(error instanceof HTTPError)) return false;
  const { status } = error.facts;
  if (error.code === 'PROXY_REFUSED') return typeof status !== 'number' || isPassingStatus(status);
  return PASSING.has(error.code);
}

/** Statuses that pass: timeout, too many requests, and the server's own failures but for "not implemented". */
export function isPassingStatus(status: number): boolean {
  return status === 408 || status === 425 || status === 429 || (status >= 500 && status !== 501 && status !== 505);
}

/** The retries of one undertaking; not shared between two. */
export class Retries {
  readonly #options: RetryOptions;
  readonly #client: Pick<HTTPClient, 'hasReached'>;
  #used = 0;
  #usedOfKind = 0;

  constructor(client: Pick<HTTPClient, 'hasReached'>, options: RetryOptions = {}) {
    this.#client = client;
    this.#options = options;
  }

  /** Something was achieved since the last failure: count anew. */
  progressed(): void {
    this.#used = 0;
    this.#usedOfKind = 0;
  }

  /** The longest wait that is granted, milliseconds. */
  get maxWaitMs(): number {
    return this.#options.maxWaitMs ?? 120_000;
  }

  /** Waits until the next try. @throws the failure's own error when there is to be none; the signal's reason */
  async wait(failure: Failure): Promise<void> {
    const { timing = realTiming, onRetry, signal } = this.#options;
    const { error, askedMs = 0, limit: ofKind } = failure;
    const limit = this.#limit(error);
    if (ofKind !== undefined && this.#usedOfKind >= ofKind) throw error;
    if (this.#used >= limit || askedMs > this.maxWaitMs) throw error;
    const ms = backOffMs(this.#used, { askedMs, random: timing.random() });
    this.#used += 1;
    if (ofKind !== undefined) this.#usedOfKind += 1;
    onRetry?.(`${error.message}; trying again in ${(ms / 1000).toFixed(1)} s (${this.#used} of ${limit})`);
    await timing.sleep(ms, signal);
  }

  #limit(error: FerryError): number {
    const usual = this.#options.retries ?? 8;
    const host = error.facts['host'];
    if (!(error instanceof HTTPError) || (typeof host === 'string' && this.#client.hasReached(host))) return usual;
    return Math.min(usual, NEW_HOST_RETRIES[error.code] ?? usual);
  }
}

/** Milliseconds before retry number `used` + 1: half of a doubling step and up to as much by chance, never less than was asked for. */
export function backOffMs(used: number, { askedMs, random }: { askedMs: number; random: number }): number {
  const step = Math.min(LAST_STEP_MS, FIRST_STEP_MS * 2 ** used);
  return Math.max(askedMs + (askedMs > 0 ? (random * step) / 2 : 0), step / 2 + (random * step) / 2);
}
