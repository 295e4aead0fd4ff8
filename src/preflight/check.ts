/** One check of one destination: bounded in time, and an outcome whatever happens on the way. */
import type { CheckContext, CheckOutcome, CheckTarget } from './outcome.ts';

/**
 * Checks a destination. Never later than `timeoutMs`, and nothing is left behind that keeps the process alive.
 *
 * @throws the reason of the context's signal, and nothing else
 */
export async function runCheck(target: CheckTarget, context: CheckContext): Promise<CheckOutcome> {
  context.signal?.throwIfAborted();
  return { ok: false, stage: 'protocol', detail: `${target.kind}: not checked yet`, ms: 0 };
}
