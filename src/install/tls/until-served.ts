/**
 * Looks at the live port until it serves what it should, or the time is over. A proxy goes on with old processes for a
 * moment beside its new ones, so one answer is none: several in a row count.
 */

import { formatHostPort } from '../../manifest/index.ts';
import { probe, type Served, TLSError } from '../../tls/index.ts';
import { CLOCK, type Clock } from '../activation/health.ts';

/** Where it is served, as data of a journal. */
export interface ProbeAddress {
  readonly host: string;
  readonly port: number;
  /** Asked for by SNI. */
  readonly name: string;
  readonly timeoutMs: number;
}

/** How to look. */
export interface Looking {
  readonly probe: typeof probe;
  readonly clock: Clock;
}

export const LOOKING: Looking = { probe, clock: CLOCK };

/** What was seen last. */
export interface Seen {
  readonly isServed: boolean;
  /** Unless nobody answered. */
  readonly served?: Served;
  /** In words. */
  readonly what: string;
}

export interface UntilServedOptions extends Looking {
  readonly isWanted: (served: Served) => boolean;
  readonly signal: AbortSignal | undefined;
}

const POLL_MS = 50;
const ONCE_MS = 3000;
const IN_A_ROW = 3;

/** Looks until what is wanted is served, three times in a row. @throws the reason of the signal */
export async function untilServed(address: ProbeAddress, options: UntilServedOptions): Promise<Seen> {
  const { clock, signal, isWanted } = options;
  const end = clock.now() + address.timeoutMs;
  for (let inARow = 0; ; ) {
    signal?.throwIfAborted();
    const seen = await lookOnce(address, { ...options, timeoutMs: Math.max(POLL_MS, end - clock.now()) });
    inARow = seen.served !== undefined && isWanted(seen.served) ? inARow + 1 : 0;
    if (inARow === IN_A_ROW) return { ...seen, isServed: true };
    if (inARow === 0 && clock.now() >= end) return seen;
    await clock.pause(POLL_MS, signal);
  }
}

/** One look; never longer than three seconds. @throws the reason of the signal */
export async function lookOnce(
  { host, port, name }: ProbeAddress,
  {
    probe: look,
    signal,
    timeoutMs = ONCE_MS,
  }: Pick<UntilServedOptions, 'probe' | 'signal'> & { readonly timeoutMs?: number },
): Promise<Seen> {
  try {
    const served = await look({ host, port, name, timeoutMs: Math.min(timeoutMs, ONCE_MS), signal });
    return { isServed: false, served, what: describeServed(served) };
  } catch (error) {
    signal?.throwIfAborted();
    if (!(error instanceof TLSError)) throw error;
    return { isServed: false, what: error.message.replace(/^probe .*?: expected a certificate, got /, '') };
  }
}

/** A certificate in a few words: `the certificate a1b2c3d4e5f6… (atrium.plant.local, until 2027-01-31)`. */
function describeServed({ fingerprint, names, notAfter }: Served): string {
  const until = `until ${notAfter.toISOString().slice(0, 10)}`;
  return `the certificate ${shortFingerprint(fingerprint)} (${[...names.slice(0, 3), until].join(', ')})`;
}

/** Enough of it for people to tell two apart. */
export function shortFingerprint(fingerprint: string): string {
  return `${fingerprint.slice(0, 16)}…`;
}

/** `127.0.0.1:443`; where it stands in a message. */
export function whereOf(address: ProbeAddress): string {
  return formatHostPort(address);
}
