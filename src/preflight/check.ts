/**
 * One check of one destination: an outcome whatever happens on the way, in time. When the time is over, and at the end
 * of each check, one signal destroys every socket and query it opened, so that none keeps the process alive.
 */
import { Attempt, type Found } from './attempt.ts';
import { checkACME } from './checks/acme.ts';
import { checkBlobs } from './checks/blobs.ts';
import { checkDNS } from './checks/dns.ts';
import { checkHTTPS } from './checks/https.ts';
import { checkOIDC } from './checks/oidc.ts';
import { checkRegistry } from './checks/registry.ts';
import { checkSMTP } from './checks/smtp.ts';
import { checkTCP } from './checks/tcp.ts';
import { checkTLS } from './checks/tls.ts';
import { checkWebSocket } from './checks/websocket.ts';
import { outcomeOf, timedOut } from './failure.ts';
import type { CheckContext, CheckKind, CheckOutcome, CheckTarget } from './outcome.ts';

type Check = (target: CheckTarget, attempt: Attempt) => Promise<Found>;

const CHECKS: Readonly<Record<CheckKind, Check>> = {
  dns: checkDNS,
  tcp: checkTCP,
  tls: checkTLS,
  https: checkHTTPS,
  registry: checkRegistry,
  blobs: checkBlobs,
  acme: checkACME,
  smtp: checkSMTP,
  oidc: checkOIDC,
  websocket: checkWebSocket,
};

/**
 * Checks a destination. Never later than `timeoutMs`, and nothing is left behind that keeps the process alive.
 *
 * @throws the reason of the context's signal, and nothing else
 */
export async function runCheck(target: CheckTarget, context: CheckContext): Promise<CheckOutcome> {
  const { signal, timeoutMs } = context;
  signal?.throwIfAborted();
  const ending = new AbortController();
  const attempt = new Attempt(context, ending.signal);
  const began = performance.now();
  const { promise: ended, reject: end } = Promise.withResolvers<never>();
  const interrupted = () => end(signal?.reason);
  signal?.addEventListener('abort', interrupted, { once: true });
  const timer = setTimeout(() => end(TIME_OVER), timeoutMs);
  const done = (outcome: Omit<CheckOutcome, 'ms'>) => ({ ...outcome, ms: Math.round(performance.now() - began) });
  try {
    return done({ ok: true, ...(await Promise.race([begin(target, attempt), ended])) });
  } catch (error) {
    signal?.throwIfAborted();
    return done(error === TIME_OVER ? timedOut(attempt, timeoutMs) : outcomeOf(error, attempt));
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', interrupted);
    ending.abort(OVER);
  }
}

const TIME_OVER = Symbol('the time of a check is over');
const OVER = new Error('the check is over');

/** What a check says after its time is heard by nobody, and must not end the process. */
function begin(target: CheckTarget, attempt: Attempt): Promise<Found> {
  const checking = CHECKS[target.kind](target, attempt);
  checking.catch(() => {});
  return checking;
}
