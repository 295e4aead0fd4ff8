/** The line that a refusal or a failure leaves in the audit log: what was asked for, why it was not done. FORMAT §7. */

import { type FerryError, oneLine } from '../../errors.ts';
import type { SiteState } from '../../state/index.ts';

export interface RefusalOptions {
  readonly now: Date;
  /** What was asked for. */
  readonly facts: Readonly<Record<string, unknown>>;
  /** Of an override that was asked for. */
  readonly reason?: string | undefined;
}

/** Writes it down. A log that cannot be written must not hide why the command failed, so this never fails. */
export async function writeRefusal(
  state: Pick<SiteState, 'appendAudit'>,
  { code, message }: FerryError,
  { now, facts, reason }: RefusalOptions,
): Promise<void> {
  const text = oneLine(message, Number.POSITIVE_INFINITY);
  const all = { ...facts, code, message: text, ...(reason !== undefined && { reason }) };
  await state.appendAudit({ event: 'refusal', at: now, facts: all }).catch(() => undefined);
}
